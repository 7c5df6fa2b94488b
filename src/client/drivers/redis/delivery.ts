/**
 * Messages in hand, and how they are settled. Where order by key is not asked for, a message that
 * comes back is written again: to the stream that is read first, or, with a wait, to those that are
 * delayed; in the same step the entry it was is acknowledged and deleted. With keys it stays where
 * it is, pending, and only its counter changes.
 */

import type { Delivery, Headers, Outgoing, Settlement } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { type Entry, fieldsOf, storedOf } from './entry.ts'
import { BrokenLink, type Command, type Reply } from './link.ts'
import { positionOf, type Source, type StreamRef } from './names.ts'
import { delaying, storing } from './sending.ts'
import type { Store } from './store.ts'

/** The consumer that a message was handed out by. */
export interface Holder {
  readonly store: Store
  readonly source: Source
  readonly consumer: string
  readonly leaseMs: number
  readonly desk: Desk
  /** Its place is free. Undefined: the settlement failed, so it is still pending. */
  settled(delivery: RedisDelivery, settlement: Settlement | undefined): void
  /** With keys: whether the stream is still this consumer's. */
  owns(delivery: RedisDelivery): boolean
}

export class RedisDelivery implements Delivery {
  readonly id: string
  readonly position: string
  readonly time: number
  readonly key: string | undefined
  readonly body: Uint8Array
  readonly headers: Headers
  readonly attempt: number
  /** Those that its entry was written with. */
  readonly attemptsBefore: number
  readonly stream: StreamRef
  readonly entryId: string
  readonly #holder: Holder
  /** Monotonic milliseconds until which nobody else can claim it. */
  expiresAt: number
  /** It waited for its next attempt in the hash of parked ones. */
  wasParked = false
  #isSettled = false
  #release: Promise<void> | undefined

  constructor(holder: Holder, stream: StreamRef, entry: Entry, handedOut: number) {
    const stored = storedOf(entry, positionOf(stream.suffix, entry.id))
    this.id = stored.id
    this.position = stored.position
    this.time = stored.time
    this.key = stored.key
    this.body = stored.body
    this.headers = stored.headers
    this.attemptsBefore = entry.past.attempts
    this.attempt = entry.past.attempts + handedOut
    this.stream = stream
    this.entryId = entry.id
    this.#holder = holder
    this.expiresAt = holder.store.context.clock.monotonic() + safeLease(holder.leaseMs)
  }

