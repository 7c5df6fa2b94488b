/** The commit gate for answers that are not written to an outbox. */

import type { EngineDoor } from '../engine/engine.ts'

export class Releases {
  readonly #engine: EngineDoor
  /** Ordered by gate, because gates rise. */
  readonly #waiting: { readonly gate: number; readonly resolve: () => void }[] = []

  constructor(engine: EngineDoor) {
    this.#engine = engine
    engine.onReleased(() => this.#wake())
  }

  /** Resolves when everything done so far is durable under the chosen policy. */
  all(): Promise<void> {
    return this.#until(this.#engine.gate)
  }

  /** Resolves when the records handed out so far are durable. */
  records(): Promise<void> {
    return this.#until(this.#engine.recordGate)
  }

  #until(gate: number): Promise<void> {
    if (gate <= this.#engine.released) return Promise.resolve()
    return new Promise(resolve => {
      this.#waiting.push({ gate, resolve })
    })
  }

  #wake(): void {
    if (this.#waiting.length === 0) return
    const released = this.#engine.released
    let kept = 0
    for (const waiter of this.#waiting) {
      if (waiter.gate <= released) waiter.resolve()
      else this.#waiting[kept++] = waiter
    }
    this.#waiting.length = kept
  }
}
