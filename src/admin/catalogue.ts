/** The list of all queues and streams, and everything about one of them. */

import type { EngineDoor } from '../engine/engine.ts'
import type { LogInfo } from '../engine/model.ts'
import type {
  Group,
  GroupPlace,
  Overview,
  QueueDetail,
  QueuePage,
  QueueRow,
  QueueSummary,
} from './contract.ts'
import { adminLimits } from './limits.ts'
import type { AdminPorts } from './ports.ts'
import type { Sampler } from './sampler.ts'
import type { Survey } from './survey.ts'
import { protocolOf } from './views.ts'

export const sortKeys = [
  'name',
  'protocol',
  'ready',
  'leased',
  'delayed',
  'count',
  'bytes',
  'subscribers',
  'lag',
  'in',
  'out',
  'dead',
] as const
export type SortKey = (typeof sortKeys)[number]

export interface ListQuery {
  readonly search: string
  readonly protocol: string | undefined
  readonly kind: string | undefined
  readonly sort: SortKey
  readonly descending: boolean
  readonly offset: number
  readonly limit: number
}

export class Catalogue {
  readonly #ports: AdminPorts
  readonly #sampler: Sampler
  readonly #survey: Survey
  readonly #oldest = new Map<string, { lookedAt: number; first: number; time: number | null }>()
  #deadSources: { at: number; byTarget: ReadonlyMap<string, readonly string[]> } | undefined
  #places: { at: number; byLog: ReadonlyMap<string, readonly GroupPlace[]> } | undefined

  constructor(
    ports: AdminPorts,
    { sampler, survey }: { readonly sampler: Sampler; readonly survey: Survey },
  ) {
    this.#ports = ports
    this.#sampler = sampler
    this.#survey = survey
  }

  /** `live`: for a page that hears again in a second, from the last look at all queues. */
  list(query: ListQuery, live = false): QueuePage {
    const search = query.search.toLowerCase()
    const { infos } = live ? this.#survey.recent() : this.#survey.fresh()
    const found = infos.filter(info => {
      if (search !== '' && !info.name.toLowerCase().includes(search)) return false
      if (query.kind !== undefined && kindOf(info) !== query.kind) return false
      return query.protocol === undefined || protocolOf(this.#ports, info) === query.protocol
    })
    const shown = this.#sorted(found, query).slice(query.offset, query.offset + query.limit)
    const rows = shown.map(({ name }) => this.row(name)).filter(row => row !== undefined)
    return { total: found.length, rows }
  }

  /** By one value of each; only what is shown is looked at more closely. */
  #sorted(infos: readonly LogInfo[], { sort, descending }: ListQuery): readonly LogInfo[] {
    const value = this.#sortValue(sort)
    const sign = descending ? -1 : 1
    const keyed = infos.map(info => ({ info, key: value(info) }))
    keyed.sort((left, right) => {
      if (left.key !== right.key) return left.key < right.key ? -sign : sign
      return left.info.name < right.info.name ? -1 : 1
    })
    return keyed.map(({ info }) => info)
  }

  #sortValue(sort: SortKey): (info: LogInfo) => string | number {
    switch (sort) {
      case 'protocol':
        return info => protocolOf(this.#ports, info)
      case 'lag': {
        const places = this.#placesByLog()
        return info => lagOf(places.get(info.name)) ?? -1
      }
      case 'in':
      case 'out':
        return info => this.#sampler.ratesOf(info.name)[sort]
      case 'dead':
        return info => info.totals.deadLettered
      default:
        return info => info[sort]
    }
  }

  row(name: string): QueueRow | undefined {
    const info = this.#ports.engine.log(name)
    return info === undefined ? undefined : this.#withOldest(this.#summary(info))
  }

  detail(name: string): QueueDetail | undefined {
    const { engine } = this.#ports
    const info = engine.log(name)
    if (info === undefined) return undefined
    const bindings = engine.bindingsOf({ kind: 'log', name })
    return {
      ...this.#withOldest(this.#summary(info)),
      first: info.first,
      next: info.next,
      config: info.config,
      bindings: bindings.map(({ route, key }) => ({ route, key })),
      deadFrom: this.deadSources().get(name) ?? [],
      groups: this.#placesByLog().get(name) ?? [],
    }
  }

  overview(live = false): Overview {
    const { engine, about, connections } = this.#ports
    const reasons = this.#ports.notReady()
    const { infos, sums, totals } = live ? this.#survey.recent() : this.#survey.fresh()
    let dead = 0
    for (const name of this.deadSources().keys()) dead += engine.log(name)?.count ?? 0
    return {
      version: about.version,
      node: about.node,
      startedAt: about.startedAt,
      uptimeMs: this.#ports.clock.now() - about.startedAt,
      ready: reasons.length === 0,
      reasons,
      alarm: engine.alarm ?? null,
      durability: about.durability,
      data: about.data ?? null,
      diskFreeBytes: this.#ports.diskFreeBytes(),
      journalBytes: engine.stats().journalBytes,
      backlogBytes: engine.stats().backlogBytes,
      lagMs: this.#sampler.lagMs,
      diskMs: this.#sampler.diskMs,
      endpoints: this.#ports.endpoints(),
      usage: live ? this.#sampler.usage : this.#ports.usage(),
      counts: {
        queues: infos.length,
        routes: engine.routes().length,
        connections: connections.list().length,
        dead,
        ...sums,
      },
      rates: this.#sampler.rates,
      totals,
    }
  }

