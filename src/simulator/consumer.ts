/**
 * A program that works: it is handed up to `prefetch` messages, works on one at a time, brings
 * about the effect, and acknowledges. How it does that, and what it does not, is the plan's.
 *
 *     holding   handed over and not settled; the first is worked on
 *     effect    at the end of the work
 *     ack       a moment after the effect, or before the work when it is careless
 */

import type { Delivery, Subscription } from '../engine/model.ts'
import { duration } from './history.ts'
import type { ConsumerPlan, QueuePlan } from './scenario.ts'
import { type Order, orderOf, type Stage } from './stage.ts'

const ackMs = 30

export interface Held {
  readonly order: Order
  readonly position: number
  readonly attempts: number
  /** Milliseconds since the run began; infinity: as long as the connection. */
  readonly until: number
  state: 'waiting' | 'working' | 'acking'
}

export class Consumer {
  readonly #stage: Stage
  readonly #queueOf: (name: string) => QueuePlan | undefined
  plan: ConsumerPlan
  readonly holding: Held[] = []
  #subscription: Subscription | undefined
  /** Rises with every crash: what an earlier life had begun does nothing any more. */
  #life = 0
  #handled = 0
  #isBusy = false
  isDown = false
  isPaused = false
  done = 0

  constructor(stage: Stage, plan: ConsumerPlan, queueOf: (name: string) => QueuePlan | undefined) {
    this.#stage = stage
    this.plan = plan
    this.#queueOf = queueOf
    const delay = plan.startAtMs ?? 0
    if (delay > stage.now) {
      this.isDown = true
      stage.after(delay - stage.now, () => this.restart())
    } else this.#subscribe()
  }

  change(plan: ConsumerPlan): void {
    const old = this.plan
    this.plan = plan
    const isSame =
      old.prefetch === plan.prefetch && old.leaseMs === plan.leaseMs && old.queue === plan.queue
    if (isSame || this.isDown) return
    this.#subscription?.cancel()
    this.#subscribe()
  }

