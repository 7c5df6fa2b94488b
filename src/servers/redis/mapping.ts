/**
 * Redis' words in the engine's, both directions, pure.
 *
 * An *id* is text of 16 characters, one a byte: milliseconds and sequence number, big endian. So
 * ids sort as text, are the fields of a table as they are, and their bytes are the record's key.
 *
 * The *fields* of an entry are kept as they came and as they leave again: an array of bulk strings,
 * which is the envelope (format `redisFields`). When there is one field only and it is called
 * `body` or `data`, its value is the record's body instead, which other protocols read; the
 * envelope then ends after the field's name.
 *
 *     *4\r\n $4\r\nname\r\n $3\r\nAda\r\n $3\r\nage\r\n $2\r\n36\r\n          envelope alone
 *     *2\r\n $4\r\nbody\r\n                                                 14 bytes, and a body
 */

import { encodeUtf8, noBytes } from '../../base/bytes.ts'
import { formats, type RecordInput, type StoredRecord } from '../../engine/model.ts'
import type { Reply } from '../../wire/resp/reply.ts'
import { binaryText, type Request } from '../../wire/resp/request.ts'

/** See above. */
export type Id = string

export const zeroId: Id = '\0'.repeat(16)
export const maxId: Id = '\xff'.repeat(16)
const u64Max = 0xffff_ffff_ffff_ffffn

export function idOf(ms: number | bigint, sequence: number | bigint): Id {
  if (typeof ms === 'bigint' || typeof sequence === 'bigint') return u64Text(ms) + u64Text(sequence)
  const msHigh = Math.floor(ms / 0x1_0000_0000)
  const sequenceHigh = Math.floor(sequence / 0x1_0000_0000)
  // One call: a text put together of two would have to be flattened before it can be looked up.
  return String.fromCharCode(
    msHigh >>> 24,
    (msHigh >>> 16) & 255,
    (msHigh >>> 8) & 255,
    msHigh & 255,
    (ms >>> 24) & 255,
    (ms >>> 16) & 255,
    (ms >>> 8) & 255,
    ms & 255,
    sequenceHigh >>> 24,
    (sequenceHigh >>> 16) & 255,
    (sequenceHigh >>> 8) & 255,
    sequenceHigh & 255,
    (sequence >>> 24) & 255,
    (sequence >>> 16) & 255,
    (sequence >>> 8) & 255,
    sequence & 255,
  )
}

export function u64Text(value: number | bigint): string {
  const isBig = typeof value === 'bigint'
  const high = isBig ? Number(value >> 32n) : Math.floor(value / 0x1_0000_0000)
  const low = isBig ? Number(value & 0xffff_ffffn) : value >>> 0
  return String.fromCharCode(
    high >>> 24,
    (high >>> 16) & 255,
    (high >>> 8) & 255,
    high & 255,
    low >>> 24,
    (low >>> 16) & 255,
    (low >>> 8) & 255,
    low & 255,
  )
}

function u32At(text: string, at: number): number {
  const high = (text.charCodeAt(at) << 8) | text.charCodeAt(at + 1)
  return high * 65_536 + ((text.charCodeAt(at + 2) << 8) | text.charCodeAt(at + 3))
}

/** Exact only below 2^53. */
export function u64Number(text: string, at: number): number {
  return u32At(text, at) * 0x1_0000_0000 + u32At(text, at + 4)
}

/** NaN where it is not exact. */
export function exactU64(text: string, at: number): number {
  return u32At(text, at) < 0x20_0000 ? u64Number(text, at) : Number.NaN
}

function u64Big(text: string, at: number): bigint {
  return (BigInt(u32At(text, at)) << 32n) | BigInt(u32At(text, at + 4))
}

function u64Decimal(text: string, at: number): string {
  if (u32At(text, at) < 0x20_0000) return String(u64Number(text, at))
  return u64Big(text, at).toString()
}

