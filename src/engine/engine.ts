/** The only door of the engine. (Signatures first; see model.ts for the nouns.) */

import type { Outcome } from './errors.ts'
import type {
  AttributeValue,
  Binding,
  Delivery,
  GroupInfo,
  LogConfig,
  LogInfo,
  PendingInfo,
  PublishOutcome,
  RecordInput,
  RouteConfig,
  RouteInfo,
  Settlement,
  StoredRecord,
  Subscriber,
  Subscription,
} from './model.ts'
import type { Ports } from './ports.ts'

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
}

/** A queue's or a group's leases: `{ log }` is the queue itself, `{ log, group }` a group on a log. */
export interface LeaseTarget {
  readonly log: string
  readonly group?: string | undefined
}

export interface EngineDoor {
  // Definitions
  createLog(name: string, config: Partial<LogConfig>): Outcome<LogInfo>
  createRoute(name: string, config: Partial<RouteConfig>): Outcome<RouteInfo>
  createGroup(log: string, group: string, from: number | 'first' | 'next'): Outcome<GroupInfo>
  alter(name: string, config: Partial<LogConfig>): Outcome<LogInfo>
  dropLog(name: string, unless?: { used?: boolean; filled?: boolean }): Outcome<{ ready: number }>
  dropRoute(name: string, unless?: { used?: boolean }): Outcome<undefined>
  dropGroup(log: string, group: string): Outcome<undefined>
  log(name: string, options?: { touch?: boolean }): LogInfo | undefined
  route(name: string): RouteInfo | undefined
  group(log: string, group: string): GroupInfo | undefined
  pending(target: LeaseTarget, options?: { holder?: string; from?: number; countMax?: number }): PendingInfo[]
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
  /** To one log. Positions rise by `span`; a duplicate answers the position of the first one. */
  append(
    log: string,
    records: readonly RecordInput[],
  ): Outcome<readonly { readonly position: number; readonly duplicate: boolean }[]>
  /** By position, or from the first record at or after a time. Does not lease, changes nothing. */
  read(
    log: string,
    from: { readonly position: number } | { readonly time: number },
    limits: { readonly countMax: number; readonly bytesMax: number },
  ): Outcome<StoredRecord[]>
  /** Looks at the ready records of a queue, in the order of delivery, without changing anything. */
  peek(log: string, options: { countMax: number; skip?: number }): Outcome<StoredRecord[]>
  lease(
    target: LeaseTarget,
    options: { holder: string; countMax: number; leaseMs?: number; settled?: boolean },
  ): Outcome<Delivery[]>
  subscribe(queue: string, subscriber: Subscriber): Outcome<Subscription>
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
  /** Calls back once, from a turn, when the log has records at or after `position`, or is gone. */
  watch(log: string, position: number, wake: () => void): Outcome<{ cancel(): void }>
  /** Several verbs, one effect: all of them are on the disk, or none. */
  batch<T>(verbs: () => T): T

  // The commit gate (I1)
  /** Output that reveals any change made so far waits for this journal position. */
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
  onAlarm(callback: (alarm: 'disk' | 'backlog' | undefined) => void): void
  onFailure(callback: (failure: Error) => void): void
  /** Writes out everything, syncs, and lets go of the files. */
  close(done: () => void): void
}

export type OpenEngine = (ports: Ports, options?: Partial<EngineOptions>) => EngineDoor
