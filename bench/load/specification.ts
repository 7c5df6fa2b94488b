/** What a load generator is told, and what it answers: JSON, from parent to child and back. */

export interface LoadAddress {
  readonly host: string
  readonly amqpPort: number
}

interface Common {
  readonly address: LoadAddress
  /** `raw`: pre-encoded frames and a minimal scanner. `amqplib`: what users would see. */
  readonly client: 'raw' | 'amqplib'
  readonly bodyBytes: number
}

/** Publishes persistent messages, each confirmed, at most `window` unconfirmed a connection. */
export interface PublishLoad extends Common {
  readonly kind: 'publish'
  readonly messages: number
  readonly window: number
  /** One connection for each queue; several may name the same queue. */
  readonly queues: readonly string[]
}

/** Consumes and acknowledges one by one until `messages` are settled. */
export interface ConsumeLoad extends Common {
  readonly kind: 'consume'
  readonly messages: number
  readonly prefetch: number
  readonly queues: readonly string[]
}

/** A steady rate from one publisher to one consumer; the bodies carry the time of sending. */
export interface LatencyLoad extends Common {
  readonly kind: 'latency'
  readonly perSecond: number
  readonly seconds: number
  readonly queue: string
}

/** One publisher, a fanout exchange, one consumer for each queue. */
export interface FanoutLoad extends Common {
  readonly kind: 'fanout'
  readonly messages: number
  readonly window: number
  readonly exchange: string
  readonly queues: readonly string[]
}

/** Each of the pairs publishes to its share of the queues in turn, and consumes from them. */
export interface SpreadLoad extends Common {
  readonly kind: 'spread'
  readonly messages: number
  readonly window: number
  /** Names of one length. */
  readonly queues: readonly string[]
  readonly pairs: number
}

export type Load = PublishLoad | ConsumeLoad | LatencyLoad | FanoutLoad | SpreadLoad

export interface LoadResult {
  /** What was counted: confirms, settled deliveries, or samples. */
  readonly messages: number
  readonly elapsedMs: number
  readonly latencyMs?: { readonly p50: number; readonly p99: number; readonly p999: number }
  /**
   * The generator's own use of one processor while it measured: 1 means that it is the bottleneck.
   */
  readonly processorShare: number
}
