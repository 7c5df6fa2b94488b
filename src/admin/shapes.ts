/**
 * Definitions that came from outside, checked field by field: the engine takes what its types say,
 * and whoever sends JSON can send anything. What is unknown is left out.
 */

import type { EngineDoor } from '../engine/engine.ts'
import type { Binding, DeadLetter, Json, Labels, RouteConfig } from '../engine/model.ts'

export type LogInput = Parameters<EngineDoor['createLog']>[1]
export type Fields = { readonly [name: string]: unknown }

/** What is wrong with a document; its message is for whoever sent it. */
export class WrongShape extends Error {}

export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new WrongShape(`${what} is an object.`)
}

export function textOf(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value === 'string') return value
  throw new WrongShape(`“${name}” is a text.`)
}

export function optionalText(fields: Fields, name: string): string | undefined {
  return isMissing(fields[name]) ? undefined : textOf(fields, name)
}

export function optionalNumber(fields: Fields, name: string): number | undefined {
  const value = fields[name]
  if (isMissing(value)) return undefined
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw new WrongShape(`“${name}” is a number, 0 or more.`)
}

function optionalWhole(fields: Fields, name: string): number | undefined {
  const value = optionalNumber(fields, name)
  if (value === undefined || Number.isSafeInteger(value)) return value
  throw new WrongShape(`“${name}” is a whole number.`)
}

export function flag(fields: Fields, name: string, fallback: boolean): boolean {
  const value = fields[name]
  if (isMissing(value)) return fallback
  if (typeof value === 'boolean') return value
  throw new WrongShape(`“${name}” is true or false.`)
}

function oneOf<T extends string>(
  fields: Fields,
  name: string,
  values: readonly T[],
): T | undefined {
  if (isMissing(fields[name])) return undefined
  const found = values.find(value => value === fields[name])
  if (found !== undefined) return found
  throw new WrongShape(`“${name}” is one of ${values.join(', ')}.`)
}

const isMissing = (value: unknown): boolean => value === undefined || value === null

/** A log's definition; with `queue` in it, a queue's. */
export function readLogInput(value: unknown): LogInput {
  const fields = fieldsOf(value, 'A definition')
  const retention = isMissing(fields['retention'])
    ? {}
    : fieldsOf(fields['retention'], '“retention”')
  return {
    durable: flag(fields, 'durable', true),
    retention: {
      ageMs: optionalWhole(retention, 'ageMs'),
      bytes: optionalWhole(retention, 'bytes'),
      count: optionalWhole(retention, 'count'),
    },
    compact: flag(fields, 'compact', false),
    dedupeWindowMs: optionalWhole(fields, 'dedupeWindowMs'),
    idleMs: optionalWhole(fields, 'idleMs'),
    autoDrop: flag(fields, 'autoDrop', false),
    labels: readLabels(fields),
    ...(isMissing(fields['queue']) ? {} : { queue: readQueue(fields['queue']) }),
  }
}

function readLabels(fields: Fields): Labels {
  // It came as JSON, so it is nothing else.
  return isMissing(fields['labels'])
    ? {}
    : (fieldsOf(fields['labels'], '“labels”') as { readonly [name: string]: Json })
}

function readQueue(value: unknown): NonNullable<LogInput['queue']> {
  const fields = fieldsOf(value, '“queue”')
  return {
    levels: optionalWhole(fields, 'levels') ?? 1,
    ttlMs: optionalWhole(fields, 'ttlMs'),
    countMax: optionalWhole(fields, 'countMax'),
    bytesMax: optionalWhole(fields, 'bytesMax'),
    overflow:
      oneOf(fields, 'overflow', ['drop-head', 'reject', 'reject-dead-letter']) ?? 'drop-head',
    deadLetter: isMissing(fields['deadLetter']) ? undefined : readDeadLetter(fields['deadLetter']),
    attemptsMax: optionalWhole(fields, 'attemptsMax'),
    ordering: oneOf(fields, 'ordering', ['none', 'group', 'group-prefix']) ?? 'none',
    singleActive: flag(fields, 'singleActive', false),
    retry: isMissing(fields['retry']) ? undefined : readRetry(fields['retry']),
    leaseMs: optionalWhole(fields, 'leaseMs'),
  }
}

