/**
 * The naive model of the engine: arrays, maps and loops over everything, written from the door's
 * description and for nothing but being obviously right. No journal, no index, no heap.
 *
 * It does not guess what the engine may choose: when exactly an expired record is noticed, which
 * subscriber is served, and which position a dead letter gets. Those it is *told* (`delivered`,
 * `follow…`), and it says whether that was allowed.
 */

import { assert } from '../../src/base/assert.ts'
import type { EngineErrorCode } from '../../src/engine/errors.ts'
import type {
  Binding,
  DeathReason,
  LogConfig,
  QueueConfig,
  RouteConfig,
} from '../../src/engine/model.ts'
import type { SubscriberDraft } from './operations.ts'

export interface ModelDeath {
  readonly queue: string
  readonly reason: DeathReason
  readonly count: number
}

export interface ModelRecord {
  readonly position: number
  readonly span: number
  readonly id: string
  readonly bodyBytes: number
  readonly time: number
  readonly priority: number
  readonly transient: boolean
  readonly route: string
  /** The first is the record's own key. */
  readonly keys: readonly string[]
  readonly group: string | undefined
  readonly dedupeId: string | undefined
  readonly ttlMs: number | undefined
  readonly expiresAt: number
  readonly deaths: readonly ModelDeath[]
  state: 'ready' | 'delayed' | 'leased'
  attempts: number
  holder: string
  leasedAt: number
  deadline: number
  dueAt: number
  /** What `observe.ts` makes of the fields that never change. */
  text?: string
}

export interface ModelPending {
  position: number
  /** Empty: given back, and next in line. */
  holder: string
  attempts: number
  leasedAt: number
  deadline: number
}

export interface ModelGroup {
  readonly name: string
  cursor: number
  metadata: string | undefined
  pending: ModelPending[]
}

export interface ModelSubscriber extends SubscriberDraft {
  left: number
  isPaused: boolean
}

export interface ModelLog {
  readonly name: string
  config: LogConfig
  first: number
  next: number
  records: ModelRecord[]
  groups: Map<string, ModelGroup>
  seen: SeenId[]
  subscribers: ModelSubscriber[]
  hadSubscriber: boolean
  /** A person has stopped it; nothing is handed out. */
  isPaused: boolean
  /** Records of the upper level handed out since the last of the lower, where levels take turns. */
  taken: number
  /**
   * Ordering groups that got a record back and have handed out none since ('group-prefix'), each
   * with the last position that was ready then; -1: only perhaps, since before a restart.
   */
  returned: Map<string, number>
  usedAt: number
}

export interface ModelRoute {
  readonly name: string
  readonly config: RouteConfig
  /** Replaced when it changes. */
  bindings: readonly Binding[]
}

/**
 * A dead letter on its way: which position it gets, and among others in which order, is followed.
 */
export interface Move {
  readonly target: string
  readonly passage: Passage
}

export interface ModelTable {
  readonly durable: boolean
  readonly fields: Map<string, string>
}

/** A record apart from its place in a log. */
export type Passage = Pick<
  ModelRecord,
  | 'id'
  | 'bodyBytes'
  | 'span'
  | 'priority'
  | 'transient'
  | 'route'
  | 'keys'
  | 'group'
  | 'dedupeId'
  | 'ttlMs'
  | 'deaths'
> & { readonly attempts: number; readonly dueAt: number | undefined }

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: EngineErrorCode }

export function yes<T>(value: T): Answer<T> {
  return { ok: true, value }
}

export function no(error: EngineErrorCode): Answer<never> {
  return { ok: false, error }
}

/** An id that was seen, for deduplication. */
export interface SeenId {
  readonly id: string
  readonly position: number
  readonly time: number
  /** A dead letter that was gone before anybody could see where it had been. */
  readonly isGuess?: boolean
}

/** Everything that the model knows. Plain data, so that a copy is a snapshot. */
export class Model {
  logs = new Map<string, ModelLog>()
  routes = new Map<string, ModelRoute>()
  tables = new Map<string, ModelTable>()
  moves: Move[] = []

  clone(): Model {
    const copy = new Model()
    for (const [name, log] of this.logs) copy.logs.set(name, copyOfLog(log))
    for (const [name, route] of this.routes) copy.routes.set(name, { ...route })
    for (const [name, table] of this.tables) {
      copy.tables.set(name, { ...table, fields: new Map(table.fields) })
    }
    copy.moves = [...this.moves]
    return copy
  }

