/**
 * A message in a handler's hands, and the one place where its fate is decided: done, tried again
 * after its backoff, or dead. It is settled once.
 */

import type { Abort } from './abort.ts'
import { backoffMs, type Duration, toMs } from './backoff.ts'
import type { Queue, Retry, Topic } from './contracts.ts'
import type { Delivery, Endpoint, Headers, Outgoing, Settlement } from './driver.ts'
import { ClientError, describeError, Reject, type ShapeIssue } from './errors.ts'
import {
  type Bodies,
  bodiesOf,
  draft,
  type PublishOptions,
  plainOutgoing,
  type Receipt,
  receiptsOf,
  type SendOptions,
} from './sending.ts'
import type { Session } from './session.ts'
import { clip, headerNames } from './wire.ts'

export type Guarantee = 'at-most-once' | 'at-least-once' | 'effectively-once'

export interface Message<Out> {
  readonly id: string
  readonly body: Out
  readonly key: string | undefined
  /** Which call of the handler this is: 1 for the first. */
  readonly attempt: number
  /** How many there may be. */
  readonly attempts: number
  readonly headers: Headers
  /** Wall-clock milliseconds of when the backend stored it. */
  readonly time: number
  readonly position: string
  /** Aborted when the time for handling it is over, or a drain gives up on it. */
  readonly signal: AbortSignal
  readonly isSettled: boolean
  /** Handled. A handler that returns does the same. */
  ack(): Promise<void>
  /** Again later; counts as an attempt, so that the last one makes it a dead letter. */
  retry(options?: {
    readonly delay?: Duration | undefined
    readonly reason?: string | undefined
  }): Promise<void>
  /** Straight to the dead letters. */
  reject(reason?: string): Promise<void>
  /** Back to where it was, as if nobody had had it. */
  release(): Promise<void>
  /**
   * Sends what follows from this message: with its trace, and its id as the cause. Under
   * effectively-once it happens together with the acknowledgement, and the receipts say only ids.
   */
  send<In, Out2>(
    contract: Queue<In, Out2>,
    bodies: Bodies<NoInfer<In>>,
    options?: SendOptions,
  ): Promise<Receipt[]>
  publish<In, Out2>(
    contract: Topic<In, Out2>,
    bodies: Bodies<NoInfer<In>>,
    options?: PublishOptions,
  ): Promise<Receipt[]>
  /** Releases it when it is not settled. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What is the same for all messages of a consumer. */
export interface Policy {
  readonly session: Session
  /** The queue, or the topic and group, as errors and dead letters name it. */
  readonly source: string
  readonly retry: Retry
  readonly deadLetters: Endpoint | undefined
  readonly onKeyFailure: 'park' | 'dead-letter'
  readonly guarantee: Guarantee
}

export type DeathReason = 'rejected' | 'attempts' | 'schema' | 'key'

const done: Settlement = { kind: 'done' }

export class IncomingMessage<Out> implements Message<Out> {
  readonly body: Out
  readonly delivery: Delivery
  readonly #policy: Policy
  readonly #abort: Abort
  /** Under effectively-once: what is sent with its acknowledgement. */
  #together: Outgoing[] | undefined
  #settling: Promise<void> | undefined
  /** At most once: it was acknowledged before its handler was called. */
  isDone = false
  /** Called when it begins to be settled. */
  onSettle: (() => void) | undefined
  /** What its consumer keeps leased; it is taken out when it begins to be settled. */
  held: Set<Delivery> | undefined

  constructor(policy: Policy, delivery: Delivery, body: Out, abort: Abort) {
    this.#policy = policy
    this.delivery = delivery
    this.body = body
    this.#abort = abort
  }

  get id(): string {
    return this.delivery.headers[headerNames.id] ?? this.delivery.id
  }

  get key(): string | undefined {
    return keyOf(this.delivery)
  }

  get attempt(): number {
    return this.delivery.attempt
  }

  get attempts(): number {
    return this.#policy.retry.attempts
  }

  get headers(): Headers {
    return this.delivery.headers
  }

  get time(): number {
    return this.delivery.time
  }

  get position(): string {
    return this.delivery.position
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isSettled(): boolean {
    return this.#settling !== undefined
  }

  /** Resolves when the settlement, if there is one, has been made; rejects when that failed. */
  get settling(): Promise<void> {
    return this.#settling ?? Promise.resolve()
  }

  ack(): Promise<void> {
    const { guarantee, session } = this.#policy
    if (guarantee === 'at-most-once') {
      this.#begins()
      this.#settling ??= Promise.resolve()
      return this.#settling
    }
    if (this.#together === undefined) return this.#settle(done)
    const work = {
      send: this.#together,
      settle: [{ delivery: this.delivery, settlement: done }],
    }
    return this.#once(async () => {
      receiptsOf(work.send, await session.driver.commit(work))
    })
  }

  retry(
    options: { readonly delay?: Duration | undefined; readonly reason?: string | undefined } = {},
  ): Promise<void> {
    const { delay, reason = 'the handler asked for a retry' } = options
    const error = new Error(reason)
    error.name = 'RetryError'
    return this.fail(error, delay === undefined ? undefined : toMs(delay))
  }

