/**
 * A run of a scenario: the real engine on a simulated machine, the programs around it, the ledger
 * beside them. Everything follows from the scenario, the seed and the inputs: repeat them, and the
 * run is the same to the millisecond. So the scrubber goes back by running again from the seed.
 *
 *     const run = new Simulation(scenario, { seed: 7 })
 *     run.advance(10_000)
 *     run.input({ kind: 'crash', consumer: 'worker 1' })
 *     run.advance(60_000)
 *     run.counts().lost                                   // 0
 */

import { encodeUtf8, noBytes } from '../base/bytes.ts'
import { SeededRandom } from '../base/random.ts'
import { openEngine } from '../engine/engine.ts'
import { defaultQueue } from '../engine/model.ts'
import { type SimulatedWorld, simulatedWorld } from '../testing/testing.ts'
import { Chain } from './chain.ts'
import { Consumer } from './consumer.ts'
import { History } from './history.ts'
import { Ledger, type LedgerCounts } from './ledger.ts'
import { Producer } from './producer.ts'
import { Reader } from './reader.ts'
import {
  defaultKnobs,
  type Input,
  type Knobs,
  type Plan,
  type QueuePlan,
  type Scenario,
  type TimedInput,
} from './scenario.ts'
import { orderOf, Stage } from './stage.ts'

/** How often the run looks for what nobody announces: dead letters, moves, losses. */
const lookEveryMs = 100

export interface QueueView {
  readonly plan: QueuePlan
  readonly ready: number
  readonly leased: number
  readonly delayed: number
}

export class Simulation {
  readonly scenario: Scenario
  readonly seed: number
  readonly inputs: TimedInput[] = []
  readonly history = new History()
  readonly ledger = new Ledger()
  readonly #world: SimulatedWorld
  readonly #stage: Stage
  readonly #numbers = { next: 1 }
  readonly producers = new Map<string, Producer>()
  readonly consumers = new Map<string, Consumer>()
  readonly readers = new Map<string, Reader>()
  chain: Chain | undefined
  plan: Plan
  knobs: Knobs
  /** How far each dead-letter queue has been looked at. */
  readonly #seen = new Map<string, number>()
  readonly #vanished = new Map<string, number>()

