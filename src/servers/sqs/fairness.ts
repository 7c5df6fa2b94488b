/**
 * Fair queues: a tenant (MessageGroupId on a standard queue) with much waiting sends to lower
 * levels, so that the messages of others overtake its backlog. What is known is an estimate, and
 * volatile.
 */

import { formats, type StoredRecord } from '../../engine/model.ts'
import { decodeEnvelope } from '../../wire/sqs/envelope.ts'
import { limits } from './limits.ts'
import type { QueueView } from './mapping.ts'

/** Messages that a tenant may have waiting before it sends one level lower, and again. */
const steps = [10, 100, 1000]

export class Fairness {
  readonly #waiting = new Map<string, number>()

  /** The level for a tenant's next message; messages without a tenant go to the highest. */
  levelFor(view: QueueView, tenant: string | undefined): number {
    const top = view.levels - 1
    if (tenant === undefined || top === 0) return top
    const key = `${view.name} ${tenant}`
    const waiting = this.#waiting.get(key) ?? 0
    if (this.#waiting.size >= limits.tenantsMax && waiting === 0) this.#waiting.clear()
    this.#waiting.set(key, waiting + 1)
    return Math.max(0, top - steps.filter(step => waiting >= step).length)
  }

  /** One of its messages has been handed out for the first time. */
  taken(view: QueueView, record: StoredRecord): void {
    if (view.fifo || this.#waiting.size === 0 || record.format !== formats.sqsAttributes) return
    const tenant = decodeEnvelope(record.envelope).system.get('MessageGroupId')?.value
    if (tenant === undefined) return
    const key = `${view.name} ${tenant}`
    const waiting = (this.#waiting.get(key) ?? 0) - 1
    if (waiting > 0) this.#waiting.set(key, waiting)
    else this.#waiting.delete(key)
  }
}
