/**
 * A consumer with a handler: takes deliveries as its credit allows, runs handlers side by side, one
 * at a time for each key, and settles by what they do. Leases are renewed while a message waits or
 * is handled, until its time is over.
 *
 * What a handler is called with is a *load*: one message, or a batch of them (`batches.ts`).
 */

import type { Timer } from '../engine/ports.ts'
import { Abort } from './abort.ts'
import { type Duration, toMs } from './backoff.ts'
import { type Deadline, Deadlines } from './deadlines.ts'
import type { ConsumeOptions, Consumer, Delivery, Endpoint } from './driver.ts'
import { ClientError, type ShapeIssue, TimeoutError, ValidationError } from './errors.ts'
import { Lanes } from './lanes.ts'
import { IncomingMessage, keyOf, type Message, type Policy } from './message.ts'
import type { StandardSchema } from './standard-schema.ts'
import { printIssues, type Validated, validate } from './validation.ts'
import { decodeTyped, headerNames } from './wire.ts'

export type Handler<Out> = (body: Out, message: Message<Out>) => unknown

export interface WorkerOptions {
  /** Handlers that run at a time. Default 1. */
  readonly concurrency?: number | undefined
  /** Messages fetched ahead, those in hand included. Default twice the concurrency. */
  readonly prefetch?: number | undefined
  /** For one call of the handler. Default 5 minutes. */
  readonly timeout?: Duration | undefined
  /** How long a message is ours without a sign of life. Default 30 s. */
  readonly lease?: Duration | undefined
}

/** How a load is handled. */
export interface Handling<Out> {
  /** Messages in a load, at most. */
  readonly size: number
  /** How long the first of a load waits for the others; 0: not at all. */
  readonly waitMs: number
  /** Throws when all have failed; else says which ones have, by their place. */
  call(messages: readonly IncomingMessage<Out>[]): Promise<readonly (Failure | undefined)[]>
  /** The same for a load of one message, where nothing is to be done around the handler itself. */
  readonly one?: ((message: IncomingMessage<Out>) => unknown) | undefined
}

/** What went wrong with one message; anything can be thrown. */
export interface Failure {
  readonly error: unknown
}

export interface WorkerLimits {
  readonly concurrency: number
  readonly prefetch: number
  readonly timeoutMs: number
  readonly leaseMs: number
}

export function limitsOf(options: WorkerOptions, size = 1): WorkerLimits {
  const { concurrency = 1, timeout = '5m', lease = '30s' } = options
  const { prefetch = concurrency * size * 2 } = options
  for (const [name, value] of Object.entries({ concurrency, prefetch, size })) {
    if (Number.isInteger(value) && value >= 1) continue
    const why = `${name} is a whole number of at least 1, not ${value}.`
    throw new ClientError({ code: 'SPILLWAY_E_OPTION', why })
  }
  const timeoutMs = toMs(timeout)
  return { concurrency, prefetch, timeoutMs, leaseMs: toMs(lease) }
}

/** What a consumer's parts have in common. */
export interface Intake<Out> {
  readonly policy: Policy
  readonly endpoint: Endpoint
  readonly schema: StandardSchema<unknown, Out> | undefined
  readonly group: ConsumeOptions['group']
}

/** Set up before anything is consumed: what it is for must exist, and be possible. */
export type Setup = () => Promise<void>

export interface DrainOptions {
  /** After that, what is still being handled is aborted and given back. Default 30 s. */
  readonly timeout?: Duration | undefined
}

