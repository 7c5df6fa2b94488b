/** Every bound of the Kafka server, with its unit and its reason. */

export const limits = {
  /** Bytes of a pipelined peer that wait behind a parked request; then it is not read from. */
  waitingBytesMax: 256 * 1024,
  /** Partitions of one topic: each is a log of the engine. */
  partitionsMax: 10_000,
  topicNameMax: 249,
  /** Bytes that one fetch answers with, whatever it asks for: it is encoded in one piece. */
  fetchBytesMax: 50 * 1024 * 1024,
  /** About what a partition adds to an answer besides its records. */
  fetchedPartitionBytes: 256,
  /** Fetch sessions that are kept: Kafka's max.incremental.fetch.session.cache.slots. */
  fetchSessionsMax: 1_000,
  /** How long a fetch may be parked, in ms. */
  fetchWaitMsMax: 300_000,
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  membersMax: 10_000,
  /** Kafka's group.consumer.session.timeout.ms and group.consumer.heartbeat.interval.ms. */
  modernSessionMs: 45_000,
  modernHeartbeatMs: 5_000,
  groupsMax: 100_000,
  /** Kafka's group.share.max.size, group.share.session.timeout.ms and …heartbeat.interval.ms. */
  shareMembersMax: 200,
  shareSessionMs: 45_000,
  shareHeartbeatMs: 5_000,
  /** Kafka's group.share.record.lock.duration.ms, group.share.delivery.count.limit. */
  shareLockMs: 30_000,
  shareDeliveriesMax: 5,
  /** Records of one partition under way in one group: group.share.partition.max.record.locks. */
  shareLocksMax: 2_000,
  /** Members of share groups that fetch: group.share.max.share.sessions. */
  shareSessionsMax: 2_000,
  /** Times that one fetch looks at a partition anew, where single records are free. */
  shareLooksMax: 64,
  /** Bytes of the text that is kept with a committed offset. */
  metadataBytesMax: 4096,
  transactionMsMax: 900_000,
  /** A transaction that has timed out, and could not be ended, is tried again after so long. */
  abortRetryMs: 5_000,
  /** Kafka's own bounds. */
  scramIterationsMin: 4_096,
  scramIterationsMax: 16_384,
  /** Rules about who may do what. */
  aclsMax: 100_000,
  /** What a compressed message or batch of an older client may become, in bytes. */
  decompressedBytesMax: 104_857_600,
  /** Batches of a producer that a repetition is recognised among. */
  batchesRemembered: 5,
  /** Producers remembered for one partition; the oldest are forgotten first. */
  producersMax: 100_000,
  /** Between two sweeps for what is too old, in ms: Kafka's log.retention.check.interval.ms. */
  retentionCheckMs: 300_000,
  /** A sweep rests so long, in ms, after it has looked at so much: other work waits meanwhile. */
  sweepRestMs: 1_000,
  sweepRecordsMax: 5_000,
  sweepBytesMax: 32 * 1024 * 1024,
  /** Logs whose newest record is remembered; of the others it is looked for again. */
  newestKept: 10_000,
  /** Keys that a pass of compaction remembers: some 100 bytes each. */
  compactionKeysMax: 500_000,
  /** What it looks at in one partition before it cuts: one effect of the engine. */
  sliceRecordsMax: 256,
  sliceBytesMax: 4 * 1024 * 1024,
} as const
