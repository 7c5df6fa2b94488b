/**
 * A consumer with a handler: takes deliveries as its credit allows, runs handlers side by side, one
 * at a time for each key, and settles by what they do. Leases are renewed while a message waits or
 * is handled, until its time is over.
 */

import type { Timer } from '../engine/ports.ts'
import { type Duration, toMs } from './backoff.ts'
import type { ConsumeOptions, Consumer, Delivery, Endpoint } from './driver.ts'
import { ClientError, TimeoutError, ValidationError } from './errors.ts'
import { Lanes } from './lanes.ts'
import { IncomingMessage, keyOf, type Message, type Policy } from './message.ts'
import type { StandardSchema } from './standard-schema.ts'
import { printIssues, validate } from './validation.ts'
import { decodeBody } from './wire.ts'

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

export interface WorkerLimits {
  readonly concurrency: number
  readonly prefetch: number
  readonly timeoutMs: number
  readonly leaseMs: number
}

export function limitsOf(options: WorkerOptions): WorkerLimits {
  const { concurrency = 1, timeout = '5m', lease = '30s' } = options
  const { prefetch = concurrency * 2 } = options
  for (const [name, value] of Object.entries({ concurrency, prefetch })) {
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

/** A call of the handler that is on its way. */
interface Running {
  readonly abort: AbortController
  finished: Promise<void>
  message: IncomingMessage<unknown> | undefined
}

export class HandlerWorker<Out> implements Worker {
  readonly ready: Promise<void>
  readonly ended: Promise<void>
  readonly #intake: Intake<Out>
  readonly #limits: WorkerLimits
  readonly #handler: Handler<Out>
  readonly #lanes = new Lanes<Delivery>()
  readonly #running = new Set<Running>()
  /** Everything that is leased to this worker. */
  readonly #held = new Set<Delivery>()
  readonly #settling = new Set<Promise<void>>()
  #consumer: Consumer | undefined
  #renewal: Timer | undefined
  #isStopping = false
  #draining: Promise<void> | undefined
  #end!: (error: Error | undefined) => void

  constructor(intake: Intake<Out>, limits: WorkerLimits, handler: Handler<Out>, setup: Setup) {
    this.#intake = intake
    this.#limits = limits
    this.#handler = handler
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
    const credit = driver.distance === 'near' ? concurrency : Math.max(prefetch, concurrency)
    this.#consumer = await driver.consume(
      endpoint,
      { group, credit, concurrency, leaseMs },
      {
        deliver: delivery => this.#deliver(delivery),
        ended: error => this.#endedByBackend(error),
      },
    )
    if (driver.distance === 'far') this.#renewLater()
  }

  #deliver(delivery: Delivery): void {
    if (this.#isStopping) {
      this.#giveBack([delivery])
      return
    }
    this.#held.add(delivery)
    this.#lanes.add(delivery, this.#keyOf(delivery))
    this.#pump()
  }

  #keyOf(delivery: Delivery): string | undefined {
    return this.#intake.endpoint.keyed ? keyOf(delivery) : undefined
  }

  #pump(): void {
    while (!this.#isStopping && this.#running.size < this.#limits.concurrency) {
      const delivery = this.#lanes.next()
      if (delivery === undefined) return
      const running: Running = {
        abort: new AbortController(),
        finished: Promise.resolve(),
        message: undefined,
      }
      this.#running.add(running)
      running.finished = this.#run(delivery, running).finally(() => {
        this.#running.delete(running)
        this.#pump()
      })
    }
  }

  /** Never rejects: what goes wrong is reported, and the message comes again. */
  async #run(delivery: Delivery, running: Running): Promise<void> {
    const key = this.#keyOf(delivery)
    try {
      await this.#handle(delivery, running)
    } catch (error) {
      this.#emitError(error)
    } finally {
      this.#held.delete(delivery)
      this.#lanes.finish(key)
      if (!this.#isStopping) this.#consumer?.grant(1)
    }
  }

  async #handle(delivery: Delivery, running: Running): Promise<void> {
    const { policy } = this.#intake
    const { abort } = running
    const message = await openMessage(this.#intake, delivery, abort.signal)
    if (message === undefined) return
    running.message = message
    if (policy.guarantee === 'at-most-once') await acknowledgeFirst(message)
    const timeout = this.#limitTime(message, abort)
    try {
      await this.#call(message)
      if (!message.isSettled) await message.ack()
    } catch (error) {
      if (message.isSettled) {
        // It failed after it had been settled, or the settling itself did.
        if (!abort.signal.aborted) this.#emitError(error)
      } else if (policy.guarantee === 'at-most-once') {
        const thrown = error instanceof Error ? error : new Error(String(error))
        const { source } = policy
        const { id, attempt } = message
        policy.session.emit({
          kind: 'failed',
          source,
          id,
          attempt,
          error: thrown,
          outcome: 'dropped',
        })
      } else {
        await this.#failKeyed(message, error)
      }
    } finally {
      timeout.cancel()
    }
    await message.settling
  }

  async #call(message: IncomingMessage<Out>): Promise<void> {
    const { policy, group } = this.#intake
    const { telemetry } = policy.session
    if (telemetry === undefined) {
      await this.#handler(message.body, message)
      return
    }
    const where = { source: policy.source, group: group?.name }
    await telemetry.handling(message.delivery, where, async () => {
      await this.#handler(message.body, message)
    })
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
  #limitTime(message: IncomingMessage<Out>, abort: AbortController): Timer {
    const { timeoutMs } = this.#limits
    return this.#intake.policy.session.context.clock.schedule(timeoutMs, () => {
      const why = `the handler of ${this.#intake.policy.source} took longer than ${timeoutMs} ms.`
      const error = new TimeoutError({ code: 'SPILLWAY_T_HANDLER', why })
      if (!message.isSettled && !message.isDone) this.#track(this.#failKeyed(message, error))
      abort.abort(error)
    })
  }

  #giveBack(deliveries: readonly Delivery[]): void {
    // The last one first, where a backend puts what comes back to the front.
    for (const delivery of [...deliveries].reverse()) {
      this.#held.delete(delivery)
      this.#track(delivery.settle({ kind: 'release' }))
      if (!this.#isStopping) this.#consumer?.grant(1)
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
    const all = Promise.all([...this.#running].map(({ finished }) => finished))
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
    for (const { abort, message } of this.#running) {
      if (message?.isSettled === false && !message.isDone) this.#track(message.release())
      abort.abort(error)
    }
  }

  #endedByBackend(error: Error): void {
    this.#isStopping = true
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

/** At most once: done with before the handler is called, whatever comes of it. */
export async function acknowledgeFirst(message: IncomingMessage<unknown>): Promise<void> {
  await message.delivery.settle({ kind: 'done' })
  message.isDone = true
}

/**
 * A delivery as a message, or undefined when it has found its end here: it has the wrong shape, or
 * was handed out too often without an outcome, by handlers that crashed.
 */
export async function openMessage<Out>(
  { policy, schema }: Intake<Out>,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<IncomingMessage<Out> | undefined> {
  if (delivery.attempt > policy.retry.attempts) {
    const times = `${delivery.attempt - 1} times without an outcome`
    const why = `${policy.source}: handed out ${times}; its handlers crashed.`
    const error = new ClientError({ code: 'SPILLWAY_E_CRASHED', why })
    error.name = 'CrashedError'
    await new IncomingMessage(policy, delivery, undefined, signal).die(error, 'attempts')
    return undefined
  }
  const decoded = decodeBody(delivery.body, delivery.headers)
  const checking = 'issues' in decoded ? undefined : validate(schema, decoded.value)
  const checked = checking instanceof Promise ? await checking : checking
  if (checked?.ok === true) return new IncomingMessage(policy, delivery, checked.value, signal)
  const issues = checked?.issues ?? ('issues' in decoded ? decoded.issues : [])
  const why = `${policy.source} received a wrong shape: ${printIssues(issues)}.`
  const error = new ValidationError({ code: 'SPILLWAY_V_RECEIVED', why, issues })
  await new IncomingMessage(policy, delivery, undefined, signal).die(error, 'schema', issues)
  return undefined
}
