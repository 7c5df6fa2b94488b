/**
 * Many deadlines of one length, on one timer. Whoever waits the same time as all others is due in
 * the order in which it began, so the first is the only one that a timer is needed for; and there
 * is none while nobody waits.
 */

import { Ring } from '../base/ring.ts'
import type { Clock, Timer } from '../engine/ports.ts'

export interface Deadline {
  /** Met: nothing will be called. */
  cancel(): void
}

class Waiting implements Deadline {
  readonly dueAt: number
  /** Undefined: it was met, or is over. */
  late: (() => void) | undefined
  readonly #owner: Deadlines

  constructor(owner: Deadlines, dueAt: number, late: () => void) {
    this.#owner = owner
    this.dueAt = dueAt
    this.late = late
  }

  cancel(): void {
    if (this.late === undefined) return
    this.late = undefined
    this.#owner.met()
  }
}

export class Deadlines {
  readonly #clock: Clock
  readonly #lengthMs: number
  readonly #waiting = new Ring<Waiting>()
  /** Of those in the ring, how many still wait. */
  #count = 0
  #timer: Timer | undefined
  /** Those that are due are being called: the timer is set afterwards. */
  #isCalling = false

  constructor(clock: Clock, lengthMs: number) {
    this.#clock = clock
    this.#lengthMs = lengthMs
  }

  /** Calls `late` when the time is over, unless it is cancelled before. */
  begin(late: () => void): Deadline {
    const waiting = new Waiting(this, this.#clock.monotonic() + this.#lengthMs, late)
    this.#waiting.push(waiting)
    this.#count++
    if (this.#timer === undefined && !this.#isCalling) this.#arm(this.#lengthMs)
    return waiting
  }

  /** One was cancelled. */
  met(): void {
    this.#count--
    this.#dropMet()
    if (this.#count > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.schedule(delayMs, () => this.#due())
  }

  #dropMet(): void {
    let first = this.#waiting.at(0)
    while (first !== undefined && first.late === undefined) {
      this.#waiting.shift()
      first = this.#waiting.at(0)
    }
  }

  #due(): void {
    this.#timer = undefined
    this.#isCalling = true
    const now = this.#clock.monotonic()
    try {
      for (;;) {
        this.#dropMet()
        const first = this.#waiting.at(0)
        if (first === undefined || first.dueAt > now) break
        const late = first.late!
        first.late = undefined
        this.#count--
        late()
      }
    } finally {
      this.#isCalling = false
      const first = this.#waiting.at(0)
      if (first !== undefined) this.#arm(Math.max(0, first.dueAt - now))
    }
  }
}
