/**
 * One run: the real engine on simulated ports, the model beside it, and operations from a seed.
 *
 *     operation ──> engine ──> answer ─┐
 *         └──────> models ──> answer ──┴─ equal?   then: look at all of the engine, follow, equal?
 *
 * After each step a snapshot of the model is kept with the engine's gate. What a crash leaves must
 * be the state of one of the snapshots, and not an earlier one than the newest that was revealed,
 * which is the first whose gate had been released (I1, I2). Because different pasts can look the
 * same from outside, there may be several models after a recovery; those that do not fit go as they
 * are found out, and a run fails when none is left.
 */

import { Hash } from '../../src/base/hash.ts'
import { SeededRandom } from '../../src/base/random.ts'
import type { EngineDoor, EngineOptions } from '../../src/engine/engine.ts'
import { EngineFailure } from '../../src/engine/errors.ts'
import type { Delivery, Subscription } from '../../src/engine/model.ts'
import type { Ports } from '../../src/engine/ports.ts'
import { type SimulatedWorld, simulatedWorld } from '../../src/testing/testing.ts'
import { causesOf, differenceOf } from './explain.ts'
import { follow, type Moment } from './follow.ts'
import { History } from './history.ts'
import { Model } from './model.ts'
import { type Expected, handOut, skipAbsent, subscribe } from './model-leasing.ts'
import { learnPositions } from './model-storing.ts'
import { idOf, linesOfModel, linesOfSeen, type Seen, see } from './observe.ts'
import { type Operation, printOperation, type SubscriberDraft, type Verb } from './operations.ts'
import { checkProgress } from './progress.ts'
import { mustWait, ruleOf } from './promises.ts'
import { checkRot } from './rot.ts'
import { chooseSwarm, type Swarm } from './swarm.ts'
import { doToEngine, doToModel, type Said } from './verbs.ts'
import { demand, Violation, violated } from './violation.ts'
import { Workload } from './workload.ts'

export type Open = (ports: Ports, options: Partial<EngineOptions>) => EngineDoor

export interface SimulationOptions {
  readonly seed: number
  readonly open: Open
  readonly operations: number
  /** What a canary does to the world before the run. */
  readonly prepare?: (world: SimulatedWorld) => void
  /** The power goes at this storage call. */
  readonly crashAtCall?: number
  readonly swarm?: Swarm
  /** Changes a bit on a copy of the disk between a clean end and the next start. */
  readonly checksRot?: boolean
}

export interface Counters {
  operations: number
  events: number
  crashes: number
  reopened: number
  faults: number
  deliveries: number
  records: number
}

interface Branch {
  readonly model: Model
  /** What the engine is about to hand out, by queue. */
  readonly expected: Map<string, Expected[]>
}

/** Thrown by the storage at the call at which the power goes. */
class PowerCut extends Error {}

const batchMax = 128
/** Records that are given back at once are handed out again, and again. */
const keptInsideMax = 16
/** How often every byte of every record is compared, and not only which records there are. */
const nearChance = 0.1

