/**
 * The same for Kafka's clients: rounds of producing, in and out of transactions, and of consuming,
 * each ended by a kill. The books:
 *
 * - *lost*: acks=all was answered, and the record is not where the answer said;
 * - *reused*: an offset that somebody was told, or has read, holds another record later;
 * - *torn*: of one transaction read_committed shows some records and not all;
 * - *forgotten*: a transaction whose commit was answered is not shown;
 * - *undone*: a transaction that was aborted is shown.
 *
 * A transaction whose end was not answered may be there or not, but whole.
 */

import { Kafka, logLevel, type Producer } from 'kafkajs'
import { decodeUtf8 } from '../../src/base/bytes.ts'
import type { ResponseOf } from '../../src/wire/kafka/message.ts'
import { Fetch } from '../../src/wire/kafka/messages/data.ts'
import { BatchView, decodeRecords } from '../../src/wire/kafka/record-batch.ts'
import type { SpillwayBroker } from '../harness/broker.ts'
import type { Chance } from '../harness/chance.ts'
import { deferred, pause, within } from '../harness/wait.ts'
import { RawClient } from '../kafka/raw-client.ts'

export interface KafkaCrashOptions {
  readonly rounds: number
  readonly chance: Chance
  /** Starts the broker under test, always on the same data. */
  readonly start: () => Promise<SpillwayBroker>
  readonly producers: number
  readonly killMsMax: number
}

const topic = 'crash'
const partitions = 3
// Idempotent producers insist on trying again; the broker that comes back has another port.
const hardlyRetry = { retries: 1, initialRetryTime: 20, maxRetryTime: 50 }

/** What happened to a transaction, as far as its producer knows. */
type Fate = 'open' | 'committed' | 'aborted'

export class KafkaBook {
  readonly counts = { acknowledged: 0, committed: 0, aborted: 0, unknown: 0, read: 0 }
  readonly details: string[] = []
  /** `partition:offset` → the value that somebody has been told is there. */
  readonly #places = new Map<string, string>()
  /** Transaction → its values, and its fate. */
  readonly #transactions = new Map<string, { values: readonly string[]; fate: Fate }>()

  told(partition: number, offset: number, value: string): void {
    const place = `${partition}:${offset}`
    const before = this.#places.get(place)
    if (before !== undefined && before !== value) {
      this.details.push(`reused: ${place} was ${before}, and is ${value}`)
    }
    this.#places.set(place, value)
  }

  begun(name: string, values: readonly string[]): void {
    this.#transactions.set(name, { values, fate: 'open' })
  }

  ended(name: string, fate: Fate): void {
    this.#transactions.get(name)!.fate = fate
  }

  /** Compares with all that is there in the end. */
  balance(all: ReadonlyMap<string, Held>): void {
    for (const [place, value] of this.#places) {
      const held = all.get(place)?.value
      if (held !== value) this.details.push(`lost: ${place} was ${value}, and is ${held}`)
    }
    this.counts.read = all.size
    const shownValues = [...all.values()].filter(({ isShown }) => isShown)
    const committed = new Set(shownValues.map(({ value }) => value))
    for (const [name, { values, fate }] of this.#transactions) {
      const shown = values.filter(value => committed.has(value)).length
      this.counts[fate === 'open' ? 'unknown' : fate]++
      if (shown > 0 && shown < values.length) {
        this.details.push(`torn: ${name} shows ${shown} of ${values.length}`)
      }
      if (fate === 'committed' && shown === 0) this.details.push(`forgotten: ${name}`)
      if (fate === 'aborted' && shown > 0) this.details.push(`undone: ${name}`)
    }
  }
}

function clientOf(broker: SpillwayBroker): Kafka {
  const brokers = [`${broker.host}:${broker.kafkaPort}`]
  return new Kafka({ brokers, retry: hardlyRetry, logLevel: logLevel.NOTHING })
}

export async function runKafkaRounds(options: KafkaCrashOptions): Promise<KafkaBook> {
  const book = new KafkaBook()
  const { chance } = options
  let serial = 0
  const next = () => `v${++serial}`
  const ids = Array.from({ length: options.producers }, (_, index) => `crash-${index}`)
  for (let round = 1; round <= options.rounds; round++) {
    const broker = await options.start()
    const kafka = clientOf(broker)
    if (round === 1) await createTopic(kafka)
    const work = [
      ...ids.map(() => produce(kafka, { book, next, chance })),
      ...ids.map(id => transact(kafka, id, { book, next, chance })),
      read(kafka, `reader-${round}`, book),
    ]
    const ends = Promise.allSettled(work)
    // A transaction takes a dozen answers: some must get through before the end.
    await pause(chance.between(options.killMsMax / 2, options.killMsMax))
    await broker.kill()
    // Everything fails once the broker is gone; what a client says then is no part of the book.
    await within('the clients to notice', ends)
  }
  const broker = await options.start()
  const kafka = clientOf(broker)
  // Who comes back under an id ends what was open under it.
  for (const transactionalId of ids) {
    const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    await (await producer.transaction()).abort()
    await producer.disconnect()
  }
  book.balance(await readAll(broker.kafkaPort))
  await broker.stop()
  return book
}

