/** From contracts to what a driver sees, and to the features that they ask for. */

import { exponential } from './backoff.ts'
import type { AnyContract, BackendOptions, Queue, Rpc, Topic } from './contracts.ts'
import type { Endpoint } from './driver.ts'
import type { Feature } from './features.ts'

const plain = {
  role: 'main',
  keyed: false,
  dedupeMs: undefined,
  retry: { attempts: 1, backoff: exponential('1s', '1m') },
  levels: 1,
  ttlMs: undefined,
  retentionMs: undefined,
  options: {} as BackendOptions,
} as const

/** A contract is a value that does not change, so its endpoint is made once. */
const endpoints = new WeakMap<Queue<unknown> | Topic<unknown>, Endpoint>()

export function queueEndpoint(contract: Queue<unknown>): Endpoint {
  const made = endpoints.get(contract)
  if (made !== undefined) return made
  const endpoint = makeQueueEndpoint(contract)
  endpoints.set(contract, endpoint)
  return endpoint
}

export function topicEndpoint(contract: Topic<unknown>): Endpoint {
  const made = endpoints.get(contract)
  if (made !== undefined) return made
  const endpoint = makeTopicEndpoint(contract)
  endpoints.set(contract, endpoint)
  return endpoint
}

function makeQueueEndpoint(contract: Queue<unknown>): Endpoint {
  const { name, dedupe, retry, levels, ttlMs, options } = contract
  return {
    ...plain,
    kind: 'queue',
    name,
    keyed: contract.keyOf !== undefined,
    dedupeMs: dedupe?.windowMs,
    retry,
    levels,
    ttlMs,
    options,
  }
}

function makeTopicEndpoint(contract: Topic<unknown>): Endpoint {
  const { name, dedupe, retry, retentionMs, options } = contract
  return {
    ...plain,
    kind: 'topic',
    name,
    keyed: contract.keyOf !== undefined,
    dedupeMs: dedupe?.windowMs,
    retry,
    retentionMs,
    options,
  }
}

/** The queue of the questions. */
export function requestEndpoint({
  name,
  options,
}: Pick<Rpc<unknown, unknown, unknown, unknown>, 'name' | 'options'>): Endpoint {
  return { ...plain, kind: 'queue', name: `${name}.requests`, options }
}

/** The queue of one client's answers. */
export function repliesEndpoint(name: string): Endpoint {
  return { ...plain, kind: 'queue', role: 'replies', name }
}

export function deadEndpoint(name: string, options: BackendOptions): Endpoint {
  return { ...plain, kind: 'queue', role: 'dead', name, options }
}

/** Where the dead letters of a queue, or of a topic's group, go; undefined: nowhere. */
export function deadLettersOf(
  contract: Queue<unknown> | Topic<unknown>,
  group?: string,
): Endpoint | undefined {
  const { name, options } = contract
  if (contract.kind === 'queue') {
    const { deadLetters } = contract
    return deadLetters === undefined ? undefined : deadEndpoint(deadLetters, options)
  }
  return contract.hasDeadLetters ? deadEndpoint(`${name}.${group}.dlq`, options) : undefined
}

export function endpointOf(contract: AnyContract): Endpoint {
  switch (contract.kind) {
    case 'queue':
      return queueEndpoint(contract)
    case 'topic':
      return topicEndpoint(contract)
    case 'rpc':
      return requestEndpoint(contract)
  }
}

/** What a contract itself asks for, whatever its users do with it. */
export function featuresOf(contract: AnyContract): Feature[] {
  if (contract.kind === 'rpc') return ['send', 'consume', 'request']
  const used: Feature[] = ['send', 'at-least-once', 'attempts', 'lease']
  used.push(...(contract.kind === 'queue' ? (['consume'] as const) : (['groups'] as const)))
  if (contract.retry.attempts > 1) used.push('retry')
  if (contract.keyOf !== undefined) used.push('key')
  if (contract.dedupe !== undefined) used.push('dedupe')
  if (contract.kind === 'queue') {
    if (contract.deadLetters !== undefined) used.push('dead-letter')
    if (contract.levels > 1) used.push('priority')
    if (contract.ttlMs !== undefined) used.push('ttl')
  } else if (contract.hasDeadLetters) used.push('dead-letter')
  return used
}

/** Those rows of a plan that make sense for a kind of contract. */
export const featuresByKind: { readonly [K in AnyContract['kind']]: readonly Feature[] } = {
  queue: [
    'send',
    'consume',
    'nack',
    'retry',
    'attempts',
    'lease',
    'dead-letter',
    'delay',
    'long-delay',
    'cancel',
    'ttl',
    'dedupe',
    'key',
    'priority',
    'transaction',
    'consume-publish',
    'peek',
    'remove',
    'purge',
    'depth',
    'at-most-once',
    'at-least-once',
    'effectively-once',
  ],
  topic: [
    'send',
    'groups',
    'history',
    'nack',
    'retry',
    'attempts',
    'lease',
    'dead-letter',
    'dedupe',
    'key',
    'transaction',
    'consume-publish',
    'purge',
    'depth',
    'at-most-once',
    'at-least-once',
    'effectively-once',
  ],
  rpc: ['send', 'consume', 'request', 'purge', 'depth'],
}
