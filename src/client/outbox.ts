/**
 * The outbox: messages that are sent if, and only if, a database transaction is committed. They are
 * written beside the data, in the user's own transaction; a relay sends what is committed, in
 * order for each queue and topic, and takes it out.
 *
 *     begin ── insert order ── insert message ── commit      relay: read ── send ── delete
 *
 * A row is a whole message: validated, with its id, key, headers and the settings of its queue. So
 * the relay needs no contract, and any process that has started one may send what another has
 * written, and then crashed. The relay itself may crash between sending and deleting: then the
 * message is sent again, with the same id. A contract with `dedupe`, or a handler with an inbox,
 * makes one of the two. One relay works at a time; the others wait for it to die.
 */

import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts'
import type { Timer } from '../engine/ports.ts'
import { type Duration, toMs } from './backoff.ts'
import type { Queue, Topic } from './contracts.ts'
import type { Endpoint, Outgoing, SendResult } from './driver.ts'
import { ClientError } from './errors.ts'
import {
  type Bodies,
  bodiesOf,
  type Cause,
  draft,
  type PublishOptions,
  type SendOptions,
} from './sending.ts'
import type { Session } from './session.ts'
import { decodeBase64, encodeBase64, headerNames } from './wire.ts'

/** A message that waits in the database. */
export interface OutboxRow {
  /** In the order in which they were written. */
  readonly sequence: string
  readonly id: string
  /** The queue or topic. */
  readonly contract: string
  /** JSON; base64 where the body is bytes. */
  readonly body: string
  /** The rest of the message, as JSON: for the relay alone. */
  readonly message: string
}

export interface OutboxStore<Tx> {
  /** Makes what is missing. Called once, before anything else. */
  prepare(): Promise<void>
  /** Inside of the user's transaction. */
  insert(tx: Tx, rows: readonly Omit<OutboxRow, 'sequence'>[]): Promise<void>
  /**
   * Hands the oldest rows that are not set aside to `send`, takes out those that it names as sent,
   * and sets those aside that it names as refused. False: another relay is at work.
   */
  relay(
    countMax: number,
    send: (rows: readonly OutboxRow[]) => Promise<RelayStep>,
  ): Promise<boolean>
}

/** What has become of some rows, by their sequence; those that are not named stay. */
export interface RelayStep {
  readonly sent: readonly string[]
  readonly refused: readonly { readonly sequence: string; readonly why: string }[]
}

export interface OutboxOptions {
  /** How long a committed message may wait before it is noticed. Default 250 ms. */
  readonly every?: Duration | undefined
  /** Rows in one step of the relay. Default 100. */
  readonly batch?: number | undefined
}

/** Refused for good: it is set aside, and does not hold up those behind it. */
const neverRetried = /^SPILLWAY_[UVP]_|^SPILLWAY_E_(CONTRACT|ID|HEADER|PRIORITY|OPTION|ROW)$/

/** A database that is gone is asked less and less often, down to this. */
const pauseMsMax = 10_000

/** Made by `bus.outbox`. `Tx` is a transaction of the user's database. */
export class Outbox<Tx> implements AsyncDisposable {
  /** Resolves when the database has what the outbox needs; rejects when it cannot be made. */
  readonly ready: Promise<void>
  readonly #session: Session
  readonly #store: OutboxStore<Tx>
  readonly #everyMs: number
  readonly #countMax: number
  #pauseMs: number
  #timer: Timer | undefined
  #turn: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(session: Session, store: OutboxStore<Tx>, options: OutboxOptions = {}) {
    this.#session = session
    this.#store = store
    this.#everyMs = toMs(options.every ?? '250ms')
    this.#countMax = options.batch ?? 100
    this.#pauseMs = this.#everyMs
    this.ready = store.prepare()
    this.ready.then(
      () => this.#later(),
      error => session.emit({ kind: 'error', error }),
    )
  }

  /**
   * Writes work into the transaction. A wrong shape rejects before anything is written; what
   * happens after the commit is the relay's. Returns the ids.
   *
   *     await outbox.send(tx, orders, order)
   */
  send<In, Out>(
    tx: Tx,
    contract: Queue<In, Out>,
    bodies: Bodies<NoInfer<In>>,
    options?: SendOptions,
  ): Promise<string[]> {
    return this.write(tx, contract, bodiesOf(bodies), options)
  }

  /** Writes events into the transaction. */
  publish<In, Out>(
    tx: Tx,
    contract: Topic<In, Out>,
    bodies: Bodies<NoInfer<In>>,
    options?: PublishOptions,
  ): Promise<string[]> {
    return this.write(tx, contract, bodiesOf(bodies), options)
  }

  /** What `send` and `publish` have in common, and what a handler's message sends. */
  async write(
    tx: Tx,
    contract: Queue<unknown> | Topic<unknown>,
    bodies: readonly unknown[],
    options: SendOptions | undefined,
    cause?: Cause,
  ): Promise<string[]> {
    const session = this.#session
    session.checkOpen()
    const drafts = await draft(session, contract, bodies, options, cause)
    await this.ready
    const trace = session.telemetry?.current() ?? {}
    const rows = drafts.map(message => {
      const headers = { ...message.headers, ...trace }
      return rowOf({ ...message, headers }, session.now)
    })
    await this.#store.insert(tx, rows)
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
    await this.ready.catch(() => {})
    await this.#turn
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #later(): void {
    if (this.#isClosed) return
    this.#timer = this.#session.context.clock.schedule(this.#pauseMs, () => {
      const done = (pauseMs: number): void => {
        this.#pauseMs = pauseMs
        this.#later()
      }
      this.flush().then(
        () => done(this.#everyMs),
        error => {
          this.#session.emit({ kind: 'error', error })
          done(Math.max(this.#everyMs, Math.min(this.#pauseMs * 2, pauseMsMax)))
        },
      )
    })
  }

  async #relay(): Promise<void> {
    await this.ready
    let isMore = true
    while (isMore) {
      isMore = false
      let failure: Error | undefined
      const isOurs = await this.#store.relay(this.#countMax, async rows => {
        const step = await this.#sendRows(rows)
        failure = step.failure
        isMore = rows.length === this.#countMax && failure === undefined
        return step
      })
      if (failure !== undefined) throw failure
      if (!isOurs) return
    }
  }

  /** In order for each queue or topic; what fails for now stops those behind it in there. */
  async #sendRows(
    rows: readonly OutboxRow[],
  ): Promise<RelayStep & { readonly failure: Error | undefined }> {
    const sent: string[] = []
    const refused: { sequence: string; why: string }[] = []
    let failure: Error | undefined
    const sendInOrder = async (batches: readonly Batch[]): Promise<void> => {
      for (const { messages, sequences } of batches) {
        const errors = await this.#sendBatch(messages)
        let isStopped = false
        for (const [index, sequence] of sequences.entries()) {
          const error = errors[index]
          if (error === undefined) sent.push(sequence)
          else if (isForGood(error)) refused.push({ sequence, why: error.message })
          else {
            failure ??= error
            isStopped = true
          }
        }
        if (isStopped) return
      }
    }
    const { places, unreadable } = batchesOf(rows, this.#session.now)
    refused.push(...unreadable)
    await Promise.all(places.map(sendInOrder))
    return { sent, refused, failure }
  }

  /** An error, or none, for each message. */
  async #sendBatch(messages: readonly Outgoing[]): Promise<readonly (Error | undefined)[]> {
    if (messages.length === 0) return []
    try {
      await this.#session.prepare(messages[0]!.to)
      const results = await this.#session.send(messages)
      return results.map((result: SendResult) => (result.ok ? undefined : result.error))
    } catch (error) {
      return messages.map(() => error as Error)
    }
  }
}