  /** The process dies. What it held goes back at once, or when its leases end. */
  crash(): void {
    if (this.isDown) return
    const { name, title, leaseMs, restartMs = 3000 } = this.plan
    const stage = this.#stage
    this.isDown = true
    this.#life++
    this.#isBusy = false
    stage.say({
      kind: 'crash',
      from: name,
      text: `${title} crashed with ${this.holding.length} unacknowledged.`,
    })
    this.#leave(
      leaseMs === undefined
        ? `${title}'s connection is gone, so the broker gives it back`
        : `${title} is gone; it comes back when its lease of ${duration(leaseMs)} ends`,
    )
    if (!this.plan.manual) stage.after(restartMs, () => this.restart())
  }

  restart(): void {
    if (!this.isDown) return
    this.isDown = false
    this.#stage.say({ kind: 'restart', from: this.plan.name, text: `${this.plan.title} is ready.` })
    this.#subscribe()
  }

  /** The plan has it no more. */
  stop(): void {
    this.#life++
    this.#leave(`${this.plan.title} left`)
    this.isDown = true
  }

  pause(): void {
    this.isPaused = !this.isPaused
    if (this.isPaused) this.#subscription?.pause()
    else this.#subscription?.resume()
    this.#work()
  }

  /** The broker came back after a power cut: every lease is gone. */
  reconnect(): void {
    this.#life++
    this.#isBusy = false
    this.holding.length = 0
    if (!this.isDown) this.#subscribe()
  }

  /** What a person does with the first message in hand. */
  hand(act: 'ack' | 'nack' | 'reject' | 'crash'): void {
    if (act === 'crash') {
      this.crash()
      this.#stage.after(this.plan.restartMs ?? 2000, () => this.restart())
      return
    }
    const held = this.holding[0]
    if (held === undefined || held.state === 'acking') return
    if (act === 'ack') return this.#succeed(held)
    this.#settle(held, act === 'nack' ? 'return' : 'reject', 'You')
  }

  #leave(reason: string): void {
    const { queue, name, leaseMs } = this.plan
    this.#subscription?.cancel()
    this.#subscription = undefined
    if (this.plan.ack === 'before') this.#carelessLoss()
    const held = this.plan.ack === 'before' ? [] : this.holding
    for (const { order } of held) {
      this.#stage.say({
        kind: leaseMs === undefined ? 'returned' : 'note',
        message: order.number,
        from: name,
        to: queue,
        text: `Unacknowledged: ${reason}.`,
      })
    }
    const positions = held.map(one => one.position)
    this.holding.length = 0
    if (leaseMs !== undefined) return
    for (const position of positions) {
      this.#stage.engine.settle({ log: queue }, name, [position], { kind: 'return' })
    }
  }

  #subscribe(): void {
    const { queue, name, prefetch, leaseMs } = this.plan
    const outcome = this.#stage.engine.subscribe(queue, {
      holder: name,
      credit: Math.max(0, prefetch - this.holding.length),
      ...(leaseMs === undefined ? {} : { leaseMs }),
      deliver: delivery => this.#take(delivery),
      ended: () => undefined,
    })
    if (!outcome.ok) return
    this.#subscription = outcome.value
    if (this.isPaused) outcome.value.pause()
  }

  #take(delivery: Delivery): void {
    const stage = this.#stage
    const { name, title, queue, leaseMs } = this.plan
    const order = orderOf(delivery.record)
    const { attempts } = delivery
    const { position } = delivery.record
    stage.ledger.deliveries++
    stage.say({
      kind: 'delivered',
      message: order.number,
      from: queue,
      to: name,
      text:
        attempts === 1
          ? `Delivered to ${title}.`
          : `Delivered again, to ${title}: attempt ${attempts}.`,
    })
    const until = leaseMs === undefined ? Infinity : stage.now + leaseMs
    const held: Held = { order, position, attempts, until, state: 'waiting' }
    this.holding.push(held)
    if (leaseMs !== undefined) this.#watchLease(held, leaseMs)
    if (this.plan.ack === 'before') {
      stage.engine.settle({ log: queue }, name, [position], { kind: 'done' })
      stage.say({
        kind: 'note',
        message: order.number,
        from: name,
        text: `${title} acknowledged it before doing anything.`,
      })
    }
    this.#work()
  }

  #watchLease(held: Held, leaseMs: number): void {
    const stage = this.#stage
    const life = this.#life
    const isHeld = () => life === this.#life && this.holding.includes(held)
    const { queue, title, name } = this.plan
    if (this.plan.heartbeat === true) {
      const beat = () => {
        if (!isHeld()) return
        stage.engine.extend({ log: queue }, [held.position], { leaseMs })
        stage.after(leaseMs / 3, beat)
      }
      stage.after(leaseMs / 3, beat)
      return
    }
    stage.after(leaseMs, () => {
      if (!isHeld()) return
      stage.say({
        kind: 'lease-ended',
        message: held.order.number,
        from: name,
        to: queue,
        text: `${title}'s lease of ${duration(leaseMs)} ended before its ack: the broker makes it ready again.`,
      })
      if (this.plan.manual !== true) return
      this.holding.splice(this.holding.indexOf(held), 1)
      // Only when the broker has seen the lease end, too: it is next in line again.
      stage.after(ackMs, () => this.#subscription?.grant(1))
    })
  }

  #work(): void {
    if (this.#isBusy || this.isDown || this.isPaused || this.plan.manual === true) return
    const held = this.holding.find(one => one.state === 'waiting')
    if (held === undefined) return
    const { workMs, crashAt } = this.plan
    const stage = this.#stage
    this.#isBusy = true
    this.#handled++
    held.state = 'working'
    const life = this.#life
    const takes = stage.random.between(workMs[0], workMs[1])
    if (crashAt?.when === 'working' && crashAt.message === this.#handled) {
      stage.after(takes / 2, () => {
        if (life === this.#life) this.crash()
      })
      return
    }
    stage.after(takes, () => {
      if (life !== this.#life) return
      this.#isBusy = false
      this.#finish(held)
      this.#work()
    })
  }

  #finish(held: Held): void {
    const stage = this.#stage
    const { failureRate = 0, downstream } = this.plan
    const isRefused = downstream !== undefined && !stage.call(downstream)
    const isUnlucky = stage.random.chance(failureRate)
    if (held.order.poison || isRefused || isUnlucky) {
      this.#fail(held, failureOf(held.order.poison, isRefused, downstream))
    } else this.#succeed(held)
  }

  #succeed(held: Held): void {
    const stage = this.#stage
    const { name, title, queue, idempotent, crashAt, verb = 'handled', forwardTo } = this.plan
    const { number, doBy } = held.order
    held.state = 'acking'
    if (idempotent === true && stage.ledger.isDone(number, queue)) {
      stage.say({
        kind: 'note',
        message: number,
        from: name,
        text: `${title} has done it before, and does not do it again.`,
      })
    } else {
      const isFirst = stage.ledger.effect(number, queue)
      if (doBy > 0 && stage.now > doBy + 1500) stage.ledger.late++
      stage.say({
        kind: isFirst ? 'effect' : 'repeat',
        message: number,
        from: name,
        text: isFirst ? `${title} ${verb} it.` : `${title} ${verb} it AGAIN: a duplicate.`,
      })
      if (forwardTo !== undefined) this.#forward(held, forwardTo)
      if (crashAt?.when === 'after-effect' && crashAt.message === this.#handled) {
        this.crash()
        return
      }
    }
    const life = this.#life
    stage.after(ackMs, () => {
      if (life === this.#life) this.#settle(held, 'done', title)
    })
  }

  #fail(held: Held, reason: string): void {
    const { name, title, onFailure = 'return', backoff } = this.plan
    const stage = this.#stage
    stage.say({
      kind: 'failed',
      message: held.order.number,
      from: name,
      text: `${title} failed: ${reason}.`,
    })
    if (onFailure === 'reject') return this.#settle(held, 'reject', title)
    let delayMs: number | undefined
    if (onFailure === 'return-later' && backoff !== undefined) {
      const most = Math.min(backoff.maxMs, backoff.minMs * 2 ** (held.attempts - 1))
      delayMs = backoff.jitter ? Math.round(most * (0.5 + 0.5 * stage.random.float())) : most
    }
    this.#settle(held, 'return', title, delayMs)
  }

  #settle(held: Held, how: 'done' | 'return' | 'reject', who: string, delayMs?: number): void {
    const stage = this.#stage
    const { queue, name, ack } = this.plan
    const at = this.holding.indexOf(held)
    if (at >= 0) this.holding.splice(at, 1)
    const { number } = held.order
    const say = (kind: 'acked' | 'returned' | 'rejected' | 'late-ack', text: string) =>
      stage.say({ kind, message: number, from: name, to: queue, text })
    if (ack === 'before') {
      // It was acknowledged long ago: a failure now has nobody left to tell.
      if (how !== 'done') this.#gone(number, 'it failed after it had been acknowledged')
      else this.done++
      this.#subscription?.grant(1)
      return
    }
    const settlement =
      how === 'return'
        ? ({ kind: 'return', ...(delayMs === undefined ? {} : { delayMs }) } as const)
        : ({ kind: how } as const)
    const outcome = stage.engine.settle({ log: queue }, name, [held.position], settlement)
    if (!outcome.ok) {
      say('late-ack', `${who} settled too late: the lease had ended, and the broker refused it.`)
    } else if (how === 'done') {
      this.done++
      say('acked', `${who} acknowledged it. It will never be delivered again.`)
    } else if (how === 'return') {
      const wait = delayMs ?? this.#queueWait(held.attempts)
      say('returned', `${who} gave it back${wait === 0 ? '' : `, for ${duration(wait)} from now`}.`)
    } else {
      say('rejected', `${who} rejected it for good.`)
      if (this.#queueOf(queue)?.config.deadLetter === undefined) {
        this.#gone(number, 'it was rejected, and there is no place for dead letters')
      }
    }
    this.#subscription?.grant(1)
  }

  #queueWait(attempts: number): number {
    const retry = this.#queueOf(this.plan.queue)?.config.retry
    return retry === undefined
      ? 0
      : Math.min(retry.maxMs, retry.minMs * retry.factor ** (attempts - 1))
  }

  #forward(held: Held, queue: string): void {
    const { number, key, place, amount } = held.order
    const fact = this.#stage.ledger.fact(number)
    if (fact === undefined) return
    this.#stage.ledger.routed(number, fact.copies + 1)
    this.#stage.publish(
      { name: this.plan.name, title: '', place: { column: 0, row: 0 }, to: queue, perSecond: 0 },
      { ...fact, key, place, amount },
      false,
    )
    this.#stage.say({
      kind: 'sent',
      message: number,
      from: this.plan.name,
      to: queue,
      text: `${this.plan.title} sent it on to ${queue}.`,
    })
  }

  /** Acknowledged before the work, and in hand when the process dies: nobody has it any more. */
  #carelessLoss(): void {
    for (const { order } of this.holding) {
      this.#gone(order.number, 'it had been acknowledged, and the process that had it died')
    }
  }

  #gone(number: number, reason: string): void {
    if (this.#stage.ledger.isDone(number, this.plan.queue)) return
    this.#stage.ledger.lose(number)
    this.#stage.say({
      kind: 'lost',
      message: number,
      from: this.plan.name,
      text: `Lost: ${reason}.`,
    })
  }
}

function failureOf(poison: boolean, refused: boolean, downstream: string | undefined): string {
  if (poison) return 'this message cannot be parsed, and never will be'
  return refused ? `${downstream} is overloaded or down` : 'an error that happens now and then'
}
