/**
 * Swarm testing (Groce et al. 2012): each run switches some operations and features off and skews
 * the others, because a mixture of everything visits few of the corners that a lopsided one does.
 */

import type { SeededRandom } from '../../src/base/random.ts'
import type { Durability } from '../../src/engine/engine.ts'
import type { OperationKind } from './operations.ts'

/** What records, queues and routes of a run may have. */
export const features = [
  'priorities',
  'turns',
  'groups',
  'prefixes',
  'ttl',
  'queueTtl',
  'delay',
  'countMax',
  'bytesMax',
  'rejectOverflow',
  'deadLetters',
  'attemptsMax',
  'retry',
  'dedupe',
  'singleActive',
  'transient',
  'volatileLogs',
  'autoDrop',
  'idle',
  'retention',
  'largeBodies',
  'patterns',
  'attributes',
  'alternate',
  'readerGroups',
  'breakingOff',
  'spans',
  'hashRoutes',
  'sortedKeys',
  'compaction',
] as const
export type Feature = (typeof features)[number]

export interface Swarm {
  readonly has: ReadonlySet<Feature>
  readonly weights: ReadonlyMap<OperationKind, number>
  readonly durability: Durability
  readonly fileBytes: number
  readonly cacheBytes: number
  /** Probability that the engine gets its turn after an operation. */
  readonly turnChance: number
  readonly queues: number
  readonly logs: number
  readonly routes: number
}

const usualWeights: readonly (readonly [kind: OperationKind, weight: number])[] = [
  ['create-log', 3],
  ['create-route', 2],
  ['create-group', 2],
  ['alter', 1],
  ['drop-log', 0.6],
  ['drop-route', 0.4],
  ['drop-group', 0.4],
  ['bind', 5],
  ['unbind', 1],
  ['publish', 22],
  ['append', 18],
  ['lease', 14],
  ['settle', 22],
  ['extend', 4],
  ['commit', 3],
  ['trim', 1.5],
  ['pause-queue', 0.7],
  ['create-table', 1],
  ['drop-table', 0.2],
  ['put', 5],
  ['watch', 3],
  ['read', 3],
  ['standings', 1],
  ['batch', 4],
  ['subscribe', 4],
  ['grant', 5],
  ['pause', 1],
  ['resume', 2],
  ['cancel', 1.5],
  ['advance', 16],
  ['step-wall', 0.3],
  ['turn', 6],
  ['reopen', 0.8],
  ['kill', 0.7],
  ['crash', 1],
  ['fail-call', 0.3],
  ['free-bytes', 0.4],
]

/** Never switched off: without them a run does nothing. */
const essential = new Set<OperationKind>(['create-log', 'append', 'advance', 'turn'])

export function chooseSwarm(random: SeededRandom): Swarm {
  const has = new Set<Feature>()
  const share = random.pick([0.15, 0.4, 0.7])
  for (const feature of features) if (random.chance(share)) has.add(feature)
  const weights = new Map<OperationKind, number>()
  for (const [kind, weight] of usualWeights) {
    const isOff = !essential.has(kind) && random.chance(0.2)
    weights.set(kind, isOff ? 0 : weight * random.pick([0.3, 1, 1, 1, 3]))
  }
  return {
    has,
    weights,
    durability: chooseDurability(random),
    fileBytes: random.pick([2048, 8192, 65_536, 1 << 20]),
    cacheBytes: random.pick([0, 1 << 20]),
    turnChance: random.pick([0.2, 0.7, 1]),
    queues: random.between(1, 5),
    logs: random.between(0, 3),
    routes: random.between(0, 4),
  }
}

function chooseDurability(random: SeededRandom): Durability {
  switch (random.weighted([8, 1, 1])) {
    case 0:
      return { kind: 'always' }
    case 1:
      return { kind: 'interval', ms: random.pick([5, 50]) }
    default:
      return { kind: 'os' }
  }
}
