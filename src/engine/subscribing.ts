/** Who wants the records of a queue, how many, and whose turn it is. */

import type { Core } from './core.ts'
import { done, type Outcome, refused } from './errors.ts'
import type { Subscriber, Subscription } from './model.ts'
import type { Log, Subscribed } from './state/log.ts'
import type { Queue } from './state/queue.ts'

export class Subscribing {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
  }

  subscribe(log: Log, subscriber: Subscriber): Outcome<Subscription> {
    const { traffic } = log
    if (log.queue === undefined) return refused('wrong-kind', `${log.name} is not a queue`)
    const others = traffic.subscribers
    if (others.some(other => other.subscriber.exclusive === true)) {
      return refused('exclusive', `${log.name} has an exclusive subscriber`)
    }
    if (subscriber.exclusive === true && others.length > 0) {
      return refused('exclusive', `${log.name} has subscribers already`)
    }
    const subscribed: Subscribed = {
      subscriber,
      credit: subscriber.credit,
      paused: false,
      cancelled: false,
    }
    const priority = subscriber.priority ?? 0
    const behind = others.findIndex(other => (other.subscriber.priority ?? 0) < priority)
    // A single-active queue keeps serving the one it serves.
    const at = log.queue.config.singleActive || behind < 0 ? others.length : behind
    others.splice(at, 0, subscribed)
    traffic.hadSubscriber = true
    this.#core.touch(log)
    return done(this.#subscription(log, subscribed))
  }

  pause(log: Log, paused: boolean): Outcome<undefined> {
    if (log.queue === undefined) return refused('wrong-kind', `${log.name} is not a queue`)
    log.traffic.paused = paused
    this.#core.touch(log)
    return done(undefined)
  }

  #subscription(log: Log, subscribed: Subscribed): Subscription {
    const core = this.#core
    return {
      grant: count => {
        subscribed.credit += count
        core.touch(log)
      },
      pause: () => {
        subscribed.paused = true
      },
      resume: () => {
        subscribed.paused = false
        core.touch(log)
      },
      cancel: () => this.#cancel(log, subscribed),
      get active() {
        const single = log.queue?.config.singleActive === true
        return !subscribed.cancelled && (!single || log.traffic.subscribers[0] === subscribed)
      },
    }
  }

  #cancel(log: Log, subscribed: Subscribed): void {
    if (subscribed.cancelled) return
    subscribed.cancelled = true
    const at = log.traffic.subscribers.indexOf(subscribed)
    if (at >= 0) log.traffic.subscribers.splice(at, 1)
    log.traffic.usedAt = this.#core.ports.clock.monotonic()
    this.#core.touch(log)
  }
}

/** Whose turn it is: the highest priority that has credit, in turn among equals. */
export function nextSubscriber(log: Log, queue: Queue): Subscribed | undefined {
  const { subscribers } = log.traffic
  if (queue.config.singleActive) {
    const first = subscribers[0]
    return first !== undefined && first.credit > 0 && !first.paused ? first : undefined
  }
  for (let index = 0; index < subscribers.length; index++) {
    const subscribed = subscribers[index]!
    if (subscribed.credit <= 0 || subscribed.paused) continue
    if (subscribers.length > 1) moveBehindEquals(subscribers, index)
    return subscribed
  }
  return undefined
}

function moveBehindEquals(subscribers: Subscribed[], index: number): void {
  const subscribed = subscribers[index]!
  const priority = subscribed.subscriber.priority ?? 0
  let last = index
  while (
    last + 1 < subscribers.length &&
    (subscribers[last + 1]!.subscriber.priority ?? 0) === priority
  ) {
    last++
  }
  subscribers.copyWithin(index, index + 1, last + 1)
  subscribers[last] = subscribed
}
