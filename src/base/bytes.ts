/**
 * Writing and reading bytes in network order (big endian), which is what the wire formats use.
 * Nothing here knows a format. A `ByteReader` checks each length before it reads; a short input is
 * a `ShortInput`, never another exception, never a read past the end.
 */

const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A growing buffer. Bytes [start, end) are written and not yet taken. */
export class ByteWriter {
  bytes: Uint8Array
  view: DataView
  /** Where the next byte goes. */
  end = 0

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Makes room for `count` more bytes. The only place that allocates. */
  reserve(count: number): void {
    const needed = this.end + count
    if (needed <= this.bytes.length) return
    let capacity = Math.max(64, this.bytes.length * 2)
    while (capacity < needed) capacity *= 2
    const bytes = new Uint8Array(capacity)
    bytes.set(this.bytes.subarray(0, this.end))
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
  }

  u8(value: number): void {
    this.reserve(1)
    this.bytes[this.end++] = value
  }

  u16(value: number): void {
    this.reserve(2)
    this.view.setUint16(this.end, value)
    this.end += 2
  }

  u32(value: number): void {
    this.reserve(4)
    this.view.setUint32(this.end, value)
    this.end += 4
  }

  /** An unsigned 64-bit value from a safe integer. */
  u64(value: number): void {
    this.reserve(8)
    this.view.setUint32(this.end, Math.floor(value / 0x1_0000_0000))
    this.view.setUint32(this.end + 4, value >>> 0)
    this.end += 8
  }

  i64(value: bigint): void {
    this.reserve(8)
    this.view.setBigInt64(this.end, value)
    this.end += 8
  }

  f32(value: number): void {
    this.reserve(4)
    this.view.setFloat32(this.end, value)
    this.end += 4
  }

  f64(value: number): void {
    this.reserve(8)
    this.view.setFloat64(this.end, value)
    this.end += 8
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.end)
    this.end += bytes.length
  }

  /** The text in UTF-8, without a length; returns how many bytes it took. */
  utf8(text: string): number {
    this.reserve(text.length * 3)
    const start = this.end
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) {
        this.end = start + textEncoder.encodeInto(text, this.bytes.subarray(start)).written
        return this.end - start
      }
      this.bytes[this.end++] = code
    }
    return this.end - start
  }

  /** A copy of what has been written. */
  take(): Uint8Array {
    return this.bytes.slice(0, this.end)
  }

  clear(): void {
    this.end = 0
  }
}

/** Input that ends before its own lengths say so. */
export class ShortInput extends Error {
  readonly offset: number
  constructor(offset: number) {
    super(`the input ends early, at byte ${offset}`)
    this.name = 'ShortInput'
    this.offset = offset
  }
}

/** Reads from borrowed bytes; every view that it returns is borrowed, too. */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = start
    this.end = end
  }

  get left(): number {
    return this.end - this.at
  }

  need(count: number): number {
    const at = this.at
    if (count > this.end - at) throw new ShortInput(at)
    this.at = at + count
    return at
  }

  u8(): number {
    return this.bytes[this.need(1)]!
  }

  u16(): number {
    return this.view.getUint16(this.need(2))
  }

  u32(): number {
    return this.view.getUint32(this.need(4))
  }

  /** As a number: values above 2^53 lose their low bits. */
  u64(): number {
    const at = this.need(8)
    return this.view.getUint32(at) * 0x1_0000_0000 + this.view.getUint32(at + 4)
  }

  i64(): bigint {
    return this.view.getBigInt64(this.need(8))
  }

  f32(): number {
    return this.view.getFloat32(this.need(4))
  }

  f64(): number {
    return this.view.getFloat64(this.need(8))
  }

  raw(count: number): Uint8Array {
    const at = this.need(count)
    return this.bytes.subarray(at, at + count)
  }

  utf8(count: number): string {
    return decodeUtf8(this.raw(count))
  }
}

/** Short texts of ASCII, such as names and ids, are copied: 0.1 µs; the encoder takes 0.7 µs. */
export function encodeUtf8(text: string): Uint8Array {
  const { length } = text
  if (length > 64) return textEncoder.encode(text)
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return textEncoder.encode(text)
    bytes[index] = code
  }
  return bytes
}

/** How many bytes the text takes in UTF-8. */
export function utf8Bytes(text: string): number {
  let count = text.length
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7ff) return textEncoder.encode(text).length
    if (code > 0x7f) count++
  }
  return count
}

/** Writes the text in UTF-8 at `at`, where there must be room; returns where it ends. */
export function writeUtf8(bytes: Uint8Array, text: string, at: number): number {
  let to = at
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x80) bytes[to++] = code
    else if (code < 0x800) {
      bytes[to++] = 0xc0 | (code >> 6)
      bytes[to++] = 0x80 | (code & 0x3f)
    } else return at + textEncoder.encodeInto(text, bytes.subarray(at)).written
  }
  return to
}

export function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.length > 48) return textDecoder.decode(bytes)
  let text = ''
  for (let index = 0; index < bytes.length; index++) {
    const code = bytes[index]!
    if (code > 0x7f) return textDecoder.decode(bytes)
    text += String.fromCharCode(code)
  }
  return text
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) {
    if (left[index] !== right[index]) return false
  }
  return true
}

/**
 * Copies `part` into `bytes` at `at`; returns where it ends. Short ones byte by byte: up to some 40
 * bytes the call of `set` costs more than the loop.
 */
export function copyInto(bytes: Uint8Array, part: Uint8Array, at: number): number {
  const { length } = part
  if (length > 40) bytes.set(part, at)
  else for (let index = 0; index < length; index++) bytes[at + index] = part[index]!
  return at + length
}

/** Negative, zero or positive, byte by byte; a prefix comes before what it begins. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index++) {
    const difference = left[index]! - right[index]!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

export const noBytes: Uint8Array = new Uint8Array(0)
