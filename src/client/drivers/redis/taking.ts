/**
 * Taking some messages without staying: for a redrive, or for a move to another backend. Of a queue
 * with keys it takes from the streams that nobody reads, and keeps them until it finds no more.
 */

import type { Delivery } from '../../driver.ts'
import { type Claimed, claimAll, claimSilent, pendingOf, silentIn } from './claims.ts'
import { Desk, type Holder, RedisDelivery } from './delivery.ts'
import { readEntries } from './entry.ts'
import type { Reply } from './link.ts'
import { Mover } from './mover.ts'
import { consumerName, type Source, type StreamRef } from './names.ts'
import type { Store } from './store.ts'

export class Taker implements Holder {
  readonly store: Store
  readonly source: Source
  readonly consumer: string
  readonly leaseMs: number
  readonly desk: Desk

  constructor(store: Store, source: Source, leaseMs: number) {
    this.store = store
    this.source = source
    this.leaseMs = leaseMs
    this.consumer = consumerName(store.context.name, store.newId(), leaseMs)
    this.desk = new Desk(store, source, this.consumer)
  }

  settled(): void {}

  owns({ stream }: RedisDelivery): boolean {
    const until = this.#ownedUntil.get(stream) ?? 0
    return this.store.context.clock.monotonic() < until
  }

  async take(countMax: number): Promise<Delivery[]> {
    await new Mover(this.store, this.source).moveAll()
    const { again, streams } = this.source
    const taken: Claimed[] = []
    const ours = again === undefined ? await this.#own() : streams
    for (const stream of ours) {
      if (taken.length >= countMax) break
      taken.push(...(await this.#leftIn(stream, countMax - taken.length)))
      if (taken.length >= countMax) break
      taken.push(...(await this.#read(stream, countMax - taken.length)))
    }
    if (taken.length === 0) await this.#disown()
    return taken.map(({ stream, entry, handedOut }) => {
      return new RedisDelivery(this, stream, entry, handedOut)
    })
  }

  /** The streams of a queue with keys that are ours, and for how long on the monotonic clock. */
  readonly #ownedUntil = new Map<StreamRef, number>()

  async #own(): Promise<StreamRef[]> {
    const { store, source, consumer, leaseMs } = this
    const sentAt = store.context.clock.monotonic()
    for (const [index, stream] of source.streams.entries()) {
      const key = this.#ownerKey(index)
      const take = ['SET', key, consumer, 'NX', 'PX', String(leaseMs)]
      const isTaken = (await store.link.command(take)) === 'OK'
      const isOurs = isTaken || (await store.link.command(['GET', key])) === consumer
      if (!isOurs) {
        this.#ownedUntil.delete(stream)
        continue
      }
      if (!isTaken) await store.link.command(['PEXPIRE', key, String(leaseMs)])
      else this.#fresh.add(stream)
      this.#ownedUntil.set(stream, sentAt + leaseMs)
    }
    return [...this.#ownedUntil.keys()]
  }

  /** Owned since this call: what the last owner left is looked for once. */
  readonly #fresh = new Set<StreamRef>()

  #ownerKey(index: number): string {
    return `${this.source.prefix}owner:${index}`
  }

  async #disown(): Promise<void> {
    const { store, source, consumer } = this
    for (const [index, stream] of source.streams.entries()) {
      if (!this.#ownedUntil.delete(stream)) continue
      const key = this.#ownerKey(index)
      await store.exchange([key], async link => {
        const isOurs = (await link.command(['GET', key])) === consumer
        return { commands: isOurs ? [['DEL', key]] : [], value: undefined }
      })
    }
  }

  /** What others were silent about for too long, or left to us with their stream. */
  async #leftIn(stream: StreamRef, countMax: number): Promise<Claimed[]> {
    const { store, source, consumer, leaseMs } = this
    if (source.again === undefined) {
      if (!this.#fresh.has(stream)) return []
      const pending = (await pendingOf(store, source, stream, {})).slice(0, countMax)
      if (pending.length < countMax) this.#fresh.delete(stream)
      const counted = pending.map(one => ({ ...one, count: one.count + 1 }))
      return claimAll(store, { source, stream, consumer }, counted)
    }
    const silent = await silentIn(store, source, stream, leaseMs)
    const claims = silent.slice(0, countMax).map(one => {
      return claimSilent(store, { source, stream, consumer }, one, leaseMs)
    })
    return (await Promise.all(claims)).flat()
  }

  async #read(stream: StreamRef, countMax: number): Promise<Claimed[]> {
    const { group, layout } = this.source
    const reply = await this.store.link.bytes([
      ...['XREADGROUP', 'GROUP', group, this.consumer, 'COUNT', String(countMax)],
      ...['STREAMS', stream.key, '>'],
    ])
    const entries = (reply as [Buffer, Reply][] | null)?.[0]?.[1] ?? []
    return readEntries(layout.name, entries).map(entry => ({ stream, entry, handedOut: 1 }))
  }

  /** Leaves no trace in the groups, once nothing is pending. */
  async leave(): Promise<void> {
    if (!this.store.link.isReady) return
    await this.#disown().catch(() => {})
    await leaveGroups(this)
  }
}

export async function leaveGroups({ store, source, consumer }: Holder): Promise<void> {
  const { group, streams } = source
  if (!store.link.isReady) return
  await Promise.all(
    streams.map(async ({ key }) => {
      try {
        const mine = ['XPENDING', key, group, '-', '+', '1', consumer]
        if (((await store.link.command(mine)) as Reply[]).length > 0) return
        await store.link.command(['XGROUP', 'DELCONSUMER', key, group, consumer])
      } catch {
        // The stream may be gone; a name that stays does no harm.
      }
    }),
  )
}
