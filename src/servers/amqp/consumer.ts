/**
 * Who holds the leases of a channel: its consumers, and the basic.gets on each queue.
 */

import type { LeaseTarget } from '../../engine/engine.ts'
import type { EngineErrorCode } from '../../engine/errors.ts'
import type { Delivery, EndReason, Settlement, Subscription } from '../../engine/model.ts'
import { writeDeliver } from '../../wire/amqp/content.ts'
import { HeldSince } from './held-since.ts'
import { queueDefinitionOf, retriesOf } from './mapping.ts'
import { shortStringBytes } from './names.ts'
import { exchangeOf, propertiesOf, routingKeyOf, shown } from './outgoing.ts'
import type { Channel } from './session.ts'

/** Who holds leases: a consumer, or the basic.gets of a channel on one queue. */
export class Holder {
  readonly channel: Channel
  readonly target: LeaseTarget
  readonly holder: string
  /** The queue is gone, and the leases with it. */
  gone = false
  /** Positions to be settled. */
  readonly due: number[] = []

  constructor(channel: Channel, queue: string, holder: string) {
    this.channel = channel
    this.target = { log: queue }
    this.holder = holder
  }

  /** Settles positions that it holds. */
  settle(positions: readonly number[], how: Settlement): void {
    const { engine } = this.channel.host.broker
    const settlement = this.#atOnce(how) ? { ...how, delayMs: 0 } : how
    const outcome = engine.settle(this.target, this.holder, positions, settlement)
    // A queue that was dropped and declared again has no such leases; the others must go on.
    if (outcome.ok || outcome.error !== 'not-leased' || positions.length === 1) return
    for (const position of positions) {
      engine.settle(this.target, this.holder, [position], settlement)
    }
  }

  /** Whether a return is of the kind that does not wait in this queue. */
  #atOnce(how: Settlement): boolean {
    if (how.kind !== 'return') return false
    const config = this.channel.host.broker.engine.log(this.target.log)?.config
    if (config?.queue?.retry === undefined) return false
    const retries = retriesOf(queueDefinitionOf(config, this.channel.host.vhost).arguments)
    if (retries === 'all') return false
    return (retries === 'failed') !== (how === settlements.failed)
  }

  /** So many deliveries have been settled. */
  settled(_count: number): void {}
}

/** What a channel knows of its consumers, whatever they consume from. */
export interface ChannelConsumer extends Holder {
  readonly tag: string
  readonly exclusive: boolean
  /** Pauses or resumes, as the peer and the channel's window want it. */
  refresh(): void
  /** Leaves. Deliveries that wait for an acknowledgement stay. */
  end(): void
}

export interface ConsumeOptions {
  readonly tag: string
  readonly noAck: boolean
  readonly exclusive: boolean
  readonly priority: number
  readonly prefetch: number
  readonly quorum: boolean
  /** How long it may hold a delivery, in ms; undefined: as long as everybody. */
  readonly timeoutMs: number | undefined
}

export class Consumer extends Holder implements ChannelConsumer {
  readonly tag: string
  readonly priority: number
  readonly credit: number
  readonly exclusive: boolean
  readonly settledAtOnce: boolean
  readonly #quorum: boolean
  readonly timeoutMs: number | undefined
  readonly #held = new HeldSince()
  readonly #tagBytes: Uint8Array
  #subscription: Subscription | undefined
  #paused = false

  constructor(channel: Channel, queue: string, holder: string, options: ConsumeOptions) {
    super(channel, queue, holder)
    this.tag = options.tag
    this.priority = options.priority
    this.exclusive = options.exclusive
    this.settledAtOnce = options.noAck
    this.#quorum = options.quorum
    this.timeoutMs = options.timeoutMs
    this.#tagBytes = shortStringBytes(options.tag)
    const limited = !options.noAck && options.prefetch > 0
    this.credit = limited ? options.prefetch : Number.POSITIVE_INFINITY
  }

