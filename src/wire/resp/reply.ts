/**
 * Writing replies, in RESP2 or RESP3. What RESP2 has no type for becomes what Redis sends there.
 *
 *     +OK\r\n   -ERR text\r\n   :1\r\n   $3\r\nabc\r\n   *2\r\n…        both
 *     _\r\n   #t\r\n   ,1.5\r\n   %1\r\n…   ~1\r\n…   >3\r\n…   =7\r\ntxt:abc\r\n   (123\r\n  RESP3
 */

import type { ByteWriter } from '../../base/bytes.ts'

export type Protocol = 2 | 3

export class Reply {
  out: ByteWriter
  protocol: Protocol = 2

  constructor(out: ByteWriter) {
    this.out = out
  }

  ok(): void {
    this.simple('OK')
  }

  simple(text: string): void {
    this.#line(0x2b, text)
  }

  /** `text` with its code: `ERR …`, `WRONGTYPE …`. Line ends in it would break the protocol. */
  error(text: string): void {
    this.#line(0x2d, text.replace(/[\r\n]/g, ' '))
  }

  /** What is beyond 63 bits becomes the largest integer that there is. */
  integer(value: number): void {
    if (value < 2 ** 63) this.#head(0x3a, value)
    else this.#line(0x3a, '9223372036854775807')
  }

  big(value: bigint): void {
    this.#line(0x3a, value.toString())
  }

  boolean(value: boolean): void {
    if (this.protocol === 2) this.integer(value ? 1 : 0)
    else this.#line(0x23, value ? 't' : 'f')
  }

  null(): void {
    if (this.protocol === 2) this.#line(0x24, '-1')
    else this.#line(0x5f, '')
  }

  nullArray(): void {
    if (this.protocol === 2) this.#line(0x2a, '-1')
    else this.#line(0x5f, '')
  }

  double(value: number): void {
    if (this.protocol === 2) this.bulk(doubleText(value))
    else this.#line(0x2c, doubleText(value))
  }

