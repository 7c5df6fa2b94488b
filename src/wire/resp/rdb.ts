/**
 * Redis' own serialisation of values (RDB), as DUMP and RESTORE carry it, and the packed lists that
 * streams are made of in it.
 *
 *     payload  = type:u8 value version:u16 crc64:u64         little endian
 *     length   = 00xxxxxx | 01xxxxxx x | 10000000 u32 | 10000001 u64     big endian
 *     string   = length bytes | 11000000 i8 | 11000001 i16 | 11000010 i32 | 11000011 LZF
 *     listpack = bytes:u32 elements:u16 (element backlength)* 0xff
 *
 * Text has one character a byte throughout. It knows bytes, and no keyspace.
 */

import { binaryText } from './request.ts'

/** The payload is not what it should be. */
export class BadPayload extends Error {}

export class RdbWriter {
  #bytes = new Uint8Array(256)
  #end = 0

  #room(count: number): number {
    const at = this.#end
    if (at + count > this.#bytes.length) {
      const larger = new Uint8Array((at + count) * 2)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#end = at + count
    return at
  }

  u8(value: number): void {
    this.#bytes[this.#room(1)] = value
  }

  /** Little endian. */
  u64(value: number | bigint): void {
    const at = this.#room(8)
    new DataView(this.#bytes.buffer).setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true)
  }

  f64(value: number): void {
    const at = this.#room(8)
    new DataView(this.#bytes.buffer).setFloat64(at, value, true)
  }

  text(text: string): void {
    const at = this.#room(text.length)
    for (let index = 0; index < text.length; index++) {
      this.#bytes[at + index] = text.charCodeAt(index)
    }
  }

  length(value: number | bigint): void {
    const big = BigInt.asUintN(64, BigInt(value))
    if (big < 64n) return this.u8(Number(big))
    if (big < 16_384n) {
      this.u8(0x40 | Number(big >> 8n))
      return this.u8(Number(big & 255n))
    }
    const is32 = big <= 0xffff_ffffn
    this.u8(is32 ? 0x80 : 0x81)
    const at = this.#room(is32 ? 4 : 8)
    const view = new DataView(this.#bytes.buffer)
    if (is32) view.setUint32(at, Number(big))
    else view.setBigUint64(at, big)
  }

  string(text: string): void {
    this.length(text.length)
    this.text(text)
  }

  /** With the footer; `version` of the format: 10 is Redis 7.0's, 11 Redis 7.2's. */
  finish(version: number): string {
    this.u8(version)
    this.u8(0)
    this.u64(crc64(this.#bytes.subarray(0, this.#end)))
    return binaryText(this.#bytes, 0, this.#end)
  }
}

export class RdbReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #end: number
  #at = 0

  /** Throws `BadPayload` when the footer is not right. */
  constructor(payload: Uint8Array) {
    const end = payload.length - 10
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
    if (end < 1 || view.getUint16(end, true) > 12) throw new BadPayload('version')
    const sum = view.getBigUint64(end + 2, true)
    if (sum !== 0n && sum !== crc64(payload.subarray(0, end + 2))) throw new BadPayload('checksum')
    this.#bytes = payload
    this.#view = view
    this.#end = end
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end
  }

  #take(count: number): number {
    const at = this.#at
    if (count > this.#end - at) throw new BadPayload('it ends early')
    this.#at = at + count
    return at
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!
  }

  i64(): number {
    return Number(this.#view.getBigInt64(this.#take(8), true))
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  text(count: number): string {
    const at = this.#take(count)
    return binaryText(this.#bytes, at, at + count)
  }

  big(): bigint {
    const first = this.u8()
    switch (first >> 6) {
      case 0:
        return BigInt(first)
      case 1:
        return BigInt(((first & 63) << 8) | this.u8())
      case 2:
        if (first === 0x80) return BigInt(this.#view.getUint32(this.#take(4)))
        if (first === 0x81) return this.#view.getBigUint64(this.#take(8))
        throw new BadPayload('a length')
      default:
        throw new BadPayload('a length')
    }
  }

  length(): number {
    return Number(this.big())
  }

  string(): string {
    switch (this.#bytes[this.#at]) {
      case 0xc0:
        this.#take(1)
        return String(this.#view.getInt8(this.#take(1)))
      case 0xc1:
        this.#take(1)
        return String(this.#view.getInt16(this.#take(2), true))
      case 0xc2:
        this.#take(1)
        return String(this.#view.getInt32(this.#take(4), true))
      case 0xc3: {
        this.#take(1)
        const packed = this.length()
        const length = this.length()
        const at = this.#take(packed)
        return binaryText(unpack(this.#bytes.subarray(at, at + packed), length))
      }
      default:
        return this.text(this.length())
    }
  }
}

/** LZF: runs of plain bytes, and references back to what has come already. */
function unpack(packed: Uint8Array, length: number): Uint8Array {
  // What a few bytes may claim to become is bounded by the format: 264 bytes for each three.
  if (length > packed.length * 264) throw new BadPayload('LZF')
  const out = new Uint8Array(length)
  let to = 0
  for (let at = 0; at < packed.length; ) {
    const control = packed[at++]!
    if (control < 32) {
      for (let left = control; left >= 0; left--) out[to++] = packed[at++]!
      continue
    }
    let count = control >> 5
    if (count === 7) count += packed[at++]!
    let from = to - (((control & 31) << 8) | packed[at++]!) - 1
    if (from < 0 || to + count + 2 > length) throw new BadPayload('LZF')
    for (let left = count + 2; left > 0; left--) out[to++] = out[from++]!
  }
  if (to !== length) throw new BadPayload('LZF')
  return out
}

/** The elements of a packed list: text, or whole numbers as bigint. */
export function readListpack(text: string): (string | bigint)[] {
  const bytes = Uint8Array.from(text, sign => sign.charCodeAt(0))
  const view = new DataView(bytes.buffer)
  if (bytes.length < 7 || view.getUint32(0, true) !== bytes.length) throw new BadPayload('listpack')
  const elements: (string | bigint)[] = []
  let at = 6
  const string = (head: number, length: number): number => {
    if (at + head + length >= bytes.length) throw new BadPayload('listpack')
    elements.push(text.slice(at + head, at + head + length))
    return head + length
  }
  const whole = (value: bigint, size: number): number => {
    elements.push(value)
    return size
  }
  while (bytes[at] !== 0xff) {
    if (at + 1 >= bytes.length) throw new BadPayload('listpack')
    const first = bytes[at]!
    let size: number
    if (first < 0x80) size = whole(BigInt(first), 1)
    else if (first < 0xc0) size = string(1, first & 63)
    else if (first < 0xe0) {
      const value = ((first & 31) << 8) | bytes[at + 1]!
      size = whole(BigInt(value >= 4096 ? value - 8192 : value), 2)
    } else if (first < 0xf0) size = string(2, ((first & 15) << 8) | bytes[at + 1]!)
    else if (at + 9 > bytes.length) throw new BadPayload('listpack')
    else if (first === 0xf0) size = string(5, view.getUint32(at + 1, true))
    else if (first === 0xf1) size = whole(BigInt(view.getInt16(at + 1, true)), 3)
    else if (first === 0xf2) {
      size = whole(BigInt((view.getUint32(at, true) >> 8) | 0), 4)
    } else if (first === 0xf3) size = whole(BigInt(view.getInt32(at + 1, true)), 5)
    else if (first === 0xf4) size = whole(view.getBigInt64(at + 1, true), 9)
    else throw new BadPayload('listpack')
    at += size + backBytes(size)
  }
  return elements
}

/** Whole numbers of 2, 4 or 8 bytes each, all of one size. */
export function readIntset(text: string): string[] {
  const bytes = Uint8Array.from(text, sign => sign.charCodeAt(0))
  const view = new DataView(bytes.buffer)
  if (bytes.length < 8) throw new BadPayload('intset')
  const size = view.getUint32(0, true)
  const count = view.getUint32(4, true)
  if (![2, 4, 8].includes(size) || bytes.length !== 8 + size * count) throw new BadPayload('intset')
  return Array.from({ length: count }, (_, index) => {
    const at = 8 + index * size
    if (size === 2) return String(view.getInt16(at, true))
    return String(size === 4 ? view.getInt32(at, true) : view.getBigInt64(at, true))
  })
}

/** Packs text and whole numbers. */
export function writeListpack(elements: readonly (string | bigint)[]): string {
  let body = ''
  for (const element of elements) {
    const packed = typeof element === 'string' ? packText(element) : packNumber(element)
    body += packed + backLength(packed.length)
  }
  const size = body.length + 7
  const count = Math.min(elements.length, 0xffff)
  return `${little(size, 4)}${little(count, 2)}${body}\xff`
}

function packText(text: string): string {
  const { length } = text
  if (length < 64) return String.fromCharCode(0x80 | length) + text
  if (length < 4096) return String.fromCharCode(0xe0 | (length >> 8), length & 255) + text
  return `\xf0${little(length, 4)}${text}`
}

function packNumber(value: bigint): string {
  if (value >= 0n && value < 128n) return String.fromCharCode(Number(value))
  let text = '\xf4'
  for (let shift = 0n; shift < 64n; shift += 8n) {
    text += String.fromCharCode(Number((BigInt.asUintN(64, value) >> shift) & 255n))
  }
  return text
}

function little(value: number, bytes: number): string {
  let text = ''
  for (let index = 0; index < bytes; index++) {
    text += String.fromCharCode(Math.floor(value / 256 ** index) & 255)
  }
  return text
}

function backBytes(size: number): number {
  return size < 128 ? 1 : size < 16_383 ? 2 : size < 2_097_151 ? 3 : size < 268_435_455 ? 4 : 5
}

/** The element's size, to be read from its end: seven bits a byte. */
function backLength(size: number): string {
  const count = backBytes(size)
  let text = ''
  for (let index = count - 1; index >= 0; index--) {
    const bits = Math.floor(size / 128 ** index) & 127
    text += String.fromCharCode(index === count - 1 ? bits : bits | 128)
  }
  return text
}

// CRC-64 of Jones, reflected, in two halves of 32 bits.

const crcLow = new Uint32Array(256)
const crcHigh = new Uint32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let crc = BigInt(byte)
  for (let bit = 0; bit < 8; bit++)
    crc = crc & 1n ? (crc >> 1n) ^ 0x95ac_9329_ac4b_c9b5n : crc >> 1n
  crcLow[byte] = Number(crc & 0xffff_ffffn)
  crcHigh[byte] = Number(crc >> 32n)
}

export function crc64(bytes: Uint8Array): bigint {
  let low = 0
  let high = 0
  for (let at = 0; at < bytes.length; at++) {
    const index = (low ^ bytes[at]!) & 255
    low = ((low >>> 8) | (high << 24)) ^ crcLow[index]!
    high = (high >>> 8) ^ crcHigh[index]!
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}
