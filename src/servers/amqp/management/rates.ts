/** How fast a number has grown since somebody looked at it last: at least a second ago. */

interface Look {
  readonly atMs: number
  readonly value: number
  readonly rate: number
}

const looksMax = 200_000
const pauseMs = 1000

export class Rates {
  readonly #now: () => number
  readonly #looks = new Map<string, Look>()

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  read(key: string, value: number): { readonly rate: number } {
    const now = this.#now()
    const before = this.#looks.get(key)
    if (before !== undefined && now - before.atMs < pauseMs) return { rate: before.rate }
    const grown = before === undefined ? 0 : value - before.value
    const rate = before === undefined ? 0 : Math.round((grown / (now - before.atMs)) * 1e4) / 10
    if (this.#looks.size >= looksMax) this.#looks.clear()
    this.#looks.set(key, { atMs: now, value, rate })
    return { rate }
  }
}
