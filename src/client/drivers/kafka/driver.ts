/**
 * The driver for Kafka, over the npm package `@platformatic/kafka`: `kafka://` and `kafkas://`. How
 * queues become topics is in names.ts, how a message is settled by itself in progress.ts.
 */

import { Buffer } from 'node:buffer'
import { defaultPartitioner } from '@platformatic/kafka'
import type {
  ConsumeOptions,
  Consumer,
  Delivery,
  Depth,
  Driver,
  DriverContext,
  Endpoint,
  Listing,
  OpenDriver,
  Outgoing,
  ReadOptions,
  SendResult,
  Sink,
  Stored,
  Work,
} from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import type { Caution, Feature, Support } from '../../features.ts'
import { type OutRecord, outRecord } from './batches.ts'
import { Cluster } from './cluster.ts'
import { type Holder, KafkaDelivery } from './delivery.ts'
import { depthOf, peekAt } from './depth.ts'
import { backend, failure, missing } from './failures.ts'
import { readTopic, startOf } from './history.ts'
import { listTopics } from './listing.ts'
import { Mover } from './mover.ts'
import {
  delayGroup,
  delayTopicFor,
  delayTopics,
  dueHeader,
  groupOf,
  printPosition,
} from './names.ts'
import { commitOffsets, committedOffsets, nobody, offsetsAt, partitionsOf } from './offsets.ts'
import { type Landed, Producer } from './producer.ts'
import { audienceHeader, Reader, type ReaderSetup } from './reader.ts'
import { storedOf } from './records.ts'
import { cautionsOf, supportOf } from './support.ts'
import { conflict, dropGroup, dropTopics, ensureEndpoint, ensureTopic, truncate } from './topics.ts'
import { type Task, Transactor } from './transactor.ts'
import { parseUrl } from './url.ts'

/**
 * Messages of one call without a key go to one partition in runs: of a queue short ones, so that
 * those who share the work all get some; of a topic long ones, so that a batch keeps its order.
 */
const runCount = { queue: 2, topic: 100 } as const
/** How long a reader of `take` stays in its group after its last message. */
const lingerMs = 200
const takePatienceMs = 5000

export const openDriver: OpenDriver = async (url, context) => {
  const cluster = new Cluster(parseUrl(url), context)
  try {
    await cluster.reach()
  } catch (error) {
    await cluster.close()
    throw failure(error, 'no broker can be reached')
  }
  return new KafkaDriver(cluster, context)
}

class KafkaDriver implements Driver {
  readonly backend = backend
  readonly distance = 'near'
  readonly #cluster: Cluster
  readonly #context: DriverContext
  readonly #producer: Producer
  readonly #transactor: Transactor
  readonly #readers = new Map<string, Reader>()
  readonly #movers = new Map<string, Mover>()
  readonly #kinds = new Map<string, Endpoint['kind']>()
  readonly #groups = new Map<string, Set<string>>()
  /** Sends of which it is not known yet where they go. */
  #placing = 0
  /** Where the next run of each topic goes. */
  readonly #turns = new Map<string, number>()

  constructor(cluster: Cluster, context: DriverContext) {
    this.#cluster = cluster
    this.#context = context
    this.#producer = new Producer(cluster)
    const random = () => context.random.uint32().toString(36)
    const prefix = context.name.replace(/[^\w.-]/g, '_').slice(0, 40)
    this.#transactor = new Transactor(cluster, `${prefix}-${random()}${random()}${random()}`)
  }

  support(feature: Feature, endpoint: Endpoint): Support {
    return supportOf(feature, endpoint)
  }

