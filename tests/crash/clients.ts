/**
 * The load of a crash test: amqplib programs that keep books. A broken connection ends them
 * quietly.
 */

import amqp, { type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib'
import type { Chance } from '../harness/chance.ts'
import { cut } from '../harness/cut.ts'
import {
  decodeBody,
  encodeBody,
  type Ledger,
  type MessageId,
  OrderKeeper,
  type Place,
} from '../harness/ledger.ts'

export const queues = ['crash-0', 'crash-1', 'crash-2'] as const
export const deadQueue = 'crash-dead'

export async function declareTopology(url: string): Promise<void> {
  const connection = await amqp.connect(url)
  const channel = await connection.createChannel()
  await channel.assertQueue(deadQueue, { durable: true })
  for (const queue of queues) {
    const dead = { deadLetterExchange: '', deadLetterRoutingKey: deadQueue }
    await channel.assertQueue(queue, { durable: true, ...dead })
  }
  await connection.close()
}

/** Something that runs until its connection ends. */
export interface Client {
  /** Ends the connection without a goodbye. */
  cut(): void
}

async function connectQuietly(url: string): Promise<ChannelModel> {
  const connection = await amqp.connect(url)
  connection.on('error', () => {})
  return connection
}

/** A publisher lives through all rounds; only its connection ends with each. */
export interface Publisher {
  readonly number: number
  next: number
}

const unconfirmedMax = 200

export async function startPublisher(
  url: string,
  publisher: Publisher,
  ledger: Ledger,
): Promise<Client> {
  const connection = await connectQuietly(url)
  const channel = await connection.createConfirmChannel()
  channel.on('error', () => {})
  // A broken channel fails the callbacks too; only a nack is a refusal.
  channel.on('nack', () => ledger.refused())
  let open = true
  let unconfirmed = 0
  connection.on('close', () => {
    open = false
  })
  const pump = (): void => {
    while (open && unconfirmed < unconfirmedMax) publishOne()
  }
  const publishOne = (): void => {
    const id = { publisher: publisher.number, sequence: publisher.next++ }
    ledger.published(id)
    unconfirmed++
    const queue = queues[id.sequence % queues.length]!
    channel.publish('', queue, encodeBody(id), { persistent: true }, error => {
      if (!open) return
      unconfirmed--
      if (!error) ledger.confirmed(id)
      // Not from within the confirms of one frame, which would never let the consumers run.
      setImmediate(pump)
    })
  }
  pump()
  return { cut: () => void cut(connection) }
}

export interface ConsumerOptions {
  readonly queue: string
  readonly place: Place
  readonly prefetch: number
  /** One ack for so many deliveries. */
  readonly ackEvery: number
  /** How often a message is rejected for good, and how often it is given back. */
  readonly rejected: number
  readonly returned: number
}

export async function startConsumer(
  url: string,
  options: ConsumerOptions,
  { ledger, chance }: { ledger: Ledger; chance: Chance },
): Promise<Client> {
  const connection = await connectQuietly(url)
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  await channel.prefetch(options.prefetch)
  const consumer = new Consumer(channel, options, { ledger, chance })
  await channel.consume(options.queue, message => {
    if (message !== null) consumer.take(message)
  })
  return { cut: () => void cut(connection) }
}

const settleEvery = 25

class Consumer {
  readonly #channel: Channel
  readonly #options: ConsumerOptions
  readonly #ledger: Ledger
  readonly #chance: Chance
  readonly #order: OrderKeeper
  /** Delivered, and neither acknowledged nor rejected yet. */
  readonly #held: { readonly id: MessageId; readonly message: ConsumeMessage }[] = []
  /** Acknowledged or rejected, with no reply after that yet. */
  #unsettled: MessageId[] = []
  #asking = false

  constructor(
    channel: Channel,
    options: ConsumerOptions,
    { ledger, chance }: { ledger: Ledger; chance: Chance },
  ) {
    this.#channel = channel
    this.#options = options
    this.#ledger = ledger
    this.#chance = chance
    this.#order = new OrderKeeper(ledger)
  }

  take(message: ConsumeMessage): void {
    const { place, ackEvery, rejected, returned } = this.#options
    const id = decodeBody(message.content)
    if (id === undefined) {
      this.#ledger.breach('damaged', { publisher: -1, sequence: -1 }, `in the ${place}`)
      this.#channel.ack(message)
      return
    }
    this.#ledger.delivered(place, id, message.fields.redelivered)
    if (place === 'queue' && !message.fields.redelivered) this.#order.see(id)
    if (this.#chance.happens(rejected)) this.#reject(id, message)
    else if (this.#chance.happens(returned)) this.#channel.nack(message, false, true)
    else this.#held.push({ id, message })
    if (this.#held.length >= ackEvery) this.#ackHeld()
    if (this.#unsettled.length >= settleEvery) this.#settle()
  }

  #reject(id: MessageId, message: ConsumeMessage): void {
    this.#channel.reject(message, false)
    this.#ledger.rejected(id)
    this.#unsettled.push(id)
  }

  #ackHeld(): void {
    const last = this.#held[this.#held.length - 1]
    if (last === undefined) return
    this.#channel.ack(last.message, true)
    for (const { id } of this.#held.splice(0)) {
      this.#ledger.acked(this.#options.place, id)
      this.#unsettled.push(id)
    }
  }

  /** The reply to a passive declare settles what was acknowledged before it was sent. */
  #settle(): void {
    if (this.#asking) return
    this.#asking = true
    const ids = this.#unsettled
    this.#unsettled = []
    this.#channel.checkQueue(this.#options.queue).then(
      () => {
        this.#asking = false
        this.#ledger.settled(this.#options.place, ids)
      },
      () => {},
    )
  }
}
