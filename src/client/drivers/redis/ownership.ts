/**
 * Who reads which stream where order by key is asked for. The consumers of a source say every half
 * second that they are there; each stream belongs to one of them by their sorted names, which all
 * of them know alike. It takes its stream when nobody has it, keeps it by renewing a lease, and
 * hands it on, with nothing of it in hand, when another has come.
 */

import type { Timer } from '../../../engine/ports.ts'
import type { Command, Reply } from './link.ts'
import type { Source } from './names.ts'
import type { Store } from './store.ts'

const tickMs = 500
/** Who has said nothing for so long is not counted any more. */
const memberMs = 5 * tickMs
const forgetMs = 60_000

export interface Owner {
  readonly store: Store
  readonly source: Source
  readonly consumer: string
  readonly leaseMs: number
}

export interface Changes {
  /** It is ours now, with whatever its last owner left. */
  gained(index: number): void
  /** It is to be handed on: resolves when nothing of it is in hand. */
  leaving(index: number): Promise<void>
  /** It is not ours any more. */
  lost(index: number): void
}

interface Unit {
  /** Monotonic milliseconds. */
  expiresAt: number
  isLeaving: boolean
}

export class Ownership {
  readonly #owner: Owner
  readonly #changes: Changes
  readonly #units = new Map<number, Unit>()
  /** Taken, as far as we know: the answer has not come. */
  readonly #unheard = new Set<number>()
  readonly #leaving = new Set<Promise<void>>()
  #timer: Timer | undefined
  #ticking: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(owner: Owner, changes: Changes) {
    this.#owner = owner
    this.#changes = changes
  }

  /** Resolves when what is free has been taken. */
  async start(): Promise<void> {
    this.#ticking = this.#tick()
    await this.#ticking
    this.#tickLater()
  }

  isOwned(index: number): boolean {
    const unit = this.#units.get(index)
    return unit !== undefined && this.#owner.store.context.clock.monotonic() < unit.expiresAt
  }

  /** Its messages may be handed out. */
  isKept(index: number): boolean {
    return this.isOwned(index) && this.#units.get(index)?.isLeaving === false
  }

  /** Hands on everything, as soon as nothing of it is in hand; `close` waits for that. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#timer?.cancel()
    const { store, source, consumer } = this.#owner
    // Without a connection the leases end by themselves.
    if (!store.link.isReady) return
    await this.#ticking
    const leave: Command = ['ZREM', `${source.prefix}members`, consumer]
    await store.link.command(leave).catch(() => {})
    for (const [index, unit] of this.#units) if (!unit.isLeaving) this.#leave(index, unit)
  }

  async close(): Promise<void> {
    await this.stop()
    if (this.#owner.store.link.isReady) await Promise.all(this.#leaving)
  }

  #tickLater(): void {
    if (this.#isStopped) return
    const waitMs = Math.min(tickMs, this.#owner.leaseMs / 4)
    this.#timer = this.#owner.store.context.clock.schedule(waitMs, () => {
      // A connection that broke is mended elsewhere; until then leases run on.
      this.#ticking = this.#tick().catch(() => {})
      void this.#ticking.then(() => this.#tickLater())
    })
  }

  async #tick(): Promise<void> {
    const { store, source, consumer } = this.#owner
    const { link, now } = store
    const members = `${source.prefix}members`
    const sentAt = store.context.clock.monotonic()
    const indexes = source.units.map((_, index) => index)
    const [, present, owners] = (await Promise.all([
      link.command(['ZADD', members, String(now), consumer]),
      link.command(['ZRANGEBYSCORE', members, String(now - memberMs), '+inf']),
      link.command(['MGET', ...indexes.map(index => this.#key(index))]),
      link.command(['ZREMRANGEBYSCORE', members, '-inf', String(now - forgetMs)]),
    ])) as [Reply, string[], (string | null)[], Reply]
    if (this.#isStopped) return
    present.sort()
    const changes = indexes.map(index => {
      const wanted = present[index % present.length]
      return this.#adjust(index, owners[index] ?? undefined, wanted === consumer, sentAt)
    })
    await Promise.all(changes)
  }

  async #adjust(
    index: number,
    owner: string | undefined,
    isWanted: boolean,
    sentAt: number,
  ): Promise<void> {
    const { consumer } = this.#owner
    const unit = this.#units.get(index)
    if (owner !== consumer) {
      if (unit !== undefined && !unit.isLeaving) this.#lose(index)
      if (owner === undefined && isWanted) await this.#take(index, sentAt)
      return
    }
    // Either we did not hear that we got it, or it has just been handed on.
    if (unit === undefined) {
      if (this.#unheard.has(index)) this.#gain(index, sentAt)
    } else if (!isWanted && !unit.isLeaving) this.#leave(index, unit)
    else await this.#renew(index, unit, sentAt)
  }

  async #take(index: number, sentAt: number): Promise<void> {
    const { store, consumer, leaseMs } = this.#owner
    const take = ['SET', this.#key(index), consumer, 'NX', 'PX', String(leaseMs)]
    this.#unheard.add(index)
    if ((await store.link.command(take)) === 'OK') this.#gain(index, sentAt)
    this.#unheard.delete(index)
  }

  #gain(index: number, sentAt: number): void {
    this.#unheard.delete(index)
    this.#units.set(index, { expiresAt: sentAt + this.#owner.leaseMs, isLeaving: false })
    this.#changes.gained(index)
  }

  async #renew(index: number, unit: Unit, sentAt: number): Promise<void> {
    const { store, leaseMs } = this.#owner
    if (unit.expiresAt - sentAt > leaseMs * (2 / 3)) return
    await store.link.command(['PEXPIRE', this.#key(index), String(leaseMs)])
    unit.expiresAt = sentAt + leaseMs
  }

  #lose(index: number): void {
    this.#units.delete(index)
    this.#changes.lost(index)
  }

  #leave(index: number, unit: Unit): void {
    unit.isLeaving = true
    const leaving = this.#handOn(index).catch(() => {
      // Its lease ends by itself.
    })
    this.#leaving.add(leaving)
    void leaving.finally(() => this.#leaving.delete(leaving))
  }

  async #handOn(index: number): Promise<void> {
    const { store, consumer } = this.#owner
    await this.#changes.leaving(index)
    const key = this.#key(index)
    if (store.link.isReady) {
      await store.exchange([key], async link => {
        const isOurs = (await link.command(['GET', key])) === consumer
        return { commands: isOurs ? [['DEL', key]] : [], value: undefined }
      })
    }
    this.#units.delete(index)
  }

  #key(index: number): string {
    return `${this.#owner.source.prefix}owner:${index}`
  }
}