  constructor(
    scenario: Scenario,
    options: { readonly seed?: number | undefined; readonly knobs?: Knobs | undefined } = {},
  ) {
    this.scenario = scenario
    this.seed = options.seed ?? scenario.seed
    this.knobs = { ...defaultKnobs(scenario), ...options.knobs }
    this.plan = scenario.plan(this.knobs)
    this.#world = simulatedWorld(this.seed)
    this.#stage = new Stage({
      clock: this.#world.clock,
      random: new SeededRandom(this.seed + 1),
      ledger: this.ledger,
      history: this.history,
      engine: openEngine(this.#world),
    })
    this.#define()
    this.#cast()
    for (const { atMs, input } of scenario.script ?? []) {
      this.#stage.after(atMs, () => this.#do(input))
    }
    this.#look()
  }

  /** Milliseconds since the run began. */
  get now(): number {
    return this.#world.clock.monotonic()
  }

  advance(ms: number): void {
    this.#world.clock.advance(ms)
  }

  /** Runs to the next happening, for a reader who goes step by step; at most `limitMs`. */
  step(limitMs = 10_000): void {
    const last = this.history.items.at(-1)?.id ?? 0
    const until = this.now + limitMs
    while ((this.history.items.at(-1)?.id ?? 0) === last && this.now < until) {
      this.advance(Math.max(1, Math.min(50, this.#world.clock.untilNext())))
    }
  }

  /** What the reader does, now. It becomes part of the run. */
  input(input: Input): void {
    this.inputs.push({ atMs: this.now, input })
    this.#do(input)
  }

  counts(): LedgerCounts {
    this.#count()
    return this.ledger.counts()
  }

  queues(): QueueView[] {
    return this.plan.queues.map(plan => {
      const info = this.#stage.engine.log(plan.name)
      if (plan.isLog === true) {
        const cursors = (this.plan.readers ?? [])
          .filter(reader => reader.log === plan.name)
          .map(reader => this.#stage.engine.group(plan.name, reader.group)?.cursor ?? 0)
        const cursor = Math.min(info?.next ?? 0, ...cursors)
        return { plan, ready: (info?.next ?? 0) - cursor, leased: 0, delayed: 0 }
      }
      return {
        plan,
        ready: info?.ready ?? 0,
        leased: info?.leased ?? 0,
        delayed: info?.delayed ?? 0,
      }
    })
  }

  /** The engine's own account of its state: equal runs, equal fingerprints. */
  fingerprint(): string {
    return this.#stage.engine.fingerprint()
  }

  /** The same run again, up to a moment. */
  static replay(
    scenario: Scenario,
    options: {
      readonly seed: number
      readonly knobs: Knobs
      readonly inputs: readonly TimedInput[]
      readonly untilMs: number
    },
  ): Simulation {
    const run = new Simulation(scenario, options)
    for (const { atMs, input } of options.inputs) {
      if (atMs > options.untilMs) break
      run.advance(atMs - run.now)
      run.input(input)
    }
    run.advance(options.untilMs - run.now)
    return run
  }

  #define(): void {
    const { engine } = this.#stage
    for (const { name, config, isLog, dedupeWindowMs } of this.plan.queues) {
      engine.createLog(name, {
        ...(isLog === true ? {} : { queue: { ...defaultQueue, ...config } }),
        ...(dedupeWindowMs === undefined ? {} : { dedupeWindowMs }),
      })
    }
    for (const { name, kind, bindings } of this.plan.routes ?? []) {
      engine.createRoute(name, { kind })
      for (const { queue, key } of bindings) {
        engine.bind({ route: name, target: { kind: 'log', name: queue }, key })
      }
    }
  }

  /** Starts who is new in the plan, tells the others what changed, stops who is gone. */
  #cast(): void {
    const stage = this.#stage
    const { producers, consumers, readers = [], chain } = this.plan
    stage.downstreams = this.plan.downstreams ?? []
    stage.readersOf = log => readers.filter(reader => reader.log === log).length
    for (const plan of producers) {
      const known = this.producers.get(plan.name)
      if (known === undefined) {
        this.producers.set(plan.name, new Producer(stage, plan, this.#numbers))
      } else known.change(plan)
    }
    for (const plan of consumers) {
      const known = this.consumers.get(plan.name)
      if (known === undefined) {
        this.consumers.set(plan.name, new Consumer(stage, plan, name => this.#queuePlan(name)))
      } else known.change(plan)
    }
    for (const [name, consumer] of this.consumers) {
      if (consumers.some(plan => plan.name === name)) continue
      consumer.stop()
      this.consumers.delete(name)
    }
    for (const plan of readers) {
      const known = this.readers.get(plan.name)
      if (known === undefined) this.readers.set(plan.name, new Reader(stage, plan))
      else known.change(plan)
    }
    if (chain === undefined) return
    if (this.chain === undefined) this.chain = new Chain(stage, chain, this.#numbers)
    else this.chain.change(chain)
  }

  #queuePlan(name: string): QueuePlan | undefined {
    return this.plan.queues.find(queue => queue.name === name)
  }

  #do(input: Input): void {
    switch (input.kind) {
      case 'knob':
        return this.#turn(input.name, input.value)
      case 'send':
        this.chain?.send(input.count)
        return this.producers.values().next().value?.send(input.count)
      case 'crash':
        return this.consumers.get(input.consumer)?.crash()
      case 'crash-producer':
        return this.producers.values().next().value?.crash()
      case 'heal':
        for (const consumer of this.consumers.values()) {
          consumer.restart()
          if (consumer.isPaused) consumer.pause()
        }
        for (const producer of this.producers.values()) producer.restart()
        return
      case 'power':
        return this.#losePower()
      case 'pause':
        return this.consumers.get(input.consumer)?.pause()
      case 'redrive':
        return this.#redrive()
      case 'hand':
        for (const consumer of this.consumers.values()) {
          if (consumer.plan.manual === true) consumer.hand(input.act)
        }
    }
  }

  #turn(name: string, value: number): void {
    this.knobs = { ...this.knobs, [name]: value }
    const old = this.plan
    this.plan = this.scenario.plan(this.knobs)
    const spec = this.scenario.knobs.find(knob => knob.name === name)
    this.#stage.say({ kind: 'knob', text: `${spec?.label ?? name}: ${value}.` })
    for (const { name, config, isLog, dedupeWindowMs } of this.plan.queues) {
      const before = old.queues.find(queue => queue.name === name)
      if (isLog === true || JSON.stringify(before?.config) === JSON.stringify(config)) continue
      this.#stage.engine.alter(name, {
        queue: { ...defaultQueue, ...config },
        ...(dedupeWindowMs === undefined ? {} : { dedupeWindowMs }),
      })
    }
    this.#cast()
  }

  /** The broker's machine loses power: it comes back from what was on the disk. */
  #losePower(): void {
    this.#world.crash()
    this.#stage.engine = openEngine(this.#world)
    this.#stage.restoreTimers()
    this.#stage.say({
      kind: 'power',
      text: 'The power went. The broker recovered from what was on the disk, and every connection began anew.',
    })
    for (const consumer of this.consumers.values()) consumer.reconnect()
  }

  /** Dead letters go back to where they died. */
  #redrive(): void {
    const { engine } = this.#stage
    for (const dead of this.plan.queues.filter(queue => queue.isDead === true)) {
      for (;;) {
        const leased = engine.lease({ log: dead.name }, { holder: 'redrive', countMax: 100 })
        if (!leased.ok || leased.value.length === 0) break
        for (const { record } of leased.value) {
          const order = orderOf(record)
          const target = record.deaths[0]?.queue ?? ''
          engine.batch(() => {
            engine.publish('', target, {
              format: record.format,
              envelope: noBytes,
              body: encodeUtf8(JSON.stringify({ ...order, poison: false })),
              key: encodeUtf8(target),
              group: record.group,
            })
            engine.settle({ log: dead.name }, 'redrive', [record.position], { kind: 'done' })
          })
          this.#stage.say({
            kind: 'redriven',
            message: order.number,
            from: dead.name,
            to: target,
            text: `Redriven: repaired, and sent back to ${target}.`,
          })
        }
      }
    }
  }

  /** Looks for what happened inside the broker alone. */
  #look(): void {
    this.#count()
    for (const { name, config } of this.plan.queues) {
      if (config.deadLetter !== undefined) this.#lookForDead(config.deadLetter.key ?? '')
      const info = this.#stage.engine.log(name)
      if (info !== undefined) this.#lookForLosses(name)
    }
    this.#stage.after(lookEveryMs, () => this.#look())
  }

  #lookForDead(name: string): void {
    const seen = this.#seen.get(name) ?? 0
    const read = this.#stage.engine.read(name, { position: seen }, { countMax: 500, bytesMax: 1e6 })
    if (!read.ok) return
    for (const record of read.value) {
      this.#seen.set(name, record.position + 1)
      const death = record.deaths[0]
      if (death === undefined) continue
      const isMove = this.#queuePlan(name)?.isDead !== true
      this.#stage.say({
        kind: isMove ? 'moved' : 'dead',
        message: orderOf(record).number,
        from: death.queue,
        to: name,
        text: `${isMove ? 'Moved on' : 'Dead letter'}: ${reasons[death.reason]} in ${death.queue}${death.count > 1 ? `, ${death.count} times` : ''}.`,
      })
    }
  }

  /** What a queue without a place for the dead has dropped is lost, whoever it was. */
  #lookForLosses(name: string): void {
    const totals = this.#stage.engine.log(name)!.totals
    const gone = this.#queuePlan(name)!.config.deadLetter === undefined
    const count = gone ? totals.dropped + totals.expired : 0
    if (count <= (this.#vanished.get(name) ?? 0)) return
    this.#vanished.set(name, count)
    const alive = new Set<number>()
    for (const queue of this.plan.queues) {
      const read = this.#stage.engine.read(
        queue.name,
        { position: 0 },
        { countMax: 1e5, bytesMax: 1e9 },
      )
      if (read.ok) for (const record of read.value) alive.add(orderOf(record).number)
    }
    for (const fact of this.ledger.facts.values()) {
      if (alive.has(fact.number) || fact.effects.size + fact.given >= fact.copies) continue
      if (this.#isWithProducer(fact.number)) continue
      this.ledger.lose(fact.number)
      this.#stage.say({
        kind: 'lost',
        message: fact.number,
        from: name,
        text: `Lost: ${name} dropped it to stay within its limit.`,
      })
    }
  }

  #isWithProducer(number: number): boolean {
    for (const producer of this.producers.values()) if (producer.keeps(number)) return true
    return false
  }

  #count(): void {
    let dead = 0
    let backlog = 0
    for (const { plan, ready, leased, delayed } of this.queues()) {
      if (plan.isDead === true) dead += ready + leased
      else backlog += ready + leased + delayed
    }
    this.ledger.dead = dead
    this.ledger.backlogMax = Math.max(this.ledger.backlogMax, backlog + (this.chain?.waiting ?? 0))
  }
}

const reasons = {
  rejected: 'it was rejected',
  expired: 'its time to live ended',
  length: 'the queue was full',
  attempts: 'it had used up its attempts',
} as const
