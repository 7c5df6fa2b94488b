/**
 * A consumer where order by key is asked for. Each stream is read by one consumer at a time, and of
 * each key one message is out at a time, so the order is that of the stream. What is read and
 * cannot be handed out yet waits in a lane of its key. Nothing is written again: a message that
 * comes back is still pending, with the number of times that it was handed out as its counter.
 */

import { Ring } from '../../../base/ring.ts'
import type { Timer } from '../../../engine/ports.ts'
import type { Consumer, Settlement } from '../../driver.ts'
import { allPending, type Claimed, claimAll, type PendingEntry } from './claims.ts'
import type { ConsumerSettings } from './consumer.ts'
import { Desk, type Holder, RedisDelivery } from './delivery.ts'
import { type Entry, readEntries } from './entry.ts'
import type { Command, Link, Reply } from './link.ts'
import { endReading, interrupt, mend } from './mending.ts'
import { Mover } from './mover.ts'
import { compareIds, consumerName, positionOf, type Source, type StreamRef } from './names.ts'
import { Ownership } from './ownership.ts'
import type { Store } from './store.ts'
import { leaveGroups } from './taking.ts'

const blockMs = 5000
/** What may wait in lanes behind keys that are busy; then nothing more is read. */
const waitingMax = 2000
const recoverMs = 10_000

interface Item {
  readonly unit: number
  readonly stream: StreamRef
  readonly entry: Entry
  /** How often it was handed out before. */
  count: number
  /** It was just read: its counter says 1 already. */
  isFresh: boolean
  /** On the server's clock; 0: at once. */
  dueAt: number
  wasParked: boolean
}

interface Lane {
  readonly name: string
  readonly unit: number
  readonly items: Item[]
  out: RedisDelivery | undefined
  timer: Timer | undefined
}

export class KeyedConsumer implements Consumer, Holder {
  readonly store: Store
  readonly source: Source
  readonly consumer: string
  readonly leaseMs: number
  readonly desk: Desk
  readonly #settings: ConsumerSettings
  readonly #reader: Link
  readonly #mover: Mover
  readonly #ownership: Ownership
  readonly #lanes = new Map<string, Lane>()
  readonly #ready = new Ring<Lane>()
  readonly #laneOf = new Map<RedisDelivery, Lane>()
  /** Called when nothing of a unit is in hand. */
  readonly #idle = new Map<number, () => void>()
  #credit: number
  #waiting = 0
  /** Streams that had something at the last read. */
  #busyStreams = 1
  #isStopped = false
  #wake: (() => void) | undefined
  #asking: Promise<void> | undefined
  #recovery: Timer | undefined
  #reading: Promise<void> = Promise.resolve()
  /** Units that were taken over; what their last owners left is fetched before anything is read. */
  #gained: number[] = []

