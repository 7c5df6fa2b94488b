/**
 * What the engine's parts share: the state, the journal, and the turn. A verb changes the state and
 * *touches* the logs concerned; the turn, which runs once after the work at hand, hands records to
 * subscribers, wakes watchers, sets timers and starts the flush. So no callback ever runs inside a
 * verb, and a burst of verbs costs one turn.
 */

import { AssertionFailed } from '../base/assert.ts'
import { Heap } from '../base/heap.ts'
import type { EngineOptions } from './door.ts'
import { EngineFailure } from './errors.ts'
import type { Journal } from './journal/journal.ts'
import { limits } from './limits.ts'
import type { Ports, Timer } from './ports.ts'
import type { Log } from './state/log.ts'
import type { State } from './state/state.ts'

/** What the turn does with each touched log, in this order. */
export interface TurnWork {
  settleDown(log: Log): void
  handOut(log: Log): void
  serve(log: Log): void
  nextWakeup(log: Log): number
  wakeUp(log: Log, now: number): void
  afterTurn(): void
}

export class Core {
  readonly ports: Ports
  readonly options: EngineOptions
  readonly state: State
  journal!: Journal
  work!: TurnWork
  closed = false
  #touched: Log[] = []
  #turnWanted = false
  readonly #wakeups = new Heap<Log>()
  #timer: Timer | undefined
  #timerAt = Infinity

  constructor(ports: Ports, options: EngineOptions, state: State) {
    this.ports = ports
    this.options = options
    this.state = state
  }

  get now(): number {
    return this.ports.clock.now()
  }

  /** Every mutating verb begins here: throws when the engine has stopped (I10). */
  begin(): void {
    this.journal.begin()
    this.wantTurn()
  }

  /** The log is looked at in the next turn. */
  touch(log: Log): void {
    if (log.traffic.dirty) return
    log.traffic.dirty = true
    this.#touched.push(log)
    this.wantTurn()
  }

  wantTurn(): void {
    if (this.#turnWanted) return
    this.#turnWanted = true
    this.ports.clock.soon(() => this.#turn())
  }

  /** Runs engine work that nobody called for; a broken assertion stops the engine (I10). */
  guard(run: () => void): void {
    if (this.journal.failure !== undefined) return
    try {
      run()
    } catch (cause) {
      this.fail(cause)
    }
  }

  fail(cause: unknown): EngineFailure {
    const failure =
      cause instanceof EngineFailure
        ? cause
        : new EngineFailure('SPILLWAY_E_BUG', `the engine stopped: ${String(cause)}`, cause)
    this.journal.fail(failure)
    return failure
  }

  /** For verbs: an assertion that fails inside one stops the engine, too. */
  failedAssertion(cause: unknown): never {
    if (cause instanceof AssertionFailed) throw this.fail(cause)
    throw cause
  }

  /** Subscribers get what has come for them, before the turn, which comes as ever. */
  serve(log: Log): void {
    if (this.closed || !log.traffic.dirty) return
    this.guard(() => this.work.serve(log))
  }

  #turn(): void {
    this.#turnWanted = false
    if (this.closed) return
    this.guard(() => {
      const touched = this.#touched
      this.#touched = []
      for (const log of touched) {
        log.traffic.dirty = false
        if (this.state.logsById.get(log.id) !== log) continue
        this.work.settleDown(log)
        this.work.handOut(log)
        this.#arm(log)
      }
      this.work.afterTurn()
      this.journal.flush()
    })
  }

  // One heap of wake-ups, one timer

  #arm(log: Log): void {
    if (this.state.logsById.get(log.id) !== log) return
    const at = this.work.nextWakeup(log)
    if (at >= log.traffic.armedAt) return
    log.traffic.armedAt = at
    this.#wakeups.push(at, log.id, log)
    this.#setTimer()
  }

  #setTimer(): void {
    const at = this.#wakeups.size > 0 ? this.#wakeups.peekKey() : Infinity
    if (at === this.#timerAt && this.#timer !== undefined) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = at
    if (at === Infinity || this.closed) return
    const delay = Math.min(Math.max(0, at - this.now), limits.timerMaxMs)
    this.#timer = this.ports.clock.schedule(delay, () => {
      this.#timer = undefined
      this.guard(() => this.#wake())
    })
  }

  #wake(): void {
    if (this.closed) return
    this.journal.begin()
    const now = this.now
    const due: Log[] = []
    while (this.#wakeups.size > 0 && this.#wakeups.peekKey() <= now) {
      const at = this.#wakeups.peekKey()
      const log = this.#wakeups.pop()!
      if (log.traffic.armedAt === at) log.traffic.armedAt = Infinity
      if (this.state.logsById.get(log.id) === log && !due.includes(log)) due.push(log)
    }
    for (const log of due) {
      this.work.wakeUp(log, now)
      this.touch(log)
    }
    this.#timerAt = Infinity
    this.#setTimer()
  }

  stopTimers(): void {
    this.closed = true
    this.#timer?.cancel()
  }
}