  /** Equal for models that will answer everything alike. */
  key(): string {
    return JSON.stringify([this.logs, this.routes, this.tables, this.moves], (name, value) =>
      name === 'text'
        ? undefined
        : value instanceof Map
          ? [...value]
          : value === Infinity
            ? 'never'
            : value,
    )
  }

  log(name: string): ModelLog {
    const log = this.logs.get(name)
    assert(log !== undefined, 'model: the log is there')
    return log
  }
}

/** Copies what changes in place; the rest is replaced when it changes, and is shared. */
function copyOfLog(log: ModelLog): ModelLog {
  const groups = new Map<string, ModelGroup>()
  for (const [name, group] of log.groups) {
    groups.set(name, { ...group, pending: group.pending.map(one => ({ ...one })) })
  }
  return {
    ...log,
    groups,
    records: log.records.map(record => ({ ...record })),
    returned: new Map(log.returned),
    seen: [...log.seen],
    subscribers: log.subscribers.map(subscriber => ({ ...subscriber })),
  }
}

export function recordAt(log: ModelLog, position: number): ModelRecord | undefined {
  return log.records.find(record => record.position === position)
}

export function queueOf(log: ModelLog): QueueConfig {
  assert(log.config.queue !== undefined, 'model: a queue')
  return log.config.queue
}

export function isExpired(record: ModelRecord, now: number): boolean {
  return record.expiresAt <= now
}

/** No queue of a run has its upper level go first more often than this. */
export const turnsMax = 3

export function levelOf(
  { levels, turns }: QueueConfig,
  { priority }: { priority: number },
): number {
  if (turns !== undefined) return priority >= turns.priority ? 1 : 0
  return Math.min(priority, levels - 1)
}

/** The first of those in the order of delivery, unless it is the lower level's turn. */
export function inTurn(log: ModelLog, ordered: readonly ModelRecord[]): ModelRecord | undefined {
  const { turns } = queueOf(log)
  const isLowers = turns !== undefined && log.taken >= turns.upper
  const lower = isLowers ? ordered.find(record => levelOf(queueOf(log), record) === 0) : undefined
  return lower ?? ordered[0]
}

/** Higher levels first, then older records. */
export function deliveryOrder(config: QueueConfig) {
  const level = (record: ModelRecord) => levelOf(config, record)
  return (left: ModelRecord, right: ModelRecord) =>
    (config.ordering !== 'none' ? 0 : level(right) - level(left)) || left.position - right.position
}

/** Ready records in the order of delivery; of an ordering group only what may go now. */
export function offered(log: ModelLog, now: number): ModelRecord[] {
  if (log.isPaused) return []
  const config = queueOf(log)
  const ready = log.records
    .filter(record => record.state === 'ready' && !isExpired(record, now))
    .sort(deliveryOrder(config))
  if (config.ordering === 'none') return ready
  return ready.filter(record => record.group === undefined || isHeadOfGroup(log, record, now))
}

/** No earlier record of its group is there, and none is leased: with prefixes, no earlier one. */
function isHeadOfGroup(log: ModelLog, record: ModelRecord, now: number): boolean {
  const hasPrefixes = queueOf(log).ordering === 'group-prefix'
  return log.records.every(other => {
    if (other.group !== record.group) return true
    const isBehind = other.position >= record.position
    if (other.state === 'leased') return hasPrefixes && isBehind
    return isBehind || (other.state === 'ready' && isExpired(other, now))
  })
}

/**
 * Which of those that are offered may be the next: the first one, or that of a group whose turn
 * comes later because it got a record back. Those come in an order that the model does not keep.
 */
export function mayBeNext(log: ModelLog, all: readonly ModelRecord[], now: number): ModelRecord[] {
  const isReturned = ({ group }: ModelRecord) => group !== undefined && log.returned.has(group)
  const [first] = all.filter(record => !isReturned(record))
  const earliest = Math.min(...log.returned.values())
  const isTheirTurn = first === undefined || first.position > earliest || hasExpired(log, now)
  const returned = isTheirTurn ? all.filter(isReturned) : []
  return first === undefined ? returned : [first, ...returned]
}

/** A group whose expired records are found on the way has its usual turn again. */
function hasExpired(log: ModelLog, now: number): boolean {
  return log.records.some(record => record.state === 'ready' && isExpired(record, now))
}
