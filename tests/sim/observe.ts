/**
 * The engine and the model, seen from outside in the same words, so that they can be compared line
 * by line. Looking changes nothing.
 */

import { encodeUtf8 } from '../../src/base/bytes.ts'
import type { EngineDoor } from '../../src/engine/engine.ts'
import type {
  Binding,
  GroupInfo,
  LogInfo,
  PendingInfo,
  StoredRecord,
} from '../../src/engine/model.ts'
import {
  deliveryOrder,
  type Model,
  type ModelDeath,
  type ModelLog,
  type ModelRecord,
} from './model.ts'
import { identityOf } from './model-defining.ts'
import { violated } from './violation.ts'

export interface SeenRecord {
  readonly position: number
  /** Read on demand. */
  readonly stored: StoredRecord
}

export interface SeenLog {
  readonly info: LogInfo
  readonly records: ReadonlyMap<number, SeenRecord>
  /** In the order of delivery. */
  readonly ready: readonly number[]
  readonly isReady: ReadonlySet<number>
  readonly pending: ReadonlyMap<number, PendingInfo>
  readonly groups: readonly { readonly info: GroupInfo; readonly pending: readonly PendingInfo[] }[]
}

export interface Seen {
  readonly logs: ReadonlyMap<string, SeenLog>
  readonly routes: readonly string[]
  readonly tables: readonly string[]
}

const decoder = new TextDecoder()
const everything = { countMax: 1_000_000, bytesMax: 1_000_000_000_000 }

/** The bytes of a record: its name, a bar, and a pattern that depends on the length. */
export function bodyOf(id: string, length: number): Uint8Array {
  const body = new Uint8Array(length)
  body.set(encodeUtf8(`${id}|`))
  for (let index = id.length + 1; index < length; index++)
    body[index] = (index * 31 + length) & 0xff
  return body
}

export function envelopeOf(id: string): Uint8Array {
  return encodeUtf8(`envelope of ${id}`)
}

/** The name in a body; the bytes are checked on the way. */
export function idOf(record: StoredRecord): string {
  const { body, envelope } = record
  const id = decoder.decode(body.subarray(0, Math.max(0, body.indexOf(0x7c))))
  if (decoder.decode(envelope) !== `envelope of ${id}`) {
    violated('I2', `the envelope at ${record.position} is not that of ${id}`)
  }
  for (let index = id.length + 1; index < body.length; index += 1 + (index >> 6)) {
    if (body[index] !== ((index * 31 + body.length) & 0xff)) {
      violated('I2', `the body of ${id} at ${record.position} is not what was written`)
    }
  }
  return id
}

export function see(engine: EngineDoor): Seen {
  const logs = new Map<string, SeenLog>()
  for (const name of [...engine.logs()].sort()) logs.set(name, seeLog(engine, name))
  const routes = [...engine.routes()].sort().map(name => {
    const route = engine.route(name)
    if (route === undefined) return violated('I2', `route ${name} is listed and not there`)
    return routeText(name, route.config, route.bindings)
  })
  const tables = [...engine.tables()].sort().map(name => {
    const fields = engine.table(name) ?? violated('I2', `table ${name} is listed and not there`)
    return tableText(
      name,
      [...fields].map(([field, value]) => [field, decoder.decode(value)]),
    )
  })
  return { logs, routes, tables }
}

function seeLog(engine: EngineDoor, name: string): SeenLog {
  const info = engine.log(name)
  if (info === undefined) return violated('I2', `${name} is listed and not there`)
  const records = new Map<number, SeenRecord>()
  for (const record of expectOk(engine.read(name, { position: 0 }, everything))) {
    records.set(record.position, { position: record.position, stored: record })
  }
  const isQueue = info.config.queue !== undefined
  const pending = isQueue ? engine.pending({ log: name }) : []
  const ready = isQueue
    ? expectOk(engine.peek(name, { countMax: 1_000_000 })).map(record => record.position)
    : []
  return {
    info,
    records,
    ready,
    isReady: new Set(ready),
    pending: new Map(pending.map(one => [one.position, one])),
    groups: [...engine.groups(name)].sort().map(group => ({
      info: engine.group(name, group) ?? violated('I2', `group ${group} is listed and not there`),
      pending: engine.pending({ log: name, group }),
    })),
  }
}

function expectOk<T>(outcome: { ok: true; value: T } | { ok: false; error: string }): T {
  return outcome.ok ? outcome.value : violated('I2', `a look was refused: ${outcome.error}`)
}

interface RecordFacts {
  readonly id: string
  readonly bodyBytes: number
  readonly span: number
  readonly time: number
  readonly priority: number
  readonly transient: boolean
  readonly route: string
  readonly key: string
  readonly group: string | undefined
  readonly dedupeId: string | undefined
  readonly ttlMs: number | undefined
  readonly expiresAt: number | undefined
  readonly deaths: readonly ModelDeath[]
}

function ofStored(record: StoredRecord): RecordFacts {
  const { span, time, priority, transient, group, dedupeId, ttlMs, expiresAt } = record
  return {
    ...{ span, time, priority, transient, group, dedupeId, ttlMs, expiresAt },
    id: idOf(record),
    bodyBytes: record.body.length,
    route: decoder.decode(record.route),
    key: decoder.decode(record.key),
    deaths: record.deaths,
  }
}

function ofModel(record: ModelRecord): RecordFacts {
  const expiresAt = record.expiresAt === Infinity ? undefined : record.expiresAt
  return { ...record, key: record.keys[0] ?? '', expiresAt }
}

