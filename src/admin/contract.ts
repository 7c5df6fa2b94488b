/**
 * The admin API's shapes, shared with whoever calls it: plain JSON, no class, no engine type that
 * holds bytes. Times are milliseconds since 1970; durations milliseconds; sizes bytes.
 */

import type { Binding, Json, LogConfig, RouteConfig } from '../engine/model.ts'

export interface ApiError {
  readonly error: { readonly code: string; readonly message: string }
}

export interface Endpoint {
  /** `amqp`, `http`. */
  readonly name: string
  readonly host: string
  readonly port: number
  readonly url: string
}

export interface Overview {
  readonly version: string
  readonly node: string
  readonly startedAt: number
  readonly uptimeMs: number
  readonly ready: boolean
  /** Why it is not ready: `recovering`, `stopping`, `disk`. */
  readonly reasons: readonly string[]
  readonly alarm: 'disk' | 'backlog' | null
  readonly durability: string
  /** The data folder; null when everything is in memory. */
  readonly data: string | null
  readonly diskFreeBytes: number
  /** What the journal's files take, and what waits for the disk. */
  readonly journalBytes: number
  readonly backlogBytes: number
  /** How late the last timer was: the load on the event loop. */
  readonly lagMs: number
  /** From now to the disk: how long what waited a moment ago took; null: nothing has waited. */
  readonly diskMs: number | null
  readonly endpoints: readonly Endpoint[]
  readonly usage: ProcessUsage
  readonly counts: {
    readonly queues: number
    readonly routes: number
    readonly connections: number
    readonly records: number
    readonly recordBytes: number
    readonly ready: number
    readonly leased: number
    readonly delayed: number
    /** In queues that other queues send their dead letters to. */
    readonly dead: number
  }
  readonly rates: Rates
  readonly totals: QueueTotals
}

export interface ProcessUsage {
  readonly residentBytes: number
  readonly heapUsedBytes: number
  readonly processorMs: number
  readonly uptimeMs: number
}

/** Since the process started. */
export interface QueueTotals {
  readonly appended: number
  readonly delivered: number
  readonly settled: number
  readonly returned: number
  readonly expired: number
  readonly deadLettered: number
  readonly dropped: number
}

/** Whose a queue or stream is; `engine`: nobody has said. */
export type Protocol = 'amqp' | 'kafka' | 'sqs' | 'redis' | 'engine'

export interface QueueSummary {
  readonly name: string
  readonly protocol: Protocol
  /** A log is read by position; its records are not settled. */
  readonly kind: 'queue' | 'log'
  readonly durable: boolean
  readonly paused: boolean
  readonly ready: number
  readonly readyBytes: number
  readonly leased: number
  readonly delayed: number
  /** Records held, in whatever state. */
  readonly count: number
  /** Messages in them: a batch of Kafka's is one record. */
  readonly messages: number
  readonly bytes: number
  readonly subscribers: number
  /** Other queues send their dead letters here. */
  readonly holdsDead: boolean
  /** What the group that is furthest behind has not read; null: no group reads here. */
  readonly lag: number | null
  /** Records a second, over the last seconds. */
  readonly rates: Rates
  readonly totals: QueueTotals
}

export interface Rates {
  readonly in: number
  readonly out: number
  readonly settled: number
  readonly returned: number
  readonly dead: number
}

/** One of what `GET /api/routes` answers. */
export interface RouteSummary {
  readonly name: string
  readonly config: RouteConfig
  readonly bindings: readonly Binding[]
}

/** What `GET /api/queues` answers. */
export interface QueuePage {
  /** That match. */
  readonly total: number
  readonly rows: readonly QueueRow[]
}

export interface QueueRow extends QueueSummary {
  /** When its oldest record came; null: it is empty. */
  readonly oldestAt: number | null
}

export interface QueueDetail extends QueueRow {
  readonly first: number
  readonly next: number
  readonly config: LogConfig
  readonly bindings: readonly { readonly route: string; readonly key: string }[]
  /** Queues whose dead letters come here. */
  readonly deadFrom: readonly string[]
  readonly groups: readonly GroupPlace[]
}

/** A group's place in one log. */
export interface GroupPlace {
  readonly protocol: Protocol
  readonly group: string
  readonly log: string
  /** The protocol's own position: an offset, an entry's id. */
  readonly at: string
  /** Records that it has not read; null: not known. */
  readonly lag: number | null
  /** Handed out and not acknowledged. */
  readonly pending: number
}

export interface Group {
  readonly protocol: Protocol
  readonly group: string
  readonly state: string
  readonly members: readonly {
    readonly id: string
    readonly client: string
    readonly detail: string
  }[]
  readonly places: readonly GroupPlace[]
}

/** What `POST /api/groups/:protocol/:group/reset` takes: one of them, or `skip`. */
export interface GroupReset {
  readonly log: string
  readonly to: 'earliest' | 'latest' | 'skip' | { readonly time: number } | { readonly at: string }
}

export interface MessageBody {
  readonly encoding: 'text' | 'base64'
  readonly data: string
  /** Of the whole body, of which `data` may be the beginning only. */
  readonly bytes: number
  readonly truncated: boolean
}

export interface Message {
  readonly position: number
  /** Where in a record that holds several; 0 otherwise. */
  readonly index: number
  /** The protocol's own name for it: an offset, an entry's id, a message id. */
  readonly id: string
  readonly state: 'ready' | 'leased' | 'delayed' | 'kept' | 'unknown'
  readonly holder: string | null
  /** When the lease or the delay ends. */
  readonly until: number | null
  readonly time: number
  readonly priority: number
  readonly route: string
  readonly key: string
  readonly group: string | null
  readonly expiresAt: number | null
  /** Times that it was handed out; null: not counted. */
  readonly attempts: number | null
  readonly format: string
  readonly properties: Json
  readonly deaths: readonly {
    readonly queue: string
    readonly reason: string
    readonly count: number
    readonly time: number
  }[]
  readonly body: MessageBody
}

