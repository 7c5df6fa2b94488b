/** Looking at records without changing anything, and working out what a trim takes. */

import { compareBytes } from '../base/bytes.ts'
import type { Core } from './core.ts'
import type { ReadFrom } from './door.ts'
import type { Standing, StoredRecord } from './model.ts'
import type { Log } from './state/log.ts'

export class Reading {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
  }

  /** At least one record when there is one, however large. */
  read(
    log: Log,
    from: ReadFrom,
    bounds: { readonly countMax: number; readonly bytesMax: number },
  ): StoredRecord[] {
    const { state } = this.#core
    const backwards = 'before' in from
    let position = this.#first(log, from)
    const records: StoredRecord[] = []
    let bytes = 0
    while (position >= 0 && records.length < bounds.countMax) {
      bytes += log.index.bodyAt(position)
      if (records.length > 0 && bytes > bounds.bytesMax) break
      records.push(state.record(log, position))
      position = backwards
        ? log.index.lastAtOrBefore(position - 1)
        : log.index.nextAtOrAfter(position + 1)
    }
    return records
  }

  standings(log: Log, positions: readonly number[]): Standing[] {
    const { queue } = log
    const found: Standing[] = []
    for (const position of positions) {
      if (!log.index.has(position)) continue
      const none = { holder: undefined, leasedAt: undefined, until: undefined }
      if (queue === undefined) {
        found.push({ position, state: 'kept', attempts: 0, ...none })
        continue
      }
      const attempts = queue.attemptsOf(position)
      const lease = queue.leases.get(position)
      const dueAt = queue.delayed.get(position)?.dueAt
      if (lease !== undefined) {
        const { holder, leasedAt, deadline } = lease
        const until = deadline === Infinity ? undefined : deadline
        found.push({ position, state: 'leased', attempts, holder, leasedAt, until })
      } else {
        const state = dueAt === undefined ? 'ready' : 'delayed'
        found.push({ position, state, attempts, ...none, until: dueAt })
      }
    }
    return found
  }

  #first(log: Log, from: ReadFrom): number {
    if ('before' in from) return log.index.lastAtOrBefore(from.before - 1)
    if ('position' in from) return this.#firstFrom(log, from.position)
    if ('time' in from) return this.#firstThat(log, record => record.time >= from.time)
    return this.#firstThat(log, record => compareBytes(record.key, from.key) >= 0)
  }

  /** A position inside a record that spans several is answered with that record. */
  #firstFrom(log: Log, position: number): number {
    if (log.index.has(position)) return position
    const before = log.index.lastAtOrBefore(position)
    if (before >= 0 && before + this.#core.state.record(log, before).span > position) return before
    return log.index.nextAtOrAfter(position)
  }

  /** The first record that `reached` accepts; all records after it are taken to do so, too. */
  #firstThat(log: Log, reached: (record: StoredRecord) => boolean): number {
    const { state } = this.#core
    let low = log.index.nextAtOrAfter(0)
    let high = log.next
    if (low < 0) return -1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const position = log.index.nextAtOrAfter(middle)
      if (position < 0 || position >= high) high = middle
      else if (reached(state.record(log, position))) high = middle
      else low = position + 1
    }
    return log.index.nextAtOrAfter(low)
  }

  peek(log: Log, options: { countMax: number; skip?: number }): StoredRecord[] {
    const records: StoredRecord[] = []
    for (const position of this.#peekable(log, options.skip ?? 0)) {
      if (records.length >= options.countMax) break
      records.push(this.#core.state.record(log, position))
    }
    return records
  }

  *#peekable(log: Log, skip: number): Generator<number> {
    if (log.queue !== undefined) {
      yield* log.queue.readyPositions(skip)
      return
    }
    let position = log.index.nextAtOrAfter(0)
    for (let rest = skip; position >= 0; ) {
      if (rest > 0) rest--
      else yield position
      position = log.index.nextAtOrAfter(position + 1)
    }
  }

  /** The positions that a trim takes, in order, and where the log begins afterwards. */
  cutBy(
    log: Log,
    what:
      | { readonly before: number }
      | { readonly countMax: number }
      | { readonly bytesMax: number }
      | { readonly positions: readonly number[] }
      | { readonly ready: true },
  ): { positions: number[]; first: number } {
    if ('positions' in what) {
      const unique = [...new Set(what.positions)].filter(position => log.index.has(position))
      return { positions: unique.sort((left, right) => left - right), first: log.first }
    }
    if ('ready' in what) {
      const positions = log.queue === undefined ? [] : [...log.queue.readyPositions()]
      return { positions, first: log.first }
    }
    const positions: number[] = []
    let kept = log.index.count
    let keptBytes = log.index.bodyBytes
    let position = log.index.nextAtOrAfter(0)
    while (position >= 0) {
      if ('before' in what && position >= what.before) break
      if ('countMax' in what && kept <= what.countMax) break
      if ('bytesMax' in what && keptBytes <= what.bytesMax) break
      positions.push(position)
      kept--
      keptBytes -= log.index.bodyAt(position)
      position = log.index.nextAtOrAfter(position + 1)
    }
    const before = 'before' in what ? Math.min(what.before, log.next) : 0
    return { positions, first: Math.max(log.first, position < 0 ? log.next : position, before) }
  }
}
