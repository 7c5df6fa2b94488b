/**
 * The only door of the engine. Verbs are synchronous: they decide, journal the effect, apply it and
 * return. What must wait is the *output* that reveals it: see `gate`, `recordGate` and `released`.
 * The nouns are in `model.ts`, the refusals in `errors.ts`.
 */

import { hashBytes } from '../base/hash.ts'
import { Core } from './core.ts'
import {
  Defining,
  endSubscribers,
  groupInfo,
  type LogInput,
  logInfo,
  routeInfo,
} from './defining.ts'
import { done, type EngineErrorCode, type Outcome, refused } from './errors.ts'
import { journalFileName } from './journal/format.ts'
import { Journal } from './journal/journal.ts'
import { type Recovery, recover } from './journal/recovery.ts'
import { Leasing, leaseTargetOf } from './leasing.ts'
import { limits } from './limits.ts'
import {
  type AttributeValue,
  type Binding,
  type Delivery,
  defaultRoute,
  type GroupInfo,
  type LogInfo,
  type PendingInfo,
  type PublishOutcome,
  type RecordInput,
  type RouteConfig,
  type RouteInfo,
  type Settlement,
  type Standing,
  type StoredRecord,
  type Subscriber,
  type Subscription,
} from './model.ts'
import type { Ports, Storage } from './ports.ts'
import { Reading } from './reading.ts'
import type { Log } from './state/log.ts'
import { encodeState } from './state/snapshot.ts'
import { State, targetKey } from './state/state.ts'
import type { TableChange } from './state/table.ts'
import { Storing } from './storing.ts'
import { Upkeep } from './upkeep.ts'

export type Durability =
  | { readonly kind: 'always' }
  | { readonly kind: 'interval'; readonly ms: number }
  | { readonly kind: 'os' }
  | { readonly kind: 'memory' }

export interface EngineOptions {
  readonly durability: Durability
  /** Publishers are refused when less than this is free on the disk. */
  readonly diskFreeMin: number
  /** Publishers are refused when the files would take more than this. */
  readonly diskMax: number | undefined
  /** Size at which a journal file is closed and the next one begun. */
  readonly fileBytes: number
  /** How much of the recently written journal is kept in memory. */
  readonly cacheBytes: number
  /** A log with `compact` is not looked through before so many records are new. */
  readonly compactCount: number
}

/**
 * Where to begin reading. By `key` only in logs whose keys rise with the positions. `before` reads
 * backwards: the newest record before that position first.
 */
export type ReadFrom =
  | { readonly position: number }
  | { readonly before: number }
  | { readonly time: number }
  | { readonly key: Uint8Array }

/**
 * A queue's or a group's leases: `{ log }` is the queue itself, `{ log, group }` a group on a log.
 */
export interface LeaseTarget {
  readonly log: string
  readonly group?: string | undefined
}

export const defaultOptions: EngineOptions = {
  durability: { kind: 'always' },
  diskFreeMin: 64 * 1024 * 1024,
  diskMax: undefined,
  fileBytes: 64 * 1024 * 1024,
  cacheBytes: 32 * 1024 * 1024,
  compactCount: 1000,
}

export interface EngineStats {
  /** Effects journaled so far, since the data folder was made. */
  readonly sequence: number
  readonly released: number
  /** Bytes that wait for the disk. */
  readonly backlogBytes: number
  /** Journal files, and their bytes. */
  readonly files: number
  readonly journalBytes: number
  readonly freeBytes: number
  /** What opening took: effects replayed after the snapshot, bytes of a torn write cut. */
  readonly replayed: number
  readonly cutBytes: number
}

export interface EngineDoor {
  /** Wall-clock milliseconds, as records are stamped and due times compared with. */
  readonly now: number

