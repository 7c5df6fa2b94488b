/**
 * The embedded driver: the engine in this process, behind `memory:` and `file:FOLDER`. Everything
 * is native here. What it does not do: be reached by another process; for that there is the
 * `spillway` command, or another URL.
 */

import { encodeUtf8, noBytes } from '../../../base/bytes.ts'
import type { EngineDoor, ReadFrom } from '../../../engine/engine.ts'
import type { EngineErrorCode, Outcome } from '../../../engine/errors.ts'
import {
  formats,
  type LogConfig,
  type RecordInput,
  type StoredRecord,
} from '../../../engine/model.ts'
import type {
  ConsumeOptions,
  Consumer,
  Delivery,
  Depth,
  Driver,
  DriverContext,
  Endpoint,
  From,
  Listed,
  Listing,
  OpenDriver,
  Outgoing,
  ReadOptions,
  SendResult,
  Sink,
  Stored,
  Work,
} from '../../driver.ts'
import { ClientError, PlanError } from '../../errors.ts'
import { type Feature, impossible, native, type Support } from '../../features.ts'
import { EmbeddedConsumer, EmbeddedDelivery, storedOf } from './consumer.ts'
import { encodeHeaders } from './envelope.ts'
import { groupName, laterName, laterSuffix, shortId } from './names.ts'
import { openStore, type Store } from './store.ts'

/** Records that are copied to a new group in one turn. */
const copyCount = 1000
const readLimits = { countMax: 256, bytesMax: 1024 * 1024 }

export const openDriver: OpenDriver = async (url, context) => {
  const store = await openStore(url, context)
  return new EmbeddedDriver(store, context, url)
}

class EmbeddedDriver implements Driver {
  readonly backend = 'embedded'
  readonly distance = 'near'
  readonly #store: Store
  readonly #engine: EngineDoor
  readonly #context: DriverContext
  readonly #isMemory: boolean
  readonly #consumers = new Set<EmbeddedConsumer>()
  #consumersMade = 0

