/**
 * The admin API's shapes, shared with whoever calls it: plain JSON, no class, no engine type that
 * holds bytes. Times are milliseconds since 1970; durations milliseconds; sizes bytes.
 */

import type { Json, LogConfig } from '../engine/model.ts'

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
  }
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

export interface QueueSummary {
  readonly name: string
  /** A log is read by position; its records are not settled. */
  readonly kind: 'queue' | 'log'
  readonly durable: boolean
  readonly ready: number
  readonly readyBytes: number
  readonly leased: number
  readonly delayed: number
  /** Records held, in whatever state. */
  readonly count: number
  readonly bytes: number
  readonly subscribers: number
  readonly totals: QueueTotals
}

export interface QueueDetail extends QueueSummary {
  readonly first: number
  readonly next: number
  readonly config: LogConfig
  readonly bindings: readonly { readonly route: string; readonly key: string }[]
  readonly groups: readonly {
    readonly name: string
    readonly cursor: number
    readonly pending: number
  }[]
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
  readonly time: number
  readonly priority: number
  readonly route: string
  readonly key: string
  readonly group: string | null
  readonly expiresAt: number | null
  /** Set for a message that is handed out: 1 for the first time. */
  readonly attempts: number | null
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
