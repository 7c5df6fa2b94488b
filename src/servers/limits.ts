/** Every bound that all servers share, with the inequalities between them asserted at load. */

import { assert } from '../base/assert.ts'

const KiB = 1024
const MiB = 1024 * KiB

export const serverLimits = {
  /** The slab of a connection that says little: a heartbeat, a confirm. */
  slabBytesSmall: 1 * KiB,
  /** The slab of a busy connection. */
  slabBytesLarge: 64 * KiB,
  /** The slab of one reply full of records: a megabyte is what Kafka's consumers ask for. */
  slabBytesHuge: 1 * MiB + 64 * KiB,
  /** A slab filled so far takes no further reply, so that most replies never make one grow. */
  slabBytesSeal: 32 * KiB,
  /** Slabs kept for reuse, for all connections together. */
  slabsSmallMax: 4096,
  slabsLargeMax: 128,
  slabsHugeMax: 8,
  /** Output that has not left: deliveries stop here … */
  outboxBytesHigh: 1 * MiB,
  /** … and go on from here. */
  outboxBytesLow: 256 * KiB,
  /**
   * A peer that asks and does not read its answers is not read from beyond this. It is far above
   * the high mark: a client that writes its acknowledgements before it reads must not be blocked.
   */
  outboxBytesFlood: 32 * MiB,
  /** Above this the connection is destroyed (I9). Room for one record of the largest size. */
  outboxBytesMax: 768 * MiB,
  /** Connections of one listener. */
  connectionsMax: 16_384,
  /** Between two looks at every connection: heartbeats, deadlines. */
  tickMs: 1000,
  /** Connections that are `hasty` are ticked so often. */
  hastyTickMs: 250,
  /** A peer that has been told goodbye gets so long to read it and to close. */
  lingerMs: 5000,
} as const

assert(serverLimits.slabBytesSmall < serverLimits.slabBytesSeal, 'limits: small < seal')
assert(serverLimits.slabBytesSeal < serverLimits.slabBytesLarge, 'limits: seal < large')
assert(serverLimits.slabBytesLarge < serverLimits.outboxBytesLow, 'limits: slab < low')
assert(serverLimits.slabBytesLarge < serverLimits.slabBytesHuge, 'limits: large < huge')
assert(serverLimits.outboxBytesLow < serverLimits.outboxBytesHigh, 'limits: low < high')
assert(serverLimits.outboxBytesHigh < serverLimits.outboxBytesFlood, 'limits: high < flood')
assert(serverLimits.outboxBytesFlood < serverLimits.outboxBytesMax, 'limits: flood < max')
