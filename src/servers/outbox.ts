/**
 * What leaves for a peer: the commit gate (I1), double buffering and the marks for backpressure.
 *
 *     sealed slabs (full, or nearly)       the writer's slab
 *     ┌────────────┬────────────┐  ┌────────────┬────────────┐
 *     │ sent       │ held       │  │ held       │ not yet    │ free …
 *     └────────────┴────────────┘  └────────────┴────────────┘
 *                  sentTo                       heldTo      writtenTo
 *
 * Offsets count all bytes since the connection began. A mark says: the bytes up to this offset wait
 * for that journal position. Nothing is copied on its way: a slab that has been handed over belongs
 * to the transport until it is done, and new replies go into another one. Slabs come from a pool
 * and go back to it, so that a silent connection holds none.
 *
 * It does not know who calls `flush`; that is the listener.
 */

import { assert } from '../base/assert.ts'
import { ByteWriter, noBytes } from '../base/bytes.ts'
import type { Outbox } from './connection.ts'
import { serverLimits } from './limits.ts'
import type { Link } from './transport.ts'

const emptyView = new DataView(noBytes.buffer)

/** Slabs of three sizes for all connections together. */
export class SlabPool {
  readonly #small: Uint8Array[] = []
  readonly #large: Uint8Array[] = []
  readonly #huge: Uint8Array[] = []

  take(count: number): Uint8Array {
    const { slabBytesSmall, slabBytesLarge, slabBytesHuge } = serverLimits
    if (count <= slabBytesSmall) return this.#small.pop() ?? new Uint8Array(slabBytesSmall)
    if (count <= slabBytesLarge) return this.#large.pop() ?? new Uint8Array(slabBytesLarge)
    // A reply that grows, and does not say how far, need not hold one of the few huge ones.
    const isNearlyHuge = count > slabBytesHuge / 2 && count <= slabBytesHuge
    if (isNearlyHuge) return this.#huge.pop() ?? new Uint8Array(slabBytesHuge)
    let capacity = slabBytesLarge * 2
    while (capacity < count) capacity *= 2
    return new Uint8Array(capacity)
  }

  /** Takes back a slab that nobody writes or sends any more; odd sizes are let go. */
  give(slab: Uint8Array): void {
    const { slabBytesSmall, slabBytesLarge, slabBytesHuge } = serverLimits
    const { slabsSmallMax, slabsLargeMax, slabsHugeMax } = serverLimits
    if (slab.length === slabBytesSmall && this.#small.length < slabsSmallMax) {
      this.#small.push(slab)
    } else if (slab.length === slabBytesLarge && this.#large.length < slabsLargeMax) {
      this.#large.push(slab)
    } else if (slab.length === slabBytesHuge && this.#huge.length < slabsHugeMax) {
      this.#huge.push(slab)
    }
  }

  get kept(): { readonly small: number; readonly large: number; readonly huge: number } {
    return { small: this.#small.length, large: this.#large.length, huge: this.#huge.length }
  }
}

/** A writer that takes its slab from the pool when the first byte is written. */
class SlabWriter extends ByteWriter {
  readonly #pool: SlabPool
  /** A connection that was busy in its last turn starts the next one with a large slab. */
  busy = false

  constructor(pool: SlabPool) {
    super(0)
    this.#pool = pool
    this.leave()
  }

  override reserve(count: number): void {
    const needed = this.end + count
    if (needed <= this.bytes.length) return
    const least = this.busy || this.end > 0 ? serverLimits.slabBytesSmall + 1 : 1
    const slab = this.#pool.take(Math.max(needed, least))
    // The old slab may be on its way out in part, so it is left to the garbage collector.
    if (this.end > 0) slab.set(this.bytes.subarray(0, this.end))
    this.bytes = slab
    this.view = new DataView(slab.buffer)
  }

