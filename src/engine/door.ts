/**
 * What the engine can be asked: its verbs, what a verb wants to know, and what it tells about
 * itself. `engine.ts` is who answers, and the file to import from.
 */

import type { LogInput } from './defining.ts'
import type { EngineErrorCode, Outcome } from './errors.ts'
import type {
  AttributeValue,
  Binding,
  Delivery,
  GroupInfo,
  LogGlance,
  LogInfo,
  PendingInfo,
  PublishOutcome,
  RecordInput,
  RouteConfig,
  RouteInfo,
  Settlement,
  Standing,
  StoredRecord,
  Subscriber,
  Subscription,
} from './model.ts'
import type { TableChange } from './state/table.ts'

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
  /** The little of `log` that is known without looking for it: for every message. */
  glance(name: string): LogGlance | undefined
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
