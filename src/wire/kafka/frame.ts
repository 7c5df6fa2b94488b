/**
 * Frames and headers of requests and responses.
 *
 *     request   size:int32 │ key:int16 version:int16 correlation:int32 client:string │ tags* │ body
 *     response  size:int32 │ correlation:int32 │ tags* │ body
 *
 * `tags*` is there in flexible versions only, and never in the answer to ApiVersions: a client must
 * be able to read that one before it knows our version. The client id is never compact.
 */

import { type ByteReader, type ByteWriter, ShortInput } from '../../base/bytes.ts'
import { wireLimits } from './limits.ts'
import { breach, skipTags } from './types.ts'

/** Cuts a stream into requests. What `next` returns is borrowed until the next call. */
export class FrameReader {
  /** Bytes [start, end) have come and are not yet taken. */
  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0
  /** True while the bytes are the peer's own chunk, which must not be kept. */
  #borrowed = false
  /** The last buffer of our own: a new one for every large request is what the collector sees. */
  #spare: Uint8Array = new Uint8Array(0)

  /** Bytes that wait. */
  get waiting(): number {
    return this.#end - this.#start
  }

  /** Takes a chunk, borrowed until `settle`; a chunk that comes behind others is copied. */
  push(chunk: Uint8Array): void {
    if (this.waiting === 0) {
      this.#bytes = chunk
      this.#start = 0
      this.#end = chunk.length
      this.#borrowed = true
      return
    }
    this.settle()
    this.#reserve(chunk.length)
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** Keeps a copy of what waits: the chunk goes back to its owner. */
  settle(): void {
    if (!this.#borrowed) return
    this.#borrowed = false
    const rest = this.#bytes.subarray(this.#start, this.#end)
    const capacity = rest.length === 0 ? 0 : this.#capacity(rest)
    if (capacity > this.#spare.length) this.#spare = new Uint8Array(capacity)
    this.#spare.set(rest)
    this.#bytes = this.#spare
    this.#start = 0
    this.#end = rest.length
  }

  /** A buffer that waits for nothing is given back: every one of an idle peer, and a huge one. */
  relax(isIdle: boolean): void {
    const isHuge = this.#spare.length > wireLimits.requestBytesFirst
    if (this.waiting > 0 || !(isIdle || isHuge)) return
    this.#spare = new Uint8Array(0)
    this.#bytes = this.#spare
    this.#start = 0
    this.#end = 0
  }

  /** The next whole request, without its size; undefined: it has not come yet. Throws a breach. */
  next(): Uint8Array | undefined {
    if (this.waiting < 4) return undefined
    const size = sizeAt(this.#bytes, this.#start)
    if (size < 0 || size > wireLimits.requestBytesMax) {
      throw breach(`a request of ${size} bytes`, 0)
    }
    if (this.waiting - 4 < size) return undefined
    const from = this.#start + 4
    this.#start = from + size
    return this.#bytes.subarray(from, this.#start)
  }

  /** A request that has begun gets its room at once, as far as its size can be believed. */
  #capacity(rest: Uint8Array): number {
    const size = rest.length < 4 ? 0 : 4 + sizeAt(rest, 0)
    return Math.max(rest.length, Math.min(size, wireLimits.requestBytesFirst), 64)
  }

  #reserve(count: number): void {
    const needed = this.waiting + count
    if (this.#end + count <= this.#bytes.length) return
    let capacity = Math.max(64, this.#bytes.length)
    while (capacity < needed) capacity *= 2
    const bytes = capacity === this.#bytes.length ? this.#bytes : new Uint8Array(capacity)
    bytes.set(this.#bytes.subarray(this.#start, this.#end))
    this.#spare = bytes
    this.#end -= this.#start
    this.#start = 0
    this.#bytes = bytes
  }
}

function sizeAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

export interface RequestHeader {
  readonly key: number
  readonly version: number
  readonly correlation: number
  readonly client: string | null
}

/** The header; its tags, if there are any, are the next thing in the reader. Throws a breach. */
export function readHeader(reader: ByteReader): RequestHeader {
  try {
    const key = (reader.u16() << 16) >> 16
    const version = (reader.u16() << 16) >> 16
    const correlation = reader.u32() | 0
    const length = (reader.u16() << 16) >> 16
    return { key, version, correlation, client: length < 0 ? null : reader.utf8(length) }
  } catch (error) {
    if (error instanceof ShortInput) throw breach(error.message, error.offset)
    throw error
  }
}

/** Steps over the tags of a flexible request's header. Throws a breach. */
export function skipHeaderTags(reader: ByteReader): void {
  try {
    skipTags(reader)
  } catch (error) {
    if (error instanceof ShortInput) throw breach(error.message, error.offset)
    throw error
  }
}

/** Begins a response; returns where its size goes. */
export function beginResponse(writer: ByteWriter, correlation: number, tags: boolean): number {
  const at = writer.end
  writer.u32(0)
  writer.u32(correlation)
  if (tags) writer.u8(0)
  return at
}

export function endResponse(writer: ByteWriter, at: number): void {
  writer.view.setUint32(at, writer.end - at - 4)
}
