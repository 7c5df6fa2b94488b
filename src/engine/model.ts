/**
 * The engine's nouns as data: what goes in, what comes out. No protocol's words here.
 *
 * A *log* holds records in order. A *queue* is a log whose records are settled one by one. A
 * *group* is a reader's place in a log plus its leases. A *route* leads from a name and a key to
 * logs. Logs (queues included) share one name space, routes have another.
 */

/** Plain data that a server wants kept with a definition; the engine never looks inside. */
export type Labels = { readonly [name: string]: Json }
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [k: string]: Json }

/** A record on its way in. Bytes are borrowed until the verb returns. */
export interface RecordInput {
  /** Which protocol's encoding the envelope has: a small number from `formats`. */
  readonly format: number
  /** Opaque bytes, passed through: properties, headers, attributes. */
  readonly envelope: Uint8Array
  readonly body: Uint8Array
  /** The record's key in bytes (at most 65,535): routing, compaction. */
  readonly key?: Uint8Array | undefined
  /** Ordering group (at most 255 bytes of UTF-8), for queues with `ordering: 'group'`. */
  readonly group?: string | undefined
  /** Identity for deduplication (at most 255 bytes of UTF-8), for logs with a window. */
  readonly dedupeId?: string | undefined
  /** Higher goes first; clamped to the queue's levels. Default 0. */
  readonly priority?: number | undefined
  /** Milliseconds until the record expires; the queue's own limit applies too. */
  readonly ttlMs?: number | undefined
  /** Wall-clock milliseconds before which the record is not handed out. */
  readonly dueAt?: number | undefined
  /** Wall-clock milliseconds; default: now. */
  readonly time?: number | undefined
  /** How many positions it takes up: a batch of records stored as one. Default 1. */
  readonly span?: number | undefined
  /** Not waited for: no reply is held for it, and a crash may lose it. */
  readonly transient?: boolean | undefined
  /** For `append`: what it went through before, when a person moves it from one log to another. */
  readonly deaths?: readonly Death[] | undefined
}

/** Envelope formats. 0 is the engine's own: the envelope is empty. */
// biome-ignore format: one line, the only one of the engine that may name protocols
export const formats = { none: 0, amqpProperties: 1, sqsAttributes: 2, redisFields: 3, kafkaBatch: 4 } as const

/** One step in the afterlife of a record: where it died, why, how often. Newest first. */
export interface Death {
  readonly queue: string
  readonly reason: DeathReason
  readonly count: number
  /** Wall-clock milliseconds of the first death of this kind. */
  readonly time: number
  /** The route and keys by which it had come to that queue. */
  readonly route: string
  readonly keys: readonly string[]
  /** The record's own time to live, if it had one; it is taken off when the record moves. */
  readonly ttlMs?: number | undefined
}
export type DeathReason = 'rejected' | 'expired' | 'length' | 'attempts'

/** A record as it is stored. All byte fields are borrowed views: copy what you keep. */
export interface StoredRecord {
  readonly position: number
  readonly span: number
  readonly time: number
  readonly format: number
  readonly priority: number
  readonly transient: boolean
  /** Name of the route it came by, UTF-8; empty when it was appended directly. */
  readonly route: Uint8Array
  readonly key: Uint8Array
  /** Further keys that it was routed by. */
  readonly moreKeys: readonly string[]
  readonly group: string | undefined
  readonly dedupeId: string | undefined
  /** Wall-clock milliseconds, or undefined: never. */
  readonly expiresAt: number | undefined
  /** The time to live that its sender gave it, if any. */
  readonly ttlMs: number | undefined
  readonly deaths: readonly Death[]
  readonly envelope: Uint8Array
  readonly body: Uint8Array
}

/** A record handed to one holder. */
export interface Delivery {
  readonly record: StoredRecord
  /** 1 for the first time that it is handed out. */
  readonly attempts: number
  /** From a queue: the record is on the disk already, so handing it over need not wait. */
  readonly stored?: boolean
}

export type Overflow = 'drop-head' | 'reject' | 'reject-dead-letter'

export interface DeadLetter {
  readonly route: string
  /** Replaces the record's own keys. */
  readonly key: string | undefined
  /**
   * Only records that die of these go there, others are just gone. Each of these deaths is taken
   * for somebody's doing: going in circles is no reason to drop the record, and neither is that its
   * deduplication id was seen there.
   */
  readonly reasons?: readonly DeathReason[] | undefined
  /** What the record keeps there: its time, so that its age goes on, and how often it was tried. */
  readonly keeps?: readonly ('time' | 'attempts')[] | undefined
}