  groups(): Group[] {
    const { engine, groups } = this.#ports
    const all: Group[] = []
    for (const { protocol, desk } of groups?.() ?? []) {
      for (const { group, state, members, places } of desk.list()) {
        const seen = places.map(place => ({ ...place, protocol, group, lag: place.lag ?? null }))
        all.push({ protocol, group, state, members, places: seen })
      }
    }
    for (const { name: log, config } of this.#survey.recent().infos) {
      // A queue's consumers have no groups.
      if (config.queue !== undefined) continue
      for (const name of engine.groups(log)) all.push(engineGroup(engine, log, name))
    }
    return all
  }

  /** Queues whose dead letters come to a queue, by that queue. */
  deadSources(): ReadonlyMap<string, readonly string[]> {
    const nowMs = this.#ports.clock.monotonic()
    if (this.#deadSources === undefined || nowMs - this.#deadSources.at > 1000) {
      this.#deadSources = {
        at: nowMs,
        byTarget: findDeadSources(this.#ports.engine, this.#survey.recent().infos),
      }
    }
    return this.#deadSources.byTarget
  }

  #placesByLog(): ReadonlyMap<string, readonly GroupPlace[]> {
    const nowMs = this.#ports.clock.monotonic()
    if (this.#places !== undefined && nowMs - this.#places.at <= 1000) return this.#places.byLog
    const byLog = new Map<string, GroupPlace[]>()
    for (const { places } of this.groups()) {
      for (const place of places) {
        const list = byLog.get(place.log)
        if (list === undefined) byLog.set(place.log, [place])
        else list.push(place)
      }
    }
    this.#places = { at: nowMs, byLog }
    return byLog
  }

  /** What was asked a moment ago may have changed by a command of ours. */
  forget(): void {
    this.#places = undefined
    this.#deadSources = undefined
    this.#survey.forget()
  }

  #summary(info: LogInfo): QueueSummary {
    const lag = lagOf(this.#placesByLog().get(info.name))
    const protocol = protocolOf(this.#ports, info)
    return {
      name: info.name,
      protocol,
      kind: kindOf(info),
      durable: info.config.durable,
      paused: info.paused,
      ready: info.ready,
      readyBytes: info.readyBytes,
      leased: info.leased,
      delayed: info.delayed,
      count: info.count,
      messages: protocol === 'kafka' ? info.next - info.first : info.count,
      bytes: info.bytes,
      subscribers: info.subscribers,
      holdsDead: this.deadSources().has(info.name),
      lag,
      rates: this.#sampler.ratesOf(info.name),
      totals: info.totals,
    }
  }

  #withOldest(row: QueueSummary): QueueRow {
    return { ...row, oldestAt: row.count === 0 ? null : this.#oldestAt(row.name) }
  }

  /** One small read of a record, every few seconds at most. */
  #oldestAt(name: string): number | null {
    const { engine, clock } = this.#ports
    const nowMs = clock.monotonic()
    const known = this.#oldest.get(name)
    if (known !== undefined && nowMs - known.lookedAt < adminLimits.oldestMs) return known.time
    const found = engine.read(name, { position: 0 }, { countMax: 1, bytesMax: 1 })
    const record = found.ok ? found.value[0] : undefined
    const time = record?.time ?? null
    if (this.#oldest.size > adminLimits.rowsMax) this.#oldest.clear()
    this.#oldest.set(name, { lookedAt: nowMs, first: record?.position ?? 0, time })
    return time
  }
}

function kindOf({ config }: LogInfo): 'queue' | 'log' {
  return config.queue === undefined ? 'log' : 'queue'
}

/** Of the group that is furthest behind. */
function lagOf(places: readonly GroupPlace[] | undefined): number | null {
  let lag: number | null = null
  for (const place of places ?? []) if (place.lag !== null) lag = Math.max(lag ?? 0, place.lag)
  return lag
}

function engineGroup(engine: EngineDoor, log: string, name: string): Group {
  const info = engine.group(log, name)
  const next = engine.log(log)?.next ?? 0
  const cursor = info?.cursor ?? 0
  const place: GroupPlace = {
    protocol: 'engine',
    group: name,
    log,
    at: String(cursor),
    lag: Math.max(0, next - cursor),
    pending: info?.pending ?? 0,
  }
  return { protocol: 'engine', group: `${log}:${name}`, state: '', members: [], places: [place] }
}

/** Follows each queue's dead-letter route to where it ends, as far as names alone decide it. */
function findDeadSources(engine: EngineDoor, infos: readonly LogInfo[]): Map<string, string[]> {
  const byTarget = new Map<string, string[]>()
  const note = (target: string, source: string): void => {
    const list = byTarget.get(target)
    if (list === undefined) byTarget.set(target, [source])
    else if (!list.includes(source)) list.push(source)
  }
  for (const { name, config } of infos) {
    const letter = config.queue?.deadLetter
    if (letter === undefined) continue
    if (letter.route === '') {
      if (letter.key !== undefined && engine.log(letter.key) !== undefined) note(letter.key, name)
      continue
    }
    const route = engine.route(letter.route)
    for (const { target, key } of route?.bindings ?? []) {
      if (target.kind !== 'log') continue
      const isOpen = route?.config.kind !== 'direct' || letter.key === undefined
      if (isOpen || key === letter.key) note(target.name, name)
    }
  }
  return byTarget
}
