/**
 * The program without a queue: a request calls one service after the other, and the user waits for
 * the sum. One that is down fails the whole order; one that is slow holds a worker.
 */

import type { ChainPlan } from './scenario.ts'
import type { Stage } from './stage.ts'

interface Request {
  readonly number: number
  readonly since: number
}

export class Chain {
  readonly #stage: Stage
  readonly #numbers: { next: number }
  plan: ChainPlan
  readonly #waiting: Request[] = []
  #busy = 0
  failed = 0
  done = 0
  /** How long the last orders took, newest last. */
  readonly #took: number[] = []

  constructor(stage: Stage, plan: ChainPlan, numbers: { next: number }) {
    this.#stage = stage
    this.#numbers = numbers
    this.plan = plan
    this.#scheduleNext()
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get busy(): number {
    return this.#busy
  }

  /** The median of the last twenty orders, in ms. */
  get tookMs(): number {
    const sorted = [...this.#took].sort((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? 0
  }

  change(plan: ChainPlan): void {
    this.plan = plan
  }

  send(count: number): void {
    for (let index = 0; index < count; index++) this.#arrive()
  }

  #scheduleNext(): void {
    const jitter = 0.8 + 0.4 * this.#stage.random.float()
    this.#stage.after((1000 / this.plan.perSecond) * jitter, () => {
      this.#arrive()
      this.#scheduleNext()
    })
  }

  #arrive(): void {
    const stage = this.#stage
    const number = this.#numbers.next++
    stage.ledger.owe(number, `customer ${1 + stage.random.below(5)}`, 100, stage.now)
    stage.say({
      kind: 'owed',
      message: number,
      from: this.plan.name,
      text: `A user places order ${number}, and waits.`,
    })
    this.#waiting.push({ number, since: stage.now })
    this.#begin()
  }

  #begin(): void {
    while (this.#busy < this.plan.workers && this.#waiting.length > 0) {
      this.#busy++
      this.#step(this.#waiting.shift()!, 0)
    }
  }

  #step(request: Request, index: number): void {
    const stage = this.#stage
    const { name, steps, timeoutMs } = this.plan
    const step = steps[index]
    if (step === undefined) {
      stage.ledger.effect(request.number, 'order')
      this.#end(request)
      this.done++
      const took = Math.round(stage.now - request.since)
      stage.say({
        kind: 'effect',
        message: request.number,
        from: name,
        text: `Order ${request.number} is done; its user waited ${took} ms.`,
      })
      return
    }
    stage.say({
      kind: 'delivered',
      message: request.number,
      from: index === 0 ? name : steps[index - 1]!.name,
      to: step.name,
      text: `Calls ${step.title.toLowerCase()}, and waits for the answer.`,
    })
    const isTooSlow = step.down !== true && step.workMs > timeoutMs
    const takes = step.down === true ? timeoutMs : Math.min(step.workMs, timeoutMs)
    stage.after(takes, () => {
      if (step.down !== true && !isTooSlow) return this.#step(request, index + 1)
      stage.ledger.lose(request.number)
      this.failed++
      stage.say({
        kind: 'lost',
        message: request.number,
        from: step.name,
        text: `The whole order failed: ${step.title.toLowerCase()} ${step.down === true ? 'is down' : 'took too long'}.`,
      })
      this.#end(request)
    })
  }

  #end(request: Request): void {
    this.#busy--
    this.#took.push(Math.round(this.#stage.now - request.since))
    if (this.#took.length > 20) this.#took.shift()
    this.#begin()
  }
}
