/** The model's definitions: logs, routes, groups, bindings, and cutting. */

import {
  type Binding,
  defaultLog,
  defaultQueue,
  defaultRoute,
  type LogConfig,
  type RouteConfig,
} from '../../src/engine/model.ts'
import { type Answer, type Model, type ModelLog, type ModelRecord, no, yes } from './model.ts'
import { giveBack } from './model-leasing.ts'
import { dropHead } from './model-storing.ts'
import type { TrimWhat } from './operations.ts'

export function createLog(
  model: Model,
  name: string,
  input: Partial<LogConfig>,
  monotonic: number,
): Answer<undefined> {
  if (model.logs.has(name)) return no('exists')
  const queue = input.queue === undefined ? undefined : { ...defaultQueue, ...input.queue }
  model.logs.set(name, {
    name,
    config: { ...defaultLog, ...input, queue },
    first: 0,
    next: 0,
    records: [],
    groups: new Map(),
    seen: [],
    subscribers: [],
    hadSubscriber: false,
    isPaused: false,
    taken: 0,
    returned: new Map(),
    usedAt: monotonic,
  })
  return yes(undefined)
}

export function alter(model: Model, name: string, input: Partial<LogConfig>): Answer<undefined> {
  const log = model.logs.get(name)
  if (log === undefined) return no('not-found')
  const before = log.config.queue
  const queue = input.queue === undefined ? before : { ...defaultQueue, ...before, ...input.queue }
  if ((queue === undefined) !== (before === undefined)) return no('wrong-kind')
  if (queue?.ordering !== before?.ordering) return no('invalid')
  if (queue?.turns !== undefined && queue.levels !== 2) return no('invalid')
  log.config = { ...log.config, ...input, queue }
  if (log.config.dedupeWindowMs === undefined) log.seen = []
  return yes(undefined)
}

export function dropLog(
  model: Model,
  name: string,
  unless: { used?: boolean; filled?: boolean },
): Answer<{ ready: number }> {
  const log = model.logs.get(name)
  if (log === undefined) return no('not-found')
  if (unless.used === true && log.subscribers.length > 0) return no('in-use')
  const ready = log.records.filter(record => record.state === 'ready').length
  if (unless.filled === true && ready > 0) return no('not-empty')
  model.logs.delete(name)
  removeTarget(model, 'log', name)
  return yes({ ready })
}

/** Bindings to what is gone are gone; routes that go with their last binding, too. */
function removeTarget(model: Model, kind: 'log' | 'route', name: string): void {
  for (const route of [...model.routes.values()]) {
    const left = route.bindings.filter(({ target }) => target.kind !== kind || target.name !== name)
    if (left.length === route.bindings.length) continue
    route.bindings = left
    dropUnbound(model, route.name)
  }
}

function dropUnbound(model: Model, name: string): void {
  const route = model.routes.get(name)
  if (route?.config.autoDrop === true && route.bindings.length === 0) dropRoute(model, name, {})
}

export function createRoute(
  model: Model,
  name: string,
  input: Partial<RouteConfig>,
): Answer<undefined> {
  if (model.routes.has(name)) return no('exists')
  model.routes.set(name, { name, config: { ...defaultRoute, ...input }, bindings: [] })
  return yes(undefined)
}

export function dropRoute(
  model: Model,
  name: string,
  unless: { used?: boolean },
): Answer<undefined> {
  const route = model.routes.get(name)
  if (route === undefined) return no('not-found')
  if (unless.used === true && route.bindings.length > 0) return no('in-use')
  model.routes.delete(name)
  removeTarget(model, 'route', name)
  return yes(undefined)
}

export function bind(model: Model, binding: Binding): Answer<undefined> {
  const route = model.routes.get(binding.route)
  if (route === undefined) return no('not-found')
  const { kind, name } = binding.target
  if (!(kind === 'log' ? model.logs : model.routes).has(name)) return no('not-found')
  const identity = identityOf(binding)
  if (!route.bindings.some(other => identityOf(other) === identity)) {
    route.bindings = [...route.bindings, binding]
  }
  return yes(undefined)
}

export function unbind(model: Model, binding: Binding): Answer<undefined> {
  const route = model.routes.get(binding.route)
  if (route === undefined) return no('not-found')
  const identity = identityOf(binding)
  const left = route.bindings.filter(other => identityOf(other) !== identity)
  if (left.length === route.bindings.length) return no('not-found')
  route.bindings = left
  dropUnbound(model, route.name)
  return yes(undefined)
}

const identities = new WeakMap<Binding, string>()