/** How a queue treats its records. Every field has a default; see `defaultQueue`. */
export interface QueueConfig {
  /** Number of priority levels, 1 to 256. */
  readonly levels: number
  /**
   * Two levels that take turns, so that the lower one does not starve: records of `priority` and
   * more are the upper level, and `upper` of them go before one of the lower, as long as there are
   * both. Absent: a record's priority is its level, and a higher one always goes first.
   */
  readonly turns?: { readonly priority: number; readonly upper: number } | undefined
  readonly ttlMs: number | undefined
  readonly countMax: number | undefined
  /** Limit on the sum of the bodies of ready records. */
  readonly bytesMax: number | undefined
  readonly overflow: Overflow
  /** Where dead records go: a route, and a key that replaces theirs. */
  readonly deadLetter: DeadLetter | undefined
  /** Times that a record may be handed out; afterwards a return makes it a dead letter. */
  readonly attemptsMax: number | undefined
  /**
   * `group`: one leased group at a time, each in order. `group-prefix`: a record waits only for
   * the earlier ones of its group: one that is returned may go again while later ones are leased. A
   * group that got a record back has its next turn after those that were ready then.
   */
  readonly ordering: 'none' | 'group' | 'group-prefix'
  /** Only the first subscriber is served; the next one when it leaves. */
  readonly singleActive: boolean
  /**
   * A returned record waits `min(minMs * factor^(attempts-1), maxMs)` before it is ready again;
   * with `linear` it is `min(minMs * attempts, maxMs)`.
   */
  readonly retry:
    | {
        readonly minMs: number
        readonly maxMs: number
        readonly factor: number
        readonly linear?: boolean | undefined
      }
    | undefined
  /** Default life of a lease; undefined: as long as its holder. */
  readonly leaseMs: number | undefined
}

/** A log's definition. A queue is a log with `queue` set. */
export interface LogConfig {
  /** False: it is gone after a restart. */
  readonly durable: boolean
  readonly retention: {
    readonly ageMs: number | undefined
    readonly bytes: number | undefined
    readonly count: number | undefined
  }
  /** Keep at least the newest record of each key; older ones may go. */
  readonly compact: boolean
  readonly dedupeWindowMs: number | undefined
  /** Dropped when nobody used it (subscribe, lease, describe with `touch`) for so long. */
  readonly idleMs: number | undefined
  /** Dropped when its last subscriber leaves (once it had one). */
  readonly autoDrop: boolean
  readonly queue: QueueConfig | undefined
  readonly labels: Labels
}

export const defaultQueue: QueueConfig = {
  levels: 1,
  ttlMs: undefined,
  countMax: undefined,
  bytesMax: undefined,
  overflow: 'drop-head',
  deadLetter: undefined,
  attemptsMax: undefined,
  ordering: 'none',
  singleActive: false,
  retry: undefined,
  leaseMs: undefined,
}

export const defaultLog: LogConfig = {
  durable: true,
  retention: { ageMs: undefined, bytes: undefined, count: undefined },
  compact: false,
  dedupeWindowMs: undefined,
  idleMs: undefined,
  autoDrop: false,
  queue: undefined,
  labels: {},
}

/**
 * How a route chooses: `direct` by equal key, `fan-out` always, `pattern` by words (`*` is one
 * word, `#` any number), `attributes` by the record's attributes. The last two choose one binding:
 * `hash` the same one for the same key, in proportion to the weights, `random` any of them.
 */
export type RouteKind = 'direct' | 'fan-out' | 'pattern' | 'attributes' | 'hash' | 'random'

export interface RouteConfig {
  readonly kind: RouteKind
  readonly durable: boolean
  /** For `hash`: what is hashed instead of the key. */
  readonly attribute?: string | undefined
  /** Where records go that match no binding. */
  readonly alternate: string | undefined
  /** Dropped when its last binding is taken off (once it had one). */
  readonly autoDrop: boolean
  readonly labels: Labels
}

export const defaultRoute: RouteConfig = {
  kind: 'direct',
  durable: true,
  alternate: undefined,
  autoDrop: false,
  labels: {},
}

export type AttributeValue = string | number | bigint | boolean | null | Uint8Array

/** How an `attributes` binding compares. `match` pairs; a null value asks only for presence. */
export interface AttributeMatch {
  readonly mode: 'all' | 'any'
  readonly match: { readonly [name: string]: string | number | boolean | null }
}