function isForGood(error: Error): boolean {
  return neverRetried.test((error as { code?: string }).code ?? '')
}

/** Rows that go to the backend in one call. */
interface Batch {
  readonly messages: Outgoing[]
  readonly sequences: string[]
}

/**
 * What is for one endpoint goes together, but no two of one key: if the first were not
 * confirmed and the second was, their order would be lost.
 */
function batchesOf(
  rows: readonly OutboxRow[],
  now: number,
): { readonly places: readonly (readonly Batch[])[]; readonly unreadable: RelayStep['refused'] } {
  const places = new Map<string, { readonly batches: Batch[]; readonly keys: Set<string> }>()
  const unreadable: { sequence: string; why: string }[] = []
  for (const row of rows) {
    const { sequence } = row
    const message = messageOf(row, now)
    if (message instanceof Error) {
      unreadable.push({ sequence, why: message.message })
      continue
    }
    const name = `${message.to.kind} ${message.to.name}`
    const place = places.get(name) ?? { batches: [], keys: new Set() }
    places.set(name, place)
    const { key } = message
    if (place.batches.length === 0 || (key !== undefined && place.keys.has(key))) {
      place.batches.push({ messages: [], sequences: [] })
      place.keys.clear()
    }
    const batch = place.batches.at(-1)!
    batch.messages.push(message)
    batch.sequences.push(sequence)
    if (key !== undefined) place.keys.add(key)
  }
  return { places: [...places.values()].map(({ batches }) => batches), unreadable }
}

/** A row beside its body. `v` is raised when an older reader would misunderstand it. */
interface Written {
  readonly v: 1
  readonly to: Endpoint
  readonly key?: string | undefined
  readonly headers: Outgoing['headers']
  readonly dedupeId?: string | undefined
  readonly dueAt?: number | undefined
  readonly ttlMs?: number | undefined
  readonly priority: number
  readonly isBase64?: true | undefined
}

function rowOf(message: Outgoing, now: number): Omit<OutboxRow, 'sequence'> {
  const { to, id, key, headers, dedupeId, ttlMs, priority, delayMs } = message
  const isJson = headers[headerNames.contentType]?.startsWith('application/json') ?? false
  const written: Written = {
    v: 1,
    to,
    key,
    headers,
    dedupeId,
    dueAt: delayMs > 0 ? now + delayMs : undefined,
    ttlMs,
    priority,
    isBase64: isJson ? undefined : true,
  }
  const body = isJson ? decodeUtf8(message.body) : encodeBase64(message.body)
  return { id, contract: to.name, body, message: JSON.stringify(written) }
}

/** The message again; a delay counts from when it was written. */
function messageOf(row: OutboxRow, now: number): Outgoing | ClientError {
  let written: Written
  try {
    written = JSON.parse(row.message) as Written
  } catch (error) {
    return unreadableRow(row, (error as Error).message)
  }
  if (written.v !== 1)
    return unreadableRow(row, `it has version ${written.v}, and this client reads 1`)
  const { to, key, headers, dedupeId, dueAt, ttlMs, priority } = written
  const body = written.isBase64 === true ? decodeBase64(row.body) : encodeUtf8(row.body)
  const delayMs = dueAt === undefined ? 0 : Math.max(0, dueAt - now)
  const { id } = row
  return { to, group: undefined, id, key, body, headers, dedupeId, delayMs, ttlMs, priority }
}

function unreadableRow({ id }: OutboxRow, reason: string): ClientError {
  const why = `the outbox row of message ${id} cannot be read: ${reason}.`
  return new ClientError({ code: 'SPILLWAY_E_ROW', why })
}
