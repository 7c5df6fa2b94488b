/**
 * Content (AMQP 0-9-1, 2.3.5.2 and 4.2.6): what follows a method that carries a message.
 *
 * ```
 * header frame's payload  ├ class u16 = 60 ┤├ weight u16 = 0 ┤├ body size u64 ┤├ properties ┤
 * properties              ├ flags u16 ┤├ the values whose flag is set, in this order ┤
 *   bit 15 content-type     s    11 priority       u8   7 message-id s     3 app-id     s
 *       14 content-encoding s    10 correlation-id s    6 timestamp  u64   2 cluster-id s
 *       13 headers          table 9 reply-to       s    5 type       s     1, 0 never set
 *       12 delivery-mode    u8    8 expiration     s    4 user-id    s     (s: a short string)
 * body frames             the body, each frame's payload at most frame-max − 8
 * ```
 *
 * A broker passes properties on as they came. So the reading of a message on its way looks only at
 * what decides about it (`scanProperties`, `decodePublish`), and the writing copies.
 */

import { assert } from '../../base/assert.ts'
import { ByteReader, ByteWriter, ShortInput } from '../../base/bytes.ts'
import type { SeededRandom } from '../../base/random.ts'
import { WireError } from '../schema/errors.ts'
import type { FieldTable } from './field-table.ts'
import { frameBody, frameEnd, frameHeader, frameMethod, frameOverhead } from './frame.ts'
import { decodeText } from './text.ts'
import { octet, shortString, table } from './types.ts'

/** The fourteen properties of a message (1.8, "basic" class). Absent is not the same as empty. */
export interface Properties {
  readonly contentType?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly headers?: FieldTable | undefined
  /** 1 transient, 2 persistent. */
  readonly deliveryMode?: number | undefined
  readonly priority?: number | undefined
  readonly correlationId?: string | undefined
  readonly replyTo?: string | undefined
  /** Milliseconds, as decimal text. */
  readonly expiration?: string | undefined
  readonly messageId?: string | undefined
  /** Seconds since 1970; beyond 2^53 the low bits are lost. */
  readonly timestamp?: number | undefined
  readonly type?: string | undefined
  readonly userId?: string | undefined
  readonly appId?: string | undefined
  readonly clusterId?: string | undefined
}

/** What `readContentHeader` finds. */
export interface ContentHeader {
  /** Octets of body that follow; unchecked, so it may be anything up to 2^64. */
  readonly bodySize: number
  /** Flags and values exactly as they came, borrowed from the payload and not yet looked at. */
  readonly properties: Uint8Array
}

/** Properties of a message that has none. */
export const noProperties: Uint8Array = Uint8Array.of(0, 0)

/** Reads a header frame's payload. Throws `WireError`: 505 for another class, 502 if short. */
export function readContentHeader(payload: Uint8Array): ContentHeader {
  if (payload.length < 14) throw new WireError(502, 'a content header ends early', payload.length)
  const classId = word(payload, 0)
  if (classId !== 60) throw new WireError(505, `content header of class ${classId}, not 60`, 0)
  if (word(payload, 2) !== 0) throw new WireError(505, 'content header with a weight', 2)
  return {
    bodySize: double(payload, 4) * 0x1_0000_0000 + double(payload, 8),
    properties: new Uint8Array(payload.buffer, payload.byteOffset + 12, payload.length - 12),
  }
}

/** Decodes all properties; the result owns its memory. Throws `WireError` 502. */
export function decodeProperties(properties: Uint8Array): Properties {
  const reader = new ByteReader(properties)
  const result: { [name: string]: unknown } = {}
  try {
    const flags = reader.u16()
    if ((flags & 3) !== 0) throw new WireError(502, 'property flags that have no property', 0)
    for (let index = 0; index < propertyTypes.length; index++) {
      if ((flags & (0x8000 >> index)) === 0) continue
      const [name, kind] = propertyTypes[index]!
      result[name] = kind.decode(reader)
    }
  } catch (error) {
    if (!(error instanceof ShortInput)) throw error
    throw new WireError(502, 'properties end early', error.offset)
  }
  if (reader.left > 0) throw new WireError(502, 'properties are too long', reader.at)
  return result
}

/** Encodes properties, flags included: what `decodeProperties` reads. */
export function encodeProperties(properties: Properties): Uint8Array {
  const writer = new ByteWriter(128)
  writer.u16(0)
  let flags = 0
  for (let index = 0; index < propertyTypes.length; index++) {
    const [name, kind] = propertyTypes[index]!
    const value: unknown = properties[name]
    if (value === undefined) continue
    flags |= 0x8000 >> index
    kind.encode(writer, value)
  }
  writer.view.setUint16(0, flags)
  return writer.take()
}

