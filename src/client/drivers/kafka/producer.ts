/**
 * Sending: acks=all, idempotent. To each node one request is on its way at a time, and what is
 * sent meanwhile goes together with the next: so that batches of one partition keep their order and
 * their numbers, and grow with the load. A batch whose answer is lost is sent again under its
 * number, and the broker stores it once.
 */

import {
  initProducerIdV3,
  initProducerIdV4,
  initProducerIdV5,
  type MessageRecord,
  NumericMap,
  produceV7,
  produceV8,
  produceV9,
  produceV10,
  produceV11,
} from '@platformatic/kafka'
import { ClientError } from '../../errors.ts'
import type { Cluster, Lane } from './cluster.ts'
import { backend, failure, responseOf } from './failures.ts'
import { sizeOf } from './records.ts'

export type ProduceResponse = produceV11.ProduceResponse

export const produceVersions = [
  produceV11.api,
  produceV10.api,
  produceV9.api,
  produceV8.api,
  produceV7.api,
]
export const initVersions = [initProducerIdV5.api, initProducerIdV4.api, initProducerIdV3.api]

/** One batch of a partition stays below what brokers take by default (`message.max.bytes`). */
const batchBytesMax = 900_000
const requestBytesMax = 8 * 1024 * 1024
const acksAll = -1
const produceTimeoutMs = 10_000

export type Landed = { readonly partition: number; readonly offset: number }

interface Waiting {
  readonly record: MessageRecord
  readonly bytes: number
  readonly resolve: (landed: Landed) => void
  readonly reject: (error: Error) => void
}

interface Identity {
  readonly id: bigint
  readonly epoch: number
  /** The number of the next record in each partition. */
  readonly sequences: NumericMap
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
  async send(record: MessageRecord): Promise<Landed> {
    const { leaders } = await this.#cluster.topic(record.topic)
    const node = leaders[record.partition!]
    if (node === undefined) throw failure('UNKNOWN_TOPIC_OR_PARTITION', record.topic)
    const bytes = sizeOf(record)
    return new Promise((resolve, reject) => {
      const queue = this.#nodes.get(node) ?? { waiting: [], isSending: false }
      this.#nodes.set(node, queue)
      queue.waiting.push({ record, bytes, resolve, reject })
      if (!queue.isSending) void this.#run(node, queue)
    })
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
    const response = await this.#cluster.persist(async () => {
      const options = { producerId: id, producerEpoch: epoch, sequences }
      const address = { node: target }
      const asked = [acksAll, produceTimeoutMs, records, options] as const
      try {
        return await this.#cluster.call(this.#lane, address, produceVersions, ...asked)
      } catch (error) {
        const inside = responseOf<ProduceResponse>(error)
        if (inside !== undefined && !(await mayPass(this.#cluster, inside))) return inside
        const { leaders } = await this.#cluster.topic(records[0]!.topic)
        target = leaders[records[0]!.partition!] ?? target
        throw inside === undefined ? error : again(error)
      }
    })
    this.#answer(identity, batch, response as ProduceResponse)
  }

  #answer(
    { sequences }: Identity,
    batch: readonly Waiting[],
    { responses }: ProduceResponse,
  ): void {
    const counts = new Map<string, number>()
    for (const { record, resolve, reject } of batch) {
      const place = `${record.topic}:${record.partition}`
      const answer = responses
        .find(({ name }) => name === record.topic)
        ?.partitionResponses.find(({ index }) => index === record.partition)
      const index = counts.get(place) ?? 0
      counts.set(place, index + 1)
      if (answer?.errorCode === 0) {
        resolve({ partition: answer.index, offset: Number(answer.baseOffset) + index })
      } else reject(failure(refusal(answer), record.topic))
    }
    for (const [place, count] of counts) sequences.postIncrement(place, count, 0)
    const isAllStored = responses.every(({ partitionResponses }) =>
      partitionResponses.every(({ errorCode }) => errorCode === 0),
    )
    if (!isAllStored) this.#identity = undefined
  }

  #identify(): Promise<Identity> {
    this.#identity ??= this.#cluster
      .insist(this.#lane, 'any', initVersions, null, 60_000, -1n, -1)
      .then(({ producerId, producerEpoch }) => {
        return { id: producerId, epoch: producerEpoch, sequences: new NumericMap() }
      })
    this.#identity.catch(() => {
      this.#identity = undefined
    })
    return this.#identity
  }
}

/** True when some partition was refused for what passes: by a broker that has not heard yet. */
export async function mayPass(cluster: Cluster, { responses }: ProduceResponse): Promise<boolean> {
  for (const { name, partitionResponses } of responses) {
    for (const { errorCode } of partitionResponses) {
      if (passingCodes.has(errorCode)) return true
      if (errorCode === unknownTopic && (await cluster.find(name)) !== undefined) return true
    }
  }
  return false
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
    const place = `${record.topic}:${record.partition}`
    const size = (sizes.get(place) ?? 0) + bytes
    total += bytes
    if (count > 0 && (size > batchBytesMax || total > requestBytesMax)) break
    sizes.set(place, size)
    count++
  }
  return waiting.splice(0, count)
}

/** Kafka's codes of what a produce may be refused for, as errors that `failure` understands. */
function refusal(
  answer: { readonly errorCode: number; readonly errorMessage?: unknown } | undefined,
) {
  const names: { readonly [code: number]: string } = {
    3: 'UNKNOWN_TOPIC_OR_PARTITION',
    10: 'MESSAGE_TOO_LARGE',
    18: 'RECORD_LIST_TOO_LARGE',
    29: 'TOPIC_AUTHORIZATION_FAILED',
    45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    87: 'INVALID_RECORD',
  }
  const code = answer?.errorCode ?? 3
  return { apiId: names[code] ?? `ERROR_${code}`, message: String(answer?.errorMessage ?? '') }
}
