/**
 * The deliveries of one channel that wait for an acknowledgement, by delivery tag.
 *
 * Tags rise by one, so the entries are a ring of two arrays: the record's position, and who holds
 * its lease. A settled entry is a hole; `low` is the oldest that is not. An acknowledgement of one
 * costs two array writes, of a range as many as it has entries.
 */

import { assert } from '../../base/assert.ts'
import { limits } from './limits.ts'

export class Unacked<Holder> {
  #positions = new Float64Array(16)
  #holders: (Holder | undefined)[] = new Array(16).fill(undefined)
  #mask = 15
  /** Every entry below is settled. */
  #low = 1
  #next = 1
  #size = 0

  /** Entries that wait. */
  get size(): number {
    return this.#size
  }

  /** The tag that the next delivery gets. */
  get nextTag(): number {
    return this.#next
  }

  /** The oldest tag that waits; `nextTag` when none does. */
  get lowTag(): number {
    return this.#low
  }

  get full(): boolean {
    return this.#next - this.#low >= limits.unackedMax
  }

  /** A tag for a delivery that needs no acknowledgement. */
  skip(): number {
    if (this.#low === this.#next) this.#low++
    else if (this.#next - this.#low > this.#mask) this.#grow(this.#next + 1 - this.#low)
    return this.#next++
  }

  add(position: number, holder: Holder): number {
    const tag = this.#next
    if (tag - this.#low > this.#mask) this.#grow(tag + 1 - this.#low)
    const slot = tag & this.#mask
    assert(this.#holders[slot] === undefined, 'I6: a tag waits once')
    this.#positions[slot] = position
    this.#holders[slot] = holder
    this.#next = tag + 1
    this.#size++
    return tag
  }

  has(tag: number): boolean {
    return tag >= this.#low && tag < this.#next && this.#holders[tag & this.#mask] !== undefined
  }

  /** Takes one out; false when it does not wait. */
  take(tag: number, into: (position: number, holder: Holder, tag: number) => void): boolean {
    if (!(tag >= this.#low && tag < this.#next)) return false
    const slot = tag & this.#mask
    const holder = this.#holders[slot]
    if (holder === undefined) return false
    this.#holders[slot] = undefined
    this.#size--
    if (tag === this.#low) this.#raiseLow()
    into(this.#positions[slot]!, holder, tag)
    return true
  }

  /** Takes out everything up to `tag`, oldest first. */
  takeThrough(tag: number, into: (position: number, holder: Holder, tag: number) => void): void {
    const end = Math.min(tag + 1, this.#next)
    for (let at = this.#low; at < end; at++) {
      const slot = at & this.#mask
      const holder = this.#holders[slot]
      if (holder === undefined) continue
      this.#holders[slot] = undefined
      this.#size--
      into(this.#positions[slot]!, holder, at)
    }
    if (end > this.#low) this.#low = end
    this.#raiseLow()
  }

  /** The oldest tag of one holder that waits. */
  lowTagOf(holder: Holder): number | undefined {
    for (let tag = this.#low; tag < this.#next; tag++) {
      if (this.#holders[tag & this.#mask] === holder) return tag
    }
    return undefined
  }

  /** Takes out everything of one holder, oldest first. */
  takeOf(holder: Holder, into: (position: number, holder: Holder, tag: number) => void): void {
    for (let tag = this.#low; tag < this.#next; tag++) {
      if (this.#holders[tag & this.#mask] === holder) this.take(tag, into)
    }
  }

  /** Puts one back that was taken: a transaction was rolled back. */
  restore(tag: number, position: number, holder: Holder): void {
    assert(tag < this.#next, 'a tag that was given')
    const low = Math.min(this.#low, tag)
    if (this.#next - low > this.#mask + 1) this.#grow(this.#next - low)
    this.#low = low
    const slot = tag & this.#mask
    assert(this.#holders[slot] === undefined, 'I6: a tag waits once')
    this.#positions[slot] = position
    this.#holders[slot] = holder
    this.#size++
  }

  #raiseLow(): void {
    let low = this.#low
    while (low < this.#next && this.#holders[low & this.#mask] === undefined) low++
    this.#low = low
  }

  #grow(needed: number): void {
    let capacity = (this.#mask + 1) * 2
    while (capacity < needed) capacity *= 2
    const positions = new Float64Array(capacity)
    const holders: (Holder | undefined)[] = new Array(capacity).fill(undefined)
    for (let tag = this.#low; tag < this.#next; tag++) {
      const from = tag & this.#mask
      const to = tag & (capacity - 1)
      positions[to] = this.#positions[from]!
      holders[to] = this.#holders[from]
    }
    this.#positions = positions
    this.#holders = holders
    this.#mask = capacity - 1
  }
}