  reject(reason = 'rejected'): Promise<void> {
    return this.die(new Reject(reason), 'rejected')
  }

  release(): Promise<void> {
    return this.#settle({ kind: 'release' })
  }

  /** The handler threw: again after the backoff, or dead after the last attempt. */
  fail(error: unknown, delayMs?: number): Promise<void> {
    if (error instanceof Reject) return this.die(error, 'rejected')
    const { retry, onKeyFailure } = this.#policy
    if (this.attempt >= retry.attempts) return this.die(error, 'attempts')
    if (this.key !== undefined && onKeyFailure === 'dead-letter') return this.die(error, 'key')
    this.#report(error, 'retry')
    const wait = delayMs ?? backoffMs(retry.backoff, this.attempt)
    return this.#settle({ kind: 'retry', delayMs: wait })
  }

  /** To the dead letters, or, where the contract has none, gone. */
  die(error: unknown, reason: DeathReason, issues?: readonly ShapeIssue[]): Promise<void> {
    const { deadLetters } = this.#policy
    this.#report(error, deadLetters === undefined ? 'dropped' : 'dead')
    if (deadLetters === undefined) return this.#settle({ kind: 'done' })
    return this.#settle({ kind: 'dead', letter: this.#letter(deadLetters, error, reason, issues) })
  }

  async send<In, Out2>(
    contract: Queue<In, Out2>,
    bodies: Bodies<NoInfer<In>>,
    options?: SendOptions,
  ): Promise<Receipt[]> {
    return this.#sendAlong(contract, bodiesOf(bodies), options)
  }

  async publish<In, Out2>(
    contract: Topic<In, Out2>,
    bodies: Bodies<NoInfer<In>>,
    options?: PublishOptions,
  ): Promise<Receipt[]> {
    return this.#sendAlong(contract, bodiesOf(bodies), options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#settling !== undefined) await this.#settling
    else if (this.isDone) await this.ack()
    else await this.release()
  }

  async #sendAlong(
    contract: Queue<unknown> | Topic<unknown>,
    bodies: readonly unknown[],
    options: SendOptions | undefined,
  ): Promise<Receipt[]> {
    const { session, guarantee } = this.#policy
    const drafts = draft(session, contract, bodies, options, this)
    if (guarantee !== 'effectively-once') {
      return session.post(drafts, async () => {
        const [first] = await drafts
        await session.prepare(first!.to)
      })
    }
    const messages = await drafts
    if (messages.length > 0) await session.prepare(messages[0]!.to)
    if (this.isSettled) throw settledTwice(this.id)
    this.#together ??= []
    this.#together.push(...messages)
    return messages.map(({ id }) => ({ id, duplicate: false, position: undefined }))
  }

  #letter(
    to: Endpoint,
    error: unknown,
    reason: DeathReason,
    issues: readonly ShapeIssue[] | undefined,
  ): Outgoing {
    const { session, source } = this.#policy
    const { name, message } = describeError(error)
    const headers = {
      ...this.headers,
      [headerNames.id]: this.id,
      [headerNames.attempt]: String(this.attempt),
      [headerNames.error]: clip(name),
      [headerNames.errorMessage]: clip(message),
      [headerNames.errorReason]: reason,
      [headerNames.source]: source,
      [headerNames.deadAt]: String(session.now),
      [headerNames.time]: String(this.time),
      ...(issues === undefined ? {} : { [headerNames.errorIssues]: clip(JSON.stringify(issues)) }),
      ...(this.key === undefined ? {} : { [headerNames.key]: this.key }),
    }
    const { body } = this.delivery
    const { id, key } = this
    return { ...plainOutgoing, to, id, key, body, headers }
  }

  /** At most once: it was acknowledged before it failed. */
  drop(error: unknown): void {
    this.#report(error, 'dropped')
  }

  #report(error: unknown, outcome: 'retry' | 'dead' | 'dropped'): void {
    const { session, source } = this.#policy
    const thrown = error instanceof Error ? error : new Error(String(error))
    const { id, attempt } = this
    session.emit({ kind: 'failed', source, id, attempt, error: thrown, outcome })
  }

  #settle(settlement: Settlement): Promise<void> {
    if (this.#settling !== undefined || this.isDone) return Promise.reject(settledTwice(this.id))
    this.#settling = this.delivery.settle(settlement)
    this.#begins()
    return this.#settling
  }

  #once(run: () => Promise<void>): Promise<void> {
    if (this.#settling !== undefined || this.isDone) return Promise.reject(settledTwice(this.id))
    this.#settling = run()
    this.#begins()
    return this.#settling
  }

  #begins(): void {
    this.held?.delete(this.delivery)
    this.onSettle?.()
  }
}

export function keyOf({ headers, key }: Pick<Delivery, 'headers' | 'key'>): string | undefined {
  return headers[headerNames.key] ?? key
}

function settledTwice(id: string): ClientError {
  const why = `message ${id} is settled already.`
  return new ClientError({ code: 'SPILLWAY_E_SETTLED', why })
}
