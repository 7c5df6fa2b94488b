/** The bus: the one thing that an application holds. Its verbs are short; the parts are beside. */

import { fixed } from './backoff.ts'
import { type BatchHandler, type BatchOptions, inBatches } from './batches.ts'
import {
  type AnyBatchHandler,
  type AnyHandler,
  type ConsumeOptions,
  guaranteeOf,
  type MessagesOptions,
  policyOf,
  type SubscribeOptions,
  type WithBatchInbox,
  type WithInbox,
} from './consumers.ts'
import type { AnyContract, Queue, Rpc, Topic } from './contracts.ts'
import { DeadLetters } from './dead-letters.ts'
import type { Depth, Endpoint, Outgoing } from './driver.ts'
import {
  deadLettersOf,
  endpointOf,
  featuresOf,
  queueEndpoint,
  requestEndpoint,
  topicEndpoint,
} from './endpoints.ts'
import { ClientError } from './errors.ts'
import type { PlanRow } from './features.ts'
import { type Event, eventOf, fromOf, type ReadOptions, readBody, timeOf } from './history.ts'
import {
  type InboxBatchHandler,
  type InboxHandler,
  type InboxStore,
  isOutboxStore,
  withBatchInbox,
  withInbox,
} from './inbox.ts'
import { keyOf, type Message, type Policy } from './message.ts'
import { Outbox, type OutboxOptions, type OutboxStore } from './outbox.ts'
import { type PlanUse, planRows } from './planning.ts'
import { pull } from './pull.ts'
import { type ReplayOptions, type ReplayResult, replay } from './replaying.ts'
import { answer, Requester, type RequestOptions } from './requests.ts'
import {
  type Bodies,
  bodiesOf,
  draft,
  type PublishOptions,
  type Receipt,
  receiptsOf,
  type SendOptions,
} from './sending.ts'
import type { AdoptOptions, Session } from './session.ts'
import { decodeBody } from './wire.ts'
import {
  type DrainOptions,
  type Handler,
  HandlerWorker,
  type Intake,
  limitsOf,
  oneByOne,
  type Setup,
  type Worker,
  type WorkerOptions,
} from './worker.ts'

/** Sends that are collected, to be made together. The ids are those of the messages. */
export interface Transaction {
  send<In, Out>(
    contract: Queue<In, Out>,
    bodies: Bodies<NoInfer<In>>,
    options?: SendOptions,
  ): Promise<string[]>
  publish<In, Out>(
    contract: Topic<In, Out>,
    bodies: Bodies<NoInfer<In>>,
    options?: PublishOptions,
  ): Promise<string[]>
}

export class Bus {
  readonly #session: Session
  readonly #requester: Requester
  readonly #workers = new Set<Worker>()
  readonly #outboxes = new Map<OutboxStore<never>, Outbox<never>>()
  /** Ends those who iterate when the bus closes. */
  readonly #end = new AbortController()
  #closing: Promise<void> | undefined

  constructor(session: Session) {
    this.#session = session
    this.#requester = new Requester(session)
  }

  /** For the parts of the client that work below contracts. */
  static sessionOf(bus: Bus): Session {
    return bus.#session
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
    bodies: Bodies<NoInfer<In>>,
    options?: SendOptions,
  ): Promise<Receipt[]> {
    return this.#send(contract, bodiesOf(bodies), options)
  }

  /** An event for every group. */
  publish<In, Out>(
    contract: Topic<In, Out>,
    bodies: Bodies<NoInfer<In>>,
    options?: PublishOptions,
  ): Promise<Receipt[]> {
    return this.#send(contract, bodiesOf(bodies), options)
  }

