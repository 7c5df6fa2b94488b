/**
 * An ordered set of positions (safe integers from 0), kept as disjoint half-open intervals that
 * neither overlap nor touch. A million neighbours cost what one costs.
 *
 *     blocks   ┌──────────────┬──────────────┬──────────────┐   each block: up to 256 intervals in
 *              │ 0-4  7-9  …  │ 900-901 …    │ 4000-9000 …  │   one Float64Array, start and end
 *              └──────────────┴──────────────┴──────────────┘   interleaved, used from head to tail
 *     block    [ · · │ s e s e s e │ · · · ]
 *                    head          tail
 *
 * A change in the middle moves at most one block's intervals; taking the least position and adding
 * behind the greatest are O(1), amortised, and allocate nothing in the long run. The set must not
 * be changed from inside `forEachInterval`.
 */

import { assert } from './assert.ts'

/** Intervals in a full block. */
const blockMax = 256
/** A set with one interval should be small: blocks begin like this and grow by four. */
const blockMin = 4

class Block {
  /** Interleaved starts and ends; interval `i` is at `2 * i`. */
  bounds: Float64Array
  head = 0
  tail = 0

  constructor(capacity: number) {
    this.bounds = new Float64Array(capacity * 2)
  }

  get size(): number {
    return this.tail - this.head
  }

  start(index: number): number {
    return this.bounds[index * 2]!
  }

  end(index: number): number {
    return this.bounds[index * 2 + 1]!
  }

  put(index: number, start: number, end: number): void {
    this.bounds[index * 2] = start
    this.bounds[index * 2 + 1] = end
  }