  get holder(): Holder {
    return this.#holder
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** In a commit, which does what else `settle` does. */
  settledBy(settlement: Settlement): void {
    this.#isSettled = true
    this.#holder.settled(this, settlement)
  }

  settle(settlement: Settlement): Promise<void> {
    // A consumer that closes gives back what is out, whose owner may do the same.
    if (this.#release !== undefined && settlement.kind === 'release') return this.#release
    this.#isSettled = true
    const settling = this.#settle(settlement)
    if (settlement.kind === 'release') this.#release = settling
    return settling
  }

  async #settle(settlement: Settlement): Promise<void> {
    let made: Settlement | undefined
    try {
      await this.check()
      if (settlement.kind === 'done' && !this.wasParked) await this.#holder.desk.done(this)
      else await this.#settleAlone(settlement)
      made = settlement
    } finally {
      this.#holder.settled(this, made)
    }
  }

  async extend(ms: number): Promise<void> {
    if (this.#isKeyed || this.#isSettled) return
    await this.check()
    await this.#holder.desk.extend(this, ms)
  }

  get #isKeyed(): boolean {
    return this.#holder.source.again === undefined
  }

  /** Rejects when it is another's by now. */
  async check(): Promise<void> {
    const { link, context } = this.#holder.store
    if (!link.isReady) {
      // A connection that is mended in time changes nothing; after that it is another's.
      const left = this.expiresAt - context.clock.monotonic()
      if (!(await link.isReadyWithin(left))) throw this.lost()
    }
    if (this.#isKeyed) {
      if (!this.#holder.owns(this)) throw this.lost()
      return
    }
    if (context.clock.monotonic() < this.expiresAt) return
    if (!(await this.isPending())) throw this.lost()
  }

  async isPending(): Promise<boolean> {
    const { store, source, consumer } = this.#holder
    const { key } = this.stream
    const range = [this.entryId, this.entryId, '1', consumer]
    const pending = await store.link.command(['XPENDING', key, source.group, ...range])
    return (pending as Reply[]).length > 0
  }

  lost(): ClientError {
    const { layout } = this.#holder.source
    return new ClientError({
      code: 'SPILLWAY_E_LOST',
      backend: 'redis',
      why: `message ${this.id} of ${layout.name} is not this consumer's any more; it comes again.`,
      retryable: true,
    })
  }

  /** What makes the settlement; the first reply says whether it was still ours. */
  async commandsFor(settlement: Settlement): Promise<Command[]> {
    switch (settlement.kind) {
      case 'done':
        return this.#finished()
      case 'dead':
        return [...this.#finished(), ...(await this.#stored(settlement.letter))]
      case 'retry':
        return this.#isKeyed ? this.#parked(settlement.delayMs) : this.#again(settlement.delayMs)
      case 'release':
        return this.#isKeyed ? [this.counted(this.#handedOut - 1)] : this.#again(undefined)
    }
  }

  get #handedOut(): number {
    return this.attempt - this.attemptsBefore
  }

  #finished(): Command[] {
    const { source } = this.#holder
    const { key, keeps } = this.stream
    const commands: Command[] = [['XACK', key, source.group, this.entryId]]
    if (!keeps) commands.push(['XDEL', key, this.entryId])
    if (this.wasParked) commands.push(['HDEL', `${source.prefix}parked`, this.position])
    return commands
  }

  async #stored(letter: Outgoing): Promise<readonly Command[]> {
    const { store } = this.#holder
    return storing(store, await store.layoutOf(letter.to), letter).commands
  }

