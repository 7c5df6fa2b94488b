/**
 * A clock whose hours a test decides. What a message experiences (delays, leases, visibility, age)
 * happens in this time; what a socket experiences (long polls, heartbeats, the turns of the event
 * loop) happens in the machine's, or no client would ever be answered.
 *
 *     schedule(0), soon       the machine's next turn
 *     schedule(later)         when `advance` comes by, in order of time
 */

import { parseDuration } from '../base/duration.ts'
import { Heap } from '../base/heap.ts'
import type { Clock, Timer } from '../engine/ports.ts'
import { systemClock } from '../platform/clock.ts'

/** Turns of the event loop in which one moment's consequences take place, before the next one. */
const turnsBetween = 4
/** And after the last one: a delivery goes through a socket, and its answer comes back. */
const turnsAfter = 12

interface Entry {
  run: (() => void) | undefined
}

/** The manual clock of a test broker. */
export class ManualClock implements Clock {
  readonly #timers = new Heap<Entry>()
  readonly #startAt: number
  #elapsedMs = 0
  #tie = 0

  /** `startAt` in milliseconds since 1970; default: the machine's time. */
  constructor(startAt = systemClock.now()) {
    this.#startAt = startAt
  }

  now(): number {
    return this.#startAt + Math.floor(this.#elapsedMs)
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  soon(run: () => void): void {
    systemClock.soon(run)
  }

  schedule(delayMs: number, run: () => void): Timer {
    const entry: Entry = { run }
    const fire = () => {
      const due = entry.run
      entry.run = undefined
      due?.()
    }
    if (delayMs <= 0) systemClock.soon(fire)
    else this.#timers.push(this.#elapsedMs + delayMs, this.#tie++, { run: fire })
    return {
      cancel: () => {
        entry.run = undefined
      },
    }
  }

  /**
   * Moves time by `'10m'`, or by milliseconds, through every moment at which something is due.
   * Resolves when the consequences in this process have had their turns; what a client does about
   * it, a test waits for.
   */
  async advance(by: string | number): Promise<void> {
    const ms = typeof by === 'number' ? by : parseDuration(by)
    if (ms === undefined || !(ms >= 0)) {
      throw new TypeError(`'${by}' is no duration: write 500ms, 30s, 10m, 12h or 7d`)
    }
    // What is under way happens before time moves: a timer that is about to be set counts from now.
    await turns(turnsBetween)
    const until = this.#elapsedMs + ms
    while (this.#timers.peekKey() <= until) {
      this.#elapsedMs = Math.max(this.#elapsedMs, this.#timers.peekKey())
      while (this.#timers.peekKey() <= this.#elapsedMs) this.#timers.pop()?.run?.()
      await turns(turnsBetween)
    }
    this.#elapsedMs = until
    await turns(turnsAfter)
  }

  /** The same hours, with waits of the machine: for servers, whose clients wait for real. */
  get forSockets(): Clock {
    return { ...systemClock, now: () => this.now() }
  }
}

/** So many turns of the event loop. */
export function turns(count: number): Promise<void> {
  return new Promise(resolve => {
    const next = (left: number) => {
      if (left === 0) resolve()
      else systemClock.soon(() => next(left - 1))
    }
    next(count)
  })
}
