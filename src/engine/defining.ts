/** Definitions: what logs, routes, groups and bindings there are. Rare, so each is JSON. */

import { encodeUtf8 } from '../base/bytes.ts'
import type { Core } from './core.ts'
import { done, type Outcome, refused } from './errors.ts'
import {
  type Definition,
  rangesOf,
  writeDefinition,
  writePositions,
  writePut,
} from './journal/effects.ts'
import { kinds } from './journal/format.ts'
import { limits } from './limits.ts'
import {
  type Binding,
  defaultLog,
  defaultQueue,
  defaultRoute,
  type EndReason,
  type GroupInfo,
  type LogConfig,
  type LogInfo,
  type RouteConfig,
  type RouteInfo,
} from './model.ts'
import type { Group } from './state/group.ts'
import type { Log } from './state/log.ts'
import type { Route } from './state/route.ts'
import { targetKey } from './state/state.ts'
import type { TableChange } from './state/table.ts'

/** A definition's input: what is left out takes its default. */
export type LogInput = Partial<Omit<LogConfig, 'queue'>> & {
  readonly queue?: Partial<NonNullable<LogConfig['queue']>> | undefined
}

export class Defining {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
  }

  createLog(name: string, input: LogInput): Outcome<LogInfo> {
    const { state } = this.#core
    const wrong = wrongName(name) ?? wrongLog(input)
    if (wrong !== undefined) return refused('invalid', wrong)
    if (state.logs.has(name)) return refused('exists', `'${name}' exists`)
    if (state.logs.size >= limits.logsMax) return refused('limit', 'too many logs')
    const config = completeLog(input)
    this.#define({ do: 'create-log', id: state.nextLogId, name, config }, config.durable)
    const log = state.logs.get(name)!
    log.traffic.usedAt = this.#core.ports.clock.monotonic()
    this.#core.touch(log)
    return done(logInfo(log))
  }

  alter(name: string, input: LogInput): Outcome<LogInfo> {
    const log = this.#core.state.logs.get(name)
    if (log === undefined) return refused('not-found', `there is no '${name}'`)
    const queue =
      input.queue === undefined
        ? log.config.queue
        : { ...defaultQueue, ...log.config.queue, ...input.queue }
    // What stays must go with what is new: the outcome is looked at, not the change alone.
    const wrong = wrongLog({ ...input, queue })
    if (wrong !== undefined) return refused('invalid', wrong)
    if ((queue === undefined) !== (log.queue === undefined)) {
      return refused('wrong-kind', `${name} cannot become another kind of log`)
    }
    if (queue?.ordering !== log.config.queue?.ordering) {
      return refused('invalid', `the ordering of ${name} cannot change`)
    }
    const config = { ...log.config, ...input, queue }
    this.#define({ do: 'alter-log', name, config }, config.durable)
    this.#core.touch(log)
    return done(logInfo(log))
  }

  dropLog(name: string, unless: { used?: boolean; filled?: boolean }): Outcome<{ ready: number }> {
    const { state } = this.#core
    const log = state.logs.get(name)
    if (log === undefined) return refused('not-found', `there is no '${name}'`)
    if (unless.used === true && log.traffic.subscribers.length > 0) return refused('in-use', name)
    const ready = log.queue?.ready ?? log.index.count
    if (unless.filled === true && ready > 0) return refused('not-empty', name)
    const sources = new Set<string>()
    for (const binding of state.boundTo.get(targetKey({ kind: 'log', name })) ?? []) {
      sources.add(binding.route)
    }
    this.#define({ do: 'drop-log', name }, log.config.durable)
    for (const source of sources) this.#dropUnbound(source)
    endSubscribers(log, 'dropped')
    return done({ ready })
  }

  createRoute(name: string, input: Partial<RouteConfig>): Outcome<RouteInfo> {
    const { state } = this.#core
    const wrong = wrongName(name)
    if (wrong !== undefined) return refused('invalid', wrong)
    if (name === '' || state.routes.has(name)) return refused('exists', `route '${name}' exists`)
    if (state.routes.size >= limits.routesMax) return refused('limit', 'too many routes')
    const config = { ...defaultRoute, ...input }
    this.#define({ do: 'create-route', name, config }, config.durable)
    return done(routeInfo(state.routes.get(name)!))
  }

  /** Everything but the kind, by which the bindings are kept. */
  alterRoute(name: string, input: Partial<Omit<RouteConfig, 'kind'>>): Outcome<RouteInfo> {
    const route = this.#core.state.routes.get(name)
    if (route === undefined) return refused('not-found', `there is no route '${name}'`)
    const config = { ...route.config, ...input, kind: route.config.kind }
    this.#define({ do: 'alter-route', name, config }, config.durable || route.config.durable)
    return done(routeInfo(route))
  }

  dropRoute(name: string, unless: { used?: boolean }): Outcome<undefined> {
    const { state } = this.#core
    const route = state.routes.get(name)
    if (route === undefined) return refused('not-found', `there is no route '${name}'`)
    if (unless.used === true && route.bindings.size > 0) return refused('in-use', name)
    const sources = new Set<string>()
    for (const binding of state.boundTo.get(targetKey({ kind: 'route', name })) ?? []) {
      sources.add(binding.route)
    }
    this.#define({ do: 'drop-route', name }, route.config.durable)
    for (const source of sources) this.#dropUnbound(source)
    return done(undefined)
  }

  bind(binding: Binding): Outcome<undefined> {
    const { state } = this.#core
    const route = state.routes.get(binding.route)
    if (route === undefined) return refused('not-found', `there is no route '${binding.route}'`)
    const { kind, name } = binding.target
    const target = kind === 'log' ? state.logs.get(name) : state.routes.get(name)
    if (target === undefined) return refused('not-found', `there is no ${kind} '${name}'`)
    if (encodeUtf8(binding.key).length > limits.keyBytesMax)
      return refused('invalid', 'the key is too long')
    if (route.has(binding)) return done(undefined)
    if (route.bindings.size >= limits.bindingsMax) return refused('limit', 'too many bindings')
    this.#define({ do: 'bind', binding }, route.config.durable && target.config.durable)
    return done(undefined)
  }

  unbind(binding: Binding): Outcome<undefined> {
    const route = this.#core.state.routes.get(binding.route)
    if (route === undefined) return refused('not-found', `there is no route '${binding.route}'`)
    if (!route.has(binding)) return refused('not-found', 'there is no such binding')
    this.#define({ do: 'unbind', binding }, route.config.durable)
    this.#dropUnbound(binding.route)
    return done(undefined)
  }

  /** A route that goes with its last binding. */
  #dropUnbound(name: string): void {
    const route = this.#core.state.routes.get(name)
    if (route?.config.autoDrop === true && route.bindings.size === 0) this.dropRoute(name, {})
  }

  createGroup(logName: string, name: string, from: number | 'first' | 'next'): Outcome<GroupInfo> {
    const log = this.#core.state.logs.get(logName)
    if (log === undefined) return refused('not-found', `there is no '${logName}'`)
    const wrong = wrongName(name)
    if (wrong !== undefined || name === '') return refused('invalid', wrong ?? 'a group has a name')
    if (log.groups.has(name)) return refused('exists', `group '${name}' exists`)
    const cursor = from === 'first' ? log.first : from === 'next' ? log.next : from
    this.#define({ do: 'create-group', log: logName, name, cursor }, log.config.durable)
    return done(groupInfo(log, log.groups.get(name)!))
  }

  dropGroup(logName: string, name: string): Outcome<undefined> {
    const log = this.#core.state.logs.get(logName)
    if (log?.groups.has(name) !== true) return refused('not-found', `there is no group '${name}'`)
    this.#define({ do: 'drop-group', log: logName, name }, log.config.durable)
    return done(undefined)
  }

  createTable(name: string, durable: boolean): Outcome<undefined> {
    const { state } = this.#core
    const wrong = wrongName(name)
    if (wrong !== undefined) return refused('invalid', wrong)
    if (state.tables.has(name)) return refused('exists', `table '${name}' exists`)
    if (state.tables.size >= limits.tablesMax) return refused('limit', 'too many tables')
    this.#define({ do: 'create-table', name, durable }, durable)
    return done(undefined)
  }

  dropTable(name: string): Outcome<undefined> {
    const table = this.#core.state.tables.get(name)
    if (table === undefined) return refused('not-found', `there is no table '${name}'`)
    this.#define({ do: 'drop-table', name }, table.durable)
    return done(undefined)
  }

  put(name: string, changes: readonly TableChange[], lazy: boolean): Outcome<undefined> {
    const { journal, state } = this.#core
    const table = state.tables.get(name)
    if (table === undefined) return refused('not-found', `there is no table '${name}'`)
    let bytes = table.bytes
    for (const [field, value] of changes) bytes += field.length + (value?.length ?? 0)
    if (bytes > limits.tableBytesMax) return refused('limit', `table '${name}' is full`)
    const kept = changes.map(([field, value]): TableChange => [field, value?.slice()])
    writePut(journal, name, kept, table.durable && !lazy ? 'gated' : 'lazy')
    state.put(name, kept)
    return done(undefined)
  }

  commit(log: Log, group: Group, cursor: number, metadata: Uint8Array | undefined): void {
    writePositions(this.#core.journal, kinds.cursor, log.id, [], 'gated', {
      a: cursor,
      group: group.name,
      flag: metadata !== undefined,
      metadata,
    })
    group.cursor = cursor
    if (metadata !== undefined) group.metadata = metadata.slice()
    this.#core.touch(log)
  }

  /** Cuts positions off; `first` is the log's new first position. */
  cut(log: Log, positions: readonly number[], first: number): void {
    const { journal, state } = this.#core
    if (positions.length === 0 && first <= log.first) return
    const urgency = log.config.durable ? 'gated' : 'lazy'
    writePositions(journal, kinds.trim, log.id, rangesOf(positions), urgency, { a: first })
    log.first = Math.max(log.first, first)
    for (const position of positions) state.cut(log, position)
    this.#core.touch(log)
  }

  /** What is not durable does not outlive the process. */
  dropVolatile(): void {
    const { state } = this.#core
    for (const log of [...state.logs.values()]) if (!log.config.durable) this.dropLog(log.name, {})
    for (const route of [...state.routes.values()]) {
      if (!route.config.durable) this.dropRoute(route.name, {})
    }
    for (const table of [...state.tables.values()]) if (!table.durable) this.dropTable(table.name)
  }

  #define(definition: Definition, durable: boolean): void {
    writeDefinition(this.#core.journal, definition, durable ? 'gated' : 'lazy')
    this.#core.state.define(definition)
  }
}