export function idText(id: Id): string {
  return `${u64Decimal(id, 0)}-${u64Decimal(id, 8)}`
}

/** The id after this one; undefined: there is none. */
export function nextId(id: Id): Id | undefined {
  const value = (u64Big(id, 0) << 64n) | u64Big(id, 8)
  return id === maxId ? undefined : bigId(value + 1n)
}

export function previousId(id: Id): Id | undefined {
  const value = (u64Big(id, 0) << 64n) | u64Big(id, 8)
  return id === zeroId ? undefined : bigId(value - 1n)
}

function bigId(value: bigint): Id {
  return idOf(value >> 64n, value & u64Max)
}

/** `ms`, `ms-seq`; undefined: it is not an id. `missing` stands for a sequence number not given. */
export function parseId(text: string, missing: 'zero' | 'max' = 'zero'): Id | undefined {
  const dash = text.indexOf('-')
  const ms = parseU64(dash < 0 ? text : text.slice(0, dash))
  if (ms === undefined) return undefined
  if (dash < 0) return ms + (missing === 'zero' ? zeroId : maxId).slice(8)
  const sequence = parseU64(text.slice(dash + 1))
  return sequence === undefined ? undefined : ms + sequence
}

/** `ms-*`: the milliseconds' half. */
export function parseHalfId(text: string): string | undefined {
  return text.endsWith('-*') ? parseU64(text.slice(0, -2)) : undefined
}

function parseU64(text: string): string | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined
  if (text.length < 16) return u64Text(Number(text))
  const value = BigInt(text)
  return value > u64Max ? undefined : u64Text(value)
}

export function binaryBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}

export function idOfKey(key: Uint8Array): Id {
  if (key.length !== 16) return binaryText(key)
  return String.fromCharCode(
    key[0]!,
    key[1]!,
    key[2]!,
    key[3]!,
    key[4]!,
    key[5]!,
    key[6]!,
    key[7]!,
    key[8]!,
    key[9]!,
    key[10]!,
    key[11]!,
    key[12]!,
    key[13]!,
    key[14]!,
    key[15]!,
  )
}

/** The id in a word of a request, which must be one; undefined: it is not. */
export function idAt(request: Request, index: number): Id | undefined {
  const { bytes, starts, ends } = request
  const end = ends[index]!
  let at = starts[index]!
  const msAt = at
  let ms = 0
  for (; at < end && bytes[at] !== 0x2d; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return undefined
    ms = ms * 10 + digit
  }
  const sequenceAt = at + 1
  let sequence = 0
  for (at = sequenceAt; at < end; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return undefined
    sequence = sequence * 10 + digit
  }
  // Whatever is not two plain numbers is read with care.
  const msDigits = sequenceAt - 1 - msAt
  const digits = end - sequenceAt
  if (msDigits < 1 || msDigits > 15 || digits < 1 || digits > 15)
    return parseId(request.text(index))
  return idOf(ms, sequence)
}

let scratch = new Uint8Array(64 * 1024)
const keyScratch = new Uint8Array(16)
/** The record for the fields from word `first` on. Borrowed until the next call. */
export function recordOf(request: Request, first: number, id: Id, time: number): RecordInput {
  for (let at = 0; at < 16; at++) keyScratch[at] = id.charCodeAt(at)
  return fill(request, first, time)
}

/** The same for an id whose halves are both below 2^53. */
export function recordAt(
  request: Request,
  first: number,
  id: { readonly ms: number; readonly sequence: number },
  time: number,
): RecordInput {
  writeU64(id.ms, 0)
  writeU64(id.sequence, 8)
  return fill(request, first, time)
}

function writeU64(value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  keyScratch[at] = high >>> 24
  keyScratch[at + 1] = high >>> 16
  keyScratch[at + 2] = high >>> 8
  keyScratch[at + 3] = high
  keyScratch[at + 4] = value >>> 24
  keyScratch[at + 5] = value >>> 16
  keyScratch[at + 6] = value >>> 8
  keyScratch[at + 7] = value
}

