/**
 * One channel's volatile state: its consumers, the deliveries that wait for an acknowledgement, the
 * confirms that are due, the publish that is being put together.
 *
 * Acknowledgements of one received chunk are collected per lease holder and settled in one call
 * (`settleAll`), before any other verb that could see the difference. So are confirms.
 */

import { assert } from '../../base/assert.ts'
import type { AttributeValue, RecordInput, Settlement } from '../../engine/model.ts'
import { writeAck, writeDeliver } from '../../wire/amqp/content.ts'
import { writeMethodFrame } from '../../wire/amqp/frame.ts'
import { BasicNack, type MethodTable } from '../../wire/amqp/methods.ts'
import type { Outbox } from '../connection.ts'
import type { Grants } from './access.ts'
import type { Broker } from './broker.ts'
import { type ChannelConsumer, Consumer, Holder, settlements } from './consumer.ts'
import { Content } from './content.ts'
import { fail } from './errors.ts'
import { HeldSince } from './held-since.ts'
import type { NameMemory } from './names.ts'
import { Unacked } from './unacked.ts'

/** A connection, as its channels see it. */
export interface ChannelHost {
  readonly id: number
  readonly broker: Broker
  readonly outbox: Outbox
  readonly vhost: string
  /** Octets of the virtual host's prefix in the names of stored records. */
  readonly prefixBytes: number
  readonly user: string
  /** As RabbitMQ shows a connection: both of its addresses. */
  readonly name: string
  readonly grants: Grants
  readonly frameMax: number
  readonly names: NameMemory
  readonly cancelNotify: boolean
  /** Exclusive queues by engine name. */
  readonly exclusives: Set<string>
  /** The peer does not read: no deliveries. */
  readonly congested: boolean
  /** Something was written that waits for everything done so far. */
  replied(): void
  /** A record was written; `stored`: one that is on the disk, so that nothing waits for it. */
  delivered(stored?: boolean): void
  /** The client must hear that this consumer's queue is gone. */
  consumerEnded(channel: Channel, tag: string): void
  /** The channel is closed on both sides. */
  forget(channel: Channel): void
  /** This channel has settlements or confirms to write out at the end of the turn. */
  touched(channel: Channel): void
}

/** A publish or an acknowledgement that waits for tx.commit. */
export interface Transaction {
  readonly publishes: TransactionPublish[]
  readonly settlements: TransactionSettlement[]
  bytes: number
}
export interface TransactionPublish {
  readonly route: string
  readonly keys: string | readonly string[]
  readonly exchange: Uint8Array
  readonly routingKey: Uint8Array
  readonly mandatory: boolean
  readonly attributes: () => ReadonlyMap<string, AttributeValue>
  readonly record: RecordInput
}
export interface TransactionSettlement {
  readonly tag: number
  readonly position: number
  readonly holder: Holder
  readonly settlement: Settlement
}

export class Channel {
  readonly host: ChannelHost
  readonly number: number
  /** `closing`: we have sent channel.close, and ignore everything but the answer. */
  state: 'open' | 'closing' = 'open'
  readonly content = new Content()
  readonly consumers = new Map<string, ChannelConsumer>()
  readonly unacked = new Unacked<Holder>()
  /** Deliveries to consumers that wait for an acknowledgement. */
  outstanding = 0
  /** basic.qos: for consumers to come, and for the channel as a whole. 0: no limit. */
  prefetch = 0
  prefetchGlobal = 0
  /** The queue that an empty name means. */
  lastQueue = ''
  transaction: Transaction | undefined
  /** The name of its reply queue and the tag of that queue's consumer. */
  reply: { readonly queue: string; readonly tag: string; readonly tagBytes: Uint8Array } | undefined
  confirming = false
  touched = false
  /** The last publish that was numbered, and the last that was confirmed. */
  #published = 0
  #confirmed = 0
  #rejected: number[] = []
  #due: Holder[] = []
  readonly #getters = new Map<string, Holder>()
  #serial = 0
  #windowWasFull = false
  #reopened = false
  readonly #held = new HeldSince()

  constructor(host: ChannelHost, number: number) {
    this.host = host
    this.number = number
  }

  send<T>(table: MethodTable<T>, value: T): void {
    writeMethodFrame(this.host.outbox.writer, this.number, table, value)
    this.host.replied()
  }

