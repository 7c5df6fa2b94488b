/**
 * Records on their way out: handed to subscribers or leased on request, and what becomes of them
 * afterwards. Leases are journaled lazily: a crash may forget the last few, which means that a
 * record comes again, never that it is lost.
 */

import { assert } from '../base/assert.ts'
import type { Core } from './core.ts'
import { done, type Outcome, refused } from './errors.ts'
import { giveBackLapsed } from './group-leasing.ts'
import { rangesOf, writePositions } from './journal/effects.ts'
import { type EntryRecord, kinds } from './journal/format.ts'
import { once } from './lease-target.ts'
import { limits } from './limits.ts'
import type { Delivery, PendingInfo, QueueConfig, Settlement } from './model.ts'
import type { Group } from './state/group.ts'
import type { Log, Subscribed } from './state/log.ts'
import type { Lane, Queue } from './state/queue.ts'
import type { Entry } from './state/record-index.ts'
import type { Storing } from './storing.ts'
import { nextSubscriber } from './subscribing.ts'

/** A record on its way to a subscriber: where it is, because it may be settled already. */
interface Handed {
  readonly to: Subscribed
  readonly position: number
  readonly attempts: number
  readonly at: Entry
}

export class Leasing {
  readonly #core: Core
  readonly #storing: Storing
  /** What `#nextAlive` has read to find its position, if it had to. */
  #alive: EntryRecord | undefined
  /** Where the record is that was read last. */
  readonly #at: Entry = { file: 0, offset: 0, length: 0, body: 0 }

  constructor(core: Core, storing: Storing) {
    this.#core = core
    this.#storing = storing
  }

  // Handing out

  /** Serves the subscribers of a queue, in batches, until one of the two sides is exhausted. */
  handOut(log: Log): void {
    const { traffic, queue } = log
    for (const watcher of traffic.watchers) {
      const { position } = watcher
      if (position === 'ready') {
        // Whoever was woken before may have taken everything.
        if (queue === undefined || queue.next() < 0 || traffic.paused) continue
      } else if (log.next <= position && log.first <= position) continue
      traffic.watchers.delete(watcher)
      watcher.wake()
    }
    this.serve(log)
  }

  /** One batch of what is ready, to subscribers alone. */
  serve(log: Log): void {
    const { traffic, queue } = log
    const end = log.next
    const waits = traffic.subscribers.length > 0 && !traffic.paused
    if (queue !== undefined && queue.ready > 0 && waits) {
      const handed = this.#handBatch(log, queue)
      for (const one of handed) this.#deliver(log, one)
      // The others get their turn first; then this one goes on.
      if (handed.length === limits.dispatchBatch) this.#core.touch(log)
    }
    traffic.offeredNext = end
  }

  /** Leases up to a batch of records to those whose turn it is, and journals it. */
  #handBatch(log: Log, queue: Queue): Handed[] {
    const { journal } = this.#core
    const now = this.#core.now
    const { offeredNext } = log.traffic
    const handed: Handed[] = []
    journal.begin()
    journal.beginBatch()
    try {
      while (handed.length < limits.dispatchBatch) {
        const position = this.#nextAlive(log, queue, now, undefined, undefined, offeredNext)
        if (position < 0) break
        const to = nextSubscriber(log, queue)
        if (to === undefined) break
        to.credit--
        handed.push(this.#assign(log, queue, position, to, now))
      }
      this.#journalHandOut(log, handed, now)
    } finally {
      journal.endBatch()
    }
    log.traffic.delivered += handed.length
    return handed
  }

