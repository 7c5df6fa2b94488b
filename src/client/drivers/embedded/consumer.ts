/**
 * Records on their way to one consumer. They are handed out when their leases are on the disk: a
 * message that kills its process every time would otherwise never count an attempt.
 */

import { decodeUtf8 } from '../../../base/bytes.ts'
import { limits } from '../../../engine/limits.ts'
import { formats, type StoredRecord, type Subscription } from '../../../engine/model.ts'
import type {
  Consumer,
  Delivery,
  Headers,
  SendResult,
  Settlement,
  Sink,
  Stored,
  Work,
} from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { decodeHeaders } from './envelope.ts'
import type { Store } from './store.ts'

export interface Owner {
  readonly store: Store
  readonly log: string
  readonly holder: string
  commit(work: Work): Promise<readonly SendResult[]>
}

/** Copies what the engine only lends. */
export function storedOf(record: StoredRecord): Stored {
  const { position, time, key } = record
  const headers: Headers =
    record.format === formats.amqpProperties ? decodeHeaders(record.envelope) : {}
  return {
    id: headers['spillway-id'] ?? String(position),
    position: String(position),
    time,
    key: key.length === 0 ? undefined : decodeUtf8(key),
    body: record.body.slice(),
    headers,
  }
}

export class EmbeddedDelivery implements Delivery {
  readonly id: string
  readonly position: string
  readonly time: number
  readonly key: string | undefined
  readonly body: Uint8Array
  readonly headers: Headers
  readonly attempt: number
  readonly #owner: Owner
  /** Called once it is settled. */
  readonly #settled: (() => void) | undefined

  constructor(owner: Owner, stored: Stored, attempt: number, settled?: () => void) {
    this.id = stored.id
    this.position = stored.position
    this.time = stored.time
    this.key = stored.key
    this.body = stored.body
    this.headers = stored.headers
    this.attempt = attempt
    this.#owner = owner
    this.#settled = settled
  }

  async settle(settlement: Settlement): Promise<void> {
    if (settlement.kind === 'dead') {
      await this.#owner.commit({ send: [], settle: [{ delivery: this, settlement }] })
      return
    }
    this.check()
    this.apply(settlement)
    if (settlement.kind === 'retry') this.#owner.store.mark()
    await this.#owner.store.whenSafe()
  }

  /** Leases of a process last as long as the process. */
  extend(): Promise<void> {
    return Promise.resolve()
  }

  /** Throws when it is not leased any more. */
  check(): void {
    const { store, log, holder } = this.#owner
    const positions = [Number(this.position)]
    if (store.engine.pending({ log }, { holder, positions }).length === 1) return
    throw new ClientError({
      code: 'SPILLWAY_E_LOST',
      backend: 'embedded',
      why: `message ${this.id} of ${log} is not this consumer's any more; its queue was deleted.`,
    })
  }

  /** Settles it, without waiting. A dead letter's copy is the caller's. */
  apply(settlement: Settlement): void {
    const { store, log, holder } = this.#owner
    const positions = [Number(this.position)]
    switch (settlement.kind) {
      case 'done':
      case 'dead':
        store.engine.settle({ log }, holder, positions, { kind: 'done' })
        break
      case 'retry': {
        const { delayMs } = settlement
        store.engine.settle({ log }, holder, positions, { kind: 'return', delayMs })
        break
      }
      case 'release':
        store.engine.settle({ log }, holder, positions, {
          kind: 'return',
          counted: false,
          delayMs: 0,
        })
        break
    }
    this.#settled?.()
  }
}

export class EmbeddedConsumer implements Consumer {
  readonly #owner: Owner
  readonly #sink: Sink
  readonly #subscription: Subscription
  readonly #left: () => void
  readonly #out = new Set<EmbeddedDelivery>()
  readonly #forgetFailure: () => void
  #isStopped = false
  /** Deliveries since the last mark, in this turn of the engine. */
  #marked = 0

  constructor(owner: Owner, credit: number, sink: Sink, left: () => void) {
    this.#owner = owner
    this.#sink = sink
    this.#left = left
    const { store, log, holder } = owner
    const outcome = store.engine.subscribe(log, {
      holder,
      credit,
      deliver: ({ record, attempts }) => this.#hand(record, attempts),
      ended: reason => {
        if (reason === 'dropped') this.#end(dropped(log))
      },
    })
    if (!outcome.ok) {
      throw new ClientError({
        code: 'SPILLWAY_E_CONSUME',
        backend: 'embedded',
        why: `${log}: ${outcome.detail}.`,
      })
    }
    this.#subscription = outcome.value
    this.#forgetFailure = store.onFailure(failure => this.#end(failure))
  }

  grant(count: number): void {
    this.#subscription.grant(count)
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#subscription.cancel()
  }

  async close(): Promise<void> {
    await this.stop()
    this.#forgetFailure()
    for (const delivery of [...this.#out]) delivery.apply({ kind: 'release' })
    this.#left()
    await this.#owner.store.whenSafe()
  }

  #hand(record: StoredRecord, attempts: number): void {
    const delivery: EmbeddedDelivery = new EmbeddedDelivery(
      this.#owner,
      storedOf(record),
      attempts,
      () => this.#out.delete(delivery),
    )
    this.#out.add(delivery)
    this.#markBatch()
    this.#owner.store.afterSafe(() => {
      // It may have been given back meanwhile.
      if (!this.#out.has(delivery)) return
      if (this.#isStopped) delivery.apply({ kind: 'release' })
      else this.#sink.deliver(delivery)
    })
  }

  /** The leases of one batch are journaled before the first of it is handed over: one mark does. */
  #markBatch(): void {
    if (this.#marked > 0 && this.#marked < limits.dispatchBatch) {
      this.#marked++
      return
    }
    this.#marked = 1
    this.#owner.store.mark()
    void Promise.resolve().then(() => {
      this.#marked = 0
    })
  }

  #end(error: Error): void {
    this.#isStopped = true
    this.#out.clear()
    this.#sink.ended(error)
  }
}

function dropped(log: string): ClientError {
  const why = `${log} was deleted.`
  return new ClientError({ code: 'SPILLWAY_E_DELETED', backend: 'embedded', why })
}
