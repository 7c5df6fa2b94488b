/**
 * The same for clients of SQS: rounds of sends, receives, deletes and changed visibility on a
 * standard and on a FIFO queue, each ended by a kill. Every answer counts: a message whose send was
 * answered is confirmed, one whose delete was answered is settled. What a FIFO queue promises
 * besides is checked as well: a group's messages come in order, and a batch that was sent again
 * after the kill, with the same deduplication ids, is there once.
 */

import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import type { SpillwayBroker } from '../harness/broker.ts'
import type { Chance } from '../harness/chance.ts'
import { decodeBody, encodeBody, Ledger, type MessageId } from '../harness/ledger.ts'
import { pause } from '../harness/wait.ts'

export interface SqsCrashOptions {
  readonly rounds: number
  readonly chance: Chance
  /** Starts the broker under test, always on the same data. */
  readonly start: () => Promise<SpillwayBroker>
  /** Of each queue; those of the FIFO queue have a group each. */
  readonly producers: number
  readonly killMsMax: number
  readonly onRound?: (round: number, ledger: Ledger) => void
}

const queues = [
  { name: 'crash', fifo: false },
  { name: 'crash.fifo', fifo: true },
] as const
type Queue = (typeof queues)[number]

const consumersOfEach = 2
const batch = 10
/** A kill leaves messages in flight, which the next round must not wait for long. */
const visibilitySeconds = '1'

interface Producer {
  readonly number: number
  readonly queue: Queue
  next: number
  /** Of a FIFO queue: sent, and not answered when the power went; sent again. */
  open: readonly MessageId[]
}

/** What is known of one run, besides the ledger. */
interface Book {
  readonly ledger: Ledger
  /** The message id under which each body was seen. */
  readonly ids: Map<string, string>
  /** Of each group: confirmed or seen, and no delete has been asked for. */
  readonly undeleted: Map<number, Set<number>>
}

/** The books, and how many messages were left at the end. */
export async function runSqsRounds(
  options: SqsCrashOptions,
): Promise<{ readonly ledger: Ledger; readonly drained: number }> {
  const book: Book = { ledger: new Ledger(), ids: new Map(), undeleted: new Map() }
  const { ledger } = book
  const { chance } = options
  const producers = queues.flatMap((queue, index) =>
    Array.from({ length: options.producers }, (_, number): Producer => {
      return { number: index * options.producers + number, queue, next: 0, open: [] }
    }),
  )
  for (let round = 1; round <= options.rounds; round++) {
    const broker = await options.start()
    if (round === 1) await createQueues(broker)
    const client = clientOf(broker)
    // The SDK's first request takes longer than some rounds.
    await left(client, broker, queues[0])
    const work = Promise.allSettled([
      ...producers.map(producer => produce(client, broker, producer, book)),
      ...queues.flatMap(queue =>
        Array.from({ length: consumersOfEach }, () => {
          return consume(client, broker, queue, { book, chance })
        }),
      ),
    ])
    await pause(chance.between(20, options.killMsMax))
    await broker.kill()
    client.destroy()
    await work
    options.onRound?.(round, ledger)
  }
  const drained = await drain(await options.start(), book)
  await checkNothingReturned(await options.start(), book)
  ledger.balance()
  return { ledger, drained }
}

function clientOf(broker: SpillwayBroker): SQSClient {
  return new SQSClient({
    endpoint: `http://${broker.host}:${broker.sqsPort}`,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  })
}

function urlOf(broker: SpillwayBroker, { name }: Queue): string {
  return `http://${broker.host}:${broker.sqsPort}/000000000000/${name}`
}

async function createQueues(broker: SpillwayBroker): Promise<void> {
  const client = clientOf(broker)
  for (const { name: QueueName, fifo } of queues) {
    const Attributes = {
      VisibilityTimeout: visibilitySeconds,
      ...(fifo ? { FifoQueue: 'true' } : {}),
    }
    await client.send(new CreateQueueCommand({ QueueName, Attributes }))
  }
  client.destroy()
}

/** Sends batches until the connection breaks. */
async function produce(
  client: SQSClient,
  broker: SpillwayBroker,
  producer: Producer,
  { ledger, undeleted }: Book,
): Promise<void> {
  const { queue, number: publisher } = producer
  while (true) {
    let ids = producer.open
    if (ids.length === 0) {
      ids = Array.from({ length: batch }, () => ({ publisher, sequence: producer.next++ }))
      for (const id of ids) ledger.published(id)
    }
    if (queue.fifo) producer.open = ids
    try {
      await client.send(new SendMessageBatchCommand(batchOf(urlOf(broker, queue), queue, ids)))
    } catch {
      return
    }
    producer.open = []
    for (const id of ids) ledger.confirmed(id)
    if (!queue.fifo) continue
    // Those that were deleted before this answer came have been noted by who received them.
    for (const { sequence } of ids) note(undeleted, { publisher, sequence })
  }
}

function batchOf(QueueUrl: string, { fifo }: Queue, ids: readonly MessageId[]) {
  const Entries = ids.map((id, index) => ({
    Id: `m${index}`,
    MessageBody: encodeBody(id).toString('base64'),
    ...(fifo
      ? {
          MessageGroupId: `g${id.publisher}`,
          MessageDeduplicationId: `d${id.sequence}-${id.publisher}`,
        }
      : {}),
  }))
  return { QueueUrl, Entries }
}

