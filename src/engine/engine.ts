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
import {
  defaultOptions,
  type EngineDoor,
  type EngineOptions,
  type EngineStats,
  type LeaseTarget,
  type ReadFrom,
} from './door.ts'
import { done, type EngineErrorCode, type Outcome, refused } from './errors.ts'
import { leaseForGroup, settleForGroup } from './group-leasing.ts'
import { journalFileName } from './journal/format.ts'
import { Journal } from './journal/journal.ts'
import { type Recovery, recover } from './journal/recovery.ts'
import { leaseTargetOf } from './lease-target.ts'
import { Leasing } from './leasing.ts'
import { limits } from './limits.ts'
import {
  type AttributeValue,
  type Binding,
  type Delivery,
  defaultRoute,
  type GroupInfo,
  type LogGlance,
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
import { Subscribing } from './subscribing.ts'
import { Upkeep } from './upkeep.ts'

export {
  type Durability,
  defaultOptions,
  type EngineDoor,
  type EngineOptions,
  type EngineStats,
  type LeaseTarget,
  type ReadFrom,
} from './door.ts'

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
  readonly #subscribing: Subscribing
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
    this.#subscribing = new Subscribing(this.#core)
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

  glance(name: string): LogGlance | undefined {
    const log = this.#state.logs.get(name)
    if (log === undefined) return undefined
    return { name, config: log.config, next: log.next, leased: log.queue?.leases.size ?? 0 }
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
          : leaseForGroup(this.#core, log, group, options),
      ),
    )
  }

  subscribe(queue: string, subscriber: Subscriber): Outcome<Subscription> {
    return this.#onLog(queue, log => this.#subscribing.subscribe(log, subscriber))
  }

  pause(queue: string, paused: boolean): Outcome<undefined> {
    return this.#onLog(queue, log => this.#subscribing.pause(log, paused))
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
        : settleForGroup(this.#core, log, group, holder, positions, settlement),
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
