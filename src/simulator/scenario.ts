/**
 * A scenario as data: who sends, what holds, who works, and which knobs there are. `plan` is pure:
 * the same knobs give the same plan, so that a knob may be moved in the middle of a run and the
 * whole run repeated from its seed and its inputs.
 */

import type { QueueConfig } from '../engine/model.ts'

export type Knobs = { readonly [name: string]: number }

export interface KnobSpec {
  readonly name: string
  readonly label: string
  readonly min: number
  readonly max: number
  readonly step?: number
  readonly value: number
  /** Turning it begins the run anew: for a comparison of the same run with and without. */
  readonly restarts?: boolean
  /** `switch` is 0 or 1. */
  readonly kind: 'rate' | 'ms' | 'percent' | 'count' | 'switch'
}

/** How the flow is laid out: columns from left to right, rows within. */
export interface Place {
  readonly column: number
  readonly row: number
}

export interface QueuePlan {
  readonly name: string
  readonly title: string
  readonly place: Place
  readonly config: Partial<QueueConfig>
  /** A log that readers read by position, instead of a queue. */
  readonly isLog?: boolean
  readonly dedupeWindowMs?: number
  /** Where dead letters of others end; drawn as such. */
  readonly isDead?: boolean
}

export interface ProducerPlan {
  readonly name: string
  readonly title: string
  readonly place: Place
  /** A route's name, or '' for the queue named by `key`. */
  readonly route?: string
  /** Routing key; with several they are taken in turn. */
  readonly to: string | readonly string[]
  readonly perSecond: number
  /** Business keys (customers) that the messages are spread over. Default 5. */
  readonly keys?: number
  /** Messages of one key are one ordering group. */
  readonly grouped?: boolean | 'single'
  /** Which messages nobody can handle. */
  readonly poison?: (number: number) => boolean
  readonly priority?: (number: number) => number
  readonly ttlMs?: (number: number) => number
  readonly delayMs?: (number: number) => number
  /** The same id is given when it is sent again, and the queue knows it. */
  readonly dedupe?: boolean
  /** `dual`: first the database, then the queue. `outbox`: both in the database, a relay sends. */
  readonly database?: 'dual' | 'outbox'
  /** What it does when it is refused: it waits and sends again, or drops the message. */
  readonly whenRefused?: 'wait' | 'drop'
  /** Stops after so many. */
  readonly total?: number
}

export interface ConsumerPlan {
  readonly name: string
  readonly title: string
  readonly place: Place
  readonly queue: string
  readonly prefetch: number
  readonly workMs: readonly [number, number]
  /** 0 to 1. */
  readonly failureRate?: number
  readonly ack?: 'after' | 'before'
  /** Leases end by themselves after so long; without it they live as long as the connection. */
  readonly leaseMs?: number
  /** Extends its leases while it works. */
  readonly heartbeat?: boolean
  /** What it does with a failure. `return` leaves the wait to the queue's own policy. */
  readonly onFailure?: 'return' | 'return-later' | 'reject'
  readonly backoff?: { readonly minMs: number; readonly maxMs: number; readonly jitter: boolean }
  /** Remembers what it has done, in the same step as doing it. */
  readonly idempotent?: boolean
  /** Crashes by itself at its so-many-th message: after the effect, or while it works. */
  readonly crashAt?: { readonly message: number; readonly when: 'working' | 'after-effect' }
  /** Milliseconds until it is back after a crash. Default 3000. */
  readonly restartMs?: number
  /** A person settles, by hand. */
  readonly manual?: boolean
  /** It calls this, and fails when it fails. */
  readonly downstream?: string
  /** Begins later than the others. */
  readonly startAtMs?: number
  /** Sends a message on to here for each one handled. */
  readonly forwardTo?: string
  /** A name for what is done with a message, for the biography: "charged", "reserved". */
  readonly verb?: string
}

/** Readers of a log: one group, its members share the keys, its place is committed. */
export interface ReaderPlan {
  readonly name: string
  readonly title: string
  readonly place: Place
  readonly log: string
  readonly group: string
  readonly workMs: number
  /** 0: after each record. */
  readonly commitEveryMs: number
  /** Moments at which a member joins and the group stops to share anew. */
  readonly rebalanceAtMs?: readonly number[]
  /** Commits what it has done before it gives up its share. */
  readonly commitsBeforeRebalance?: boolean
}

/** A service that bears so many calls a second; beyond it calls fail. */
export interface DownstreamPlan {
  readonly name: string
  readonly title: string
  readonly place: Place
  readonly perSecond: number
  /** Down between these moments. */
  readonly downMs?: readonly [number, number]
}

/** One after the other, as a program without a queue does it. */
export interface ChainPlan {
  readonly name: string
  readonly title: string
  readonly place: Place
  readonly perSecond: number
  /** How many requests are worked on at once. */
  readonly workers: number
  readonly timeoutMs: number
  readonly steps: readonly {
    readonly name: string
    readonly title: string
    readonly place: Place
    readonly workMs: number
    readonly down?: boolean
  }[]
}

export interface Plan {
  readonly queues: readonly QueuePlan[]
  readonly routes?: readonly {
    readonly name: string
    readonly kind: 'direct' | 'fan-out' | 'pattern'
    readonly title: string
    readonly place: Place
    readonly bindings: readonly { readonly queue: string; readonly key: string }[]
  }[]
  readonly producers: readonly ProducerPlan[]
  readonly consumers: readonly ConsumerPlan[]
  readonly readers?: readonly ReaderPlan[]
  readonly downstreams?: readonly DownstreamPlan[]
  readonly chain?: ChainPlan
}

export interface Scenario {
  readonly id: string
  readonly title: string
  readonly seed: number
  readonly knobs: readonly KnobSpec[]
  readonly plan: (knobs: Knobs) => Plan
  /** Inputs that happen by themselves. */
  readonly script?: readonly TimedInput[]
  /** How long one play is, for the scrubber. Default 60 s. */
  readonly lengthMs?: number
}

/** What a reader does to a run. */
export type Input =
  | { readonly kind: 'knob'; readonly name: string; readonly value: number }
  | { readonly kind: 'send'; readonly count: number }
  | { readonly kind: 'crash'; readonly consumer: string }
  | { readonly kind: 'crash-producer' }
  | { readonly kind: 'heal' }
  | { readonly kind: 'power' }
  | { readonly kind: 'pause'; readonly consumer: string }
  | { readonly kind: 'redrive' }
  | { readonly kind: 'hand'; readonly act: 'ack' | 'nack' | 'reject' | 'crash' }

export interface TimedInput {
  readonly atMs: number
  readonly input: Input
}

export function defaultKnobs(scenario: Scenario): Knobs {
  return Object.fromEntries(scenario.knobs.map(knob => [knob.name, knob.value]))
}