export function endSubscribers(log: Log, reason: EndReason): void {
  const { subscribers, watchers } = log.traffic
  log.traffic.subscribers = []
  for (const subscribed of subscribers) subscribed.cancelled = true
  for (const subscribed of subscribers) subscribed.subscriber.ended(reason)
  for (const watcher of watchers) watcher.wake()
  watchers.clear()
}

function completeLog(input: LogInput): LogConfig {
  const { queue, ...rest } = input
  return {
    ...defaultLog,
    ...rest,
    queue: queue === undefined ? undefined : { ...defaultQueue, ...queue },
  }
}

function wrongName(name: string): string | undefined {
  const bytes = encodeUtf8(name).length
  return bytes > limits.nameBytesMax ? `a name has at most ${limits.nameBytesMax} bytes` : undefined
}

function wrongLog(input: LogInput): string | undefined {
  const { queue, retention } = input
  const numbers: [string, number | undefined, number][] = [
    ['dedupeWindowMs', input.dedupeWindowMs, 1],
    ['idleMs', input.idleMs, 1],
    ['retention.ageMs', retention?.ageMs, 1],
    ['retention.bytes', retention?.bytes, 0],
    ['retention.count', retention?.count, 0],
    ['ttlMs', queue?.ttlMs, 0],
    ['countMax', queue?.countMax, 0],
    ['bytesMax', queue?.bytesMax, 0],
    ['attemptsMax', queue?.attemptsMax, 1],
    ['levels', queue?.levels, 1],
    ['turns.upper', queue?.turns?.upper, 1],
    ['leaseMs', queue?.leaseMs, 0],
  ]
  for (const [name, value, min] of numbers) {
    if (value !== undefined && !(value >= min)) return `${name} must be at least ${min}`
  }
  if ((queue?.levels ?? 1) > limits.levelsMax) return `levels must be at most ${limits.levelsMax}`
  if (queue?.turns !== undefined && queue.levels !== 2) return 'turns are taken by two levels'
  if ((queue?.ordering ?? 'none') !== 'none' && (queue?.levels ?? 1) > 1) {
    return 'ordering groups and priority levels exclude each other'
  }
  return undefined
}

// How things look from outside

export function logInfo(log: Log): LogInfo {
  const { queue, traffic } = log
  const { appended, delivered, settled, returned, expired, deadLettered, dropped } = traffic
  const lowest = queue === undefined ? -1 : log.index.nextAtOrAfter(0)
  return {
    name: log.name,
    config: log.config,
    first: queue === undefined ? log.first : lowest < 0 ? log.next : lowest,
    next: log.next,
    count: log.index.count,
    bytes: log.index.bodyBytes,
    ready: queue?.ready ?? 0,
    readyBytes: queue?.readyBytes ?? 0,
    leased: queue?.leases.size ?? 0,
    delayed: queue?.delayed.size ?? 0,
    subscribers: traffic.subscribers.length,
    paused: traffic.paused,
    totals: { appended, delivered, settled, returned, expired, deadLettered, dropped },
  }
}

export function routeInfo(route: Route): RouteInfo {
  return { name: route.name, config: route.config, bindings: [...route.bindings.values()] }
}

export function groupInfo(log: Log, group: Group): GroupInfo {
  return {
    log: log.name,
    name: group.name,
    cursor: group.cursor,
    pending: group.pending.size,
    metadata: group.metadata,
  }
}
