/** Every bound of the AMQP server with its unit, and the inequalities between them. */

import { assert } from '../../base/assert.ts'

export const limits = {
  /** What we propose; a client may lower them. */
  channelMax: 2047,
  frameMax: 131_072,
  heartbeatSeconds: 60,
  /** Octets that a frame may be larger than negotiated: clients forget the frame's own eight. */
  frameFudge: 8,
  /** Frames before tune-ok: enough for a token in place of a password. */
  handshakeFrameMax: 8192,
  /** With a shorter heartbeat a connection is ticked more often than once a second. */
  hastyHeartbeatSeconds: 5,
  /** A tick that is asked for once a second may come so much early. */
  tickSlackMs: 50,
  /** Between two looks at the memory of the process; a tick may come a little early. */
  memoryLookMs: 900,
  /** From accept to connection.open. */
  handshakeMs: 10_000,
  /** A peer that reads nothing for so long is left alone, and slow ones a little later. */
  sendMs: 15_000,
  slowestBytesPerSecond: 64 * 1024,
  /** From our close to the peer's close-ok. */
  closingMs: 30_000,
  /** Octets of a short string: names, routing keys, reply texts. */
  shortStringBytes: 255,
  /** Octets of a name prefix in `x-name-prefix`. */
  namePrefixBytes: 64,
  /** A body is collected in a buffer that begins so large, and doubles while the body comes. */
  bodyBytesFirst: 64 * 1024,
  /** Bytes that one open transaction may hold. */
  transactionBytesMax: 256 * 1024 * 1024,
  /** Ids that one exchange remembers, and the characters of an id that count. */
  deduplicationIdsMax: 1_000_000,
  deduplicationIdLength: 63,
  /** Consumers on one channel. */
  consumersMax: 65_535,
  /** Records, and bytes of bodies, that a reader of a stream is given at a time. */
  streamBatch: 128,
  streamBatchBytes: 1_048_576,
  /** Deliveries that one channel may leave unacknowledged. */
  unackedMax: 4_194_304,
  /** Names (exchanges, routing keys) that one connection remembers as text: a power of two. */
  namesRemembered: 256,
  /** Expiration and TTL: ten years in milliseconds, as RabbitMQ has it. */
  expiryMs: 315_360_000_000,
  priorityMax: 255,
  /** How long a delivery may stay unacknowledged before its channel is closed. */
  acknowledgeMs: 1_800_000,
} as const

assert(limits.handshakeFrameMax <= limits.frameMax, 'limits: the handshake fits a frame')
assert(limits.namePrefixBytes + 22 <= limits.shortStringBytes, 'limits: generated names fit')
assert((limits.namesRemembered & (limits.namesRemembered - 1)) === 0, 'limits: a power of two')
