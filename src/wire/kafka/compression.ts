/**
 * What is inside a compressed batch or message set, for the few who must look: an older client that
 * is answered in its own format, and a search by time. Batches themselves are kept as they came.
 *
 *     gzip     RFC 1952
 *     snappy   a raw block, or Java's stream: magic (8) version (4) compatible (4), then blocks of
 *              length:int32 │ raw block
 *     lz4      a frame: magic:4 flags block-size … header-checksum, then blocks of
 *              length:uint32le (top bit: stored as it is) │ block │ checksum?, ended by a zero
 *     zstd     is not decoded: the built-in module has it from Node 22 on only
 *
 * Nothing is allocated because a length says so: output grows with what was decoded, up to a bound.
 */

import { gunzipSync } from 'node:zlib'
import { breach } from './types.ts'

/** Bits 0–2 of the attributes. */
export const codecs = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

/**
 * The bytes that `codec` has made these of, at most `most`; undefined: it is not decoded here.
 * Throws a breach.
 */
export function decompress(codec: number, bytes: Uint8Array, most: number): Uint8Array | undefined {
  if (codec === codecs.none) return bytes
  if (codec === codecs.gzip) return gunzip(bytes, most)
  const isOurs = codec === codecs.snappy || codec === codecs.lz4
  if (!isOurs) return undefined
  const output = new Output(most)
  if (codec === codecs.lz4) lz4Frames(new Input(bytes), output)
  else snappy(bytes, output)
  return output.taken
}

function gunzip(bytes: Uint8Array, most: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: most })
  } catch (error) {
    throw breach(`gzip: ${(error as Error).message}`, 0)
  }
}

/** Bytes to be read in order; running out is a breach. */
class Input {
  readonly bytes: Uint8Array
  readonly end: number
  at: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get left(): number {
    return this.end - this.at
  }

  /** The place of the next `count` bytes, which are taken. */
  take(count: number): number {
    const { at } = this
    if (count < 0 || count > this.end - at) throw breach('compressed bytes end too early', at)
    this.at = at + count
    return at
  }

  u8(): number {
    return this.bytes[this.take(1)]!
  }

  /** Little-endian. */
  number(count: number): number {
    const at = this.take(count)
    let value = 0
    for (let index = count - 1; index >= 0; index--) value = value * 256 + this.bytes[at + index]!
    return value
  }

  part(count: number): Input {
    const at = this.take(count)
    return new Input(this.bytes, at, at + count)
  }
}

/** What has been decoded so far, which later parts copy from. */
class Output {
  readonly #most: number
  #bytes = new Uint8Array(256)
  #end = 0

  constructor(most: number) {
    this.#most = most
  }

  get taken(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }

  #reserve(count: number): void {
    const needed = this.#end + count
    if (needed > this.#most) throw breach(`compressed bytes become more than ${this.#most}`, 0)
    if (needed <= this.#bytes.length) return
    const bytes = new Uint8Array(Math.min(this.#most, Math.max(needed, this.#bytes.length * 2)))
    bytes.set(this.taken)
    this.#bytes = bytes
  }

  raw(input: Input, count: number): void {
    const at = input.take(count)
    this.#reserve(count)
    this.#bytes.set(input.bytes.subarray(at, at + count), this.#end)
    this.#end += count
  }

  /** Copies what lies `distance` back; the copy may reach into itself. */
  again(distance: number, count: number): void {
    if (distance < 1 || distance > this.#end) throw breach('a copy from before the beginning', 0)
    this.#reserve(count)
    const bytes = this.#bytes
    const end = this.#end + count
    for (let at = this.#end; at < end; at++) bytes[at] = bytes[at - distance]!
    this.#end = end
  }
}

const xerial = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]
const xerialHeaderBytes = 16

function snappy(bytes: Uint8Array, output: Output): void {
  const isStream =
    bytes.length >= xerialHeaderBytes && xerial.every((octet, at) => bytes[at] === octet)
  if (!isStream) return snappyBlock(new Input(bytes), output)
  const input = new Input(bytes, xerialHeaderBytes)
  while (input.left > 0) {
    const at = input.take(4)
    const size = new DataView(bytes.buffer, bytes.byteOffset + at).getInt32(0)
    snappyBlock(input.part(size), output)
  }
}

/** The length of a block comes first; the output's own bound is the one that counts. */
function snappyBlock(input: Input, output: Output): void {
  for (let octets = 0; input.u8() >= 0x80; octets++) {
    if (octets > 4) throw breach('snappy: a length of more than 5 octets', input.at)
  }
  while (input.left > 0) {
    const tag = input.u8()
    const kind = tag & 3
    if (kind === 0) {
      const short = tag >>> 2
      output.raw(input, 1 + (short < 60 ? short : input.number(short - 59)))
    } else if (kind === 1) {
      const distance = ((tag >>> 5) << 8) | input.u8()
      output.again(distance, 4 + ((tag >>> 2) & 7))
    } else {
      const distance = input.number(kind === 2 ? 2 : 4)
      output.again(distance, 1 + (tag >>> 2))
    }
  }
}

const lz4Magic = 0x184d_2204

function lz4Frames(input: Input, output: Output): void {
  while (input.left > 0) {
    if (input.number(4) !== lz4Magic) throw breach('lz4: this is no frame', input.at)
    const flags = input.u8()
    // Block size, the size of the content, a dictionary, and a checksum that old clients get wrong.
    input.take(1 + ((flags & 8) === 0 ? 0 : 8) + ((flags & 1) === 0 ? 0 : 4) + 1)
    for (;;) {
      const size = input.number(4)
      if (size === 0) break
      const isStored = size >= 0x8000_0000
      const block = input.part(isStored ? size - 0x8000_0000 : size)
      if (isStored) output.raw(block, block.left)
      else lz4Block(block, output)
      if ((flags & 16) !== 0) input.take(4)
    }
    if ((flags & 4) !== 0) input.take(4)
  }
}

function lz4Block(input: Input, output: Output): void {
  while (input.left > 0) {
    const token = input.u8()
    output.raw(input, lz4Length(input, token >>> 4))
    if (input.left === 0) return
    const distance = input.number(2)
    output.again(distance, 4 + lz4Length(input, token & 15))
  }
}

function lz4Length(input: Input, nibble: number): number {
  let length = nibble
  if (nibble < 15) return length
  for (;;) {
    const octet = input.u8()
    length += octet
    if (octet < 255) return length
  }
}
