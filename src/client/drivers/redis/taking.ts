/** Taking some messages without staying: for a redrive, or for a move to another backend. */

import type { Delivery } from '../../driver.ts'
import { type Claimed, claimSilent, silentIn } from './claims.ts'
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

  owns(): boolean {
    return true
  }

  async take(countMax: number): Promise<Delivery[]> {
    await new Mover(this.store, this.source).moveAll()
    const taken: Claimed[] = []
    for (const stream of this.source.streams) {
      taken.push(...(await this.#leftIn(stream, countMax - taken.length)))
    }
    for (const stream of this.source.streams) {
      if (taken.length >= countMax) break
      taken.push(...(await this.#read(stream, countMax - taken.length)))
    }
    return taken.map(({ stream, entry, handedOut }) => {
      return new RedisDelivery(this, stream, entry, handedOut)
    })
  }

  /** What others were silent about for too long. */
  async #leftIn(stream: StreamRef, countMax: number): Promise<Claimed[]> {
    const { store, source, consumer, leaseMs } = this
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
    await leaveGroups(this)
  }
}

export async function leaveGroups({ store, source, consumer }: Holder): Promise<void> {
  const { group, streams } = source
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