/** What can be changed of a queue that is there: a value to set, null to clear, absent to keep. */
export function readQueueChanges(value: unknown): NonNullable<LogInput['queue']> {
  const fields = fieldsOf(value, 'The settings')
  const wholes = ['ttlMs', 'countMax', 'bytesMax', 'attemptsMax', 'leaseMs'] as const
  const overflow = oneOf(fields, 'overflow', ['drop-head', 'reject', 'reject-dead-letter'])
  const named = wholes.filter(name => fields[name] !== undefined)
  return {
    ...Object.fromEntries(named.map(name => [name, optionalWhole(fields, name)])),
    ...(overflow === undefined ? {} : { overflow }),
  }
}

const deathReasons = ['rejected', 'expired', 'length', 'attempts'] as const
const keptThings = ['time', 'attempts'] as const

function readDeadLetter(value: unknown): DeadLetter {
  const fields = fieldsOf(value, '“deadLetter”')
  return {
    route: textOf(fields, 'route'),
    key: optionalText(fields, 'key'),
    reasons: readList(fields, 'reasons', deathReasons),
    keeps: readList(fields, 'keeps', keptThings),
  }
}

function readList<T extends string>(
  fields: Fields,
  name: string,
  values: readonly T[],
): readonly T[] | undefined {
  const list = fields[name]
  if (isMissing(list)) return undefined
  if (!Array.isArray(list)) throw new WrongShape(`“${name}” is a list.`)
  return list.map(item => oneOf({ [name]: item as unknown }, name, values) ?? values[0]!)
}

function readRetry(value: unknown) {
  const fields = fieldsOf(value, '“retry”')
  return {
    minMs: optionalNumber(fields, 'minMs') ?? 0,
    maxMs: optionalNumber(fields, 'maxMs') ?? 0,
    factor: optionalNumber(fields, 'factor') ?? 1,
    linear: flag(fields, 'linear', false),
  }
}

const routeKinds = ['direct', 'fan-out', 'pattern', 'attributes', 'hash', 'random'] as const

export function readRouteConfig(value: unknown): RouteConfig {
  const fields = fieldsOf(value, 'A definition')
  return {
    kind: oneOf(fields, 'kind', routeKinds) ?? 'direct',
    durable: flag(fields, 'durable', true),
    attribute: optionalText(fields, 'attribute'),
    alternate: optionalText(fields, 'alternate'),
    autoDrop: flag(fields, 'autoDrop', false),
    labels: readLabels(fields),
  }
}

/** Of a route's configuration, what is given. */
export function readRouteChanges(value: unknown): Partial<Omit<RouteConfig, 'kind'>> {
  const fields = fieldsOf(value, 'A change')
  return {
    ...('alternate' in fields ? { alternate: optionalText(fields, 'alternate') } : {}),
    ...('autoDrop' in fields ? { autoDrop: flag(fields, 'autoDrop', false) } : {}),
  }
}

export function readBinding(value: unknown): Binding {
  const fields = fieldsOf(value, 'A binding')
  const target = fieldsOf(fields['target'], '“target”')
  const attributes = isMissing(fields['attributes'])
    ? undefined
    : readMatch(fieldsOf(fields['attributes'], '“attributes”'))
  const weight = optionalNumber(fields, 'weight')
  return {
    route: textOf(fields, 'route'),
    target: {
      kind: oneOf(target, 'kind', ['log', 'route']) ?? 'log',
      name: textOf(target, 'name'),
    },
    key: optionalText(fields, 'key') ?? '',
    ...(attributes === undefined ? {} : { attributes }),
    ...(weight === undefined ? {} : { weight }),
    ...(isMissing(fields['labels']) ? {} : { labels: readLabels(fields) }),
  }
}

function readMatch(fields: Fields): NonNullable<Binding['attributes']> {
  const match: { [name: string]: string | number | boolean | null } = {}
  for (const [name, value] of Object.entries(fieldsOf(fields['match'], '“match”'))) {
    const isPlain = value === null || ['string', 'number', 'boolean'].includes(typeof value)
    if (!isPlain) throw new WrongShape(`“${name}” is compared with a plain value.`)
    match[name] = value as string | number | boolean | null
  }
  return { mode: oneOf(fields, 'mode', ['all', 'any']) ?? 'all', match }
}
