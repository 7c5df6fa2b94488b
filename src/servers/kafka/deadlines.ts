/** Moments at which something of this server is due: one heap, one timer. */

import { Heap } from '../../base/heap.ts'
import { EngineFailure } from '../../engine/errors.ts'
import type { Clock, Timer } from '../../engine/ports.ts'

export interface Deadline {
  cancel(): void
}

interface Entry {
  run: (() => void) | undefined
}

export class Deadlines {
  readonly #clock: Clock
  readonly #heap = new Heap<Entry>()
  #timer: Timer | undefined
  #armedAt = Infinity
  #tie = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  after(delayMs: number, run: () => void): Deadline {
    const entry: Entry = { run }
    this.#heap.push(this.#clock.monotonic() + delayMs, this.#tie++, entry)
    this.#arm()
    return {
      cancel: () => {
        entry.run = undefined
      },
    }
  }

  /** For the end of the server. */
  stop(): void {
    this.#timer?.cancel()
    this.#heap.clear()
    this.#armedAt = Infinity
  }

  #arm(): void {
    const at = this.#heap.peekKey()
    if (at >= this.#armedAt) return
    this.#timer?.cancel()
    this.#armedAt = at
    const delayMs = Math.max(0, at - this.#clock.monotonic())
    this.#timer = this.#clock.schedule(delayMs, () => this.#fire())
  }

  #fire(): void {
    this.#armedAt = Infinity
    this.#timer = undefined
    const now = this.#clock.monotonic()
    try {
      while (this.#heap.peekKey() <= now) this.#heap.pop()?.run?.()
    } catch (error) {
      // Without an engine nothing is ever due again.
      if (!(error instanceof EngineFailure)) throw error
      this.stop()
    }
    if (this.#heap.size > 0) this.#arm()
  }
}
