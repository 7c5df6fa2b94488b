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
  /** What is shown of one body in a list, where nobody has asked for all of it. */
  previewBytes: 2048,
  /** Rows in one answer of a list. */
  rowsMax: 1000,
  /** A search looks at so many records in one request, and at so many bytes of bodies; */
  scanRecordsMax: 20_000,
  scanBytesMax: 64 * MiB,
  /** of them in one turn of the event loop, */
  scanStepRecords: 128,
  scanStepBytes: 1 * MiB,
  /** and of one body, so many bytes. */
  searchBytesMax: 1 * MiB,
  /** The event stream's beat, and the time between two of its lists, in ms. */
  beatMs: 100,
  listMs: 1000,
  /** Beats, and lists, take at most this part of the time each: then they come less often. */
  beatShare: 0.003,
  /** What a write to one more page costs beside the making of it, in ms, as measured. */
  pageWriteMs: 0.04,
  /** What pages show live is taken from a look at all queues that is no older than this. */
  surveyMs: 1500,
  /** Streams that may be open, and messages of a live tail in one beat. */
  streamsMax: 100,
  tailMessagesMax: 20,
  /** Sampling takes at most this part of the time, however many queues there are. */
  sampleShare: 0.005,
  sampleMs: 1000,
  /** Queues with a history of their own. */
  historiesMax: 256,
  /** An oldest record is looked up again after so long, in ms. */
  oldestMs: 5000,
  /** Sign-in: sessions, their idle life in ms, and failures a minute. */
  sessionsMax: 1000,
  sessionIdleMs: 12 * 3_600_000,
  failuresMax: 20,
  /** Redrives: those that are remembered, messages of one that can be undone, and a step's. */
  redrivesKept: 20,
  undoMax: 100_000,
  redriveStep: 100,
  redriveStepMs: 50,
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
