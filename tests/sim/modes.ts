/**
 * The ways to use the simulator. Each runs seeds and says of the first failure how to repeat it.
 */

import { SeededRandom } from '../../src/base/random.ts'
import type { EngineDoor } from '../../src/engine/engine.ts'
import { openEngine } from '../../src/engine/engine.ts'
import type { SimulatedWorld } from '../../src/testing/testing.ts'
import { type Counters, type Open, Simulation } from './simulation.ts'
import { chooseSwarm, type Swarm } from './swarm.ts'

export const modes = ['swarm', 'crash-every', 'determinism', 'rot', 'canary'] as const
export type Mode = (typeof modes)[number]

export interface Failure {
  readonly mode: Mode
  readonly seed: number
  readonly crashAtCall: number | undefined
  readonly message: string
  readonly trace: readonly string[]
}

export interface Tally extends Counters {
  seeds: number
}

export function newTally(): Tally {
  const counters = { operations: 0, events: 0, crashes: 0, reopened: 0, faults: 0 }
  return { seeds: 0, ...counters, deliveries: 0, records: 0 }
}

/** Runs one seed in a mode; undefined when all is well. */
export function runSeed(mode: Mode, seed: number, tally: Tally, at?: number): Failure | undefined {
  tally.seeds++
  switch (mode) {
    case 'swarm':
      return attempt({ mode, seed, tally, operations: 300, crashAtCall: undefined }).failure
    case 'rot': {
      const run = { mode, seed, tally, operations: 200, crashAtCall: undefined } as const
      return attempt({ ...run, checksRot: true }).failure
    }
    case 'crash-every':
      return crashEvery(seed, tally, at)
    case 'determinism':
      return twice(seed, tally)
    case 'canary':
      return canary(seed, tally)
  }
}

interface Attempt {
  readonly mode: Mode
  readonly seed: number
  readonly tally: Tally
  readonly operations: number
  readonly crashAtCall: number | undefined
  readonly swarm?: Swarm
  readonly open?: Open
  readonly prepare?: (world: SimulatedWorld) => void
  readonly checksRot?: boolean
}

interface Ended {
  readonly failure: Failure | undefined
  readonly hash: string
  readonly calls: number
}

function attempt(what: Attempt): Ended {
  const { mode, seed, tally, operations, crashAtCall, swarm, prepare, checksRot = false } = what
  let simulation: Simulation | undefined
  try {
    simulation = new Simulation({
      seed,
      operations,
      open: what.open ?? openEngine,
      checksRot,
      ...(crashAtCall === undefined ? {} : { crashAtCall }),
      ...(swarm === undefined ? {} : { swarm }),
      ...(prepare === undefined ? {} : { prepare }),
    })
    simulation.run()
    return { failure: undefined, hash: simulation.hash, calls: simulation.storageCalls }
  } catch (error) {
    const message = error instanceof Error ? messageOf(error) : String(error)
    const trace = simulation?.trace ?? []
    return { failure: { mode, seed, crashAtCall, message, trace }, hash: '', calls: 0 }
  } finally {
    if (simulation !== undefined) add(tally, simulation.counters)
  }
}

function messageOf(error: Error): string {
  return error.name === 'Violation' ? error.message : (error.stack ?? error.message)
}

function add(tally: Tally, counters: Counters): void {
  tally.operations += counters.operations
  tally.events += counters.events
  tally.crashes += counters.crashes
  tally.reopened += counters.reopened
  tally.faults += counters.faults
  tally.deliveries += counters.deliveries
  tally.records = Math.max(tally.records, counters.records)
}

/**
 * A short workload without other accidents, once for each storage call at which the power may go.
 */
