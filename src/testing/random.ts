/**
 * Simulated randomness: the same seed, the same run. It is the general seeded source, which has
 * what the engine's port asks for and more.
 */

import { SeededRandom } from '../base/random.ts'
import type { Random } from '../engine/ports.ts'

export class SimulatedRandom extends SeededRandom implements Random {}
