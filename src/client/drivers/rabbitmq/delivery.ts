/**
 * One message in this client's hands. What becomes of it is its owner's: a consumer, or a `take`.
 * How often it was handed out is the sum of three: what the message itself says since it was last
 * stored again, how often the broker handed it out in vain since then, and what was noted because
 * the broker counted too much or too little.
 */

import type { Delivery, Headers, Settlement } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import type { Channel } from './link.ts'
import { type Incoming, numberOf, ownHeaders, storedOf } from './messages.ts'
import type { Correction } from './register.ts'

export interface Owner {
  settle(delivery: RabbitDelivery, settlement: Settlement): Promise<void>
}

export class RabbitDelivery implements Delivery {
  readonly id: string
  readonly position: string
  readonly time: number
  readonly key: string | undefined
  readonly body: Uint8Array
  readonly headers: Headers
  readonly attempt: number
  /** Where it came from. */
  readonly queue: string
  readonly channel: Channel
  readonly message: Incoming
  /** There is a note about it, which is to be forgotten when it is stored again. */
  readonly isNoted: boolean
  /** It is being given back, and that was noted. */
  isReturned = false
  readonly #owner: Owner

  constructor(
    owner: Owner,
    from: { readonly queue: string; readonly channel: Channel; readonly message: Incoming },
    count: { readonly attempt: number; readonly isNoted: boolean },
  ) {
    const { queue, channel, message } = from
    const stored = storedOf(message, `${queue}/${message.deliveryTag}`)
    this.id = stored.id
    this.position = stored.position
    this.time = stored.time
    this.key = stored.key
    this.body = stored.body
    this.headers = stored.headers
    this.attempt = count.attempt
    this.isNoted = count.isNoted
    this.queue = queue
    this.channel = channel
    this.message = message
    this.#owner = owner
  }

  /** The same in hand, for its next attempt. */
  again(attempt: number): RabbitDelivery {
    return new RabbitDelivery(this.#owner, this, { attempt, isNoted: true })
  }

  settle(settlement: Settlement): Promise<void> {
    if (!this.channel.active) {
      // What was given back with its consumer need not be given back again.
      const isBack = this.isReturned && settlement.kind === 'release'
      return isBack ? Promise.resolve() : Promise.reject(lost(this.id))
    }
    return this.#owner.settle(this, settlement)
  }

  /** What is in hand lives as long as the connection. */
  extend(): Promise<void> {
    return Promise.resolve()
  }
}

export function attemptOf(message: Incoming, correction: Correction | undefined): number {
  const first = numberOf(message, ownHeaders.attempt) ?? 1
  const again = numberOf(message, 'x-delivery-count') ?? 0
  return first + Math.max(0, again + (correction?.attempts ?? 0))
}

export function lost(id: string): ClientError {
  return new ClientError({
    code: 'SPILLWAY_E_LOST',
    backend: 'rabbitmq',
    why: `the connection on which message ${id} came is gone; it comes again.`,
    retryable: true,
  })
}
