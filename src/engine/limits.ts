/**
 * Every bound of the engine, with its unit and its reason. Reaching one is an outcome that the
 * peer hears, never growth (I9).
 */

import { assert } from '../base/assert.ts'

export const limits = {
  /** Bytes of a log's, route's or group's name in UTF-8: a record stores its route in one byte. */
  nameBytesMax: 255,
  /** Bytes of a record's key: stored with a 16-bit length. */
  keyBytesMax: 65_535,
  /** Bytes of an ordering group or a deduplication id. */
  idBytesMax: 255,
  /** Bytes of one record's envelope and body together: larger than every protocol's own limit. */
  recordBytesMax: 512 * 1024 * 1024,
  /** Queues and logs that one record may be routed to. */
  targetsMax: 65_535,
  levelsMax: 256,
  /** Logs, and routes, that may exist: each costs about a kilobyte of memory. */
  logsMax: 1_000_000,
  routesMax: 1_000_000,
  /** Tables that may exist, and the bytes of all fields and values of one: they live in memory. */
  tablesMax: 1_000_000,
  tableBytesMax: 4 * 1024 * 1024 * 1024,
  bindingsMax: 4_000_000,
  /** Resolved (route, key) pairs that are remembered; then the memory starts afresh. */
  routeCacheMax: 10_000,
  /** Route-to-route steps that one publish may take. */
  routeDepthMax: 64,
  /** Deduplication ids remembered for one log; beyond it the oldest are forgotten early. */
  dedupeIdsMax: 1_000_000,
  /** Deaths that a record remembers. */
  deathsMax: 64,
  /** A block is sealed when it has grown past this: one checksum, one unit of atomicity. */
  blockBytes: 1024 * 1024,
  /** Memory is taken from the system in such pieces; each mirrors a stretch of a file. */
  slabBytes: 256 * 1024,
  /** Read-ahead from disk: one read serves hundreds of small records. */
  readAheadBytes: 256 * 1024,
  /** Read-ahead buffers kept: so many scattered readers do not disturb each other. */
  readAheadBuffers: 16,
  /** Journal files kept open for reading. */
  openFilesMax: 256,
  /** Bytes handed to one write call. */
  writeBytesMax: 4 * 1024 * 1024,
  /** Bytes waiting for the disk at which readers of sockets must stop. */
  backlogBytesHigh: 32 * 1024 * 1024,
  backlogBytesLow: 8 * 1024 * 1024,
  /** Bytes waiting for the disk at which records are refused outright. */
  backlogBytesMax: 1024 * 1024 * 1024,
  /** Records handed to the subscribers of one queue before others get their turn. */
  dispatchBatch: 128,
  /** Lazy effects wait so long for company before they are written by themselves, in ms. */
  lazyFlushMs: 50,
  /**
   * Settlements that no reply waits for are written after so long, in ms: at a steady rate they
   * ride along with the records that come in, instead of taking every second sync for themselves.
   */
  settledFlushMs: 3,
  /** After a write found no space, in ms. */
  diskRetryMs: 500,
  /** Wait for a timer at most this long: a wall clock that jumps is noticed, in ms. */
  timerMaxMs: 60_000,
  /** So many files without a live record are reason enough for a snapshot, which lets them go. */
  emptyFilesMax: 4,
  /** A nearly dead file is left alone for so long before its survivors are copied, in ms. */
  reclaimAfterMs: 1000,
  /** Records that one turn of a background job looks at, in bytes. */
  jobBytes: 1024 * 1024,
} as const

assert(limits.backlogBytesLow < limits.backlogBytesHigh, 'low mark below high mark')
assert(limits.backlogBytesHigh < limits.backlogBytesMax, 'pause before refusing')
assert(limits.recordBytesMax < limits.backlogBytesMax, 'the largest record must fit the backlog')
assert(limits.slabBytes <= limits.blockBytes, 'a block may span several slabs, not the reverse')