export function identityOf(binding: Binding): string {
  const known = identities.get(binding) ?? JSON.stringify(sorted(binding))
  identities.set(binding, known)
  return known
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return Object.fromEntries(
    entries
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  )
}

export function createGroup(
  model: Model,
  logName: string,
  name: string,
  from: number | 'first' | 'next',
): Answer<undefined> {
  const log = model.logs.get(logName)
  if (log === undefined) return no('not-found')
  if (log.groups.has(name)) return no('exists')
  const cursor = from === 'first' ? log.first : from === 'next' ? log.next : from
  log.groups.set(name, { name, cursor, metadata: undefined, pending: [] })
  return yes(undefined)
}

export function dropGroup(model: Model, logName: string, name: string): Answer<undefined> {
  return model.logs.get(logName)?.groups.delete(name) === true ? yes(undefined) : no('not-found')
}

export function commit(
  model: Model,
  logName: string,
  groupName: string,
  cursor: number,
  metadata: string | undefined,
): Answer<undefined> {
  const group = model.logs.get(logName)?.groups.get(groupName)
  if (group === undefined) return no('not-found')
  group.cursor = cursor
  if (metadata !== undefined) group.metadata = metadata
  return yes(undefined)
}

export function createTable(model: Model, name: string, durable: boolean): Answer<undefined> {
  if (model.tables.has(name)) return no('exists')
  model.tables.set(name, { durable, fields: new Map() })
  return yes(undefined)
}

export function put(
  model: Model,
  name: string,
  changes: readonly (readonly [field: string, value: string | undefined])[],
): Answer<undefined> {
  const table = model.tables.get(name)
  if (table === undefined) return no('not-found')
  for (const [field, value] of changes) {
    if (value === undefined) table.fields.delete(field)
    else table.fields.set(field, value)
  }
  return yes(undefined)
}

/** Takes records out of a log, and out of its groups. */
export function cut(log: ModelLog, records: readonly ModelRecord[]): void {
  log.records = log.records.filter(record => !records.includes(record))
  for (const group of log.groups.values()) {
    group.pending = group.pending.filter(
      one => !records.some(record => record.position === one.position),
    )
  }
}

/** Cuts what a trim takes; returns how many. */
export function trim(model: Model, name: string, what: TrimWhat): Answer<{ count: number }> {
  const log = model.logs.get(name)
  if (log === undefined) return no('not-found')
  const all = [...log.records].sort((left, right) => left.position - right.position)
  const gone = all.slice(0, 0)
  if ('positions' in what) {
    gone.push(...all.filter(record => what.positions.includes(record.position)))
  } else if ('ready' in what) {
    const isQueue = log.config.queue !== undefined
    gone.push(...all.filter(record => isQueue && record.state === 'ready'))
  } else {
    let bytes = all.reduce((sum, record) => sum + record.bodyBytes, 0)
    for (const record of all) {
      if ('before' in what && record.position >= what.before) break
      if ('countMax' in what && all.length - gone.length <= what.countMax) break
      if ('bytesMax' in what && bytes <= what.bytesMax) break
      gone.push(record)
      bytes -= record.bodyBytes
    }
  }
  cut(log, gone)
  if ('positions' in what || 'ready' in what) return yes({ count: gone.length })
  const lowest = all[gone.length]?.position ?? log.next
  const before = 'before' in what ? Math.min(what.before, log.next) : 0
  log.first = Math.max(log.first, lowest, before)
  return yes({ count: gone.length })
}

/** What a restart does by itself: volatile things are gone, and holders without a deadline are. */
export function restart(model: Model, now: number, monotonic: number, taken: number): void {
  for (const log of [...model.logs.values()]) {
    log.taken = taken
    for (const { group } of log.records) if (group !== undefined) log.returned.set(group, -1)
    log.subscribers = []
    log.hadSubscriber = false
    log.isPaused = false
    log.usedAt = monotonic
    if (!log.config.durable) dropLog(model, log.name, {})
  }
  for (const [name, table] of [...model.tables]) if (!table.durable) model.tables.delete(name)
  for (const route of [...model.routes.values()]) {
    if (!route.config.durable) dropRoute(model, route.name, {})
  }
  for (const log of model.logs.values()) {
    const orphans = log.records
      .filter(record => record.state === 'leased' && record.deadline === Infinity)
      .sort((left, right) => left.position - right.position)
    for (const record of orphans) giveBack(model, log, record, {}, now)
    if (orphans.length > 0) dropHead(model, log, now)
  }
}
