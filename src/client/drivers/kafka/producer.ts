/**
 * Sending: acks=all, idempotent. To each node one request is on its way at a time, and what is
 * sent meanwhile goes together with the next: so that batches of one partition keep their order and
 * their numbers, and grow with the load. A batch whose answer is lost is sent again under its
 * number, and the broker stores it once.
 */

import { initProducerIdV3, initProducerIdV4, initProducerIdV5 } from '@platformatic/kafka'
import { ClientError } from '../../errors.ts'
import { type OutRecord, sizeOf } from './batches.ts'
import type { Cluster, Lane } from './cluster.ts'
import { type ProduceAnswer, placeOf, produceVersions } from './codec.ts'
import { backend, failure } from './failures.ts'

export const initVersions = [initProducerIdV5.api, initProducerIdV4.api, initProducerIdV3.api]

/** One batch of a partition stays below what brokers take by default (`message.max.bytes`). */
const batchBytesMax = 900_000
const requestBytesMax = 8 * 1024 * 1024
const produceTimeoutMs = 10_000

export type Landed = { readonly partition: number; readonly offset: number }

interface Waiting {
  readonly record: OutRecord
  readonly bytes: number
  readonly resolve: (landed: Landed) => void
  readonly reject: (error: Error) => void
}

interface Identity {
  readonly id: bigint
  readonly epoch: number
  /** The number of the next record in each partition. */
  readonly sequences: Map<string, number>
}

const unknownTopic = 3
/** No leader, another leader, too slow, not enough replicas, a disk that failed. */
const passingCodes = new Set([5, 6, 7, 8, 9, 13, 19, 20, 56, 74, 75])

