/**
 * Receipt handles and message ids: both are made of a position, and nothing has to be remembered.
 *
 *     AQEB + salt of the queue . position . holder of the lease
 *
 * The salt tells a queue from one of the same name that was deleted; positions are never reused,
 * and each receive has a holder of its own. A message id is a bijection of the position, different
 * for each queue, in the form of a UUID.
 */

export interface Receipt {
  readonly salt: string
  readonly position: number
  readonly holder: string
}

export function printReceipt(salt: string, position: number, holder: string): string {
  return `AQEB${salt}.${position.toString(36)}.${holder}`
}

const saltEnd = 36
const positionDigitsMax = 11
const holderMax = 40

/** Undefined: this is no handle of ours. Whether the salt is a queue's is for the caller. */
export function parseReceipt(text: string): Receipt | undefined {
  if (!text.startsWith('AQEB') || text.charCodeAt(saltEnd) !== dot) return undefined
  const positionEnd = text.indexOf('.', saltEnd + 1)
  const digitCount = positionEnd - saltEnd - 1
  const holderLength = text.length - positionEnd - 1
  if (digitCount < 1 || digitCount > positionDigitsMax) return undefined
  if (holderLength < 1 || holderLength > holderMax) return undefined
  let position = 0
  for (let at = saltEnd + 1; at < positionEnd; at++) {
    const digit = base36(text.charCodeAt(at))
    if (digit < 0) return undefined
    position = position * 36 + digit
  }
  if (!Number.isSafeInteger(position)) return undefined
  return { salt: text.slice(4, saltEnd), position, holder: text.slice(positionEnd + 1) }
}

const dot = 0x2e

function base36(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x7a ? code - 0x61 + 10 : -1
}

/** The 16 bytes of the id of the message at `position`; `salt` is 32 hexadecimal digits. */
export function messageIdAt(salt: string, position: number): Uint8Array {
  if (salt !== lastSalt) {
    lastSalt = salt
    lastWords = [0, 8, 16, 24].map(at => Number.parseInt(salt.slice(at, at + 8), 16) | 0)
  }
  const first = mix((position | 0) ^ lastWords[0]!)
  const last = mix((Math.floor(position / 0x1_0000_0000) | 0) ^ lastWords[3]! ^ (first << 7))
  const bytes = new Uint8Array(16)
  putWord(bytes, 0, first)
  putWord(bytes, 4, mix(first ^ lastWords[1]!))
  putWord(bytes, 8, mix(last ^ lastWords[2]!))
  putWord(bytes, 12, last ^ first)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes
}

/** Messages of one queue come one after the other. */
let lastSalt = ''
let lastWords: readonly number[] = []

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
}

/** A bijection on 32 bits (MurmurHash3's finalizer). */
function mix(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35)
  return (mixed ^ (mixed >>> 16)) | 0
}

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function printUuid(id: Uint8Array): string {
  return (
    `${hex(id, 0, 4)}-${hex(id, 4, 6)}-${hex(id, 6, 8)}-` + `${hex(id, 8, 10)}-${hex(id, 10, 16)}`
  )
}

export function printHex(bytes: Uint8Array): string {
  return hex(bytes, 0, bytes.length)
}

function hex(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let index = from; index < to; index++) text += digits[bytes[index]!]
  return text
}

/** Of digits only, as `printHex` writes them: nothing is checked. */
export function parseHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2)
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = (digitOf(text.charCodeAt(at * 2)) << 4) | digitOf(text.charCodeAt(at * 2 + 1))
  }
  return bytes
}

function digitOf(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57
}

/** 20 digits that rise with the positions, with gaps, as AWS' do. */
export function sequenceNumberAt(position: number): string {
  return `18850${849_496_460_467_696 + position * 256}`
}
