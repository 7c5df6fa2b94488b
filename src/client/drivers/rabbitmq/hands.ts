/**
 * Settling what one place's messages in hand come to, for its consumers and for `take`. A
 * settlement resolves when the broker has answered a question that was asked after it, on the same
 * channel: acknowledgements themselves are not answered.
 */

import type { DriverContext, Outgoing, Settlement } from '../../driver.ts'
import { acksOf } from './acks.ts'
import { lost, type Owner, type RabbitDelivery } from './delivery.ts'
import type { Link } from './link.ts'
import type { Publication } from './messages.ts'
import { bodyOf, copyOf, type Envelope, type Incoming, ownHeaders } from './messages.ts'
import type { Place } from './names.ts'
import type { Register } from './register.ts'
import type { Waits } from './waits.ts'

/** What a place's parts share. */
export interface Site {
  readonly link: Link
  readonly context: DriverContext
  readonly place: Place
  readonly register: Register
  readonly waits: Waits
  /** Everything that this client has of the place, settled or not yet for sure. */
  readonly held: Set<RabbitDelivery>
  publicationOf(message: Outgoing): Promise<Publication>
}

const lingerMs = 30

interface Return {
  readonly delivery: RabbitDelivery
  resolve(): void
  reject(error: Error): void
}

export class Hands implements Owner {
  readonly site: Site
  #returns: Return[] = []
  /** Acknowledged with the question that will be asked next. */
  #passing: { readonly promise: Promise<void>; readonly deliveries: RabbitDelivery[] } | undefined

  constructor(site: Site) {
    this.site = site
  }

  settle(delivery: RabbitDelivery, settlement: Settlement): Promise<void> {
    switch (settlement.kind) {
      case 'done':
        return this.done(delivery)
      case 'dead':
        return this.bury(delivery, settlement.letter)
      case 'retry':
        return this.retry(delivery, settlement.delayMs)
      case 'release':
        return this.release(delivery)
    }
  }

  /** What is settled in one turn shares a promise. */
  done(delivery: RabbitDelivery): Promise<void> {
    if (delivery.isNoted) this.#forget(delivery)
    const { context, held } = this.site
    const promise = acksOf(delivery.channel, context.clock).ack(tagOf(delivery))
    if (this.#passing?.promise !== promise) {
      const deliveries: RabbitDelivery[] = []
      this.#passing = { promise, deliveries }
      const passed = (): void => {
        for (const one of deliveries) held.delete(one)
      }
      promise.then(passed, () => {})
    }
    this.#passing.deliveries.push(delivery)
    return promise
  }

  /** The letter is confirmed before the message is acknowledged. */
  async bury(delivery: RabbitDelivery, letter: Outgoing): Promise<void> {
    const { envelope, body } = await this.site.publicationOf(letter)
    await this.#store({ envelope: copyOf(delivery.message, envelope), body })
    await this.#doneAfterStore(delivery)
  }

  /** At once the broker itself counts it; later, it waits as a copy that says its attempt. */
  async retry(delivery: RabbitDelivery, delayMs: number): Promise<void> {
    const { place, waits } = this.site
    if (delayMs <= 0 && place.isQuorum) {
      await acksOf(delivery.channel, this.site.context.clock).giveBack(tagOf(delivery))
      this.#letGo(delivery)
      return
    }
    const { queue } = delivery
    const routingKey = delayMs <= 0 ? queue : await waits.to(queue, delayMs)
    const headers = { [ownHeaders.attempt]: delivery.attempt + 1 }
    await this.storeCopy(delivery.message, { routingKey, headers })
    await this.#doneAfterStore(delivery)
  }

  async storeCopy(message: Incoming, more: Envelope): Promise<void> {
    const envelope = copyOf(message, { exchange: '', mandatory: true, ...more })
    await this.#store({ envelope, body: bodyOf(message) })
  }

  /** Back to where it was. Those of one turn go together, in their order. */
  release(delivery: RabbitDelivery): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#returns.push({ delivery, resolve, reject })
      if (this.#returns.length > 1) return
      this.site.context.clock.soon(() => void this.#giveBack(this.#returns.splice(0)))
    })
  }

  async #giveBack(returns: Return[]): Promise<void> {
    const sorted = returns.sort((one, other) => tagOf(one.delivery) - tagOf(other.delivery))
    // An uncounted return that the broker counts is corrected before it can come again.
    const notes = await Promise.allSettled(sorted.map(({ delivery }) => this.noteReturn(delivery)))
    for (const [index, { delivery, resolve, reject }] of sorted.entries()) {
      const note = notes[index]!
      if (!delivery.channel.active) {
        // Its consumer was closed meanwhile, or the connection was lost: it is back, either way.
        resolve()
        continue
      }
      const back = (): void => {
        this.#letGo(delivery)
        if (note.status === 'rejected') reject(note.reason)
        else resolve()
      }
      acksOf(delivery.channel, this.site.context.clock)
        .giveBack(tagOf(delivery))
        .then(back, resolve)
    }
  }

  noteReturn(delivery: RabbitDelivery, dueAt = 0): Promise<void> {
    if (delivery.isReturned) return Promise.resolve()
    delivery.isReturned = true
    return this.site.register.note({ id: delivery.id, attempts: -1, dueAt })
  }

  /** A quorum queue counts it again a moment later; so long it counts as in hand. */
  #letGo(delivery: RabbitDelivery): void {
    const { context, held } = this.site
    context.clock.schedule(lingerMs, () => held.delete(delivery))
  }

  #forget(delivery: RabbitDelivery): void {
    const { register, link } = this.site
    register.note({ id: delivery.id, attempts: 'forget', dueAt: 0 }).catch(error => {
      // A correction too many is forgotten in a day.
      link.emit({ kind: 'error', error })
    })
  }

  async #doneAfterStore(delivery: RabbitDelivery): Promise<void> {
    if (!delivery.channel.active) throw lost(delivery.id)
    await this.done(delivery)
  }

  async #store(publication: Publication): Promise<void> {
    const [failure] = await this.site.link.publish([publication])
    if (failure !== undefined) throw failure
  }
}

export function tagOf({ message }: RabbitDelivery): number {
  return message.deliveryTag
}