/** Arbitrary properties for tests. */
export function sampleProperties(random: SeededRandom): Properties {
  const result: { [name: string]: unknown } = {}
  for (const [name, kind] of propertyTypes) {
    if (random.chance(0.4)) result[name] = kind.sample(random)
  }
  return result
}

/** What decides about a message, found by `scanProperties`. Ranges are offsets into its input. */
export interface PropertyScan {
  /** 0 when absent. */
  deliveryMode: number
  /** 0 when absent, which means the same. */
  priority: number
  expiration: string | undefined
  /** The table with its length; −1 when absent. */
  headersStart: number
  headersEnd: number
  /** Text without its length octet; −1 when absent. */
  replyToStart: number
  replyToEnd: number
  userIdStart: number
  userIdEnd: number
  clusterIdStart: number
  clusterIdEnd: number
}

export function newPropertyScan(): PropertyScan {
  return {
    deliveryMode: 0,
    priority: 0,
    expiration: undefined,
    headersStart: -1,
    headersEnd: -1,
    replyToStart: -1,
    replyToEnd: -1,
    userIdStart: -1,
    userIdEnd: -1,
    clusterIdStart: -1,
    clusterIdEnd: -1,
  }
}

/**
 * Walks the properties without decoding them; nothing is allocated but an expiration. The inside of
 * the headers is not looked at. Every field of `into` is set. Throws `WireError` 502.
 */
export function scanProperties(properties: Uint8Array, into: PropertyScan): void {
  if (properties.length < 2) throw shortProperties(properties.length)
  const flags = word(properties, 0)
  if ((flags & 3) !== 0) throw new WireError(502, 'property flags that have no property', 0)
  let at = 2
  if ((flags & 0x8000) !== 0) at = skipShort(properties, at)
  if ((flags & 0x4000) !== 0) at = skipShort(properties, at)
  into.headersStart = into.headersEnd = -1
  if ((flags & 0x2000) !== 0) {
    into.headersStart = at
    at = into.headersEnd = skipLong(properties, at)
  }
  into.deliveryMode = into.priority = 0
  if ((flags & 0x1000) !== 0) into.deliveryMode = octetAt(properties, at++)
  if ((flags & 0x0800) !== 0) into.priority = octetAt(properties, at++)
  if ((flags & 0x0400) !== 0) at = skipShort(properties, at)
  into.replyToStart = into.replyToEnd = -1
  if ((flags & 0x0200) !== 0) {
    into.replyToStart = at + 1
    at = into.replyToEnd = skipShort(properties, at)
  }
  into.expiration = undefined
  if ((flags & 0x0100) !== 0) {
    const end = skipShort(properties, at)
    into.expiration = decodeText(properties.subarray(at + 1, end))
    at = end
  }
  if ((flags & 0x0080) !== 0) at = skipShort(properties, at)
  if ((flags & 0x0040) !== 0) at += 8
  if ((flags & 0x0020) !== 0) at = skipShort(properties, at)
  into.userIdStart = into.userIdEnd = -1
  if ((flags & 0x0010) !== 0) {
    into.userIdStart = at + 1
    at = into.userIdEnd = skipShort(properties, at)
  }
  if ((flags & 0x0008) !== 0) at = skipShort(properties, at)
  into.clusterIdStart = into.clusterIdEnd = -1
  if ((flags & 0x0004) !== 0) {
    into.clusterIdStart = at + 1
    at = into.clusterIdEnd = skipShort(properties, at)
  }
  if (at > properties.length) throw shortProperties(properties.length)
  if (at < properties.length) throw new WireError(502, 'properties are too long', at)
}

/** Where a publish goes, found by `decodePublish`. Ranges are offsets into the frame's payload. */
export interface PublishScan {
  exchangeStart: number
  exchangeEnd: number
  routingKeyStart: number
  routingKeyEnd: number
  mandatory: boolean
  immediate: boolean
}

export function newPublishScan(): PublishScan {
  return {
    exchangeStart: 0,
    exchangeEnd: 0,
    routingKeyStart: 0,
    routingKeyEnd: 0,
    mandatory: false,
    immediate: false,
  }
}

/** Reads the payload of a basic.publish frame, its id included. Throws `WireError` 502. */
export function decodePublish(payload: Uint8Array, into: PublishScan): void {
  const exchangeStart = 7
  if (payload.length < exchangeStart) throw shortMethod('basic.publish', payload.length)
  const exchangeEnd = exchangeStart + payload[exchangeStart - 1]!
  if (exchangeEnd >= payload.length) throw shortMethod('basic.publish', payload.length)
  const routingKeyStart = exchangeEnd + 1
  const routingKeyEnd = routingKeyStart + payload[exchangeEnd]!
  if (routingKeyEnd >= payload.length) throw shortMethod('basic.publish', payload.length)
  if (routingKeyEnd + 1 < payload.length) {
    throw new WireError(502, 'basic.publish is too long', routingKeyEnd + 1)
  }
  const bits = payload[routingKeyEnd]!
  into.exchangeStart = exchangeStart
  into.exchangeEnd = exchangeEnd
  into.routingKeyStart = routingKeyStart
  into.routingKeyEnd = routingKeyEnd
  into.mandatory = (bits & 1) !== 0
  into.immediate = (bits & 2) !== 0
}

