/**
 * What the engine does about a bit that changed on the disk: it says so, or the bit was in
 * something that it can do without. It never goes on with other data as if nothing had been.
 */

import type { SeededRandom } from '../../src/base/random.ts'
import type { EngineOptions } from '../../src/engine/engine.ts'
import { EngineFailure } from '../../src/engine/errors.ts'
import { verifyFolder } from '../../src/engine/journal/verify.ts'
import { type SimulatedWorld, simulatedWorld } from '../../src/testing/testing.ts'
import { causesOf, differenceOf } from './explain.ts'
import { linesOfSeen, see } from './observe.ts'
import type { Open } from './simulation.ts'
import { Violation, violated } from './violation.ts'

/** Opens a copy of the disk of `world`, sound and with one bit changed, and compares. */
export function checkRot(
  world: SimulatedWorld,
  open: Open,
  options: Partial<EngineOptions>,
  random: SeededRandom,
): void {
  const sound = copyOf(world)
  const expected = linesOfSeen(see(open(sound, options)), 'near')
  const spoiled = copyOf(world)
  const files = [...world.storage.files()].filter(([, bytes]) => bytes.length > 0)
  if (files.length === 0) return
  const [name, bytes] = random.pick(files)
  const offset = random.below(bytes.length)
  spoiled.storage.rot(name, offset, random.below(8))
  const where = `${name} at byte ${offset} of ${bytes.length}`
  const { problems, notes } = verifyFolder(spoiled.storage)
  try {
    const engine = open(spoiled, options)
    if (engine.stats().cutBytes > 0 && (problems.length > 0 || notes.length === 0)) {
      violated('I2', `a changed bit in ${where} is cut, and the doctor says ${problems.join()}`)
    }
    const difference = differenceOf(linesOfSeen(see(engine), 'near'), expected)
    if (difference === undefined) return
    // The last write before the end is not to be told from one that was torn.
    const isNewest = files.every(([other]) => !other.endsWith('.journal') || other <= name)
    if (isNewest && engine.stats().cutBytes > 0) return
    violated('I2', `a changed bit in ${where} went unnoticed: ${difference}`)
  } catch (error) {
    if (error instanceof EngineFailure && error.code === 'SPILLWAY_E_DAMAGED') {
      if (problems.length > 0) return
      violated('I2', `a changed bit in ${where} is refused, and the doctor finds no problem`)
    }
    if (error instanceof Violation && error.message.includes('a changed bit')) {
      throw error
    }
    violated('I2', `a changed bit in ${where} gives ${causesOf(error)}`)
  }
}

function copyOf(world: SimulatedWorld): SimulatedWorld {
  const copy = simulatedWorld(1, { startAt: world.clock.now() })
  for (const [name, bytes] of world.storage.files()) copy.storage.put(name, bytes)
  return copy
}
