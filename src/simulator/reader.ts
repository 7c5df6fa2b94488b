/**
 * A group that reads a log by position. It works through the records in order and commits its place
 * now and then; when it stops to share anew, whoever takes over begins at the committed place.
 */

import { duration } from './history.ts'
import type { ReaderPlan } from './scenario.ts'
import { orderOf, type Stage } from './stage.ts'

const pollMs = 100
const pauseMs = 800

export class Reader {
  readonly #stage: Stage
  plan: ReaderPlan
  #position = 0
  #life = 0
  #isWaiting = false
  done = 0
  isDown = false

  constructor(stage: Stage, plan: ReaderPlan) {
    this.#stage = stage
    this.plan = plan
    stage.engine.createGroup(plan.log, plan.group, 'first')
    for (const at of plan.rebalanceAtMs ?? []) {
      stage.after(Math.max(0, at - stage.now), () => this.rebalance('another member joins'))
    }
    this.#commitLater()
    this.#next()
  }

  change(plan: ReaderPlan): void {
    this.plan = plan
  }

  get committed(): number {
    return this.#stage.engine.group(this.plan.log, this.plan.group)?.cursor ?? 0
  }

  rebalance(reason: string): void {
    const stage = this.#stage
    const { name, title, commitsBeforeRebalance } = this.plan
    if (commitsBeforeRebalance === true) this.#commit()
    const behind = this.#position - this.committed
    this.#life++
    this.isDown = true
    stage.say({
      kind: 'note',
      from: name,
      text: `${title} stops to share anew: ${reason}. ${behind} records are done and not committed.`,
    })
    stage.after(pauseMs, () => {
      this.isDown = false
      this.#position = this.committed
      stage.say({
        kind: 'restart',
        from: name,
        text: `${title} goes on from the committed place, ${this.#position}.`,
      })
      this.#next()
    })
  }

  #commit(): void {
    if (this.#position > this.committed) {
      this.#stage.engine.commit(this.plan.log, this.plan.group, this.#position)
    }
  }

  #commitLater(): void {
    const every = this.plan.commitEveryMs
    this.#stage.after(every > 0 ? every : 1000, () => {
      if (!this.isDown && this.plan.commitEveryMs > 0) this.#commit()
      this.#commitLater()
    })
  }

  #next(): void {
    const stage = this.#stage
    const { log, group, name, title, workMs } = this.plan
    const life = this.#life
    const read = stage.engine.read(
      log,
      { position: this.#position },
      { countMax: 1, bytesMax: 65_536 },
    )
    const record = read.ok ? read.value[0] : undefined
    if (record === undefined) {
      this.#isWaiting = true
      stage.after(pollMs, () => {
        if (life === this.#life) this.#next()
      })
      return
    }
    const order = orderOf(record)
    const { position } = record
    if (this.#isWaiting) this.#isWaiting = false
    stage.ledger.deliveries++
    stage.say({
      kind: 'delivered',
      message: order.number,
      from: log,
      to: name,
      text: `${title} reads it at position ${position}.`,
    })
    stage.after(workMs, () => {
      if (life !== this.#life) return
      const isFirst = stage.ledger.effect(order.number, group)
      this.#position = position + 1
      this.done++
      stage.say({
        kind: isFirst ? 'effect' : 'repeat',
        message: order.number,
        from: name,
        text: isFirst
          ? `${title} handled it${this.plan.commitEveryMs > 0 ? `; its place is committed every ${duration(this.plan.commitEveryMs)}` : ''}.`
          : `${title} handled it AGAIN: its place had not been committed.`,
      })
      if (this.plan.commitEveryMs === 0) this.#commit()
      this.#next()
    })
  }
}