  constructor(store: Store, context: DriverContext, url: string) {
    this.#store = store
    this.#engine = store.engine
    this.#context = context
    this.#isMemory = url.startsWith('memory:')
    for (const name of this.#engine.logs()) if (name.endsWith(laterSuffix)) startMover(store, name)
    store.onFailure(error => context.emit({ kind: 'disconnected', backend: this.backend, error }))
  }

  support(feature: Feature, endpoint: Endpoint): Support {
    if (feature === 'priority' && endpoint.keyed) {
      const why = `${endpoint.name} has keys: in order for each key leaves no place for priorities.`
      return impossible('SPILLWAY_U_PRIORITY', why, 'a queue without key', 'a queue per priority')
    }
    if (feature === 'send' && this.#isMemory) {
      return { how: 'native', note: 'in memory: gone with the process' }
    }
    return native
  }

  cautions(): Promise<readonly []> {
    return Promise.resolve([])
  }

  async prepare(endpoint: Endpoint): Promise<void> {
    if (endpoint.kind === 'topic') this.#prepareTopic(endpoint)
    else this.#prepareQueue(endpoint.name, endpoint)
    await this.#store.whenSafe()
  }

  #prepareQueue(name: string, endpoint: Endpoint): void {
    const { keyed, levels, ttlMs, role } = endpoint
    const queue = { levels: keyed ? 1 : levels, ttlMs, ordering: keyed ? 'group' : 'none' } as const
    this.#ensure(name, {
      durable: role !== 'replies',
      autoDrop: role === 'replies',
      dedupeWindowMs: endpoint.kind === 'topic' ? undefined : endpoint.dedupeMs,
      queue,
    })
    if (keyed && endpoint.kind === 'queue' && !this.#has(laterName(name))) {
      this.#ensure(laterName(name), { queue: {} })
      startMover(this.#store, laterName(name))
    }
  }

  #prepareTopic({ name, retentionMs, dedupeMs }: Endpoint): void {
    const retention = { ageMs: retentionMs, bytes: undefined, count: undefined }
    this.#ensure(name, { retention, dedupeWindowMs: dedupeMs })
    if (this.#engine.route(name) !== undefined) return
    demand(this.#engine.createRoute(name, { kind: 'fan-out' }), name)
    // Where duplicates are looked for, the log is asked first; elsewhere it is a target as others.
    if (dedupeMs === undefined) this.#bind(name, name)
  }

  /** Creates a log, or changes what can change without a loss. */
  #ensure(
    name: string,
    config: Partial<Omit<LogConfig, 'queue'>> & {
      queue?: Partial<NonNullable<LogConfig['queue']>>
    },
  ): void {
    const existing = this.#engine.log(name)
    if (existing === undefined) {
      demand(this.#engine.createLog(name, config), name)
      return
    }
    const was = existing.config
    if ((was.queue === undefined) !== (config.queue === undefined)) {
      throw conflict(name, was.queue === undefined ? 'is a topic, not a queue' : 'is a queue')
    }
    if (config.queue !== undefined && was.queue?.ordering !== config.queue.ordering) {
      const now = config.queue.ordering === 'group' ? 'with' : 'without'
      throw conflict(name, `was made the other way; it cannot become a queue ${now} keys`)
    }
    const isSame =
      was.dedupeWindowMs === config.dedupeWindowMs &&
      (config.retention === undefined || was.retention.ageMs === config.retention.ageMs) &&
      (config.queue === undefined ||
        (was.queue?.levels === (config.queue.levels ?? 1) &&
          was.queue.ttlMs === config.queue.ttlMs))
    if (!isSame) demand(this.#engine.alter(name, config), name)
  }

  #has(log: string): boolean {
    return this.#engine.log(log) !== undefined
  }

  #bind(route: string, log: string): void {
    demand(this.#engine.bind({ route, target: { kind: 'log', name: log }, key: '' }), log)
  }

  async send(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    const results = this.#engine.batch(() => messages.map(message => this.#store1(message)))
    await this.#store.whenSafe()
    return results
  }

  #store1(message: Outgoing): SendResult {
    const record = this.#recordOf(message)
    const { kind, name, keyed } = message.to
    if (message.group !== undefined) return this.#append(groupName(name, message.group), record)
    if (kind === 'topic') return this.#publish(message.to, record)
    if (message.delayMs > 0 && keyed) return this.#sendLater(message, record)
    return this.#append(name, record)
  }

  #recordOf(message: Outgoing): RecordInput {
    const { key, to, delayMs } = message
    return {
      format: formats.amqpProperties,
      envelope: encodeHeaders(message.headers),
      body: message.body,
      key: key === undefined ? noBytes : encodeUtf8(key),
      group: to.keyed && key !== undefined && key !== '' ? shortId(key) : undefined,
      dedupeId: message.dedupeId === undefined ? undefined : shortId(message.dedupeId),
      priority: message.priority,
      ttlMs: message.ttlMs,
      dueAt: delayMs > 0 ? this.#engine.now + delayMs : undefined,
    }
  }

  #append(log: string, record: RecordInput): SendResult {
    const outcome = this.#engine.append(log, [record])
    if (!outcome.ok) return { ok: false, error: errorOf(outcome.error, outcome.detail, log) }
    const { position, duplicate } = outcome.value[0]!
    return { ok: true, duplicate, position: String(position) }
  }

  /** The id is remembered by the queue itself, with a record that goes at once. */
  #sendLater({ to }: Outgoing, record: RecordInput): SendResult {
    if (record.dedupeId !== undefined) {
      const { dedupeId } = record
      const marker = { format: formats.none, envelope: noBytes, body: noBytes, dedupeId }
      const marked = this.#append(to.name, marker)
      if (!marked.ok || marked.duplicate) return marked
      demand(this.#engine.trim(to.name, { positions: [Number(marked.position)] }), to.name)
    }
    const result = this.#append(laterName(to.name), { ...record, dedupeId: undefined })
    return result.ok ? { ...result, position: `later:${result.position}` } : result
  }

  #publish({ name, dedupeMs }: Endpoint, record: RecordInput): SendResult {
    if (dedupeMs !== undefined) {
      const result = this.#append(name, { ...record, group: undefined })
      if (!result.ok || result.duplicate) return result
      const { error } = this.#engine.publish(name, '', { ...record, dedupeId: undefined })
      return error === undefined ? result : { ok: false, error: errorOf(error, '', name) }
    }
    const position = this.#engine.log(name)?.next
    const { error } = this.#engine.publish(name, '', record)
    if (error !== undefined) return { ok: false, error: errorOf(error, '', name) }
    return { ok: true, duplicate: false, position: String(position) }
  }

  async consume(endpoint: Endpoint, options: ConsumeOptions, sink: Sink): Promise<Consumer> {
    let log = endpoint.name
    if (options.group !== undefined) {
      log = groupName(endpoint.name, options.group.name)
      await this.#prepareGroup(endpoint, log, options.group.from)
    }
    const holder = `${this.#context.name}/${++this.#consumersMade}/${this.#context.random.uint32()}`
    const consumer = new EmbeddedConsumer(
      { store: this.#store, log, holder, commit: work => this.#commit(work) },
      options.credit,
      sink,
      () => this.#consumers.delete(consumer),
    )
    this.#consumers.add(consumer)
    return consumer
  }

  /**
   * A group's queue is bound in the same step in which it has caught up, so it misses nothing and
   * gets nothing twice. One that is not bound was left half made by a crash.
   */
  async #prepareGroup(topic: Endpoint, log: string, from: From): Promise<void> {
    const engine = this.#engine
    const isBound = engine.bindingsOf({ kind: 'log', name: log }).length > 0
    if (this.#has(log) && isBound) {
      this.#prepareQueue(log, topic)
      return
    }
    if (this.#has(log)) demand(engine.dropLog(log), log)
    this.#prepareQueue(log, topic)
    let next = this.#startOf(topic.name, from)
    for (;;) {
      const isDone = engine.batch(() => {
        const records = demand(
          engine.read(topic.name, { position: next }, { countMax: copyCount, bytesMax: 8 << 20 }),
          topic.name,
        )
        const copies = records.map(record => copyOf(record, topic.keyed))
        if (copies.length > 0) demand(engine.append(log, copies), log)
        next = (records.at(-1)?.position ?? next - 1) + 1
        if (next < engine.log(topic.name)!.next) return false
        this.#bind(topic.name, log)
        return true
      })
      await this.#store.whenSafe()
      if (isDone) return
    }
  }

  /** The position from which on a reader that begins at `from` reads. */
  #startOf(log: string, from: From): number {
    const info = this.#engine.log(log)!
    if (from === 'earliest') return info.first
    if (from === 'latest') return info.next
    const start: ReadFrom =
      'timestamp' in from ? { time: from.timestamp } : { position: Number(from.position) }
    const found = demand(this.#engine.read(log, start, { countMax: 1, bytesMax: 1 }), log)
    return found[0]?.position ?? info.next
  }

  async take(
    endpoint: Endpoint,
    options: { readonly countMax: number },
  ): Promise<readonly Delivery[]> {
    const log = endpoint.name
    const holder = `${this.#context.name}/take/${this.#context.random.uint32()}`
    const leased = demand(this.#engine.lease({ log }, { holder, countMax: options.countMax }), log)
    const owner = { store: this.#store, log, holder, commit: (work: Work) => this.#commit(work) }
    const deliveries = leased.map(
      ({ record, attempts }) => new EmbeddedDelivery(owner, storedOf(record), attempts),
    )
    this.#store.mark()
    await this.#store.whenSafe()
    return deliveries
  }

  async peek(
    endpoint: Endpoint,
    options: { readonly countMax: number },
  ): Promise<readonly Stored[]> {
    const records = demand(this.#engine.peek(endpoint.name, options), endpoint.name)
    const stored = records.map(storedOf)
    await this.#store.whenSafe()
    return stored
  }

  async *read(topic: Endpoint, options: ReadOptions): AsyncGenerator<Stored, void, undefined> {
    const { name } = topic
    const { to, signal } = options
    let next = this.#startOf(name, options.from)
    let end = Infinity
    if (to === 'latest') end = this.#engine.log(name)!.next
    else if (to !== 'forever' && 'position' in to) end = Number(to.position) + 1
    const until = to !== 'forever' && to !== 'latest' && 'timestamp' in to ? to.timestamp : Infinity
    while (next < end && !isAborted(signal)) {
      const records = demand(this.#engine.read(name, { position: next }, readLimits), name)
      const stored = records.map(storedOf)
      await this.#store.whenSafe()
      for (const one of stored) {
        if (Number(one.position) >= end || one.time > until || isAborted(signal)) return
        yield one
        next = Number(one.position) + 1
      }
      if (stored.length > 0) continue
      if (to !== 'forever') return
      await this.#arrival(name, next, signal)
    }
  }

  #arrival(log: string, position: number, signal: AbortSignal | undefined): Promise<void> {
    if (isAborted(signal)) return Promise.resolve()
    return new Promise(resolve => {
      const watch = this.#engine.watch(log, position, resolve)
      if (!watch.ok) return resolve()
      signal?.addEventListener(
        'abort',
        () => {
          watch.value.cancel()
          resolve()
        },
        { once: true },
      )
    })
  }

  commit(work: Work): Promise<readonly SendResult[]> {
    return this.#commit(work)
  }

  /** Nothing of it happens unless all of it can: what could refuse is asked before. */
  async #commit({ send, settle }: Work): Promise<readonly SendResult[]> {
    const deliveries = settle.map(({ delivery, settlement }) => {
      if (!(delivery instanceof EmbeddedDelivery)) throw foreignDelivery()
      delivery.check()
      return { delivery, settlement }
    })
    const letters = settle.flatMap(({ settlement }) =>
      settlement.kind === 'dead' ? [settlement.letter] : [],
    )
    this.#checkRoom([...send, ...letters])
    const results = this.#engine.batch(() => {
      const sent = send.map(message => this.#store1(message))
      for (const letter of letters) this.#mustStore(letter)
      for (const { delivery, settlement } of deliveries) delivery.apply(settlement)
      return sent
    })
    await this.#store.whenSafe()
    return results
  }

  #mustStore(message: Outgoing): void {
    const result = this.#store1(message)
    if (!result.ok) throw result.error
  }

  #checkRoom(messages: readonly Outgoing[]): void {
    if (messages.length === 0) return
    if (this.#engine.alarm !== undefined) {
      const code = this.#engine.alarm === 'disk' ? 'disk-full' : 'overloaded'
      throw errorOf(code, '', messages[0]!.to.name)
    }
    for (const { to } of messages) {
      if (!this.#has(to.name)) throw errorOf('not-found', '', to.name)
    }
  }

  async remove(endpoint: Endpoint, position: string): Promise<boolean> {
    const isLater = position.startsWith('later:')
    const log = isLater ? laterName(endpoint.name) : endpoint.name
    const positions = [Number(isLater ? position.slice('later:'.length) : position)]
    if (endpoint.kind === 'queue' && this.#engine.pending({ log }, { positions }).length > 0) {
      return false
    }
    const { count } = demand(this.#engine.trim(log, { positions }), log)
    await this.#store.whenSafe()
    return count === 1
  }

  async depth(endpoint: Endpoint, group?: string): Promise<Depth> {
    const name = group === undefined ? endpoint.name : groupName(endpoint.name, group)
    const info = this.#engine.log(name)
    if (info === undefined) throw errorOf('not-found', '', name)
    const later = this.#engine.log(laterName(name))?.count ?? 0
    const { ready, leased, delayed, count } = info
    if (info.config.queue === undefined) {
      return { ready: count, leased: 0, delayed: 0, approximate: false }
    }
    return { ready, leased, delayed: delayed + later, approximate: false }
  }

  list(): Promise<Listing> {
    const names = this.#engine.logs().filter(name => !name.includes('~'))
    const found = names.sort().flatMap((name): Listed[] => {
      const config = this.#engine.log(name)?.config
      if (config === undefined) return []
      const kind = config.queue === undefined ? 'topic' : 'queue'
      return [{ kind, name, keyed: config.queue?.ordering === 'group', options: {} }]
    })
    return Promise.resolve({ found, notes: [] })
  }

  async purge(endpoint: Endpoint): Promise<number> {
    const { name } = endpoint
    const what = endpoint.kind === 'queue' ? ({ ready: true } as const) : { countMax: 0 }
    const { count } = demand(this.#engine.trim(name, what), name)
    await this.#store.whenSafe()
    return count
  }

  async drop(endpoint: Endpoint): Promise<void> {
    const { name } = endpoint
    const engine = this.#engine
    const groups = engine.logs().filter(log => log.startsWith(`${name}~`))
    for (const log of [name, ...groups]) if (this.#has(log)) demand(engine.dropLog(log), log)
    if (endpoint.kind === 'topic' && engine.route(name) !== undefined) {
      demand(engine.dropRoute(name), name)
    }
    await this.#store.whenSafe()
  }

  async close(): Promise<void> {
    for (const consumer of [...this.#consumers]) await consumer.close()
    await this.#store.release()
  }
}

/** Moves what has become due to the queue itself, at its end. Lives as long as the engine. */
function startMover(store: Store, later: string): void {
  const { engine } = store
  const main = later.slice(0, -laterSuffix.length)
  const holder = `mover of ${later}`
  engine.subscribe(later, {
    holder,
    credit: Infinity,
    exclusive: true,
    deliver: ({ record }) => {
      engine.batch(() => {
        const group = record.key.length === 0 ? undefined : record.group
        const appended = engine.append(main, [{ ...copyOf(record, true), group }])
        // Without room it stays, and comes again when the engine has some.
        const settlement = appended.ok
          ? ({ kind: 'done' } as const)
          : ({ kind: 'return', delayMs: 1000, counted: false } as const)
        engine.settle({ log: later }, holder, [record.position], settlement)
      })
    },
    ended: () => {},
  })
}

function copyOf(record: StoredRecord, keyed: boolean): RecordInput {
  const { format, envelope, body, key, priority, ttlMs, group } = record
  const isKeyed = keyed && group !== undefined
  return { format, envelope, body, key, priority, ttlMs, group: isKeyed ? group : undefined }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

function demand<T>(outcome: Outcome<T>, name: string): T {
  if (outcome.ok) return outcome.value
  throw errorOf(outcome.error, outcome.detail, name)
}

function errorOf(error: EngineErrorCode, detail: string, name: string): ClientError {
  const backend = 'embedded'
  switch (error) {
    case 'disk-full':
    case 'overloaded':
    case 'full':
      return new ClientError({
        code: error === 'disk-full' ? 'SPILLWAY_E_DISK' : 'SPILLWAY_E_OVERLOADED',
        backend,
        why: error === 'disk-full' ? 'the disk is full.' : `${name} takes no more now.`,
        retryable: true,
      })
    default:
      return new ClientError({
        code: `SPILLWAY_E_${error.toUpperCase().replaceAll('-', '_')}`,
        backend,
        why: `${name}: ${detail === '' ? error : detail}.`,
      })
  }
}

function conflict(name: string, why: string): PlanError {
  return new PlanError({
    code: 'SPILLWAY_P_CONFLICT',
    backend: 'embedded',
    why: `${name} ${why}.`,
    alternatives: ['another name', 'move the messages to a new queue'],
  })
}

function foreignDelivery(): ClientError {
  const why = 'a message of another connection cannot be settled in this commit.'
  return new ClientError({ code: 'SPILLWAY_E_FOREIGN', backend: 'embedded', why })
}
