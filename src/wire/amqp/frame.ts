/**
 * Frames (AMQP 0-9-1, 2.3 and 4.2.3): cutting a stream of octets into them, and writing them.
 *
 * ```
 * once    'A' 'M' 'Q' 'P' 0 0 9 1                                        the protocol header
 * then    ├ type u8 ┤├ channel u16 ┤├ size u32 ┤├ payload: size ┤├ 0xCE ┤
 *           1 method   2 content header   3 content body   8 heartbeat
 * ```
 *
 * What is not here: whether a frame is allowed at this point (the servers know), and what is inside
 * (`methods.ts`, `content.ts`).
 */

import { assert } from '../../base/assert.ts'
import { type ByteWriter, noBytes } from '../../base/bytes.ts'
import { WireError } from '../schema/errors.ts'
import type { MethodTable } from './types.ts'

export const frameMethod = 1
export const frameHeader = 2
export const frameBody = 3
export const frameHeartbeat = 8
export const frameEnd = 0xce

/** Octets of a frame that are not its payload. */
export const frameOverhead = 8
/** The smallest `frame_max` that may be negotiated (4.2.3, and the constant of that name). */
export const frameMinSize = 4096

/** What a client sends first, and what a server answers to anything else. */
export const protocolHeader: Uint8Array = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1)

/** The payload is borrowed until the callback returns. */
export type OnFrame = (type: number, channel: number, payload: Uint8Array) => void

/**
 * Called once, before any frame. `ok` is false as soon as one octet differs from the header, and
 * the reader is stopped then; `bytes` holds what had come of the header, at most eight octets.
 */
export type OnHeader = (ok: boolean, bytes: Uint8Array) => void

export interface FrameReaderOptions {
  /** The limit on a whole frame, its eight octets of frame included; see `FrameReader.frameMax`. */
  readonly frameMax: number
  /** Given by servers. Without it (a client reads a server) the stream begins with a frame. */
  readonly onHeader?: OnHeader | undefined
}

/** The buffer of frames in pieces; a larger one is given back when a push had no use for it. */
const carryKeptMax = 16 * 1024
const carryMin = 256

/**
 * Cuts a stream into frames, whatever the pieces in which it arrives.
 *
 * ```ts
 * const reader = new FrameReader({ frameMax: 4096, onHeader: ok => start(ok) })
 * socket.on('data', bytes => reader.push(bytes, (type, channel, payload) => handle(payload)))
 * ```
 *
 * A breach of the format throws a `WireError` (501 or 505) out of `push`, with its offset from the
 * first octet of the connection, and stops the reader. So does an error thrown by the callback.
 */
export class FrameReader {
  #frameMax = frameMinSize
  readonly #onHeader: OnHeader | undefined
  #stopped = false
  #inHeader: boolean
  /** The first octets of a frame (or of the header) whose end has not come. */
  #carry: Uint8Array = noBytes
  #carried = 0
  /** Octets of the connection that are behind us: whole frames, the header. */
  #consumed = 0

  constructor(options: FrameReaderOptions) {
    this.frameMax = options.frameMax
    this.#onHeader = options.onHeader
    this.#inHeader = options.onHeader !== undefined
  }

  /**
   * The limit on a whole frame. It may be set at any time, also from the callback, and holds from
   * the next frame on. A peer's 0 ("no limit") has to be replaced with a limit of one's own before.
   */
  get frameMax(): number {
    return this.#frameMax
  }

