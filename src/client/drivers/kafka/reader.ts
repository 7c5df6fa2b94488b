/**
 * The partitions of one group that this process has: fetched ahead, handed out message by message,
 * committed. All consumers of the group in this connection share one reader, so that order by key
 * holds across them.
 *
 * ```
 * fetch -> [ Track: waiting ] -> lease committed -> Sink.deliver -> settle -> committed
 * ```
 *
 * A message is handed over when its lease is committed: one that kills its process every time would
 * otherwise never count an attempt. One commit carries all that has happened since the last one.
 */

import type { Settlement, Sink } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import type { Partitions } from './assignment.ts'
import type { Cluster, Timer } from './cluster.ts'
import { Holder, KafkaDelivery } from './delivery.ts'
import { apiIdOf, backend, closed, failure, isPassing, lost } from './failures.ts'
import { Fetcher } from './fetcher.ts'
import { Membership } from './membership.ts'
import { dueHeader } from './names.ts'
import {
  type Commit,
  commitOffsets,
  committedOffsets,
  type Member,
  offsetsAt,
  type Partition,
} from './offsets.ts'
import { ownerOf, Progress } from './progress.ts'
import { type FetchedRecord, storedOf } from './records.ts'
import { Track } from './track.ts'

export interface ReaderSetup {
  /** Undefined: alone, without commits, from the beginning. */
  readonly group: string | undefined
  readonly topics: readonly string[]
  readonly keyed: boolean
  /** Records for another group alone are skipped. */
  readonly audience: string | undefined
  /** Whose transactions settle what is handed out here. */
  readonly transactionalId: string
  /** Ends the transactions of a process that had our messages before. */
  fence(transactionalId: string): Promise<void>
  /** Dead letters need a transaction; that is the driver's. */
  dead(delivery: KafkaDelivery, settlement: Settlement): Promise<void>
  /** The last consumer has gone, or it has come to an end. */
  left(reader: Reader): void
}

/** A header that says for which group of a topic a record is: all others skip it. */
export const audienceHeader = 'spillway-group'

const giveBackMs = 1000

export class Reader {
  readonly setup: ReaderSetup
  readonly membership: Membership | undefined
  readonly holders = new Set<Holder>()
  started: Promise<void> = Promise.resolve()
  readonly #cluster: Cluster
  readonly #fetcher: Fetcher
  readonly #tracks = new Map<string, Track>()
  readonly #dirty = new Set<Track>()
  #nextHolder = 0
  #isFlushing = false
  #isDealing = false
  #lock: Promise<void> = Promise.resolve()
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #ending: Promise<void> | undefined

