/**
 * The books of a crash test: what was published, confirmed, delivered, acknowledged and settled,
 * and what must not have happened.
 *
 * *Settled* means: the consumer sent an ack (or a reject), and after that received a reply to a
 * later request on the same channel (the declare-ok of a passive declare, or the channel's
 * close-ok). AMQP has no answer to an ack, so before such a reply an ack may have been lost on its
 * way; after it, the broker has taken the ack, and a broker that keeps its word never delivers the
 * message again.
 *
 * *Confirmed* means that the publisher received the confirm. An unconfirmed message may be there or
 * not: both are right.
 */

export interface MessageId {
  readonly publisher: number
  readonly sequence: number
}

/** The queue that was published to, or the one where its dead letters go. */
export type Place = 'queue' | 'dead'

const bit = {
  published: 1,
  confirmed: 2,
  delivered: 4,
  acked: 8,
  settled: 16,
  rejected: 32,
  deadDelivered: 64,
  deadAcked: 128,
  deadSettled: 256,
} as const

export const breaches = [
  'confirmed and lost',
  'settled and redelivered',
  'dead-lettered and still in its queue',
  'out of order',
  'damaged',
] as const
export type Breach = (typeof breaches)[number]

const detailsMax = 20

export class Ledger {
  /** By publisher, then by sequence (from 0). */
  readonly #states: Uint16Array[] = []
  readonly counts = {
    published: 0,
    confirmed: 0,
    refused: 0,
    deliveries: 0,
    redeliveries: 0,
    acked: 0,
    settled: 0,
    rejected: 0,
    deadLetters: 0,
  }
  readonly broken: Record<Breach, number> = {
    'confirmed and lost': 0,
    'settled and redelivered': 0,
    'dead-lettered and still in its queue': 0,
    'out of order': 0,
    damaged: 0,
  }
  /** The first breaches, in words. */
  readonly details: string[] = []

  published(id: MessageId): void {
    this.#add(id, bit.published)
    this.counts.published++
  }

  confirmed(id: MessageId): void {
    this.#add(id, bit.confirmed)
    this.counts.confirmed++
  }

  refused(): void {
    this.counts.refused++
  }

  delivered(place: Place, id: MessageId, redelivered: boolean): void {
    const state = this.#state(id)
    this.counts.deliveries++
    if (redelivered) this.counts.redeliveries++
    if ((state & bit.published) === 0) this.breach('damaged', id, 'was never published')
    const settled = place === 'queue' ? bit.settled : bit.deadSettled
    if ((state & settled) !== 0) this.breach('settled and redelivered', id, `in the ${place}`)
    if (place === 'queue' && (state & bit.deadDelivered) !== 0) {
      this.breach('dead-lettered and still in its queue', id, 'came after its dead letter')
    }
    if (place === 'dead' && (state & bit.settled) !== 0 && (state & bit.rejected) === 0) {
      this.breach('settled and redelivered', id, 'as a dead letter')
    }
    this.#add(id, place === 'queue' ? bit.delivered : bit.deadDelivered)
  }

  acked(place: Place, id: MessageId): void {
    this.#add(id, place === 'queue' ? bit.acked : bit.deadAcked)
    this.counts.acked++
    if (place === 'dead') this.counts.deadLetters++
  }

  /** Refused for good: it must come out of the dead-letter queue. */
  rejected(id: MessageId): void {
    this.#add(id, bit.rejected)
    this.counts.rejected++
  }

  settled(place: Place, ids: readonly MessageId[]): void {
    for (const id of ids) this.#add(id, place === 'queue' ? bit.settled : bit.deadSettled)
    this.counts.settled += ids.length
  }

  breach(breach: Breach, { publisher, sequence }: MessageId, note: string): void {
    this.broken[breach]++
    if (this.details.length < detailsMax) {
      this.details.push(`${breach}: publisher ${publisher}, sequence ${sequence}: ${note}`)
    }
  }

  /** After everything has been drained: what is missing. */
  balance(): void {
    this.#states.forEach((states, publisher) => {
      states.forEach((state, sequence) => {
        const id = { publisher, sequence }
        const ended = (state & (bit.acked | bit.deadAcked)) !== 0
        if ((state & bit.confirmed) !== 0 && !ended) {
          const fate = (state & bit.rejected) !== 0 ? 'rejected' : 'never acknowledged'
          this.breach('confirmed and lost', id, fate)
        }
      })
    })
  }

  /** All that was confirmed. */
  *confirmedIds(): Generator<MessageId> {
    for (const [publisher, states] of this.#states.entries()) {
      for (const [sequence, state] of states.entries()) {
        if ((state & bit.confirmed) !== 0) yield { publisher, sequence }
      }
    }
  }

  get kept(): boolean {
    return breaches.every(breach => this.broken[breach] === 0)
  }

  #state(id: MessageId): number {
    return this.#states[id.publisher]?.[id.sequence] ?? 0
  }

  #add({ publisher, sequence }: MessageId, flag: number): void {
    for (let next = this.#states.length; next <= publisher; next++) {
      this.#states.push(new Uint16Array(1024))
    }
    let states = this.#states[publisher]!
    if (sequence >= states.length) {
      const larger = new Uint16Array(Math.max(sequence + 1, states.length * 2))
      larger.set(states)
      states = larger
      this.#states[publisher] = larger
    }
    states[sequence] = (states[sequence] ?? 0) | flag
  }
}

/**
 * What one consumer of one queue sees: first deliveries of one publisher come in the order of
 * publishing. Redeliveries are out of this, since they come when they come back.
 */
export class OrderKeeper {
  readonly #ledger: Ledger
  readonly #last = new Map<number, number>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  see(id: MessageId): void {
    const last = this.#last.get(id.publisher) ?? -1
    if (id.sequence <= last) this.#ledger.breach('out of order', id, `came after ${last}`)
    this.#last.set(id.publisher, id.sequence)
  }
}

const bodyHeadBytes = 8

/** A body that names its message and can be checked for damage. */
export function encodeBody({ publisher, sequence }: MessageId): Buffer {
  const body = Buffer.alloc(bodyHeadBytes + ((sequence * 37) % 1500), sequence & 0xff)
  body.writeUInt32BE(publisher, 0)
  body.writeUInt32BE(sequence, 4)
  return body
}

/** Undefined when the body is not what was published. */
export function decodeBody(body: Buffer): MessageId | undefined {
  if (body.length < bodyHeadBytes) return undefined
  const id = { publisher: body.readUInt32BE(0), sequence: body.readUInt32BE(4) }
  return encodeBody(id).equals(body) ? id : undefined
}