  cautions(endpoint: Endpoint): Promise<readonly Caution[]> {
    return cautionsOf(this.#cluster, endpoint)
  }

  async prepare(endpoint: Endpoint): Promise<void> {
    const { kind, name, role } = endpoint
    const known = this.#kinds.get(name)
    if (known !== undefined && known !== kind) throw conflict(name, `is a ${known} already`)
    const isMade = await ensureEndpoint(this.#cluster, endpoint)
    if (role === 'main') await this.#checkKind(endpoint, isMade)
    this.#kinds.set(name, kind)
  }

  /** A queue is a topic whose group of the same name has begun. */
  async #checkKind({ kind, name }: Endpoint, isMade: boolean): Promise<void> {
    const partitions = await partitionsOf(this.#cluster, name)
    if (kind === 'queue') {
      if (isMade)
        await this.#begin(
          name,
          partitions.map(one => ({ ...one, offset: 0 })),
        )
      return
    }
    if (isMade) return
    const found = await committedOffsets(this.#cluster, name, partitions)
    if (found.some(commit => commit !== undefined)) throw conflict(name, 'is a queue already')
  }

  /** Where a group begins that has no members yet. One that has some has begun. */
  async #begin(
    group: string,
    starts: readonly { topic: string; partition: number; offset: number }[],
  ): Promise<void> {
    const commits = starts.map(start => ({ ...start, metadata: '' }))
    try {
      await this.#cluster.persist(() => commitOffsets(this.#cluster, { group, ...nobody }, commits))
    } catch (error) {
      const { code } = failure(error, group)
      if (code !== 'SPILLWAY_E_UNKNOWN_MEMBER_ID' && code !== 'SPILLWAY_E_ILLEGAL_GENERATION') {
        throw failure(error, `group ${group}`)
      }
    }
  }

  /** In the order of the calls: what can be placed at once is, unless one before it could not. */
  async send(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    if (this.#placing === 0) {
      const counts = new Map<string, number>()
      const placed = messages.map(message => this.#placeNow(message, counts))
      if (!placed.includes(undefined)) return this.#produce(placed as OutRecord[])
    }
    this.#placing++
    let producing: Promise<readonly SendResult[]>
    try {
      producing = this.#produce(await this.#place(messages))
    } finally {
      this.#placing--
    }
    return producing
  }

  #produce(records: readonly (OutRecord | Error)[]): Promise<readonly SendResult[]> {
    const results = records.map(record => {
      return new Promise<SendResult>(resolve => {
        const told = {
          resolve: (landed: Landed) => resolve(sent(landed)),
          reject: (error: unknown) => resolve(unsent(error)),
        }
        if (record instanceof Error) told.reject(record)
        else if (!this.#producer.post(record, told)) {
          this.#producer.send(record).then(told.resolve, told.reject)
        }
      })
    })
    return Promise.all(results)
  }

  post(message: Outgoing, done: (result: SendResult) => void): boolean {
    if (this.#placing > 0) return false
    const record = this.#placeNow(message, undefined)
    if (record === undefined) return false
    return this.#producer.post(record, {
      resolve: landed => done(sent(landed)),
      reject: error => done(unsent(error)),
    })
  }

  /** Which topic and partition each message goes to; an error where there is no such topic. */
  async #place(messages: readonly Outgoing[]): Promise<(OutRecord | Error)[]> {
    const counts = new Map<string, number>()
    const placed: (OutRecord | Error)[] = []
    for (const message of messages) {
      try {
        placed.push(await this.#placeOne(message, counts))
      } catch (error) {
        placed.push(failure(error, message.to.name))
      }
    }
    return placed
  }

