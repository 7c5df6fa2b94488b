/** Every bound of the Kafka server, with its unit and its reason. */

export const limits = {
  /** Bytes of a pipelined peer that wait behind a parked request; then it is not read from. */
  waitingBytesMax: 256 * 1024,
  /** Partitions of one topic: each is a log of the engine. */
  partitionsMax: 10_000,
  topicNameMax: 249,
  /** Bytes that one fetch answers with, whatever it asks for: it is encoded in one piece. */
  fetchBytesMax: 50 * 1024 * 1024,
  /** How long a fetch may be parked, in ms. */
  fetchWaitMsMax: 300_000,
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  membersMax: 10_000,
  groupsMax: 100_000,
  /** Bytes of the text that is kept with a committed offset. */
  metadataBytesMax: 4096,
  transactionMsMax: 900_000,
  /** Batches of a producer that a repetition is recognised among. */
  batchesRemembered: 5,
  /** Producers remembered for one partition; the oldest are forgotten first. */
  producersMax: 100_000,
} as const
