/**
 * The books, kept by somebody who trusts nobody: what was ordered, and what each service has done
 * about it. Effects are noted under the order's id, so doing one twice shows, and changes nothing:
 * that is what makes a consumer idempotent.
 */

export class Ledger {
  /** @type {Map<string, { total: number, poisoned: boolean }>} */
  orders = new Map()
  /** @type {Map<string, Map<string, number>>} service → order → amount */
  effects = new Map()
  /** Deliveries of what had been done before. */
  repeats = 0

  ordered({ id, total }) {
    this.orders.set(id, { total, poisoned: total < 0 })
  }

  /** True when this is the first time that the service does it. */
  note(service, { id, total }) {
    const done = this.effects.get(service) ?? new Map()
    this.effects.set(service, done)
    if (done.has(id)) {
      this.repeats++
      return false
    }
    done.set(id, total)
    return true
  }

  done(service) {
    return this.effects.get(service)?.size ?? 0
  }

  /**
   * One sentence for each thing that is wrong; none: the books balance. `isExact`: every effect was
   * to be written one time, so that a repeat is a mistake.
   */
  faults(services, deadLetters, { isExact = false } = {}) {
    const good = [...this.orders].filter(([, order]) => !order.poisoned)
    const poisoned = this.orders.size - good.length
    const faults = []
    for (const service of services) {
      const done = this.effects.get(service) ?? new Map()
      const missing = good.filter(([id]) => !done.has(id)).length
      if (missing > 0) faults.push(`${service}: ${missing} orders were never handled`)
      for (const id of done.keys()) {
        if (!this.orders.has(id)) faults.push(`${service}: ${id} was never ordered`)
      }
    }
    if (isExact && this.repeats > 0) faults.push(`${this.repeats} effects were written twice`)
    const due = good.reduce((sum, [, { total }]) => sum + total, 0)
    const paid = [...(this.effects.get('payments')?.values() ?? [])].reduce((a, b) => a + b, 0)
    if (paid !== due) faults.push(`paid ${paid}, ordered for ${due}`)
    if (deadLetters !== poisoned) {
      faults.push(`${deadLetters} dead letters for ${poisoned} poisoned orders`)
    }
    return faults
  }
}
