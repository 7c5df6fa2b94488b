/**
 * The simulated clock: time stands still until a test moves it, and everything that was asked to
 * run later runs then, in a fixed order.
 *
 *     soon      first come, first served; before any timer
 *     timers    by due time, then by the order in which they were set
 *
 * The wall clock is the monotonic clock plus an offset, which a test may step either way.
 */

import { assert } from '../base/assert.ts'
import { Heap } from '../base/heap.ts'
import { Ring } from '../base/ring.ts'
import type { Clock, Timer } from '../engine/ports.ts'

/** More events than this without a pause: something wakes itself for ever. */
const eventsMax = 10_000_000

class SimulatedTimer implements Timer {
  run: (() => void) | undefined
  readonly dueAt: number

  constructor(dueAt: number, run: () => void) {
    this.dueAt = dueAt
    this.run = run
  }

  cancel(): void {
    this.run = undefined
  }
}

export class SimulatedClock implements Clock {
  readonly #soon = new Ring<() => void>()
  readonly #timers = new Heap<SimulatedTimer>()
  #monotonic = 0
  #wallOffset: number
  #sequence = 0

  /** `startAt` is the wall clock's first reading in milliseconds since 1970. */
  constructor(startAt = Date.UTC(2026, 0, 1)) {
    this.#wallOffset = startAt
  }

  now(): number {
    return Math.floor(this.#monotonic + this.#wallOffset)
  }

  monotonic(): number {
    return this.#monotonic
  }

  soon(run: () => void): void {
    this.#soon.push(run)
  }

  schedule(delayMs: number, run: () => void): Timer {
    const dueAt = this.#monotonic + Math.max(0, delayMs)
    const timer = new SimulatedTimer(dueAt, run)
    this.#timers.push(dueAt, this.#sequence++, timer)
    return timer
  }

  /** Moves the wall clock alone, forward or back, as an operator or a time server does. */
  stepWall(ms: number): void {
    this.#wallOffset += ms
  }

  /** How many have asked to run soon. */
  get soonCount(): number {
    return this.#soon.length
  }

  /** Milliseconds until the next event; 0 when something is due, infinity when nothing waits. */
  untilNext(): number {
    if (this.#soon.length > 0) return 0
    this.#skipCancelled()
    return Math.max(0, this.#timers.peekKey() - this.#monotonic)
  }

  /** Runs the next event, moving time to it when it is a timer; false when nothing waits. */
  step(): boolean {
    const run = this.#soon.shift()
    if (run !== undefined) {
      run()
      return true
    }
    this.#skipCancelled()
    const timer = this.#timers.pop()
    if (timer === undefined) return false
    this.#monotonic = Math.max(this.#monotonic, timer.dueAt)
    const due = timer.run!
    timer.run = undefined
    due()
    return true
  }

  /** Runs everything that asked to run soon, and what that asks for, without moving time. */
  runSoon(): void {
    for (let count = 0; this.#soon.length > 0; count++) {
      assert(count < eventsMax, 'simulated clock: an end to what runs soon')
      this.step()
    }
  }

  /** Moves time by `ms`, running everything that comes due on the way. */
  advance(ms: number): void {
    const until = this.#monotonic + ms
    for (let count = 0; this.#monotonic + this.untilNext() <= until; count++) {
      assert(count < eventsMax, 'simulated clock: an end to what comes due')
      this.step()
    }
    this.#monotonic = until
  }

  /** Runs events until none waits, or until `limitMs` have passed; true when none waits. */
  runUntilIdle(limitMs = 60_000): boolean {
    const until = this.#monotonic + limitMs
    for (let count = 0; this.#monotonic + this.untilNext() <= until; count++) {
      assert(count < eventsMax, 'simulated clock: an end to what comes due')
      if (!this.step()) return true
    }
    return this.untilNext() === Number.POSITIVE_INFINITY
  }

  /** Forgets everything that waits: the process that asked for it is gone. */
  clear(): void {
    this.#soon.clear()
    this.#timers.clear()
  }

  #skipCancelled(): void {
    for (let next = this.#timers.peek(); next !== undefined && next.run === undefined; ) {
      this.#timers.pop()
      next = this.#timers.peek()
    }
  }
}