  set frameMax(limit: number) {
    assert(limit >= frameMinSize, 'a frame of 4096 octets is always allowed')
    this.#frameMax = limit
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Ignores everything from here on, the rest of the octets being pushed included. */
  stop(): void {
    this.#stopped = true
    this.#carry = noBytes
    this.#carried = 0
  }

  /** Calls back for each frame that these octets complete. Not to be called from a callback. */
  push(bytes: Uint8Array, onFrame: OnFrame): void {
    if (this.#stopped) return
    let clean = false
    try {
      this.#push(bytes, onFrame)
      clean = true
    } finally {
      if (!clean) this.stop()
    }
  }

  #push(bytes: Uint8Array, onFrame: OnFrame): void {
    const carriedBefore = this.#carried
    let at = 0
    if (this.#inHeader) at = this.#pushHeader(bytes)
    else if (this.#carried > 0) at = this.#pushCarried(bytes, onFrame)
    while (!this.#stopped && at < bytes.length) {
      const left = bytes.length - at
      const size = left < 7 ? 0 : this.#check(bytes, at)
      if (left < 7 || left < size) {
        this.#append(bytes, at, bytes.length, size)
        return
      }
      this.#emit(bytes, at, size, onFrame)
      at += size
    }
    if (carriedBefore === 0 && this.#carry.length > carryKeptMax) this.#carry = noBytes
  }

  /** Compares the protocol header; returns where the frames begin. */
  #pushHeader(bytes: Uint8Array): number {
    const before = this.#carried
    const count = Math.min(protocolHeader.length - before, bytes.length)
    let ok = true
    for (let index = 0; index < count; index++) {
      if (bytes[index] !== protocolHeader[before + index]) ok = false
    }
    if (ok && before + count < protocolHeader.length) {
      this.#carried = before + count
      return bytes.length
    }
    this.#inHeader = false
    this.#carried = 0
    this.#consumed = before + count
    const seen = new Uint8Array(before + count)
    seen.set(protocolHeader.subarray(0, before))
    seen.set(bytes.subarray(0, count), before)
    if (!ok) this.stop()
    this.#onHeader?.(ok, seen)
    return count
  }

  /** Completes the frame that is carried over; returns where the next one begins. */
  #pushCarried(bytes: Uint8Array, onFrame: OnFrame): number {
    let at = 0
    if (this.#carried < 7) {
      at = Math.min(7 - this.#carried, bytes.length)
      this.#append(bytes, 0, at, 7)
      if (this.#carried < 7) return at
    }
    const size = this.#check(this.#carry, 0)
    const count = Math.min(size - this.#carried, bytes.length - at)
    this.#append(bytes, at, at + count, size)
    if (this.#carried < size) return bytes.length
    this.#carried = 0
    this.#emit(this.#carry, 0, size, onFrame)
    return at + count
  }

  /** Grows to twice what came, but to no more than one frame of the checked size. */
  #append(bytes: Uint8Array, from: number, to: number, size: number): void {
    const needed = this.#carried + to - from
    if (needed > this.#carry.length) {
      const grown = new Uint8Array(Math.max(carryMin, Math.min(size, needed * 2)))
      grown.set(this.#carry.subarray(0, this.#carried))
      this.#carry = grown
    }
    this.#carry.set(bytes.subarray(from, to), this.#carried)
    this.#carried = needed
  }

  /** Checks the first seven octets of a frame; returns the size of the whole frame. */
  #check(bytes: Uint8Array, at: number): number {
    const type = bytes[at]!
    const channel = (bytes[at + 1]! << 8) | bytes[at + 2]!
    const size =
      ((bytes[at + 3]! << 24) | (bytes[at + 4]! << 16) | (bytes[at + 5]! << 8) | bytes[at + 6]!) >>>
      0
    if (type === frameBody || type === frameHeader) {
      if (channel === 0) throw this.#error(505, 'content on channel 0', 1)
    } else if (type === frameHeartbeat) {
      if (channel !== 0) throw this.#error(505, `heartbeat on channel ${channel}`, 1)
      if (size !== 0) throw this.#error(501, 'heartbeat with a payload', 3)
    } else if (type !== frameMethod) {
      throw this.#error(501, `frame type ${type} is unknown`, 0)
    }
    if (size + frameOverhead > this.#frameMax) {
      const text = `frame of ${size + frameOverhead} octets is larger than ${this.#frameMax}`
      throw this.#error(501, text, 3)
    }
    return size + frameOverhead
  }

  #emit(bytes: Uint8Array, at: number, size: number, onFrame: OnFrame): void {
    const end = bytes[at + size - 1]!
    if (end !== frameEnd) throw this.#error(501, `frame ends with ${end}, not 206`, size - 1)
    this.#consumed += size
    // Not `subarray`: of a Buffer it makes another Buffer, at three times the cost.
    const payload = new Uint8Array(bytes.buffer, bytes.byteOffset + at + 7, size - frameOverhead)
    onFrame(bytes[at]!, (bytes[at + 1]! << 8) | bytes[at + 2]!, payload)
  }

  #error(code: number, message: string, offset: number): WireError {
    return new WireError(code, message, this.#consumed + offset)
  }
}

/** Appends a method frame. `value` is what the table's `Infer` says. */
export function writeMethodFrame<T>(
  writer: ByteWriter,
  channel: number,
  table: MethodTable<T>,
  value: T,
): void {
  writer.u8(frameMethod)
  writer.u16(channel)
  writer.u32(0)
  const start = writer.end
  writer.u32(table.id)
  table.encode(writer, value)
  writer.view.setUint32(start - 4, writer.end - start)
  writer.u8(frameEnd)
}

/** Appends a heartbeat frame (4.2.7). */
export function writeHeartbeat(writer: ByteWriter): void {
  writer.u8(frameHeartbeat)
  writer.u16(0)
  writer.u32(0)
  writer.u8(frameEnd)
}
