/** The bounds of the admin API. */

import { assert } from '../base/assert.ts'

const MiB = 1024 * 1024

export const adminLimits = {
  /** A request's body: larger messages are sent by a protocol. */
  requestBytesMax: 32 * MiB,
  /** Messages in one request or answer. */
  messagesMax: 1000,
  /** What is shown of one body, unless more is asked for. */
  bodyBytesShown: 1 * MiB,
  /** A peek stops adding messages when it holds so much. */
  answerBytesMax: 64 * MiB,
  /** A lease call waits so long for a message at most. */
  waitMsMax: 30_000,
  /** Looks again for messages that came back, which nobody announces. */
  waitPollMs: 250,
  leaseMsDefault: 30_000,
  leaseMsMax: 12 * 3_600_000,
  /** Queues with metrics of their own; the rest is in the sums only. */
  queueSeriesMax: 500,
} as const

assert(adminLimits.bodyBytesShown <= adminLimits.answerBytesMax, 'a body fits an answer')
assert(adminLimits.waitMsMax <= adminLimits.leaseMsDefault, 'a wait is no longer than a lease')
