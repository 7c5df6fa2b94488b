/**
 * The properties of a delivery that are not those of its publish: `x-death` and its short forms of
 * a record that died before, `x-delivery-count` of a quorum queue; and the properties of a publish
 * that are not stored as they came: `BCC`, `reply-to` of a direct reply.
 *
 * All of this is off the fast path, which copies the property bytes.
 */

import type { Death, DeathReason } from '../../engine/model.ts'
import type { Properties } from '../../wire/amqp/content.ts'
import { decodeProperties, encodeProperties, noProperties } from '../../wire/amqp/content.ts'
import type { FieldTable, FieldValue } from '../../wire/amqp/field-table.ts'
import { fieldDepthMax, fieldOf, fieldTypeNames } from '../../wire/amqp/field-table.ts'
import { decodeText } from '../../wire/amqp/text.ts'
import { WireError } from '../../wire/schema/errors.ts'
import { fail } from './errors.ts'
import { nameIn } from './names.ts'

const reasons: { readonly [Reason in DeathReason]: string } = {
  rejected: 'rejected',
  expired: 'expired',
  length: 'maxlen',
  attempts: 'delivery_limit',
}

/**
 * The properties that a delivery shows. A dead letter has lost its expiration, and its headers are
 * sorted, since RabbitMQ sorts them when it adds its own.
 */
export function deliveredProperties(
  envelope: Uint8Array,
  {
    vhost,
    deaths,
    deliveryCount,
    hasMoreKeys,
  }: {
    readonly vhost: string
    readonly deaths: readonly Death[]
    readonly deliveryCount: number
    /** The record is still routed by several keys. */
    readonly hasMoreKeys: boolean
  },
): Uint8Array {
  const properties = decodeProperties(envelope.length === 0 ? noProperties : envelope)
  const added = new Map<string, FieldValue>()
  if (deliveryCount > 0) {
    added.set('x-delivery-count', { type: 'l', value: BigInt(deliveryCount) })
  }
  const copies = keysIn('CC', properties.headers ?? [])
  if (deaths.length > 0) addDeaths(added, { vhost, deaths, copies: new Set(copies) })
  // Keys that CC named are lost when a dead letter gets a key of its own, and so is CC.
  const replaced = deaths.length > 0 && copies.length > 0 && !hasMoreKeys
  const kept = (properties.headers ?? []).filter(
    ([name]) => !added.has(name) && !(replaced && name === 'CC'),
  )
  const headers = [...kept, ...added].sort(([left], [right]) =>
    left < right ? -1 : left > right ? 1 : 0,
  )
  const { expiration, ...others } = properties
  return encodeProperties({
    ...others,
    headers,
    expiration: deaths.length > 0 ? undefined : expiration,
  })
}

/** A delivery from a stream says where in the stream it is. */
export function streamProperties(envelope: Uint8Array, offset: number): Uint8Array {
  try {
    const properties = decodeProperties(envelope.length === 0 ? noProperties : envelope)
    const kept = (properties.headers ?? []).filter(([name]) => name !== streamOffset)
    const headers: FieldTable = [...kept, [streamOffset, { type: 'l', value: BigInt(offset) }]]
    return encodeProperties({ ...properties, headers })
  } catch (error) {
    // We are in the engine's turn: what cannot be read goes out as it is stored.
    if (error instanceof WireError) return envelope
    throw error
  }
}

const streamOffset = 'x-stream-offset'

function addDeaths(
  headers: Map<string, FieldValue>,
  {
    vhost,
    deaths,
    copies,
  }: {
    readonly vhost: string
    readonly deaths: readonly Death[]
    /** What CC names: further keys that may be shown. Those of BCC may not. */
    readonly copies: ReadonlySet<string>
  },
): void {
  const last = deaths[0]!
  // A death that repeats moves to the front; so the first one is the one that is longest ago.
  let first = deaths[deaths.length - 1]!
  for (const death of deaths) if (death.time < first.time) first = death
  headers.set('x-death', {
    type: 'A',
    value: deaths.map(death => deathTable(vhost, death, copies)),
  })
  headers.set('x-first-death-exchange', text(nameOf(vhost, first.route)))
  headers.set('x-first-death-queue', text(nameOf(vhost, first.queue)))
  headers.set('x-first-death-reason', text(reasons[first.reason]))
  headers.set('x-last-death-exchange', text(nameOf(vhost, last.route)))
  headers.set('x-last-death-queue', text(nameOf(vhost, last.queue)))
  headers.set('x-last-death-reason', text(reasons[last.reason]))
}

