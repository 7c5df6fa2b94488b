/**
 * The settlement of a log's records, one by one. Each record is exactly one of
 *
 *     ready ──lease──> leased ──settle──> (gone from the index)
 *       ^                 │
 *       └────due──── delayed <──return with a delay
 *       └───────────return at once
 *
 * (I5). Ready records are intervals of positions, one set for each priority level, so a backlog of
 * millions that nobody has touched costs one interval. With `ordering: 'group'` the ready records
 * are kept by lane, one lane a group, and only the heads of lanes without leases are offered; with
 * 'group-prefix' the heads that no earlier record of their lane holds up, and a lane that got a
 * record back waits behind the lanes that were ready then. That turn is not journaled: what is
 * handed out is, so a start may only serve the lanes in another order.
 *
 * Everything here is `apply`: it reads no clock and decides nothing (I3).
 */

import { assert } from '../../base/assert.ts'
import { Heap } from '../../base/heap.ts'
import { IntervalSet } from '../../base/interval-set.ts'
import type { QueueConfig } from '../model.ts'
import type { RecordIndex } from './record-index.ts'

export interface Lease {
  readonly position: number
  /** The level that it goes back to. */
  level: number
  readonly lane: Lane | undefined
  holder: string
  /** 1 for the first hand-over. */
  attempts: number
  leasedAt: number
  /** Wall-clock milliseconds; Infinity: as long as its holder. */
  deadline: number
}

/** The records of one ordering group. */
export interface Lane {
  readonly name: string
  /** Ready and delayed positions: a delayed record holds up those behind it. */
  readonly waiting: IntervalSet
  leased: number
  /** Its leased positions, where the order among them matters ('group-prefix'). */
  readonly held: IntervalSet | undefined
  /** The position that the lane offers, or -1. */
  head: number
  /** It got a record back, and none of its records has been taken since ('group-prefix'). */
  isReturned: boolean
}

export interface Delayed {
  readonly dueAt: number
  level: number
  readonly lane: Lane | undefined
}

export class Queue {
  config: QueueConfig
  readonly leases = new Map<number, Lease>()
  readonly delayed = new Map<number, Delayed>()
  /** How often records that are ready or delayed have been handed out before; absent: never. */
  readonly attempts = new Map<number, number>()
  readonly lanes = new Map<string, Lane>()
  /** Deadlines of leases, and due times: entries that are out of date are skipped. */
  readonly deadlines = new Heap<number>()
  readonly due = new Heap<number>()
  ready = 0
  readyBytes = 0
  /** True once a record that can expire was added: heads must be looked at. */
  mayExpire = false
  readonly #grouped: boolean
  readonly #index: RecordIndex
  readonly #levels: IntervalSet[] = []
  /** What is offered: heads of lanes but those in `#behind`, and records that have no lane. */
  readonly #heads = new IntervalSet()
  /**
   * Lanes that offer a record which came back, in the order of their turns; each with the last
   * position that there was when its turn was decided: it follows what is up to there.
   */
  readonly #behind = new Map<Lane, number>()
  readonly #behindHeads = new IntervalSet()
  /** The highest position that was ever added. */
  #last = -1
  /** The lane of each ready record that has one. */
  readonly #laneOf = new Map<number, Lane>()
  /** Hand-overs of the upper level since the last of the lower (`turns`). Lost by a restart. */
  #taken = 0

  constructor(config: QueueConfig, index: RecordIndex) {
    this.config = config
    this.#grouped = config.ordering !== 'none'
    this.#index = index
    for (let level = 0; level < config.levels; level++) this.#levels.push(new IntervalSet())
  }

  /** A new record. `dueAt` undefined: ready at once. */
  add(
    position: number,
    options: {
      priority: number
      dueAt: number | undefined
      group: string | undefined
      attempts: number
    },
  ): void {
    const level = this.#levelOf(options.priority)
    const lane = this.#grouped ? this.#laneFor(options.group) : undefined
    if (options.attempts > 0) this.attempts.set(position, options.attempts)
    if (options.dueAt === undefined) this.#makeReady(position, level, lane)
    else this.#makeDelayed(position, options.dueAt, level, lane)
  }