  // Definitions
  createLog(name: string, config: LogInput): Outcome<LogInfo>
  createRoute(name: string, config: Partial<RouteConfig>): Outcome<RouteInfo>
  createGroup(log: string, group: string, from: number | 'first' | 'next'): Outcome<GroupInfo>
  alter(name: string, config: LogInput): Outcome<LogInfo>
  /** What is given changes; the kind cannot. */
  alterRoute(name: string, config: Partial<Omit<RouteConfig, 'kind'>>): Outcome<RouteInfo>
  dropLog(name: string, unless?: { used?: boolean; filled?: boolean }): Outcome<{ ready: number }>
  dropRoute(name: string, unless?: { used?: boolean }): Outcome<undefined>
  dropGroup(log: string, group: string): Outcome<undefined>
  log(name: string, options?: { touch?: boolean }): LogInfo | undefined
  route(name: string): RouteInfo | undefined
  group(log: string, group: string): GroupInfo | undefined
  pending(
    target: LeaseTarget,
    options?: { holder?: string; from?: number; countMax?: number; positions?: readonly number[] },
  ): PendingInfo[]
  /** What has become of the records at these positions; those that are gone are left out. */
  standings(log: string, positions: readonly number[]): Standing[]
  logs(): string[]
  routes(): string[]
  groups(log: string): string[]
  bindingsOf(target: Binding['target']): readonly Binding[]
  bind(binding: Binding): Outcome<undefined>
  unbind(binding: Binding): Outcome<undefined>

  // Records
  /**
   * By route. `keys` beyond the first are further routing keys; the record keeps the first one
   * (and `record.key` must be its bytes). A queue matched twice gets the record once.
   */
  publish(
    route: string,
    keys: string | readonly string[],
    record: RecordInput,
    attributes?: () => ReadonlyMap<string, AttributeValue>,
  ): PublishOutcome
  /**
   * To one log, one after the other: where the length limit refuses one, those before it stay.
   * Positions rise by `span`; a duplicate answers the position of the first one.
   */
  append(
    log: string,
    records: readonly RecordInput[],
  ): Outcome<readonly { readonly position: number; readonly duplicate: boolean }[]>
  /** `append` of one record that allocates nothing: its position, or why it is refused. */
  appendOne(log: string, record: RecordInput): number | EngineErrorCode
  /**
   * By position, or from the first record at or after a time or a key (in logs that rise by it).
   * Does not lease, changes nothing.
   */
  read(
    log: string,
    from: ReadFrom,
    limits: { readonly countMax: number; readonly bytesMax: number },
  ): Outcome<StoredRecord[]>
  /** Looks at the ready records of a queue, in the order of delivery, without changing anything. */
  peek(log: string, options: { countMax: number; skip?: number }): Outcome<StoredRecord[]>
  lease(
    target: LeaseTarget,
    options: { holder: string; countMax: number; leaseMs?: number; settled?: boolean },
  ): Outcome<Delivery[]>
  subscribe(queue: string, subscriber: Subscriber): Outcome<Subscription>
  /**
   * Stops handing out a queue's records, and goes on with it. What is leased stays so, and records
   * still come in. Volatile: after a restart nothing is paused.
   */
  pause(queue: string, paused: boolean): Outcome<undefined>
  /**
   * Hands subscribers what has come for them, at once and not in the next turn: for somebody who is
   * about to take or count what is left. Calls `deliver`, so it must not be called from there.
   */
  serve(queue: string): void
  /** All positions or none: `not-leased` when one is not held by `holder`. */
  settle(
    target: LeaseTarget,
    holder: string,
    positions: readonly number[],
    settlement: Settlement,
  ): Outcome<undefined>
  /** More time, or another holder (a claim). */
  extend(
    target: LeaseTarget,
    positions: readonly number[],
    change: { leaseMs?: number; holder?: string; counted?: boolean; idleMinMs?: number },
  ): Outcome<Delivery[]>
  /** A group's place. */
  commit(log: string, group: string, cursor: number, metadata?: Uint8Array): Outcome<undefined>
  /** Cuts records off a log, or the ready records off a queue; returns how many. */
  trim(
    log: string,
    what:
      | { readonly before: number }
      | { readonly countMax: number }
      | { readonly bytesMax: number }
      | { readonly positions: readonly number[] }
      | { readonly ready: true },
  ): Outcome<{ count: number }>
  /**
   * Calls back once, from a turn, when the log has records at or after `position` (`ready`: when
   * the queue has something to hand out), or is gone. Those who wait longest are woken first.
   */
  watch(log: string, position: number | 'ready', wake: () => void): Outcome<{ cancel(): void }>
  /**
   * Tables: what a server must remember besides records. A name space of their own; fields are
   * text, values bytes; all changes of one `put` are one effect. Values are copied in, and borrowed
   * out: do not change them. `lazy`: nothing waits for this change, and a crash may lose it, though
   * never a change after it without it.
   */
  createTable(name: string, options?: { durable?: boolean }): Outcome<undefined>
  dropTable(name: string): Outcome<undefined>
  put(
    table: string,
    changes: readonly TableChange[],
    options?: { lazy?: boolean },
  ): Outcome<undefined>
  /** The live map of a table; undefined: there is none. */
  table(name: string): ReadonlyMap<string, Uint8Array> | undefined
  tables(): string[]
  /** Several verbs, one effect: all of them are on the disk, or none. */
  batch<T>(verbs: () => T): T

