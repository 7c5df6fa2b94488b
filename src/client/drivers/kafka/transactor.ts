/**
 * What happens together or not at all: messages that are sent, and messages that are settled, in
 * one of Kafka's transactions. The settlements are the group's offsets with their metadata, sent
 * under the group's generation, so that a consumer that has lost its partition commits nothing
 * (KIP-447).
 *
 * What asks while a transaction runs goes into the next one together; when that fails, each goes
 * alone, so that one that cannot does not take the others with it.
 */

import {
  addOffsetsToTxnV1,
  addOffsetsToTxnV2,
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  endTxnV3,
  endTxnV4,
  type initProducerIdV5,
  txnOffsetCommitV3,
  txnOffsetCommitV4,
} from '@platformatic/kafka'
import type { Settlement } from '../../driver.ts'
import { type OutRecord, sizeOf } from './batches.ts'
import type { Cluster, Lane } from './cluster.ts'
import { type ProduceAnswer, placeOf, produceVersions } from './codec.ts'
import type { KafkaDelivery } from './delivery.ts'
import { apiIdOf, failure, lost } from './failures.ts'
import { type Member, topicsOf } from './offsets.ts'
import { again, initVersions, type Landed, refusal } from './producer.ts'
import type { Reader } from './reader.ts'

const partitionsVersions = [addPartitionsToTxnV3.api]
// Version 4 is of transactions in which the broker counts the epoch (KIP-890); we count it.
const offsetsVersions = [addOffsetsToTxnV3.api, addOffsetsToTxnV2.api, addOffsetsToTxnV1.api]
const endVersions = [endTxnV4.api, endTxnV3.api]
const commitVersions = [txnOffsetCommitV4.api, txnOffsetCommitV3.api]

const worksMax = 200
const triesMax = 5
const bytesMax = 512 * 1024
const produceTimeoutMs = 10_000

export interface Task {
  readonly records: readonly OutRecord[]
  readonly settle: readonly {
    readonly delivery: KafkaDelivery
    readonly settlement: Settlement
  }[]
}

interface Asked {
  readonly task: Task
  readonly resolve: (landed: readonly Landed[]) => void
  readonly reject: (error: Error) => void
}

interface Identity {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly epoch: number
}

export class Transactor {
  /** Its transactional id: its own, because two of one name would fence each other. */
  readonly name: string
  readonly #cluster: Cluster
  readonly #lane: Lane
  readonly #asked: Asked[] = []
  readonly #sequences = new Map<string, number>()
  #identity: Identity | undefined
  #isRunning = false

  constructor(cluster: Cluster, name: string) {
    this.#cluster = cluster
    this.#lane = cluster.lane()
    this.name = name
  }