  /** The common case of `add`: no group, no delay, not tried before. */
  addReady(position: number, priority: number, bytes: number): void {
    this.#levels[this.#levelOf(priority)]!.add(position)
    this.ready++
    this.readyBytes += bytes
  }

  /**
   * The next record in the order of delivery, or -1 (I8). `lane`: one whose head was leased by the
   * same hand-over, which may go on with its next record, as far as those before `barrier`.
   */
  next(lane?: Lane, barrier = Infinity): number {
    if (this.#grouped) {
      const head = lane?.waiting.min() ?? -1
      if (head >= 0 && head < barrier && !this.delayed.has(head)) return head
      const front = this.#heads.min()
      if (this.#behind.size === 0) return front
      const [first] = this.#behind
      const [returned, after] = first!
      return front >= 0 && front <= after ? front : returned.head
    }
    if (this.config.turns !== undefined && this.#taken >= this.config.turns.upper) {
      const position = this.#levels[0]!.min()
      if (position >= 0) return position
    }
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      const position = this.#levels[level]!.min()
      if (position >= 0) return position
    }
    return -1
  }

  /** The first leased position of a lane behind `position`, or infinity: nothing holds it up. */
  barrierOf(lane: Lane | undefined, position: number): number {
    const next = lane?.held?.nextAtOrAfter(position + 1) ?? -1
    return next < 0 ? Infinity : next
  }