const gone = -1

/** A sequence enters the set once; -1 - sequence says that its delete was asked for. */
function note(undeleted: Book['undeleted'], { publisher, sequence }: MessageId): void {
  const group = undeleted.get(publisher) ?? new Set()
  undeleted.set(publisher, group)
  if (!group.has(gone - sequence)) group.add(sequence)
}

interface Received {
  readonly id: MessageId
  readonly message: Message
}

/** Receives and deletes until the connection breaks; some are shown again instead. */
async function consume(
  client: SQSClient,
  broker: SpillwayBroker,
  queue: Queue,
  { book, chance }: { readonly book: Book; readonly chance: Chance },
): Promise<void> {
  try {
    while (true) {
      const received = await receive(client, broker, queue, book)
      if (received.length === 0 || chance.happens(0.05)) continue
      if (chance.happens(0.1)) {
        const { ReceiptHandle } = received[0]!.message
        const input = { QueueUrl: urlOf(broker, queue), ReceiptHandle, VisibilityTimeout: 0 }
        await client.send(new ChangeMessageVisibilityCommand(input))
        continue
      }
      await remove(client, broker, queue, { received, book })
    }
  } catch {
    // The kill has broken the connection, or a handle had expired on a busy machine.
  }
}

async function receive(
  client: SQSClient,
  broker: SpillwayBroker,
  queue: Queue,
  book: Book,
): Promise<Received[]> {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: urlOf(broker, queue),
      MaxNumberOfMessages: batch,
      WaitTimeSeconds: 2,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    }),
  )
  const received: Received[] = []
  for (const message of Messages) {
    const id = decodeBody(Buffer.from(message.Body!, 'base64'))
    if (id === undefined) {
      book.ledger.breach('damaged', { publisher: -1, sequence: -1 }, queue.name)
      continue
    }
    book.ledger.delivered('queue', id, message.Attributes?.ApproximateReceiveCount !== '1')
    if (queue.fifo) check(book, id, message, received)
    received.push({ id, message })
  }
  return received
}

/** What a FIFO queue promises: once, and nothing before it in its group is still there. */
function check(
  { ledger, ids, undeleted }: Book,
  id: MessageId,
  { MessageId: messageId }: Message,
  before: readonly Received[],
): void {
  const key = `${id.publisher}/${id.sequence}`
  const known = ids.get(key) ?? messageId!
  ids.set(key, known)
  if (known !== messageId) ledger.breach('damaged', id, 'was stored twice')
  note(undeleted, id)
  const inHand = new Set(
    before.filter(other => other.id.publisher === id.publisher).map(other => other.id.sequence),
  )
  for (const sequence of undeleted.get(id.publisher) ?? []) {
    if (sequence < 0 || sequence >= id.sequence || inHand.has(sequence)) continue
    ledger.breach('out of order', id, `came before ${sequence} of its group`)
    return
  }
}

async function remove(
  client: SQSClient,
  broker: SpillwayBroker,
  queue: Queue,
  { received, book }: { readonly received: readonly Received[]; readonly book: Book },
): Promise<void> {
  const { ledger, undeleted } = book
  for (const { id } of received) {
    ledger.acked('queue', id)
    const group = undeleted.get(id.publisher)
    if (group?.delete(id.sequence)) group.add(gone - id.sequence)
  }
  const Entries = received.map(({ message }, index) => ({
    Id: String(index),
    ReceiptHandle: message.ReceiptHandle!,
  }))
  const { Successful = [] } = await client.send(
    new DeleteMessageBatchCommand({ QueueUrl: urlOf(broker, queue), Entries }),
  )
  const settled = Successful.map(({ Id }) => received[Number(Id)]!.id)
  // A handle of a standard queue may be older than another receive: then nothing is deleted, and
  // the answer is the same. Only a FIFO queue says so.
  if (queue.fifo) ledger.settled('queue', settled)
}

/** What is left is received and deleted; then the power is pulled once more. */
async function drain(broker: SpillwayBroker, book: Book): Promise<number> {
  const client = clientOf(broker)
  let drained = 0
  for (const queue of queues) {
    while ((await left(client, broker, queue)) > 0) {
      const received = await receive(client, broker, queue, book)
      if (received.length > 0) await remove(client, broker, queue, { received, book })
      drained += received.length
    }
  }
  await broker.kill()
  client.destroy()
  return drained
}

async function left(client: SQSClient, broker: SpillwayBroker, queue: Queue): Promise<number> {
  const input = { QueueUrl: urlOf(broker, queue), AttributeNames: ['All' as const] }
  const { Attributes = {} } = await client.send(new GetQueueAttributesCommand(input))
  return (
    Number(Attributes.ApproximateNumberOfMessages) +
    Number(Attributes.ApproximateNumberOfMessagesNotVisible)
  )
}

async function checkNothingReturned(broker: SpillwayBroker, book: Book): Promise<void> {
  const client = clientOf(broker)
  for (const queue of queues) {
    if ((await left(client, broker, queue)) === 0) continue
    for (const { id } of await receive(client, broker, queue, book)) {
      book.ledger.breach('settled and redelivered', id, `came back to ${queue.name}`)
    }
  }
  client.destroy()
  await broker.stop()
}
