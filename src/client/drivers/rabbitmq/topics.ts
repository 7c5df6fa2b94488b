/**
 * Topics: an exchange that sends each event to the stream that is the history, and to the queue of
 * each group. A topic's register has the names of its groups.
 */

import type {
  ConsumeOptions,
  DriverContext,
  Endpoint,
  Outgoing,
  ReadOptions,
  Stored,
} from '../../driver.ts'
import { PlanError } from '../../errors.ts'
import type { Site } from './hands.ts'
import type { Link, Settings } from './link.ts'
import type { Publication } from './messages.ts'
import { type Envelope, envelopeOf, ownHeaders } from './messages.ts'
import { logName, partitionsOf, partOf } from './names.ts'
import { Register } from './register.ts'
import { positionOf, readStream } from './stream.ts'

const copyCount = 500

export class Topics {
  readonly #link: Link
  readonly #context: DriverContext

  constructor(link: Link, context: DriverContext) {
    this.#link = link
    this.#context = context
  }

  async prepare(topic: Endpoint): Promise<void> {
    const { name, keyed } = topic
    const setup = keyed
      ? `as a topic with keys, in ${partitionsOf(topic)} partitions`
      : 'as a topic'
    const register = this.#register(name)
    const { setup: was } = await register.open(setup, async () => {
      await this.#link.ask(name, channel =>
        channel.exchangeDeclare({ exchange: name, type: 'topic', durable: true }),
      )
      await this.#makeLog(topic)
    })
    if (was !== setup) throw conflict(name, was, setup)
    // It finds another retention.
    await this.#makeLog(topic)
  }

  async #makeLog({ name, retentionMs }: Endpoint): Promise<void> {
    const queue = logName(name)
    const settings: Settings = { 'x-queue-type': 'stream' }
    if (retentionMs !== undefined) settings['x-max-age'] = `${Math.ceil(retentionMs / 1000)}s`
    await this.#link.ask(queue, async channel => {
      await channel.queueDeclare({ queue, durable: true, arguments: settings })
      await channel.queueBind({ exchange: name, queue, routingKey: '#' })
    })
  }

  envelopeOf(message: Outgoing, now: number): Envelope {
    const { to, key, id } = message
    const routingKey = to.keyed ? String(partOf(key, id, partitionsOf(to))) : ''
    return envelopeOf(message, now, { exchange: to.name, routingKey })
  }

  positionOf({ headers, messageId = '' }: Envelope): string {
    return positionOf(Number(headers?.[ownHeaders.time]), messageId)
  }

  /** `make` makes the group's queues; they are bound when they hold what the group begins with. */
  async prepareGroup(
    topic: Endpoint,
    group: NonNullable<ConsumeOptions['group']>,
    make: () => Promise<void>,
    site: Site,
  ): Promise<void> {
    const register = this.#register(topic.name)
    const isMade = async (): Promise<boolean> => (await register.read()).groups.includes(group.name)
    if (await isMade()) return make()
    await this.#link.alone(`${site.place.base}~making`, async () => {
      await make()
      if (await isMade()) return
      await this.#fill(topic, group.from, site)
      await register.update(content => ({ ...content, groups: [...content.groups, group.name] }))
    })
  }

  /**
   * What was published while the last copies were made may come twice, which is better than never.
   */
  async #fill(topic: Endpoint, from: ReadOptions['from'], site: Site): Promise<void> {
    const { queues } = site.place
    for (const queue of queues) {
      await this.#link.ask(queue, channel => channel.queuePurge({ queue }))
    }
    const last = from === 'latest' ? undefined : await this.#copy(topic, from, site, undefined)
    for (const [part, queue] of queues.entries()) {
      const routingKey = queues.length === 1 && !topic.keyed ? '#' : String(part)
      await this.#link.ask(queue, channel =>
        channel.queueBind({ exchange: topic.name, queue, routingKey }),
      )
    }
    if (from === 'latest') return
    const rest = last === undefined ? from : { position: last }
    await this.#copy(topic, rest, site, last)
  }

  /** The events from there to the end, but for the one at `known`. Returns the last one's place. */
  async #copy(
    topic: Endpoint,
    from: ReadOptions['from'],
    { place }: Site,
    known: string | undefined,
  ): Promise<string | undefined> {
    let last: string | undefined
    let batch: Publication[] = []
    const flush = async (): Promise<void> => {
      for (const failure of await this.#link.publish(batch)) {
        if (failure !== undefined) throw failure
      }
      batch = []
    }
    for await (const event of this.read(topic, { from, to: 'latest', signal: undefined })) {
      last = event.position
      if (event.position === known) continue
      const { id, headers, key, time, body } = event
      const { queues } = place
      const routingKey = queues[partOf(key, id, queues.length)]!
      const envelope = envelopeOf({ id, headers }, time, {
        exchange: '',
        routingKey,
        mandatory: true,
      })
      batch.push({ envelope, body })
      if (batch.length === copyCount) await flush()
    }
    await flush()
    return last
  }

  read({ name }: Endpoint, options: ReadOptions): AsyncGenerator<Stored, void, undefined> {
    const { clock, random } = this.#context
    const mark = `${clock.now()}-${random.uint32()}-${random.uint32()}`
    return readStream(this.#link, logName(name), { ...options, now: clock.now(), mark })
  }

  /** The stream itself is not asked: it would have to be read. */
  async count({ name }: Endpoint): Promise<number> {
    return (await this.#link.find(logName(name)))?.messageCount ?? 0
  }

  /** A stream is emptied by making it again. Groups keep what they have. */
  async purge(topic: Endpoint): Promise<undefined> {
    const queue = logName(topic.name)
    await this.#link.ask(queue, channel => channel.queueDelete({ queue }))
    await this.#makeLog(topic)
  }

  /** The groups that it had, whose queues are the caller's to delete. */
  async drop({ name }: Endpoint): Promise<readonly string[]> {
    const register = this.#register(name)
    const { groups } = await register.read()
    await this.#link.ask(name, async channel => {
      await channel.exchangeDelete({ exchange: name })
      await channel.queueDelete({ queue: logName(name) })
      await channel.queueDelete({ queue: register.queue })
    })
    return groups
  }

  #register(name: string): Register {
    return new Register(this.#link, this.#context, name)
  }
}

function conflict(name: string, was: string, now: string): PlanError {
  return new PlanError({
    code: 'SPILLWAY_P_CONFLICT',
    backend: 'rabbitmq',
    why: `${name} was made ${was}; it cannot be used ${now}.`,
    alternatives: ['another name', 'move the messages to a new queue'],
  })
}
