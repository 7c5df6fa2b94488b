/** The bus: the one thing that an application holds. Its verbs are short; the parts are beside. */

import { parseTime } from '../platform/clock.ts'
import type { Queue, Topic } from './contracts.ts'
import type { From } from './driver.ts'
import { deadLettersOf, featuresOf, queueEndpoint, topicEndpoint } from './endpoints.ts'
import { ClientError } from './errors.ts'
import type { Guarantee, Policy } from './message.ts'
import {
  type Bodies,
  bodiesOf,
  draft,
  type PublishOptions,
  type Receipt,
  receiptsOf,
  type SendOptions,
} from './sending.ts'
import type { Session } from './session.ts'
import {
  type DrainOptions,
  type Handler,
  HandlerWorker,
  type Intake,
  limitsOf,
  type Worker,
  type WorkerOptions,
} from './worker.ts'

export interface ConsumeOptions extends WorkerOptions {
  /** Default `at-least-once`. */
  readonly guarantee?: Guarantee | undefined
}

/** Where a new group begins; one that exists goes on from its own place. Default `latest`. */
export type SubscribeFrom =
  | 'earliest'
  | 'latest'
  | { readonly timestamp: string | number | { getTime(): number } }
  | { readonly position: string }

export interface SubscribeOptions extends ConsumeOptions {
  readonly group: string
  readonly from?: SubscribeFrom | undefined
}

export class Bus {
  readonly #session: Session
  readonly #workers = new Set<Worker>()
  #closing: Promise<void> | undefined

  constructor(session: Session) {
    this.#session = session
  }

  get backend(): string {
    return this.#session.driver.backend
  }

  /**
   * Work for one handler. Resolves when the backend has confirmed it.
   *
   *     const [receipt] = await bus.send(orders, { id: 'o-1', customer: 'ada', total: 42 })
   */
  send<In, Out>(
    contract: Queue<In, Out>,
    bodies: Bodies<In>,
    options?: SendOptions,
  ): Promise<Receipt[]> {
    return this.#send(contract, bodiesOf(bodies), options)
  }

  /** An event for every group. */
  publish<In, Out>(
    contract: Topic<In, Out>,
    bodies: Bodies<In>,
    options?: PublishOptions,
  ): Promise<Receipt[]> {
    return this.#send(contract, bodiesOf(bodies), options)
  }

  async #send(
    contract: Queue<unknown> | Topic<unknown>,
    bodies: readonly unknown[],
    options: SendOptions | undefined,
  ): Promise<Receipt[]> {
    const session = this.#session
    session.checkOpen()
    const messages = await draft(session, contract, bodies, options)
    if (messages.length === 0) return []
    await this.#prepare(contract)
    return receiptsOf(messages, await session.send(messages))
  }

  /**
   * Return: done. Throw: again after the backoff. `Reject`: dead letter.
   *
   *     await using worker = bus.consume(orders, async order => charge(order), { concurrency: 16 })
   */
  consume<In, Out>(
    contract: Queue<In, Out>,
    handler: Handler<Out>,
    options: ConsumeOptions = {},
  ): Worker {
    const policy = this.#policy(contract, options.guarantee, contract.name, undefined)
    const endpoint = queueEndpoint(contract)
    const intake = { policy, endpoint, schema: contract.schema, group: undefined }
    return this.#work(contract, intake, options, handler)
  }

  /** As `consume`, for one group of a topic. */
  subscribe<In, Out>(
    contract: Topic<In, Out>,
    options: SubscribeOptions,
    handler: Handler<Out>,
  ): Worker {
    const { group, from = 'latest' } = options
    const source = `${contract.name}/${group}`
    const policy = this.#policy(contract, options.guarantee, source, group)
    const endpoint = topicEndpoint(contract)
    const place = { name: group, from: fromOf(from) }
    return this.#work(
      contract,
      { policy, endpoint, schema: contract.schema, group: place },
      options,
      handler,
    )
  }

  #work<Out>(
    contract: Queue<unknown> | Topic<unknown>,
    intake: Intake<Out>,
    options: ConsumeOptions,
    handler: Handler<Out>,
  ): Worker {
    const session = this.#session
    session.checkOpen()
    const { policy, endpoint } = intake
    session.require(policy.guarantee, endpoint, `contract ${endpoint.name} · guarantee`)
    const worker = new HandlerWorker(intake, limitsOf(options), handler, async () => {
      await this.#prepare(contract)
      if (policy.deadLetters !== undefined) await session.prepare(policy.deadLetters)
    })
    this.#workers.add(worker)
    const forget = () => this.#workers.delete(worker)
    worker.ended.then(forget, forget)
    return worker
  }

  #policy(
    contract: Queue<unknown> | Topic<unknown>,
    guarantee: Guarantee = 'at-least-once',
    source: string,
    group: string | undefined,
  ): Policy {
    const { retry, onKeyFailure } = contract
    const deadLetters = deadLettersOf(contract, group)
    return { session: this.#session, source, retry, deadLetters, onKeyFailure, guarantee }
  }

  /** Makes what a contract needs, after what it asks for has been found possible. */
  async #prepare(contract: Queue<unknown> | Topic<unknown>): Promise<void> {
    const session = this.#session
    const endpoint = contract.kind === 'queue' ? queueEndpoint(contract) : topicEndpoint(contract)
    if (!session.isPrepared(endpoint)) {
      for (const feature of featuresOf(contract)) session.require(feature, endpoint)
    }
    await session.prepare(endpoint)
  }

  /** Drains all workers, then leaves the backend. */
  close(options: DrainOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close(options: DrainOptions): Promise<void> {
    await Promise.all([...this.#workers].map(worker => worker.drain(options)))
    this.#session.isClosed = true
    await this.#session.driver.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function fromOf(from: SubscribeFrom): From {
  if (typeof from === 'string' || 'position' in from) return from
  const { timestamp } = from
  return { timestamp: timestampOf(timestamp) }
}

export function timestampOf(time: string | number | { getTime(): number }): number {
  if (typeof time === 'number') return time
  const ms = typeof time === 'string' ? parseTime(time) : time.getTime()
  if (!Number.isNaN(ms)) return ms
  const why = `“${time}” is no time: write milliseconds since 1970, an ISO 8601 text, or a Date.`
  throw new ClientError({ code: 'SPILLWAY_E_TIME', why })
}
