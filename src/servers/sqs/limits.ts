/** The bounds of SQS, with their units: AWS' own, so that what fails there fails here. */

import { assert } from '../../base/assert.ts'

export const limits = {
  /** Bytes of a message: body, attribute names, types and values; of a whole batch, too. */
  messageBytesMax: 1_048_576,
  messageBytesMin: 1024,
  /** Bytes of a request: a batch of the largest messages, escaped. */
  requestBytesMax: 8 * 1024 * 1024,
  batchMax: 10,
  attributesMax: 10,
  attributeNameMax: 256,
  queueNameMax: 80,
  /** URLs whose queue's name is remembered. */
  urlsKnownMax: 1000,
  idMax: 80,
  groupIdMax: 128,
  tagsMax: 50,
  tagKeyMax: 128,
  tagValueMax: 256,
  visibilitySecondsMax: 43_200,
  visibilitySeconds: 30,
  delaySecondsMax: 900,
  waitSecondsMax: 20,
  retentionSecondsMin: 60,
  retentionSecondsMax: 1_209_600,
  retentionSeconds: 345_600,
  receiveCountMax: 1000,
  inFlightMax: 120_000,
  /** How long a deduplication id is remembered, and a receive request attempt. */
  dedupeMs: 300_000,
  coolDownMs: 60_000,
  pageMax: 1000,
  moveRateMax: 500,
  moveTasksShown: 10,
  /** Finished move tasks that are remembered for one source. */
  moveTasksKept: 10,
  /** A move works in steps of this many ms. */
  moveStepMs: 100,
  /** Receive request attempts that are remembered. */
  attemptsMax: 10_000,
  /** First receives that are remembered, of all queues. */
  firstReceivesMax: 200_000,
  /** Tenants of a fair queue whose share is known. */
  tenantsMax: 10_000,
  /** Priority levels of a standard queue, for fairness among tenants. */
  fairLevels: 4,
  /** Requests that wait in long polls. */
  waitersMax: 100_000,
  /** How far the clocks of signer and server may be apart. */
  clockSkewMs: 900_000,
} as const

assert(limits.messageBytesMax * 6 < limits.requestBytesMax, 'the largest body may be all escapes')
