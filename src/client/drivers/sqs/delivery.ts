/** A message in hand: hidden on SQS for everybody else, until its lease is over. */

import type { Message } from '@aws-sdk/client-sqs'
import type {
  Delivery,
  DriverContext,
  Headers,
  Outgoing,
  SendResult,
  Settlement,
} from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { headerNames } from '../../wire.ts'
import { type Door, hiddenMax, secondsOf } from './door.ts'
import { type Notes, open, resealed } from './envelope.ts'

/** What a delivery needs of those who made it. */
export interface Origin {
  readonly door: Door
  readonly context: DriverContext
  /** Attempts count: a release must not. Dead letters and replies have none. */
  readonly isCounted: boolean
  /** To where dead letters go. */
  send(message: Outgoing): Promise<SendResult>
}

export class SqsDelivery implements Delivery {
  readonly id: string
  readonly position: string
  readonly time: number
  readonly key: string | undefined
  readonly body: Uint8Array
  readonly headers: Headers
  readonly attempt: number
  /** Wall-clock milliseconds before which it must not be handled. */
  readonly due: number | undefined
  /** Called when it begins to be settled. */
  onSettle: (() => void) | undefined
  readonly #origin: Origin
  readonly #message: Message
  readonly #receivedAt: number
  #leasedUntil: number

  constructor(origin: Origin, message: Message, leaseMs: number) {
    const { MessageId = '', Attributes = {} } = message
    const opened = open(message)
    this.#origin = origin
    this.#message = message
    this.#receivedAt = origin.context.clock.monotonic()
    this.#leasedUntil = this.#receivedAt + leaseMs
    this.id = opened.headers['spillway-id'] ?? opened.id ?? MessageId
    this.position = MessageId
    this.time = opened.time ?? Number(Attributes.SentTimestamp ?? 0)
    this.key = Attributes.MessageGroupId
    this.body = opened.body
    this.headers = opened.headers
    this.due = opened.due
    const received = Number(Attributes.ApproximateReceiveCount ?? 1)
    const released = origin.door.releasesOf(MessageId)
    this.attempt = Math.max(1, (opened.attempts ?? 0) + received - released)
  }

  async settle(settlement: Settlement): Promise<void> {
    this.onSettle?.()
    switch (settlement.kind) {
      case 'done':
        return this.#delete()
      case 'retry':
        return this.#retry(settlement.delayMs)
      case 'dead':
        await this.#bury(settlement.letter)
        return this.#delete()
      case 'release':
        return this.#release()
    }
  }

  async extend(ms: number): Promise<void> {
    const { clock } = this.#origin.context
    const seconds = this.#hideable(ms)
    await this.#origin.door.hide(this.#receipt, seconds)
    this.#leasedUntil = clock.monotonic() + seconds * 1000
  }

  /** Not due yet: back again, for as long as SQS can delay it. */
  async hop(now: number): Promise<void> {
    const waitMs = this.due! - now
    if (await this.#copy({ attempts: this.attempt - 1 }, waitMs)) return this.#delete()
    await this.#origin.door.hide(this.#receipt, this.#hideable(waitMs))
  }

  get #receipt(): string {
    return this.#message.ReceiptHandle ?? ''
  }

  #delete(): Promise<void> {
    return this.#origin.door.delete(this.#receipt)
  }

  /** A message that was as large as SQS allows leaves little room for what it died of. */
  async #bury(letter: Outgoing): Promise<void> {
    let result = await this.#origin.send(letter)
    if (!result.ok && isTooLarge(result.error)) {
      result = await this.#origin.send({ ...letter, headers: shortened(letter.headers) })
    }
    if (!result.ok) throw result.error
  }

  async #retry(delayMs: number): Promise<void> {
    const { door, context } = this.#origin
    if (delayMs > this.#hideable(delayMs) * 1000 && !door.place.isFifo) {
      const notes = { attempts: this.attempt, due: context.clock.now() + delayMs }
      if (await this.#copy(notes, delayMs)) return this.#delete()
    }
    await door.hide(this.#receipt, this.#hideable(delayMs))
    // SQS counts in seconds. What should come sooner is shown by this process, if it still lives.
    if (delayMs % 1000 !== 0) door.showLater(this.#receipt, delayMs)
  }

  /**
   * SQS has counted this receive, and nothing takes that back. A standard queue gets a copy that
   * knows how many attempts there were. In a FIFO queue a copy would lose its place, so there the
   * count is known to this process alone.
   */
  async #release(): Promise<void> {
    const { door, context, isCounted } = this.#origin
    if (context.clock.monotonic() >= this.#leasedUntil) return
    if (isCounted && !door.place.isFifo && (await this.#copy({ attempts: this.attempt - 1 }))) {
      return this.#delete()
    }
    if (isCounted) door.uncount(this.position)
    await door.hide(this.#receipt, 0)
  }

  /** False when it cannot be: its attributes or its size leave no room for the notes. */
  async #copy(notes: Notes, delayMs = 0): Promise<boolean> {
    const { id, time } = this
    const envelope = resealed(this.#message, { id, time, ...notes })
    if (envelope === undefined) return false
    return (await this.#origin.door.sendAgain(envelope, delayMs)).ok
  }

  /** Whole seconds; SQS ends a message's being hidden twelve hours after it was received. */
  #hideable(ms: number): number {
    const gone = (this.#origin.context.clock.monotonic() - this.#receivedAt) / 1000
    return Math.max(0, secondsOf(ms, Math.floor(hiddenMax - gone)))
  }
}

function isTooLarge(error: Error): boolean {
  return error instanceof ClientError && error.code === 'SPILLWAY_E_TOO_LARGE'
}

const shortMessageMax = 100

function shortened(headers: Headers): Headers {
  const short: { [name: string]: string } = { ...headers }
  delete short[headerNames.errorIssues]
  const message = short[headerNames.errorMessage] ?? ''
  if (message.length > shortMessageMax) {
    short[headerNames.errorMessage] = `${message.slice(0, shortMessageMax)}…`
  }
  return short
}
