/**
 * Entries that wait for their acknowledgement, by id and in its order. Deliveries come in order, so
 * adding is nearly always at the end; what is taken out stays as a gap until there are many.
 */

import type { Id } from './mapping.ts'

export interface Pending {
  readonly id: Id
  /** Undefined: released with XNACK, nobody's. */
  consumer: Consumer | undefined
  /** 0: released, the first to be claimed. */
  deliveredAt: number
  count: number
  /** Neighbours in the order of deliveries; see `TimeOrder`. */
  before?: Pending | undefined
  after?: Pending | undefined
}

/**
 * The pending entries of a group by the time of their delivery, oldest first: what CLAIM looks at.
 * Deliveries come as time goes by, so adding is nearly always at the end.
 */
export class TimeOrder {
  first: Pending | undefined
  #last: Pending | undefined

  /** How many have been released, and are nobody's. */
  get released(): number {
    let count = 0
    for (let at = this.first; at !== undefined && at.consumer === undefined; at = at.after) count++
    return count
  }

  add(pending: Pending): void {
    let before = this.#last
    if (pending.deliveredAt === 0) before = this.#lastReleased()
    else
      while (before !== undefined && before.deliveredAt > pending.deliveredAt)
        before = before.before
    const after = before === undefined ? this.first : before.after
    pending.before = before
    pending.after = after
    if (before === undefined) this.first = pending
    else before.after = pending
    if (after === undefined) this.#last = pending
    else after.before = pending
  }

  delete(pending: Pending): void {
    const { before, after } = pending
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    pending.before = pending.after = undefined
  }

  #lastReleased(): Pending | undefined {
    let last: Pending | undefined
    for (let at = this.first; at?.deliveredAt === 0; at = at.after) last = at
    return last
  }
}

export interface Consumer {
  readonly name: string
  readonly number: number
  seenAt: number
  /** -1: never. */
  activeAt: number
  readonly pending: PendingList
}

export class PendingList {
  readonly #byId = new Map<Id, Pending>()
  #order: Id[] = []

  get size(): number {
    return this.#byId.size
  }

  get(id: Id): Pending | undefined {
    return this.#byId.get(id)
  }

  add(pending: Pending): void {
    const { id } = pending
    const order = this.#order
    // One that was taken out may still have its place in the order, and takes it again.
    const last = order.length === 0 ? undefined : order[order.length - 1]!
    if (last === undefined || last < id) order.push(id)
    else {
      const at = this.#find(id)
      if (order[at] !== id) order.splice(at, 0, id)
    }
    this.#byId.set(id, pending)
  }

  delete(id: Id): boolean {
    if (!this.#byId.delete(id)) return false
    if (this.#byId.size === 0) this.#order = []
    else if (this.#order.length > 64 && this.#order.length > this.#byId.size * 2) {
      this.#order = this.#order.filter(other => this.#byId.has(other))
    }
    return true
  }

  /** The first one at or after `id`. */
  atOrAfter(id: Id): Pending | undefined {
    for (let at = this.#find(id); at < this.#order.length; at++) {
      const pending = this.#byId.get(this.#order[at]!)
      if (pending !== undefined) return pending
    }
    return undefined
  }

  last(): Pending | undefined {
    for (let at = this.#order.length - 1; at >= 0; at--) {
      const pending = this.#byId.get(this.#order[at]!)
      if (pending !== undefined) return pending
    }
    return undefined
  }

  *from(id: Id): Generator<Pending> {
    const order = this.#order
    for (let at = this.#find(id); at < order.length; at++) {
      const pending = this.#byId.get(order[at]!)
      if (pending !== undefined) yield pending
    }
  }

  #find(id: Id): number {
    let low = 0
    let high = this.#order.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#order[middle]! < id) low = middle + 1
      else high = middle
    }
    return low
  }
}