  /**
   * First ready position of a level, or -1. With ordering groups there is one level: the offers.
   */
  headOf(level: number): number {
    if (!this.#grouped) return this.#levels[level]!.min()
    const [front, returned] = [this.#heads.min(), this.#behindHeads.min()]
    return front < 0 || (returned >= 0 && returned < front) ? returned : front
  }

  /**
   * Ready positions in the order of delivery, after the first `skip`; the set must not change
   * meanwhile. Without groups, to skip a million neighbours costs what one costs.
   */
  *readyPositions(skip = 0): Generator<number> {
    let rest = skip
    if (this.#grouped) {
      const sets = [...this.lanes.values()].map(lane => lane.waiting)
      const all = new IntervalSet()
      sets.push(this.#heads)
      for (const set of sets) set.forEachInterval((start, end) => all.addRange(start, end))
      for (let at = all.min(); at >= 0; at = all.nextAtOrAfter(at + 1)) {
        if (this.delayed.has(at)) continue
        if (rest > 0) rest--
        else yield at
      }
      return
    }
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      const set = this.#levels[level]!
      const from = set.atRank(rest)
      rest = Math.max(0, rest - set.count)
      for (let at = from; at >= 0; at = set.nextAtOrAfter(at + 1)) yield at
    }
  }

  lease(position: number, holder: string, now: number, deadline: number): Lease {
    const place = this.#takeReady(position)
    this.#countTurn(place.level)
    const attempts = (this.attempts.get(position) ?? 0) + 1
    if (attempts > 1) this.attempts.delete(position)
    const lease: Lease = { position, ...place, holder, attempts, leasedAt: now, deadline }
    this.#hold(lease)
    return lease
  }

  /** A ready record is about to be handed over for good: that is somebody's turn, too. */
  handOver(position: number): void {
    if (this.config.turns !== undefined) this.#countTurn(this.#levels[1]!.has(position) ? 1 : 0)
  }

  /** The record is done with, in whatever state it is; the caller takes it out of the index. */
  settle(position: number): void {
    const lease = this.leases.get(position)
    if (lease !== undefined) {
      this.#letGo(lease)
      return
    }
    this.attempts.delete(position)
    const delayed = this.delayed.get(position)
    if (delayed === undefined) {
      this.#takeReady(position)
      return
    }
    this.delayed.delete(position)
    if (delayed.lane !== undefined) {
      delayed.lane.waiting.delete(position)
      this.#offer(delayed.lane)
    }
  }

  /** Back to its original place. `dueAt` 0: at once. */
  giveBack(position: number, dueAt: number, counted: boolean): void {
    const lease = this.leases.get(position)
    assert(lease !== undefined, 'I6: only a leased record is returned')
    this.#letGo(lease)
    const attempts = counted ? lease.attempts : lease.attempts - 1
    if (attempts > 0) this.attempts.set(position, attempts)
    if (counted && lease.lane?.held !== undefined) lease.lane.isReturned = true
    if (dueAt === 0) this.#makeReady(position, lease.level, lease.lane)
    else this.#makeDelayed(position, dueAt, lease.level, lease.lane)
  }

  /** A delayed record has become ready. */
  becomeDue(position: number): void {
    const delayed = this.delayed.get(position)
    assert(delayed !== undefined, 'I5: only a delayed record becomes due')
    this.delayed.delete(position)
    if (delayed.lane !== undefined) delayed.lane.waiting.delete(position)
    this.#makeReady(position, delayed.level, delayed.lane)
  }

  /** More time, another holder, or both. */
  extend(
    position: number,
    change: { holder?: string; deadline: number; now: number; attempts: number },
  ): void {
    const lease = this.leases.get(position)
    assert(lease !== undefined, 'I6: only a leased record is extended')
    if (change.holder !== undefined) {
      lease.holder = change.holder
      lease.leasedAt = change.now
    }
    lease.attempts = change.attempts
    lease.deadline = change.deadline
    if (change.deadline !== Infinity) this.deadlines.push(change.deadline, position, position)
  }

  /** The ordering group of a ready record. */
  laneNameOf(position: number): string | undefined {
    return this.#laneOf.get(position)?.name
  }

  isReady(position: number): boolean {
    if (this.leases.has(position) || this.delayed.has(position)) return false
    return this.#index.has(position)
  }

  /** Times that the record has been handed out so far. */
  attemptsOf(position: number): number {
    return this.leases.get(position)?.attempts ?? this.attempts.get(position) ?? 0
  }

  /** Earliest time at which something becomes due or a lease ends; Infinity: never. */
  nextDeadline(): number {
    while (this.due.size > 0 && this.delayed.get(this.due.peek()!)?.dueAt !== this.due.peekKey()) {
      this.due.pop()
    }
    const leases = this.leases
    while (
      this.deadlines.size > 0 &&
      leases.get(this.deadlines.peek()!)?.deadline !== this.deadlines.peekKey()
    ) {
      this.deadlines.pop()
    }
    const due = this.due.size > 0 ? this.due.peekKey() : Infinity
    const deadline = this.deadlines.size > 0 ? this.deadlines.peekKey() : Infinity
    return Math.min(due, deadline)
  }

  /** Ready positions of each level, for the snapshot. Lanes are rebuilt from their own lists. */
  levels(): readonly IntervalSet[] {
    return this.#levels
  }

  /** For the snapshot's reader: puts back what was ready, held or waiting. */
  restoreReady(position: number, end: number, level: number): void {
    this.#levels[level]!.addRange(position, end)
    this.ready += end - position
  }

  restoreInLane(position: number, group: string | undefined): void {
    this.#makeReady(position, 0, this.#laneFor(group))
  }

  restoreDelayed(position: number, dueAt: number, level: number, group: string | undefined): void {
    const lane = this.#grouped ? this.#laneFor(group) : undefined
    this.#makeDelayed(position, dueAt, level, lane)
  }

  restoreLease(lease: Omit<Lease, 'lane'>, group: string | undefined): void {
    const lane = this.#grouped ? this.#laneFor(group) : undefined
    this.#hold({ ...lease, lane })
  }

  /** The levels have changed: places are assigned anew from the records' own priorities. */
  relevel(config: QueueConfig, priorityOf: (position: number) => number): void {
    const positions = [...this.readyPositions()]
    this.config = config
    this.#levels.length = 0
    for (let level = 0; level < config.levels; level++) this.#levels.push(new IntervalSet())
    const levelOf = (position: number) => this.#levelOf(priorityOf(position))
    for (const position of positions) this.#levels[levelOf(position)]!.add(position)
    for (const lease of this.leases.values()) lease.level = levelOf(lease.position)
    for (const [position, delayed] of this.delayed) delayed.level = levelOf(position)
  }

  #countTurn(level: number): void {
    this.#taken = this.config.turns === undefined || level === 0 ? 0 : this.#taken + 1
  }

  #levelOf(priority: number): number {
    const { levels, turns } = this.config
    if (turns !== undefined) return priority >= turns.priority ? 1 : 0
    return Math.min(priority, levels - 1)
  }

