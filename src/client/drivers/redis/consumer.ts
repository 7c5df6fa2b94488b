/**
 * A consumer where no order by key is asked for: reads with its group, as much as its credit
 * allows, on a connection of its own; claims what others have been silent about for longer than
 * their lease; brings over what is due.
 */

import type { Timer } from '../../../engine/ports.ts'
import type { Consumer, Sink } from '../../driver.ts'
import { type Claimed, claimAll, claimSilent, pendingOf, silentIn } from './claims.ts'
import { Desk, type Holder, RedisDelivery } from './delivery.ts'
import { readEntries } from './entry.ts'
import type { Command, Link, Reply } from './link.ts'
import { endReading, mend } from './mending.ts'
import { Mover } from './mover.ts'
import { consumerName, positionOf, type Source, type StreamRef } from './names.ts'
import type { Store } from './store.ts'
import { leaveGroups } from './taking.ts'

/** A read that waits returns after so long, whatever happens. */
const blockMs = 5000
const readCountMax = 1000
const sweepMsMin = 50
const sweepMsMax = 5000
/** A client's queue of replies outlives it by no more. */
const repliesMs = 600_000

export interface ConsumerSettings {
  readonly store: Store
  readonly source: Source
  readonly credit: number
  readonly leaseMs: number
  readonly sink: Sink
  readonly isReplies: boolean
  /** It has been closed. */
  readonly left: () => void
}

export class PlainConsumer implements Consumer, Holder {
  readonly store: Store
  readonly source: Source
  readonly consumer: string
  readonly leaseMs: number
  readonly desk: Desk
  readonly #settings: ConsumerSettings
  readonly #sink: Sink
  readonly #reader: Link
  readonly #mover: Mover
  /** Handed out and not settled, by stream and id. */
  readonly #out = new Map<string, RedisDelivery>()
  /** Read beyond the credit: a read of several streams may give more than was asked for. */
  readonly #beyond: RedisDelivery[] = []
  #credit: number
  #isStopped = false
  #wake: (() => void) | undefined
  #reading: Promise<void> = Promise.resolve()
  #sweep: Timer | undefined
  #sweeping: Promise<void> = Promise.resolve()

  private constructor(settings: ConsumerSettings, reader: Link) {
    const { store, source, credit, leaseMs, sink } = settings
    this.#settings = settings
    this.store = store
    this.source = source
    this.leaseMs = leaseMs
    this.consumer = consumerName(store.context.name, store.newId(), leaseMs)
    this.desk = new Desk(store, source, this.consumer)
    this.#sink = sink
    this.#reader = reader
    this.#mover = new Mover(store, source)
    this.#credit = credit
  }

  static async open(settings: ConsumerSettings): Promise<PlainConsumer> {
    const reader = await settings.store.openLink()
    const consumer = new PlainConsumer(settings, reader)
    consumer.#reading = consumer.#read()
    consumer.#mover.start()
    consumer.#sweepLater()
    return consumer
  }

  grant(count: number): void {
    this.#credit += count
    this.#deliverBeyond()
    if (this.#credit > 0) this.#wake?.()
  }

  async stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true
      this.#mover.stop()
      this.#sweep?.cancel()
      this.#wake?.()
      await endReading(this.store, this.#reader, this.#reading)
    }
    if (this.store.link.isReady) await this.#release(this.#beyond.splice(0))
  }

  async close(): Promise<void> {
    await this.stop()
    // Without a connection nothing can be given back: it comes back when its lease is over.
    if (this.store.link.isReady) {
      await this.#release([...this.#out.values()])
      await this.#sweeping
    }
    this.#reader.close()
    await leaveGroups(this)
    this.#settings.left()
  }

  settled(delivery: RedisDelivery): void {
    this.#out.delete(delivery.position)
  }

  owns(): boolean {
    return true
  }

