/** What the cases have in common. They run against any broker that speaks AMQP 0-9-1. */

import amqp, {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  type Options,
} from 'amqplib'
import type { RestartableBroker } from '../../harness/broker.ts'
import { deferred, Mailbox, within } from '../../harness/wait.ts'

export interface ConformanceCase {
  /** A sentence: what the broker does. */
  readonly name: string
  run(broker: RestartableBroker): Promise<void>
}

let lastNumber = 0

/** A name that no other case uses. */
export function unique(name: string): string {
  return `${name}-${process.pid}-${++lastNumber}`
}

/** A channel on a connection of its own, closed afterwards whatever happens. */
export async function withChannel<T>(
  url: string,
  run: (channel: ConfirmChannel, connection: ChannelModel) => Promise<T>,
): Promise<T> {
  const connection = await amqp.connect(url)
  let open = true
  connection.on('error', () => {})
  connection.on('close', () => {
    open = false
  })
  try {
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => {})
    return await run(channel, connection)
  } finally {
    if (open) await connection.close()
  }
}

/** A case that needs one channel. */
export function onChannel(
  name: string,
  run: (channel: ConfirmChannel, connection: ChannelModel, url: string) => Promise<void>,
): ConformanceCase {
  return {
    name,
    run: broker => withChannel(broker.url, (channel, link) => run(channel, link, broker.url)),
  }
}

export interface Inbox {
  readonly tag: string
  /** The next message; null when the broker cancelled the consumer. */
  take(): Promise<ConsumeMessage | null>
  /** The next message's body. */
  text(): Promise<string>
  /** How many have come that nobody took. */
  readonly size: number
}

export async function consume(
  channel: Channel,
  queue: string,
  options: Options.Consume = {},
): Promise<Inbox> {
  const mailbox = new Mailbox<ConsumeMessage | null>()
  const { consumerTag } = await channel.consume(queue, message => mailbox.put(message), options)
  const take = (): Promise<ConsumeMessage | null> => mailbox.take(`a message from ${queue}`)
  return {
    tag: consumerTag,
    take,
    text: async () => String((await take())?.content),
    get size() {
      return mailbox.size
    },
  }
}

/** All that a queue holds now, by basic.get. */
export async function getAll(channel: Channel, queue: string): Promise<string[]> {
  const texts: string[] = []
  for (;;) {
    const message = await channel.get(queue, { noAck: true })
    if (message === false) return texts
    texts.push(message.content.toString())
  }
}

/** Sends, and waits until the queue has them: without that, a count may overtake a message. */
export async function send(
  channel: ConfirmChannel,
  queue: string,
  ...texts: string[]
): Promise<void> {
  for (const text of texts) channel.sendToQueue(queue, Buffer.from(text), { persistent: true })
  await channel.waitForConfirms()
}

export interface ServerError {
  readonly code: number
  readonly message: string
}

/** How the broker closes the channel or connection after `action`. */
export async function errorOf(
  emitter: Channel | ChannelModel,
  action: () => unknown,
): Promise<ServerError> {
  const failed = deferred<ServerError>()
  emitter.on('error', (error: ServerError) => failed.resolve(error))
  // The action's own promise fails as well; what the broker said is in the event.
  await Promise.resolve(action()).catch(() => {})
  return await within('an error from the broker', failed.promise)
}
