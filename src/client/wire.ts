/**
 * A message on the wire: the body is the application's own bytes, JSON unless it is bytes already,
 * without an envelope; everything else is text headers, so that other languages can join.
 *
 * ```
 * content-type          application/json, or application/octet-stream for bytes
 * spillway-id           identity, for duplicates and for correlation
 * spillway-key          the key of the contract
 * spillway-type         the name of the contract that it was sent by
 * spillway-causation    the id of the message whose handler sent this one
 * spillway-replay       the position in its history of an event that is replayed
 * traceparent           W3C trace context
 * spillway-reply-to, spillway-correlation, spillway-deadline     of requests
 * spillway-error, -error-message, -error-reason, -error-issues,
 *   -attempt, -source, -dead-at, -time                           of dead letters
 * ```
 */

import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts'
import type { Random } from '../engine/ports.ts'
import type { Headers } from './driver.ts'
import { ClientError, type ShapeIssue } from './errors.ts'

export const headerNames = {
  contentType: 'content-type',
  id: 'spillway-id',
  key: 'spillway-key',
  type: 'spillway-type',
  attempt: 'spillway-attempt',
  causation: 'spillway-causation',
  replay: 'spillway-replay',
  trace: 'traceparent',
  traceState: 'tracestate',
  replyTo: 'spillway-reply-to',
  correlation: 'spillway-correlation',
  deadline: 'spillway-deadline',
  error: 'spillway-error',
  errorMessage: 'spillway-error-message',
  errorReason: 'spillway-error-reason',
  errorIssues: 'spillway-error-issues',
  source: 'spillway-source',
  deadAt: 'spillway-dead-at',
  time: 'spillway-time',
} as const

/** What a dead letter carries besides what the message had. Taken off again by a redrive. */
export const deathHeaders: readonly string[] = [
  headerNames.error,
  headerNames.errorMessage,
  headerNames.errorReason,
  headerNames.errorIssues,
  headerNames.attempt,
  headerNames.source,
  headerNames.deadAt,
  headerNames.time,
]

const json = 'application/json'
const octets = 'application/octet-stream'

/** Throws `SPILLWAY_V_JSON` for a value that JSON cannot hold. */
export function encodeBody(value: unknown): { body: Uint8Array; contentType: string } {
  if (value instanceof Uint8Array) return { body: value, contentType: octets }
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw notJson((cause as Error).message, cause)
  }
  if (text === undefined) throw notJson(`a value of type ${typeof value}`)
  return { body: encodeText(text), contentType: json }
}

const slabBytes = 16_384
const shortText = 512
let slab = new Uint8Array(slabBytes)
let slabEnd = 0

/** Memory of its own for each small body costs more than writing it: they share larger pieces. */
function encodeText(text: string): Uint8Array {
  const { length } = text
  if (length > shortText) return encodeUtf8(text)
  if (slabEnd + length > slabBytes) {
    slab = new Uint8Array(slabBytes)
    slabEnd = 0
  }
  const start = slabEnd
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 127) return encodeUtf8(text)
    slab[start + index] = unit
  }
  slabEnd = start + length
  return slab.subarray(start, slabEnd)
}

function notJson(why: string, cause?: unknown): ClientError {
  return new ClientError({ code: 'SPILLWAY_V_JSON', why: `the body is no JSON: ${why}.`, cause })
}

/** The value, or what is wrong with it. Text that another language sent as text stays text. */
export function decodeBody(
  body: Uint8Array,
  headers: Headers,
): { readonly value: unknown } | { readonly issues: readonly ShapeIssue[] } {
  return decodeTyped(body, headers[headerNames.contentType])
}

export function decodeTyped(
  body: Uint8Array,
  type = json,
): { readonly value: unknown } | { readonly issues: readonly ShapeIssue[] } {
  if (type.startsWith(octets)) return { value: body }
  if (type.startsWith('text/')) return { value: decodeUtf8(body) }
  try {
    return { value: JSON.parse(decodeUtf8(body)) }
  } catch (error) {
    const message = `the body is no JSON: ${(error as Error).message}`
    return { issues: [{ path: '', message }] }
  }
}

/** The ids of one millisecond differ in their last 24 bits alone, which count. */
interface IdBlock {
  readonly random: Random
  readonly now: number
  readonly prefix: string
  counter: number
}

let idBlock: IdBlock | undefined
const counterMax = 0xff_ffff
/** The 4,096 texts of twelve bits: two of them are the end of an id. */
const threeDigits = Array.from({ length: 4096 }, (_, n) => n.toString(16).padStart(3, '0'))

/**
 * A new id: a UUID version 7, which sorts by time (RFC 9562, 5.7). Those of one millisecond share
 * 50 random bits and count on from a random number (6.2, method 1), so that they sort, too, and
 * randomness and its digits are paid for once.
 */
export function newId(random: Random, now: number): string {
  let block = idBlock
  if (block?.now !== now || block.random !== random || block.counter === counterMax) {
    block = newIdBlock(random, now)
    idBlock = block
  }
  const count = ++block.counter
  return block.prefix + threeDigits[count >>> 12]! + threeDigits[count & 0xfff]!
}

function newIdBlock(random: Random, now: number): IdBlock {
  const time = now.toString(16).padStart(12, '0')
  const first = random.uint32()
  const low = threeDigits[first & 0xfff]!
  const variant = (0x8000 + ((first >>> 12) & 0x3fff)).toString(16)
  const middle = (random.uint32() >>> 8).toString(16).padStart(6, '0')
  const prefix = `${time.slice(0, 8)}-${time.slice(8)}-7${low}-${variant}-${middle}`
  return { random, now, prefix, counter: random.uint32() & 0x7f_ffff }
}

/** Errors in headers are for people: not longer than this. */
const errorTextMax = 2000

export function clip(text: string): string {
  return text.length <= errorTextMax ? text : `${text.slice(0, errorTextMax)}…`
}

/** Bytes as text, for where only text fits. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

export function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
}
