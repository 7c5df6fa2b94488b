/**
 * What a case of the conformance suite works with: a bus on the backend under test, names of its
 * own, and ways to wait for what is to happen, without sleeping and never for ever.
 */

import {
  type AnyContract,
  type Bus,
  type BusEvent,
  type ConnectOptions,
  type ConsumeOptions,
  type Feature,
  type Handler,
  type Message,
  type Queue,
  type QueueOptions,
  queue,
  type Rpc,
  rpc,
  type StandardSchema,
  type SubscribeOptions,
  type Topic,
  type TopicOptions,
  topic,
  type Worker,
} from '../client/client.ts'
import type { Clock } from '../engine/ports.ts'

/** The backend under test. */
export interface Subject {
  readonly url: string
  readonly connect: (url: string, options: ConnectOptions) => Promise<Bus>
  readonly clock: Clock
  /** Part of every name, so that two runs on one broker do not meet. */
  readonly run: string
  /** The shortest wait that the backend can tell from none, in milliseconds. */
  readonly unitMs: number
  /** How long anything may take before it counts as never, in milliseconds. */
  readonly patienceMs: number
}

export interface Case {
  readonly name: string
  readonly run: (trial: Trial) => Promise<void>
}

/** Thrown by a case that the backend cannot pass; `plan` says the same. */
export class Skip extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'Skip'
  }
}

/** The usual body. */
export interface Item {
  readonly n: number
  readonly key?: string
}

export class Trial {
  readonly unitMs: number
  readonly events: BusEvent[] = []
  readonly #subject: Subject
  readonly #name: string
  readonly #buses: Bus[] = []
  readonly #workers: Worker[] = []
  readonly #contracts: AnyContract[] = []
  readonly #gates: (() => void)[] = []
  #bus: Bus | undefined

  constructor(subject: Subject, number: number) {
    this.#subject = subject
    this.#name = `${subject.run}-${number}`
    this.unitMs = subject.unitMs
  }

