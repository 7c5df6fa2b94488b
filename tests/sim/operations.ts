/**
 * What the simulator can do to an engine, as plain data: the same value goes to the engine and to
 * the model, is kept in a trace, and is printed when something is wrong.
 */

import type { LeaseTarget } from '../../src/engine/engine.ts'
import type { Binding, LogConfig, RouteConfig, Settlement } from '../../src/engine/model.ts'

/** A record to be written. `id` is unique in a run and is the beginning of the body. */
export interface Draft {
  readonly id: string
  readonly bodyBytes: number
  readonly key?: string
  readonly group?: string
  readonly dedupeId?: string
  readonly priority?: number
  readonly ttlMs?: number
  /** Milliseconds from now; the operation turns it into a time. */
  readonly dueInMs?: number
  readonly span?: number
  readonly transient?: boolean
  readonly attributes?: { readonly [name: string]: string | number }
}

export interface SubscriberDraft {
  readonly holder: string
  readonly priority: number
  readonly credit: number
  readonly exclusive: boolean
  readonly settled: boolean
  readonly leaseMs: number | undefined
  /** Settles what it gets from inside `deliver`, with this probability. */
  readonly settlesAtOnce: number
  /** Leaves, pauses or drops the queue from inside `deliver`, with this probability. */
  readonly breaksOff: number
}

export type TrimWhat =
  | { readonly before: number }
  | { readonly countMax: number }
  | { readonly bytesMax: number }
  | { readonly positions: readonly number[] }
  | { readonly ready: true }

export type ReadDraft =
  | { readonly position: number }
  | { readonly before: number }
  | { readonly time: number }
  | { readonly key: string }

export type Verb =
  | { readonly do: 'create-log'; readonly name: string; readonly config: Partial<LogConfig> }
  | { readonly do: 'create-route'; readonly name: string; readonly config: Partial<RouteConfig> }
  | {
      readonly do: 'create-group'
      readonly log: string
      readonly group: string
      readonly from: number | 'first' | 'next'
    }
  | { readonly do: 'alter'; readonly name: string; readonly config: Partial<LogConfig> }
  | {
      readonly do: 'drop-log'
      readonly name: string
      readonly unless: { used?: boolean; filled?: boolean }
    }
  | { readonly do: 'drop-route'; readonly name: string; readonly unless: { used?: boolean } }
  | { readonly do: 'drop-group'; readonly log: string; readonly group: string }
  | { readonly do: 'bind' | 'unbind'; readonly binding: Binding }
  | {
      readonly do: 'publish'
      readonly route: string
      readonly keys: readonly string[]
      readonly record: Draft
    }
  | { readonly do: 'append'; readonly log: string; readonly records: readonly Draft[] }
  | {
      readonly do: 'lease'
      readonly target: LeaseTarget
      readonly holder: string
      readonly countMax: number
      readonly leaseMs: number | undefined
      readonly settled: boolean
    }
  | {
      readonly do: 'settle'
      readonly target: LeaseTarget
      readonly holder: string
      readonly positions: readonly number[]
      readonly settlement: Settlement
    }
  | {
      readonly do: 'extend'
      readonly target: LeaseTarget
      readonly positions: readonly number[]
      readonly change: { leaseMs?: number; holder?: string; counted?: boolean; idleMinMs?: number }
    }
  | {
      readonly do: 'commit'
      readonly log: string
      readonly group: string
      readonly cursor: number
      readonly metadata: string | undefined
    }
  | { readonly do: 'pause-queue'; readonly log: string; readonly paused: boolean }
  | { readonly do: 'trim'; readonly log: string; readonly what: TrimWhat }
  | {
      readonly do: 'read'
      readonly log: string
      readonly from: ReadDraft
      readonly countMax: number
      readonly bytesMax: number
    }
  | { readonly do: 'standings'; readonly log: string; readonly positions: readonly number[] }
  | { readonly do: 'create-table'; readonly name: string; readonly durable: boolean }
  | { readonly do: 'drop-table'; readonly name: string }
  | {
      readonly do: 'put'
      readonly table: string
      readonly changes: readonly (readonly [field: string, value: string | undefined])[]
      readonly lazy: boolean
    }

export type Operation =
  | Verb
  | { readonly do: 'batch'; readonly verbs: readonly Verb[] }
  | { readonly do: 'subscribe'; readonly queue: string; readonly subscriber: SubscriberDraft }
  | {
      readonly do: 'grant'
      readonly queue: string
      readonly holder: string
      readonly count: number
    }
  | { readonly do: 'pause' | 'resume' | 'cancel'; readonly queue: string; readonly holder: string }
  | { readonly do: 'watch'; readonly log: string; readonly position: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'step-wall'; readonly ms: number }
  /** The engine does what it asked to do soon. */
  | { readonly do: 'turn' }
  /** Closes the engine and opens it again. */
  | { readonly do: 'reopen' }
  /** The process dies; the machine stays up. */
  | { readonly do: 'kill' }
  /** The power goes. */
  | { readonly do: 'crash' }
  /** The storage call that comes so many calls later fails. */
  | { readonly do: 'fail-call'; readonly inCalls: number; readonly code: string }
  /** The disk gets larger or smaller: so many bytes are free from now on. */
  | { readonly do: 'free-bytes'; readonly bytes: number }

export type OperationKind = Operation['do']

/** One line, as short as it can be and still be understood. */
export function printOperation(operation: Operation): string {
  const { do: what, ...rest } = operation
  return `${what} ${JSON.stringify(rest)}`
}