function crashEvery(seed: number, tally: Tally, only: number | undefined): Failure | undefined {
  const chosen = chooseSwarm(new SeededRandom(seed))
  const accidents = ['reopen', 'kill', 'crash', 'fail-call', 'free-bytes', 'step-wall'] as const
  const weights = new Map(chosen.weights)
  for (const accident of accidents) weights.set(accident, 0)
  const swarm: Swarm = { ...chosen, weights, durability: { kind: 'always' } }
  const run = { mode: 'crash-every', seed, tally, swarm, operations: 60 } as const
  if (only !== undefined) return attempt({ ...run, crashAtCall: only }).failure
  const whole = attempt({ ...run, crashAtCall: undefined })
  if (whole.failure !== undefined) return whole.failure
  for (let call = 1; call <= whole.calls; call++) {
    const { failure } = attempt({ ...run, crashAtCall: call })
    if (failure !== undefined) return failure
  }
  return undefined
}

function twice(seed: number, tally: Tally): Failure | undefined {
  const run = { mode: 'determinism', seed, tally, operations: 200, crashAtCall: undefined } as const
  const first = attempt(run)
  if (first.failure !== undefined) return first.failure
  const second = attempt(run)
  if (second.failure !== undefined) return second.failure
  if (first.hash === second.hash) return undefined
  const message = `I3: the same seed gave ${first.hash} and then ${second.hash}`
  return { mode: 'determinism', seed, crashAtCall: undefined, message, trace: [] }
}

/** Planted bugs: each must be found within some seeds, or the simulator is blind to its kind. */
export const canaries: { readonly [bug: string]: Pick<Attempt, 'open' | 'prepare'> } = {
  'every fifth settlement is forgotten': { open: planted(forgetSettlements) },
  'nothing waits for the disk': { open: planted(openGate) },
  'a durable write is not durable': {
    prepare: world => {
      world.storage.liesAboutDurability = true
    },
  },
  'a lease is not counted': { open: planted(miscountAttempts) },
  'two records change places': { open: planted(swapReads) },
}

const canarySeeds = 40

function canary(seed: number, tally: Tally): Failure | undefined {
  for (const [bug, plant] of Object.entries(canaries)) {
    let isFound = false
    for (let index = 0; index < canarySeeds && !isFound; index++) {
      const chosen = chooseSwarm(new SeededRandom(seed * canarySeeds + index))
      const swarm: Swarm = { ...chosen, durability: { kind: 'always' } }
      const run = { mode: 'canary', tally, swarm, operations: 150, crashAtCall: undefined } as const
      isFound =
        attempt({ ...run, ...plant, seed: seed * canarySeeds + index }).failure !== undefined
    }
    if (isFound) continue
    const message = `the planted bug was not found: ${bug}`
    return { mode: 'canary', seed, crashAtCall: undefined, message, trace: [] }
  }
  return undefined
}

type Plant = (engine: EngineDoor) => Partial<EngineDoor>

/** An engine with some of its door replaced. */
function planted(plant: Plant): Open {
  return (ports, options) => {
    const engine = openEngine(ports, options)
    const replaced = plant(engine)
    return new Proxy(engine, {
      get: (target, name) => {
        const owner = Object.hasOwn(replaced, name) ? replaced : target
        const value: unknown = Reflect.get(owner, name, owner)
        return typeof value === 'function' ? value.bind(owner) : value
      },
    })
  }
}

function forgetSettlements(engine: EngineDoor): Partial<EngineDoor> {
  let count = 0
  return {
    settle: (target, holder, positions, settlement) =>
      settlement.kind === 'done' && ++count % 5 === 0
        ? { ok: true, value: undefined }
        : engine.settle(target, holder, positions, settlement),
  }
}

function openGate(engine: EngineDoor): Partial<EngineDoor> {
  return {
    get released() {
      return engine.gate
    },
  }
}

function miscountAttempts(engine: EngineDoor): Partial<EngineDoor> {
  return {
    lease: (target, options) => {
      const outcome = engine.lease(target, options)
      if (!outcome.ok) return outcome
      return { ok: true, value: outcome.value.map(one => ({ ...one, attempts: 1 })) }
    },
  }
}

function swapReads(engine: EngineDoor): Partial<EngineDoor> {
  return {
    peek: (log, options) => {
      const outcome = engine.peek(log, options)
      if (!outcome.ok || outcome.value.length < 3) return outcome
      const [first, second, ...rest] = outcome.value
      return { ok: true, value: [second!, first!, ...rest] }
    },
  }
}