  // The commit gate (I1)
  /**
   * Output that reveals any change made so far waits for this journal position. Asking for it says
   * that somebody waits: what is not on the disk is written in this turn.
   */
  readonly gate: number
  /** Output that only hands out records waits for this one: leases are journaled lazily. */
  readonly recordGate: number
  /** Everything up to here is durable under the chosen policy. */
  readonly released: number
  /** Called after `released` has moved. */
  onReleased(callback: () => void): void

  // Health
  /** Set while publishers are refused. */
  readonly alarm: 'disk' | 'backlog' | undefined
  /** Called from a turn or a completed write, never from inside a verb: it may call verbs. */
  onAlarm(callback: (alarm: 'disk' | 'backlog' | undefined) => void): void
  onFailure(callback: (failure: Error) => void): void
  /** A hash of the whole state, records' bytes excepted: equal states, equal fingerprints (I2). */
  fingerprint(): string
  stats(): EngineStats
  /** Writes out everything, syncs, and lets go of the files. */
  close(done: () => void): void
}

/**
 * Opens the engine on a storage: recovers what is there, then goes on from it. Throws an
 * `EngineFailure` when the data is damaged.
 *
 *     const engine = openEngine(simulatedPorts(seed), {})
 *     engine.createLog('orders', { queue: {} })
 *     engine.publish('', 'orders', { format: 0, envelope: noBytes, body: encodeUtf8('hello') })
 */
export function openEngine(ports: Ports, options: Partial<EngineOptions> = {}): EngineDoor {
  const state = new State((file, offset, length) => readStored(ports.storage, file, offset, length))
  const recovery = recover(ports.storage, state)
  return new Engine(ports, { ...defaultOptions, ...options }, state, recovery)
}

/** Reads an entry while there is no journal yet: only a change of priority levels asks. */
function readStored(storage: Storage, number: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const file = storage.open(journalFileName(number))
  file.read(offset, bytes)
  file.close()
  return bytes
}

class Engine implements EngineDoor {
  readonly #core: Core
  readonly #journal: Journal
  readonly #state: State
  readonly #storing: Storing
  readonly #leasing: Leasing
  readonly #defining: Defining
  readonly #reading: Reading
  readonly #upkeep: Upkeep
  readonly #recovery: Recovery
  readonly #releasedCallbacks: (() => void)[] = []
  readonly #alarmCallbacks: ((alarm: EngineDoor['alarm']) => void)[] = []
  readonly #failureCallbacks: ((failure: Error) => void)[] = []
  #alarm: EngineDoor['alarm']

