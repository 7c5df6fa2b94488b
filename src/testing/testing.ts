/**
 * The public door of the simulated world, `spillway/testing`: the same ports that the real machine
 * gives to the engine, made of memory, with time that a test moves and misfortune that a seed
 * decides. Nothing here needs Node; it runs in a browser.
 *
 *     const world = simulatedWorld(42)
 *     const engine = openEngine(world)
 *     engine.createLog('jobs', { queue: defaultQueue })
 *     world.clock.runUntilIdle()            // the journal is written and synced
 *     world.crash()                         // the power goes; nothing of the engine runs any more
 *     const again = openEngine(world)       // recovers from what was on the disk
 */

import type { Ports } from '../engine/ports.ts'
import { SimulatedClock } from './clock.ts'
import { SimulatedRandom } from './random.ts'
import { SimulatedStorage } from './storage.ts'

export { SimulatedClock } from './clock.ts'
export { SimulatedRandom } from './random.ts'
export {
  SimulatedStorage,
  SimulatedStorageError,
  type SimulatedStorageOptions,
  type StorageCall,
} from './storage.ts'

/** Everything that an engine needs, and the ways to take it away. */
export interface SimulatedWorld extends Ports {
  readonly clock: SimulatedClock
  readonly storage: SimulatedStorage
  readonly random: SimulatedRandom
  /** The power goes: unsynced bytes are kept, lost or torn, and no timer of before runs again. */
  crash(): void
  /** The process is killed: what was written is there, and no timer of before runs again. */
  kill(): void
}

/** A world whose every accident follows from `seed`. */
export function simulatedWorld(
  seed: number,
  options: { readonly startAt?: number; readonly capacity?: number } = {},
): SimulatedWorld {
  const random = new SimulatedRandom(seed)
  const fate = random.fork()
  const clock = new SimulatedClock(options.startAt)
  const storage = new SimulatedStorage({
    clock,
    random: random.fork(),
    ...(options.capacity === undefined ? {} : { capacity: options.capacity }),
  })
  return {
    clock,
    storage,
    random,
    crash: () => {
      clock.clear()
      storage.crash(fate)
    },
    kill: () => {
      clock.clear()
      storage.kill(fate)
    },
  }
}