  get prefetchFull(): boolean {
    return this.prefetchGlobal > 0 && this.outstanding >= this.prefetchGlobal
  }

  get windowFull(): boolean {
    return this.prefetchFull || this.unacked.full
  }

  refreshConsumers(): void {
    this.#windowWasFull = this.windowFull
    for (const consumer of this.consumers.values()) consumer.refresh()
  }

  /** The window is full: whoever filled it is asked last when there is room again. */
  filledBy(consumer: ChannelConsumer): void {
    if (this.consumers.get(consumer.tag) === consumer) {
      this.consumers.delete(consumer.tag)
      this.consumers.set(consumer.tag, consumer)
    }
    this.refreshConsumers()
  }

  nextHolder(): string {
    return `amqp-${this.host.id}-${this.number}-${++this.#serial}`
  }

  /** The holder of this channel's basic.gets from a queue. */
  getter(queue: string): Holder {
    let holder = this.#getters.get(queue)
    if (holder === undefined) {
      holder = new Holder(this, queue, this.nextHolder())
      this.#getters.set(queue, holder)
    }
    return holder
  }

  consumerEnded(consumer: ChannelConsumer): void {
    if (this.consumers.get(consumer.tag) !== consumer) return
    this.consumers.delete(consumer.tag)
    if (this.host.cancelNotify) this.host.consumerEnded(this, consumer.tag)
  }

  // Acknowledgements