  #assign(log: Log, queue: Queue, position: number, to: Subscribed, now: number): Handed {
    const at: Entry = { file: 0, offset: 0, length: 0, body: 0 }
    log.index.find(position, at)
    const { subscriber } = to
    if (subscriber.settled === true) {
      const attempts = queue.attemptsOf(position) + 1
      queue.handOver(position)
      this.#core.state.settle(log, position)
      log.traffic.settled++
      return { to, position, attempts, at }
    }
    const leaseMs = subscriber.leaseMs ?? queue.config.leaseMs
    const deadline = leaseMs === undefined ? Infinity : now + leaseMs
    const lease = queue.lease(position, subscriber.holder, now, deadline)
    return { to, position, attempts: lease.attempts, at }
  }

  /** One entry for each subscriber that got something. */
  #journalHandOut(log: Log, handed: readonly Handed[], now: number): void {
    const bySubscriber = new Map<Subscribed, number[]>()
    for (const { to, position } of handed) {
      const list = bySubscriber.get(to)
      if (list === undefined) bySubscriber.set(to, [position])
      else list.push(position)
    }
    const { journal } = this.#core
    for (const [{ subscriber }, positions] of bySubscriber) {
      const ranges = rangesOf(positions)
      if (subscriber.settled === true) {
        // At most once: it must not come again, so it leaves only when that is on the disk.
        writePositions(
          journal,
          kinds.settle,
          log.id,
          ranges,
          log.config.durable ? 'record' : 'lazy',
        )
        continue
      }
      const leaseMs = subscriber.leaseMs ?? log.queue!.config.leaseMs
      const b = leaseMs === undefined ? Infinity : now + leaseMs
      const rest = { a: now, b, holder: subscriber.holder }
      writePositions(journal, kinds.lease, log.id, ranges, 'lazy', rest)
    }
  }

  #deliver(log: Log, { to, position, attempts, at }: Handed): void {
    const { state, journal } = this.#core
    // An earlier delivery's callback may have dropped the queue, and the leases with it.
    if (state.logsById.get(log.id) !== log && to.subscriber.settled !== true) return
    // Whoever leaves or stops reading in the middle of a batch does not get the rest of it.
    if ((to.cancelled || to.paused) && to.subscriber.settled !== true) {
      if (log.queue?.leases.get(position)?.holder !== to.subscriber.holder) return
      this.#giveBack(log, [position], 0, false)
      to.credit++
      return
    }
    const bytes = state.read(at.file, at.offset, at.length)
    // Who settles at hand-over waits for that to be on the disk, however old the record is.
    const stored = to.subscriber.settled !== true && journal.isReleased(at.file, at.offset)
    to.subscriber.deliver({ record: state.recordAt(log, position, bytes), attempts, stored })
  }

  /**
   * The next record in line that has not expired; those that have are buried on the way. A time to
   * live of 0 means: to whom waits now, or nobody. Such a record is offered once: those
   * from `offeredNext` on have not been.
   */
  #nextAlive(
    log: Log,
    queue: Queue,
    now: number,
    lane?: Lane,
    barrier?: number,
    offeredNext = Infinity,
  ): number {
    this.#alive = undefined
    for (;;) {
      const position = queue.next(lane, barrier)
      if (position < 0 || !queue.mayExpire) return position
      const record = this.#read(log, position)
      const { expiresAt, time } = record
      this.#alive = record
      if (expiresAt === undefined || expiresAt > now) return position
      if (position >= offeredNext && expiresAt === time) return position
      log.traffic.expired++
      this.#storing.bury(log, position, 'expired')
    }
  }

  /** The record at `position`, which must be there; `#at` is its place then. */
  #read(log: Log, position: number): EntryRecord {
    const { state } = this.#core
    assert(log.index.find(position, this.#at), 'I5: a record that is next is there')
    const { file, offset, length } = this.#at
    return state.recordAt(log, position, state.read(file, offset, length))
  }

  /** Buries expired records at the heads of all levels; the earliest expiry that is left. */
  expireHeads(log: Log, queue: Queue, now: number): number {
    let earliest = Infinity
    for (let level = queue.config.levels - 1; level >= 0; level--) {
      for (;;) {
        const position = queue.headOf(level)
        if (position < 0) break
        const expiresAt = this.#core.state.record(log, position).expiresAt ?? Infinity
        if (expiresAt > now) {
          earliest = Math.min(earliest, expiresAt)
          break
        }
        log.traffic.expired++
        this.#storing.bury(log, position, 'expired')
      }
    }
    return earliest
  }

  // Leases on request

  lease(
    log: Log,
    options: { holder: string; countMax: number; leaseMs?: number; settled?: boolean },
  ): Delivery[] {
    const queue = log.queue!
    const { journal, state } = this.#core
    const now = this.#core.now
    const leaseMs = options.leaseMs ?? queue.config.leaseMs
    const deadline = leaseMs === undefined ? Infinity : now + leaseMs
    const deliveries: Delivery[] = []
    const positions: number[] = []
    let lane: Lane | undefined
    let barrier = Infinity
    log.traffic.usedAt = this.#core.ports.clock.monotonic()
    journal.beginBatch()
    try {
      while (deliveries.length < options.countMax && !log.traffic.paused) {
        const position = this.#nextAlive(log, queue, now, lane, barrier)
        if (position < 0) break
        const record = this.#alive ?? this.#read(log, position)
        positions.push(position)
        if (options.settled === true) {
          deliveries.push({ record, attempts: queue.attemptsOf(position) + 1 })
          queue.handOver(position)
          state.settle(log, position)
        } else {
          const lease = queue.lease(position, options.holder, now, deadline)
          if (lease.lane !== lane) barrier = queue.barrierOf(lease.lane, position)
          lane = lease.lane
          const stored = journal.isReleased(this.#at.file, this.#at.offset)
          deliveries.push({ record, attempts: lease.attempts, stored })
        }
      }
      if (positions.length > 0) {
        const ranges = rangesOf(positions)
        const rest = { a: now, b: deadline, holder: options.holder }
        const urgency = log.config.durable ? 'record' : 'lazy'
        if (options.settled === true) writePositions(journal, kinds.settle, log.id, ranges, urgency)
        else writePositions(journal, kinds.lease, log.id, ranges, 'lazy', rest)
      }
    } finally {
      journal.endBatch()
    }
    log.traffic.delivered += deliveries.length
    if (options.settled === true) log.traffic.settled += deliveries.length
    this.#core.touch(log)
    return deliveries
  }

  // Settling

  settle(
    log: Log,
    holder: string,
    given: readonly number[],
    settlement: Settlement,
  ): Outcome<undefined> {
    const queue = log.queue!
    const positions = once(given)
    for (const position of positions) {
      if (queue.leases.get(position)?.holder !== holder) {
        return refused('not-leased', `${log.name} at ${position} is not leased by ${holder}`)
      }
    }
    if (positions.length === 0) return done(undefined)
    this.#core.touch(log)
    switch (settlement.kind) {
      case 'done':
        this.#storing.settle(log, positions, log.config.durable ? 'settled' : 'lazy')
        log.traffic.settled += positions.length
        break
      case 'reject':
        for (const position of positions) this.#storing.bury(log, position, 'rejected')
        log.traffic.settled += positions.length
        break
      case 'return':
        this.#return(log, positions, settlement)
        break
    }
    return done(undefined)
  }

  /** Back to the queue, or, after too many attempts, to where dead letters go. */
  #return(
    log: Log,
    positions: readonly number[],
    how: { readonly to?: 'place' | 'tail'; readonly delayMs?: number; readonly counted?: boolean },
  ): void {
    const queue = log.queue!
    const counted = how.counted !== false
    const { attemptsMax, retry } = queue.config
    const now = this.#core.now
    let run: number[] = []
    let runDueAt = 0
    const flush = () => {
      if (run.length > 0) this.#giveBack(log, run, runDueAt, counted)
      run = []
    }
    for (const position of positions) {
      const { attempts } = queue.leases.get(position)!
      log.traffic.returned++
      if (counted && attemptsMax !== undefined && attempts >= attemptsMax) {
        flush()
        this.#storing.bury(log, position, 'attempts')
        continue
      }
      const backoff = retry === undefined || !counted ? 0 : backoffMs(retry, attempts)
      const delayMs = how.delayMs ?? backoff
      const dueAt = delayMs > 0 ? now + delayMs : 0
      if (how.to === 'tail') {
        flush()
        const kept = counted ? attempts : attempts - 1
        this.#storing.moveToTail(log, position, kept, dueAt === 0 ? undefined : dueAt)
        continue
      }
      if (dueAt !== runDueAt) flush()
      runDueAt = dueAt
      run.push(position)
    }
    flush()
    // A queue that took on more meanwhile than it may hold, sheds from the front.
    this.#storing.dropHead(log)
  }

  #giveBack(log: Log, positions: readonly number[], dueAt: number, counted: boolean): void {
    const rest = { a: dueAt, flag: !counted }
    writePositions(this.#core.journal, kinds.return, log.id, rangesOf(positions), 'lazy', rest)
    for (const position of positions) log.queue!.giveBack(position, dueAt, counted)
    this.#core.touch(log)
  }

  /**
   * More time, or another holder. Positions that are not leased, or not idle enough, are left out.
   */
  extend(
    log: Log,
    group: Group | undefined,
    given: readonly number[],
    change: { leaseMs?: number; holder?: string; counted?: boolean; idleMinMs?: number },
  ): Delivery[] {
    const positions = once(given)
    const { journal, state } = this.#core
    const now = this.#core.now
    const holding = group === undefined ? log.queue!.leases : group.pending
    const able = positions.filter(position => {
      const lease = holding.get(position)
      return lease !== undefined && now - lease.leasedAt >= (change.idleMinMs ?? 0)
    })
    if (able.length === 0) return []
    const deadline = change.leaseMs === undefined ? Infinity : now + change.leaseMs
    const holder = change.holder === undefined ? {} : { holder: change.holder }
    writePositions(journal, kinds.extend, log.id, rangesOf(able), 'lazy', {
      a: now,
      b: deadline,
      flag: change.counted === true,
      group: group?.name,
      ...holder,
    })
    const deliveries: Delivery[] = []
    for (const position of able) {
      const attempts = holding.get(position)!.attempts + (change.counted === true ? 1 : 0)
      const to = { ...holder, deadline, now, attempts }
      if (group === undefined) log.queue!.extend(position, to)
      else group.extend(position, to)
      if (log.index.has(position))
        deliveries.push({ record: state.record(log, position), attempts })
    }
    this.#core.touch(log)
    return deliveries
  }

  pending(
    log: Log,
    group: Group | undefined,
    options: { holder?: string; from?: number; countMax?: number; positions?: readonly number[] },
  ): PendingInfo[] {
    const holding = group === undefined ? log.queue!.leases : group.pending
    const found: PendingInfo[] = []
    const asked = options.positions ?? holding.keys()
    for (const position of [...asked].sort((left, right) => left - right)) {
      if (options.positions !== undefined && !holding.has(position)) continue
      if (position < (options.from ?? 0)) continue
      const { holder, leasedAt, attempts } = holding.get(position)!
      if (options.holder !== undefined && holder !== options.holder) continue
      if (found.length >= (options.countMax ?? Infinity)) break
      found.push({ position, holder, leasedAt, attempts })
    }
    return found
  }

  // Time

  /** Records that have become due are ready, leases that have run out are returned. */
  wakeUp(log: Log, now: number): void {
    const { queue } = log
    const { journal } = this.#core
    if (queue !== undefined) {
      const due: number[] = []
      const lapsed: number[] = []
      while (queue.nextDeadline() <= now) {
        if (queue.due.size > 0 && queue.due.peekKey() <= now) {
          const position = queue.due.pop()!
          if ((queue.delayed.get(position)?.dueAt ?? Infinity) <= now) due.push(position)
        } else {
          const position = queue.deadlines.pop()!
          if ((queue.leases.get(position)?.deadline ?? Infinity) <= now) lapsed.push(position)
        }
      }
      const unique = [...new Set(due)].sort((left, right) => left - right)
      if (unique.length > 0) {
        writePositions(journal, kinds.due, log.id, rangesOf(unique), 'lazy')
        for (const position of unique) queue.becomeDue(position)
      }
      const returned = [...new Set(lapsed)].sort((left, right) => left - right)
      if (returned.length > 0) this.#return(log, returned, {})
      if (queue.mayExpire) this.expireHeads(log, queue, now)
    }
    for (const group of log.groups.values()) giveBackLapsed(this.#core, log, group, now)
  }

  /** After a restart: whoever held a lease without a deadline is gone. */
  releaseOrphans(): void {
    for (const log of this.#core.state.logs.values()) {
      const orphans: number[] = []
      for (const lease of log.queue?.leases.values() ?? []) {
        if (lease.deadline === Infinity) orphans.push(lease.position)
      }
      if (orphans.length > 0)
        this.#return(
          log,
          orphans.sort((left, right) => left - right),
          {},
        )
    }
  }
}

function backoffMs(retry: NonNullable<QueueConfig['retry']>, attempts: number): number {
  const times = retry.linear === true ? attempts : retry.factor ** (attempts - 1)
  return Math.min(retry.maxMs, retry.minMs * times)
}
