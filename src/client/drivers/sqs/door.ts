/**
 * One queue as deliveries and consumers use it: sending, deleting, changing how long a message is
 * hidden, each gathered into batches; and taking messages in.
 */

import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
} from '@aws-sdk/client-sqs'
import type { Timer } from '../../../engine/ports.ts'
import type { DriverContext, Outgoing, SendResult } from '../../driver.ts'
import { newId } from '../../wire.ts'
import { Batches } from './batches.ts'
import { type Envelope, type Notes, seal, sizeOf } from './envelope.ts'
import { entryError } from './errors.ts'
import { fifoWindowMs, shortId } from './names.ts'
import type { Place } from './queues.ts'
import type { Requests } from './requests.ts'

/** SQS's limits, in seconds. */
export const delayMax = 900
export const hiddenMax = 12 * 3600

/** One message on its way to the queue. */
interface Parcel extends Envelope {
  readonly delaySeconds: number
  /** FIFO alone. */
  readonly group: string | undefined
  readonly dedupeId: string | undefined
}

interface Hiding {
  readonly receipt: string
  readonly seconds: number
}

export interface ReceiveOptions {
  readonly countMax: number
  readonly leaseMs: number
  readonly waitSeconds: number
  /** FIFO alone: the same again gets the same messages, if the first answer was lost. */
  readonly attemptId?: string | undefined
}

export class Door {
  readonly place: Place
  readonly #requests: Requests
  readonly #context: DriverContext
  readonly #parcels: Batches<Parcel, SendResult>
  readonly #done: Batches<string, Error | undefined>
  readonly #hidings: Batches<Hiding, Error | undefined>
  readonly #recent = new Recent()
  /** FIFO alone: by MessageId, how often we gave a message back without an attempt. */
  readonly #released = new Map<string, number>()
  readonly #timers = new Set<Timer>()

