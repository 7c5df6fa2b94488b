/**
 * A reader's place in a log, plus its leases. Records before `cursor` have been handed out; those
 * of them that nobody acknowledged are pending, each with one holder (I6). A group never changes
 * the log. Everything here is `apply`.
 */

import { assert } from '../../base/assert.ts'
import { Heap } from '../../base/heap.ts'
import { IntervalSet } from '../../base/interval-set.ts'

export interface Pending {
  readonly position: number
  holder: string
  leasedAt: number
  attempts: number
  /** Wall-clock milliseconds; Infinity: until it is claimed. */
  deadline: number
}

export class Group {
  readonly name: string
  cursor: number
  metadata: Uint8Array | undefined
  /** Keyed by position; in the order of positions only as far as they were handed out so. */
  readonly pending = new Map<number, Pending>()
  /** Given back: pending, without a holder, next in line. */
  readonly returned = new IntervalSet()
  /** Ends of leases; entries that are out of date are skipped. */
  readonly deadlines = new Heap<number>()

  constructor(name: string, cursor: number) {
    this.name = name
    this.cursor = cursor
  }

  /**
   * Hands out a record: a new one, one that was given back, or, after the cursor was set back, one
   * that another holder has; then it is his no more.
   */
  lease(position: number, holder: string, now: number, deadline: number): Pending {
    const before = this.pending.get(position)
    this.returned.delete(position)
    const attempts = (before?.attempts ?? 0) + 1
    const pending = { position, holder, leasedAt: now, attempts, deadline }
    this.hold(pending)
    if (position >= this.cursor) this.cursor = position + 1
    return pending
  }

  hold(pending: Pending): void {
    this.pending.set(pending.position, pending)
    if (pending.deadline !== Infinity)
      this.deadlines.push(pending.deadline, pending.position, pending.position)
  }

  /** Earliest end of a lease; Infinity: none ends. */
  nextDeadline(): number {
    const { deadlines, pending } = this
    while (deadlines.size > 0 && pending.get(deadlines.peek()!)?.deadline !== deadlines.peekKey()) {
      deadlines.pop()
    }
    return deadlines.size > 0 ? deadlines.peekKey() : Infinity
  }

  settle(position: number): void {
    assert(this.pending.delete(position), 'I6: only a pending record is settled')
    this.returned.delete(position)
  }

  giveBack(position: number, counted: boolean): void {
    const pending = this.pending.get(position)
    assert(pending !== undefined, 'I6: only a pending record is returned')
    pending.holder = ''
    pending.deadline = Infinity
    if (!counted) pending.attempts--
    this.returned.add(position)
  }

  extend(
    position: number,
    change: { holder?: string; deadline: number; now: number; attempts: number },
  ): void {
    const pending = this.pending.get(position)
    assert(pending !== undefined, 'I6: only a pending record is extended')
    if (change.holder !== undefined) {
      pending.holder = change.holder
      pending.leasedAt = change.now
      this.returned.delete(position)
    }
    pending.attempts = change.attempts
    pending.deadline = change.deadline
    this.hold(pending)
  }

  /** The log forgets these positions. */
  trim(position: number): void {
    this.pending.delete(position)
    this.returned.delete(position)
  }
}