  /** Text with one character a byte. */
  bulk(text: string): void {
    const { out } = this
    this.#head(0x24, text.length)
    out.reserve(text.length + 2)
    const { bytes } = out
    let at = out.end
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index)
    bytes[at++] = 0x0d
    bytes[at++] = 0x0a
    out.end = at
  }

  /** The bulk string `first-second` of two whole numbers. */
  pair(first: number, second: number): void {
    const { out } = this
    out.reserve(48)
    if (first !== pairFirst) {
      pairFirst = first
      pairDigits = writeDigits(pairBytes, 0, first)
    }
    const { bytes } = out
    const length = pairDigits + 1 + digitsOf(second)
    let at = out.end
    bytes[at++] = 0x24
    if (length > 9) bytes[at++] = 0x30 + ((length / 10) | 0)
    bytes[at++] = 0x30 + (length % 10)
    bytes[at++] = 0x0d
    bytes[at++] = 0x0a
    for (let index = 0; index < pairDigits; index++) bytes[at++] = pairBytes[index]!
    bytes[at++] = 0x2d
    at = writeDigits(bytes, at, second)
    bytes[at++] = 0x0d
    bytes[at++] = 0x0a
    out.end = at
  }

  /** The bulk string `ms-sequence` of an id's 16 bytes. */
  id(key: Uint8Array): void {
    const ms = u64At(key, 0)
    const sequence = u64At(key, 8)
    if (ms <= Number.MAX_SAFE_INTEGER && sequence <= Number.MAX_SAFE_INTEGER) {
      this.pair(ms, sequence)
      return
    }
    const view = new DataView(key.buffer, key.byteOffset, 16)
    this.bulk(`${view.getBigUint64(0)}-${view.getBigUint64(8)}`)
  }

  bytes(value: Uint8Array): void {
    const { out } = this
    this.#head(0x24, value.length)
    out.reserve(value.length + 2)
    out.bytes.set(value, out.end)
    out.end += value.length
    out.bytes[out.end++] = 0x0d
    out.bytes[out.end++] = 0x0a
  }

  verbatim(text: string): void {
    if (this.protocol === 2) {
      this.bulk(text)
      return
    }
    this.#head(0x3d, text.length + 4)
    this.out.utf8('txt:')
    for (let index = 0; index < text.length; index++) this.out.u8(text.charCodeAt(index) & 0xff)
    this.out.u16(0x0d0a)
  }

  array(count: number): void {
    this.#head(0x2a, count)
  }

  /** `count` pairs follow. */
  map(count: number): void {
    if (this.protocol === 2) this.#head(0x2a, count * 2)
    else this.#head(0x25, count)
  }

  set(count: number): void {
    this.#head(this.protocol === 2 ? 0x2a : 0x7e, count)
  }

  push(count: number): void {
    this.#head(this.protocol === 2 ? 0x2a : 0x3e, count)
  }

  bulks(values: readonly string[]): void {
    this.array(values.length)
    for (const value of values) this.bulk(value)
  }

  /** Replies that are already encoded. */
  raw(bytes: Uint8Array): void {
    this.out.raw(bytes)
  }

  /** Makes room for a count that is not known yet; see `patch`. */
  hole(): number {
    const { out } = this
    const at = out.end
    out.reserve(holeBytes)
    out.end += holeBytes
    return at
  }

  /** Writes the head of an aggregate into its hole and closes the gap. */
  patch(hole: number, kind: 'array' | 'map', count: number): void {
    const { out } = this
    const end = out.end
    out.end = hole
    if (kind === 'array') this.array(count)
    else this.map(count)
    const used = out.end
    out.bytes.copyWithin(used, hole + holeBytes, end)
    out.end = end - (hole + holeBytes - used)
  }

  #line(kind: number, text: string): void {
    const { out } = this
    out.reserve(text.length + 3)
    const { bytes } = out
    let at = out.end
    bytes[at++] = kind
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index)
    bytes[at++] = 0x0d
    bytes[at++] = 0x0a
    out.end = at
  }

  #head(kind: number, value: number): void {
    if (value < 0 || value > 99) {
      this.#line(kind, String(value))
      return
    }
    const { out } = this
    out.reserve(5)
    const { bytes } = out
    bytes[out.end++] = kind
    if (value > 9) bytes[out.end++] = 0x30 + Math.floor(value / 10)
    bytes[out.end++] = 0x30 + (value % 10)
    bytes[out.end++] = 0x0d
    bytes[out.end++] = 0x0a
  }
}

/** Not exact beyond 2^53. */
function u64At(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! * 0x100_0000 + (bytes[at + 1]! << 16) + (bytes[at + 2]! << 8)
  const low = bytes[at + 4]! * 0x100_0000 + (bytes[at + 5]! << 16) + (bytes[at + 6]! << 8)
  return (high + bytes[at + 3]!) * 0x1_0000_0000 + low + bytes[at + 7]!
}

/** The first half of the last pair, which the next one often shares, and its digits. */
let pairFirst = -1
const pairBytes = new Uint8Array(16)
let pairDigits = 0

function digitsOf(value: number): number {
  let count = 1
  for (let power = 10; power <= value; power *= 10) count++
  return count
}

/** The decimal digits of a whole number below 2^53; returns where they end. */
function writeDigits(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 1e9) {
    const high = Math.floor(value / 1e8)
    const end = writeDigits(bytes, at, high)
    return writeSmall(bytes, end, value - high * 1e8, 8)
  }
  return writeSmall(bytes, at, value, digitsOf(value))
}

/** `count` digits of a number below 2^30, which divides much faster than a larger one. */
function writeSmall(bytes: Uint8Array, at: number, value: number, count: number): number {
  let rest = value | 0
  for (let to = at + count - 1; to >= at; to--) {
    const tenth = (rest / 10) | 0
    bytes[to] = 0x30 + (rest - tenth * 10)
    rest = tenth
  }
  return at + count
}

/** Enough for any head. */
const holeBytes = 20

/** As `%.17g` would say it, and shorter where that says the same. */
export function doubleText(value: number): string {
  if (value === Infinity) return 'inf'
  if (value === -Infinity) return '-inf'
  if (Number.isNaN(value)) return 'nan'
  if (Object.is(value, -0)) return '-0'
  const text = String(value)
  return text.includes('e') ? text.replace(/e([+-])(\d)$/, 'e$10$2') : text
}