/** What `decodeAck` finds. */
export interface AckScan {
  deliveryTag: number
  multiple: boolean
}

export function newAckScan(): AckScan {
  return { deliveryTag: 0, multiple: false }
}

/** Reads the payload of a basic.ack frame, its id included. Throws `WireError` 502. */
export function decodeAck(payload: Uint8Array, into: AckScan): void {
  if (payload.length < 13) throw shortMethod('basic.ack', payload.length)
  if (payload.length > 13) throw new WireError(502, 'basic.ack is too long', 13)
  into.deliveryTag = double(payload, 4) * 0x1_0000_0000 + double(payload, 8)
  into.multiple = (payload[12]! & 1) !== 0
}

/** Appends a basic.ack frame: a confirm. */
export function writeAck(
  writer: ByteWriter,
  channel: number,
  deliveryTag: number,
  multiple: boolean,
): void {
  writer.reserve(21)
  const bytes = writer.bytes
  let at = putFrame(bytes, writer.end, frameMethod, channel, 13)
  at = putDouble(bytes, at, 0x3c_0050)
  at = putDouble(bytes, at, Math.floor(deliveryTag / 0x1_0000_0000))
  at = putDouble(bytes, at, deliveryTag)
  bytes[at++] = multiple ? 1 : 0
  bytes[at++] = frameEnd
  writer.end = at
}

/**
 * Appends a delivery: method, header and body frames. `consumerTag` comes with its length octet,
 * since it is the same for all deliveries of a consumer; `exchange` and `routingKey` without.
 */
export function writeDeliver(
  writer: ByteWriter,
  channel: number,
  consumerTag: Uint8Array,
  deliveryTag: number,
  redelivered: boolean,
  exchange: Uint8Array,
  routingKey: Uint8Array,
  properties: Uint8Array,
  body: Uint8Array,
  frameMax: number,
): void {
  const size = 4 + consumerTag.length + 9 + 2 + exchange.length + routingKey.length
  writer.reserve(frameOverhead + size + contentSize(properties, body, frameMax))
  const bytes = writer.bytes
  let at = putFrame(bytes, writer.end, frameMethod, channel, size)
  at = putDouble(bytes, at, 0x3c_003c)
  at = putBytes(bytes, at, consumerTag)
  at = putDouble(bytes, at, Math.floor(deliveryTag / 0x1_0000_0000))
  at = putDouble(bytes, at, deliveryTag)
  bytes[at++] = redelivered ? 1 : 0
  at = putShort(bytes, at, exchange)
  at = putShort(bytes, at, routingKey)
  bytes[at++] = frameEnd
  writer.end = putContent(bytes, at, channel, properties, body, frameMax)
}

/** Appends a basic.get-ok with its content. */
export function writeGetOk(
  writer: ByteWriter,
  channel: number,
  deliveryTag: number,
  redelivered: boolean,
  exchange: Uint8Array,
  routingKey: Uint8Array,
  messageCount: number,
  properties: Uint8Array,
  body: Uint8Array,
  frameMax: number,
): void {
  const size = 4 + 9 + 2 + exchange.length + routingKey.length + 4
  writer.reserve(frameOverhead + size + contentSize(properties, body, frameMax))
  const bytes = writer.bytes
  let at = putFrame(bytes, writer.end, frameMethod, channel, size)
  at = putDouble(bytes, at, 0x3c_0047)
  at = putDouble(bytes, at, Math.floor(deliveryTag / 0x1_0000_0000))
  at = putDouble(bytes, at, deliveryTag)
  bytes[at++] = redelivered ? 1 : 0
  at = putShort(bytes, at, exchange)
  at = putShort(bytes, at, routingKey)
  at = putDouble(bytes, at, messageCount)
  bytes[at++] = frameEnd
  writer.end = putContent(bytes, at, channel, properties, body, frameMax)
}

