/**
 * One message in this client's hands. What becomes of it is its owner's: a consumer, or a `take`.
 * How often it was handed out is the sum of three: what the message itself says since it was last
 * stored again, how often the broker handed it out in vain since then, and what was noted because
 * the broker counted too much or too little.
 */

import type { Delivery, Headers, Settlement } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import type { Channel } from './link.ts'
import {
  bodyOf,
  contentTypeOf,
  headersOf,
  type Incoming,
  idOf,
  numberOf,
  ownHeaders,
  timeOf,
} from './messages.ts'
import type { Correction } from './register.ts'

export interface Owner {
  settle(delivery: RabbitDelivery, settlement: Settlement): Promise<void>
}

export class RabbitDelivery implements Delivery {
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
  #headers: Headers | undefined

  constructor(
    owner: Owner,
    from: { readonly queue: string; readonly channel: Channel; readonly message: Incoming },
    count: { readonly attempt: number; readonly isNoted: boolean },
  ) {
    const { queue, channel, message } = from
    this.attempt = count.attempt
    this.isNoted = count.isNoted
    this.queue = queue
    this.channel = channel
    this.message = message
    this.#owner = owner
  }

  get id(): string {
    return idOf(this.message) ?? this.position
  }

  get position(): string {
    return `${this.queue}/${this.message.deliveryTag}`
  }

  get time(): number {
    return timeOf(this.message)
  }

  get key(): string | undefined {
    const key: unknown = this.message.headers?.['spillway-key']
    return typeof key === 'string' ? key : undefined
  }

  get body(): Uint8Array {
    return bodyOf(this.message)
  }

  get contentType(): string | undefined {
    return contentTypeOf(this.message)
  }

  /** Few handlers ask for them. */
  get headers(): Headers {
    this.#headers ??= headersOf(this.message)
    return this.#headers
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

/** The same for several, whose settlement is one question. */
export function lostAll(): ClientError {
  return new ClientError({
    code: 'SPILLWAY_E_LOST',
    backend: 'rabbitmq',
    why: 'the connection on which a message came is gone; it comes again.',
    retryable: true,
  })
}