/** What `consume`, `subscribe` and `respond` return. */
export interface Worker {
  /** Resolves when it consumes; rejects when it cannot. */
  readonly ready: Promise<void>
  /** Resolves when it has ended; rejects when it was ended by the backend. */
  readonly ended: Promise<void>
  /** Stops fetching, finishes what is in hand, and gives the rest back. */
  drain(options?: DrainOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Messages whose settlement is one promise: what one turn settles is often one question. */
interface Settling {
  readonly promise: Promise<void>
  readonly running: Running[]
}

/** A call of the handler that is on its way. */
interface Running {
  readonly abort: Abort
  readonly load: readonly Delivery[]
  /** Its handler has not returned yet. */
  isBusy: boolean
  messages: readonly IncomingMessage<unknown>[]
}

export class HandlerWorker<Out> implements Worker {
  readonly ready: Promise<void>
  readonly ended: Promise<void>
  readonly #intake: Intake<Out>
  readonly #limits: WorkerLimits
  readonly #handling: Handling<Out>
  readonly #lanes = new Lanes<Delivery>()
  readonly #running = new Set<Running>()
  readonly #deadlines: Deadlines
  /** Called when nothing runs any more. */
  #idle: (() => void) | undefined
  #isPumping = false
  /** What was delivered in this turn is handled at its end. */
  #isWoken = false
  #acknowledging: Settling | undefined
  /** Of those that run, how many have not returned yet. */
  #busyCount = 0
  /** Everything that is leased to this worker. */
  readonly #held = new Set<Delivery>()
  readonly #settling = new Set<Promise<void>>()
  #consumer: Consumer | undefined
  /** Credit that could not be granted yet. */
  #owed = 0
  #renewal: Timer | undefined
  /** Runs while a load that is not full waits for more. */
  #waiting: Timer | undefined
  #isWaitOver = false
  #isStopping = false
  #draining: Promise<void> | undefined
  #end!: (error: Error | undefined) => void

  constructor(intake: Intake<Out>, limits: WorkerLimits, handling: Handling<Out>, setup: Setup) {
    this.#intake = intake
    this.#limits = limits
    this.#handling = handling
    this.#deadlines = new Deadlines(intake.policy.session.context.clock, limits.timeoutMs)
    this.ended = new Promise((resolve, reject) => {
      this.#end = error => (error === undefined ? resolve() : reject(error))
    })
    this.ready = this.#start(setup)
    // Who does not ask is told by the event; an unhandled rejection would end the process.
    this.ended.catch(() => {})
    this.ready.catch(error => {
      this.#emitError(error)
      this.#end(error)
    })
  }

  drain(options: DrainOptions = {}): Promise<void> {
    this.#draining ??= this.#drain(toMs(options.timeout ?? '30s'))
    return this.#draining
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain()
  }

  async #start(setup: Setup): Promise<void> {
    await setup()
    if (this.#isStopping) return
    const { policy, endpoint, group } = this.#intake
    const { concurrency, prefetch, leaseMs } = this.#limits
    const { driver } = policy.session
    const inHand = concurrency * this.#handling.size
    const credit = driver.distance === 'near' ? inHand : Math.max(prefetch, inHand)
    this.#consumer = await driver.consume(
      endpoint,
      { group, credit, concurrency, leaseMs },
      {
        deliver: delivery => this.#deliver(delivery),
        ended: error => this.#endedByBackend(error),
      },
    )
    if (this.#owed > 0) this.#grant(0)
    if (driver.distance === 'far') this.#renewLater()
  }

  /** A driver may deliver before `consume` has returned: what is finished by then is owed to it. */
  #grant(count: number): void {
    if (this.#isStopping) return
    this.#owed += count
    if (this.#consumer === undefined) return
    const granted = this.#owed
    this.#owed = 0
    this.#consumer.grant(granted)
  }

  #deliver(delivery: Delivery): void {
    if (this.#isStopping) {
      this.#giveBack([delivery])
      return
    }
    this.#held.add(delivery)
    this.#lanes.add(delivery, this.#keyOf(delivery))
    if (this.#isWoken) return
    this.#isWoken = true
    // A handler that settles at once must not do it while its driver is still delivering.
    void Promise.resolve().then(() => {
      this.#isWoken = false
      this.#pump()
    })
  }

  #keyOf(delivery: Delivery): string | undefined {
    return this.#intake.endpoint.keyed ? keyOf(delivery) : undefined
  }

  #pump(): void {
    // A handler that returns at once makes room within the loop, which sees it.
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      this.#beginAll()
    } finally {
      this.#isPumping = false
    }
  }