/** Appends a basic.return with its content. `replyText` is ASCII, such as `NO_ROUTE`. */
export function writeReturn(
  writer: ByteWriter,
  channel: number,
  replyCode: number,
  replyText: string,
  exchange: Uint8Array,
  routingKey: Uint8Array,
  properties: Uint8Array,
  body: Uint8Array,
  frameMax: number,
): void {
  assert(replyText.length <= 0xff, 'a short string has at most 255 octets')
  const size = 4 + 2 + 1 + replyText.length + 2 + exchange.length + routingKey.length
  writer.reserve(frameOverhead + size + contentSize(properties, body, frameMax))
  const bytes = writer.bytes
  let at = putFrame(bytes, writer.end, frameMethod, channel, size)
  at = putDouble(bytes, at, 0x3c_0032)
  bytes[at++] = replyCode >>> 8
  bytes[at++] = replyCode
  bytes[at++] = replyText.length
  for (let index = 0; index < replyText.length; index++) bytes[at++] = replyText.charCodeAt(index)
  at = putShort(bytes, at, exchange)
  at = putShort(bytes, at, routingKey)
  bytes[at++] = frameEnd
  writer.end = putContent(bytes, at, channel, properties, body, frameMax)
}

const timestamp: PropertyType = {
  decode: (reader: ByteReader) => reader.u64(),
  encode: (writer: ByteWriter, value: number) => writer.u64(value),
  sample: random => random.uint32(),
}

/** Text of a property: whatever the octets, it can be read and written back. */
const propertyText: PropertyType = {
  decode: (reader: ByteReader) => decodeText(reader.raw(reader.u8())),
  encode: shortString.encode,
  sample: shortString.sample,
}

interface PropertyType {
  decode(reader: ByteReader): unknown
  encode(writer: ByteWriter, value: unknown): void
  sample(random: SeededRandom): unknown
}

/** In the order of the flags, from bit 15 down. */
const propertyTypes = Object.entries({
  contentType: propertyText,
  contentEncoding: propertyText,
  headers: table,
  deliveryMode: octet,
  priority: octet,
  correlationId: propertyText,
  replyTo: propertyText,
  expiration: propertyText,
  messageId: propertyText,
  timestamp,
  type: propertyText,
  userId: propertyText,
  appId: propertyText,
  clusterId: propertyText,
} satisfies { readonly [Name in keyof Required<Properties>]: PropertyType }) as [
  keyof Properties,
  PropertyType,
][]

/** Octets of a header frame and the body frames. */
function contentSize(properties: Uint8Array, body: Uint8Array, frameMax: number): number {
  const frames = Math.ceil(body.length / (frameMax - frameOverhead))
  return frameOverhead + 12 + properties.length + body.length + frames * frameOverhead
}

function putContent(
  bytes: Uint8Array,
  start: number,
  channel: number,
  properties: Uint8Array,
  body: Uint8Array,
  frameMax: number,
): number {
  let at = putFrame(bytes, start, frameHeader, channel, 12 + properties.length)
  at = putDouble(bytes, at, 0x3c_0000)
  at = putDouble(bytes, at, 0)
  at = putDouble(bytes, at, body.length)
  at = putBytes(bytes, at, properties)
  bytes[at++] = frameEnd
  const room = frameMax - frameOverhead
  for (let from = 0; from < body.length; from += room) {
    const part = from === 0 && body.length <= room ? body : body.subarray(from, from + room)
    at = putFrame(bytes, at, frameBody, channel, part.length)
    at = putBytes(bytes, at, part)
    bytes[at++] = frameEnd
  }
  return at
}

function putFrame(
  bytes: Uint8Array,
  at: number,
  type: number,
  channel: number,
  size: number,
): number {
  bytes[at] = type
  bytes[at + 1] = channel >>> 8
  bytes[at + 2] = channel
  return putDouble(bytes, at + 3, size)
}

function putDouble(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}

function putShort(bytes: Uint8Array, at: number, text: Uint8Array): number {
  assert(text.length <= 0xff, 'a short string has at most 255 octets')
  bytes[at] = text.length
  return putBytes(bytes, at + 1, text)
}

/** A loop beats `set` on a few octets, since `set` is a call out of compiled code. */
function putBytes(bytes: Uint8Array, at: number, from: Uint8Array): number {
  const length = from.length
  if (length > 48) bytes.set(from, at)
  else for (let index = 0; index < length; index++) bytes[at + index] = from[index]!
  return at + length
}

function skipShort(bytes: Uint8Array, at: number): number {
  if (at >= bytes.length) throw shortProperties(bytes.length)
  return at + 1 + bytes[at]!
}

function skipLong(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw shortProperties(bytes.length)
  return at + 4 + double(bytes, at)
}

function octetAt(bytes: Uint8Array, at: number): number {
  if (at >= bytes.length) throw shortProperties(bytes.length)
  return bytes[at]!
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function double(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}

function shortProperties(offset: number): WireError {
  return new WireError(502, 'properties end early', offset)
}

function shortMethod(name: string, offset: number): WireError {
  return new WireError(502, `${name} ends early`, offset)
}