  async #placeOne(message: Outgoing, counts: Map<string, number>): Promise<OutRecord> {
    if (message.delayMs > 0) return this.#placeLater(message)
    const { name } = message.to
    await this.#cluster.topic(name)
    const record = this.#placeNow(message, counts)
    if (record === undefined) throw failure('UNKNOWN_TOPIC_OR_PARTITION', name)
    return record
  }

  /** Undefined: its topic is not known, or it waits first, in one that may have to be made. */
  #placeNow(message: Outgoing, counts: Map<string, number> | undefined): OutRecord | undefined {
    const { to, delayMs, key, group } = message
    const leaders = delayMs > 0 ? undefined : this.#cluster.known(to.name)?.leaders
    if (leaders === undefined) return undefined
    const isKeyed = to.keyed && key !== undefined && key !== ''
    const partition = isKeyed
      ? this.#partitionOfKey(key, leaders.length)
      : this.#nextPartition(to, leaders.length, counts)
    const where = { topic: to.name, partition }
    if (group === undefined) return outRecord(message, where)
    const headers = { ...message.headers, [audienceHeader]: group }
    return outRecord({ ...message, headers }, where)
  }

  /** As all clients of Kafka do it, so that those in other languages agree. */
  #partitionOfKey(key: string, count: number): number {
    const bytes = Buffer.from(key, 'utf8')
    return defaultPartitioner({ topic: '', value: bytes, key: bytes }, bytes) % count
  }

  /** Without counts: the only message of its call. */
  #nextPartition(to: Endpoint, count: number, counts: Map<string, number> | undefined): number {
    const index = counts?.get(to.name) ?? 0
    counts?.set(to.name, index + 1)
    if (index % runCount[to.kind] === 0) {
      this.#turns.set(to.name, (this.#turns.get(to.name) ?? this.#context.random.uint32()) + 1)
    }
    return this.#turns.get(to.name)! % count
  }

  async #placeLater(message: Outgoing): Promise<OutRecord> {
    const { to, delayMs } = message
    const topic = delayTopicFor(to.name, delayMs)
    if (this.#cluster.known(topic) === undefined) {
      await ensureTopic(this.#cluster, topic, {
        partitions: 1,
        replication: this.#cluster.target.replication,
        retentionMs: -1,
      })
      await this.#movers.get(to.name)?.look()
    }
    const due = String(this.#context.clock.now() + delayMs)
    const headers = { ...message.headers, [dueHeader]: due }
    return outRecord({ ...message, headers }, { topic, partition: 0 })
  }

  async consume(endpoint: Endpoint, options: ConsumeOptions, sink: Sink): Promise<Consumer> {
    const { group, credit } = options
    if (group !== undefined) await this.#beginGroup(endpoint, group)
    const mover =
      endpoint.kind === 'queue' && endpoint.role === 'main' ? this.#mover(endpoint) : undefined
    const holder = await this.#enter(endpoint, group?.name, sink, credit)
    await mover?.look()
    return {
      grant: count => holder.grant(count),
      stop: () => holder.stop(),
      close: async () => {
        await holder.close()
        if (mover !== undefined) await this.#leaveMover(mover)
      },
    }
  }

  async #beginGroup(
    topic: Endpoint,
    { name, from }: NonNullable<ConsumeOptions['group']>,
  ): Promise<void> {
    const group = groupOf(topic, name)
    this.#groups.set(topic.name, (this.#groups.get(topic.name) ?? new Set()).add(group))
    const partitions = await partitionsOf(this.#cluster, topic.name)
    const found = await committedOffsets(this.#cluster, group, partitions)
    const without = partitions.filter((_, index) => found[index] === undefined)
    if (without.length === 0) return
    const { offsets } = await startOf(this.#cluster, partitions, from)
    await this.#begin(
      group,
      without.map(one => ({ ...one, offset: offsets.get(`${one.topic}:${one.partition}`) ?? 0 })),
    )
  }

  /** A place at the reader of a group, which is made when it is missing. */
  async #enter(
    endpoint: Endpoint,
    groupName: string | undefined,
    sink: Sink,
    credit: number,
  ): Promise<Holder> {
    const group = groupOf(endpoint, groupName)
    for (;;) {
      const known = this.#readers.get(group)
      if (known?.isEnding === true) {
        await known.ended
        continue
      }
      if (known !== undefined) {
        const holder = known.enter(sink, credit)
        await known.started
        return holder
      }
      const reader = new Reader(this.#cluster, {
        group: endpoint.role === 'replies' ? undefined : group,
        topics: [endpoint.name],
        keyed: endpoint.keyed,
        audience: groupName,
        ...this.#transactions,
        left: one => {
          if (this.#readers.get(group) === one)
            void one.ended.finally(() => this.#forgetReader(group, one))
        },
      })
      this.#readers.set(group, reader)
      const holder = reader.enter(sink, credit)
      await reader.start()
      return holder
    }
  }

  #forgetReader(group: string, reader: Reader): void {
    if (this.#readers.get(group) === reader) this.#readers.delete(group)
  }

  #mover(endpoint: Endpoint): Mover {
    const { name } = endpoint
    let mover = this.#movers.get(name)
    if (mover === undefined) {
      mover = new Mover(this.#cluster, name, {
        ...this.#transactions,
        move: delivery => this.#bring(endpoint, delivery),
      })
      this.#movers.set(name, mover)
    }
    mover.users++
    return mover
  }

  async #leaveMover(mover: Mover): Promise<void> {
    if (--mover.users > 0) return
    if (this.#movers.get(mover.queue) === mover) this.#movers.delete(mover.queue)
    await mover.close()
  }

  /** What is due goes to the end of its queue. */
  async #bring(to: Endpoint, delivery: KafkaDelivery): Promise<void> {
    const { [dueHeader]: _, ...headers } = delivery.headers
    const { key, body, id } = delivery
    const plain = {
      group: undefined,
      dedupeId: undefined,
      delayMs: 0,
      ttlMs: undefined,
      priority: 0,
    }
    const message: Outgoing = { ...plain, to, id, key, body, headers }
    await this.commit({ send: [message], settle: [{ delivery, settlement: { kind: 'done' } }] })
  }

  /** What readers want of transactions. */
  get #transactions(): Pick<ReaderSetup, 'transactionalId' | 'fence' | 'dead'> {
    return {
      transactionalId: this.#transactor.name,
      fence: owner => this.#transactor.fence(owner),
      dead: (delivery, settlement) => this.#settleDead(delivery, settlement),
    }
  }

  async #settleDead(
    delivery: KafkaDelivery,
    settlement: Parameters<Delivery['settle']>[0],
  ): Promise<void> {
    await this.commit({ send: [], settle: [{ delivery, settlement }] })
  }

  async take(
    endpoint: Endpoint,
    { countMax }: { readonly countMax: number },
  ): Promise<readonly Delivery[]> {
    const taken: Delivery[] = []
    let failed: Error | undefined
    const sink: Sink = {
      deliver: delivery => taken.push(delivery),
      ended: error => {
        failed = error
      },
    }
    const ends = await offsetsAt(
      this.#cluster,
      await partitionsOf(this.#cluster, endpoint.name),
      'latest',
    )
    const holder = await this.#enter(endpoint, undefined, sink, countMax)
    const { reader } = holder
    const { clock } = this.#context
    const end = clock.monotonic() + takePatienceMs
    const isDone = () =>
      taken.length >= countMax || (reader.isThrough(ends) && holder.out.size === taken.length)
    while (failed === undefined && !isDone() && clock.monotonic() < end) await this.#cluster.pass(2)
    if (failed !== undefined) throw failed
    await holder.stop()
    const leaveLater = (): void => {
      clock.schedule(lingerMs, () => void reader.leaveWhenEmpty(holder))
    }
    if (holder.out.size === 0) leaveLater()
    else holder.emptied = leaveLater
    return taken
  }

  peek(
    endpoint: Endpoint,
    { countMax }: { readonly countMax: number },
  ): Promise<readonly Stored[]> {
    return peekAt(this.#cluster, endpoint.name, groupOf(endpoint), countMax)
  }

  async *read(topic: Endpoint, options: ReadOptions): AsyncGenerator<Stored, void, undefined> {
    for await (const record of readTopic(this.#cluster, topic.name, options)) {
      if (record.headers[audienceHeader] === undefined) yield storedOf(record)
    }
  }

  async commit(work: Work): Promise<readonly SendResult[]> {
    const settle = work.settle.map(({ delivery, settlement }) => {
      if (!(delivery instanceof KafkaDelivery)) throw foreign()
      delivery.check()
      return { delivery, settlement }
    })
    const letters = settle.flatMap(({ settlement }) => {
      return settlement.kind === 'dead' ? [settlement.letter] : []
    })
    const placed = await this.#place([...work.send, ...letters])
    const wrong = placed.find(record => record instanceof Error)
    if (wrong !== undefined) throw wrong
    const task: Task = { records: placed as OutRecord[], settle }
    try {
      const landed = await this.#transactor.run(task)
      return landed.slice(0, work.send.length).map(sent)
    } catch (error) {
      for (const { delivery } of settle) delivery.reader.giveBack(delivery)
      throw error
    }
  }

  remove(): Promise<boolean> {
    return Promise.resolve(false)
  }

  async depth(endpoint: Endpoint, group?: string): Promise<Depth> {
    const { name, kind } = endpoint
    if ((await this.#cluster.find(name)) === undefined) throw missing(name)
    const isQueue = kind === 'queue'
    const reading = isQueue || group !== undefined ? groupOf(endpoint, group) : undefined
    const main = await depthOf(this.#cluster, name, reading, group)
    if (!isQueue || endpoint.role !== 'main') return main
    let { ready, leased, delayed, approximate } = main
    for (const topic of await this.#cluster.findAll(delayTopics(name))) {
      const later = await depthOf(this.#cluster, topic, delayGroup(name), undefined)
      delayed += later.ready + later.delayed + later.leased
      approximate ||= later.approximate
    }
    return { ready, leased, delayed, approximate }
  }

  list(): Promise<Listing> {
    return listTopics(this.#cluster)
  }

  async purge(endpoint: Endpoint): Promise<number | undefined> {
    const { name, kind } = endpoint
    const { ready, approximate } = await this.depth(endpoint)
    await truncate(this.#cluster, name)
    if (kind === 'queue') await this.#readers.get(groupOf(endpoint))?.truncated()
    return approximate ? undefined : ready
  }

  async drop(endpoint: Endpoint): Promise<void> {
    const { name, kind, role } = endpoint
    const isMain = kind === 'queue' && role === 'main'
    this.#kinds.delete(name)
    const groups = kind === 'queue' ? [name] : [...(this.#groups.get(name) ?? [])]
    await dropTopics(this.#cluster, [name, ...(isMain ? delayTopics(name) : [])])
    if (role === 'replies') return
    for (const group of groups) {
      this.#readers.get(group)?.end(gone(name))
      await this.#readers.get(group)?.ended
      await dropGroup(this.#cluster, group)
    }
    if (isMain) await dropGroup(this.#cluster, delayGroup(name))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#movers.values()].map(mover => mover.close()))
    const readers = [...this.#readers.values()]
    await Promise.all(
      readers.map(async reader => {
        for (const holder of [...reader.holders]) await holder.close()
        await reader.close()
      }),
    )
    await this.#cluster.close()
  }
}

function sent(landed: { readonly partition: number; readonly offset: number }): SendResult {
  return { ok: true, duplicate: false, position: printPosition(landed) }
}

function gone(name: string): ClientError {
  return new ClientError({ code: 'SPILLWAY_E_DELETED', backend, why: `${name} was deleted.` })
}

function foreign(): ClientError {
  const why = 'a message of another connection cannot be settled in this commit.'
  return new ClientError({ code: 'SPILLWAY_E_FOREIGN', backend, why })
}

function unsent(error: unknown): SendResult {
  return { ok: false, error: failure(error, 'a send') }
}