export class Simulation {
  readonly world: SimulatedWorld
  readonly counters: Counters = {
    operations: 0,
    events: 0,
    crashes: 0,
    reopened: 0,
    faults: 0,
    deliveries: 0,
    records: 0,
  }
  readonly swarm: Swarm
  readonly trace: string[] = []
  readonly #options: SimulationOptions
  readonly #random: SeededRandom
  readonly #workload: Workload
  readonly #hash = new Hash()
  #engine: EngineDoor
  #branches: Branch[]
  readonly #history: History
  #subscriptions = new Map<string, Subscription>()
  readonly #watchers = new Set<{ readonly log: string; readonly position: number }>()
  #failure: Error | undefined
  /** Found in a callback. */
  #violation: Violation | undefined
  /** A fault was injected and may show at any time. */
  #isFaulty = false
  #isCut = false
  #isBatch = false
  /** The engine may be late until then: the wall clock was stepped. */
  #lateUntil = 0
  #released = 0
  /** The highest that the wall clock ever showed: it may be set back. */
  #latest = 0
  /** A state was not kept since the last snapshot. */
  #isAfterGap = false
  /** Snapshots since the last step, from inside deliveries. */
  #keptInside = 0

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    this.swarm = options.swarm ?? chooseSwarm(this.#random)
    this.world = simulatedWorld(this.#random.uint32())
    this.#workload = new Workload(this.#random.fork(), this.swarm)
    options.prepare?.(this.world)
    this.#branches = [{ model: new Model(), expected: new Map() }]
    this.#cutPowerAt(options.crashAtCall)
    this.#history = new History(this.#isAlways)
    this.#engine = this.#open()
    this.#recovered(this.#engine, 0)
  }

  /** The hash of everything that the engine has said, and of what it held in between. */
  get hash(): string {
    return this.#hash.hex()
  }

  /** Under this policy a power cut loses nothing that was revealed. */
  get #isAlways(): boolean {
    return this.swarm.durability.kind === 'always'
  }