  begin(): void {
    const { settledAtOnce, priority, credit, exclusive, holder } = this
    const outcome = this.channel.host.broker.engine.subscribe(this.target.log, {
      holder,
      priority,
      credit,
      exclusive,
      settled: settledAtOnce,
      deliver: delivery => this.deliver(delivery),
      ended: reason => this.ended(reason),
    })
    if (!outcome.ok) throw new Refused(outcome.error, outcome.detail)
    this.#subscription = outcome.value
    this.refresh()
  }

  /** Pauses or resumes, as the peer and the channel's window want it. */
  refresh(): void {
    const { channel } = this
    // RabbitMQ's limit of a channel holds back those who do not acknowledge, too.
    const full = this.settledAtOnce ? channel.prefetchFull : channel.windowFull
    const paused = this.channel.host.congested || full
    if (paused === this.#paused || this.#subscription === undefined) return
    this.#paused = paused
    if (paused) this.#subscription.pause()
    else this.#subscription.resume()
  }

  /** Leaves. Deliveries that wait for an acknowledgement stay. */
  end(): void {
    this.#subscription?.cancel()
    this.#subscription = undefined
  }

  override settled(count: number): void {
    this.channel.outstanding -= count
    if (this.credit !== Number.POSITIVE_INFINITY) this.#subscription?.grant(count)
  }

  /** Holds a delivery for longer than it may: than its own limit, or without one `limitMs`. */
  overdue(nowMs: number, limitMs: number): boolean {
    const limit = this.timeoutMs ?? limitMs
    const isExempt = this.channel.host.broker.profile.consumerTimeouts && !this.#quorum
    if (isExempt || limit === 0) return false
    const { unacked } = this.channel
    const next = unacked.nextTag
    return this.#held.overdue({ low: unacked.lowTagOf(this) ?? next, next }, nowMs, limit)
  }

  deliver(delivery: Delivery): void {
    const { channel } = this
    const { host } = channel
    const { record, attempts, stored } = delivery
    const message = shown(record, host, this.target.log)
    let tag: number
    if (this.settledAtOnce) {
      tag = channel.unacked.skip()
    } else if (channel.windowFull) {
      // The engine hands over in batches, and the window is shared by all consumers.
      this.#giveBack(record.position)
      return
    } else {
      tag = channel.unacked.add(record.position, this)
      channel.outstanding++
    }
    const exchange = exchangeOf(message, host)
    const routingKey = routingKeyOf(message, host)
    const properties = propertiesOf(message, host, this.#quorum ? attempts - 1 : 0)
    writeDeliver(
      host.outbox.writer,
      channel.number,
      this.#tagBytes,
      tag,
      attempts > 1,
      exchange,
      routingKey,
      properties,
      message.body,
      host.frameMax,
    )
    host.delivered(stored)
    const { firehose } = host.broker
    if (firehose.traces(host.vhost)) {
      const passing = { exchange, routingKey, properties, body: message.body }
      firehose.delivered(channel, passing, this.target.log, attempts > 1)
    }
    if (!this.settledAtOnce && channel.windowFull) channel.filledBy(this)
  }

  #giveBack(position: number): void {
    const { engine } = this.channel.host.broker
    engine.settle(this.target, this.holder, [position], settlements.untried)
    if (this.credit !== Number.POSITIVE_INFINITY) this.#subscription?.grant(1)
  }

  ended(reason: EndReason): void {
    this.gone = true
    this.#subscription = undefined
    if (reason === 'dropped') this.channel.consumerEnded(this)
  }
}

/** A refusal of the engine that the caller tells in its own words. */
export class Refused extends Error {
  readonly error: EngineErrorCode
  readonly detail: string
  constructor(error: Refused['error'], detail: string) {
    super(detail)
    this.error = error
    this.detail = detail
  }
}

export const settlements = {
  done: { kind: 'done' },
  return: { kind: 'return' },
  /** The consumer could not do it, or is gone. */
  failed: { kind: 'return' },
  reject: { kind: 'reject' },
  untried: { kind: 'return', counted: false },
} as const satisfies { readonly [name: string]: Settlement }
