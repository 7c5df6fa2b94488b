/** Bounds of the codec: what bytes from a peer may make it allocate. */

export const wireLimits = {
  /** Bytes of one request: as Kafka's `socket.request.max.bytes`. */
  requestBytesMax: 104_857_600,
  /** Elements of one array in a message. */
  arrayElementsMax: 1_000_000,
  /** A request's buffer grows with what has come, and begins with at most so much, in bytes. */
  requestBytesFirst: 256 * 1024,
} as const