  #beginAll(): void {
    const { size } = this.#handling
    while (!this.#isStopping && this.#busyCount < this.#limits.concurrency) {
      const count = this.#lanes.readyCount
      if (count === 0 || (count < size && this.#mustWait())) return
      this.#waiting?.cancel()
      this.#waiting = undefined
      this.#isWaitOver = false
      if (size === 1) this.#begin([this.#lanes.next()!])
      else this.#begin(Array.from({ length: Math.min(count, size) }, () => this.#lanes.next()!))
    }
  }

  /** For a load that is not full. */
  #mustWait(): boolean {
    if (this.#isWaitOver) return false
    const { clock } = this.#intake.policy.session.context
    this.#waiting ??= clock.schedule(this.#handling.waitMs, () => {
      this.#waiting = undefined
      this.#isWaitOver = true
      this.#pump()
    })
    return true
  }

  #begin(load: readonly Delivery[]): void {
    const running: Running = { abort: new Abort(), load, messages: [], isBusy: true }
    this.#running.add(running)
    this.#busyCount++
    const { one } = this.#handling
    const isPlain = one !== undefined && this.#intake.policy.guarantee !== 'at-most-once'
    if (isPlain) this.#runOne(running, one)
    else void this.#run(running)
  }

  /** Its handler has returned: another one may run while the backend is told of its outcome. */
  #handled(running: Running): void {
    if (running.isBusy) {
      running.isBusy = false
      this.#busyCount--
    }
    this.#pump()
  }

  /** What is in hand of a load is done with. */
  #finish(all: readonly Running[]): void {
    let count = 0
    for (const running of all) {
      for (const delivery of running.load) {
        this.#held.delete(delivery)
        this.#lanes.finish(this.#keyOf(delivery))
        count++
      }
      this.#running.delete(running)
      if (running.isBusy) {
        running.isBusy = false
        this.#busyCount--
      }
    }
    this.#grant(count)
    this.#pump()
    if (this.#running.size === 0) this.#idle?.()
  }

  /** Never rejects: what goes wrong is reported, and the message comes again. */
  async #run(running: Running): Promise<void> {
    try {
      await this.#handle(running.load, running)
    } catch (error) {
      this.#emitError(error)
    } finally {
      this.#finish([running])
    }
  }

  /**
   * One message, whose handler is all that is waited for: nothing is, when that returns at once.
   * Whatever is out of the ordinary is left to the way of all loads.
   */
  #runOne(running: Running, handle: (message: IncomingMessage<Out>) => unknown): void {
    let message: IncomingMessage<Out>
    try {
      const opened = openMessage(this.#intake, running.load[0]!, running.abort)
      if (opened instanceof Promise) {
        void this.#runOpening(running, opened, handle)
        return
      }
      message = opened
    } catch (error) {
      this.#emitError(error)
      this.#finish([running])
      return
    }
    this.#call(running, message, handle)
  }

  async #runOpening(
    running: Running,
    opening: Promise<IncomingMessage<Out> | undefined>,
    handle: (message: IncomingMessage<Out>) => unknown,
  ): Promise<void> {
    const message = await opening.catch((error: unknown) => {
      this.#emitError(error)
      return undefined
    })
    if (message === undefined) this.#finish([running])
    else this.#call(running, message, handle)
  }

  #call(
    running: Running,
    message: IncomingMessage<Out>,
    handle: (message: IncomingMessage<Out>) => unknown,
  ): void {
    const { abort } = running
    message.held = this.#held
    const messages = [message]
    running.messages = messages
    const timeout = this.#limitTime(messages, abort)
    const returned = (failure: Failure | undefined): void => {
      this.#handled(running)
      if (failure === undefined && !message.isSettled) {
        this.#acknowledge(running, message, timeout)
        return
      }
      void this.#settle(message, failure, abort).finally(() => {
        timeout.cancel()
        this.#finish([running])
      })
    }
    try {
      const result = handle(message)
      if (isThenable(result)) {
        Promise.resolve(result).then(
          () => returned(undefined),
          error => returned({ error }),
        )
      } else returned(undefined)
    } catch (error) {
      returned({ error })
    }
  }

  /** Those that a driver settles with one promise are finished together. */
  #acknowledge(running: Running, message: IncomingMessage<Out>, timeout: Deadline): void {
    const promise = message.ack()
    // What is settled is not late any more, however long the backend takes.
    timeout.cancel()
    if (this.#acknowledging?.promise === promise) {
      this.#acknowledging.running.push(running)
      return
    }
    const settling: Settling = { promise, running: [running] }
    this.#acknowledging = settling
    const settled = (): void => {
      if (this.#acknowledging === settling) this.#acknowledging = undefined
      this.#finish(settling.running)
    }
    promise.then(settled, error => {
      for (const _ of settling.running) this.#emitError(error)
      settled()
    })
  }

  async #handle(load: readonly Delivery[], running: Running): Promise<void> {
    const { policy } = this.#intake
    const { abort } = running
    const messages = await this.#open(load, abort)
    if (messages.length === 0) return
    running.messages = messages
    if (policy.guarantee === 'at-most-once') await Promise.all(messages.map(acknowledgeFirst))
    const timeout = this.#limitTime(messages, abort)
    try {
      const outcome = await this.#outcome(messages)
      this.#handled(running)
      const settling = messages.map((message, at) => this.#settle(message, outcome(at), abort))
      await Promise.all(settling)
    } finally {
      timeout.cancel()
    }
  }

  /** Those that have found their end already are left out. */
  async #open(load: readonly Delivery[], abort: Abort): Promise<IncomingMessage<Out>[]> {
    const messages: IncomingMessage<Out>[] = []
    for (const delivery of load) {
      try {
        const message = await openMessage(this.#intake, delivery, abort)
        if (message === undefined) continue
        // Its lease is not renewed any more, though others of its load are still being handled.
        message.held = this.#held
        messages.push(message)
      } catch (error) {
        this.#emitError(error)
      }
    }
    return messages
  }

  async #outcome(
    messages: readonly IncomingMessage<Out>[],
  ): Promise<(at: number) => Failure | undefined> {
    try {
      const failures = await this.#handling.call(messages)
      return at => failures[at]
    } catch (error) {
      return () => ({ error })
    }
  }

  async #settle(
    message: IncomingMessage<Out>,
    failure: Failure | undefined,
    abort: Abort,
  ): Promise<void> {
    if (message.isSettled) {
      // It failed after it had been settled, or because of that.
      if (failure !== undefined && !abort.isAborted) this.#emitError(failure.error)
      await message.settling.catch(error => {
        if (error !== failure?.error) this.#emitError(error)
      })
    } else if (failure === undefined) {
      await message.ack().catch(error => this.#emitError(error))
    } else if (this.#intake.policy.guarantee === 'at-most-once') {
      message.drop(failure.error)
    } else {
      await this.#failKeyed(message, failure.error).catch(error => this.#emitError(error))
    }
  }

  /** What waits behind a message that goes back must not overtake it. */
  async #failKeyed(message: IncomingMessage<Out>, error: unknown): Promise<void> {
    const key = this.#keyOf(message.delivery)
    await message.fail(error)
    if (key !== undefined && message.attempt < message.attempts) {
      this.#giveBack(this.#lanes.takeBehind(key))
    }
  }

  /** When the time is over, the message goes back although its handler still runs. */
  #limitTime(messages: readonly IncomingMessage<Out>[], abort: Abort): Deadline {
    const { timeoutMs } = this.#limits
    return this.#deadlines.begin(() => {
      const why = `the handler of ${this.#intake.policy.source} took longer than ${timeoutMs} ms.`
      const error = new TimeoutError({ code: 'SPILLWAY_T_HANDLER', why })
      for (const message of messages) {
        if (!message.isSettled && !message.isDone) this.#track(this.#failKeyed(message, error))
      }
      abort.abort(error)
    })
  }

  #giveBack(deliveries: readonly Delivery[]): void {
    // The last one first, where a backend puts what comes back to the front.
    for (const delivery of [...deliveries].reverse()) {
      this.#held.delete(delivery)
      this.#track(delivery.settle({ kind: 'release' }))
      this.#grant(1)
    }
  }

  #track(settling: Promise<void>): void {
    const tracked = settling.catch(error => this.#emitError(error))
    this.#settling.add(tracked)
    void tracked.finally(() => this.#settling.delete(tracked))
  }

  #renewLater(): void {
    const { leaseMs } = this.#limits
    this.#renewal = this.#intake.policy.session.context.clock.schedule(leaseMs / 3, () => {
      if (this.#consumer === undefined || this.#draining !== undefined) {
        if (this.#running.size === 0) return
      }
      for (const delivery of this.#held) {
        delivery.extend(leaseMs).catch(error => this.#emitError(error))
      }
      this.#renewLater()
    })
  }

  async #drain(timeoutMs: number): Promise<void> {
    this.#isStopping = true
    this.#waiting?.cancel()
    await this.ready.catch(() => {})
    await this.#consumer?.stop()
    this.#giveBack(this.#lanes.takeAll())
    await this.#finishRunning(timeoutMs)
    await Promise.all(this.#settling)
    this.#renewal?.cancel()
    await this.#consumer?.close()
    this.#end(undefined)
  }

  /** Waits for the handlers; those that take too long are aborted and their messages given back. */
  async #finishRunning(timeoutMs: number): Promise<void> {
    const all = new Promise<void>(resolve => {
      this.#idle = resolve
      if (this.#running.size === 0) resolve()
    })
    let timer: Timer | undefined
    const late = new Promise<'late'>(resolve => {
      const { clock } = this.#intake.policy.session.context
      timer = clock.schedule(timeoutMs, () => resolve('late'))
    })
    const outcome = await Promise.race([all, late])
    timer?.cancel()
    if (outcome !== 'late') return
    const why = `the drain of ${this.#intake.policy.source} waited ${timeoutMs} ms.`
    const error = new TimeoutError({ code: 'SPILLWAY_T_DRAIN', why })
    for (const { abort, messages } of this.#running) {
      for (const message of messages) {
        if (!message.isSettled && !message.isDone) this.#track(message.release())
      }
      abort.abort(error)
    }
  }

  #endedByBackend(error: Error): void {
    this.#isStopping = true
    this.#waiting?.cancel()
    this.#renewal?.cancel()
    this.#lanes.takeAll()
    this.#held.clear()
    this.#emitError(error)
    this.#end(error)
  }

  #emitError(error: unknown): void {
    const thrown = error instanceof Error ? error : new Error(String(error))
    this.#intake.policy.session.emit({ kind: 'error', error: thrown })
  }
}