function recordText(facts: RecordFacts): string {
  const deaths = facts.deaths.map(({ queue, reason, count }) => `${queue}:${reason}:${count}`)
  return [
    `${facts.id}(${facts.bodyBytes})`,
    `span=${facts.span} time=${facts.time} priority=${facts.priority}`,
    `route=${facts.route} key=${facts.key} group=${facts.group} dedupe=${facts.dedupeId}`,
    `ttl=${facts.ttlMs} expires=${facts.expiresAt} transient=${facts.transient}`,
    `deaths=${deaths.join(',')}`,
  ].join(' ')
}

function routeText(name: string, config: object, bindings: readonly Binding[]): string {
  return `route ${name} ${JSON.stringify(config)} ${bindings.map(identityOf).sort().join(' ')}`
}

/** How close to look: `near` compares every field of every record, `far` only which there are. */
export type Distance = 'near' | 'far'

/** One line for each fact, in a fixed order. */
export function linesOfSeen(seen: Seen, distance: Distance): string[] {
  const lines: string[] = []
  for (const [name, log] of seen.logs) {
    const { info, records, ready, isReady, pending } = log
    const { config, totals: _totals, name: _name, ...counts } = info
    lines.push(`log ${name} ${JSON.stringify(counts)}`)
    lines.push(`  config ${configText(config)}`)
    for (const [position, record] of [...records].sort(byPosition)) {
      const lease = pending.get(position)
      const state =
        config.queue === undefined
          ? 'kept'
          : lease !== undefined
            ? `leased by ${lease.holder} at ${lease.leasedAt} attempts=${lease.attempts}`
            : isReady.has(position)
              ? 'ready'
              : 'delayed'
      const text = distance === 'near' ? recordText(ofStored(record.stored)) : ''
      lines.push(`  ${position} ${text} ${state}`)
    }
    if (config.queue !== undefined) lines.push(`  order ${ready.join(' ')}`)
    for (const group of log.groups) {
      const { name: groupName, cursor, metadata } = group.info
      const text = metadata === undefined ? undefined : decoder.decode(metadata)
      lines.push(`  group ${groupName} cursor=${cursor} metadata=${text}`)
      for (const one of group.pending) lines.push(`    ${pendingText(one)}`)
    }
  }
  lines.push(...seen.routes, ...seen.tables)
  return lines
}

export function linesOfModel(model: Model, distance: Distance): string[] {
  const lines: string[] = []
  for (const name of [...model.logs.keys()].sort()) linesOfLog(model.log(name), distance, lines)
  for (const name of [...model.routes.keys()].sort()) {
    const route = model.routes.get(name)!
    lines.push(routeText(name, route.config, route.bindings))
  }
  for (const name of [...model.tables.keys()].sort()) {
    lines.push(tableText(name, [...model.tables.get(name)!.fields]))
  }
  return lines
}

function linesOfLog(log: ModelLog, distance: Distance, lines: string[]): void {
  const records = [...log.records].sort((left, right) => left.position - right.position)
  const queue = log.config.queue
  const ready = queue === undefined ? [] : records.filter(record => record.state === 'ready')
  const counts = {
    first: queue === undefined ? log.first : (records[0]?.position ?? log.next),
    next: log.next,
    count: records.length,
    bytes: records.reduce((sum, record) => sum + record.bodyBytes, 0),
    ready: ready.length,
    readyBytes: ready.reduce((sum, record) => sum + record.bodyBytes, 0),
    leased: records.filter(record => record.state === 'leased').length,
    delayed: records.filter(record => record.state === 'delayed').length,
    subscribers: log.subscribers.length,
    paused: log.isPaused,
  }
  lines.push(`log ${log.name} ${JSON.stringify(counts)}`)
  lines.push(`  config ${configText(log.config)}`)
  for (const record of records) {
    const { holder, leasedAt, attempts } = record
    const leased = `leased by ${holder} at ${leasedAt} attempts=${attempts}`
    const state = queue === undefined ? 'kept' : record.state === 'leased' ? leased : record.state
    if (distance === 'near') record.text ??= recordText(ofModel(record))
    lines.push(`  ${record.position} ${distance === 'near' ? record.text : ''} ${state}`)
  }
  if (queue !== undefined) {
    const order = [...ready].sort(deliveryOrder(queue)).map(record => record.position)
    lines.push(`  order ${order.join(' ')}`)
  }
  for (const name of [...log.groups.keys()].sort()) {
    const group = log.groups.get(name)!
    lines.push(`  group ${name} cursor=${group.cursor} metadata=${group.metadata}`)
    for (const one of [...group.pending].sort((a, b) => a.position - b.position)) {
      lines.push(`    ${pendingText(one)}`)
    }
  }
}

function pendingText(one: PendingInfo): string {
  return `${one.position} by ${one.holder} at ${one.leasedAt} attempts=${one.attempts}`
}

function tableText(name: string, fields: readonly (readonly [string, string])[]): string {
  return `table ${name} ${fields
    .map(([field, value]) => `${field}=${value}`)
    .sort()
    .join(' ')}`
}

/** Configurations and bindings are replaced, never changed: their text can be remembered. */
const configTexts = new WeakMap<object, string>()

function configText(config: object): string {
  const known = configTexts.get(config) ?? makeConfigText(config)
  configTexts.set(config, known)
  return known
}

function makeConfigText(config: object): string {
  const sorted = (value: unknown): unknown =>
    typeof value !== 'object' || value === null
      ? value
      : Object.fromEntries(
          Object.entries(value)
            .filter(([, inner]) => inner !== undefined)
            .sort(([left], [right]) => (left < right ? -1 : 1))
            .map(([name, inner]) => [name, sorted(inner)]),
        )
  return JSON.stringify(sorted(config))
}

function byPosition(left: readonly [number, unknown], right: readonly [number, unknown]): number {
  return left[0] - right[0]
}
