/**
 * RabbitMQ behind `amqp://` and `amqps://`: any version from 3.10 on, and everything else that
 * speaks AMQP 0-9-1 as it does. It needs what the broker itself has: no plugin, no management API.
 */

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
} from '../../driver.ts'
import { ClientError, PlanError } from '../../errors.ts'
import type { Caution, Feature, Support } from '../../features.ts'
import { RabbitConsumer } from './consumer.ts'
import type { RabbitDelivery } from './delivery.ts'
import type { Site } from './hands.ts'
import { Link, type Settings } from './link.ts'
import { listQueues, type Management, managementOf } from './listing.ts'
import type { Publication } from './messages.ts'
import { envelopeOf, ownHeaders, type Way } from './messages.ts'
import { type Place, partitionsMax, partitionsOf, partOf, placeOf } from './names.ts'
import { Register } from './register.ts'
import { cautionsOf, supportOf } from './support.ts'
import { peekAt, takeFrom } from './taking.ts'
import { Topics } from './topics.ts'
import { Waits } from './waits.ts'

/** A message that comes back so often has long been a dead letter of the client's. */
const deliveryLimit = 1_000_000

export const openDriver: OpenDriver = async (url, context) => {
  const { broker, at } = managementOf(url)
  const link = await Link.connect(broker, context)
  return new RabbitDriver(link, context, at)
}

class RabbitDriver implements Driver {
  readonly backend = 'rabbitmq'
  readonly distance = 'far'
  readonly #link: Link
  readonly #context: DriverContext
  readonly #management: Management
  readonly #topics: Topics
  readonly #sites = new Map<string, Site>()
  readonly #consumers = new Set<RabbitConsumer>()

  constructor(link: Link, context: DriverContext, management: Management) {
    this.#link = link
    this.#context = context
    this.#management = management
    this.#topics = new Topics(link, context)
  }

  support(feature: Feature, endpoint: Endpoint): Support {
    return supportOf(feature, endpoint)
  }

  cautions(
    endpoint: Endpoint,
    use: { readonly concurrency: number; readonly timeoutMs: number },
  ): Promise<readonly Caution[]> {
    return Promise.resolve(cautionsOf(endpoint, use))
  }

  async prepare(endpoint: Endpoint): Promise<void> {
    checkOptions(endpoint)
    if (endpoint.role === 'replies') await this.#declareReplies(endpoint)
    else if (endpoint.kind === 'topic') await this.#topics.prepare(endpoint)
    else await this.#preparePlace(endpoint, this.#site(endpoint))
  }

