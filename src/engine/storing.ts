/**
 * Records on their way in: from a route and a key to logs, past deduplication and length limits,
 * into the journal, and from a dead end to where dead letters go.
 */

import { copyInto, decodeUtf8, encodeUtf8, noBytes } from '../base/bytes.ts'
import type { Core } from './core.ts'
import { done, type EngineErrorCode, type Outcome, refused } from './errors.ts'
import { rangesOf, writePositions } from './journal/effects.ts'
import {
  type EntryRecord,
  kinds,
  recordFlags,
  recordHeaderBytes,
  sealRecord,
  targetBytes,
} from './journal/format.ts'
import type { Location } from './journal/journal.ts'
import { limits } from './limits.ts'
import type {
  AttributeValue,
  Binding,
  Death,
  DeathReason,
  PublishOutcome,
  RecordInput,
} from './model.ts'
import type { Log } from './state/log.ts'
import type { Route } from './state/route.ts'

type AttributesOf = (() => ReadonlyMap<string, AttributeValue>) | undefined

/** What a record carries besides its input. */
interface Passage {
  /** Name of the route it came by, in UTF-8. */
  readonly route: Uint8Array
  readonly moreKeys: readonly string[]
  readonly deaths: readonly Death[]
  readonly attempts: number
  /** Keeps the expiry that it had, whatever the queue's time to live is by now. */
  readonly expiresAt?: number
}

const direct: Passage = { route: noBytes, moreKeys: [], deaths: [], attempts: 0 }

/** Answers of the common case, so that a publish allocates none. */
const taken: readonly PublishOutcome[] = Array.from({ length: 64 }, (_, routed) => ({
  routed,
  rejected: 0,
  error: undefined,
}))