  get #engineOptions(): Partial<EngineOptions> {
    const { durability, fileBytes, cacheBytes } = this.swarm
    return { durability, fileBytes, cacheBytes, diskFreeMin: 1000, compactCount: 3 }
  }

  get storageCalls(): number {
    return this.world.storage.calls
  }

  run(): void {
    for (const operation of this.#workload.begin()) this.#do(operation)
    for (let left = this.#options.operations; left > 0; left--) {
      this.#do(this.#workload.next(this.#branches[0]!.model))
    }
    this.#note('the end')
    this.#advance(100)
    this.#reopen()
  }

  // Operations

  #do(operation: Operation): void {
    this.#note(printOperation(operation))
    this.counters.operations++
    this.#perform(operation)
    if (this.#random.chance(this.swarm.turnChance)) this.#turns()
  }

  #perform(operation: Operation): void {
    switch (operation.do) {
      case 'batch':
        this.#guarded(() => this.#batch(operation.verbs))
        break
      case 'subscribe':
        this.#guarded(() => this.#subscribe(operation.queue, operation.subscriber))
        break
      case 'grant':
      case 'pause':
      case 'resume':
      case 'cancel':
        this.#guarded(() => this.#steer(operation))
        break
      case 'watch':
        this.#guarded(() => this.#watch(operation.log, operation.position))
        break
      case 'turn':
        this.#turns()
        break
      case 'advance':
        this.#advance(operation.ms)
        break
      case 'step-wall':
        this.world.clock.stepWall(operation.ms)
        this.#lateUntil = this.world.clock.monotonic() + 61_000 + Math.abs(operation.ms)
        break
      case 'reopen':
        this.#reopen()
        break
      case 'kill':
      case 'crash':
        this.#die(operation.do)
        break
      case 'fail-call':
        this.world.storage.failCall(this.world.storage.calls + operation.inCalls, operation.code)
        this.#isFaulty = true
        break
      case 'free-bytes':
        this.world.storage.capacity = this.world.storage.usedBytes + operation.bytes
        this.#isFaulty = true
        break
      default:
        this.#guarded(() => this.#verb(operation))
    }
  }

  /** Runs what may meet a broken engine; afterwards everything must fit again. */
  #guarded(run: () => void): void {
    try {
      run()
      if (this.#failure === undefined && !this.#isCut) {
        if (this.#violation !== undefined) throw this.#violation
        this.#endExpected()
        this.#sync()
      }
    } catch (error) {
      this.#accept(error)
    }
    if (this.#isCut) this.#die('crash')
    else if (this.#failure !== undefined) this.#afterFailure()
  }

  /** An error is fine when it is the engine's own and somebody has broken the storage. */
  #accept(error: unknown): void {
    if (error instanceof Violation) throw error
    if (this.#isCut || error instanceof PowerCut) return
    if (error instanceof EngineFailure && this.#isFaulty) {
      this.#failure ??= error
      return
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    violated('answer', `the engine threw ${causesOf(error)}${text}`)
  }

  #verb(verb: Verb): void {
    const moment = this.#moment()
    const gateBefore = this.#engine.gate
    const said = doToEngine(this.#engine, verb, moment.now)
    this.#hash.text(said.text)
    for (const delivery of said.deliveries ?? []) {
      if (verb.do !== 'lease' || verb.target.group !== undefined) break
      const { position } = delivery.record
      this.#checkStored(verb.target.log, { position, id: idOf(delivery.record) }, delivery)
    }
    if (said.error === 'disk-full' || said.error === 'overloaded') {
      demand(this.#engine.alarm !== undefined, 'I9', `${said.error} without an alarm`)
      return
    }
    let seen: Seen | undefined
    this.#each(({ model }) => {
      const isWaitedFor = mustWait(model, verb, said)
      const expected = doToModel(model, verb, moment, said)
      demand(
        said.text === expected.text || isLearned(model, verb, said, expected),
        'answer',
        `${verb.do} said ${said.text}, the model says ${expected.text}`,
      )
      if (model.moves.length > 0) {
        seen ??= see(this.#engine)
        follow(model, seen, moment)
      }
      if (!isWaitedFor || said.error !== undefined) return
      demand(this.#engine.gate > gateBefore, 'I1', `${verb.do} did not raise the gate`)
    })
  }

  #batch(verbs: readonly Verb[]): void {
    this.#isBatch = true
    try {
      this.#engine.batch(() => {
        for (const verb of verbs) {
          this.#verb(verb)
          this.#sync()
        }
      })
    } finally {
      this.#isBatch = false
    }
  }

  // Subscribers

  #subscribe(queue: string, draft: SubscriberDraft): void {
    const key = `${queue}/${draft.holder}`
    if (this.#subscriptions.has(key)) return
    const { leaseMs, settlesAtOnce: _settles, breaksOff: _breaks, ...rest } = draft
    const outcome = this.#engine.subscribe(queue, {
      ...rest,
      ...(leaseMs === undefined ? {} : { leaseMs }),
      deliver: delivery => {
        if (this.#failure !== undefined || this.#isCut || this.#violation !== undefined) return
        try {
          this.#delivered(queue, draft, delivery)
        } catch (error) {
          // It must not be taken for the engine's own mistake by the engine.
          if (!(error instanceof Violation)) throw error
          this.#violation = error
        }
      },
      ended: () => {
        this.#subscriptions.delete(key)
      },
    })
    if (outcome.ok) this.#subscriptions.set(key, outcome.value)
    const text = outcome.ok ? 'done' : outcome.error
    this.#each(({ model }) => {
      const expected = subscribe(model, queue, draft)
      demand(text === expected, 'answer', `subscribe said ${text}, the model says ${expected}`)
    })
  }

  #steer(operation: Extract<Operation, { do: 'grant' | 'pause' | 'resume' | 'cancel' }>): void {
    const key = `${operation.queue}/${operation.holder}`
    const subscription = this.#subscriptions.get(key)
    if (subscription === undefined) return
    if (operation.do === 'grant') subscription.grant(operation.count)
    else subscription[operation.do]()
    if (operation.do === 'cancel') this.#subscriptions.delete(key)
    this.#each(({ model }) => {
      const log = model.log(operation.queue)
      const subscriber = log.subscribers.find(one => one.holder === operation.holder)
      if (subscriber === undefined) return violated('answer', `${key} is not known`)
      if (operation.do === 'grant') subscriber.left += operation.count
      else if (operation.do !== 'cancel') subscriber.isPaused = operation.do === 'pause'
      else {
        log.subscribers = log.subscribers.filter(one => one !== subscriber)
        log.usedAt = this.#moment().monotonic
      }
    })
  }

  /** Watchers are woken once, when there is something for them, and not for nothing. */
  #watch(log: string, position: number): void {
    const watcher = { log, position }
    const outcome = this.#engine.watch(log, position, () => {
      if (!this.#watchers.delete(watcher) || this.#failure !== undefined || this.#isCut) return
      const info = this.#engine.log(log)
      const isDue = info === undefined || info.next > position || info.first > position
      if (!isDue) this.#violation ??= new Violation('answer', `${log} woke a watcher for nothing`)
    })
    const isThere = this.#branches.some(({ model }) => model.logs.has(log))
    demand(outcome.ok === isThere, 'answer', `watch said ${outcome.ok ? 'done' : outcome.error}`)
    if (outcome.ok) this.#watchers.add(watcher)
  }

  #checkWatchers(): void {
    for (const { log, position } of this.#watchers) {
      const next = this.#engine.log(log)?.next ?? Number.POSITIVE_INFINITY
      demand(next <= position, 'progress', `${log} did not wake the watcher of ${position}`)
    }
  }

  /** The engine hands a record to a subscriber, from one of its turns. */
  #delivered(queue: string, draft: SubscriberDraft, delivery: Delivery): void {
    const { record, attempts } = delivery
    const { position } = record
    const got = { holder: draft.holder, position, id: idOf(record), attempts }
    this.counters.deliveries++
    this.#hash.text(JSON.stringify(got))
    this.#note(`  ${queue} hands ${got.id} at ${position} (${attempts}) to ${draft.holder}`)
    let seen: Seen | undefined
    this.#each(({ model, expected }) => {
      const list = expected.get(queue) ?? []
      skipAbsent(model, queue, list)
      if (list.length === 0) {
        seen ??= see(this.#engine)
        const moment = this.#moment()
        follow(model, seen, moment)
        const log = model.logs.get(queue)
        if (log !== undefined) list.push(...handOut(log, batchMax, moment.now))
        expected.set(queue, list)
      }
      const next = list.shift()
      const nextText = next === undefined ? 'nothing' : JSON.stringify(sorted(next))
      demand(
        JSON.stringify(sorted(got)) === nextText,
        ruleOf(model, queue, got, next),
        `${queue} handed ${JSON.stringify(got)}, the model says ${nextText}`,
      )
    })
    this.#checkStored(queue, got, delivery)
    // A block may be full, and written, between the leases and what the subscriber makes of them.
    if (this.#keptInside++ < keptInsideMax) this.#keep(this.#engine.gate)
    else this.#isAfterGap = true
    this.#react(queue, draft, position)
  }

  /** A record that is said to be on the disk must come back after whatever happens now (I1). */
  #checkStored(
    queue: string,
    got: Pick<Expected, 'id' | 'position'>,
    { record, stored }: Delivery,
  ): void {
    if (stored !== true || record.transient) return
    if (this.#engine.log(queue)?.config.durable !== true) return
    const isSafe = this.#history.isSafe(this.#engine.released, queue, got)
    demand(isSafe, 'I1', `${queue} says that ${got.id} at ${got.position} is on the disk`)
  }

  /** What a subscriber does from inside the call that hands it a record. */
  #react(queue: string, draft: SubscriberDraft, position: number): void {
    const settlement = draft.settled ? undefined : this.#workload.settlementAtOnce(draft)
    if (settlement !== undefined) {
      const target = { log: queue }
      const positions = [position]
      this.#verb({ do: 'settle', target, holder: draft.holder, positions, settlement })
    }
    const operation = this.#workload.breakOff(queue, draft)
    if (operation === undefined) return
    this.#note(`  ${draft.holder}: ${printOperation(operation)}`)
    if (operation.do === 'drop-log') this.#verb(operation)
    else this.#steer(operation)
  }

  /** After an event nothing that the model expects to be handed out may be left. */
  #endExpected(): void {
    this.#each(({ model, expected }) => {
      for (const [queue, list] of expected) {
        skipAbsent(model, queue, list)
        const left = list[0]
        if (left === undefined) continue
        violated('I8', `${queue} did not hand ${left.id} at ${left.position} to ${left.holder}`)
      }
    })
  }

  // Time

  #turns(): void {
    for (let count = 0; this.world.clock.untilNext() === 0; count++) {
      demand(count < 10_000, 'progress', 'the engine never comes to rest')
      this.#event()
    }
  }

  #advance(ms: number): void {
    const { clock } = this.world
    const until = clock.monotonic() + ms
    // A lease of some milliseconds that nobody settles comes back, and goes out, again and again.
    const { events, deliveries } = this.counters
    const deliveriesMax = deliveries + 1000 + ms
    while (clock.monotonic() + clock.untilNext() <= until) {
      this.#event()
      const handed = this.counters.deliveries - deliveries
      const eventsMax = events + 1000 + ms / 5 + handed * 4
      demand(this.counters.events < eventsMax, 'progress', `no rest in ${ms} ms`)
      demand(
        this.counters.deliveries < deliveriesMax,
        'progress',
        `no end of deliveries in ${ms} ms`,
      )
    }
    clock.advance(Math.max(0, until - clock.monotonic()))
    this.#guarded(() => undefined)
    if (ms === 0 || clock.monotonic() < this.#lateUntil || clock.untilNext() === 0) return
    if (this.#engine.alarm !== undefined) return
    this.#each(({ model }) => checkProgress(model, this.#moment()))
    this.#checkWatchers()
  }

  #event(): void {
    this.counters.events++
    this.#guarded(() => {
      this.world.clock.step()
    })
  }

  #moment(): Moment {
    const now = this.world.clock.now()
    this.#latest = Math.max(this.#latest, now)
    return { now, monotonic: this.world.clock.monotonic(), latest: this.#latest }
  }

  // Comparing

  /** Looks at the whole engine and lets the models follow; keeps a snapshot. */
  #sync(): void {
    this.#keptInside = 0
    const seen = this.#look()
    const distance = this.#random.chance(nearChance) ? 'near' : 'far'
    const lines = linesOfSeen(seen, distance)
    const moment = this.#moment()
    this.#each(({ model }) => {
      follow(model, seen, moment)
      const difference = differenceOf(lines, linesOfModel(model, distance))
      demand(difference === undefined, 'I2', difference ?? '')
    })
    this.counters.records = Math.max(this.counters.records, lines.length)
    this.#checkReleased()
    if (!this.#isBatch) this.#keep(this.#engine.gate)
  }

  /** Looking makes the engine want a turn; it has nothing to do in it. */
  #look(): Seen {
    const { clock } = this.world
    const isIdle = clock.soonCount === 0
    const seen = see(this.#engine)
    if (isIdle && !this.#isBatch && clock.soonCount > 0) clock.step()
    return seen
  }

  #checkReleased(): void {
    const { gate, recordGate, released } = this.#engine
    demand(recordGate <= gate, 'I1', 'the gate of records is behind that of everything')
    demand(released >= this.#released, 'I1', 'what was released stays released')
    this.#released = released
  }

  #keep(gate: number): void {
    const models = this.#branches.map(({ model }) => model)
    this.#history.keep(gate, models, this.#released, this.#isAfterGap)
    this.#isAfterGap = false
  }

  /** Every past that is still possible must agree; those that do not are out. */
  #each(check: (branch: Branch) => void): void {
    const left: Branch[] = []
    let last: unknown
    for (const branch of this.#branches) {
      try {
        check(branch)
        left.push(branch)
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        last = error
      }
    }
    if (left.length === 0) throw last
    this.#branches = left
  }

  // Ends and beginnings

  #reopen(): void {
    this.counters.reopened++
    const { alarm } = this.#engine
    let isClosed = false
    this.#guardedEnd(() => {
      this.#engine.close(() => {
        isClosed = true
      })
      const until = this.world.clock.monotonic() + 60_000
      while (!isClosed && this.world.clock.monotonic() < until && !this.#isCut) {
        if (!this.world.clock.step()) break
      }
    })
    if (this.#isCut) return this.#die('crash')
    if (this.#failure !== undefined) return this.#afterFailure()
    demand(isClosed || this.#isFaulty, 'progress', 'the engine did not close')
    const isClean = alarm === undefined && !this.#isFaulty
    this.world.kill()
    if (isClean && this.#options.checksRot === true) {
      checkRot(this.world, this.#options.open, this.#engineOptions, this.#random)
    }
    this.#restart(isClean ? this.#history.newest : this.#history.floor(this.#released))
    if (isClean) this.#history.forgetPast()
  }

  #guardedEnd(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#accept(error)
    }
  }

  #die(how: 'kill' | 'crash'): void {
    this.counters.crashes++
    const isPromised = this.#isAlways || (how === 'kill' && !this.#isFaulty)
    const floor = isPromised ? this.#history.floor(this.#released) : 0
    if (how === 'kill') this.world.kill()
    else this.world.crash()
    this.#restart(floor)
  }

  /** The engine has stopped: it must say so to everybody, and be right after a restart. */
  #afterFailure(): void {
    this.counters.faults++
    demand(this.#isFaulty, 'I10', `the engine stopped by itself: ${causesOf(this.#failure)}`)
    try {
      this.#engine.createLog('after', {})
      violated('I10', 'the engine works on after a failure')
    } catch (error) {
      demand(error instanceof EngineFailure, 'I10', `after a failure it throws ${String(error)}`)
    }
    this.#note(`  the engine stopped: ${this.#failure?.message}`)
    this.#die(this.#random.pick(['kill', 'crash'] as const))
  }

  #restart(floor: number): void {
    this.#isCut = false
    this.#failure = undefined
    this.#violation = undefined
    this.#isFaulty = false
    this.world.storage.clearFailures()
    this.world.storage.capacity = Number.MAX_SAFE_INTEGER
    this.world.storage.onCall = undefined
    this.#subscriptions = new Map()
    this.#watchers.clear()
    this.#isBatch = false
    this.#engine = this.#open()
    this.#recovered(this.#engine, floor)
  }

  #open(): EngineDoor {
    let engine: EngineDoor
    try {
      engine = this.#options.open(this.world, this.#engineOptions)
    } catch (error) {
      if (error instanceof PowerCut) {
        this.world.crash()
        this.world.storage.onCall = undefined
        this.#isCut = false
        return this.#open()
      }
      const text = error instanceof Error ? (error.stack ?? '') : ''
      return violated('I2', `the engine does not open: ${causesOf(error)}${text}`)
    }
    engine.onFailure(failure => {
      if (engine === this.#engine) this.#failure = failure
    })
    return engine
  }

  /** What is there after a start is one of the states that were there before the end. */
  #recovered(engine: EngineDoor, floor: number): void {
    const seen = this.#look()
    const lines = linesOfSeen(seen, 'near')
    const from = { moment: this.#moment(), floor, gate: engine.gate }
    const models = this.#history.recover(seen, lines, from)
    this.#branches = models.map(model => ({ model, expected: new Map() }))
    this.#released = engine.released
    this.#keep(engine.gate)
    this.#note(`  recovered; ${models.length} pasts are possible`)
    for (const line of lines) this.#hash.text(line)
  }

  #cutPowerAt(call: number | undefined): void {
    if (call === undefined) return
    this.world.storage.onCall = number => {
      if (number < call) return
      this.#isCut = true
      throw new PowerCut(`the power goes at storage call ${number}`)
    }
  }

  #note(line: string): void {
    this.trace.push(`${String(Math.round(this.world.clock.monotonic())).padStart(7)} ${line}`)
    if (this.trace.length > 400) this.trace.shift()
  }
}

/** True when the answers differ only in what the model could not see. */
function isLearned(model: Model, verb: Verb, said: Said, expected: Said): boolean {
  if (verb.do !== 'append' || said.error !== undefined || expected.error !== undefined) return false
  return learnPositions(model.log(verb.log), verb.records, said.text, expected.text)
}

function sorted(expected: Expected): Expected {
  const { holder, position, id, attempts } = expected
  return { holder, position, id, attempts }
}
