/** The engine's clock on the real machine. */

import { performance } from 'node:perf_hooks'
import type { Clock, Timer } from '../engine/ports.ts'

/** The longest delay that `setTimeout` takes; beyond it, it would fire at once. */
export const timerDelayMax = 2 ** 31 - 1

/**
 * Wall clock, monotonic clock and timers of this process. A schedule keeps the process alive, as an
 * open engine does: it has work to do when the time comes.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  soon: run => {
    setImmediate(run)
  },
  schedule: (delayMs, run) => new SystemTimer(delayMs, run),
}

/** Milliseconds since 1970 of an ISO 8601 text; NaN when it is none. */
export function parseTime(text: string): number {
  return Date.parse(text)
}

/** The other way round, in UTC. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** A timer of any length: the far part is waited for in pieces. */
class SystemTimer implements Timer {
  readonly #dueAt: number
  readonly #run: () => void
  #timeout: ReturnType<typeof setTimeout>

  constructor(delayMs: number, run: () => void) {
    this.#dueAt = performance.now() + delayMs
    this.#run = run
    this.#timeout = this.#arm(delayMs)
  }

  cancel(): void {
    clearTimeout(this.#timeout)
  }

  #arm(delayMs: number): ReturnType<typeof setTimeout> {
    if (delayMs <= timerDelayMax) return setTimeout(this.#run, delayMs)
    return setTimeout(() => {
      this.#timeout = this.#arm(Math.max(0, this.#dueAt - performance.now()))
    }, timerDelayMax)
  }
}
