/**
 * A consumer of one place: on a channel of its own, which it opens again after every loss. The
 * broker sends as many messages as may be unsettled; they are handed on as credit is granted.
 */

import { Ring } from '../../../base/ring.ts'
import type { Timer } from '../../../engine/ports.ts'
import type { Consumer, Settlement, Sink } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { acksOf } from './acks.ts'
import { attemptOf, RabbitDelivery } from './delivery.ts'
import { errorOf } from './failures.ts'
import { Hands, type Site } from './hands.ts'
import { KeyLanes } from './lanes.ts'
import type { Channel } from './link.ts'
import { gatherDeliveries, type Incoming, idOf, numberOf, ownHeaders } from './messages.ts'
import type { Content, Correction } from './register.ts'

const againMs = 100
const againMaxMs = 5000
/** With keys, what waits behind a busy key needs room beside what other keys have. */
const keyedRoom = 64

interface Arrival {
  readonly queue: string
  readonly channel: Channel
  readonly message: Incoming
}

export class RabbitConsumer implements Consumer {
  readonly #site: Site
  readonly #hands: Hands
  readonly #sink: Sink
  readonly #left: () => void
  /** Makes what must exist, again after a loss: queues that live as long as a connection. */
  readonly #prepare: () => Promise<void>
  readonly #prefetchCount: number
  readonly #lanes: KeyLanes | undefined
  readonly #tags: string[] = []
  /** Arrived, and not looked at yet. */
  #arrivals: Arrival[] = []
  #ready = new Ring<RabbitDelivery>()
  #credit: number
  #channel: Channel | undefined
  #isLooking = false
  #isStopped = false
  #isClosed = false
  #againMs = againMs
  #again: Timer | undefined