  /** Written again; undefined: released, uncounted. */
  #again(delayMs: number | undefined): Command[] {
    const { store, source } = this.#holder
    const { name } = source.layout
    const attempts = delayMs === undefined ? this.attempt - 1 : this.attempt
    const fields = fieldsOf(name, this, { attempts, time: this.time })
    const { key, suffix } = source.again!
    if (delayMs === undefined || delayMs <= 0) {
      return [...this.#finished(), ['XADD', key, '*', ...fields]]
    }
    const where = { name, prefix: source.prefix, suffix }
    const { commands } = delaying(where, store.newId(), store.now + delayMs, fields)
    return [...this.#finished(), ...commands]
  }

  #parked(delayMs: number): Command[] {
    if (delayMs <= 0) return [this.counted(this.#handedOut)]
    const { store, source } = this.#holder
    const due = String(store.now + delayMs)
    return [this.counted(this.#handedOut), ['HSET', `${source.prefix}parked`, this.position, due]]
  }

  /** Sets the counter of the pending entry to the number of times that it was handed out. */
  counted(count: number): Command {
    const { source, consumer } = this.#holder
    const options = ['RETRYCOUNT', String(Math.max(0, count)), 'JUSTID']
    return ['XCLAIM', this.stream.key, source.group, consumer, '0', this.entryId, ...options]
  }

  /** An answer that got lost is asked for: what is still pending was not settled. */
  async #settleAlone(settlement: Settlement): Promise<void> {
    const { store } = this.#holder
    const commands = await this.commandsFor(settlement)
    for (;;) {
      try {
        const replies = await store.link.together(commands)
        if (countOf(replies![0]) > 0) return
        await this.undo(commands, replies!)
        throw this.lost()
      } catch (error) {
        if (!(error instanceof BrokenLink)) throw error
        await this.check()
        if (!(await this.isPending())) return
      }
    }
  }

  /** It was not ours any more: what was written in the same step is one too many. */
  async undo(commands: readonly Command[], replies: readonly Reply[]): Promise<void> {
    const undo = commands.flatMap((command, index): Command[] => {
      const [verb, key] = command
      if (verb === 'XADD') return [['XDEL', key!, String(replies[index])]]
      if (verb === 'ZADD') return [['ZREM', key!, command[3]!]]
      return []
    })
    if (undo.length > 0) await this.#holder.store.link.together(undo)
  }
}

/** `XACK` answers a number, `XCLAIM … JUSTID` the ids. */
export function countOf(reply: Reply): number {
  return Array.isArray(reply) ? reply.length : Number(reply)
}

/** Ours ends a little before the server's does. */
function safeLease(leaseMs: number): number {
  return leaseMs - Math.min(1000, leaseMs / 10)
}

interface Waiting {
  readonly delivery: RedisDelivery
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Settlements and extensions of one moment go together: one step for many messages. */
export class Desk {
  readonly #store: Store
  readonly #source: Source
  readonly #consumer: string
  readonly #done = new Map<StreamRef, Waiting[]>()
  readonly #extended = new Map<StreamRef, Waiting[]>()

  constructor(store: Store, source: Source, consumer: string) {
    this.#store = store
    this.#source = source
    this.#consumer = consumer
  }

  done(delivery: RedisDelivery): Promise<void> {
    return this.#join(this.#done, delivery, (stream, all) => this.#finish(stream, all))
  }

  extend(delivery: RedisDelivery, ms: number): Promise<void> {
    return this.#join(this.#extended, delivery, (stream, all) => this.#renew(stream, all, ms))
  }

  #join(
    waiting: Map<StreamRef, Waiting[]>,
    delivery: RedisDelivery,
    run: (stream: StreamRef, all: readonly Waiting[]) => Promise<void>,
  ): Promise<void> {
    const { stream } = delivery
    return new Promise((resolve, reject) => {
      const one = { delivery, resolve, reject }
      const all = waiting.get(stream)
      if (all !== undefined) {
        all.push(one)
        return
      }
      const fresh = [one]
      waiting.set(stream, fresh)
      // The others of this moment have been queued before.
      void Promise.resolve().then(() => {
        waiting.delete(stream)
        void run(stream, fresh)
      })
    })
  }

  async #finish(stream: StreamRef, asked: readonly Waiting[]): Promise<void> {
    const { key, keeps } = stream
    let all = asked
    let isDoubtful = false
    for (;;) {
      const ids = all.map(({ delivery }) => delivery.entryId)
      const acknowledge: Command = ['XACK', key, this.#source.group, ...ids]
      try {
        const count = keeps
          ? await this.#store.link.command(acknowledge)
          : (await this.#store.link.together([acknowledge, ['XDEL', key, ...ids]]))![0]
        // After a lost answer, those that are gone are those that it has settled.
        const isLost = !isDoubtful && Number(count) < ids.length
        for (const { delivery, resolve, reject } of all) {
          if (isLost) reject(delivery.lost())
          else resolve()
        }
        return
      } catch (error) {
        if (!(error instanceof BrokenLink)) {
          for (const { reject } of all) reject(error as Error)
          return
        }
        isDoubtful = true
        const kept: Waiting[] = []
        for (const one of all) {
          await one.delivery.check().then(() => kept.push(one), one.reject)
        }
        all = kept
        if (all.length === 0) return
      }
    }
  }

  async #renew(stream: StreamRef, all: readonly Waiting[], ms: number): Promise<void> {
    const ids = all.map(({ delivery }) => delivery.entryId)
    const { key } = stream
    const { clock } = this.#store.context
    const sentAt = clock.monotonic()
    try {
      const claim = ['XCLAIM', key, this.#source.group, this.#consumer, '0', ...ids, 'JUSTID']
      const renewed = new Set((await this.#store.link.command(claim)) as string[])
      for (const { delivery, resolve, reject } of all) {
        if (renewed.has(delivery.entryId) || delivery.isSettled) {
          delivery.expiresAt = sentAt + safeLease(ms)
          resolve()
        } else reject(delivery.lost())
      }
    } catch (error) {
      for (const { reject } of all) reject(error as Error)
    }
  }
}