export class Storing {
  /** Set by the door while publishers are refused. */
  refusing: 'disk-full' | 'overloaded' | undefined
  readonly #core: Core
  readonly #location: Location = { file: 0, offset: 0, length: 0 }
  readonly #routings = new Map<Route, { version: number; byKey: Map<string, readonly Log[]> }>()
  readonly #names = new Map<string, Uint8Array>()
  /** Reused for each record: `append` keeps nothing of it. */
  readonly #placing = {
    priority: 0,
    dueAt: undefined as number | undefined,
    group: undefined as string | undefined,
    attempts: 0,
    expires: false,
    dedupeId: undefined as string | undefined,
    time: 0,
    span: 1,
  }
  readonly #random = (): number => this.#core.ports.random.uint32()
  #deadDepth = 0

  constructor(core: Core) {
    this.#core = core
  }

  publish(
    routeName: string,
    keys: string | readonly string[],
    record: RecordInput,
    attributes: AttributesOf,
  ): PublishOutcome {
    const error = this.#refusal(record)
    if (error !== undefined) return { routed: 0, rejected: 0, error }
    const targets = this.resolve(routeName, keys, attributes)
    if (targets === undefined) return { routed: 0, rejected: 0, error: 'not-found' }
    if (targets.length === 0) return taken[0]!
    const moreKeys = typeof keys === 'string' ? direct.moreKeys : keys.slice(1)
    const passage = { route: this.#nameBytes(routeName), moreKeys, deaths: [], attempts: 0 }
    const rejected = this.#store(targets, record, passage)
    if (rejected === 0 && targets.length < taken.length) return taken[targets.length]!
    return { routed: targets.length, rejected, error: undefined }
  }

  append(
    log: Log,
    records: readonly RecordInput[],
  ): Outcome<readonly { readonly position: number; readonly duplicate: boolean }[]> {
    for (const record of records) {
      const error = this.#refusal(record)
      if (error !== undefined) return refused(error)
    }
    const results: { position: number; duplicate: boolean }[] = []
    const targets = [log]
    this.#core.journal.beginBatch()
    try {
      for (const record of records) {
        const time = record.time ?? this.#core.now
        const seen = this.#seen(log, record, time)
        if (seen !== undefined) {
          results.push({ position: seen, duplicate: true })
          continue
        }
        const position = log.next
        const passage = record.deaths === undefined ? direct : { ...direct, deaths: record.deaths }
        if (this.#store(targets, record, passage, false) > 0) {
          return refused('full', `${log.name} has reached its length limit`)
        }
        results.push({ position, duplicate: false })
      }
      // Only now: dead letters may come back to this very log, and one append stays together.
      if (results.some(({ duplicate }) => !duplicate)) this.dropHead(log)
    } finally {
      this.#core.journal.endBatch()
    }
    return done(results)
  }

  appendOne(log: Log, record: RecordInput): number | EngineErrorCode {
    const error = this.#refusal(record)
    if (error !== undefined) return error
    const time = record.time ?? this.#core.now
    const position = log.next
    const { alone } = log.traffic
    if (log.queue === undefined && log.dedupe === undefined) {
      this.#write(alone, record, direct, time)
      return position
    }
    const seen = this.#seen(log, record, time)
    if (seen !== undefined) return seen
    this.#core.journal.beginBatch()
    try {
      if (this.#store(alone, record, direct, false) > 0) return 'full'
      this.dropHead(log)
    } finally {
      this.#core.journal.endBatch()
    }
    return position
  }

  // Routing

  /** The logs that a route and keys lead to, each once; undefined: there is no such route. */
  resolve(
    routeName: string,
    keys: string | readonly string[],
    attributes: AttributesOf,
  ): readonly Log[] | undefined {
    const { state } = this.#core
    if (routeName === '') {
      if (typeof keys !== 'string') return this.#logsNamed(keys)
      const log = state.logs.get(keys)
      return log === undefined ? [] : log.traffic.alone
    }
    const route = state.routes.get(routeName)
    if (route === undefined) return undefined
    if (typeof keys === 'string') return this.#resolveKey(route, keys, attributes)
    const walk = { found: new Set<Log>(), seen: new Set<Route>(), varies: false }
    this.#walk(route, keys, attributes, walk)
    return [...walk.found]
  }

  #logsNamed(keys: readonly string[]): readonly Log[] {
    const found = new Set<Log>()
    for (const key of keys) {
      const log = this.#core.state.logs.get(key)
      if (log !== undefined) found.add(log)
    }
    return [...found]
  }

  #resolveKey(route: Route, key: string, attributes: AttributesOf): readonly Log[] {
    const version = this.#core.state.routing
    let remembered = this.#routings.get(route)
    if (remembered === undefined || remembered.version !== version) {
      if (this.#routings.size >= limits.routeCacheMax) this.#routings.clear()
      remembered = { version, byKey: new Map() }
      this.#routings.set(route, remembered)
    }
    const known = remembered.byKey.get(key)
    if (known !== undefined) return known
    const walk = { found: new Set<Log>(), seen: new Set<Route>(), varies: false }
    this.#walk(route, [key], attributes, walk)
    const logs = [...walk.found]
    if (!walk.varies) {
      if (remembered.byKey.size >= limits.routeCacheMax) remembered.byKey.clear()
      remembered.byKey.set(key, logs)
    }
    return logs
  }

  /** Follows bindings from route to route, each route once, and with all keys. */
  #walk(
    route: Route,
    keys: readonly string[],
    attributes: AttributesOf,
    walk: { found: Set<Log>; seen: Set<Route>; varies: boolean },
  ): void {
    if (walk.seen.has(route)) return
    walk.seen.add(route)
    const { state } = this.#core
    if (route.varies) walk.varies = true
    let matched = 0
    const follow = (binding: Binding): void => {
      matched++
      if (binding.target.kind === 'log') {
        const log = state.logs.get(binding.target.name)
        if (log !== undefined) walk.found.add(log)
      } else {
        const next = state.routes.get(binding.target.name)
        if (next !== undefined) this.#walk(next, keys, attributes, walk)
      }
    }
    for (const key of keys) route.match(key, attributes, this.#random, follow)
    if (matched > 0 || route.config.alternate === undefined) return
    const alternate = state.routes.get(route.config.alternate)
    if (alternate !== undefined) this.#walk(alternate, keys, attributes, walk)
  }

  #nameBytes(name: string): Uint8Array {
    if (name === '') return noBytes
    let bytes = this.#names.get(name)
    if (bytes === undefined) {
      if (this.#names.size >= limits.routeCacheMax) this.#names.clear()
      bytes = encodeUtf8(name)
      this.#names.set(name, bytes)
    }
    return bytes
  }

  // Admission

  #refusal(record: RecordInput): 'too-large' | 'disk-full' | 'overloaded' | 'invalid' | undefined {
    if (this.refusing !== undefined) return this.refusing
    const bytes = record.body.length + record.envelope.length
    if (bytes > limits.recordBytesMax) return 'too-large'
    if (this.#core.journal.backlogBytes + bytes > limits.backlogBytesMax) return 'overloaded'
    if (record.key !== undefined && record.key.length > limits.keyBytesMax) return 'invalid'
    return undefined
  }

  #seen(log: Log, record: RecordInput, time: number): number | undefined {
    if (log.dedupe === undefined || record.dedupeId === undefined) return undefined
    return log.dedupe.find(record.dedupeId, time)
  }

  /** True when the queue's limit refuses one more record of `bytes`. */
  #overflows(log: Log, bytes: number): boolean {
    const queue = log.queue
    if (queue === undefined || queue.config.overflow === 'drop-head') return false
    const { countMax, bytesMax } = queue.config
    if (countMax === undefined && bytesMax === undefined) return false
    const waitingCredit = creditOf(log)
    if (waitingCredit > queue.ready) return false
    if (countMax !== undefined && queue.ready - waitingCredit >= countMax) return true
    return bytesMax !== undefined && queue.readyBytes + bytes > bytesMax
  }

  /** Stores a record in those targets that take it; returns how many refused. */
  #store(targets: readonly Log[], record: RecordInput, passage: Passage, shed = true): number {
    const time = record.time ?? this.#core.now
    let accepted = targets
    let full: Log[] | undefined
    for (const log of targets) {
      if (log.queue === undefined && log.dedupe === undefined) continue
      const isNew = this.#seen(log, record, time) === undefined
      const refuses = isNew && this.#overflows(log, record.body.length)
      if (isNew && !refuses) continue
      if (accepted === targets) accepted = targets.slice()
      ;(accepted as Log[]).splice(accepted.indexOf(log), 1)
      if (refuses) full = [...(full ?? []), log]
    }
    if (accepted.length > 0) this.#write(accepted, record, passage, time)
    if (shed) for (const log of accepted) this.dropHead(log)
    if (full === undefined) return 0
    for (const log of full) {
      if (log.queue!.config.overflow !== 'reject-dead-letter') continue
      this.#deadLetter(log, record, passage, 'length')
    }
    return full.length
  }

  // The journal entry

  #write(targets: readonly Log[], record: RecordInput, passage: Passage, time: number): void {
    const { journal, state } = this.#core
    const { route, moreKeys, deaths, attempts } = passage
    const key = record.key ?? noBytes
    const group = record.group === undefined ? noBytes : encodeUtf8(record.group)
    const dedupe = record.dedupeId === undefined ? noBytes : encodeUtf8(record.dedupeId)
    const hasExtra = moreKeys.length > 0 || deaths.length > 0
    const extra = hasExtra ? encodeUtf8(JSON.stringify({ keys: moreKeys, deaths })) : noBytes
    const { envelope, body } = record
    const names = recordHeaderBytes + targets.length * targetBytes
    const size = names + route.length + key.length + group.length + dedupe.length + extra.length
    const at = journal.entry(kinds.append, size + envelope.length + body.length)
    const { bytes, view } = journal
    let flags: number = recordFlags.checked
    if (hasExtra) flags |= recordFlags.extra
    if (record.transient === true) flags |= recordFlags.transient
    if (record.ttlMs !== undefined) flags |= recordFlags.ttl
    if (record.dueAt !== undefined) flags |= recordFlags.due
    view.setUint16(at + 2, flags, true)
    view.setFloat64(at + 8, time, true)
    view.setUint32(at + 16, record.span ?? 1, true)
    view.setUint32(at + 20, body.length, true)
    view.setUint32(at + 24, envelope.length, true)
    view.setUint16(at + 28, key.length, true)
    view.setUint16(at + 30, targets.length, true)
    bytes[at + 32] = record.priority ?? 0
    bytes[at + 33] = record.format
    bytes[at + 34] = route.length
    bytes[at + 35] = group.length
    bytes[at + 36] = dedupe.length
    bytes[at + 37] = 0
    view.setUint16(at + 38, attempts, true)
    view.setFloat64(at + 40, record.ttlMs ?? 0, true)
    view.setFloat64(at + 48, record.dueAt ?? 0, true)
    view.setUint32(at + 56, extra.length, true)
    let to = copyInto(bytes, route, at + names)
    to = copyInto(bytes, key, to)
    to = copyInto(bytes, group, to)
    to = copyInto(bytes, dedupe, to)
    to = copyInto(bytes, extra, to)
    to = copyInto(bytes, envelope, to)
    to = copyInto(bytes, body, to)

    // What is to wait lives from when its wait is over.
    const from = Math.max(time, record.dueAt ?? 0)
    let durable = false
    let target = at + recordHeaderBytes
    for (const log of targets) {
      if (log.config.durable) durable = true
      view.setUint32(target, log.id, true)
      view.setUint32(target + 4, 0, true)
      view.setFloat64(target + 8, log.next, true)
      view.setFloat64(target + 16, passage.expiresAt ?? expiryOf(log, record.ttlMs, from), true)
      target += targetBytes
    }
    sealRecord(journal, at, to, this.#core.ports.storage.crc32)
    journal.locate(this.#location)
    const placing = this.#placing
    placing.priority = record.priority ?? 0
    placing.dueAt = record.dueAt
    placing.group = record.group
    placing.attempts = attempts
    placing.dedupeId = record.dedupeId
    placing.time = time
    placing.span = record.span ?? 1
    journal.finish(durable && record.transient !== true ? 'record' : 'lazy')
    for (const log of targets) {
      placing.expires = (passage.expiresAt ?? expiryOf(log, record.ttlMs, from)) !== Infinity
      state.append(log, log.next, this.#location, body.length, placing)
      log.traffic.appended++
      this.#core.touch(log)
    }
  }

  // Afterlife

  /** Takes records off the front until the queue is within its limits again. */
  dropHead(log: Log): void {
    const { queue } = log
    if (queue === undefined || queue.config.overflow !== 'drop-head') return
    const { countMax, bytesMax } = queue.config
    if (countMax === undefined && bytesMax === undefined) return
    const credit = creditOf(log)
    const isOver = () => {
      if (queue.ready <= credit) return false
      if (countMax !== undefined && queue.ready - credit > countMax) return true
      return bytesMax !== undefined && queue.readyBytes > bytesMax && credit === 0
    }
    while (isOver()) {
      const position = queue.next()
      if (position < 0) return
      const isExpired = queue.mayExpire && this.#isExpired(log, position)
      if (isExpired) log.traffic.expired++
      else log.traffic.dropped++
      this.bury(log, position, isExpired ? 'expired' : 'length')
    }
  }

  #isExpired(log: Log, position: number): boolean {
    const { expiresAt } = this.#core.state.record(log, position)
    return expiresAt !== undefined && expiresAt <= this.#core.now
  }

  /** Ends a record: settled in its queue, and appended where its dead letters go; one effect. */
  bury(log: Log, position: number, reason: DeathReason): void {
    const { state, journal } = this.#core
    const letter = log.queue!.config.deadLetter
    const record = letter === undefined ? undefined : state.record(log, position)
    const keepsAttempts = letter?.keeps?.includes('attempts') === true
    const attempts = keepsAttempts ? log.queue!.attemptsOf(position) : 0
    const urgency = log.config.durable ? 'gated' : 'lazy'
    journal.beginBatch()
    try {
      writePositions(journal, kinds.settle, log.id, [position, 1], urgency)
      state.settle(log, position)
      if (record !== undefined) {
        const passage = passageOf(record, attempts)
        this.#deadLetter(log, inputOf(record), passage, reason)
      }
    } finally {
      journal.endBatch()
    }
    this.#core.touch(log)
  }

  /** Puts a leased record behind all others of its queue. */
  moveToTail(log: Log, position: number, attempts: number, dueAt: number | undefined): void {
    const { state, journal } = this.#core
    const record = state.record(log, position)
    journal.beginBatch()
    try {
      const urgency = log.config.durable ? 'gated' : 'lazy'
      writePositions(journal, kinds.settle, log.id, [position, 1], urgency)
      state.settle(log, position)
      const input = { ...inputOf(record), dueAt, dedupeId: undefined }
      const passage = passageOf(record, attempts)
      const expiresAt = record.expiresAt ?? Number.POSITIVE_INFINITY
      this.#write([log], input, { ...passage, expiresAt }, record.time)
      this.dropHead(log)
    } finally {
      journal.endBatch()
    }
  }

  #deadLetter(log: Log, record: RecordInput, passage: Passage, reason: DeathReason): void {
    const letter = log.queue!.config.deadLetter
    if (letter === undefined || this.#deadDepth >= limits.routeDepthMax) return
    const named = letter.reasons?.includes(reason)
    if (named === false) return
    const ownKeys = [decodeUtf8(record.key ?? noBytes), ...passage.moreKeys]
    const deaths = afterDeath(passage.deaths, {
      queue: log.name,
      reason,
      count: 1,
      time: this.#core.now,
      route: decodeUtf8(passage.route),
      keys: ownKeys,
      ttlMs: record.ttlMs,
    })
    const keys = letter.key === undefined ? ownKeys : [letter.key]
    const found = this.resolve(letter.route, keys.length === 1 ? keys[0]! : keys, undefined)
    if (found === undefined) return
    const wanted = reason === 'rejected' || named === true
    const targets = found.filter(target => wanted || !isCycle(target.name, deaths))
    if (targets.length === 0) return
    log.traffic.deadLettered++
    const key = letter.key === undefined ? record.key : encodeUtf8(letter.key)
    const { ttlMs: _ttl, dueAt: _due, time, dedupeId, ...rest } = record
    const again = {
      ...rest,
      key,
      time: letter.keeps?.includes('time') === true ? time : undefined,
      dedupeId: named === true ? undefined : dedupeId,
    }
    const next = {
      route: this.#nameBytes(letter.route),
      moreKeys: keys.slice(1),
      deaths,
      attempts: passage.attempts,
    }
    this.#deadDepth++
    try {
      this.#store(targets, again, next)
    } finally {
      this.#deadDepth--
    }
  }

  /** Settles positions that are simply done with; one entry. */
  settle(log: Log, positions: readonly number[], urgency: 'settled' | 'lazy'): void {
    const { journal, state } = this.#core
    writePositions(journal, kinds.settle, log.id, rangesOf(positions), urgency)
    for (const position of positions) state.settle(log, position)
  }
}

