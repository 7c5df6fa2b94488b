/**
 * The driver for Redis Streams, behind `redis://` and `rediss://`: a queue is a stream with one
 * group, a topic is a stream with many. Everything that belongs together happens in one `MULTI`;
 * there are no scripts, so it works wherever streams do. See names.ts for the keys.
 *
 * What it does not do: speak to a cluster's several nodes (the names are made for it, so that it
 * can be added), or to sentinels.
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
  Work,
} from '../../driver.ts'
import type { Caution, Feature, Support } from '../../features.ts'
import { commit } from './committing.ts'
import { PlainConsumer } from './consumer.ts'
import { idBefore, readHistory } from './history.ts'
import { KeyedConsumer } from './keyed-consumer.ts'
import { makeGroup } from './layout.ts'
import { listStreams } from './listing.ts'
import { depth, drop, peek, purge, remove } from './looking.ts'
import { groupSource, queueSource, type Source } from './names.ts'
import { Sender } from './sending.ts'
import { Store } from './store.ts'
import { cautionsOf, supportOf } from './support.ts'
import { Taker } from './taking.ts'

const backend = 'redis'
/** For giving back what is in hand. */
const closeMs = 5000

export const openDriver: OpenDriver = async (url, context) => {
  const store = await Store.open(url, context, {
    connected: () => context.emit({ kind: 'connected', backend }),
    disconnected: error => context.emit({ kind: 'disconnected', backend, error }),
  })
  return new RedisDriver(store, context)
}

class RedisDriver implements Driver {
  readonly backend = backend
  readonly distance = 'far'
  readonly #store: Store
  readonly #context: DriverContext
  readonly #sender: Sender
  readonly #consumers = new Set<Consumer>()
  readonly #takers = new Map<string, Taker>()
  #closing: Promise<void> | undefined

  constructor(store: Store, context: DriverContext) {
    this.#context = context
    this.#store = store
    this.#sender = new Sender(store)
  }

  support(feature: Feature, endpoint: Endpoint): Support {
    return supportOf(feature, endpoint)
  }

  cautions(
    endpoint: Endpoint,
    use: { readonly concurrency: number; readonly timeoutMs: number },
  ): Promise<readonly Caution[]> {
    return cautionsOf(this.#store, endpoint, use)
  }

  async prepare(endpoint: Endpoint): Promise<void> {
    await this.#store.prepare(endpoint)
  }

  send(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    return this.#sender.send(messages)
  }

  post(message: Outgoing, done: (result: SendResult) => void): boolean {
    return this.#sender.post(message, done)
  }

  async consume(endpoint: Endpoint, options: ConsumeOptions, sink: Sink): Promise<Consumer> {
    const source = await this.#sourceOf(endpoint, options)
    const { credit, leaseMs } = options
    const settings = {
      store: this.#store,
      source,
      credit,
      leaseMs,
      sink,
      isReplies: endpoint.role === 'replies',
      left: () => this.#consumers.delete(consumer),
    }
    const open = source.again === undefined ? KeyedConsumer.open : PlainConsumer.open
    const consumer: Consumer = await open(settings)
    this.#consumers.add(consumer)
    return consumer
  }

  async #sourceOf(endpoint: Endpoint, { group }: ConsumeOptions): Promise<Source> {
    const layout = await this.#store.layoutOf(endpoint)
    if (group === undefined) return queueSource(layout)
    const source = groupSource(layout, group.name)
    const { link } = this.#store
    await Promise.all(
      source.streams.map(({ key, keeps }) => {
        return makeGroup(link, key, group.name, keeps ? idBefore(group.from) : '0')
      }),
    )
    return source
  }

  async take(
    endpoint: Endpoint,
    options: { readonly countMax: number; readonly leaseMs: number },
  ): Promise<readonly Delivery[]> {
    let taker = this.#takers.get(endpoint.name)
    if (taker === undefined || taker.leaseMs !== options.leaseMs) {
      const source = queueSource(await this.#store.layoutOf(endpoint))
      taker = new Taker(this.#store, source, options.leaseMs)
      this.#takers.set(endpoint.name, taker)
    }
    return taker.take(options.countMax)
  }

  peek(endpoint: Endpoint, options: { readonly countMax: number }): Promise<readonly Stored[]> {
    return peek(this.#store, endpoint, options.countMax)
  }

  read(topic: Endpoint, options: ReadOptions): AsyncIterable<Stored> {
    return readHistory(this.#store, topic.name, options)
  }

  commit(work: Work): Promise<readonly SendResult[]> {
    return commit(this.#store, work)
  }

  remove(endpoint: Endpoint, position: string): Promise<boolean> {
    return remove(this.#store, endpoint, position)
  }

  depth(endpoint: Endpoint, group?: string): Promise<Depth> {
    return depth(this.#store, endpoint, group)
  }

  list(): Promise<Listing> {
    return listStreams(this.#store.link)
  }

  purge(endpoint: Endpoint): Promise<number> {
    return purge(this.#store, endpoint)
  }

  drop(endpoint: Endpoint): Promise<void> {
    return drop(this.#store, endpoint)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** What cannot be given back now comes back by itself, when its lease is over. */
  async #close(): Promise<void> {
    if (!this.#store.link.isReady) this.#store.close()
    const timer = this.#context.clock.schedule(closeMs, () => this.#store.close())
    await Promise.allSettled([...this.#consumers].map(consumer => consumer.close()))
    await Promise.allSettled([...this.#takers.values()].map(taker => taker.leave()))
    timer.cancel()
    this.#store.close()
  }
}