/** One message at a time, in its own trace. */
export function oneByOne<Out>(
  { policy, group }: Intake<Out>,
  handler: Handler<Out>,
): Handling<Out> {
  const { telemetry } = policy.session
  const where = { source: policy.source, group: group?.name }
  return {
    size: 1,
    waitMs: 0,
    one: telemetry === undefined ? message => handler(message.body, message) : undefined,
    call: async ([message]) => {
      const { body, delivery } = message!
      if (telemetry === undefined) await handler(body, message!)
      else {
        await telemetry.handling(delivery, where, async () => {
          await handler(body, message!)
        })
      }
      return []
    },
  }
}

/** At most once: done with before the handler is called, whatever comes of it. */
export async function acknowledgeFirst(message: IncomingMessage<unknown>): Promise<void> {
  await message.delivery.settle({ kind: 'done' })
  message.isDone = true
}

/**
 * A delivery as a message, or undefined when it has found its end here: it has the wrong shape, or
 * was handed out too often without an outcome, by handlers that crashed.
 */
export function openMessage<Out>(
  intake: Intake<Out>,
  delivery: Delivery,
  abort: Abort,
): IncomingMessage<Out> | Promise<IncomingMessage<Out> | undefined> {
  const { policy, schema } = intake
  if (delivery.attempt > policy.retry.attempts) return buryCrashed(policy, delivery, abort)
  const type = delivery.contentType ?? delivery.headers[headerNames.contentType]
  const decoded = decodeTyped(delivery.body, type)
  if ('issues' in decoded) return buryMisshapen(policy, delivery, abort, decoded.issues)
  const checked = validate(schema, decoded.value)
  if (checked instanceof Promise) {
    return checked.then(result => openChecked(policy, delivery, abort, result))
  }
  return openChecked(policy, delivery, abort, checked)
}