export class Producer {
  readonly #cluster: Cluster
  readonly #lane: Lane
  readonly #nodes = new Map<number, { readonly waiting: Waiting[]; isSending: boolean }>()
  #identity: Promise<Identity> | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#lane = cluster.lane()
  }

  /** Resolves when all replicas that are in sync have it. Its topic must be known. */
  async send(record: OutRecord): Promise<Landed> {
    const { leaders } = await this.#cluster.topic(record.topic)
    const node = leaders[record.partition]
    if (node === undefined) throw failure('UNKNOWN_TOPIC_OR_PARTITION', record.topic)
    return new Promise((resolve, reject) => {
      this.#enqueue(node, { record, bytes: sizeOf(record), resolve, reject })
    })
  }

  /** The same, told by a call; false: it has to be found out where it goes, so `send` it. */
  post(record: OutRecord, told: Pick<Waiting, 'resolve' | 'reject'>): boolean {
    const node = this.#cluster.known(record.topic)?.leaders[record.partition]
    if (node === undefined) return false
    const { resolve, reject } = told
    this.#enqueue(node, { record, bytes: sizeOf(record), resolve, reject })
    return true
  }

  #enqueue(node: number, waiting: Waiting): void {
    let queue = this.#nodes.get(node)
    if (queue === undefined) {
      queue = { waiting: [], isSending: false }
      this.#nodes.set(node, queue)
    }
    queue.waiting.push(waiting)
    if (!queue.isSending) void this.#run(node, queue)
  }

  async #run(node: number, queue: { waiting: Waiting[]; isSending: boolean }): Promise<void> {
    queue.isSending = true
    // Those who send in this turn go together.
    await Promise.resolve()
    while (queue.waiting.length > 0) {
      const batch = takeBatch(queue.waiting)
      try {
        await this.#sendBatch(node, batch)
      } catch (error) {
        // Nobody knows how far the broker has counted: a new identity begins to count anew.
        this.#identity = undefined
        for (const { reject, record } of batch) reject(failure(error, record.topic))
      }
    }
    queue.isSending = false
  }

  async #sendBatch(node: number, batch: readonly Waiting[]): Promise<void> {
    const identity = await this.#identify()
    const { id, epoch, sequences } = identity
    const records = batch.map(({ record }) => record)
    let target = node
    const answers = await this.#cluster.persist(async () => {
      const time = this.#cluster.context.clock.now()
      const how = {
        transactionalId: undefined,
        producerId: id,
        producerEpoch: epoch,
        sequences,
        time,
      }
      const asked = [records, how, produceTimeoutMs] as const
      const found = await this.#cluster.call(
        this.#lane,
        { node: target },
        produceVersions,
        ...asked,
      )
      const passing = await this.#passing(found)
      if (passing === undefined) return found
      const { leaders } = await this.#cluster.topic(records[0]!.topic)
      target = leaders[records[0]!.partition] ?? target
      throw passing
    })
    this.#answer(identity, batch, answers)
  }

  /** Refused by a broker that has not heard of a topic yet, or leads it no more: tried again. */
  async #passing(answers: readonly ProduceAnswer[]): Promise<ClientError | undefined> {
    for (const answer of answers) {
      const { errorCode, topic } = answer
      const isUnknown = errorCode === unknownTopic
      if (!isUnknown && !passingCodes.has(errorCode)) continue
      if ((await this.#cluster.find(topic)) !== undefined) return again(refusal(answer))
    }
    return undefined
  }

  #answer(
    { sequences }: Identity,
    batch: readonly Waiting[],
    answers: readonly ProduceAnswer[],
  ): void {
    const byPlace = new Map(answers.map(answer => [placeOf(answer), answer]))
    const counts = new Map<string, number>()
    for (const { record, resolve, reject } of batch) {
      const place = placeOf(record)
      const answer = byPlace.get(place)
      const index = counts.get(place) ?? 0
      counts.set(place, index + 1)
      if (answer?.errorCode === 0) {
        resolve({ partition: answer.partition, offset: answer.baseOffset + index })
      } else reject(failure(refusal(answer), record.topic))
    }
    for (const [place, count] of counts) sequences.set(place, (sequences.get(place) ?? 0) + count)
    if (answers.some(({ errorCode }) => errorCode !== 0)) this.#identity = undefined
  }

  #identify(): Promise<Identity> {
    this.#identity ??= this.#cluster
      .insist(this.#lane, 'any', initVersions, null, 60_000, -1n, -1)
      .then(({ producerId, producerEpoch }) => {
        return { id: producerId, epoch: producerEpoch, sequences: new Map() }
      })
    this.#identity.catch(() => {
      this.#identity = undefined
    })
    return this.#identity
  }
}

/** The same, to be tried again. */
export function again(cause: unknown): ClientError {
  const { code, why } = failure(cause, 'a send')
  return new ClientError({ code, backend, why, retryable: true, cause })
}

/** The longest run of what waits that one request may hold, with one batch for each partition. */
function takeBatch(waiting: Waiting[]): Waiting[] {
  const sizes = new Map<string, number>()
  let total = 0
  let count = 0
  for (const { record, bytes } of waiting) {
    const place = placeOf(record)
    const size = (sizes.get(place) ?? 0) + bytes
    total += bytes
    if (count > 0 && (size > batchBytesMax || total > requestBytesMax)) break
    sizes.set(place, size)
    count++
  }
  return waiting.splice(0, count)
}

/** Kafka's codes of what a produce may be refused for, as errors that `failure` understands. */
export function refusal(answer: ProduceAnswer | undefined): { apiId: string; message: string } {
  const code = answer?.errorCode ?? unknownTopic
  return { apiId: names[code] ?? `ERROR_${code}`, message: answer?.message ?? '' }
}

const names: { readonly [code: number]: string } = {
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_OR_FOLLOWER',
  7: 'REQUEST_TIMED_OUT',
  10: 'MESSAGE_TOO_LARGE',
  18: 'RECORD_LIST_TOO_LARGE',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  47: 'INVALID_PRODUCER_EPOCH',
  48: 'INVALID_TXN_STATE',
  51: 'CONCURRENT_TRANSACTIONS',
  53: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  56: 'KAFKA_STORAGE_ERROR',
  87: 'INVALID_RECORD',
  90: 'PRODUCER_FENCED',
}