  private constructor(settings: ConsumerSettings, reader: Link) {
    const { store, source, credit, leaseMs } = settings
    this.#settings = settings
    this.store = store
    this.source = source
    this.leaseMs = leaseMs
    this.consumer = consumerName(store.context.name, store.newId(), leaseMs)
    this.desk = new Desk(store, source, this.consumer)
    this.#reader = reader
    this.#mover = new Mover(store, source)
    this.#credit = credit
    this.#ownership = new Ownership(this, {
      gained: index => this.#gain(index),
      leaving: index => this.#leave(index),
      lost: index => this.#forget(index),
    })
  }

  static async open(settings: ConsumerSettings): Promise<KeyedConsumer> {
    const reader = await settings.store.openLink()
    const consumer = new KeyedConsumer(settings, reader)
    await consumer.#ownership.start()
    consumer.#reading = consumer.#read()
    consumer.#mover.start()
    consumer.#recoverLater()
    return consumer
  }

  grant(count: number): void {
    this.#credit += count
    this.#pump()
    if (this.#credit > 0) this.#wake?.()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#mover.stop()
    this.#recovery?.cancel()
    this.#wake?.()
    await endReading(this.store, this.#reader, this.#reading)
    await this.#ownership.stop()
  }

  async close(): Promise<void> {
    await this.stop()
    if (this.store.link.isReady) {
      const out = [...this.#laneOf.keys()]
      await Promise.allSettled(out.map(delivery => delivery.settle({ kind: 'release' })))
      await this.#ownership.close()
    }
    for (const lane of this.#lanes.values()) lane.timer?.cancel()
    this.#reader.close()
    await leaveGroups(this)
    this.#settings.left()
  }

  owns(delivery: RedisDelivery): boolean {
    const lane = this.#laneOf.get(delivery)
    return lane?.out === delivery && this.#ownership.isOwned(lane.unit)
  }

  settled(delivery: RedisDelivery, settlement: Settlement | undefined): void {
    const lane = this.#laneOf.get(delivery)
    this.#laneOf.delete(delivery)
    if (lane?.out !== delivery) return
    lane.out = undefined
    const item = lane.items[0]!
    switch (settlement?.kind) {
      case 'done':
      case 'dead':
        lane.items.shift()
        this.#waiting--
        break
      case 'release':
        item.count = delivery.attempt - delivery.attemptsBefore - 1
        break
      case 'retry':
        item.count = delivery.attempt - delivery.attemptsBefore
        item.dueAt = settlement.delayMs > 0 ? this.store.now + settlement.delayMs : 0
        item.wasParked ||= settlement.delayMs > 0
        break
      case undefined:
        item.count = delivery.attempt - delivery.attemptsBefore
        break
    }
    if (lane.items.length === 0) this.#lanes.delete(lane.name)
    else this.#line(lane)
    if (!this.#hasOut(lane.unit)) this.#idle.get(lane.unit)?.()
    this.#pump()
    this.#wake?.()
  }

  #hasOut(unit: number): boolean {
    for (const lane of this.#laneOf.values()) if (lane.unit === unit) return true
    return false
  }

  #gain(index: number): void {
    this.#gained.push(index)
    this.#wake?.()
    this.#interruptRead()
  }

  /** A read that waits does not know of it. */
  #interruptRead(): void {
    if (this.#asking !== undefined) void interrupt(this.store, this.#reader, this.#asking)
  }

  async #leave(index: number): Promise<void> {
    const asking = this.#asking
    if (asking !== undefined) {
      await interrupt(this.store, this.#reader, asking)
      await asking.catch(() => {})
    }
    if (this.#hasOut(index)) {
      await new Promise<void>(resolve => {
        this.#idle.set(index, resolve)
      })
      this.#idle.delete(index)
    }
    this.#forget(index)
  }

  #forget(index: number): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.unit !== index) continue
      lane.timer?.cancel()
      lane.out = undefined
      this.#waiting -= lane.items.length
      lane.items.length = 0
      this.#lanes.delete(name)
    }
    this.#idle.get(index)?.()
    this.#wake?.()
  }

  async #read(): Promise<void> {
    let epoch = this.#reader.epoch
    while (!this.#isStopped) {
      try {
        // Asked for now, because a connection that waits answers nothing.
        await this.#reader.clientId()
        if (this.#reader.epoch !== epoch) {
          await this.#recover(0)
          epoch = this.#reader.epoch
        }
        await this.#takeOver(this.#gained.splice(0))
        if (this.#isStopped) return
        const streams = this.#streams()
        const isEnough = this.#credit <= 0 || this.#ready.length > 0 || this.#waiting >= waitingMax
        if (isEnough || streams.length === 0) await this.#change()
        else await this.#readOnce(streams)
      } catch (error) {
        if (this.#isStopped) return
        const end = await mend(this.store, this.source, error)
        if (end !== undefined) {
          this.#end(end)
          return
        }
      }
    }
  }

  #change(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }

  #streams(): StreamRef[] {
    return this.source.units.flatMap((streams, index) => {
      return this.#ownership.isKept(index) ? streams : []
    })
  }

  async #readOnce(streams: readonly StreamRef[]): Promise<void> {
    const count = Math.max(1, Math.ceil(this.#credit / this.#busyStreams))
    const reply = this.#reader.bytes([
      ...['XREADGROUP', 'GROUP', this.source.group, this.consumer],
      ...['COUNT', String(count), 'BLOCK', String(blockMs)],
      ...['STREAMS', ...streams.map(({ key }) => key), ...streams.map(() => '>')],
    ])
    this.#asking = reply.then(all => this.#take(all))
    try {
      await this.#asking
    } finally {
      this.#asking = undefined
    }
  }

  #take(reply: Reply): void {
    if (reply === null) return
    const all = reply as [Buffer, Reply][]
    this.#busyStreams = all.length
    const fresh: Item[] = []
    for (const [key, entries] of all) {
      const name = key.toString()
      const unit = this.source.units.findIndex(streams => streams.some(one => one.key === name))
      const stream = this.source.units[unit]!.find(one => one.key === name)!
      // Lost while the answer was on its way: its next owner has claimed them.
      if (!this.#ownership.isOwned(unit)) continue
      for (const entry of readEntries(this.source.layout.name, entries)) {
        const item = { unit, stream, entry, count: 0, isFresh: true, dueAt: 0, wasParked: false }
        fresh.push(item)
        this.#add(item)
      }
    }
    this.#pump()
    this.#uncount(fresh.filter(({ isFresh }) => isFresh))
  }

  /** What was read but waits has not been handed out: a crash must not count it. */
  #uncount(items: readonly Item[]): void {
    const byStream = new Map<StreamRef, string[]>()
    for (const item of items) {
      item.isFresh = false
      const ids = byStream.get(item.stream) ?? []
      ids.push(item.entry.id)
      byStream.set(item.stream, ids)
    }
    for (const [{ key }, ids] of byStream) {
      const claim: Command = ['XCLAIM', key, this.source.group, this.consumer, '0', ...ids]
      this.store.link.command([...claim, 'RETRYCOUNT', '0', 'JUSTID']).catch(() => {
        // It counts once too often after a crash: better than once too little.
      })
    }
  }

  #add(item: Item): void {
    const { key } = item.entry
    const own = key === undefined || key === '' ? `.${item.stream.key} ${item.entry.id}` : ` ${key}`
    const name = `${item.unit}${own}`
    this.#waiting++
    const lane = this.#lanes.get(name)
    if (lane !== undefined) {
      lane.items.splice(placeIn(lane, item), 0, item)
      return
    }
    const fresh = { name, unit: item.unit, items: [item], out: undefined, timer: undefined }
    this.#lanes.set(name, fresh)
    this.#line(fresh)
  }

  /** Its first message may go, now or when it is due. */
  #line(lane: Lane): void {
    const waitMs = lane.items[0]!.dueAt - this.store.now
    if (waitMs <= 0) {
      this.#ready.push(lane)
      return
    }
    lane.timer = this.store.context.clock.schedule(waitMs, () => {
      lane.timer = undefined
      this.#ready.push(lane)
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#credit > 0 && !this.#isStopped) {
      const lane = this.#ready.shift()
      if (lane === undefined) return
      // It was given up meanwhile, or is about to be.
      if (lane.items.length === 0 || !this.#ownership.isKept(lane.unit)) continue
      this.#credit--
      this.#hand(lane)
    }
  }

  #hand(lane: Lane): void {
    const item = lane.items[0]!
    const delivery = new RedisDelivery(this, item.stream, item.entry, item.count + 1)
    delivery.wasParked = item.wasParked
    lane.out = delivery
    this.#laneOf.set(delivery, lane)
    if (item.isFresh) {
      item.isFresh = false
      this.#settings.sink.deliver(delivery)
      return
    }
    // Counted before it is handed out: a message that kills its process every time must end.
    const counting = this.store.link.command(delivery.counted(item.count + 1))
    counting.then(
      () => this.#deliver(delivery),
      () => this.#takeBack(delivery),
    )
  }

  #deliver(delivery: RedisDelivery): void {
    if (!this.#isStopped && this.owns(delivery)) this.#settings.sink.deliver(delivery)
    else if (this.owns(delivery)) void delivery.settle({ kind: 'release' }).catch(() => {})
    else this.#takeBack(delivery)
  }

  /** It never reached the application. */
  #takeBack(delivery: RedisDelivery): void {
    this.#credit++
    this.settled(delivery, { kind: 'release' })
  }

  /** What the last owners of units had in hand, or had fetched, comes first. */
  async #takeOver(indexes: readonly number[]): Promise<void> {
    const units = indexes.flatMap(index => {
      return this.source.units[index]!.map(stream => this.#takeOverStream(index, stream))
    })
    try {
      await Promise.all(units)
    } catch (error) {
      this.#gained.push(...indexes)
      throw error
    }
    this.#pump()
  }

  async #takeOverStream(index: number, stream: StreamRef): Promise<void> {
    for await (const pending of allPending(this.store, this.source, stream)) {
      await this.#adopt(index, stream, pending)
    }
  }

  async #adopt(unit: number, stream: StreamRef, pending: readonly PendingEntry[]): Promise<void> {
    if (pending.length === 0) return
    const { store, source, consumer } = this
    const claimed = await claimAll(store, { source, stream, consumer }, pending)
    if (claimed.length === 0) return
    const positions = claimed.map(({ entry }) => positionOf(stream.suffix, entry.id))
    const parked = `${source.prefix}parked`
    const dues = (await store.link.command(['HMGET', parked, ...positions])) as (string | null)[]
    for (const [index, { entry, handedOut }] of claimed.entries()) {
      if (this.#isKnown(unit, stream, entry)) continue
      const due = dues[index]
      this.#add({
        unit,
        stream,
        entry,
        count: handedOut,
        isFresh: false,
        dueAt: Number(due ?? 0),
        wasParked: due !== null && due !== undefined,
      })
    }
  }

  #isKnown(unit: number, stream: StreamRef, { id }: Entry): boolean {
    for (const lane of this.#lanes.values()) {
      if (lane.unit !== unit) continue
      if (lane.items.some(item => item.stream === stream && item.entry.id === id)) return true
    }
    return false
  }

  /**
   * What was sent to us and never arrived was not handed out. It is looked for when a connection
   * was lost, and now and then: the server may have sent it to one that was gone already.
   */
  async #recover(idleMs: number): Promise<void> {
    const { store, source, consumer } = this
    for (const [unit, streams] of source.units.entries()) {
      if (!this.#ownership.isKept(unit)) continue
      for (const stream of streams) {
        for await (const mine of allPending(store, source, stream, { idleMs, consumer })) {
          const known = this.#knownIn(stream)
          const unknown = mine.filter(({ id }) => !known.has(id))
          const claimed = await claimAll(store, { source, stream, consumer }, unknown)
          for (const one of claimed) this.#add(neverHanded(unit, one))
        }
      }
    }
    this.#pump()
  }

  #recoverLater(): void {
    this.#recovery = this.store.context.clock.schedule(recoverMs, () => {
      const recovering = this.#recover(recoverMs).catch(() => {
        // The connection broke: then it is looked for when there is one again.
      })
      void recovering.then(() => {
        if (!this.#isStopped) this.#recoverLater()
      })
    })
  }

  #knownIn(stream: StreamRef): Set<string> {
    const known = new Set<string>()
    for (const { items } of this.#lanes.values()) {
      for (const item of items) if (item.stream === stream) known.add(item.entry.id)
    }
    return known
  }

  #end(error: Error): void {
    this.#isStopped = true
    this.#mover.stop()
    this.#recovery?.cancel()
    void this.#ownership.stop()
    this.#laneOf.clear()
    this.#settings.sink.ended(error)
  }
}

/** At the end, but for what was found late: in the order of the stream, behind what is out. */
function placeIn({ items, out }: Lane, { entry, stream, isFresh }: Item): number {
  let at = items.length
  if (isFresh) return at
  const first = out === undefined ? 0 : 1
  while (at > first) {
    const before = items[at - 1]!
    if (before.stream !== stream || compareIds(before.entry.id, entry.id) < 0) break
    at--
  }
  return at
}

function neverHanded(unit: number, { stream, entry, handedOut }: Claimed): Item {
  const count = Math.max(0, handedOut - 1)
  return { unit, stream, entry, count, isFresh: false, dueAt: 0, wasParked: false }
}