/** A binding's identity is all of its fields; binding twice is binding once. */
export interface Binding {
  readonly route: string
  readonly target: { readonly kind: 'log' | 'route'; readonly name: string }
  readonly key: string
  readonly attributes?: AttributeMatch | undefined
  /** For `hash` routes; default 1. */
  readonly weight?: number | undefined
  /** Part of the identity, for a server's own use. */
  readonly labels?: Labels | undefined
}

/** What `publish` did. Duplicates count as accepted: the first one is there. */
export interface PublishOutcome {
  /** Queues and logs that the record was routed to. */
  readonly routed: number
  /** How many of those refused it (length limit with a rejecting overflow). */
  readonly rejected: number
  /** Set when the record was not taken at all. */
  readonly error: 'not-found' | 'too-large' | 'disk-full' | 'overloaded' | 'invalid' | undefined
}

export type LogGlance = Pick<LogInfo, 'name' | 'config' | 'next' | 'leased'>

export interface LogInfo {
  readonly name: string
  readonly config: LogConfig
  /** Positions [first, next) have been used and not been trimmed away. */
  readonly first: number
  readonly next: number
  /** Records held, in whatever state, and the bytes of their bodies. */
  readonly count: number
  readonly bytes: number
  /** For queues: the records by state. */
  readonly ready: number
  readonly readyBytes: number
  readonly leased: number
  readonly delayed: number
  readonly subscribers: number
  /** Nothing is handed out until it is resumed; see `pause`. */
  readonly paused: boolean
  /** Totals since the process started. */
  readonly totals: {
    readonly appended: number
    readonly delivered: number
    readonly settled: number
    readonly returned: number
    readonly expired: number
    readonly deadLettered: number
    readonly dropped: number
  }
}

export interface RouteInfo {
  readonly name: string
  readonly config: RouteConfig
  readonly bindings: readonly Binding[]
}

export interface PendingInfo {
  readonly position: number
  readonly holder: string
  readonly leasedAt: number
  readonly attempts: number
}

/** What has become of one record of a log so far. */
export interface Standing {
  readonly position: number
  /** `kept`: a log's record, which nobody settles. */
  readonly state: 'ready' | 'leased' | 'delayed' | 'kept'
  /** Times that it was handed out. */
  readonly attempts: number
  /** For leased records. */
  readonly holder: string | undefined
  readonly leasedAt: number | undefined
  /** When the lease ends, or the delay does, in wall-clock ms; undefined: by itself never. */
  readonly until: number | undefined
}

export interface GroupInfo {
  readonly log: string
  readonly name: string
  /** The next position that the group has not seen. */
  readonly cursor: number
  readonly pending: number
  readonly metadata: Uint8Array | undefined
}

/** What becomes of a leased record. */
export type Settlement =
  /** Handled. Never delivered again (I7). */
  | { readonly kind: 'done' }
  /**
   * Given back. `counted: false` takes the attempt back too: it was never tried.
   * `to: 'tail'` puts it behind all others; the default is its original place.
   */
  | {
      readonly kind: 'return'
      readonly to?: 'place' | 'tail'
      readonly delayMs?: number
      readonly counted?: boolean
    }
  /** Refused for good: a dead letter, or gone where there is no place for those. */
  | { readonly kind: 'reject' }

/** Why a subscription ended without its owner asking. */
export type EndReason = 'dropped' | 'failed'

export interface Subscriber {
  /** Identifies the holder of the leases; unique among live subscribers of a queue. */
  readonly holder: string
  /** Higher is served first; default 0. */
  readonly priority?: number
  /** Records that may be handed over before more are granted. Infinity: no limit. */
  readonly credit: number
  /** Refuses other subscribers. */
  readonly exclusive?: boolean
  /** Settle at hand-over: at most once. */
  readonly settled?: boolean
  readonly leaseMs?: number
  /**
   * Called from the engine's turn, never from inside a verb. Bytes are borrowed until it returns.
   * It may call verbs.
   */
  deliver(delivery: Delivery): void
  /**
   * The queue is gone, or the engine is. Leases are gone with it. Called from inside the verb that
   * dropped the queue: it must not call verbs.
   */
  ended(reason: EndReason): void
}

export interface Subscription {
  /** More credit. */
  grant(count: number): void
  /** No deliveries until `resume`: the peer does not read. Credit is kept. */
  pause(): void
  resume(): void
  /** Leaves. Leases stay with the holder until they are settled. */
  cancel(): void
  /** False while another subscriber of a single-active queue is served. */
  readonly active: boolean
}