function openChecked<Out>(
  policy: Policy,
  delivery: Delivery,
  abort: Abort,
  checked: Validated<Out>,
): IncomingMessage<Out> | Promise<undefined> {
  if (checked.ok) return new IncomingMessage(policy, delivery, checked.value, abort)
  return buryMisshapen(policy, delivery, abort, checked.issues)
}

async function buryCrashed(policy: Policy, delivery: Delivery, abort: Abort): Promise<undefined> {
  const times = `${delivery.attempt - 1} times without an outcome`
  const why = `${policy.source}: handed out ${times}; its handlers crashed.`
  const error = new ClientError({ code: 'SPILLWAY_E_CRASHED', why })
  error.name = 'CrashedError'
  await new IncomingMessage(policy, delivery, undefined, abort).die(error, 'attempts')
  return undefined
}

async function buryMisshapen(
  policy: Policy,
  delivery: Delivery,
  abort: Abort,
  issues: readonly ShapeIssue[],
): Promise<undefined> {
  const why = `${policy.source} received a wrong shape: ${printIssues(issues)}.`
  const error = new ValidationError({ code: 'SPILLWAY_V_RECEIVED', why, issues })
  await new IncomingMessage(policy, delivery, undefined, abort).die(error, 'schema', issues)
  return undefined
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined | null)?.then === 'function'
}
