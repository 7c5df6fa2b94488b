/**
 * What a policy may say, and RabbitMQ's words for what is wrong with it (texts of 3.10.8). Keys
 * that are about several nodes are accepted, and mean nothing on one.
 */

import { patternOf } from './access.ts'
import type { ApplyTo, Policy } from './registry.ts'

export type PolicyDefinition = { readonly [key: string]: unknown }

interface Key {
  /** The queue's argument that it stands for. */
  readonly argument?: string
  /** Of two numbers the smaller one counts, and operators may set it. */
  readonly limit?: boolean
  readonly check?: (value: unknown) => boolean
  readonly what?: string
}

const count = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0
const expiry = (value: unknown): boolean => count(value) && Number(value) <= 315_360_000_000
const text = (value: unknown): boolean => typeof value === 'string'
const oneOf =
  (...values: readonly unknown[]) =>
  (value: unknown): boolean =>
    values.includes(value)

const keys: { readonly [key: string]: Key } = {
  'message-ttl': { argument: 'x-message-ttl', limit: true, check: expiry, what: 'message TTL' },
  expires: {
    argument: 'x-expires',
    limit: true,
    check: value => expiry(value) && value !== 0,
    what: 'queue expiry',
  },
  'max-length': { argument: 'x-max-length', limit: true, check: count, what: 'maximum length' },
  'max-length-bytes': {
    argument: 'x-max-length-bytes',
    limit: true,
    check: count,
    what: 'maximum length in bytes',
  },
  'max-in-memory-length': { limit: true, check: count, what: 'maximum memory in bytes' },
  'max-in-memory-bytes': { limit: true, check: count, what: 'maximum memory in bytes' },
  'delivery-limit': {
    argument: 'x-delivery-limit',
    limit: true,
    check: value => Number.isInteger(value) && Number(value) >= 0,
    what: 'delivery limit',
  },
  overflow: {
    argument: 'x-overflow',
    check: oneOf('drop-head', 'reject-publish', 'reject-publish-dlx'),
    what: 'overflow value',
  },
  'dead-letter-exchange': {
    argument: 'x-dead-letter-exchange',
    check: text,
    what: 'dead letter exchange name',
  },
  'dead-letter-routing-key': {
    argument: 'x-dead-letter-routing-key',
    check: text,
    what: 'dead letter routing key',
  },
  'dead-letter-strategy': {
    argument: 'x-dead-letter-strategy',
    check: oneOf('at-most-once', 'at-least-once'),
    what: 'dead letter strategy',
  },
  'alternate-exchange': { check: text, what: 'alternate exchange name' },
  'max-age': {
    argument: 'x-max-age',
    check: value => typeof value === 'string' && /^\d+[YMDhms]$/.test(value),
    what: 'max age',
  },
  'stream-max-segment-size-bytes': {
    argument: 'x-stream-max-segment-size-bytes',
    check: count,
    what: 'segment size',
  },
  'stream-filter-size-bytes': { check: count, what: 'filter size' },
  'queue-mode': { check: oneOf('default', 'lazy'), what: 'queue-mode value' },
  'queue-version': { check: oneOf(1, 2), what: 'queue version' },
  'consumer-timeout': {
    argument: 'x-consumer-timeout',
    limit: true,
    check: count,
    what: 'consumer timeout',
  },
  'queue-leader-locator': { check: text, what: 'queue leader locator value' },
  'queue-master-locator': { check: text, what: 'queue master locator value' },
  'target-group-size': { limit: true, check: count, what: 'target quorum queue group size' },
  'initial-cluster-size': { check: count, what: 'cluster size' },
  'ha-mode': {},
  'ha-params': {},
  'ha-sync-mode': {},
  'ha-sync-batch-size': {},
  'ha-promote-on-shutdown': {},
  'ha-promote-on-failure': {},
  'federation-upstream': {},
  'federation-upstream-set': {},
  'federation-upstream-pattern': {},
}

/** Policy key → argument of a queue. */
export const queueKeys: ReadonlyMap<string, string> = new Map(
  Object.entries(keys).flatMap(([key, { argument }]) =>
    argument === undefined ? [] : [[key, argument] as const],
  ),
)

export const limitKeys: ReadonlySet<string> = new Set(
  Object.entries(keys).flatMap(([key, { limit }]) => (limit === true ? [key] : [])),
)

const applications: readonly ApplyTo[] = [
  'all',
  'queues',
  'classic_queues',
  'quorum_queues',
  'streams',
  'exchanges',
]

/** A policy out of JSON, or what is wrong with it. */
export function policyOf(
  given: { readonly [name: string]: unknown },
  operator: boolean,
): Policy | string {
  const { pattern, definition, priority = 0, 'apply-to': applyTo = 'all' } = given
  if (typeof pattern !== 'string') return `pattern should be binary, actually was ${print(pattern)}`
  if (patternOf(pattern) === undefined) {
    return `pattern should be regular expression but is invalid: ${print(pattern)}`
  }
  if (typeof priority !== 'number') {
    return `priority should be a number, actually was ${print(priority)}`
  }
  if (!applications.includes(applyTo as ApplyTo)) {
    return `apply-to '${applyTo}' unrecognised; should be 'queues', 'exchanges' or 'all'`
  }
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) {
    return 'definition should be a list, or a JSON object'
  }
  const wrong = wrongDefinition(definition as PolicyDefinition, operator)
  if (wrong !== undefined) return wrong
  return {
    pattern,
    priority,
    applyTo: applyTo as ApplyTo,
    definition: definition as PolicyDefinition,
  }
}

function wrongDefinition(definition: PolicyDefinition, operator: boolean): string | undefined {
  const entries = Object.entries(definition)
  if (entries.length === 0) return 'no policy provided'
  const unknown = entries.filter(([key]) =>
    operator ? !limitKeys.has(key) : !Object.hasOwn(keys, key),
  )
  if (unknown.length > 0) {
    const list = unknown.map(([key, value]) => `{${print(key)},${print(value)}}`).join(',')
    return `[${list}] are not recognised policy settings`
  }
  for (const [key, value] of entries) {
    const { check, what } = keys[key]!
    if (check?.(value) === false) return `${print(value)} is not a valid ${what}`
  }
  return undefined
}

/** As Erlang prints what was JSON. */
export function print(value: unknown): string {
  if (typeof value === 'string') return `<<"${value}">>`
  if (Array.isArray(value)) return `[${value.map(print).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, inner]) => `{${print(key)},${print(inner)}}`)
    return `[${pairs.join(',')}]`
  }
  return String(value)
}