  constructor(place: Place, requests: Requests, context: DriverContext) {
    this.place = place
    this.#requests = requests
    this.#context = context
    const soon = (run: () => void) => context.clock.soon(run)
    this.#parcels = new Batches({
      soon,
      weigh: sizeOf,
      ...(place.isFifo ? { laneOf: ({ group }: Parcel) => group! } : {}),
      run: parcels => this.#sendParcels(parcels),
    })
    this.#done = new Batches({ soon, run: receipts => this.#deleteAll(receipts) })
    this.#hidings = new Batches({
      soon,
      // What goes back to its group goes back in the order that the client has chosen.
      ...(place.isFifo ? { laneOf: () => '' } : {}),
      run: hidings => this.#hideAll(hidings),
    })
  }

  /** Never rejects: what goes wrong is the message's result. */
  send(message: Outgoing): Promise<SendResult> {
    const { delayMs, key, dedupeId } = message
    const { clock, random } = this.#context
    const isHop = delayMs > delayMax * 1000
    const notes: Notes = isHop ? { due: clock.now() + delayMs } : {}
    const unique = this.place.isFifo ? newId(random, clock.now()) : undefined
    return this.#post({
      ...seal(message.body, message.headers, notes),
      delaySeconds: secondsOf(delayMs, delayMax),
      group:
        unique === undefined ? undefined : key === undefined || key === '' ? unique : shortId(key),
      dedupeId: unique === undefined || dedupeId === undefined ? unique : shortId(dedupeId),
    })
  }

  /** A message that is here already, once more: the other one is to be deleted. */
  sendAgain(envelope: Envelope, delayMs: number): Promise<SendResult> {
    const delaySeconds = secondsOf(delayMs, delayMax)
    return this.#post({ ...envelope, delaySeconds, group: undefined, dedupeId: undefined })
  }

  async #post(parcel: Parcel): Promise<SendResult> {
    try {
      return await this.#parcels.add(parcel)
    } catch (error) {
      return { ok: false, error: error as Error }
    }
  }

  async delete(receipt: string): Promise<void> {
    const error = await this.#done.add(receipt)
    if (error !== undefined) throw error
  }

  /** Shows the message again in `seconds`. */
  async hide(receipt: string, seconds: number): Promise<void> {
    const error = await this.#hidings.add({ receipt, seconds })
    if (error !== undefined) throw error
  }

  /** Shows a message in `ms`, which it is hidden longer than. Not when this process is gone. */
  showLater(receipt: string, ms: number): void {
    if (ms > showLaterMax) return
    const timer = this.#context.clock.schedule(ms, () => {
      this.#timers.delete(timer)
      // Should that fail, SQS shows it itself within the second.
      this.hide(receipt, 0).catch(() => {})
    })
    this.#timers.add(timer)
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  /** One attempt; rejects with what the SDK throws. */
  async receive(options: ReceiveOptions): Promise<readonly Message[]> {
    const { countMax, leaseMs, waitSeconds, attemptId } = options
    const command = new ReceiveMessageCommand({
      QueueUrl: this.place.url,
      MaxNumberOfMessages: countMax,
      VisibilityTimeout: secondsOf(leaseMs, hiddenMax),
      WaitTimeSeconds: waitSeconds,
      ...(attemptId === undefined ? {} : { ReceiveRequestAttemptId: attemptId }),
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp', 'MessageGroupId'],
    })
    const { Messages = [] } = await this.#requests.once(client => client.send(command))
    return Messages
  }

  /** The next time it comes, this time is no attempt. */
  uncount(messageId: string): void {
    if (this.#released.size >= releasedMax) {
      const [oldest] = this.#released.keys()
      this.#released.delete(oldest!)
    }
    this.#released.set(messageId, this.releasesOf(messageId) + 1)
  }

  releasesOf(messageId: string): number {
    return this.#released.get(messageId) ?? 0
  }

  async #sendParcels(parcels: readonly Parcel[]): Promise<readonly SendResult[]> {
    const about = `${this.place.name}: SendMessageBatch`
    const Entries = parcels.map(({ delaySeconds, group, dedupeId, ...envelope }, index) => ({
      Id: String(index),
      ...envelope,
      ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
      ...(group === undefined ? {} : { MessageGroupId: group, MessageDeduplicationId: dedupeId! }),
    }))
    const command = { QueueUrl: this.place.url, Entries }
    const { Successful = [], Failed = [] } = await this.#requests.call(
      client => client.send(new SendMessageBatchCommand(command)),
      // FIFO queues know a request that comes twice by its ids.
      { about, isRepeatable: this.place.isFifo },
    )
    const results = new Array<SendResult>(parcels.length)
    const now = this.#context.clock.monotonic()
    for (const { Id, MessageId } of Successful) {
      const { dedupeId } = parcels[Number(Id)]!
      results[Number(Id)] = {
        ok: true,
        duplicate: dedupeId !== undefined && this.#recent.isKnown(dedupeId, MessageId!, now),
        position: MessageId,
      }
    }
    for (const entry of Failed) {
      results[Number(entry.Id)] = { ok: false, error: entryError(entry, about) }
    }
    return results
  }

  async #deleteAll(receipts: readonly string[]): Promise<readonly (Error | undefined)[]> {
    const about = `${this.place.name}: DeleteMessageBatch`
    const Entries = receipts.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }))
    const command = { QueueUrl: this.place.url, Entries }
    const { Failed = [] } = await this.#requests.call(
      client => client.send(new DeleteMessageBatchCommand(command)),
      { about, isRepeatable: true },
    )
    return errorsOf(receipts.length, Failed, about)
  }

  async #hideAll(hidings: readonly Hiding[]): Promise<readonly (Error | undefined)[]> {
    const about = `${this.place.name}: ChangeMessageVisibilityBatch`
    const Entries = hidings.map(({ receipt, seconds }, index) => {
      return { Id: String(index), ReceiptHandle: receipt, VisibilityTimeout: seconds }
    })
    const command = { QueueUrl: this.place.url, Entries }
    const { Failed = [] } = await this.#requests.call(
      client => client.send(new ChangeMessageVisibilityBatchCommand(command)),
      { about, isRepeatable: true },
    )
    return errorsOf(hidings.length, Failed, about)
  }
}

const releasedMax = 10_000
const showLaterMax = 60_000

/** Whole seconds, never less than was asked for. */
export function secondsOf(ms: number, max: number): number {
  return Math.min(Math.ceil(ms / 1000), max)
}

type Failure = NonNullable<Parameters<typeof entryError>[0]> & { readonly Id?: string | undefined }

function errorsOf(
  count: number,
  failed: readonly Failure[],
  about: string,
): readonly (Error | undefined)[] {
  const errors = new Array<Error | undefined>(count).fill(undefined)
  for (const entry of failed) errors[Number(entry.Id)] = entryError(entry, about)
  return errors
}

/**
 * SQS takes a duplicate as if it were new, and answers with the MessageId of the first one. Who
 * remembers that can tell; a duplicate of what another process sent cannot be told.
 */
class Recent {
  readonly #sent = new Map<string, { readonly messageId: string; readonly at: number }>()

  isKnown(dedupeId: string, messageId: string, now: number): boolean {
    const known = this.#sent.get(dedupeId)
    if (known?.messageId === messageId) return true
    this.#sent.delete(dedupeId)
    this.#sent.set(dedupeId, { messageId, at: now })
    for (const [oldest, { at }] of this.#sent) {
      if (this.#sent.size <= recentMax && now - at < fifoWindowMs) break
      this.#sent.delete(oldest)
    }
    return false
  }
}

const recentMax = 100_000