  /** Gives up the slab, which its caller keeps. */
  leave(): void {
    this.busy = this.end > serverLimits.slabBytesSmall
    this.bytes = noBytes
    this.view = emptyView
    this.end = 0
  }
}

/** A slab that takes no more replies; `start` and `end` are offsets in the stream. */
interface Sealed {
  readonly slab: Uint8Array
  readonly start: number
  readonly end: number
}

/** One write that the transport has not finished, and the slabs that are free after it. */
interface Flight {
  readonly to: number
  readonly slabs: readonly Uint8Array[]
}

export interface OutboxLimits {
  readonly bytesHigh: number
  readonly bytesLow: number
  readonly bytesMax: number
}

export interface OutboxEvents {
  /** There is something to flush, for the first time since the last flush that left nothing. */
  onDirty(): void
  /** Below the low mark, after it had been above the high one. */
  onDrained(): void
}

const defaultLimits: OutboxLimits = {
  bytesHigh: serverLimits.outboxBytesHigh,
  bytesLow: serverLimits.outboxBytesLow,
  bytesMax: serverLimits.outboxBytesMax,
}

type Way = Pick<Link, 'write' | 'end' | 'destroy'>

export class GatedOutbox implements Outbox {
  readonly writer: ByteWriter
  readonly #slabs: SlabWriter
  readonly #way: Way
  readonly #events: OutboxEvents
  readonly #pool: SlabPool
  readonly #limits: OutboxLimits

  readonly #sealed: Sealed[] = []
  readonly #flights: Flight[] = []
  /** Marks [first, length) are open: bytes up to `offsets[i]` wait for `gates[i]`. */
  readonly #offsets: number[] = []
  readonly #gates: number[] = []
  #first = 0

  /** Offset of the first byte of the writer's slab. */
  #base = 0
  #heldTo = 0
  #sentTo = 0
  #doneTo = 0
  #lastGate = 0

  #congested = false
  #quiet = false
  #dirty = false
  #ending = false
  #closed = false
  readonly #done = (): void => this.#landed()

  constructor(way: Way, events: OutboxEvents, pool: SlabPool, limits = defaultLimits) {
    this.#slabs = new SlabWriter(pool)
    this.writer = this.#slabs
    this.#way = way
    this.#events = events
    this.#pool = pool
    this.#limits = limits
  }

  get size(): number {
    return this.#base + this.writer.end - this.#doneTo
  }

  get unread(): number {
    return this.#sentTo - this.#doneTo
  }

  get left(): number {
    return this.#doneTo
  }

  get congested(): boolean {
    return this.#congested || this.#quiet
  }

  /** Nothing will be sent any more: the way out is closed, or everything before `end` has left. */
  get finished(): boolean {
    return this.#closed
  }

  /** True from `end` or `destroy` on. */
  get ending(): boolean {
    return this.#ending || this.#closed
  }

  /** From now on it says that it is congested, so that deliveries stop; replies still leave. */
  quiet(): void {
    this.#quiet = true
  }