  /** The last interval that starts at or before `position`; `head - 1` when there is none. */
  floor(position: number): number {
    const bounds = this.bounds
    let low = this.head
    let high = this.tail
    while (low < high) {
      const middle = (low + high) >>> 1
      if (bounds[middle * 2]! <= position) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Moves the intervals to the front, into larger bounds if `capacity` says so. */
  settle(capacity: number): void {
    const used = this.bounds.subarray(this.head * 2, this.tail * 2)
    const bounds = capacity * 2 > this.bounds.length ? new Float64Array(capacity * 2) : this.bounds
    bounds.set(used)
    this.bounds = bounds
    this.tail -= this.head
    this.head = 0
  }

  /** Makes a free slot at `index` (from head to tail) and returns where it is. There is room. */
  open(index: number): number {
    const bounds = this.bounds
    const before = index - this.head
    const after = this.tail - index
    const roomAfter = this.tail * 2 < bounds.length
    if (roomAfter && (after <= before || this.head === 0)) {
      bounds.copyWithin((index + 1) * 2, index * 2, this.tail * 2)
      this.tail++
      return index
    }
    bounds.copyWithin((this.head - 1) * 2, this.head * 2, index * 2)
    this.head--
    return index - 1
  }

  /** Takes out the intervals [from, to). */
  cut(from: number, to: number): void {
    const gone = to - from
    if (from - this.head < this.tail - to) {
      this.bounds.copyWithin((this.head + gone) * 2, this.head * 2, from * 2)
      this.head += gone
    } else {
      this.bounds.copyWithin(from * 2, to * 2, this.tail * 2)
      this.tail -= gone
    }
  }
}

export class IntervalSet {
  readonly #blocks: Block[] = []
  #count = 0
  #intervals = 0
  /** The largest block that became empty; the next new one, if it is large enough. */
  #spare: Block | undefined

  /** A set from `toArray`'s starts and ends. */
  static from(flat: ArrayLike<number>): IntervalSet {
    assert(flat.length % 2 === 0, 'interval set: starts and ends come in pairs')
    const set = new IntervalSet()
    for (let index = 0; index < flat.length; index += 2) {
      set.addRange(flat[index]!, flat[index + 1]!)
    }
    return set
  }

  /** Number of positions. */
  get count(): number {
    return this.#count
  }

  /** Number of intervals: what the set costs. */
  get intervals(): number {
    return this.#intervals
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** The least position, or -1. */
  min(): number {
    const block = this.#blocks[0]
    return block === undefined ? -1 : block.start(block.head)
  }

  /** The greatest position, or -1. */
  max(): number {
    const block = this.#blocks[this.#blocks.length - 1]
    return block === undefined ? -1 : block.end(block.tail - 1) - 1
  }

  has(position: number): boolean {
    const block = this.#blocks[this.#blockOf(position)]
    if (block === undefined) return false
    const index = block.floor(position)
    return index >= block.head && position < block.end(index)
  }

  /** The least position at or after `position`, or -1. */
  nextAtOrAfter(position: number): number {
    const at = this.#blockOf(position)
    if (at < 0) return this.min()
    const block = this.#blocks[at]!
    const index = block.floor(position)
    if (position < block.end(index)) return position
    if (index + 1 < block.tail) return block.start(index + 1)
    const next = this.#blocks[at + 1]
    return next === undefined ? -1 : next.start(next.head)
  }

  /** False if it was there. */
  add(position: number): boolean {
    const blocks = this.#blocks
    const last = blocks[blocks.length - 1]
    if (last !== undefined) {
      const end = last.end(last.tail - 1)
      if (position === end) {
        last.bounds[last.tail * 2 - 1] = end + 1
        this.#count++
        return true
      }
      if (position > end && position < Number.MAX_SAFE_INTEGER) {
        this.#append(position, position + 1)
        return true
      }
      if (this.has(position)) return false
    }
    this.addRange(position, position + 1)
    return true
  }

  /** Adds [start, end). Positions that are there already stay. */
  addRange(start: number, end: number): void {
    assert(start >= 0 && end <= Number.MAX_SAFE_INTEGER, 'interval set: a safe position')
    if (start >= end) return
    const at = this.#blockOf(start)
    if (at < 0) {
      if (this.#blocks.length === 0) this.#append(start, end)
      else this.#join(0, this.#blocks[0]!.head, start, end)
      return
    }
    const block = this.#blocks[at]!
    const index = block.floor(start)
    const next = this.#blocks[at + 1]
    if (block.end(index) >= start) this.#join(at, index, start, end)
    else if (index + 1 < block.tail) this.#join(at, index + 1, start, end)
    else if (next === undefined) this.#append(start, end)
    else if (next.start(next.head) <= end) this.#join(at + 1, next.head, start, end)
    else this.#insert(at, index + 1, start, end)
  }

  /** False if it was not there. */
  delete(position: number): boolean {
    return this.deleteRange(position, position + 1) === 1
  }

  /** Takes [start, end) out; returns how many positions were there. */
  deleteRange(start: number, end: number): number {
    const counted = this.#count
    if (start >= end || counted === 0) return 0
    const at = Math.max(0, this.#blockOf(start))
    const block = this.#blocks[at]!
    let index = block.floor(start)
    if (index < block.head) index = block.head
    else if (block.start(index) < start) {
      const ownEnd = block.end(index)
      if (ownEnd > start) {
        block.bounds[index * 2 + 1] = start
        this.#count -= ownEnd - start
        if (ownEnd > end) {
          this.#insert(at, index + 1, end, ownEnd)
          return counted - this.#count
        }
      }
      index++
    }
    this.#cutFrom(at, index, end)
    return counted - this.#count
  }

  /** Takes out the least position and returns it; -1 when the set is empty. */
  shift(): number {
    const block = this.#blocks[0]
    if (block === undefined) return -1
    const slot = block.head * 2
    const position = block.bounds[slot]!
    this.#count--
    if (position + 1 < block.bounds[slot + 1]!) block.bounds[slot] = position + 1
    else {
      block.head++
      this.#intervals--
      if (block.head === block.tail) this.#removeBlock(0)
    }
    return position
  }

  forEachInterval(visit: (start: number, end: number) => void): void {
    for (const block of this.#blocks) {
      for (let index = block.head; index < block.tail; index++) {
        visit(block.start(index), block.end(index))
      }
    }
  }

  /** The position that `rank` others come before, or -1: by intervals, not by positions. */
  atRank(rank: number): number {
    let rest = rank
    for (const block of this.#blocks) {
      for (let index = block.head; index < block.tail; index++) {
        const length = block.end(index) - block.start(index)
        if (rest < length) return block.start(index) + rest
        rest -= length
      }
    }
    return -1
  }

  clear(): void {
    this.#blocks.length = 0
    this.#count = 0
    this.#intervals = 0
    this.#spare = undefined
  }

  /** Starts and ends, interleaved, in order. */
  toArray(): Float64Array {
    const flat = new Float64Array(this.#intervals * 2)
    let at = 0
    for (const block of this.#blocks) {
      flat.set(block.bounds.subarray(block.head * 2, block.tail * 2), at)
      at += block.size * 2
    }
    return flat
  }

  /** The last block that starts at or before `position`, or -1. The ends are tried first. */
  #blockOf(position: number): number {
    const blocks = this.#blocks
    let high = blocks.length
    if (high === 0) return -1
    const last = blocks[high - 1]!
    if (last.bounds[last.head * 2]! <= position) return high - 1
    let low = 0
    if (high > 1) {
      const second = blocks[1]!
      if (position < second.bounds[second.head * 2]!) high = 1
    }
    while (low < high) {
      const middle = (low + high) >>> 1
      const block = blocks[middle]!
      if (block.bounds[block.head * 2]! <= position) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Unites [start, end) with interval `index` and with those behind it, if they meet. */
  #join(at: number, index: number, start: number, end: number): void {
    const block = this.#blocks[at]!
    const ownStart = block.start(index)
    const ownEnd = block.end(index)
    if (ownStart > end) {
      this.#insert(at, index, start, end)
      return
    }
    const joinedStart = Math.min(start, ownStart)
    this.#count += ownStart - joinedStart
    block.bounds[index * 2] = joinedStart
    if (end <= ownEnd) return
    let joinedEnd = end
    const next = this.nextAtOrAfter(ownEnd)
    if (next >= 0 && next <= end) {
      // Rare: the new interval reaches others. They go, and the last one gives its end.
      const touched = this.#endOf(end)
      if (touched > joinedEnd) joinedEnd = touched
      this.deleteRange(ownEnd, joinedEnd)
      const again = this.#blockOf(joinedStart)
      const owner = this.#blocks[again]!
      owner.bounds[owner.floor(joinedStart) * 2 + 1] = joinedEnd
    } else block.bounds[index * 2 + 1] = joinedEnd
    this.#count += joinedEnd - ownEnd
  }

  /** Takes out what lies before `end`, beginning with an interval that does so at its start. */
  #cutFrom(firstBlock: number, firstIndex: number, end: number): void {
    let at = firstBlock
    let index = firstIndex
    for (let block = this.#blocks[at]; block !== undefined; block = this.#blocks[at]) {
      if (at !== firstBlock || index < block.head) index = block.head
      let to = index
      while (to < block.tail && block.end(to) <= end) {
        this.#count -= block.end(to) - block.start(to)
        to++
      }
      const isLast = to < block.tail
      if (isLast && block.start(to) < end) {
        this.#count -= end - block.start(to)
        block.bounds[to * 2] = end
      }
      this.#intervals -= to - index
      if (to > index) block.cut(index, to)
      if (isLast) break
      if (block.size === 0) {
        this.#removeBlock(at)
        index = -1
      } else at++
    }
    this.#merge(Math.min(at, this.#blocks.length - 1))
  }

  /** The end of the interval that holds `position` or ends there, or -1. */
  #endOf(position: number): number {
    const block = this.#blocks[this.#blockOf(position)]
    if (block === undefined) return -1
    const end = block.end(block.floor(position))
    return end >= position ? end : -1
  }

  #append(start: number, end: number): void {
    const blocks = this.#blocks
    let block = blocks[blocks.length - 1]
    if (block === undefined || (block.tail === blockMax && block.size > blockMax / 2)) {
      block = this.#newBlock(block === undefined ? blockMin : blockMax)
      blocks.push(block)
    }
    const capacity = block.bounds.length / 2
    if (block.tail === capacity) {
      block.settle(block.size > capacity / 2 ? Math.min(blockMax, capacity * 4) : capacity)
    }
    block.put(block.tail++, start, end)
    this.#count += end - start
    this.#intervals++
  }

  /** Puts [start, end) at `index` of a block; it meets no other. */
  #insert(at: number, index: number, start: number, end: number): void {
    let block = this.#blocks[at]!
    let slot = index
    if (block.size === block.bounds.length / 2) {
      if (block.size < blockMax) {
        slot -= block.head
        block.settle(Math.min(blockMax, block.size * 4))
      } else {
        const half = block.head + blockMax / 2
        const upper = this.#newBlock(blockMax)
        upper.bounds.set(block.bounds.subarray(half * 2, block.tail * 2))
        upper.tail = block.tail - half
        block.tail = half
        this.#blocks.splice(at + 1, 0, upper)
        if (slot > half) {
          slot -= half
          block = upper
        }
      }
    }
    block.put(block.open(slot), start, end)
    this.#count += end - start
    this.#intervals++
  }

  #newBlock(capacity: number): Block {
    const spare = this.#spare
    if (spare === undefined || spare.bounds.length < capacity * 2) return new Block(capacity)
    this.#spare = undefined
    spare.head = 0
    spare.tail = 0
    return spare
  }

  #removeBlock(at: number): void {
    const block = this.#blocks[at]!
    if (at === 0) this.#blocks.shift()
    else this.#blocks.splice(at, 1)
    if (block.bounds.length >= (this.#spare?.bounds.length ?? 0)) this.#spare = block
  }

  /** Joins a block that has become small with its neighbour, so that holes do not cost blocks. */
  #merge(at: number): void {
    const block = this.#blocks[at]
    if (block === undefined || block.size > blockMax / 4) return
    const next = this.#blocks[at + 1]
    if (next !== undefined && block.size + next.size <= blockMax / 2) this.#unite(at)
    const before = this.#blocks[at - 1]
    if (before !== undefined && before.size + block.size <= blockMax / 2) this.#unite(at - 1)
  }

  #unite(at: number): void {
    const left = this.#blocks[at]!
    const right = this.#blocks[at + 1]!
    left.settle(Math.min(blockMax, Math.max(left.bounds.length / 2, left.size + right.size)))
    left.bounds.set(right.bounds.subarray(right.head * 2, right.tail * 2), left.tail * 2)
    left.tail += right.size
    this.#removeBlock(at + 1)
  }
}
