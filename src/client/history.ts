/** What lies there, to be looked at: events, places in a history, times as people write them. */

import { parseTime } from '../platform/clock.ts'
import type { Topic } from './contracts.ts'
import type { From, Headers, Stored } from './driver.ts'
import { ClientError, ValidationError } from './errors.ts'
import { keyOf } from './message.ts'
import { printIssues, validate } from './validation.ts'
import { decodeBody, headerNames } from './wire.ts'

/** Milliseconds since 1970, ISO 8601 text, or a `Date`. */
export type Timestamp = string | number | { getTime(): number }

/** Where a new group begins; one that exists goes on from its own place. Default `latest`. */
export type SubscribeFrom =
  | 'earliest'
  | 'latest'
  | { readonly timestamp: Timestamp }
  | { readonly position: string }

export interface ReadOptions {
  /** Default `earliest`. */
  readonly from?: SubscribeFrom | undefined
  /** `latest` (the default): what is there when the reading begins; `forever`: waits for more. */
  readonly to?:
    | 'latest'
    | 'forever'
    | { readonly timestamp: Timestamp }
    | { readonly position: string }
    | undefined
  /** Only events with this key. */
  readonly key?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** A message that is looked at, not handled. */
export interface Event<Out> {
  readonly id: string
  readonly body: Out
  readonly key: string | undefined
  readonly headers: Headers
  /** Wall-clock milliseconds. */
  readonly time: number
  readonly position: string
}

export function fromOf(from: SubscribeFrom): From {
  return typeof from === 'string' || 'position' in from ? from : timeOf(from)
}

export function timeOf({ timestamp }: { readonly timestamp: Timestamp }): {
  readonly timestamp: number
} {
  return { timestamp: timestampOf(timestamp) }
}

export function eventOf<Out>(stored: Stored, body: Out): Event<Out> {
  const { headers, time, position } = stored
  const id = headers[headerNames.id] ?? stored.id
  return { id, body, key: keyOf(stored), headers, time, position }
}

/** Throws when the event does not fit: a reader of history has nowhere to put it. */
export async function readBody<Out>(contract: Topic<unknown, Out>, stored: Stored): Promise<Out> {
  const decoded = decodeBody(stored.body, stored.headers)
  const checked =
    'issues' in decoded
      ? { ok: false as const, issues: decoded.issues }
      : await validate(contract.schema, decoded.value)
  if (checked.ok) return checked.value
  const { issues } = checked
  const why = `${contract.name} at ${stored.position}: ${printIssues(issues)}.`
  throw new ValidationError({ code: 'SPILLWAY_V_RECEIVED', why, issues })
}

function timestampOf(time: Timestamp): number {
  if (typeof time === 'number') return time
  const ms = typeof time === 'string' ? parseTime(time) : time.getTime()
  if (!Number.isNaN(ms)) return ms
  const why = `“${time}” is no time: write milliseconds since 1970, an ISO 8601 text, or a Date.`
  throw new ClientError({ code: 'SPILLWAY_E_TIME', why })
}
