/**
 * The driver for Amazon SQS and for servers that speak its protocol, over `@aws-sdk/client-sqs`.
 * A contract with a key, or with a window of five minutes, is a FIFO queue; others are standard
 * queues. What it does not do: topics, which need SNS.
 */

import { PurgeQueueCommand } from '@aws-sdk/client-sqs'
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
import type { ClientError } from '../../errors.ts'
import { type Caution, type Feature, refusal, type Support } from '../../features.ts'
import { type Address, openClient, parseUrl } from './address.ts'
import { entriesMax } from './batches.ts'
import { SqsConsumer } from './consumer.ts'
import { type Origin, SqsDelivery } from './delivery.ts'
import { Door } from './door.ts'
import { backend, errorOf } from './errors.ts'
import { listQueues } from './listing.ts'
import { queueName } from './names.ts'
import { type Place, Queues } from './queues.ts'
import { mayPass, Requests } from './requests.ts'
import { cautionsOf, supportOf } from './support.ts'

/** A look at dead letters hides them for so long, unless it ends before. */
const peekLeaseMs = 30_000
/** Long polls ask every server of a queue; short ones are for what comes after a first answer. */
const lookSeconds = 1
/** Short polls that must come back empty before a queue counts as empty. */
const emptyPolls = 2
const doorsMax = 1000
/** AWS asks for a second; `Requests.pause` takes half of this at least. */
const awsCreatePauseMs = 2000

export const openDriver: OpenDriver = async (url, context) => {
  const address = parseUrl(url)
  const requests = new Requests(await openClient(address), context)
  return new SqsDriver(requests, context, address)
}

class SqsDriver implements Driver {
  readonly backend = backend
  readonly distance = 'far'
  readonly #requests: Requests
  readonly #context: DriverContext
  readonly #waitSeconds: number
  readonly #queues: Queues
  readonly #doors = new Map<string, Door>()
  readonly #consumers = new Set<SqsConsumer>()

  constructor(requests: Requests, context: DriverContext, address: Address) {
    this.#requests = requests
    this.#context = context
    this.#waitSeconds = address.waitSeconds
    const isAws = address.endpoint === undefined
    this.#queues = new Queues(requests, isAws ? awsCreatePauseMs : 0)
  }

  support(feature: Feature, endpoint: Endpoint): Support {
    return supportOf(feature, endpoint)
  }