  /** A queue of this connection alone, which is gone with it. */
  async #declareReplies({ name }: Endpoint): Promise<void> {
    await this.#link.ask(name, channel => channel.queueDeclare({ queue: name, exclusive: true }))
  }

  async #preparePlace(endpoint: Endpoint, { place, register }: Site): Promise<void> {
    const make = () => this.#makeQueues(endpoint, place)
    if (endpoint.role === 'dead') {
      await this.#link.alone(`${place.base}~making`, make)
      return
    }
    const setup = setupOf(endpoint)
    const { setup: was } = await register.open(setup, make)
    if (was !== '' && was !== setup) throw conflict(endpoint.name, was, setup)
    // What is there is declared again: it finds what was made otherwise, or deleted.
    await make()
  }

  async #makeQueues(endpoint: Endpoint, place: Place): Promise<void> {
    const settings = settingsOf(endpoint, place)
    for (const queue of place.queues) {
      await this.#link.ask(queue, channel =>
        channel.queueDeclare({ queue, durable: true, arguments: settings }),
      )
    }
  }

  #site(endpoint: Endpoint, group?: string): Site {
    const place = placeOf(endpoint, group)
    const known = this.#sites.get(place.base)
    if (known !== undefined) return known
    const { base } = place
    const register = new Register(this.#link, this.#context, base)
    const waits = new Waits(this.#link, this.#context, register)
    const site: Site = {
      link: this.#link,
      context: this.#context,
      place,
      register,
      waits,
      held: new Set<RabbitDelivery>(),
      publicationOf: message => this.#publicationOf(message),
    }
    this.#sites.set(base, site)
    return site
  }

  async send(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    const publications: Publication[] = []
    for (const message of messages) {
      const plain = this.#plainPublication(message)
      publications.push(plain ?? (await this.#publicationOf(message)))
    }
    const failures = await this.#link.publish(publications)
    return failures.map((error, index) => {
      if (error !== undefined) return { ok: false, error }
      return {
        ok: true,
        duplicate: false,
        position: this.#positionOf(messages[index]!, publications[index]!),
      }
    })
  }

  post(message: Outgoing, done: (result: SendResult) => void): boolean {
    const publication = this.#plainPublication(message)
    if (publication === undefined) return false
    this.#link.post(publication, error => {
      if (error !== undefined) done({ ok: false, error })
      else done({ ok: true, duplicate: false, position: this.#positionOf(message, publication) })
    })
    return true
  }

  #positionOf({ to, group }: Outgoing, { envelope }: Publication): string | undefined {
    if (to.kind !== 'topic' || group !== undefined) return undefined
    return this.#topics.positionOf(envelope)
  }

  /** Undefined: it waits first, in a queue that may have to be made. */
  #plainPublication(message: Outgoing): Publication | undefined {
    if (message.delayMs > 0) return undefined
    const { to, key, id, body, group } = message
    const now = this.#context.clock.now()
    if (to.kind === 'topic' && group === undefined) {
      return { envelope: this.#topics.envelopeOf(message, now), body }
    }
    const ttlMs = message.ttlMs ?? to.ttlMs
    const { queues } = group === undefined ? queuesOf(to) : placeOf(to, group)
    const routingKey = queues.length === 1 ? queues[0]! : queues[partOf(key, id, queues.length)]!
    const way = {
      exchange: '',
      routingKey,
      mandatory: true,
      priority: to.levels > 1 ? message.priority : undefined,
      expiration: ttlMs === undefined ? undefined : String(Math.ceil(ttlMs)),
    } as Way
    return { envelope: envelopeOf(message, now, way), body }
  }

  async #publicationOf(message: Outgoing): Promise<Publication> {
    const { delayMs, to, ttlMs = to.ttlMs } = message
    const plain = this.#plainPublication({ ...message, delayMs: 0 })!
    if (delayMs <= 0) return plain
    const queue = plain.envelope.routingKey!
    const routingKey = await this.#site(to, message.group).waits.to(queue, delayMs)
    const { expiration: _, ...envelope } = plain.envelope
    if (ttlMs === undefined) return { ...plain, envelope: { ...envelope, routingKey } }
    const expires = this.#context.clock.now() + delayMs + ttlMs
    const headers = { ...envelope.headers, [ownHeaders.expires]: expires }
    return { ...plain, envelope: { ...envelope, routingKey, headers } }
  }

  async consume(endpoint: Endpoint, options: ConsumeOptions, sink: Sink): Promise<Consumer> {
    const { group, credit } = options
    const site = this.#site(endpoint, group?.name)
    if (group !== undefined) {
      await this.#topics.prepareGroup(
        endpoint,
        group,
        () => this.#preparePlace(endpoint, site),
        site,
      )
    }
    const prepare =
      endpoint.role === 'replies' ? () => this.#declareReplies(endpoint) : () => Promise.resolve()
    const consumer: RabbitConsumer = new RabbitConsumer(site, sink, {
      credit,
      left: () => this.#consumers.delete(consumer),
      prepare,
    })
    this.#consumers.add(consumer)
    try {
      await consumer.begin()
    } catch (error) {
      this.#consumers.delete(consumer)
      throw error
    }
    return consumer
  }

  take(endpoint: Endpoint, options: { readonly countMax: number }): Promise<readonly Delivery[]> {
    return takeFrom(this.#site(endpoint), options.countMax)
  }

  peek(endpoint: Endpoint, options: { readonly countMax: number }): Promise<readonly Stored[]> {
    const isCounted = endpoint.role === 'main'
    return peekAt(this.#site(endpoint), options.countMax, isCounted)
  }

  read(topic: Endpoint, options: ReadOptions): AsyncIterable<Stored> {
    return this.#topics.read(topic, options)
  }

  commit(): Promise<readonly SendResult[]> {
    const why = 'rabbitmq has no transactions across queues.'
    return Promise.reject(new ClientError({ code: 'SPILLWAY_U_TXN', backend: 'rabbitmq', why }))
  }

  remove(): Promise<boolean> {
    const why = 'rabbitmq cannot delete one message.'
    return Promise.reject(new ClientError({ code: 'SPILLWAY_U_REMOVE', backend: 'rabbitmq', why }))
  }

  async depth(endpoint: Endpoint, group?: string): Promise<Depth> {
    if (endpoint.kind === 'topic' && group === undefined) {
      return { ready: await this.#topics.count(endpoint), leased: 0, delayed: 0, approximate: true }
    }
    const site = this.#site(endpoint, group)
    const { place, register, held } = site
    const before = held.size
    const { waits } = endpoint.role === 'main' ? await register.read() : { waits: [] }
    const delayed = await site.waits.count(waits)
    let ready = 0
    for (const queue of place.queues) {
      const found = await this.#link.find(queue)
      if (found === undefined) throw missing(queue)
      ready += found.messageCount
    }
    // What the broker had sent before it answered has arrived one turn later.
    await new Promise<void>(resolve => this.#context.clock.soon(resolve))
    const parked = [...this.#consumers].reduce((sum, one) => sum + one.parkedAt(place.base), 0)
    const leased = Math.max(before, held.size) - parked
    return { ready, leased: Math.max(0, leased), delayed: delayed + parked, approximate: true }
  }

  list(): Promise<Listing> {
    const known = [...this.#sites.values()].flatMap(({ place }) => place.queues)
    return listQueues(this.#management, this.#context, known)
  }

  async purge(endpoint: Endpoint): Promise<number | undefined> {
    if (endpoint.kind === 'topic') return this.#topics.purge(endpoint)
    let count = 0
    for (const queue of placeOf(endpoint).queues) {
      const purged = await this.#link.ask(queue, channel => channel.queuePurge({ queue }))
      count += purged.messageCount
    }
    return count
  }

  async drop(endpoint: Endpoint): Promise<void> {
    if (endpoint.kind === 'topic') {
      const groups = await this.#topics.drop(endpoint)
      for (const group of groups) await this.#dropPlace(this.#site(endpoint, group))
      return
    }
    await this.#dropPlace(this.#site(endpoint))
  }

  async #dropPlace({ place, register, waits }: Site): Promise<void> {
    const content = await register.read()
    await waits.drop(content.waits)
    for (const queue of [...place.queues, register.queue]) {
      await this.#link.ask(queue, channel => channel.queueDelete({ queue }))
    }
    this.#sites.delete(place.base)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map(consumer => consumer.close()))
    await this.#link.close()
  }
}

function queuesOf(endpoint: Endpoint): Pick<Place, 'queues'> {
  return endpoint.keyed ? placeOf(endpoint) : { queues: [endpoint.name] }
}

function settingsOf(endpoint: Endpoint, place: Place): Settings {
  if (!place.isQuorum) {
    return { 'x-queue-type': 'classic', 'x-max-priority': endpoint.levels - 1 }
  }
  const settings: Settings = { 'x-queue-type': 'quorum', 'x-delivery-limit': deliveryLimit }
  return place.isKeyed ? { ...settings, 'x-single-active-consumer': true } : settings
}

function setupOf(endpoint: Endpoint): string {
  if (endpoint.keyed) return `with keys, in ${partitionsOf(endpoint)} partitions`
  return endpoint.levels > 1 ? `with ${endpoint.levels} priorities` : 'without keys'
}

function checkOptions({ name, options }: Endpoint): void {
  const { partitions, ...unknown } = options.rabbitmq ?? {}
  const [odd] = Object.keys(unknown)
  const isCount =
    partitions === undefined ||
    (Number.isInteger(partitions) &&
      (partitions as number) >= 1 &&
      (partitions as number) <= partitionsMax)
  if (odd === undefined && isCount) return
  const why =
    odd === undefined
      ? `${name}: options.rabbitmq.partitions is a whole number from 1 to ${partitionsMax}.`
      : `${name}: there is no options.rabbitmq.${odd}.`
  throw new PlanError({ code: 'SPILLWAY_P_OPTION', backend: 'rabbitmq', why })
}

function conflict(name: string, was: string, now: string): PlanError {
  return new PlanError({
    code: 'SPILLWAY_P_CONFLICT',
    backend: 'rabbitmq',
    why: `${name} was made ${was}; it cannot become a queue ${now}.`,
    alternatives: ['another name', 'move the messages to a new queue'],
  })
}

function missing(queue: string): ClientError {
  const why = `there is no queue ${queue}.`
  return new ClientError({ code: 'SPILLWAY_E_NOT_FOUND', backend: 'rabbitmq', why })
}
