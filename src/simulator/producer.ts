/**
 * A program that sends. It sends at a steady rate with a little jitter, or so many at once; where a
 * database is involved it first commits the order there, and that is when the order is owed.
 */

import type { Fact } from './ledger.ts'
import type { ProducerPlan } from './scenario.ts'
import type { Stage } from './stage.ts'

/** Between the commit in the database and the message: where a crash hurts. */
const betweenMs = 150
const relayEveryMs = 250
const refusedWaitMs = 400
const restartMs = 3000

interface Sending {
  readonly fact: Fact
  readonly poison: boolean
}

export class Producer {
  readonly #stage: Stage
  readonly #numbers: { next: number }
  plan: ProducerPlan
  #sent = 0
  /** Made and not yet accepted: refused by the broker, or in the outbox. */
  readonly #waiting: Sending[] = []
  readonly #between = new Set<Sending>()
  #next: { cancel(): void } | undefined
  #isRetrying = false
  isDown = false

  constructor(stage: Stage, plan: ProducerPlan, numbers: { next: number }) {
    this.#stage = stage
    this.#numbers = numbers
    this.plan = plan
    this.#scheduleNext()
    if (plan.database === 'outbox') this.#relay()
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** It still has this one, and will send it. */
  keeps(number: number): boolean {
    const isIt = ({ fact }: Sending) => fact.number === number
    return this.#waiting.some(isIt) || [...this.#between].some(isIt)
  }

  change(plan: ProducerPlan): void {
    const hasNewRate = plan.perSecond !== this.plan.perSecond
    const startsRelay = plan.database === 'outbox' && this.plan.database !== 'outbox'
    this.plan = plan
    if (hasNewRate) {
      this.#next?.cancel()
      this.#scheduleNext()
    }
    if (startsRelay) this.#relay()
  }

  send(count: number): void {
    for (let index = 0; index < count && !this.isDown; index++) this.#make()
  }

  /** What it had in memory only is gone; what the database has stays owed. */
  crash(): void {
    const { name, title } = this.plan
    if (this.isDown) return
    this.isDown = true
    this.#next?.cancel()
    this.#stage.say({ kind: 'crash', from: name, text: `${title} crashed.` })
    for (const { fact } of this.#between) {
      this.#stage.ledger.lose(fact.number)
      this.#stage.say({
        kind: 'lost',
        message: fact.number,
        from: name,
        text: 'Lost: the order is in the database, and the process died before it sent the message.',
      })
    }
    this.#between.clear()
    this.#stage.after(restartMs, () => this.restart())
  }

  restart(): void {
    if (!this.isDown) return
    this.isDown = false
    this.#stage.say({ kind: 'restart', from: this.plan.name, text: `${this.plan.title} is back.` })
    this.#scheduleNext()
  }

  #scheduleNext(): void {
    const { perSecond, total } = this.plan
    if (perSecond <= 0 || (total !== undefined && this.#sent >= total)) return
    const jitter = 0.8 + 0.4 * this.#stage.random.float()
    this.#next = this.#stage.after((1000 / perSecond) * jitter, () => {
      // A producer that is refused makes no more until it is rid of what it has.
      if (!this.isDown && (this.plan.database === 'outbox' || this.#waiting.length === 0)) {
        this.#make()
      }
      this.#scheduleNext()
    })
  }

  #make(): void {
    const { plan } = this
    const stage = this.#stage
    const number = this.#numbers.next++
    this.#sent++
    const key = `customer ${1 + stage.random.below(plan.keys ?? 5)}`
    const fact = stage.ledger.owe(number, key, 100, stage.now)
    const poison = plan.poison?.(number) === true
    const sending = { fact, poison }
    if (plan.database === undefined) {
      this.#hand(sending)
      return
    }
    const where = plan.database === 'dual' ? 'the database' : 'the database, its message beside it'
    stage.say({
      kind: 'owed',
      message: number,
      from: plan.name,
      text: `Order ${number} is committed in ${where}.`,
    })
    if (plan.database === 'outbox') {
      this.#waiting.push(sending)
      return
    }
    this.#between.add(sending)
    stage.after(betweenMs, () => {
      if (this.#between.delete(sending)) this.#hand(sending)
    })
  }

  #hand(sending: Sending): boolean {
    const stage = this.#stage
    const { fact, poison } = sending
    const { name, title, route, to } = this.plan
    const outcome = stage.publish(this.plan, fact, poison)
    const isRefused =
      outcome.error !== undefined || (outcome.rejected > 0 && outcome.routed <= outcome.rejected)
    if (!isRefused) {
      if (outcome.routed === 0) {
        stage.ledger.lose(fact.number)
        stage.say({
          kind: 'lost',
          message: fact.number,
          from: name,
          text: 'Lost: it was routed nowhere, and nobody asked to be told.',
        })
        return true
      }
      const target = route ?? (typeof to === 'string' ? to : to[fact.number % to.length]!)
      stage.ledger.routed(fact.number, Math.max(outcome.routed, stage.readersOf(target)))
      stage.say({
        kind: 'sent',
        message: fact.number,
        from: name,
        to: target,
        text: `${title} sent order ${fact.number} of ${fact.key}${poison ? ', which nobody can handle' : ''}; the broker confirmed it once it was on the disk.`,
      })
      return true
    }
    stage.ledger.refused++
    stage.say({
      kind: 'refused',
      message: fact.number,
      from: name,
      text: `The broker refused order ${fact.number}: the queue is at its limit.`,
    })
    if (this.plan.whenRefused === 'drop') {
      stage.ledger.lose(fact.number)
      stage.say({
        kind: 'lost',
        message: fact.number,
        from: name,
        text: 'Lost: the producer did not keep what was refused.',
      })
      return true
    }
    if (!this.#waiting.includes(sending)) this.#waiting.push(sending)
    if (this.plan.database !== 'outbox') this.#retry()
    return false
  }

  #retry(): void {
    if (this.#isRetrying) return
    this.#isRetrying = true
    this.#stage.after(refusedWaitMs, () => {
      this.#isRetrying = false
      if (!this.isDown) this.#empty()
      else this.#retry()
    })
  }

  #relay(): void {
    if (this.plan.database !== 'outbox') return
    if (!this.isDown) this.#empty()
    this.#stage.after(relayEveryMs, () => this.#relay())
  }

  #empty(): void {
    while (this.#waiting.length > 0) {
      if (!this.#hand(this.#waiting[0]!)) return
      this.#waiting.shift()
    }
  }
}