  /** basic.ack: collected, and settled at the end of the turn. */
  acknowledge(tag: number, multiple: boolean): void {
    this.#collect(tag, multiple, settlements.done)
    if (this.#due.length > 0) this.#touch()
  }

  /** basic.nack and basic.reject: at once, behind the acknowledgements before it. */
  settle(tag: number, multiple: boolean, settlement: Settlement): void {
    this.settleAll()
    this.#collect(tag, multiple, settlement)
    this.#settleDue(settlement)
    this.#share()
  }

  /** basic.recover, and the end of the channel: everything goes back. */
  returnAll(how: Settlement): void {
    this.settleAll()
    this.unacked.takeThrough(this.unacked.nextTag - 1, this.#takeDue)
    this.#settleDue(how)
  }

  /** Settles what has been acknowledged in this turn. */
  settleAll(): void {
    if (this.#due.length === 0) return
    this.#settleDue(settlements.done)
    this.#share()
  }

  /**
   * There is room in the channel's window again: its consumers are served in turn, and the one that
   * filled it is the last. The engine's turn would begin with the queue of the acknowledgement.
   */
  #share(): void {
    if (!this.#reopened) return
    this.#reopened = false
    if (this.prefetchGlobal === 0 || this.consumers.size < 2) return
    const { engine } = this.host.broker
    for (const { target } of [...this.consumers.values()]) {
      if (this.prefetchFull) return
      engine.serve(target.log)
    }
  }

  #collect(tag: number, multiple: boolean, settlement: Settlement): void {
    const all = multiple && tag === 0
    if (!all && !this.unacked.has(tag)) fail(406, `unknown delivery tag ${tag}`)
    const { transaction } = this
    const take =
      transaction === undefined
        ? this.#takeDue
        : (position: number, holder: Holder, at: number) => {
            transaction.settlements.push({ tag: at, position, holder, settlement })
          }
    if (!multiple) this.unacked.take(tag, take)
    else this.unacked.takeThrough(all ? this.unacked.nextTag - 1 : tag, take)
  }

  readonly #takeDue = (position: number, holder: Holder): void => {
    if (holder.due.length === 0) this.#due.push(holder)
    holder.due.push(position)
  }

  /** Settles single positions for a transaction, in its own order. */
  takeDue(position: number, holder: Holder): void {
    this.#takeDue(position, holder)
  }

  settleTaken(settlement: Settlement): void {
    this.#settleDue(settlement)
  }

  #settleDue(settlement: Settlement): void {
    const due = this.#due
    if (due.length === 0) return
    for (const holder of due) {
      const count = holder.due.length
      if (!holder.gone) holder.settle(holder.due, settlement)
      holder.due.length = 0
      holder.settled(count)
    }
    due.length = 0
    if (!this.#windowWasFull) return
    this.refreshConsumers()
    this.#reopened = true
  }

  // Confirms

  /** A publish was taken (or refused): number it. */
  confirm(accepted: boolean): void {
    this.#published++
    if (!accepted) this.#rejected.push(this.#published)
    this.#touch()
  }

  /** Writes the confirms that are due: as few frames as their order allows. */
  writeConfirms(): void {
    const { writer } = this.host.outbox
    if (this.#confirmed === this.#published) return
    const rejected = this.#rejected
    for (let index = 0; index < rejected.length; index++) {
      const tag = rejected[index]!
      // One nack for a run of them.
      if (rejected[index + 1] === tag + 1 && this.#confirmed === tag - 1) {
        let last = index + 1
        while (rejected[last + 1] === rejected[last]! + 1) last++
        index = last
      }
      this.#writeAcks(tag - 1)
      const deliveryTag = rejected[index]!
      // Everything before it is answered; RabbitMQ sets `requeue`, which means nothing here.
      this.send(BasicNack, { deliveryTag, multiple: true, requeue: true })
      this.#confirmed = deliveryTag
    }
    rejected.length = 0
    this.#writeAcks(this.#published)
    assert(writer.end >= 0 && this.#confirmed === this.#published, 'each publish is confirmed once')
  }

  #writeAcks(to: number): void {
    const count = to - this.#confirmed
    if (count <= 0) return
    writeAck(this.host.outbox.writer, this.number, to, count > 1)
    this.host.replied()
    this.#confirmed = to
  }

  #touch(): void {
    if (this.touched) return
    this.touched = true
    this.host.touched(this)
  }

  // Direct replies

  /** A reply has come in: it goes to the consumer at once, and nobody stores it. */
  deliverReply(routingKey: Uint8Array, properties: Uint8Array, body: Uint8Array): void {
    const { reply, host } = this
    if (reply === undefined || this.state !== 'open') return
    writeDeliver(
      host.outbox.writer,
      this.number,
      reply.tagBytes,
      this.unacked.skip(),
      false,
      noExchange,
      routingKey,
      properties,
      body,
      host.frameMax,
    )
    host.replied()
  }

  endReply(): void {
    if (this.reply === undefined) return
    this.host.broker.replies.delete(this.reply.queue)
    this.reply = undefined
  }

  // The end

  /** Gives everything back. `engineGone`: there is nobody to give it to. */
  release(engineGone: boolean): void {
    this.endReply()
    const { transaction } = this
    this.transaction = undefined
    if (engineGone) {
      this.consumers.clear()
      return
    }
    for (const consumer of this.consumers.values()) consumer.end()
    this.consumers.clear()
    // What was acknowledged and not committed was not acknowledged.
    for (const { tag, position, holder } of transaction?.settlements ?? []) {
      this.unacked.restore(tag, position, holder)
    }
    this.returnAll(settlements.failed)
  }

  /** True when a delivery has waited for its acknowledgement longer than `limitMs`. */
  /**
   * The limit that was overstepped, in ms. The oldest delivery decides. Where a consumer has a
   * limit of its own each is looked at by itself; what basic.get fetched there has none.
   */
  overdue(nowMs: number, limitMs: number): number | undefined {
    const { lowTag, nextTag, size } = this.unacked
    for (const consumer of this.consumers.values()) {
      if (!(consumer instanceof Consumer) || consumer.timeoutMs === undefined) continue
      const [first] = this.overdueConsumers(nowMs, limitMs)
      return first === undefined ? undefined : (first.timeoutMs ?? limitMs)
    }
    const waiting = { low: size === 0 ? nextTag : lowTag, next: nextTag }
    return limitMs > 0 && this.#held.overdue(waiting, nowMs, limitMs) ? limitMs : undefined
  }

  /** Consumers, each with its own limit, that hold something too long. */
  overdueConsumers(nowMs: number, limitMs: number): Consumer[] {
    if (this.unacked.size === 0) return []
    const overdue = (one: ChannelConsumer): one is Consumer =>
      one instanceof Consumer && one.overdue(nowMs, limitMs)
    return [...this.consumers.values()].filter(overdue)
  }

  /** Takes everything from a consumer, and its place. */
  expel(consumer: Consumer): void {
    this.consumers.delete(consumer.tag)
    consumer.end()
    this.settleAll()
    this.unacked.takeOf(consumer, this.#takeDue)
    this.#settleDue(settlements.return)
  }
}

const noExchange = new Uint8Array(0)
