/**
 * What actors have in common: the engine, time that survives the broker's power cut, randomness,
 * the ledger and the history. Actors are the programs around the broker; they keep their timers
 * when the broker dies, which the simulated machine's own clock does not.
 */

import { decodeUtf8, encodeUtf8, noBytes } from '../base/bytes.ts'
import type { SeededRandom } from '../base/random.ts'
import type { EngineDoor } from '../engine/engine.ts'
import type { PublishOutcome, StoredRecord } from '../engine/model.ts'
import type { Timer } from '../engine/ports.ts'
import type { SimulatedClock } from '../testing/testing.ts'
import type { Happening, History } from './history.ts'
import type { Fact, Ledger } from './ledger.ts'
import type { DownstreamPlan, ProducerPlan } from './scenario.ts'

interface Pending {
  readonly dueAt: number
  readonly run: () => void
  timer: Timer
}

/** A message's body, as JSON. */
export interface Order {
  readonly number: number
  readonly key: string
  readonly place: number
  readonly amount: number
  readonly poison: boolean
  /** Milliseconds since the run began, before which it should be done; 0: no matter when. */
  readonly doBy: number
}

export class Stage {
  readonly clock: SimulatedClock
  readonly random: SeededRandom
  readonly ledger: Ledger
  readonly history: History
  engine: EngineDoor
  readonly #pending = new Set<Pending>()
  readonly #calls = new Map<string, { readonly at: number; readonly isFine: boolean }[]>()
  downstreams: readonly DownstreamPlan[] = []
  /** Groups that read a log: each owes an effect of its own for each record. */
  readersOf: (log: string) => number = () => 1

  constructor(parts: {
    clock: SimulatedClock
    random: SeededRandom
    ledger: Ledger
    history: History
    engine: EngineDoor
  }) {
    this.clock = parts.clock
    this.random = parts.random
    this.ledger = parts.ledger
    this.history = parts.history
    this.engine = parts.engine
  }

  /** Milliseconds since the run began. */
  get now(): number {
    return this.clock.monotonic()
  }

  after(delayMs: number, run: () => void): { cancel(): void } {
    const pending: Pending = {
      dueAt: this.now + delayMs,
      run: () => {
        this.#pending.delete(pending)
        run()
      },
      timer: { cancel: () => undefined },
    }
    pending.timer = this.clock.schedule(delayMs, pending.run)
    this.#pending.add(pending)
    return {
      cancel: () => {
        pending.timer.cancel()
        this.#pending.delete(pending)
      },
    }
  }

  /** The machine's clock forgot everything; what the actors wait for is asked for again. */
  restoreTimers(): void {
    for (const pending of this.#pending) {
      pending.timer = this.clock.schedule(Math.max(0, pending.dueAt - this.now), pending.run)
    }
  }

  say(happening: Omit<Happening, 'id' | 'at'>): void {
    this.history.add({ at: this.now, ...happening })
  }

  /** A call of a service that bears only so much; false when it failed. */
  call(name: string): boolean {
    const service = this.downstreams.find(one => one.name === name)
    if (service === undefined) return true
    const recent = (this.#calls.get(name) ?? []).filter(call => call.at > this.now - 1000)
    this.#calls.set(name, recent)
    // Saying no takes work, too: a quarter of what doing it takes.
    const load = recent.reduce((sum, call) => sum + (call.isFine ? 1 : 0.25), 0)
    const isDown =
      service.downMs !== undefined && this.now >= service.downMs[0] && this.now < service.downMs[1]
    const isFine = !isDown && load < service.perSecond
    recent.push({ at: this.now, isFine })
    if (!isFine) this.ledger.failedCalls++
    return isFine
  }

  /** Publishes a fact as its producer does. */
  publish(plan: ProducerPlan, fact: Fact, poison: boolean): PublishOutcome {
    const { number } = fact
    const targets = typeof plan.to === 'string' ? [plan.to] : plan.to
    const to = targets[number % targets.length]!
    const delayMs = plan.delayMs?.(number)
    const ttlMs = plan.ttlMs?.(number)
    const waitMs = delayMs ?? ttlMs
    const order: Order = {
      number,
      key: fact.key,
      place: fact.place,
      amount: fact.amount,
      poison,
      doBy: waitMs === undefined ? 0 : Math.round(fact.owedAt + waitMs),
    }
    const { engine } = this
    return engine.publish(plan.route ?? '', to, {
      format: 0,
      envelope: noBytes,
      body: encodeUtf8(JSON.stringify(order)),
      key: encodeUtf8(to),
      group: groupOf(plan, fact),
      dedupeId: plan.dedupe === true ? `order-${number}` : undefined,
      priority: plan.priority?.(number),
      ttlMs,
      dueAt: delayMs === undefined ? undefined : engine.now + delayMs,
    })
  }
}

function groupOf(plan: ProducerPlan, fact: Fact): string | undefined {
  if (plan.grouped === 'single') return 'orders'
  return plan.grouped === true ? fact.key : undefined
}

export function orderOf(record: StoredRecord): Order {
  return JSON.parse(decodeUtf8(record.body)) as Order
}