  constructor(
    site: Site,
    sink: Sink,
    options: { readonly credit: number; left(): void; prepare(): Promise<void> },
  ) {
    this.#site = site
    this.#hands = new Hands(site)
    this.#sink = sink
    this.#left = options.left
    this.#prepare = options.prepare
    this.#credit = options.credit
    const { isKeyed } = site.place
    this.#prefetchCount = Math.min(options.credit + (isKeyed ? keyedRoom : 0), 0xffff)
    this.#lanes = isKeyed
      ? new KeyLanes(site.context.clock, delivery => this.#offer(delivery))
      : undefined
  }

  /** How many messages of a place wait here for their next attempt. */
  parkedAt(base: string): number {
    return this.#site.place.base === base ? (this.#lanes?.parkedCount ?? 0) : 0
  }

  /** Rejects when it cannot be; a connection that was lost meanwhile is mended as any other. */
  async begin(): Promise<void> {
    try {
      await this.#open()
    } catch (error) {
      if ((error as ClientError).retryable) {
        this.#reopenLater()
        return
      }
      this.#isStopped = true
      throw error
    }
  }

  async #open(): Promise<void> {
    const { link, place } = this.#site
    await this.#prepare()
    const channel = await link.channel()
    gatherDeliveries(channel, this.#site.context.clock)
    try {
      await acksOf(channel, this.#site.context.clock).limit(this.#prefetchCount)
      this.#channel = channel
      channel.on('close', () => this.#lost(channel))
      channel.on('basic.cancel', () => this.#cancelled(channel))
      for (const queue of place.queues) {
        const { consumerTag } = await channel.basicConsume({ queue }, message => {
          this.#arrived({ queue, channel, message })
        })
        this.#tags.push(consumerTag)
      }
      this.#againMs = againMs
    } catch (error) {
      this.#channel = undefined
      void channel.close()
      throw errorOf(error, place.base)
    }
  }

  grant(count: number): void {
    this.#credit += count
    this.#hand()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#again?.cancel()
    // With keys, another consumer would go on with a key whose earlier messages are still in hand.
    if (this.#lanes !== undefined) return
    const channel = this.#channel
    const cancels = this.#tags.splice(0).map(tag => channel?.basicCancel(tag))
    // What was on its way is there when the broker has answered.
    await Promise.all(cancels).catch(() => {})
    await this.#settled()
    const rest: RabbitDelivery[] = []
    for (let one = this.#ready.shift(); one !== undefined; one = this.#ready.shift()) rest.push(one)
    await Promise.all(rest.map(delivery => this.#hands.release(delivery).catch(() => {})))
  }

  /** Everything that is unsettled goes back in one step, in its order, when the channel closes. */
  async close(): Promise<void> {
    await this.stop()
    if (this.#isClosed) return
    this.#isClosed = true
    const channel = this.#channel
    this.#channel = undefined
    this.#lanes?.clear()
    const { held, place } = this.#site
    const mine = [...held].filter(one => one.channel === channel && !one.isReturned)
    if (channel?.active) {
      if (place.isQuorum || mine.length > 0) {
        await Promise.all(mine.map(one => this.#hands.noteReturn(one))).catch(() => {})
      }
      await acksOf(channel, this.#site.context.clock).close()
    }
    for (const delivery of mine) held.delete(delivery)
    this.#left()
  }

  #arrived(arrival: Arrival): void {
    if (arrival.channel !== this.#channel) return
    acksOf(arrival.channel, this.#site.context.clock).arrived(arrival.message.deliveryTag)
    if (!this.#isLooking && arrival.message.redelivered !== true) {
      this.#admit(arrival, undefined)
      return
    }
    this.#arrivals.push(arrival)
    if (!this.#isLooking) this.#look()
  }

  /** In the order of arrival; those that come again are looked up first. */
  #look(): void {
    const needsRegister = ({ message }: Arrival): boolean => message.redelivered === true
    while (this.#arrivals.length > 0 && !this.#arrivals.some(needsRegister)) {
      for (const arrival of this.#arrivals.splice(0)) this.#admit(arrival, undefined)
    }
    if (this.#arrivals.length === 0) return
    this.#isLooking = true
    const batch = this.#arrivals.splice(0)
    void this.#lookUp(batch).finally(() => {
      this.#isLooking = false
      this.#look()
    })
  }

  async #lookUp(batch: readonly Arrival[]): Promise<void> {
    let corrections: Content['corrections'] = {}
    try {
      corrections = (await this.#site.register.read()).corrections
    } catch (error) {
      this.#site.link.emit({ kind: 'error', error: errorOf(error, this.#site.place.base) })
    }
    for (const arrival of batch) {
      const id = idOf(arrival.message)
      const correction = id === undefined ? undefined : corrections[id]
      this.#admit(arrival, correction)
    }
  }

  #admit(arrival: Arrival, correction: Correction | undefined): void {
    const { channel, message } = arrival
    if (channel !== this.#channel) return
    const { context, place } = this.#site
    const { deliveryTag } = message
    const expires = numberOf(message, ownHeaders.expires) ?? Number.POSITIVE_INFINITY
    if (expires <= context.clock.now() || ownHeaders.mark in (message.headers ?? {})) {
      acksOf(channel, context.clock)
        .ack(deliveryTag)
        .catch(() => {})
      return
    }
    const attempt = attemptOf(message, correction)
    const isNoted = correction !== undefined
    const delivery = new RabbitDelivery(this, arrival, { attempt, isNoted })
    this.#site.held.add(delivery)
    if (!place.isQuorum && message.redelivered === true && !isNoted) {
      // The broker does not count: a consumer was lost, and this is stored again with its count.
      this.#hands.retry(delivery, 0).catch(error => this.#failed(error))
      return
    }
    if (this.#lanes !== undefined && delivery.key !== undefined && delivery.key !== '') {
      this.#lanes.add(delivery, delivery.key, correction?.dueAt ?? 0)
    } else {
      this.#offer(delivery)
    }
  }

  #offer(delivery: RabbitDelivery): void {
    this.#ready.push(delivery)
    this.#hand()
  }

  #hand(): void {
    while (this.#credit > 0 && !this.#isStopped) {
      const delivery = this.#ready.shift()
      if (delivery === undefined) return
      this.#credit--
      this.#sink.deliver(delivery)
    }
  }

  settle(delivery: RabbitDelivery, settlement: Settlement): Promise<void> {
    const key = this.#lanes === undefined ? undefined : delivery.key
    if (key === undefined || key === '') return this.#hands.settle(delivery, settlement)
    return this.#settleKeyed(delivery, key, settlement)
  }

  async #settleKeyed(delivery: RabbitDelivery, key: string, settlement: Settlement): Promise<void> {
    switch (settlement.kind) {
      case 'done':
      case 'dead':
        await this.#hands.settle(delivery, settlement)
        this.#lanes?.finish(key)
        break
      case 'retry':
        await this.#park(delivery, key, settlement.delayMs)
        break
      case 'release':
        this.#lanes?.putBack(this.#exchange(delivery, delivery.attempt), key, 0)
        break
    }
  }

  /** It stays in hand, so that it keeps its place; that it was tried is noted. */
  async #park(delivery: RabbitDelivery, key: string, delayMs: number): Promise<void> {
    const dueAt = delayMs > 0 ? this.#site.context.clock.now() + delayMs : 0
    await this.#site.register.note({ id: delivery.id, attempts: 1, dueAt })
    if (delivery.channel !== this.#channel) return
    this.#lanes?.putBack(this.#exchange(delivery, delivery.attempt + 1), key, delayMs)
  }

  #exchange(delivery: RabbitDelivery, attempt: number): RabbitDelivery {
    const again = delivery.again(attempt)
    this.#site.held.delete(delivery)
    this.#site.held.add(again)
    return again
  }

  async #settled(): Promise<void> {
    while (this.#isLooking) {
      await new Promise<void>(resolve => {
        this.#site.context.clock.schedule(1, resolve)
      })
    }
  }

  #lost(channel: Channel): void {
    if (channel !== this.#channel) return
    this.#channel = undefined
    this.#tags.length = 0
    this.#arrivals = []
    this.#ready = new Ring<RabbitDelivery>()
    this.#lanes?.clear()
    const { held } = this.#site
    for (const delivery of held) if (delivery.channel === channel) held.delete(delivery)
    this.#reopenLater()
  }

  #reopenLater(): void {
    if (this.#isStopped || this.#site.link.isClosed || this.#again !== undefined) return
    this.#again = this.#site.context.clock.schedule(this.#againMs, () => {
      this.#again = undefined
      void this.#reopen()
    })
    this.#againMs = Math.min(this.#againMs * 2, againMaxMs)
  }

  async #reopen(): Promise<void> {
    if (this.#isStopped || this.#site.link.isClosed) return
    try {
      await this.#open()
    } catch (error) {
      const failure = errorOf(error, this.#site.place.base)
      if (failure.code === 'SPILLWAY_E_NOT_FOUND') this.#end(failure)
      else this.#reopenLater()
    }
  }

  /** The queue is gone, or moved to another node: opening it again tells. */
  #cancelled(channel: Channel): void {
    if (channel !== this.#channel || this.#isStopped) return
    void channel.close()
  }

  #end(cause: ClientError): void {
    this.#isStopped = true
    const why = `${this.#site.place.base} was deleted.`
    const error = new ClientError({ code: 'SPILLWAY_E_DELETED', backend: 'rabbitmq', why, cause })
    this.#sink.ended(error)
  }

  #failed(error: unknown): void {
    this.#site.link.emit({ kind: 'error', error: errorOf(error, this.#site.place.base) })
  }
}