  constructor(cluster: Cluster, setup: ReaderSetup) {
    this.#cluster = cluster
    this.setup = setup
    this.#fetcher = new Fetcher(cluster, {
      arrived: () => this.deal(),
      gone: topic => this.end(deleted(topic)),
    })
    if (setup.group === undefined) return
    this.membership = new Membership(
      cluster,
      { group: setup.group, topics: setup.topics },
      {
        assigned: partitions => this.#assigned(partitions),
        lost: () => this.#loseAll(),
        connection: error => {
          const kind = error === undefined ? 'connected' : 'disconnected'
          cluster.context.emit(
            kind === 'connected'
              ? { kind, backend }
              : { kind: 'disconnected', backend, error: error! },
          )
        },
        failed: error => this.end(error),
      },
    )
  }

  get isEnding(): boolean {
    return this.#ending !== undefined
  }

  get ended(): Promise<void> {
    return this.#ending ?? Promise.resolve()
  }

  get tracks(): IterableIterator<Track> {
    return this.#tracks.values()
  }

  start(): Promise<void> {
    this.started = this.#start()
    return this.started
  }

  async #start(): Promise<void> {
    if (this.membership !== undefined) {
      await this.membership.start()
      return
    }
    const [topic = ''] = this.setup.topics
    const { leaders } = await this.#cluster.topic(topic)
    for (const partition of leaders.keys()) this.#addTrack(topic, partition, 0, null)
    this.#fetcher.pump()
  }

  enter(sink: Sink, credit: number): Holder {
    const holder = new Holder(this, sink, credit)
    this.holders.add(holder)
    this.deal()
    return holder
  }

  /** Gives back what it has, and ends the reader when it was the last. */
  async leave(holder: Holder): Promise<void> {
    if (!this.holders.delete(holder)) return
    const released = [...holder.out].reverse().map(async delivery => {
      if (!delivery.isSettled && !delivery.track.isLost) await delivery.settle({ kind: 'release' })
    })
    await Promise.allSettled(released)
    if (this.holders.size === 0) await this.close()
  }

  /** Leaves, unless the transaction that emptied its hands comes to nothing. Never rejects. */
  async leaveWhenEmpty(holder: Holder): Promise<void> {
    await this.exclusive(async () => {})
    if (holder.out.size === 0) await holder.close().catch(() => {})
  }

  async #assigned(partitions: Partitions): Promise<void> {
    const ours = new Set<string>()
    const added: { topic: string; partition: number }[] = []
    for (const [topic, numbers] of partitions) {
      for (const partition of numbers) {
        const place = `${topic}:${partition}`
        ours.add(place)
        if (!this.#tracks.has(place)) added.push({ topic, partition })
      }
    }
    for (const [place, track] of this.#tracks) if (!ours.has(place)) this.#lose(place, track)
    if (added.length > 0) await this.#load(added)
    this.#fetcher.pump()
    this.deal()
    if (this.#dirty.size > 0) void this.#flush()
  }

  async #load(places: readonly { topic: string; partition: number }[]): Promise<void> {
    const found = await this.#committed(places)
    const without = places.filter((_, index) => found[index] === undefined)
    const firsts = await offsetsAt(this.#cluster, without, 'earliest')
    for (const [index, { topic, partition }] of places.entries()) {
      const commit = found[index]
      const first = firsts.get(`${topic}:${partition}`) ?? 0
      this.#addTrack(topic, partition, commit?.offset ?? first, commit?.metadata ?? null)
    }
  }

  /**
   * What the group has committed. One that had messages in its hands may have died within a
   * transaction, which would hold up whoever reads what it sent, and us, until it times out.
   */
  async #committed(places: readonly Partition[]): ReturnType<typeof committedOffsets> {
    const group = this.setup.group!
    const before = await committedOffsets(this.#cluster, group, places, 'pending')
    const owners = new Set(before.map(commit => ownerOf(commit?.metadata ?? null)))
    owners.delete(undefined)
    owners.delete(this.setup.transactionalId)
    if (owners.size === 0) return committedOffsets(this.#cluster, group, places)
    for (const owner of owners) await this.setup.fence(owner!)
    return committedOffsets(this.#cluster, group, places)
  }

  #addTrack(topic: string, partition: number, offset: number, metadata: string | null): void {
    const progress = Progress.decode(offset, metadata)
    progress.takeOver()
    const track = new Track({ topic, partition }, progress)
    this.#tracks.set(`${topic}:${partition}`, track)
    this.#fetcher.add(track)
  }

  #lose(place: string, track: Track): void {
    track.isLost = true
    this.#tracks.delete(place)
    this.#dirty.delete(track)
    this.#fetcher.remove(track)
    const error = lost(`a message of ${place}`)
    for (const { reject } of track.waiters.splice(0)) reject(error)
    for (const holder of this.holders) {
      for (const delivery of holder.out) if (delivery.track === track) holder.out.delete(delivery)
    }
  }

  #loseAll(): void {
    for (const [place, track] of this.#tracks) this.#lose(place, track)
  }

  /** What was deleted is neither handed out nor waited for. */
  async truncated(): Promise<void> {
    const firsts = await offsetsAt(this.#cluster, [...this.#tracks.values()], 'earliest')
    for (const [place, track] of this.#tracks) track.forgetBefore(firsts.get(place) ?? 0)
  }

  /** True when nothing up to `ends` is still to come for those who ask now. */
  isThrough(ends: ReadonlyMap<string, number>): boolean {
    const now = this.#cluster.context.clock.now()
    const keyOf = (record: FetchedRecord) => this.#keyOf(record)
    for (const [place, track] of this.#tracks) {
      if (track.next < (ends.get(place) ?? 0)) return false
      if (track.candidate(now, keyOf, dueOf).index >= 0) return false
    }
    return true
  }

  /** Hands out what may be, to those who have credit. */
  deal(): void {
    if (this.#isDealing || this.#ending !== undefined) return
    this.#isDealing = true
    try {
      const now = this.#cluster.context.clock.now()
      for (let holder = this.#holder(); holder !== undefined; holder = this.#holder()) {
        if (!this.#dealOne(holder, now)) break
      }
    } finally {
      this.#isDealing = false
    }
    this.#fetcher.pump()
    if (this.#dirty.size > 0) void this.#flush()
  }

  #holder(): Holder | undefined {
    const all = [...this.holders]
    for (let step = 0; step < all.length; step++) {
      const holder = all[(this.#nextHolder + step) % all.length]!
      if (holder.credit <= 0 || holder.isStopped) continue
      this.#nextHolder = (this.#nextHolder + step + 1) % all.length
      return holder
    }
    return undefined
  }

  /** The oldest of the first of all partitions, so that what was sent first comes first. */
  #dealOne(holder: Holder, now: number): boolean {
    let best: { readonly track: Track; readonly index: number; readonly time: number } | undefined
    let dueFirst = Number.POSITIVE_INFINITY
    const keyOf = (record: FetchedRecord) => this.#keyOf(record)
    for (const track of this.#tracks.values()) {
      const { index, dueAt } = track.candidate(now, keyOf, dueOf)
      if (index < 0) {
        dueFirst = Math.min(dueFirst, dueAt)
        continue
      }
      const { time } = track.waitingAt(index)
      if (best === undefined || time < best.time) best = { track, index, time }
    }
    if (best === undefined) {
      this.#wakeAt(dueFirst)
      return false
    }
    const { track, index } = best
    const record = track.removeAt(index)
    if (this.#isForOthers(record)) {
      track.progress.settle(record.offset)
      this.#dirty.add(track)
      return true
    }
    this.#handOut(holder, track, record)
    return true
  }

  #keyOf({ headers, key }: FetchedRecord): string | undefined {
    if (!this.setup.keyed) return undefined
    const named = headers['spillway-key'] ?? key
    return named === '' ? undefined : named
  }

  #isForOthers({ headers }: FetchedRecord): boolean {
    const audience = headers[audienceHeader]
    return audience !== undefined && audience !== this.setup.audience
  }

  #handOut(holder: Holder, track: Track, record: FetchedRecord): void {
    const attempt = track.progress.held(record.offset)?.attempt ?? 1
    track.progress.hold(record.offset, { attempt, isOut: true, dueAt: 0 })
    const key = this.#keyOf(record)
    if (key !== undefined) track.keysOut.add(key)
    holder.credit--
    const about = { attempt, record, track, reader: this, holder }
    const delivery = new KafkaDelivery(storedOf(record), about)
    holder.out.add(delivery)
    const deliver = (): void => {
      if (delivery.isSettled || track.isLost) return
      if (!holder.isStopped) holder.sink.deliver(delivery)
      else this.apply(delivery, { kind: 'release' })
    }
    if (this.membership === undefined) {
      deliver()
      return
    }
    track.waiters.push({
      resolve: deliver,
      reject: () => {
        // It was never handed over: its credit is free again.
        holder.out.delete(delivery)
        if (!holder.isStopped) holder.credit++
      },
    })
    this.#dirty.add(track)
  }

  #wakeAt(dueAt: number): void {
    if (dueAt >= this.#timerAt || dueAt === Number.POSITIVE_INFINITY) return
    this.#timer?.cancel()
    this.#timerAt = dueAt
    const { clock } = this.#cluster.context
    this.#timer = clock.schedule(Math.max(1, dueAt - clock.now() + 1), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.deal()
    })
  }

  /** Settles it here; `committed` says when the broker knows. */
  apply(delivery: KafkaDelivery, settlement: Settlement): void {
    const { track, record, attempt, holder } = delivery
    delivery.isSettled = true
    holder.out.delete(delivery)
    const key = this.#keyOf(record)
    if (key !== undefined) track.keysOut.delete(key)
    this.#dirty.add(track)
    holder.settled()
    if (holder.isStopped && holder.out.size === 0) holder.emptied?.()
    const { progress } = track
    switch (settlement.kind) {
      case 'done':
      case 'dead':
        progress.settle(record.offset)
        break
      case 'retry': {
        const dueAt = this.#cluster.context.clock.now() + settlement.delayMs
        progress.hold(record.offset, { attempt: attempt + 1, isOut: false, dueAt })
        track.add(record)
        this.#wakeAt(dueAt)
        break
      }
      case 'release':
        if (attempt > 1) progress.hold(record.offset, { attempt, isOut: false, dueAt: 0 })
        else progress.release(record.offset)
        track.add(record)
        break
    }
    this.#dealSoon()
  }

  /** A transaction that settled it has come to nothing: it is out as before. */
  undo(delivery: KafkaDelivery): void {
    const { track, record, attempt, holder } = delivery
    if (track.isLost) return
    delivery.isSettled = false
    holder.unsettled()
    holder.out.add(delivery)
    const key = this.#keyOf(record)
    if (key !== undefined) track.keysOut.add(key)
    track.progress.unsettle(record.offset, { attempt, isOut: true, dueAt: 0 })
  }

  /** A settlement failed for good: it comes again, a little later, and that counts. */
  giveBack(delivery: KafkaDelivery): void {
    if (delivery.track.isLost || delivery.isSettled) return
    delivery.isGivenBack = true
    this.apply(delivery, { kind: 'retry', delayMs: giveBackMs })
  }

  /** What the broker has committed is the truth. */
  reload(track: Track): void {
    if (track.isLost) return
    this.#lose(`${track.topic}:${track.partition}`, track)
    void this.membership?.rejoin().catch(() => {})
  }

  /** Key that is settled lets the next of it go; all that was settled in this turn goes first. */
  #dealSoon(): void {
    void Promise.resolve().then(() => this.deal())
  }

  /** Resolves when the broker has what has happened in a partition. */
  committed(track: Track): Promise<void> {
    if (this.membership === undefined) return Promise.resolve()
    return new Promise((resolve, reject) => {
      track.waiters.push({ resolve, reject })
      this.#dirty.add(track)
      void this.#flush()
    })
  }

  /** Runs `run` while nothing else is committed for this group. */
  async exclusive<T>(run: () => Promise<T>): Promise<T> {
    const before = this.#lock
    let unlock = (): void => {}
    this.#lock = new Promise(resolve => {
      unlock = resolve
    })
    await before
    try {
      return await run()
    } finally {
      unlock()
    }
  }

  /** As one who commits: who it is in the group. */
  get member(): Member {
    const { memberId = '', generation = -1 } = this.membership ?? {}
    return { group: this.setup.group ?? '', memberId, generation }
  }

  async #flush(): Promise<void> {
    if (this.#isFlushing || this.membership === undefined) return
    this.#isFlushing = true
    try {
      for (let wait = 20; this.#dirty.size > 0; ) {
        await this.#turn()
        const isDone = await this.exclusive(() => this.#flushOnce())
        if (isDone) wait = 20
        else {
          wait = Math.min(wait * 2, 1000)
          await this.#cluster.pass(wait)
        }
      }
    } finally {
      this.#isFlushing = false
    }
    this.deal()
  }

  /** Those who settle in this turn share a commit, and handlers that return at once are many. */
  #turn(): Promise<void> {
    return new Promise(resolve => this.#cluster.context.clock.soon(resolve))
  }

  /** False: it has to be tried again, later. */
  async #flushOnce(): Promise<boolean> {
    const membership = this.membership!
    await membership.settled()
    const tracks = [...this.#dirty]
    this.#dirty.clear()
    const waiters = tracks.map(track => track.waiters.splice(0))
    const commits: Commit[] = tracks.map(track => {
      const { topic, partition } = track
      return { topic, partition, ...track.encode(this.setup.transactionalId) }
    })
    try {
      if (commits.length > 0) await commitOffsets(this.#cluster, this.member, commits)
      for (const all of waiters) for (const { resolve } of all) resolve()
      return true
    } catch (error) {
      return this.#unflushed(error, tracks, waiters)
    }
  }

  async #unflushed(
    error: unknown,
    tracks: readonly Track[],
    waiters: readonly Track['waiters'][],
  ): Promise<boolean> {
    for (const [index, track] of tracks.entries()) {
      track.waiters.unshift(...waiters[index]!)
      if (!track.isLost) this.#dirty.add(track)
      else
        for (const { reject } of track.waiters.splice(0))
          reject(lost(`a message of ${track.topic}`))
    }
    if (this.#cluster.isClosed) {
      this.#giveUp(closed())
      return true
    }
    const id = apiIdOf(error)
    if (
      id === 'ILLEGAL_GENERATION' ||
      id === 'UNKNOWN_MEMBER_ID' ||
      id === 'REBALANCE_IN_PROGRESS'
    ) {
      await this.membership!.refused(error).catch(() => {})
      return true
    }
    if (isPassing(error)) return false
    this.#giveUp(failure(error, `group ${this.setup.group}`))
    return true
  }

  #giveUp(error: Error): void {
    for (const track of this.#dirty) for (const { reject } of track.waiters.splice(0)) reject(error)
    this.#dirty.clear()
  }

  /** Ends by itself: its consumers are told. */
  end(error: Error): void {
    if (this.#ending !== undefined) return
    for (const holder of this.holders) {
      holder.isStopped = true
      holder.sink.ended(error)
    }
    this.holders.clear()
    void this.close()
  }

  close(): Promise<void> {
    this.#ending ??= this.#close()
    return this.#ending
  }

  async #close(): Promise<void> {
    this.#timer?.cancel()
    this.setup.left(this)
    await this.#fetcher.close()
    // A transaction that settles what was handed out here has its end first.
    await this.exclusive(async () => {})
    const isFlushed = async (): Promise<void> => {
      if (this.#dirty.size > 0) await this.#flush()
    }
    await isFlushed().catch(() => {})
    await this.membership?.close()
    this.#loseAll()
  }
}

function dueOf({ headers }: FetchedRecord): number {
  const due = headers[dueHeader]
  return due === undefined ? 0 : Number(due)
}

function deleted(topic: string): ClientError {
  const why = `${topic} was deleted.`
  return new ClientError({ code: 'SPILLWAY_E_DELETED', backend, why })
}