  /** Where each record is, when all of it has happened; rejects when nothing has. */
  run(task: Task): Promise<readonly Landed[]> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ task, resolve, reject })
      if (!this.#isRunning) void this.#work()
    })
  }

  async #work(): Promise<void> {
    this.#isRunning = true
    await Promise.resolve()
    while (this.#asked.length > 0) {
      const batch = this.#takeBatch()
      try {
        await this.#together(batch)
      } catch (error) {
        if (batch.length === 1) batch[0]!.reject(asError(error))
        else await this.#oneByOne(batch)
      }
    }
    this.#isRunning = false
  }

  #takeBatch(): Asked[] {
    let bytes = 0
    let count = 0
    for (const { task } of this.#asked) {
      for (const record of task.records) bytes += sizeOf(record)
      if (count > 0 && (count >= worksMax || bytes > bytesMax)) break
      count++
    }
    return this.#asked.splice(0, count)
  }

  async #oneByOne(batch: readonly Asked[]): Promise<void> {
    for (const one of batch) {
      try {
        await this.#together([one])
      } catch (error) {
        one.reject(asError(error))
      }
    }
  }

  async #together(batch: readonly Asked[]): Promise<void> {
    const settled = batch.flatMap(({ task }) => task.settle)
    const readers = [...new Set(settled.map(({ delivery }) => delivery.reader))]
    const landed = await this.#exclusive(readers, () => this.#transact(batch, settled, readers))
    let at = 0
    for (const { task, resolve } of batch) {
      resolve(landed.slice(at, at + task.records.length))
      at += task.records.length
    }
    for (const reader of readers) reader.deal()
  }

  /** No other commit of those groups comes between the offsets and the end of the transaction. */
  #exclusive<T>(readers: readonly Reader[], run: () => Promise<T>): Promise<T> {
    const [first, ...rest] = readers
    if (first === undefined) return run()
    return first.exclusive(() => this.#exclusive(rest, run))
  }

  /** A rebalance that leaves us the messages is no reason to give up. */
  async #transact(
    batch: readonly Asked[],
    settled: Task['settle'],
    readers: readonly Reader[],
  ): Promise<readonly Landed[]> {
    for (let tries = 1; ; tries++) {
      for (const reader of readers) await reader.membership?.settled()
      for (const { delivery } of settled) delivery.check()
      try {
        return await this.#transactOnce(batch, settled, readers)
      } catch (error) {
        if (tries === triesMax || !(isOutOfGroup(error) || isFenced(error))) throw error
        if (isFenced(error)) continue
        for (const reader of readers) await reader.membership?.refused(error).catch(() => {})
      }
    }
  }

  async #transactOnce(
    batch: readonly Asked[],
    settled: Task['settle'],
    readers: readonly Reader[],
  ): Promise<readonly Landed[]> {
    const records = batch.flatMap(({ task }) => task.records)
    for (const { delivery, settlement } of settled) delivery.reader.apply(delivery, settlement)
    let step: 'begin' | 'work' | 'end' = 'begin'
    try {
      const identity = await this.#identify()
      step = 'work'
      const landed = await this.#produce(identity, records)
      for (const reader of readers) await this.#commitOffsets(identity, reader, settled)
      step = 'end'
      await this.#end(identity, true)
      return landed
    } catch (error) {
      if (step !== 'begin') await this.#abort()
      // Nobody has told us whether it has happened: what the broker has committed decides.
      if (step === 'end') for (const { delivery } of settled) delivery.reader.reload(delivery.track)
      else for (const { delivery } of settled) delivery.reader.undo(delivery)
      throw error
    }
  }

  /** Under a new identity whatever an earlier one had begun is aborted by the broker. */
  async #identify(): Promise<Identity> {
    if (this.#identity !== undefined) return this.#identity
    const transactionalId = this.name
    const { producerId, producerEpoch } = await this.#begin(transactionalId)
    this.#sequences.clear()
    this.#identity = { transactionalId, producerId, epoch: producerEpoch }
    return this.#identity
  }

  /** Ends what a process of that id has begun, and keeps it from going on with that. */
  async fence(transactionalId: string): Promise<void> {
    await this.#begin(transactionalId)
  }

  #begin(transactionalId: string): Promise<initProducerIdV5.InitProducerIdResponse> {
    return this.#cluster.insist(
      this.#lane,
      { transaction: transactionalId },
      initVersions,
      transactionalId,
      this.#cluster.target.transactionMs,
      -1n,
      -1,
    )
  }

  async #produce(identity: Identity, records: readonly OutRecord[]): Promise<Landed[]> {
    if (records.length === 0) return []
    const nodes = new Map<number, OutRecord[]>()
    const topics = new Map<string, Set<number>>()
    for (const record of records) {
      const { topic, partition } = record
      const { leaders } = await this.#cluster.topic(topic)
      const node = leaders[partition] ?? -1
      nodes.set(node, [...(nodes.get(node) ?? []), record])
      topics.set(topic, (topics.get(topic) ?? new Set()).add(partition))
    }
    const { transactionalId, producerId, epoch } = identity
    const partitions = [...topics].map(([name, numbers]) => ({ name, partitions: [...numbers] }))
    await this.#patiently([...topics.keys()], () =>
      this.#cluster.call(this.#lane, { transaction: transactionalId }, partitionsVersions, [
        {
          transactionalId,
          producerId,
          producerEpoch: epoch,
          verifyOnly: false,
          topics: partitions,
        },
      ]),
    )
    const places = new Map<OutRecord, Landed>()
    for (const [node, own] of nodes) {
      const answers = await this.#patiently([...topics.keys()], async () => {
        const time = this.#cluster.context.clock.now()
        const sequences = this.#sequences
        const how = { transactionalId, producerId, producerEpoch: epoch, sequences, time }
        const asked = [own, how, produceTimeoutMs] as const
        const found = await this.#cluster.call(this.#lane, { node }, produceVersions, ...asked)
        const refused = found.find(({ errorCode }) => errorCode !== 0)
        if (refused !== undefined) throw refusal(refused)
        return found
      })
      this.#place(own, answers, places)
    }
    return records.map(record => places.get(record)!)
  }

  /** A broker that has not heard of a new topic yet is asked again; one that is gone is gone. */
  #patiently<T>(topics: readonly string[], run: () => Promise<T>): Promise<T> {
    return this.#cluster.persist(async () => {
      try {
        return await run()
      } catch (error) {
        if (apiIdOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
        const found = await this.#cluster.findAll(topics)
        throw found.length === topics.length ? again(error) : error
      }
    })
  }

  #place(
    records: readonly OutRecord[],
    answers: readonly ProduceAnswer[],
    places: Map<OutRecord, Landed>,
  ): void {
    const byPlace = new Map(answers.map(answer => [placeOf(answer), answer]))
    const counts = new Map<string, number>()
    for (const record of records) {
      const name = placeOf(record)
      const index = counts.get(name) ?? 0
      counts.set(name, index + 1)
      const offset = (byPlace.get(name)?.baseOffset ?? 0) + index
      places.set(record, { partition: record.partition, offset })
    }
    for (const [name, count] of counts) {
      this.#sequences.set(name, (this.#sequences.get(name) ?? 0) + count)
    }
  }

  async #commitOffsets(
    { transactionalId, producerId, epoch }: Identity,
    reader: Reader,
    settled: Task['settle'],
  ): Promise<void> {
    const member: Member = reader.member
    const own = settled.filter(({ delivery }) => delivery.reader === reader)
    const tracks = [...new Set(own.map(({ delivery }) => delivery.track))]
    const commits = tracks.map(track => {
      return { topic: track.topic, partition: track.partition, ...track.encode(this.name) }
    })
    const { group, generation, memberId } = member
    const address = { transaction: transactionalId }
    await this.#cluster.insist(
      this.#lane,
      address,
      offsetsVersions,
      transactionalId,
      producerId,
      epoch,
      group,
    )
    await this.#cluster.insist(
      this.#lane,
      { group },
      commitVersions,
      transactionalId,
      group,
      producerId,
      epoch,
      generation,
      memberId,
      null,
      topicsOf(commits),
    )
  }

  /** Asked again until the coordinator has said which way it went: it knows, after a crash, too. */
  async #end({ transactionalId, producerId, epoch }: Identity, isCommit: boolean): Promise<void> {
    const address = { transaction: transactionalId }
    const args = [transactionalId, producerId, epoch, isCommit] as const
    await this.#cluster.persist(
      () => this.#cluster.call(this.#lane, address, endVersions, ...args),
      this.#cluster.target.transactionMs * 3,
    )
  }

  /** A new identity aborts what this one has begun, and fences it. */
  async #abort(): Promise<void> {
    this.#identity = undefined
    await this.#identify().catch(() => {})
  }
}

/** The generation is over: the messages may be somebody else's now. */
function isOutOfGroup(error: unknown): boolean {
  const id = apiIdOf(error)
  return id === 'ILLEGAL_GENERATION' || id === 'UNKNOWN_MEMBER_ID' || id === 'REBALANCE_IN_PROGRESS'
}

/** Another process has taken over messages that we had, and has ended our transactions. */
function isFenced(error: unknown): boolean {
  const id = apiIdOf(error)
  return id === 'INVALID_PRODUCER_EPOCH' || id === 'PRODUCER_FENCED'
}

function asError(error: unknown): Error {
  return isOutOfGroup(error) ? lost('a message') : failure(error, 'a transaction')
}
