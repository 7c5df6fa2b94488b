/**
 * Order by key inside one process: of the deliveries with one key, only the first is let through,
 * until it is finished. Those without a key all are.
 */

import { Ring } from '../base/ring.ts'

export class Lanes<T> {
  readonly #ready = new Ring<{ readonly item: T; readonly key: string | undefined }>()
  /** Keys in hand, each with those that wait behind. */
  readonly #behind = new Map<string, T[]>()

  /** Those that may run now. */
  get readyCount(): number {
    return this.#ready.length
  }

  add(item: T, key: string | undefined): void {
    const behind = key === undefined ? undefined : this.#behind.get(key)
    if (behind !== undefined) {
      behind.push(item)
      return
    }
    if (key !== undefined) this.#behind.set(key, [])
    this.#ready.push({ item, key })
  }

  /** The next that may run; its key is in hand until `finish`. */
  next(): T | undefined {
    return this.#ready.shift()?.item
  }

  /** The one in hand is done with: the next of its key may run. */
  finish(key: string | undefined): void {
    if (key === undefined) return
    const item = this.#behind.get(key)?.shift()
    if (item === undefined) this.#behind.delete(key)
    else this.#ready.push({ item, key })
  }

  /** Takes out those that wait behind the one in hand, which keeps its place. */
  takeBehind(key: string): readonly T[] {
    return this.#behind.get(key)?.splice(0) ?? []
  }

  /** Takes out all that wait, in order of arrival within each key. */
  takeAll(): readonly T[] {
    const all: T[] = []
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      all.push(next.item)
      if (next.key === undefined) continue
      all.push(...(this.#behind.get(next.key) ?? []))
      this.#behind.delete(next.key)
    }
    for (const behind of this.#behind.values()) all.push(...behind.splice(0))
    return all
  }

  get ready(): number {
    return this.#ready.length
  }
}
