/**
 * The exchange types that RabbitMQ gets from plugins: what they ask of a declaration and of a
 * binding, what of theirs the engine's routes do not do by themselves.
 *
 *     x-delayed-message       the record waits, already routed, in its queues (`dueAt`)
 *     x-consistent-hash       a weighted choice by the key, a header or a property
 *     x-modulus-hash          the same choice, all weights equal
 *     x-random, x-local-random   any one of the queues
 *     x-message-deduplication    a message whose id was seen is taken, and goes nowhere
 */

import type { RouteKind } from '../../engine/model.ts'
import type { Properties } from '../../wire/amqp/content.ts'
import type { FieldTable, FieldValue } from '../../wire/amqp/field-table.ts'
import { fieldOf } from '../../wire/amqp/field-table.ts'
import { decodeText } from '../../wire/amqp/text.ts'
import { fail } from './errors.ts'
import { limits } from './limits.ts'

export const plainKinds: { readonly [type: string]: RouteKind } = {
  direct: 'direct',
  fanout: 'fan-out',
  topic: 'pattern',
  headers: 'attributes',
}

const pluginKinds: { readonly [type: string]: RouteKind } = {
  'x-consistent-hash': 'hash',
  'x-modulus-hash': 'hash',
  'x-random': 'random',
  'x-local-random': 'random',
  'x-message-deduplication': 'fan-out',
}

/** The engine's kind of route; undefined: there is no such type, or it would wrap none. */
export function routeKindOf(type: string, table: FieldTable): RouteKind | undefined {
  if (type === 'x-delayed-message') {
    const inner = fieldOf(table, 'x-delayed-type')
    return inner?.type === 'S' ? kindIn(plainKinds, String(inner.value)) : undefined
  }
  return kindIn(plainKinds, type) ?? kindIn(pluginKinds, type)
}

function kindIn(kinds: typeof plainKinds, type: string): RouteKind | undefined {
  return Object.hasOwn(kinds, type) ? kinds[type] : undefined
}

export function isPlugin(type: string): boolean {
  return type.startsWith('x-')
}

/** Throws a plugin's refusal of a declaration. */
export function checkExchangeArguments(type: string, table: FieldTable): void {
  if (type === 'x-delayed-message' && routeKindOf(type, table) === undefined) {
    fail(406, "Invalid argument, 'x-delayed-type' must be an existing exchange type")
  }
  if (type !== 'x-consistent-hash') return
  const header = fieldOf(table, 'hash-header')
  const property = fieldOf(table, 'hash-property')
  if (header !== undefined && property !== undefined) {
    fail(406, 'hash-header and hash-property are mutually exclusive')
  }
  if (property === undefined || hashProperties.includes(String(property.value))) return
  fail(406, `Unsupported property: ${String(property.value)}`)
}

const hashProperties: readonly string[] = ['correlation_id', 'message_id', 'timestamp']

/** What a consistent hash exchange hashes, as the name of an attribute; undefined: the key. */
export function hashedBy(type: string, table: FieldTable): string | undefined {
  if (type !== 'x-consistent-hash') return undefined
  const header = fieldOf(table, 'hash-header')
  if (header?.type === 'S') return String(header.value)
  const property = fieldOf(table, 'hash-property')
  return property === undefined ? undefined : `\u0000${String(property.value)}`
}

/** The properties that can be hashed, under names that no header has. */
export function propertyAttributes(properties: Properties): readonly [string, string][] {
  const { correlationId, messageId, timestamp } = properties
  const values = [correlationId, messageId, timestamp]
  return hashProperties.flatMap((name, index) => {
    const value = values[index]
    return value === undefined ? [] : [[`\u0000${name}`, String(value)] as [string, string]]
  })
}

/** The weight of a binding, which is its key; throws for what is none. */
export function weightOf(type: string, routingKey: string): number | undefined {
  if (type !== 'x-consistent-hash') return undefined
  if (!/^[+-]?\d+$/.test(routingKey)) {
    fail(406, `The binding key must be an integer: <<"${routingKey}">>`)
  }
  const weight = Number(routingKey)
  if (weight < 1) fail(406, 'The binding key must be greater than 0')
  return weight
}

/** Milliseconds that `x-delay` asks for; undefined: none. More than anyone lives is cut. */
export function delayOf(headers: FieldTable): number | undefined {
  const field = fieldOf(headers, 'x-delay')
  const text = field === undefined ? '' : String(field.value)
  if (field === undefined || !/^\d+(\.\d+)?$/.test(text)) return undefined
  const delay = Math.floor(Number(text))
  return delay > 0 ? Math.min(delay, limits.expiryMs) : undefined
}

/** A delayed message shows its delay negated when it has had it. */
export function delayed(headers: FieldTable, delayMs: number): FieldTable {
  const had: FieldValue = { type: 'l', value: BigInt(-delayMs) }
  return headers.map(([name, field]) => [name, name === 'x-delay' ? had : field])
}

/** How an exchange or a queue knows messages again; undefined: it does not. */
export interface Deduplication {
  readonly header: string
  readonly ttlMs: number | undefined
  readonly countMax: number
}

/** By arguments, or by its type, which needs a size. */
export function deduplicationOf(type: string, table: FieldTable): Deduplication | undefined {
  const asked = fieldOf(table, 'x-message-deduplication')
  const isOn = asked?.type === 't' ? asked.value : String(asked?.value) === 'true'
  if (!isOn && type !== 'x-message-deduplication') return undefined
  const header = fieldOf(table, 'x-deduplication-header')
  const size = numberIn(table, 'x-cache-size') ?? limits.deduplicationIdsMax
  return {
    header: header?.type === 'S' ? String(header.value) : deduplicationHeader,
    ttlMs: numberIn(table, 'x-cache-ttl'),
    countMax: Math.max(1, Math.min(size, limits.deduplicationIdsMax)),
  }
}

export const deduplicationHeader = 'x-deduplication-header'

/** A whole number, also one in text. */
export function numberIn(table: FieldTable, name: string): number | undefined {
  const field = fieldOf(table, name)
  const text = field === undefined ? '' : String(field.value)
  return /^\d+$/.test(text) ? Number(text) : undefined
}

/** The id in a header, as text that the engine can keep. */
export function idIn(headers: FieldTable, header: string): string | undefined {
  const field = fieldOf(headers, header)
  if (field === undefined || 'AFV'.includes(field.type)) return undefined
  const { value } = field
  const text = value instanceof Uint8Array ? decodeText(value) : String(value)
  return text.slice(0, limits.deduplicationIdLength)
}