  #laneFor(group: string | undefined): Lane | undefined {
    if (group === undefined) return undefined
    let lane = this.lanes.get(group)
    if (lane === undefined) {
      const held = this.config.ordering === 'group-prefix' ? new IntervalSet() : undefined
      lane = {
        name: group,
        waiting: new IntervalSet(),
        leased: 0,
        held,
        head: -1,
        isReturned: false,
      }
      this.lanes.set(group, lane)
    }
    return lane
  }

  #makeReady(position: number, level: number, lane: Lane | undefined): void {
    this.ready++
    this.readyBytes += this.#index.bodyAt(position)
    if (!this.#grouped) {
      this.#levels[level]!.add(position)
    } else if (lane === undefined) {
      this.#heads.add(position)
    } else {
      if (position > this.#last) this.#last = position
      this.lanes.set(lane.name, lane)
      this.#laneOf.set(position, lane)
      lane.waiting.add(position)
      this.#offer(lane)
    }
  }

  #makeDelayed(position: number, dueAt: number, level: number, lane: Lane | undefined): void {
    this.delayed.set(position, { dueAt, level, lane })
    this.due.push(dueAt, position, position)
    if (lane === undefined) return
    this.lanes.set(lane.name, lane)
    lane.waiting.add(position)
    this.#offer(lane)
  }

  #takeReady(position: number): { level: number; lane: Lane | undefined } {
    this.ready--
    this.readyBytes -= this.#index.bodyAt(position)
    if (!this.#grouped) {
      for (let level = this.#levels.length - 1; level >= 0; level--) {
        if (this.#levels[level]!.delete(position)) return { level, lane: undefined }
      }
      assert(false, 'I5: a record that is taken is ready')
    }
    const lane = this.#laneOf.get(position)
    if (lane === undefined) {
      assert(this.#heads.delete(position), 'I5: a record that is taken is ready')
      return { level: 0, lane: undefined }
    }
    this.#laneOf.delete(position)
    lane.waiting.delete(position)
    lane.isReturned = false
    this.#offer(lane)
    return { level: 0, lane }
  }

  #hold(lease: Lease): void {
    assert(!this.leases.has(lease.position), 'I6: a lease has one holder')
    this.leases.set(lease.position, lease)
    if (lease.deadline !== Infinity)
      this.deadlines.push(lease.deadline, lease.position, lease.position)
    if (lease.lane === undefined) return
    this.lanes.set(lease.lane.name, lease.lane)
    lease.lane.leased++
    lease.lane.held?.add(lease.position)
    this.#offer(lease.lane)
  }

  #letGo(lease: Lease): void {
    this.leases.delete(lease.position)
    if (lease.lane === undefined) return
    lease.lane.leased--
    lease.lane.held?.delete(lease.position)
    this.#offer(lease.lane)
  }

  /** Decides again which position, if any, a lane offers. */
  #offer(lane: Lane): void {
    const first = lane.waiting.min()
    const before = lane.held?.min() ?? -1
    const free = lane.leased === 0 || before > first
    const head = free && first >= 0 && !this.delayed.has(first) ? first : -1
    if (head !== lane.head) {
      this.#withdraw(lane)
      lane.head = head
      if (head >= 0 && lane.isReturned) {
        this.#behind.set(lane, this.#last)
        this.#behindHeads.add(head)
      } else if (head >= 0) this.#heads.add(head)
    }
    if (lane.leased === 0 && first < 0) this.lanes.delete(lane.name)
  }

  #withdraw(lane: Lane): void {
    if (lane.head < 0) return
    if (!this.#heads.delete(lane.head)) {
      this.#behindHeads.delete(lane.head)
      this.#behind.delete(lane)
    }
  }
}