  hold(gate: number): void {
    if (this.#ending || this.#closed) {
      this.#dropUnheld()
      return
    }
    const writtenTo = this.#base + this.writer.end
    if (writtenTo === this.#heldTo) return
    // Bytes leave in order, so a lower gate behind a higher one means the higher one.
    const last = this.#offsets.length - 1
    if (last >= this.#first && gate <= this.#gates[last]!) {
      this.#offsets[last] = writtenTo
    } else {
      if (gate > this.#lastGate) this.#lastGate = gate
      this.#offsets.push(writtenTo)
      this.#gates.push(this.#lastGate)
    }
    this.#heldTo = writtenTo
    if (this.writer.end >= serverLimits.slabBytesSeal) this.#seal()

    const size = writtenTo - this.#doneTo
    if (size >= this.#limits.bytesHigh) this.#congested = true
    if (size > this.#limits.bytesMax) {
      this.destroy()
      return
    }
    if (!this.#dirty) {
      this.#dirty = true
      this.#events.onDirty()
    }
  }

  /** Between two marks, and so between two frames. */
  ahead(bytes: Uint8Array): void {
    if (this.#ending || this.#closed) return
    this.#flights.push({ to: this.#sentTo, slabs: [] })
    this.#way.write([bytes], this.#done)
  }

  /**
   * Hands everything whose gate is at most `released` to the transport, in one write. Returns true
   * when nothing held is left.
   */
  flush(released: number): boolean {
    if (this.#closed) return true
    const to = this.#takeReleased(released)
    if (to > this.#sentTo) this.#send(to)
    if (this.#sentTo < this.#heldTo) return false
    this.#dirty = false
    if (this.#ending) {
      this.#closed = true
      this.#way.end()
    }
    return true
  }

  end(): void {
    if (this.#ending || this.#closed) return
    // What nobody has held yet waits for the last gate that was named.
    this.hold(this.#lastGate)
    if (this.#closed) return
    this.#ending = true
    if (!this.#dirty) {
      this.#dirty = true
      this.#events.onDirty()
    }
  }

  destroy(): void {
    if (this.#closed) {
      this.#way.destroy()
      return
    }
    this.#closed = true
    this.#forget()
    this.#way.destroy()
  }

  /** The transport is closed: what is left goes nowhere. */
  gone(): void {
    this.#closed = true
    this.#forget()
  }

  /** Closes the marks up to `released`; returns the offset up to which bytes may leave. */
  #takeReleased(released: number): number {
    let to = this.#sentTo
    let first = this.#first
    const count = this.#offsets.length
    while (first < count && this.#gates[first]! <= released) {
      assert(this.#offsets[first]! > to, 'I1: marks rise')
      to = this.#offsets[first]!
      first++
    }
    if (first === count) {
      this.#offsets.length = 0
      this.#gates.length = 0
      first = 0
    } else if (first >= 64 && first * 2 >= count) {
      this.#offsets.splice(0, first)
      this.#gates.splice(0, first)
      first = 0
    }
    this.#first = first
    return to
  }

  #send(to: number): void {
    const parts: Uint8Array[] = []
    const free: Uint8Array[] = []
    let from = this.#sentTo
    let full = 0
    for (const { slab, start, end } of this.#sealed) {
      if (from >= to) break
      const until = Math.min(end, to)
      parts.push(slab.subarray(from - start, until - start))
      from = until
      if (until === end) {
        free.push(slab)
        full++
      }
    }
    if (full > 0) this.#sealed.splice(0, full)
    if (from < to) {
      parts.push(this.writer.bytes.subarray(from - this.#base, to - this.#base))
      if (to === this.#base + this.writer.end) {
        free.push(this.writer.bytes)
        this.#base = to
        this.#slabs.leave()
      }
    }
    assert(to <= this.#heldTo, 'I1: only held bytes leave')
    this.#sentTo = to
    this.#flights.push({ to, slabs: free })
    this.#way.write(parts, this.#done)
  }

  #seal(): void {
    const end = this.#base + this.writer.end
    this.#sealed.push({ slab: this.writer.bytes, start: this.#base, end })
    this.#base = end
    this.#slabs.leave()
  }

  #landed(): void {
    const flight = this.#flights.shift()
    if (flight === undefined) return
    this.#doneTo = flight.to
    for (const slab of flight.slabs) this.#pool.give(slab)
    if (this.#congested && !this.#closed && this.size <= this.#limits.bytesLow) {
      this.#congested = false
      if (!this.#quiet) this.#events.onDrained()
    }
  }

  #dropUnheld(): void {
    if (this.#heldTo > this.#base) this.writer.end = this.#heldTo - this.#base
    else if (this.writer.end > 0) this.#slabs.leave()
  }

  /** Lets go of everything; slabs on their way out are left to the garbage collector. */
  #forget(): void {
    this.#slabs.leave()
    this.#sealed.length = 0
    this.#flights.length = 0
    this.#offsets.length = 0
    this.#gates.length = 0
    this.#first = 0
    this.#base = this.#heldTo
    this.#sentTo = this.#heldTo
    this.#doneTo = this.#heldTo
  }
}