  get bus(): Bus {
    if (this.#bus === undefined) throw new Error('the trial has not begun')
    return this.#bus
  }

  get now(): number {
    return this.#subject.clock.now()
  }

  /** Monotonic milliseconds. */
  get monotonic(): number {
    return this.#subject.clock.monotonic()
  }

  async begin(): Promise<void> {
    this.#bus = await this.open()
  }

  /** Another application on the same backend. */
  async open(options: ConnectOptions = {}): Promise<Bus> {
    const bus = await this.#subject.connect(this.#subject.url, {
      name: this.#name,
      emulate: 'allow',
      onEvent: event => this.events.push(event),
      ...options,
    })
    this.#buses.push(bus)
    return bus
  }

  async end(): Promise<void> {
    for (const worker of this.#workers) await worker.drain({ timeout: 0 })
    for (const open of this.#gates) open()
    for (const contract of this.#contracts) await this.#bus?.drop(contract).catch(() => {})
    for (const bus of this.#buses) await bus.close({ timeout: 0 })
  }

  /** Ends the case as skipped where the plan for the contract says `impossible`. */
  async needs(contract: AnyContract, ...wanted: readonly Feature[]): Promise<void> {
    for (const { feature, how, why, code } of await this.bus.plan(contract)) {
      if (how !== 'impossible' || !wanted.includes(feature)) continue
      throw new Skip(`${feature}: ${why} (${code})`)
    }
  }

  nameOf(suffix = ''): string {
    return `${this.#name}-${this.#contracts.length}${suffix}`
  }

  queue(options: QueueOptions<Item> = {}): Queue<Item> {
    const { retry = { attempts: 3, backoff: { kind: 'fixed' as const, ms: 0 } }, ...rest } = options
    return this.#keep(queue<Item>(this.nameOf(), { retry, ...rest }))
  }

  /** Order by key, one key for each item. */
  keyed(options: QueueOptions<Item> = {}): Queue<Item> {
    return this.queue({ key: ({ key = '' }) => key, ...options })
  }

  /** Any body at all. */
  anyQueue(): Queue<unknown> {
    return this.#keep(queue(this.nameOf()))
  }

  shaped<S extends StandardSchema>(schema: S): Queue<InputOf<S>, OutputOf<S>> {
    return this.#keep(queue(this.nameOf(), { schema })) as Queue<InputOf<S>, OutputOf<S>>
  }

  /** The same queue as another service knows it, with another shape. */
  alias<T, U>(contract: Queue<T>, schema: StandardSchema<unknown, U>): Queue<unknown, U> {
    const { name, retry } = contract
    return queue(name, { schema, retry }) as Queue<unknown, U>
  }

  topic(options: TopicOptions<Item> = {}): Topic<Item> {
    const { retry = { attempts: 3, backoff: { kind: 'fixed' as const, ms: 0 } }, ...rest } = options
    return this.#keep(topic<Item>(this.nameOf(), { retry, ...rest }))
  }

  rpc<Q, A>(): Rpc<Q, Q, A, A> {
    return this.#keep(rpc<Q, A>(this.nameOf()))
  }

  rpcOf<Q, A>(request: StandardSchema<Q, Q>, reply: StandardSchema<A, A>): Rpc<Q, Q, A, A> {
    return this.#keep(rpc(this.nameOf(), { request, reply })) as Rpc<Q, Q, A, A>
  }

  #keep<C extends AnyContract>(contract: C): C {
    this.#contracts.push(contract)
    return contract
  }

  /** A worker that consumes already. */
  async work<In, Out>(
    contract: Queue<In, Out>,
    handler: Handler<Out>,
    options: ConsumeOptions & { readonly bus?: Bus } = {},
  ): Promise<Worker> {
    const { bus = this.bus, ...rest } = options
    return this.started(bus.consume(contract, handler, rest))
  }

  async follow<In, Out>(
    contract: Topic<In, Out>,
    options: SubscribeOptions & { readonly bus?: Bus },
    handler: Handler<Out>,
  ): Promise<Worker> {
    const { bus = this.bus, ...rest } = options
    return this.started(bus.subscribe(contract, rest, handler))
  }

  async answer<Q, A>(
    contract: Rpc<Q, Q, A, A>,
    handler: (request: Q, message: Message<Q>) => A | Promise<A>,
  ): Promise<Worker> {
    return this.started(this.bus.respond(contract, handler))
  }

  /** Waits until it consumes; it is drained when the case ends. */
  async started(worker: Worker): Promise<Worker> {
    this.#workers.push(worker)
    await worker.ready
    return worker
  }

  inbox<T>(): Inbox<T> {
    return new Inbox(this.#subject)
  }

  /** A promise with its ends outside, for handlers that are to be held. */
  gate(): { readonly opened: Promise<void>; open(): void } {
    let open = (): void => {}
    const opened = new Promise<void>(resolve => {
      open = resolve
    })
    // A handler that is held for ever would keep the process alive.
    this.#gates.push(open)
    return { opened, open }
  }

  /** Until nothing waits and nothing is in hand. */
  async drained<In, Out>(contract: Queue<In, Out>): Promise<void> {
    await this.until(`${contract.name} is empty`, async () => {
      const { ready, leased, delayed } = await this.bus.depth(contract)
      return ready + leased + delayed === 0
    })
  }

  async until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const { clock, patienceMs } = this.#subject
    const end = clock.monotonic() + patienceMs
    while (!(await isSo())) {
      if (clock.monotonic() > end) throw new Error(`never: ${what}`)
      // Each look is a request to the backend, which has other things to do.
      await this.pass(Math.max(5, this.unitMs / 4))
    }
  }

  /** Lets time pass: for what must not happen before its time. */
  pass(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.#subject.clock.schedule(ms, resolve)
    })
  }
}

export type InputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/** Things that arrive, and waiting for them. */
export class Inbox<T> {
  readonly all: T[] = []
  readonly #subject: Subject
  #wake: (() => void) | undefined

  constructor(subject: Subject) {
    this.#subject = subject
  }

  push(item: T): void {
    this.all.push(item)
    this.#wake?.()
  }

  /** The first `count`, when they have arrived. */
  async first(count: number): Promise<T[]> {
    const { clock, patienceMs } = this.#subject
    let isLate = false
    const timer = clock.schedule(patienceMs, () => {
      isLate = true
      this.#wake?.()
    })
    while (this.all.length < count && !isLate) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    timer.cancel()
    if (this.all.length < count) {
      const seen = JSON.stringify(this.all).slice(0, 300)
      throw new Error(`${this.all.length} of ${count} arrived in ${patienceMs} ms: ${seen}`)
    }
    return this.all.slice(0, count)
  }
}

/** `Array.fromAsync`, which Node 20 does not have. */
export async function arrayOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