  async #release(deliveries: readonly RedisDelivery[]): Promise<void> {
    const all = deliveries.map(delivery => delivery.settle({ kind: 'release' }))
    await Promise.allSettled(all)
  }

  async #read(): Promise<void> {
    let epoch = 0
    while (!this.#isStopped) {
      try {
        // Asked for now, because a connection that waits answers nothing.
        await this.#reader.clientId()
        if (this.#reader.epoch !== epoch) {
          if (epoch > 0) await this.#recover()
          epoch = this.#reader.epoch
        }
        if (this.#isStopped) return
        if (this.#credit <= 0 || this.#beyond.length > 0) await this.#creditComes()
        else await this.#readOnce()
      } catch (error) {
        if (this.#isStopped) return
        if (!(await this.#isMended(error))) return
      }
    }
  }

  #creditComes(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }

  async #readOnce(): Promise<void> {
    const { streams, layout } = this.source
    if (layout.levels > 1) {
      // Levels are strict: a lower one is looked at when the higher ones are empty.
      for (const stream of streams) {
        if (this.#take(await this.#ask([stream], this.#credit, undefined))) return
        if (this.#credit <= 0 || this.#isStopped) return
      }
      this.#take(await this.#ask(streams, 1, blockMs))
      return
    }
    this.#take(await this.#ask(streams, this.#credit, blockMs))
  }

  async #ask(
    streams: readonly StreamRef[],
    count: number,
    block: number | undefined,
  ): Promise<Reply> {
    const blocking = block === undefined ? [] : ['BLOCK', String(block)]
    return this.#reader.bytes([
      ...['XREADGROUP', 'GROUP', this.source.group, this.consumer],
      ...['COUNT', String(Math.min(readCountMax, count)), ...blocking],
      ...['STREAMS', ...streams.map(({ key }) => key), ...streams.map(() => '>')],
    ])
  }

  #take(reply: Reply): boolean {
    if (reply === null) return false
    for (const [key, entries] of reply as [Buffer, Reply][]) {
      const stream = this.source.streams.find(one => one.key === key.toString())!
      for (const entry of readEntries(this.source.layout.name, entries)) {
        this.#hand({ stream, entry, handedOut: 1 })
      }
    }
    return true
  }

  #hand({ stream, entry, handedOut }: Claimed): void {
    const delivery = new RedisDelivery(this, stream, entry, handedOut)
    if (this.#out.has(delivery.position)) return
    this.#out.set(delivery.position, delivery)
    this.#beyond.push(delivery)
    this.#deliverBeyond()
  }

  #deliverBeyond(): void {
    while (this.#credit > 0 && this.#beyond.length > 0 && !this.#isStopped) {
      this.#credit--
      this.#sink.deliver(this.#beyond.shift()!)
    }
  }

  /** After a connection was lost: what was sent to us and never arrived is pending for us. */
  async #recover(): Promise<void> {
    const { store, source, consumer } = this
    for (const stream of source.streams) {
      const mine = await pendingOf(store, source, stream, { consumer })
      const unknown = mine.filter(({ id }) => !this.#isOut(stream, id))
      for (const one of await claimAll(store, { source, stream, consumer }, unknown)) {
        this.#hand(one)
      }
    }
  }

  #isOut({ suffix }: StreamRef, id: string): boolean {
    return this.#out.has(positionOf(suffix, id))
  }

  #sweepLater(): void {
    if (this.#isStopped) return
    const waitMs = Math.min(sweepMsMax, Math.max(sweepMsMin, this.leaseMs / 4))
    this.#sweep = this.store.context.clock.schedule(waitMs, () => {
      const sweeping = this.#sweepOnce().catch(() => {
        // A broken connection is reported by the reader; the next sweep does it.
      })
      this.#sweeping = sweeping
      void sweeping.finally(() => this.#sweepLater())
    })
  }

  /** Takes over from consumers that are gone, as far as the credit goes. */
  async #sweepOnce(): Promise<void> {
    if (this.#settings.isReplies) await this.#keepReplies()
    for (const delivery of this.#beyond) void delivery.extend(this.leaseMs).catch(() => {})
    const { store, source, consumer, leaseMs } = this
    for (const stream of source.streams) {
      if (this.#credit <= 0 || this.#isStopped) return
      const silent = (await silentIn(store, source, stream, leaseMs)).filter(one => {
        return one.consumer !== consumer || !this.#isOut(stream, one.id)
      })
      for (const one of silent.slice(0, this.#credit)) {
        const claimed = await claimSilent(store, { source, stream, consumer }, one, leaseMs)
        for (const each of claimed) this.#hand(each)
      }
    }
  }

  async #keepReplies(): Promise<void> {
    const commands = this.source.streams.map(
      ({ key }): Command => ['PEXPIRE', key, String(repliesMs)],
    )
    await Promise.all(commands.map(command => this.store.link.command(command)))
  }

  async #isMended(error: unknown): Promise<boolean> {
    const end = await mend(this.store, this.source, error)
    if (end === undefined) return true
    this.#end(end)
    return false
  }

  #end(error: Error): void {
    this.#isStopped = true
    this.#mover.stop()
    this.#sweep?.cancel()
    this.#out.clear()
    this.#beyond.length = 0
    this.#sink.ended(error)
  }
}