  async cautions(
    endpoint: Endpoint,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<readonly Caution[]> {
    if (endpoint.kind === 'topic') return []
    return cautionsOf(endpoint, timeoutMs, await this.#attributesOf(endpoint))
  }

  async #attributesOf(endpoint: Endpoint): Promise<Partial<Record<string, string>> | undefined> {
    try {
      const place = await this.#queues.find(endpoint)
      return await this.#queues.attributes(place, ['MessageRetentionPeriod', 'RedrivePolicy'])
    } catch (error) {
      if ((error as ClientError).code === 'SPILLWAY_E_NOT_FOUND') return undefined
      throw error
    }
  }

  async prepare(endpoint: Endpoint): Promise<void> {
    this.#refuseTopic(endpoint)
    await this.#queues.prepare(endpoint)
  }

  send(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    return Promise.all(messages.map(message => this.#send1(message)))
  }

  async #send1(message: Outgoing): Promise<SendResult> {
    try {
      this.#refuseTopic(message.to)
      const known = this.#doors.get(queueName(message.to))
      const door = known ?? (await this.#doorOf(message.to))
      return await door.send(message)
    } catch (error) {
      return { ok: false, error: error as Error }
    }
  }

  async consume(endpoint: Endpoint, options: ConsumeOptions, sink: Sink): Promise<Consumer> {
    this.#refuseTopic(endpoint)
    const door = await this.#doorOf(endpoint)
    const { leaseMs, concurrency } = options
    const { isFifo } = door.place
    // A FIFO queue fills an answer with one group, as far as it goes: a busy key would have all the
    // credit. One at a time are of different groups, and nothing is fetched to wait behind another.
    const credit = isFifo ? Math.min(options.credit, concurrency) : options.credit
    const consumer: SqsConsumer = new SqsConsumer({
      origin: this.#originOf(door, endpoint),
      credit,
      countMax: isFifo ? 1 : entriesMax,
      leaseMs,
      waitSeconds: this.#waitSeconds,
      sink,
      left: () => this.#consumers.delete(consumer),
    })
    this.#consumers.add(consumer)
    return consumer
  }

  async take(
    endpoint: Endpoint,
    options: { readonly countMax: number; readonly leaseMs: number },
  ): Promise<readonly Delivery[]> {
    this.#refuseTopic(endpoint)
    const origin = this.#originOf(await this.#doorOf(endpoint), endpoint)
    return this.#receive(origin, options)
  }

  /** The oldest first, as far as SQS tells. Who dies while looking leaves them hidden a while. */
  async peek(
    endpoint: Endpoint,
    { countMax }: { readonly countMax: number },
  ): Promise<readonly Stored[]> {
    this.#require('peek', endpoint)
    const origin = this.#originOf(await this.#doorOf(endpoint), endpoint)
    const seen = await this.#receive(origin, { countMax, leaseMs: peekLeaseMs })
    const stored = seen.map(({ id, position, time, key, body, headers }) => {
      return { id, position, time, key, body, headers }
    })
    await Promise.all([...seen].reverse().map(one => one.settle({ kind: 'release' })))
    return stored.sort((a, b) => a.time - b.time)
  }

  /** Until there is nothing more, or the lease of the first is half over. */
  async #receive(
    origin: Origin,
    { countMax, leaseMs }: { readonly countMax: number; readonly leaseMs: number },
  ): Promise<SqsDelivery[]> {
    const { clock } = this.#context
    const end = clock.monotonic() + leaseMs / 2
    const received: SqsDelivery[] = []
    let empty = 0
    let waitSeconds = Math.min(lookSeconds, this.#waitSeconds)
    while (received.length < countMax && empty < emptyPolls && clock.monotonic() < end) {
      const count = Math.min(entriesMax, countMax - received.length)
      const messages = await this.#receiveOnce(origin, { countMax: count, leaseMs, waitSeconds })
      if (messages.length === 0) {
        if (waitSeconds > 0) break
        empty++
        continue
      }
      empty = 0
      waitSeconds = 0
      for (const message of messages) {
        const delivery = new SqsDelivery(origin, message, leaseMs)
        if (delivery.due !== undefined && delivery.due > clock.now())
          await delivery.hop(clock.now())
        else received.push(delivery)
      }
    }
    return received
  }

  async #receiveOnce(
    { door }: Origin,
    options: { readonly countMax: number; readonly leaseMs: number; readonly waitSeconds: number },
  ): ReturnType<Door['receive']> {
    const about = `${door.place.name}: ReceiveMessage`
    try {
      return await door.receive(options)
    } catch (error) {
      if (!mayPass(error)) throw errorOf(error, about)
    }
    await this.#requests.pause(lookSeconds * 1000)
    return door.receive(options).catch(error => {
      throw errorOf(error, about)
    })
  }

  // biome-ignore lint/correctness/useYield: it only refuses
  async *read(topic: Endpoint, _options: ReadOptions): AsyncGenerator<Stored, void, undefined> {
    this.#require('history', topic)
  }

  async commit({ send, settle }: Work): Promise<readonly SendResult[]> {
    for (const { to } of send)
      this.#require(settle.length > 0 ? 'consume-publish' : 'transaction', to)
    for (const { delivery, settlement } of settle) await delivery.settle(settlement)
    return []
  }

  async remove(endpoint: Endpoint): Promise<boolean> {
    this.#require('remove', endpoint)
    return false
  }

  async depth(endpoint: Endpoint): Promise<Depth> {
    this.#refuseTopic(endpoint)
    const place = await this.#queues.find(endpoint)
    const attributes = await this.#queues.attributes(place, [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
      'ApproximateNumberOfMessagesDelayed',
    ])
    return {
      ready: Number(attributes['ApproximateNumberOfMessages'] ?? 0),
      leased: Number(attributes['ApproximateNumberOfMessagesNotVisible'] ?? 0),
      delayed: Number(attributes['ApproximateNumberOfMessagesDelayed'] ?? 0),
      approximate: true,
    }
  }

  list(): Promise<Listing> {
    return listQueues(this.#requests)
  }

  async purge(endpoint: Endpoint): Promise<undefined> {
    this.#refuseTopic(endpoint)
    const place = await this.#queues.find(endpoint)
    await this.#requests.call(
      client => client.send(new PurgeQueueCommand({ QueueUrl: place.url })),
      { about: `${place.name}: PurgeQueue`, isRepeatable: false },
    )
  }

  async drop(endpoint: Endpoint): Promise<void> {
    this.#refuseTopic(endpoint)
    this.#forget(queueName(endpoint))
    await this.#queues.drop(endpoint)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map(consumer => consumer.close()))
    for (const door of this.#doors.values()) door.close()
    this.#requests.close()
  }

  #originOf(door: Door, endpoint: Endpoint): Origin {
    return {
      door,
      context: this.#context,
      isCounted: endpoint.role === 'main',
      send: message => this.#send1(message),
    }
  }

  async #doorOf(endpoint: Endpoint): Promise<Door> {
    const place = await this.#queues.find(endpoint)
    return this.#doors.get(place.name) ?? this.#openDoor(place)
  }

  #openDoor(place: Place): Door {
    // Those of other clients' replies come and go.
    for (const name of this.#doors.keys()) {
      if (this.#doors.size < doorsMax) break
      this.#forget(name)
    }
    const door = new Door(place, this.#requests, this.#context)
    this.#doors.set(place.name, door)
    return door
  }

  #forget(name: string): void {
    this.#doors.get(name)?.close()
    this.#doors.delete(name)
  }

  #refuseTopic(endpoint: Endpoint): void {
    if (endpoint.kind === 'topic') this.#require('send', endpoint)
  }

  /** The client has asked before; this is for those who did not. */
  #require(feature: Feature, endpoint: Endpoint): void {
    const support = supportOf(feature, endpoint)
    if (support.how === 'impossible') throw refusal(support, backend, `endpoint ${endpoint.name}`)
  }
}