/** Records that waiting subscribers will take at once; they do not count against a length limit. */
function creditOf(log: Log): number {
  let credit = 0
  for (const subscribed of log.traffic.subscribers) {
    if (!subscribed.paused) credit += subscribed.credit
  }
  return credit
}

/** When the record expires in this log; Infinity: never. */
function expiryOf(log: Log, ttlMs: number | undefined, time: number): number {
  const own = ttlMs ?? Infinity
  const queues = log.queue?.config.ttlMs ?? Infinity
  return time + Math.min(own, queues)
}

function inputOf(record: EntryRecord): RecordInput {
  return {
    format: record.format,
    envelope: record.envelope,
    body: record.body,
    key: record.key,
    group: record.group,
    dedupeId: record.dedupeId,
    priority: record.priority,
    transient: record.transient,
    ttlMs: record.ttlMs,
    time: record.time,
    span: record.span,
  }
}

function passageOf(record: EntryRecord, attempts: number): Passage {
  return { route: record.route, moreKeys: record.moreKeys, deaths: record.deaths, attempts }
}

/** The newest death first; the same queue and reason again counts up and comes to the front. */
function afterDeath(deaths: readonly Death[], death: Death): readonly Death[] {
  const same = deaths.find(other => other.queue === death.queue && other.reason === death.reason)
  const rest = deaths.filter(other => other !== same).slice(0, limits.deathsMax - 1)
  return [same === undefined ? death : { ...same, count: same.count + 1 }, ...rest]
}

/** True when the record comes back to a queue without anybody having rejected it on the way. */
function isCycle(queue: string, deaths: readonly Death[]): boolean {
  for (const death of deaths) {
    if (death.reason === 'rejected') return false
    if (death.queue === queue) return true
  }
  return false
}
