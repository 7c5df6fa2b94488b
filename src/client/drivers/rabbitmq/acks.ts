/**
 * The acknowledgements of one channel. The broker does not answer them, so whoever must know that
 * one has arrived asks something harmless after it: `basic.qos`, which changes nothing for the
 * consumers that are there. All that settle meanwhile share the next question. What is done in one
 * turn is written at its end, as one acknowledgement where nothing before it is unsettled.
 *
 * That is more than thrift: a quorum queue that has more than a few dozen commands of a channel
 * under way keeps further ones waiting, and forgets them when the channel closes.
 */

import type { Clock } from '../../../engine/ports.ts'
import { lostAll } from './delivery.ts'
import type { Channel } from './link.ts'

export class Acks {
  readonly #channel: Channel
  readonly #clock: Clock
  #prefetchCount = 0
  /** Delivery tags that are not settled, in their order. */
  readonly #unsettled = new Set<number>()
  readonly #done = new Set<number>()
  #isWriting = false
  #current: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(channel: Channel, clock: Clock) {
    this.#channel = channel
    this.#clock = clock
  }

  /** For consumers that begin after it: each may have so many messages unsettled; 0: any number. */
  async limit(prefetchCount: number): Promise<void> {
    this.#prefetchCount = prefetchCount
    await this.#channel.basicQos({ prefetchCount })
  }

  arrived(tag: number): void {
    this.#unsettled.add(tag)
  }

  /** Resolves when the broker has it. */
  ack(tag: number): Promise<void> {
    this.#done.add(tag)
    if (!this.#isWriting) {
      this.#isWriting = true
      // At the end of the turn, so that the broker sends on without waiting for a question.
      this.#clock.soon(() => this.#write())
    }
    return this.passed()
  }

  /** Back to its queue, before everything that is written later. */
  async giveBack(tag: number): Promise<void> {
    this.#unsettled.delete(tag)
    this.#channel.basicNack({ deliveryTag: tag, requeue: true })
    await this.passed()
  }

  /**
   * Resolves when the broker has taken everything that was settled before: one promise for all who
   * share a question.
   */
  passed(): Promise<void> {
    this.#next ??= this.#askNext()
    return this.#next
  }

  /**
   * Closes the channel when nothing is on its way any more. What is not settled goes back, in its
   * order.
   */
  async close(): Promise<void> {
    // The first answer says that all was sent to the queue, the second that the rest was, too.
    for (let turn = 0; turn < 2 && this.#channel.active; turn++) {
      await this.passed().catch(() => {})
    }
    await this.#channel.close()
  }

  /** After the question that is under way, or at the end of this turn. */
  async #askNext(): Promise<void> {
    if (this.#current === undefined) {
      await new Promise<void>(resolve => this.#clock.soon(resolve))
    } else {
      await this.#current.catch(() => {})
    }
    this.#next = undefined
    this.#write()
    const prefetchCount = this.#prefetchCount
    const asking = this.#channel.basicQos({ prefetchCount })
    this.#current = asking
    try {
      await asking
    } catch {
      throw lostAll()
    } finally {
      if (this.#current === asking) this.#current = undefined
    }
  }

  #write(): void {
    this.#isWriting = false
    if (!this.#channel.active || this.#done.size === 0) return
    let last: number | undefined
    for (const tag of this.#unsettled) {
      if (!this.#done.delete(tag)) break
      this.#unsettled.delete(tag)
      last = tag
    }
    if (last !== undefined) this.#channel.basicAck({ deliveryTag: last, multiple: true })
    for (const tag of this.#done) {
      this.#unsettled.delete(tag)
      this.#channel.basicAck({ deliveryTag: tag })
    }
    this.#done.clear()
  }
}

const books = new WeakMap<Channel, Acks>()

export function acksOf(channel: Channel, clock: Clock): Acks {
  let acks = books.get(channel)
  if (acks === undefined) {
    acks = new Acks(channel, clock)
    books.set(channel, acks)
  }
  return acks
}
