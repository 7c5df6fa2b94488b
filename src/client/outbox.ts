/**
 * The outbox: messages that are sent if, and only if, a database transaction is committed. They are
 * written beside the data, in the user's own transaction; a relay sends what is committed, in
 * order, and takes it out.
 *
 *     begin ── insert order ── insert message ── commit      relay: read ── send ── delete
 *
 * The relay may crash between sending and deleting: then the message is sent again, with the same
 * id. A contract with `dedupe`, or a handler with an inbox, makes one of the two. One relay works
 * at a time; others wait for it to die.
 */

import { decodeUtf8 } from '../base/bytes.ts'
import type { Clock, Timer } from '../engine/ports.ts'
import { systemClock } from '../platform/clock.ts'
import { systemRandom } from '../platform/random.ts'
import { type Duration, toMs } from './backoff.ts'
import type { Bus } from './bus.ts'
import type { Queue, Topic } from './contracts.ts'
import { ClientError } from './errors.ts'
import { type Bodies, bodiesOf, type SendOptions } from './sending.ts'
import { sendRejected, validate } from './validation.ts'
import { encodeBody, newId } from './wire.ts'

/** A message that waits in the database. */
export interface OutboxRow {
  /** In the order in which they were written. */
  readonly sequence: string
  readonly id: string
  readonly contract: string
  /** JSON. */
  readonly body: string
  readonly options: SendOptions
}

export interface OutboxStore<Tx> {
  /** Inside of the user's transaction. */
  insert(tx: Tx, rows: readonly Omit<OutboxRow, 'sequence'>[]): Promise<void>
  /**
   * Hands the oldest rows that are not set aside to `send`, takes out those that it names as sent,
   * and sets those aside that it names as refused. False: another relay is at work.
   */
  relay(
    countMax: number,
    send: (rows: readonly OutboxRow[]) => Promise<{
      readonly sent: readonly string[]
      readonly refused: readonly { readonly sequence: string; readonly why: string }[]
    }>,
  ): Promise<boolean>
}

export interface OutboxOptions<Tx> {
  readonly store: OutboxStore<Tx>
  /** Those that this outbox may send; a row of another one is set aside. */
  readonly contracts: readonly (Queue<unknown> | Topic<unknown>)[]
  /** How long a committed message may wait before it is noticed. Default 250 ms. */
  readonly every?: Duration | undefined
  /** Rows in one step of the relay. Default 100. */
  readonly batch?: number | undefined
  /** Hears why the relay could not go on; it tries again. */
  readonly onError?: ((error: Error) => void) | undefined
  readonly clock?: Clock | undefined
}

/** Refused for good: it is set aside, and does not hold up those behind it. */
const neverRetried = /^SPILLWAY_[UVP]_|^SPILLWAY_E_(CONTRACT|ID|HEADER|PRIORITY|OPTION)$/

/** Made by `outbox`. */
export class Outbox<Tx> implements AsyncDisposable {
  readonly #bus: Bus
  readonly #options: OutboxOptions<Tx>
  readonly #contracts: ReadonlyMap<string, Queue<unknown> | Topic<unknown>>
  readonly #clock: Clock
  readonly #everyMs: number
  #timer: Timer | undefined
  #turn: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(bus: Bus, options: OutboxOptions<Tx>) {
    this.#bus = bus
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#everyMs = toMs(options.every ?? '250ms')
    this.#contracts = new Map(options.contracts.map(contract => [contract.name, contract]))
    this.#later()
  }

  /**
   * Writes messages into the transaction. A wrong shape rejects before anything is written; what
   * happens after the commit is the relay's. Returns their ids.
   *
   *     await outbox.send(tx, orders, order)
   */
  async send<In, Out>(
    tx: Tx,
    contract: Queue<In, Out> | Topic<In, Out>,
    bodies: Bodies<In>,
    options: SendOptions = {},
  ): Promise<string[]> {
    if (!this.#contracts.has(contract.name)) throw unknownContract(contract.name)
    const rows = []
    for (const value of bodiesOf(bodies)) {
      const checked = await validate(contract.schema, value)
      if (!checked.ok) throw sendRejected(contract.name, checked.issues)
      const { body, contentType } = encodeBody(value)
      if (!contentType.startsWith('application/json')) throw bytesInOutbox(contract.name)
      const id = options.id ?? newId(systemRandom, this.#clock.now())
      rows.push({ id, contract: contract.name, body: decodeUtf8(body), options })
    }
    await this.#options.store.insert(tx, rows)
    return rows.map(({ id }) => id)
  }

  /** Sends what is committed by now; resolves when nothing is left, or another relay is at work. */
  flush(): Promise<void> {
    const turn = this.#turn.then(() => this.#relay())
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** The relay ends; what it has not sent stays in the database. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#turn
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #later(): void {
    if (this.#isClosed) return
    this.#timer = this.#clock.schedule(this.#everyMs, () => {
      void this.flush()
        .catch(error => this.#options.onError?.(error as Error))
        .then(() => this.#later())
    })
  }

  async #relay(): Promise<void> {
    const countMax = this.#options.batch ?? 100
    let isMore = true
    while (isMore) {
      isMore = false
      let failure: Error | undefined
      const isOurs = await this.#options.store.relay(countMax, async rows => {
        const step = await this.#sendRows(rows)
        failure = step.failure
        isMore = rows.length === countMax && failure === undefined
        return step
      })
      if (failure !== undefined) throw failure
      if (!isOurs) return
    }
  }

  /** One after the other, so that the order is kept; what fails for now stops those behind it. */
  async #sendRows(rows: readonly OutboxRow[]): Promise<{
    readonly sent: readonly string[]
    readonly refused: readonly { readonly sequence: string; readonly why: string }[]
    readonly failure: Error | undefined
  }> {
    const sent: string[] = []
    const refused: { sequence: string; why: string }[] = []
    for (const row of rows) {
      try {
        await this.#sendRow(row)
        sent.push(row.sequence)
      } catch (error) {
        const { code = '', message } = error as { code?: string; message: string }
        if (!neverRetried.test(code)) return { sent, refused, failure: error as Error }
        refused.push({ sequence: row.sequence, why: message })
      }
    }
    return { sent, refused, failure: undefined }
  }

  async #sendRow({ id, contract: name, body, options }: OutboxRow): Promise<void> {
    const contract = this.#contracts.get(name)
    if (contract === undefined) throw unknownContract(name)
    const value: readonly unknown[] = [JSON.parse(body)]
    if (contract.kind === 'queue') await this.#bus.send(contract, value, { ...options, id })
    else await this.#bus.publish(contract, value, { ...options, id })
  }
}

/**
 * Starts an outbox: from now on its relay sends what is committed.
 *
 *     await using box = outbox(bus, { store: pg(pool), contracts: [orders] })
 *     await box.send(tx, orders, order)
 */
export function outbox<Tx>(bus: Bus, options: OutboxOptions<Tx>): Outbox<Tx> {
  return new Outbox(bus, options)
}

function unknownContract(name: string): ClientError {
  return new ClientError({
    code: 'SPILLWAY_E_CONTRACT',
    why: `the outbox does not know the contract ${name}.`,
    alternatives: ['outbox(bus, { contracts: […] })'],
  })
}

function bytesInOutbox(name: string): ClientError {
  return new ClientError({
    code: 'SPILLWAY_E_CONTRACT',
    why: `${name}: an outbox keeps JSON, and this body is bytes.`,
  })
}