function fill(request: Request, first: number, time: number): RecordInput {
  const count = request.count - first
  const isBody = count === 2 && isBodyName(request, first) && request.size(first + 1) > 0
  const envelope = envelopeOf(request, first, isBody ? first + 1 : request.count, count)
  const body = isBody ? request.word(first + 1) : noBytes
  return { format: formats.redisFields, envelope, body, key: keyScratch, time }
}

function isBodyName(request: Request, index: number): boolean {
  if (request.size(index) !== 4) return false
  const text = request.text(index)
  return text === 'body' || text === 'data'
}

function envelopeOf(request: Request, first: number, end: number, count: number): Uint8Array {
  const { bytes, starts, ends } = request
  const last = ends[end - 1]!
  if (request.framed && count < 10_000) {
    // The array's head takes the place of the id before it, `$1\r\n*\r\n` at least, which has been
    // read and is not needed again: so the fields are copied once, into the journal.
    const fieldsAt = ends[first - 1]! + 2
    const at = fieldsAt - (count < 10 ? 4 : count < 100 ? 5 : count < 1000 ? 6 : 7)
    writeHead(bytes, 0x2a, count, at)
    return bytes.subarray(at, last + 2)
  }
  const room = last - starts[first]! + 32 + (end - first) * 16
  if (room > scratch.length) scratch = new Uint8Array(room * 2)
  let to = writeHead(scratch, 0x2a, count, 0)
  for (let index = first; index < end; index++) {
    to = writeHead(scratch, 0x24, request.size(index), to)
    scratch.set(request.word(index), to)
    to += request.size(index)
    scratch[to++] = 0x0d
    scratch[to++] = 0x0a
  }
  return scratch.subarray(0, to)
}

function writeHead(bytes: Uint8Array, kind: number, value: number, at: number): number {
  let to = at
  bytes[to++] = kind
  if (value < 10) bytes[to++] = 0x30 + value
  else {
    const digits = String(value)
    for (let index = 0; index < digits.length; index++) bytes[to++] = digits.charCodeAt(index)
  }
  bytes[to++] = 0x0d
  bytes[to++] = 0x0a
  return to
}

const splitEnvelopeBytes = 14

/** An entry as replies have it: its id, and its fields. */
export function writeEntry(reply: Reply, record: StoredRecord): void {
  reply.array(2)
  reply.id(record.key)
  writeFields(reply, record)
}

export function writeFields(reply: Reply, record: StoredRecord): void {
  const { envelope, body, format } = record
  if (format === formats.redisFields) {
    reply.raw(envelope)
    if (envelope.length === splitEnvelopeBytes) reply.bytes(body)
    return
  }
  // Another protocol's record: its body is all that Redis has a word for.
  reply.array(2)
  reply.bulk('body')
  reply.bytes(body)
}

/** The fields and values of an entry, as text. */
export function wordsOf(record: StoredRecord): string[] {
  const { envelope, body, format } = record
  if (format !== formats.redisFields) return ['body', binaryText(body)]
  const words: string[] = []
  const text = binaryText(envelope)
  for (let at = text.indexOf('\r\n') + 2; at < text.length; ) {
    const end = text.indexOf('\r\n', at)
    const length = Number(text.slice(at + 1, end))
    words.push(text.slice(end + 2, end + 2 + length))
    at = end + length + 4
  }
  if (envelope.length === splitEnvelopeBytes) words.push(binaryText(body))
  return words
}

/** The log's name: the key itself where it can be, so that other protocols find it. */
export function logNameOf(database: number, key: string, serial: number): string {
  const plain = database === 0 && /^[\x20-\x7e]{1,200}$/.test(key)
  return plain ? key : `redis.${database}.${serial}`
}

export function json(value: unknown): Uint8Array {
  return encodeUtf8(JSON.stringify(value))
}
