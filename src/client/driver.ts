/**
 * What a backend's driver implements. It is small on purpose: the client itself validates, writes
 * and reads the `spillway-…` headers, counts attempts against the policy, computes backoffs, keeps
 * order by key inside the process, watches timeouts, renews leases, bounds buffers, matches replies
 * with requests, and drains. A driver moves bytes, and says truthfully what its backend can do.
 *
 * The life of a message in a driver:
 *
 *     send(messages)  ──confirmed──>  [ backend ]  ──Sink.deliver(delivery)──>  delivery.settle(…)
 *                                                                               delivery.extend(ms)
 *
 * Rules that every driver keeps, and the conformance suite checks:
 *
 * - `prepare` is idempotent, and comes before anything else with that endpoint. It makes what is
 *   missing. What is there with other settings is changed where that loses nothing; otherwise it is
 *   a `PlanError` with the code `SPILLWAY_P_CONFLICT`.
 * - `send` resolves when the backend has confirmed each message, in order for one key.
 * - A delivery is settled once; `settle` resolves when the backend has it for sure.
 * - No more deliveries than granted credit. After `stop` none at all, but those that are out may
 *   still be settled. `close` gives back what is not settled, uncounted where possible.
 * - `attempt` is 1 at the first hand-out, one more after each `retry` and after each loss of the
 *   consumer; a `release` does not count.
 * - Where an endpoint is `keyed`, a driver delivers in order for each key; after `retry` nothing of
 *   that key is delivered before that message comes again. Deliveries of the key that were out
 *   already are released by the client, the last one first.
 * - `dead` and `commit` are one step where `consume-publish` is native; elsewhere the letter is
 *   confirmed before the message is acknowledged, so that a crash gives two letters, never none.
 * - Errors are `ClientError`s with `backend`; those that may pass are `retryable`.
 * - A lost connection is the driver's to mend: it reports `context.emit`, connects again, consumes
 *   again with the credit that is outstanding. Settling a delivery of a lost connection rejects
 *   with `SPILLWAY_E_LOST` (retryable); it will come again. Where leases outlive connections, it is
 *   settled when there is one again, and lost when the lease is over.
 */

import type { Clock, Random } from '../engine/ports.ts'
import type { BackendOptions, Retry } from './contracts.ts'
import type { Caution, Feature, Support } from './features.ts'

/** A queue or a topic as a driver sees it. Made by the client, from a contract. */
export interface Endpoint {
  readonly kind: 'queue' | 'topic'
  readonly name: string
  /**
   * `replies`: the queue of one client for its answers; not durable, gone with the client.
   * `dead`: holds dead letters; never has a key, a window or a limit.
   */
  readonly role: 'main' | 'replies' | 'dead'
  /** Messages have keys: in order for each key. */
  readonly keyed: boolean
  readonly dedupeMs: number | undefined
  readonly retry: Retry
  /** Priority levels; 1: none. */
  readonly levels: number
  readonly ttlMs: number | undefined
  readonly retentionMs: number | undefined
  readonly options: BackendOptions
}

/** Text headers by lower-case name, the client's own (`spillway-…`, `content-type`) included. */
export type Headers = { readonly [name: string]: string }

export interface Outgoing {
  /** Prepared, unless its role is `replies`: that queue belongs to another client. */
  readonly to: Endpoint
  /** Set by a redrive: for this group of the topic alone. */
  readonly group: string | undefined
  /** Also in `headers`, as `spillway-id`. */
  readonly id: string
  readonly key: string | undefined
  readonly body: Uint8Array
  readonly headers: Headers
  /** Set when the endpoint has a window. */
  readonly dedupeId: string | undefined
  readonly delayMs: number
  readonly ttlMs: number | undefined
  readonly priority: number
}

/** The fate of one message of a batch. */
export type SendResult =
  | {
      readonly ok: true
      /** True: one with this id was there already, and this one was not stored. */
      readonly duplicate: boolean
      /** Where it is, in the backend's own words; undefined when it does not tell. */
      readonly position: string | undefined
    }
  | { readonly ok: false; readonly error: Error }

/** A message as it lies there. */
export interface Stored {
  /** The backend's own identity of it; the client prefers `spillway-id`. */
  readonly id: string
  readonly position: string
  /** Wall-clock milliseconds of when it was stored. */
  readonly time: number
  readonly key: string | undefined
  readonly body: Uint8Array
  readonly headers: Headers
}

export type Settlement =
  /** Handled: never again. */
  | { readonly kind: 'done' }
  /** Again after `delayMs`; counts as an attempt. */
  | { readonly kind: 'retry'; readonly delayMs: number }
  /** To its dead letters: `letter` is stored and this one is done, in one step where that goes. */
  | { readonly kind: 'dead'; readonly letter: Outgoing }
  /** Back at once, as if it had never been handed out. */
  | { readonly kind: 'release' }

/** A message that was handed to this consumer. */
export interface Delivery extends Stored {
  readonly attempt: number
  /** What its headers say, where a driver can tell it without reading all of them. */
  readonly contentType?: string | undefined
  settle(settlement: Settlement): Promise<void>
  /** Keeps the lease for `ms` more; a no-op where leases live with the connection. */
  extend(ms: number): Promise<void>
}

export interface Sink {
  deliver(delivery: Delivery): void
  /** The consumer is gone for good (deleted queue, closed backend): nothing more will come. */
  ended(error: Error): void
}

