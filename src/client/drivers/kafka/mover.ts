/**
 * Brings the delayed messages of a queue to the queue when they are due: each in one transaction
 * with its settlement. It runs where the queue is consumed, in a group of its own.
 */

import type { Delivery } from '../../driver.ts'
import type { Cluster, Timer } from './cluster.ts'
import type { KafkaDelivery } from './delivery.ts'
import { delayGroup, delayTopics } from './names.ts'
import { Reader, type ReaderSetup } from './reader.ts'

type Transactions = Pick<ReaderSetup, 'transactionalId' | 'fence' | 'dead'>

const credit = 100
/** How soon one hears of the first delayed message of a length that another process has sent. */
const lookMs = 1000

export class Mover {
  readonly queue: string
  users = 0
  readonly #cluster: Cluster
  readonly #setup: Transactions
  readonly #move: (delivery: KafkaDelivery) => Promise<void>
  #topics: readonly string[] = []
  #reader: Reader | undefined
  #looking: Promise<void> | undefined
  #timer: Timer | undefined
  #isClosed = false

  constructor(
    cluster: Cluster,
    queue: string,
    setup: Transactions & { move(delivery: KafkaDelivery): Promise<void> },
  ) {
    this.#cluster = cluster
    this.queue = queue
    this.#setup = setup
    this.#move = delivery => setup.move(delivery)
  }

  /** Looks for topics of delayed messages, now and every second. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    this.#timer?.cancel()
    try {
      const found = await this.#cluster.findAll(delayTopics(this.queue))
      if (found.length > this.#topics.length && !this.#isClosed) await this.#read(found)
    } catch (error) {
      if (!this.#isClosed) this.#cluster.context.emit({ kind: 'error', error: error as Error })
    }
    if (this.#isClosed || this.#topics.length === delayTopics(this.queue).length) return
    this.#timer = this.#cluster.context.clock.schedule(lookMs, () => void this.look())
  }

  async #read(topics: readonly string[]): Promise<void> {
    this.#topics = topics
    if (this.#reader !== undefined) {
      await this.#reader.membership?.subscribe(topics)
      return
    }
    const reader = new Reader(this.#cluster, {
      group: delayGroup(this.queue),
      topics,
      keyed: false,
      audience: undefined,
      transactionalId: this.#setup.transactionalId,
      fence: owner => this.#setup.fence(owner),
      dead: (delivery, settlement) => this.#setup.dead(delivery, settlement),
      left: () => {
        this.#reader = undefined
        this.#topics = []
      },
    })
    this.#reader = reader
    const holder = reader.enter(
      {
        deliver: delivery => {
          void this.#moveOne(delivery).finally(() => holder.grant(1))
        },
        ended: () => {},
      },
      credit,
    )
    await reader.start()
  }

  async #moveOne(delivery: Delivery): Promise<void> {
    try {
      await this.#move(delivery as KafkaDelivery)
    } catch (error) {
      if (this.#isClosed) return
      this.#cluster.context.emit({ kind: 'error', error: error as Error })
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#looking
    const reader = this.#reader
    for (const holder of [...(reader?.holders ?? [])]) await holder.close()
    await reader?.close()
  }
}