async function createTopic(kafka: Kafka): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] })
  await admin.disconnect()
}

interface Work {
  readonly book: KafkaBook
  readonly next: () => string
  readonly chance: Chance
}

/** Sends batches until the connection breaks. */
async function produce(kafka: Kafka, { book, next, chance }: Work): Promise<void> {
  const producer = kafka.producer({ idempotent: chance.happens(0.5), maxInFlightRequests: 1 })
  await producer.connect()
  try {
    for (;;) {
      const partition = chance.between(0, partitions - 1)
      const values = Array.from({ length: chance.between(1, 20) }, next)
      const messages = values.map(value => ({ partition, value }))
      const [answer] = await producer.send({ topic, messages, acks: -1 })
      const base = Number(answer?.baseOffset)
      for (const [index, value] of values.entries()) book.told(partition, base + index, value)
      book.counts.acknowledged += values.length
    }
  } finally {
    await endQuietly(producer)
  }
}

/** Transactions over all partitions, most of them committed, until the connection breaks. */
async function transact(kafka: Kafka, id: string, { book, next, chance }: Work): Promise<void> {
  const once = { idempotent: true, maxInFlightRequests: 1 }
  const producer = kafka.producer({ transactionalId: id, ...once })
  await producer.connect()
  try {
    for (;;) {
      const transaction = await producer.transaction()
      const values = Array.from({ length: chance.between(2, 12) }, next)
      const name = `${id} ${values[0]}`
      book.begun(name, values)
      for (const [index, value] of values.entries()) {
        const messages = [{ partition: index % partitions, value }]
        await transaction.send({ topic, messages })
      }
      const isCommitted = chance.happens(0.7)
      await (isCommitted ? transaction.commit() : transaction.abort())
      book.ended(name, isCommitted ? 'committed' : 'aborted')
    }
  } finally {
    await endQuietly(producer)
  }
}

async function endQuietly(producer: Producer): Promise<void> {
  await producer.disconnect().catch(() => {})
}

/** Reads along, and notes what it has seen: it must be there in the end. */
async function read(kafka: Kafka, groupId: string, book: KafkaBook): Promise<void> {
  const consumer = kafka.consumer({
    groupId,
    readUncommitted: true,
    maxWaitTimeInMs: 20,
    retry: { ...hardlyRetry, restartOnFailure: async () => false },
  })
  const broken = deferred<void>()
  consumer.on(consumer.events.CRASH, () => broken.resolve())
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      book.told(partition, Number(message.offset), String(message.value))
    },
  })
  await broken.promise
  await consumer.disconnect().catch(() => {})
}

/** What a place holds, and whether read_committed shows it. */
interface Held {
  readonly value: string
  readonly isShown: boolean
}

/**
 * Everything from the first to the last offset, by place. Read without a library: what is shown
 * must not depend on how well one leaves out what was aborted.
 */
async function readAll(port: number): Promise<Map<string, Held>> {
  const raw = await RawClient.connect(port)
  const found = new Map<string, Held>()
  for (let partition = 0; partition < partitions; partition++) {
    let fetchOffset = 0
    let end = 1
    while (fetchOffset < end) {
      const wanted = { partition, fetchOffset, partitionMaxBytes: 1_000_000 }
      const topics = [{ topic, partitions: [wanted] }]
      const bounds = { maxBytes: 1_000_000, isolationLevel: 1, sessionEpoch: -1 }
      const { responses } = await raw.ask(Fetch, 11, { ...bounds, topics })
      const answer = responses[0]!.partitions[0]!
      end = answer.highWatermark
      fetchOffset = noteBatches(found, partition, answer)
    }
  }
  raw.end()
  return found
}

type FetchAnswer = ResponseOf<typeof Fetch>['responses'][number]['partitions'][number]

/** Notes the records of one answer; the offset behind them. */
function noteBatches(found: Map<string, Held>, partition: number, answer: FetchAnswer): number {
  const bytes = answer.records as Uint8Array
  const batch = new BatchView()
  let left = [...(answer.abortedTransactions ?? [])]
  const aborted = new Set<number>()
  let next = -1
  for (let at = 0; at < bytes.length; at += batch.size) {
    const rest = bytes.subarray(at)
    batch.over(rest)
    next = batch.baseOffset + batch.lastOffsetDelta + 1
    for (const { producerId } of left.filter(({ firstOffset }) => firstOffset < next)) {
      aborted.add(producerId)
    }
    left = left.filter(({ firstOffset }) => firstOffset >= next)
    if (batch.isControl) {
      aborted.delete(batch.producerId)
      continue
    }
    const isShown = !(batch.isTransactional && aborted.has(batch.producerId))
    const records = decodeRecords(rest.subarray(0, batch.size), 1_000_000)!
    for (const [index, { value }] of records.entries()) {
      found.set(`${partition}:${batch.baseOffset + index}`, { value: decodeUtf8(value!), isShown })
    }
  }
  return next
}