/** What `POST /api/queues/:name/messages` takes. */
export interface SendRequest {
  readonly messages: readonly SendMessage[]
}

export interface SendMessage {
  readonly body: string
  /** Default `text`: the body is sent as UTF-8. */
  readonly encoding?: 'text' | 'base64'
  /** Default: the queue's name. */
  readonly key?: string
  readonly group?: string
  readonly dedupeId?: string
  readonly priority?: number
  readonly ttlMs?: number
  readonly delayMs?: number
}

export interface SendResponse {
  readonly messages: readonly { readonly position: number; readonly duplicate: boolean }[]
}

/** What `POST /api/queues/:name/lease` takes. */
export interface LeaseRequest {
  /** Who holds the messages; a new name is made when it is missing. */
  readonly holder?: string
  /** Default 1. */
  readonly count?: number
  /** They return when they are not settled by then. Default 30 s. */
  readonly leaseMs?: number
  /** Wait so long for the first one. Default 0. */
  readonly waitMs?: number
}

export interface LeaseResponse {
  readonly holder: string
  readonly messages: readonly Message[]
}

/** What `POST /api/queues/:name/settle` takes: all positions are settled, or none. */
export interface SettleRequest {
  readonly holder: string
  readonly positions: readonly number[]
  readonly as: 'done' | 'return' | 'reject'
}

export interface Connection {
  readonly id: number
  readonly protocol: string
  readonly user: string
  readonly state: string
  readonly peer: { readonly address: string; readonly port: number; readonly tls: boolean }
  readonly local: { readonly address: string; readonly port: number }
  readonly ageMs: number
  readonly bytesIn: number
  readonly backlogBytes: number
  readonly reading: boolean
  readonly details: { readonly [name: string]: string | number | boolean }
}

/** What `GET /api/queues/:name/messages` answers. */
export interface Browse {
  readonly messages: readonly Message[]
  /** Ask again with this `cursor` to go on; null: that was all. */
  readonly cursor: number | null
  /** Records that were looked at for it. */
  readonly scanned: number
}

/** One line of what has become of a message. */
export interface Step {
  readonly at: number | null
  readonly what: 'published' | 'routed' | 'died' | 'leased' | 'returned' | 'waits' | 'expires'
  readonly text: string
}

export interface MessageDetail {
  readonly message: Message
  readonly way: readonly Step[]
}

/** Dead letters of one queue, by where and why they died. */
export interface DeadLetters {
  readonly queue: string
  readonly count: number
  /** Less than `count` when there are too many to look at. */
  readonly scanned: number
  readonly reasons: readonly DeadReason[]
}

export interface DeadReason {
  readonly from: string
  readonly reason: string
  readonly count: number
  readonly oldestAt: number
  readonly newestAt: number
  readonly sample: number
}

/** What `POST /api/dead-letters/:queue/redrive` takes. */
export interface RedriveRequest {
  /** Only those. Without them and without a filter: all that are there now. */
  readonly positions?: readonly number[]
  readonly from?: string
  readonly reason?: string
  /** Text in body, key or headers. */
  readonly search?: string
  /** Default: each goes back to where it died. */
  readonly to?: string
  /** Messages a second; default: as fast as may be. */
  readonly rate?: number
  /** Says what would be done. */
  readonly dryRun?: boolean
}

export interface Redrive {
  readonly id: string
  readonly queue: string
  readonly startedAt: number
  readonly state: 'planned' | 'running' | 'done' | 'cancelled' | 'failed' | 'undone'
  readonly planned: number
  readonly moved: number
  /** Gone or in somebody's hands before their turn came. */
  readonly skipped: number
  readonly undone: number
  readonly targets: { readonly [queue: string]: number }
  readonly failure: string | null
}

export interface Session {
  /** There are users: sign in to go on. */
  readonly required: boolean
  readonly user: string | null
  readonly readOnly: boolean
  /** This studio looks at another backend: which one it is. */
  readonly attached?: string | undefined
}

/** `POST /api/session`. */
export interface SignIn {
  readonly name: string
  readonly password: string
}

/** Columns of numbers that belong together; times rise. */
export interface History {
  readonly stepMs: number
  readonly times: readonly number[]
  readonly series: { readonly [name: string]: readonly (number | null)[] }
}

export interface Definitions {
  readonly spillway: 1
  readonly queues: readonly { readonly name: string; readonly config: LogConfig }[]
  readonly routes: readonly { readonly name: string; readonly config: RouteConfig }[]
  readonly bindings: readonly Binding[]
  readonly topics: readonly Topic[]
}

export interface Topic {
  readonly name: string
  readonly partitions: number
  readonly configs: { readonly [name: string]: string }
}

export interface ImportResult {
  readonly made: number
  readonly kept: number
  readonly failed: readonly { readonly name: string; readonly message: string }[]
}

/** What the event stream says, each as an event of that name. */
export interface Events {
  readonly overview: Overview
  readonly queues: QueuePage
  readonly queue: QueueDetail
  readonly tail: Tail
}

export interface Tail {
  readonly queue: string
  readonly messages: readonly Message[]
  /** Came and were not shown: too many, or consumed before they were seen. */
  readonly skipped: number
}