  constructor(ports: Ports, options: EngineOptions, state: State, recovery: Recovery) {
    this.#state = state
    this.#recovery = recovery
    this.#core = new Core(ports, options, state)
    this.#storing = new Storing(this.#core)
    this.#leasing = new Leasing(this.#core, this.#storing)
    this.#defining = new Defining(this.#core)
    this.#reading = new Reading(this.#core)
    this.#upkeep = new Upkeep(this.#core, this.#defining, recovery.covered)
    this.#upkeep.onDisk = () => this.#sound()
    const { durability, fileBytes, cacheBytes } = options
    const syncEveryMs = durability.kind === 'interval' ? durability.ms : undefined
    const durable = durability.kind === 'always'
    const journalOptions = { durable, syncEveryMs, fileBytes, cacheBytes }
    this.#journal = new Journal(ports, journalOptions, recovery.start, {
      released: () => this.#released(),
      closed: (file, size) => this.#upkeep.fileClosed(file, size),
      diskFull: full => this.#upkeep.noSpace(full),
      failed: failure => this.#failed(failure),
    })
    this.#core.journal = this.#journal
    this.#core.work = {
      settleDown: log => this.#settleDown(log),
      handOut: log => this.#leasing.handOut(log),
      serve: log => this.#leasing.serve(log),
      nextWakeup: log => this.#nextWakeup(log),
      wakeUp: (log, now) => this.#leasing.wakeUp(log, now),
      afterTurn: () => {
        this.#upkeep.afterTurn()
        this.#sound()
      },
    }
    state.read = (file, offset, length) => this.#journal.readRecord(file, offset, length)
    this.#begin()
  }

  #begin(): void {
    this.#core.begin()
    this.#defining.dropVolatile()
    this.#leasing.releaseOrphans()
    const now = this.#core.ports.clock.monotonic()
    for (const log of this.#state.logs.values()) {
      log.traffic.usedAt = now
      this.#core.touch(log)
    }
  }

  get now(): number {
    return this.#core.now
  }

  // Definitions

  createLog(name: string, config: LogInput): Outcome<LogInfo> {
    return this.#verb(() => this.#defining.createLog(name, config))
  }

  createRoute(name: string, config: Partial<RouteConfig>): Outcome<RouteInfo> {
    return this.#verb(() => this.#defining.createRoute(name, config))
  }

  createGroup(log: string, group: string, from: number | 'first' | 'next'): Outcome<GroupInfo> {
    return this.#verb(() => this.#defining.createGroup(log, group, from))
  }

  alter(name: string, config: LogInput): Outcome<LogInfo> {
    return this.#verb(() => this.#defining.alter(name, config))
  }

  alterRoute(name: string, config: Partial<Omit<RouteConfig, 'kind'>>): Outcome<RouteInfo> {
    return this.#verb(() => this.#defining.alterRoute(name, config))
  }

  dropLog(
    name: string,
    unless: { used?: boolean; filled?: boolean } = {},
  ): Outcome<{ ready: number }> {
    return this.#verb(() => this.#defining.dropLog(name, unless))
  }

  dropRoute(name: string, unless: { used?: boolean } = {}): Outcome<undefined> {
    return this.#verb(() => this.#defining.dropRoute(name, unless))
  }

  dropGroup(log: string, group: string): Outcome<undefined> {
    return this.#verb(() => this.#defining.dropGroup(log, group))
  }

  log(name: string, options: { touch?: boolean } = {}): LogInfo | undefined {
    const log = this.#state.logs.get(name)
    if (log === undefined) return undefined
    if (options.touch === true) log.traffic.usedAt = this.#core.ports.clock.monotonic()
    return logInfo(log)
  }

  route(name: string): RouteInfo | undefined {
    if (name === '') return { name, config: defaultRoute, bindings: [] }
    const route = this.#state.routes.get(name)
    return route === undefined ? undefined : routeInfo(route)
  }

  group(logName: string, name: string): GroupInfo | undefined {
    const log = this.#state.logs.get(logName)
    const group = log?.groups.get(name)
    return log === undefined || group === undefined ? undefined : groupInfo(log, group)
  }

  pending(
    target: LeaseTarget,
    options: {
      holder?: string
      from?: number
      countMax?: number
      positions?: readonly number[]
    } = {},
  ): PendingInfo[] {
    const found = leaseTargetOf(this.#core, target)
    return found.ok ? this.#leasing.pending(found.value.log, found.value.group, options) : []
  }

  standings(name: string, positions: readonly number[]): Standing[] {
    const log = this.#state.logs.get(name)
    return log === undefined ? [] : this.#reading.standings(log, positions)
  }

  logs(): string[] {
    return [...this.#state.logs.keys()]
  }

  routes(): string[] {
    return [...this.#state.routes.keys()]
  }

  groups(log: string): string[] {
    return [...(this.#state.logs.get(log)?.groups.keys() ?? [])]
  }

  bindingsOf(target: Binding['target']): readonly Binding[] {
    return [...(this.#state.boundTo.get(targetKey(target)) ?? [])]
  }

  bind(binding: Binding): Outcome<undefined> {
    return this.#verb(() => this.#defining.bind(binding))
  }

  unbind(binding: Binding): Outcome<undefined> {
    return this.#verb(() => this.#defining.unbind(binding))
  }

  // Records

  publish(
    route: string,
    keys: string | readonly string[],
    record: RecordInput,
    attributes?: () => ReadonlyMap<string, AttributeValue>,
  ): PublishOutcome {
    this.#core.begin()
    try {
      return this.#storing.publish(route, keys, record, attributes)
    } catch (cause) {
      return this.#core.failedAssertion(cause)
    }
  }

  append(
    name: string,
    records: readonly RecordInput[],
  ): Outcome<readonly { readonly position: number; readonly duplicate: boolean }[]> {
    return this.#onLog(name, log => this.#storing.append(log, records))
  }

  appendOne(name: string, record: RecordInput): number | EngineErrorCode {
    this.#core.begin()
    try {
      const log = this.#state.logs.get(name)
      return log === undefined ? 'not-found' : this.#storing.appendOne(log, record)
    } catch (cause) {
      return this.#core.failedAssertion(cause)
    }
  }

  read(
    name: string,
    from: ReadFrom,
    bounds: { readonly countMax: number; readonly bytesMax: number },
  ): Outcome<StoredRecord[]> {
    return this.#onLog(name, log => done(this.#reading.read(log, from, bounds)))
  }

  peek(name: string, options: { countMax: number; skip?: number }): Outcome<StoredRecord[]> {
    return this.#onLog(name, log => done(this.#reading.peek(log, options)))
  }

  lease(
    target: LeaseTarget,
    options: { holder: string; countMax: number; leaseMs?: number; settled?: boolean },
  ): Outcome<Delivery[]> {
    return this.#onTarget(target, (log, group) =>
      done(
        group === undefined
          ? this.#leasing.lease(log, options)
          : this.#leasing.leaseForGroup(log, group, options),
      ),
    )
  }

  subscribe(queue: string, subscriber: Subscriber): Outcome<Subscription> {
    return this.#onLog(queue, log => this.#leasing.subscribe(log, subscriber))
  }

  pause(queue: string, paused: boolean): Outcome<undefined> {
    return this.#onLog(queue, log => this.#leasing.pause(log, paused))
  }

  serve(queue: string): void {
    const log = this.#state.logs.get(queue)
    if (log !== undefined) this.#core.serve(log)
  }

  settle(
    target: LeaseTarget,
    holder: string,
    positions: readonly number[],
    settlement: Settlement,
  ): Outcome<undefined> {
    return this.#onTarget(target, (log, group) =>
      group === undefined
        ? this.#leasing.settle(log, holder, positions, settlement)
        : this.#leasing.settleForGroup(log, group, holder, positions, settlement),
    )
  }

  extend(
    target: LeaseTarget,
    positions: readonly number[],
    change: { leaseMs?: number; holder?: string; counted?: boolean; idleMinMs?: number },
  ): Outcome<Delivery[]> {
    return this.#onTarget(target, (log, group) =>
      done(this.#leasing.extend(log, group, positions, change)),
    )
  }

  commit(log: string, group: string, cursor: number, metadata?: Uint8Array): Outcome<undefined> {
    return this.#onTarget({ log, group }, (found, place) => {
      if (place === undefined) return refused('not-found')
      this.#defining.commit(found, place, cursor, metadata)
      return done(undefined)
    })
  }

  trim(
    name: string,
    what:
      | { readonly before: number }
      | { readonly countMax: number }
      | { readonly bytesMax: number }
      | { readonly positions: readonly number[] }
      | { readonly ready: true },
  ): Outcome<{ count: number }> {
    return this.#onLog(name, log => {
      const { positions, first } = this.#reading.cutBy(log, what)
      this.#defining.cut(log, positions, first)
      return done({ count: positions.length })
    })
  }

  watch(name: string, position: number | 'ready', wake: () => void): Outcome<{ cancel(): void }> {
    const log = this.#state.logs.get(name)
    if (log === undefined) return refused('not-found', `there is no '${name}'`)
    const watcher = { position, wake }
    log.traffic.watchers.add(watcher)
    this.#core.touch(log)
    return done({ cancel: () => log.traffic.watchers.delete(watcher) })
  }

  createTable(name: string, options: { durable?: boolean } = {}): Outcome<undefined> {
    return this.#verb(() => this.#defining.createTable(name, options.durable ?? true))
  }

  dropTable(name: string): Outcome<undefined> {
    return this.#verb(() => this.#defining.dropTable(name))
  }

  put(
    table: string,
    changes: readonly TableChange[],
    options: { lazy?: boolean } = {},
  ): Outcome<undefined> {
    return this.#verb(() => this.#defining.put(table, changes, options.lazy === true))
  }

  table(name: string): ReadonlyMap<string, Uint8Array> | undefined {
    return this.#state.tables.get(name)?.entries
  }

  tables(): string[] {
    return [...this.#state.tables.keys()]
  }

  batch<T>(verbs: () => T): T {
    this.#core.begin()
    this.#journal.beginBatch()
    try {
      return verbs()
    } finally {
      this.#journal.endBatch()
    }
  }

  // The commit gate

  get gate(): number {
    if (this.#journal.demand()) this.#core.wantTurn()
    return this.#journal.gate
  }

  get recordGate(): number {
    return this.#journal.recordGate
  }

  get released(): number {
    return this.#journal.released
  }

  onReleased(callback: () => void): void {
    this.#releasedCallbacks.push(callback)
  }

  // Health

  get alarm(): EngineDoor['alarm'] {
    return this.#alarm
  }

  onAlarm(callback: (alarm: EngineDoor['alarm']) => void): void {
    this.#alarmCallbacks.push(callback)
  }

  onFailure(callback: (failure: Error) => void): void {
    this.#failureCallbacks.push(callback)
  }

  fingerprint(): string {
    return hashBytes(encodeState(this.#state))
  }

  stats(): EngineStats {
    const { sequence, released, backlogBytes, size } = this.#journal
    const { files } = this.#state.use
    return {
      sequence,
      released,
      backlogBytes,
      files: files.size + (files.has(this.#journal.file) ? 0 : 1),
      journalBytes: this.#state.use.total(size),
      freeBytes: this.#core.ports.storage.freeBytes(),
      replayed: this.#recovery.replayed,
      cutBytes: this.#recovery.cutBytes,
    }
  }

  close(closed: () => void): void {
    if (this.#core.closed) return closed()
    this.#upkeep.finish(() => {
      this.#core.stopTimers()
      this.#journal.close(closed)
    })
  }

  // Turns

  #settleDown(log: Log): void {
    this.#upkeep.considerCompaction(log)
    const { subscribers, hadSubscriber } = log.traffic
    if (log.config.autoDrop && hadSubscriber && subscribers.length === 0) {
      this.#defining.dropLog(log.name, {})
    }
  }

  /** The earliest moment at which time alone changes something in this log. */
  #nextWakeup(log: Log): number {
    const now = this.#core.now
    let at = this.#upkeep.retain(log, now)
    const { queue, traffic } = log
    if (queue !== undefined) {
      at = Math.min(at, queue.nextDeadline())
      if (queue.mayExpire) at = Math.min(at, this.#leasing.expireHeads(log, queue, now))
    }
    for (const group of log.groups.values()) at = Math.min(at, group.nextDeadline())
    if (log.config.idleMs === undefined || traffic.subscribers.length > 0) return at
    const idleMs = this.#core.ports.clock.monotonic() - traffic.usedAt
    if (idleMs >= log.config.idleMs) {
      this.#defining.dropLog(log.name, {})
      return Infinity
    }
    // The two clocks count in other fractions: what is left may be less than either can show.
    return Math.min(at, now + Math.ceil(log.config.idleMs - idleMs))
  }

  #released(): void {
    for (const callback of this.#releasedCallbacks) callback()
    this.#core.wantTurn()
  }

  /** Raises or ends the alarm that makes publishers wait. */
  #sound(): void {
    const { backlogBytes } = this.#journal
    const high = this.#alarm === 'backlog' ? limits.backlogBytesLow : limits.backlogBytesHigh
    const full = this.#upkeep.diskFull
    const alarm = full ? 'disk' : backlogBytes > high ? 'backlog' : undefined
    this.#storing.refusing = full ? 'disk-full' : undefined
    if (alarm === this.#alarm) return
    this.#alarm = alarm
    for (const callback of this.#alarmCallbacks) callback(alarm)
  }

  #failed(failure: Error): void {
    this.#core.stopTimers()
    for (const log of this.#state.logs.values()) endSubscribers(log, 'failed')
    for (const callback of this.#failureCallbacks) callback(failure)
  }

  #verb<T>(run: () => T): T {
    this.#core.begin()
    try {
      return run()
    } catch (cause) {
      return this.#core.failedAssertion(cause)
    }
  }

  #onLog<T>(name: string, run: (log: Log) => Outcome<T>): Outcome<T> {
    return this.#verb(() => {
      const log = this.#state.logs.get(name)
      return log === undefined ? refused('not-found', `there is no '${name}'`) : run(log)
    })
  }

  #onTarget<T>(
    target: LeaseTarget,
    run: (log: Log, group: ReturnType<Log['groups']['get']>) => Outcome<T>,
  ): Outcome<T> {
    return this.#verb(() => {
      const found = leaseTargetOf(this.#core, target)
      return found.ok ? run(found.value.log, found.value.group) : found
    })
  }
}