function deathTable(vhost: string, death: Death, copies: ReadonlySet<string>): FieldValue {
  const keys = death.keys.filter((key, index) => index === 0 || copies.has(nameOf(vhost, key)))
  const table: [string, FieldValue][] = [
    ['count', { type: 'l', value: BigInt(death.count) }],
    ['reason', text(reasons[death.reason])],
    ['queue', text(nameOf(vhost, death.queue))],
    ['time', { type: 'T', value: BigInt(Math.floor(death.time / 1000)) }],
    ['exchange', text(nameOf(vhost, death.route))],
    ['routing-keys', { type: 'A', value: keys.map(text) }],
  ]
  if (death.ttlMs !== undefined) table.unshift(['original-expiration', text(String(death.ttlMs))])
  return { type: 'F', value: table }
}

function text(value: string): FieldValue {
  return { type: 'S', value }
}

function nameOf(vhost: string, name: string): string {
  return nameIn(vhost, name) ?? name
}

/** What `CC` and `BCC` ask for. */
export interface Copies {
  /** Further routing keys. */
  readonly keys: readonly string[]
  /** The properties to be stored: without `BCC`. */
  readonly properties: Properties
  /** False: they are as they came. */
  readonly changed: boolean
}

/** Reads the sender-selected keys. Throws for a `CC` or `BCC` that is no array. */
export function copiesOf(properties: Properties): Copies {
  const headers = properties.headers ?? []
  const bcc = fieldOf(headers, 'BCC')
  const keys = [...keysIn('CC', headers), ...keysIn('BCC', headers)]
  if (bcc === undefined) return { keys, properties, changed: false }
  const kept = headers.filter(([name]) => name !== 'BCC')
  return { keys, properties: { ...properties, headers: kept }, changed: true }
}

function keysIn(name: 'CC' | 'BCC', headers: FieldTable): string[] {
  const field = fieldOf(headers, name)
  if (field === undefined) return []
  if (field.type !== 'A') {
    const type = fieldTypeNames[field.type]
    fail(406, `invalid message: {unacceptable_type_in_header,"${name}",${type}}`)
  }
  const keys: string[] = []
  for (const item of field.value) {
    if (item.type !== 'S') continue
    keys.push(typeof item.value === 'string' ? item.value : decodeText(item.value))
  }
  return keys
}

/**
 * Walks a table in bytes (its length first) without decoding it; true when it has a `CC` or `BCC`.
 * Throws `WireError` 502 for a table that nobody could read: it must not get to a consumer.
 */
export function scanHeaders(bytes: Uint8Array, start: number, end: number): boolean {
  if (start + 4 + lengthAt(bytes, start, end) !== end) throw broken(start)
  let copies = false
  let at = start + 4
  while (at < end) {
    const length = bytes[at]!
    const name = at + 1
    if (isCopies(bytes, name, length)) copies = true
    at = skipValue(bytes, name + length, end, 0)
  }
  if (at !== end) throw broken(at)
  return copies
}

function isCopies(bytes: Uint8Array, at: number, length: number): boolean {
  if (length === 3 && bytes[at] === 0x42) return bytes[at + 1] === 0x43 && bytes[at + 2] === 0x43
  return length === 2 && bytes[at] === 0x43 && bytes[at + 1] === 0x43
}

/** Octets of the values of fixed size, by the letter of their type. */
const sizes = new Int8Array(256).fill(-1)
for (const [letters, size] of [
  ['V', 0],
  ['tbB', 1],
  ['su', 2],
  ['Iif', 4],
  ['D', 5],
  ['ldT', 8],
] as const) {
  for (const letter of letters) sizes[letter.charCodeAt(0)] = size
}

function skipValue(bytes: Uint8Array, at: number, end: number, depth: number): number {
  if (at >= end) throw broken(at)
  const type = bytes[at]!
  const size = sizes[type]!
  if (size >= 0) return at + 1 + size
  const from = at + 5
  const to = from + lengthAt(bytes, at + 1, end)
  if (to > end || depth >= fieldDepthMax) throw broken(at)
  if (type === 0x53 || type === 0x78) return to
  if (type !== 0x41 && type !== 0x46) throw broken(at)
  let inner = from
  while (inner < to) {
    if (type === 0x46) inner += 1 + bytes[inner]!
    inner = skipValue(bytes, inner, to, depth + 1)
  }
  if (inner !== to) throw broken(inner)
  return to
}

function lengthAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) throw broken(at)
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}

function broken(at: number): WireError {
  return new WireError(502, 'headers cannot be read', at)
}