export interface ConsumeOptions {
  /** For topics: the group, and where a group that does not exist yet begins. */
  readonly group?: { readonly name: string; readonly from: From } | undefined
  /** Deliveries granted from the start. */
  readonly credit: number
  /** How many handlers run at a time: for a driver that can tell whether that will work. */
  readonly concurrency: number
  /** A lease's length where the backend wants to know; it is renewed by `extend`. */
  readonly leaseMs: number
}

export interface Consumer {
  grant(count: number): void
  stop(): Promise<void>
  close(): Promise<void>
}

export type From =
  | 'earliest'
  | 'latest'
  | { readonly timestamp: number }
  | { readonly position: string }

export interface ReadOptions {
  readonly from: From
  /** `latest`: up to what is there when the reading begins; `forever`: waits for more. */
  readonly to: 'latest' | 'forever' | { readonly timestamp: number } | { readonly position: string }
  readonly signal: AbortSignal | undefined
}

/** Sends and settlements that happen together or not at all. */
export interface Work {
  readonly send: readonly Outgoing[]
  readonly settle: readonly {
    readonly delivery: Delivery
    readonly settlement: Settlement
  }[]
}

export interface Depth {
  readonly ready: number
  readonly leased: number
  readonly delayed: number
  /** True when the backend only estimates. */
  readonly approximate: boolean
}

/** A queue or a topic that is there, whoever made it. */
export interface Listed {
  readonly kind: 'queue' | 'topic'
  /** As a contract would name it. */
  readonly name: string
  readonly keyed: boolean
  /** What a contract has to say, besides, to mean this one. */
  readonly options: BackendOptions
}

export interface Listing {
  /** By name. */
  readonly found: readonly Listed[]
  /** What it leaves out, or cannot tell, in sentences. */
  readonly notes: readonly string[]
}

export interface Driver {
  /** `embedded`, `rabbitmq`, `kafka`, `sqs`, `redis`, or a driver's own name. */
  readonly backend: string
  /**
   * `near`: a message is handed out in no time, so nothing is fetched before a handler is free.
   * `far`: messages are fetched ahead, as `prefetch` says.
   */
  readonly distance: 'near' | 'far'
  /** What can be done with an endpoint; called after `prepare`, or for a plan before it. */
  support(feature: Feature, endpoint: Endpoint): Support
  /** Facts about the backend as it is set up: asks it, so it is asynchronous. */
  cautions(
    endpoint: Endpoint,
    use: { readonly concurrency: number; readonly timeoutMs: number },
  ): Promise<readonly Caution[]>
  prepare(endpoint: Endpoint): Promise<void>
  /** Rejects as a whole when nothing was stored; else each message has its result. */
  send(messages: readonly Outgoing[]): Promise<readonly SendResult[]>
  /**
   * The same for one message, without a promise, where a driver has such a way: `done` is called
   * once with its result, never before `post` has returned. Order is kept with `send`. False: not
   * this message, or not now; nothing was done, and it is to be sent with `send`.
   */
  post?(message: Outgoing, done: (result: SendResult) => void): boolean
  consume(endpoint: Endpoint, options: ConsumeOptions, sink: Sink): Promise<Consumer>
  /** At most `countMax` messages that are ready now, leased; an empty list: there is none. */
  take(
    endpoint: Endpoint,
    options: { readonly countMax: number; readonly leaseMs: number },
  ): Promise<readonly Delivery[]>
  /** The first messages that wait, without taking them. */
  peek(endpoint: Endpoint, options: { readonly countMax: number }): Promise<readonly Stored[]>
  read(topic: Endpoint, options: ReadOptions): AsyncIterable<Stored>
  /** Where `transaction` or `consume-publish` is supported. */
  commit(work: Work): Promise<readonly SendResult[]>
  /** Takes one message out, wherever it waits; false: it is not there (any more). */
  remove(endpoint: Endpoint, position: string): Promise<boolean>
  /** For topics: of a group. */
  depth(endpoint: Endpoint, group?: string): Promise<Depth>
  /** What is there; changes nothing. Absent where the backend cannot tell. */
  list?(): Promise<Listing>
  /** Deletes what waits; how many that was, where the backend tells. */
  purge(endpoint: Endpoint): Promise<number | undefined>
  /** Deletes the endpoint with everything in it: for tests and for temporary ones. */
  drop(endpoint: Endpoint): Promise<void>
  close(): Promise<void>
}

/** What happens besides answers to calls. */
export type BusEvent =
  | { readonly kind: 'connected'; readonly backend: string }
  | { readonly kind: 'disconnected'; readonly backend: string; readonly error: Error }
  /** A message that failed, and what becomes of it. */
  | {
      readonly kind: 'failed'
      readonly source: string
      readonly id: string
      readonly attempt: number
      readonly error: Error
      readonly outcome: 'retry' | 'dead' | 'dropped'
    }
  /** Something went wrong that no call could report. */
  | { readonly kind: 'error'; readonly error: Error }
  /** An emulation is used, and `emulate` is `warn`. */
  | { readonly kind: 'emulated'; readonly feature: Feature; readonly cost: string }

export interface DriverContext {
  readonly clock: Clock
  readonly random: Random
  /** The application's name, for connection names and the like. */
  readonly name: string
  emit(event: BusEvent): void
}

/** What the module of a driver exports as `openDriver`. */
export type OpenDriver = (url: string, context: DriverContext) => Promise<Driver>
