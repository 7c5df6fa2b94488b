/** Consuming by asking: an iterator of messages, for those who want to be in charge of the pace. */

import type { Timer } from '../engine/ports.ts'
import { Abort } from './abort.ts'
import type { Consumer, Delivery } from './driver.ts'
import { TimeoutError } from './errors.ts'
import type { IncomingMessage, Message } from './message.ts'
import {
  acknowledgeFirst,
  type Intake,
  openMessage,
  type Setup,
  type WorkerLimits,
} from './worker.ts'

/** Ends quietly when `signal` aborts; what is not settled by then goes back. */
export async function* pull<Out>(
  intake: Intake<Out>,
  limits: WorkerLimits,
  setup: Setup,
  signal: AbortSignal | undefined,
): AsyncGenerator<Message<Out>, void, undefined> {
  const isOver = () => signal?.aborted === true
  if (isOver()) return
  await setup()
  const puller = new Puller(intake, limits)
  const stop = () => puller.wake()
  signal?.addEventListener('abort', stop)
  try {
    await puller.start()
    while (!isOver()) {
      const delivery = puller.next()
      if (delivery === undefined) {
        await puller.arrival()
        continue
      }
      const message = await puller.open(delivery)
      if (message !== undefined) yield message
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    await puller.close()
  }
}

class Puller<Out> {
  readonly #intake: Intake<Out>
  readonly #limits: WorkerLimits
  readonly #arrived: Delivery[] = []
  /** Handed over and not settled, each with the timer that ends it. */
  readonly #open = new Map<IncomingMessage<Out>, Timer>()
  #consumer: Consumer | undefined
  #renewal: Timer | undefined
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(intake: Intake<Out>, limits: WorkerLimits) {
    this.#intake = intake
    this.#limits = limits
  }

  async start(): Promise<void> {
    const { policy, endpoint, group } = this.#intake
    const { prefetch, leaseMs } = this.#limits
    const { driver } = policy.session
    this.#consumer = await driver.consume(
      endpoint,
      { group, credit: prefetch, concurrency: prefetch, leaseMs },
      {
        deliver: delivery => {
          this.#arrived.push(delivery)
          this.wake()
        },
        ended: error => {
          this.#failure = error
          this.wake()
        },
      },
    )
    if (driver.distance === 'far') this.#renewLater()
  }

  next(): Delivery | undefined {
    return this.#arrived.shift()
  }

  /** Throws when the backend has ended it. */
  async arrival(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await new Promise<void>(resolve => {
      this.#wake = resolve
    })
  }

  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  async open(delivery: Delivery): Promise<IncomingMessage<Out> | undefined> {
    const { policy } = this.#intake
    const abort = new Abort()
    const message = await openMessage(this.#intake, delivery, abort)
    if (message === undefined) {
      this.#consumer?.grant(1)
      return undefined
    }
    if (policy.guarantee === 'at-most-once') await acknowledgeFirst(message)
    const { timeoutMs } = this.#limits
    const timer = policy.session.context.clock.schedule(timeoutMs, () => {
      const why = `message ${message.id} of ${policy.source} was held longer than ${timeoutMs} ms.`
      const error = new TimeoutError({ code: 'SPILLWAY_T_HANDLER', why })
      const end = message.isDone ? message.ack() : message.fail(error)
      end.catch(failure => policy.session.emit({ kind: 'error', error: failure }))
      abort.abort(error)
    })
    this.#open.set(message, timer)
    message.onSettle = () => {
      timer.cancel()
      this.#open.delete(message)
      this.#consumer?.grant(1)
    }
    return message
  }

  async close(): Promise<void> {
    this.#renewal?.cancel()
    for (const timer of this.#open.values()) timer.cancel()
    // A bus that is closed has given back everything.
    if (this.#intake.policy.session.isClosed) return
    await this.#consumer?.stop()
    const consumer = this.#consumer
    this.#consumer = undefined
    const open = [...this.#open.keys()].reverse()
    // In one turn, so that a backend can give back all of them in their order.
    await Promise.all([
      ...this.#arrived.reverse().map(delivery => delivery.settle({ kind: 'release' })),
      ...open.map(message => message[Symbol.asyncDispose]()),
    ])
    await consumer?.close()
  }

  #renewLater(): void {
    const { leaseMs } = this.#limits
    const { session } = this.#intake.policy
    this.#renewal = session.context.clock.schedule(leaseMs / 3, () => {
      const held = [...this.#arrived, ...[...this.#open.keys()].map(({ delivery }) => delivery)]
      for (const delivery of held) {
        delivery.extend(leaseMs).catch(error => session.emit({ kind: 'error', error }))
      }
      this.#renewLater()
    })
  }
}