  #send(
    contract: Queue<unknown> | Topic<unknown>,
    bodies: readonly unknown[],
    options: SendOptions | undefined,
  ): Promise<Receipt[]> {
    const session = this.#session
    try {
      session.checkOpen()
      const drafts = draft(session, contract, bodies, options)
      return session.post(drafts, () => this.#prepare(contract))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Return: done. Throw: again after the backoff. `Reject`: dead letter.
   *
   *     await using worker = bus.consume(orders, async order => charge(order), { concurrency: 16 })
   *
   * With an inbox the handler's effect happens one time, on every backend:
   *
   *     bus.consume(orders, (order, { tx }) => tx.query('insert …'), { inbox: pg(pool) })
   */
  consume<In, Out, Tx>(
    contract: Queue<In, Out>,
    handler: InboxHandler<Out, Tx>,
    options: ConsumeOptions & WithInbox<Tx>,
  ): Worker
  consume<In, Out>(
    contract: Queue<In, Out>,
    handler: Handler<Out>,
    options?: ConsumeOptions,
  ): Worker
  consume(
    contract: Queue<unknown>,
    handler: AnyHandler,
    options: ConsumeOptions & Partial<WithInbox<unknown>> = {},
  ): Worker {
    const policy = policyOf(this.#session, contract, guaranteeOf(options))
    const endpoint = queueEndpoint(contract)
    const intake = { policy, endpoint, schema: contract.schema, group: undefined }
    return this.#work(contract, intake, options, handler)
  }

  /** As `consume`, for one group of a topic. */
  subscribe<In, Out, Tx>(
    contract: Topic<In, Out>,
    options: SubscribeOptions & WithInbox<Tx>,
    handler: InboxHandler<Out, Tx>,
  ): Worker
  subscribe<In, Out>(
    contract: Topic<In, Out>,
    options: SubscribeOptions,
    handler: Handler<Out>,
  ): Worker
  subscribe(
    contract: Topic<unknown>,
    options: SubscribeOptions & Partial<WithInbox<unknown>>,
    handler: AnyHandler,
  ): Worker {
    const { group, from = 'latest' } = options
    const policy = policyOf(this.#session, contract, guaranteeOf(options), group)
    const endpoint = topicEndpoint(contract)
    const place = { name: group, from: fromOf(from) }
    return this.#work(
      contract,
      { policy, endpoint, schema: contract.schema, group: place },
      options,
      handler,
    )
  }

  /**
   * Several messages at a time, each with its own fate: what a handler returns and throws, see
   * `BatchHandler`.
   *
   *     bus.consumeBatch(orders, batch => store(batch.map(({ body }) => body)), { size: 100 })
   *
   * With an inbox a batch is one transaction, which is done as a whole: see `InboxBatchHandler`.
   */
  consumeBatch<In, Out, Tx>(
    contract: Queue<In, Out>,
    handler: InboxBatchHandler<Out, Tx>,
    options: BatchOptions & WithBatchInbox<Tx>,
  ): Worker
  consumeBatch<In, Out>(
    contract: Queue<In, Out>,
    handler: BatchHandler<Out>,
    options: BatchOptions,
  ): Worker
  consumeBatch(
    contract: Queue<unknown>,
    handler: AnyBatchHandler,
    options: BatchOptions & Partial<WithBatchInbox<unknown>>,
  ): Worker {
    const policy = policyOf(this.#session, contract, guaranteeOf(options))
    const endpoint = queueEndpoint(contract)
    const intake = { policy, endpoint, schema: contract.schema, group: undefined }
    return this.#workInBatches(contract, intake, options, handler)
  }

  /** As `consumeBatch`, for one group of a topic. */
  subscribeBatch<In, Out, Tx>(
    contract: Topic<In, Out>,
    options: SubscribeOptions & BatchOptions & WithBatchInbox<Tx>,
    handler: InboxBatchHandler<Out, Tx>,
  ): Worker
  subscribeBatch<In, Out>(
    contract: Topic<In, Out>,
    options: SubscribeOptions & BatchOptions,
    handler: BatchHandler<Out>,
  ): Worker
  subscribeBatch(
    contract: Topic<unknown>,
    options: SubscribeOptions & BatchOptions & Partial<WithBatchInbox<unknown>>,
    handler: AnyBatchHandler,
  ): Worker {
    const { group, from = 'latest' } = options
    const policy = policyOf(this.#session, contract, guaranteeOf(options), group)
    const endpoint = topicEndpoint(contract)
    const place = { name: group, from: fromOf(from) }
    const intake = { policy, endpoint, schema: contract.schema, group: place }
    return this.#workInBatches(contract, intake, options, handler)
  }

  #workInBatches(
    contract: Queue<unknown> | Topic<unknown>,
    intake: Intake<unknown>,
    options: BatchOptions & Partial<WithBatchInbox<unknown>>,
    handler: AnyBatchHandler,
  ): Worker {
    this.#session.checkOpen()
    const limits = limitsOf(options, options.size)
    const { inbox: store } = options
    const setup = this.#setup(contract, intake.policy, intake.endpoint, store)
    const inner =
      store === undefined
        ? (handler as BatchHandler<unknown>)
        : withBatchInbox(
            this.#inboxParts(store, intake.policy),
            handler as InboxBatchHandler<unknown, unknown>,
          )
    const handling = inBatches(intake, inner, options)
    return this.#register(new HandlerWorker(intake, limits, handling, setup))
  }

  #inboxParts<Store extends InboxStore<unknown>>(store: Store, { source }: Policy) {
    // Its relay begins here: what a crashed predecessor has left is sent, too.
    const outbox = isOutboxStore(store) ? this.outbox(store) : undefined
    return { store, consumer: source, outbox }
  }

  #work(
    contract: Queue<unknown> | Topic<unknown>,
    intake: Intake<unknown>,
    options: ConsumeOptions & Partial<WithInbox<unknown>>,
    handler: AnyHandler,
  ): Worker {
    const session = this.#session
    session.checkOpen()
    const { policy, endpoint } = intake
    const limits = limitsOf(options)
    const { inbox: store } = options
    const setup = this.#setup(contract, policy, endpoint, store)
    if (store === undefined) {
      const handling = oneByOne(intake, handler as Handler<unknown>)
      return this.#register(new HandlerWorker(intake, limits, handling, setup))
    }
    const claiming = withInbox(
      this.#inboxParts(store, policy),
      handler as InboxHandler<unknown, unknown>,
    )
    return this.#register(new HandlerWorker(intake, limits, oneByOne(intake, claiming), setup))
  }

  #setup(
    contract: Queue<unknown> | Topic<unknown>,
    policy: Policy,
    endpoint: Endpoint,
    inbox?: InboxStore<unknown>,
  ): Setup {
    const session = this.#session
    session.require(policy.guarantee, endpoint, `contract ${endpoint.name} · guarantee`)
    return async () => {
      await this.#prepare(contract)
      if (policy.deadLetters !== undefined) await session.prepare(policy.deadLetters)
      await inbox?.prepare()
    }
  }

  #register(worker: Worker): Worker {
    this.#workers.add(worker)
    const forget = () => this.#workers.delete(worker)
    worker.ended.then(forget, forget)
    return worker
  }

  /**
   * Consuming by asking. Settle each message, or let `await using` give it back.
   *
   *     for await (const message of bus.messages(orders)) await message.ack()
   */
  messages<In, Out>(
    contract: Queue<In, Out>,
    options: MessagesOptions = {},
  ): AsyncGenerator<Message<Out>, void, undefined> {
    const { guarantee, prefetch = 1 } = options
    const policy = policyOf(this.#session, contract, guarantee)
    const endpoint = queueEndpoint(contract)
    const intake = { policy, endpoint, schema: contract.schema, group: undefined }
    const limits = limitsOf({ ...options, prefetch })
    const setup = this.#setup(contract, policy, endpoint)
    return pull(intake, limits, setup, this.#untilClosed(options.signal))
  }

  /**
   * History: what a topic holds, again or for the first time, without a group.
   *
   *     for await (const event of bus.read(placed, { from: 'earliest' })) console.log(event.body)
   */
  async *read<In, Out>(
    contract: Topic<In, Out>,
    options: ReadOptions = {},
  ): AsyncGenerator<Event<Out>, void, undefined> {
    const session = this.#session
    const endpoint = topicEndpoint(contract)
    session.require('history', endpoint, `contract ${contract.name} · read(…)`)
    await this.#prepare(contract)
    const { from = 'earliest', to = 'latest', key } = options
    const signal = this.#untilClosed(options.signal)
    const end = typeof to === 'string' || 'position' in to ? to : timeOf(to)
    const range = { from: fromOf(from), to: end, signal }
    for await (const stored of session.driver.read(endpoint, range)) {
      if (key !== undefined && keyOf(stored) !== key) continue
      yield eventOf(stored, await readBody(contract, stored))
    }
  }

  /**
   * A topic's history again, for one group: its handlers run again, nobody else's.
   *
   *     await bus.replay(placed, { group: 'billing', from: { timestamp: '2026-11-01' } })
   */
  async replay<In, Out>(contract: Topic<In, Out>, options: ReplayOptions): Promise<ReplayResult> {
    this.#session.checkOpen()
    await this.#prepare(contract)
    const signal = this.#untilClosed(options.signal)
    return replay(this.#session, contract, { ...options, signal })
  }

  /** Asks, and waits for the answer of one of those who `respond`. */
  request<RequestIn, RequestOut, ReplyIn, ReplyOut>(
    contract: Rpc<RequestIn, RequestOut, ReplyIn, ReplyOut>,
    value: NoInfer<RequestIn>,
    options: RequestOptions,
  ): Promise<ReplyOut> {
    this.#session.checkOpen()
    return this.#requester.request(contract, value, options)
  }

  /** Answers. What the handler throws is thrown at the one who asked, as a `RemoteError`. */
  respond<RequestIn, RequestOut, ReplyIn, ReplyOut>(
    contract: Rpc<RequestIn, RequestOut, ReplyIn, ReplyOut>,
    handler: (request: RequestOut, message: Message<RequestOut>) => ReplyIn | Promise<ReplyIn>,
    options: WorkerOptions = {},
  ): Worker {
    const session = this.#session
    session.checkOpen()
    const endpoint = requestEndpoint(contract)
    session.require('request', endpoint)
    const policy: Policy = {
      session,
      source: contract.name,
      retry: { attempts: 3, backoff: fixed(0) },
      deadLetters: undefined,
      onKeyFailure: 'park',
      guarantee: 'at-least-once',
    }
    const intake = { policy, endpoint, schema: contract.request, group: undefined }
    const answering: Handler<RequestOut> = (_, message) =>
      answer(session, contract, handler, message)
    return this.#register(
      new HandlerWorker(intake, limitsOf(options), oneByOne(intake, answering), () =>
        session.prepare(endpoint),
      ),
    )
  }

  /**
   * Several sends, all or none. They are made when `run` has returned; when it throws, none is.
   *
   *     await bus.transaction(async tx => {
   *       await tx.send(orders, order)
   *       await tx.publish(placed, order)
   *     })
   */
  async transaction<T>(run: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const session = this.#session
    session.checkOpen()
    const messages: Outgoing[] = []
    const add = async (
      contract: Queue<unknown> | Topic<unknown>,
      bodies: readonly unknown[],
      options: SendOptions | undefined,
    ): Promise<string[]> => {
      session.require('transaction', endpointOf(contract), 'bus.transaction(…)')
      const drafts = await draft(session, contract, bodies, options)
      await this.#prepare(contract)
      messages.push(...drafts)
      return drafts.map(({ id }) => id)
    }
    const result = await run({
      send: (contract, bodies, options) => add(contract, bodiesOf(bodies), options),
      publish: (contract, bodies, options) => add(contract, bodiesOf(bodies), options),
    })
    if (messages.length === 0) return result
    receiptsOf(messages, await session.driver.commit({ send: messages, settle: [] }))
    return result
  }

  /**
   * Messages that are sent if, and only if, a transaction of your database is committed. The relay
   * of the store begins with the first call, and ends with the bus; later calls return the same.
   *
   *     const outbox = bus.outbox(pg(pool))
   *     await outbox.send(tx, orders, order)
   */
  outbox<Tx>(store: OutboxStore<Tx>, options?: OutboxOptions): Outbox<Tx> {
    const known = this.#outboxes.get(store)
    if (known !== undefined) return known
    this.#session.checkOpen()
    const outbox = new Outbox(this.#session, store, options)
    this.#outboxes.set(store, outbox)
    return outbox
  }

  /** The dead letters of a queue, or of a topic's group. */
  dlq<In, Out>(contract: Queue<In, Out>): DeadLetters
  dlq<In, Out>(contract: Topic<In, Out>, group: string): DeadLetters
  dlq(contract: Queue<unknown> | Topic<unknown>, group?: string): DeadLetters {
    const dead = deadLettersOf(contract, group)
    if (dead === undefined) throw noDeadLetters(contract.name)
    const main = endpointOf(contract)
    return new DeadLetters(this.#session, contract, { main, dead, group })
  }

  /** Takes back a message that was sent with a delay and is not due yet. */
  async cancel<In, Out>(contract: Queue<In, Out>, receipt: Receipt): Promise<boolean> {
    const endpoint = queueEndpoint(contract)
    this.#session.require('cancel', endpoint, `contract ${contract.name} · cancel(…)`)
    if (receipt.position === undefined || receipt.duplicate) return false
    await this.#prepare(contract)
    return this.#session.driver.remove(endpoint, receipt.position)
  }

  /** The first messages that wait, without taking them. */
  async peek<In, Out>(
    contract: Queue<In, Out>,
    options: { readonly limit?: number } = {},
  ): Promise<Event<unknown>[]> {
    const endpoint = queueEndpoint(contract)
    this.#session.require('peek', endpoint)
    await this.#prepare(contract)
    const found = await this.#session.driver.peek(endpoint, { countMax: options.limit ?? 100 })
    return found.map(stored => {
      const decoded = decodeBody(stored.body, stored.headers)
      return eventOf(stored, 'value' in decoded ? decoded.value : stored.body)
    })
  }

  /** Deletes one message that waits, by the position that `peek` told. */
  async remove<In, Out>(contract: Queue<In, Out>, position: string): Promise<boolean> {
    const endpoint = queueEndpoint(contract)
    this.#session.require('remove', endpoint)
    await this.#prepare(contract)
    return this.#session.driver.remove(endpoint, position)
  }

  /** Deletes what waits; how many that was, where the backend tells. */
  async purge<In, Out>(contract: Queue<In, Out> | Topic<In, Out>): Promise<number | undefined> {
    const endpoint = endpointOf(contract)
    this.#session.require('purge', endpoint)
    await this.#prepare(contract)
    return this.#session.driver.purge(endpoint)
  }

  /** How much waits, for a queue, a topic, or one of its groups. */
  async depth<In, Out>(contract: Queue<In, Out> | Topic<In, Out>, group?: string): Promise<Depth> {
    const endpoint = endpointOf(contract)
    this.#session.require('depth', endpoint)
    await this.#prepare(contract)
    return this.#session.driver.depth(endpoint, group)
  }

  /**
   * What the backend does natively, what is emulated at which cost, and what is impossible.
   *
   *     console.table(await bus.plan(orders, placed))
   */
  plan(...contracts: readonly AnyContract[]): Promise<PlanRow[]> {
    return this.planFor(contracts, {})
  }

  /** The same, for a use: the guarantee, and the concurrency and timeout of its consumers. */
  planFor(contracts: readonly AnyContract[], use: PlanUse): Promise<PlanRow[]> {
    return planRows(this.#session, contracts, use)
  }

  /** Makes what contracts need on the backend, ahead of their first use. */
  async prepare(...contracts: readonly AnyContract[]): Promise<void> {
    for (const contract of contracts) {
      if (contract.kind === 'rpc') await this.#session.prepare(requestEndpoint(contract))
      else await this.#prepare(contract)
    }
  }

  /**
   * Uses a queue or topic as it is on the backend, whatever this contract says, and makes it only
   * when it is missing: for tools that know no more than its name.
   */
  async adopt<In, Out>(
    contract: Queue<In, Out> | Topic<In, Out>,
    options: AdoptOptions = {},
  ): Promise<void> {
    await this.#session.adopt(endpointOf(contract), options)
    const dead = contract.kind === 'queue' ? deadLettersOf(contract) : undefined
    if (dead !== undefined) await this.#session.adopt(dead)
  }

  /** Deletes what a contract has on the backend, with everything in it: for tests. */
  async drop(contract: AnyContract): Promise<void> {
    const session = this.#session
    const dead = contract.kind === 'queue' ? deadLettersOf(contract) : undefined
    for (const endpoint of [endpointOf(contract), ...(dead === undefined ? [] : [dead])]) {
      await session.driver.drop(endpoint)
      session.forget(endpoint)
    }
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

  #untilClosed(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#end.signal : AbortSignal.any([signal, this.#end.signal])
  }

  /** Drains all workers, ends all iterations, then leaves the backend. */
  close(options: DrainOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close(options: DrainOptions): Promise<void> {
    await Promise.all([...this.#workers].map(worker => worker.drain(options)))
    await Promise.all([...this.#outboxes.values()].map(outbox => outbox.close()))
    this.#end.abort()
    await this.#requester.close()
    this.#session.isClosed = true
    await this.#session.driver.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function noDeadLetters(name: string): ClientError {
  const why = `${name} has no dead letters: its contract says dlq: false.`
  return new ClientError({ code: 'SPILLWAY_E_CONTRACT', why })
}
