/** How long a message waits before it is tried again: a plain value, the same everywhere. */

import { parseDuration } from '../base/duration.ts'
import { ClientError } from './errors.ts'

/** Milliseconds, or text such as `500ms`, `30s`, `5m`, `12h`, `7d`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}` | (string & {})

export type Backoff =
  | { readonly kind: 'fixed'; readonly ms: number }
  | { readonly kind: 'linear'; readonly stepMs: number; readonly maxMs: number }
  | {
      readonly kind: 'exponential'
      readonly minMs: number
      readonly maxMs: number
      readonly factor: number
    }

/** Throws `SPILLWAY_E_DURATION` for what is no duration. */
export function toMs(duration: Duration): number {
  const ms = typeof duration === 'number' ? duration : parseDuration(duration)
  if (ms === undefined || !Number.isFinite(ms) || ms < 0) {
    const advice = 'write milliseconds as a number, or 500ms, 30s, 5m, 12h, 7d'
    const why = `“${duration}” is no duration: ${advice}.`
    throw new ClientError({ code: 'SPILLWAY_E_DURATION', why })
  }
  return ms
}

/** The same wait each time. */
export function fixed(wait: Duration): Backoff {
  return { kind: 'fixed', ms: toMs(wait) }
}

/** `step` after the first failure, twice `step` after the second, up to `max`. */
export function linear(step: Duration, max: Duration): Backoff {
  return { kind: 'linear', stepMs: toMs(step), maxMs: toMs(max) }
}

/** `min` after the first failure, then `factor` times as long each time, up to `max`. */
export function exponential(min: Duration, max: Duration, factor = 2): Backoff {
  return { kind: 'exponential', minMs: toMs(min), maxMs: toMs(max), factor }
}

/**
 * The wait after failed attempt number `attempt`; the first one is 1.
 *
 *     backoffMs(exponential('1s', '5m'), 3) // 4000
 */
export function backoffMs(backoff: Backoff, attempt: number): number {
  switch (backoff.kind) {
    case 'fixed':
      return backoff.ms
    case 'linear':
      return Math.min(backoff.stepMs * attempt, backoff.maxMs)
    case 'exponential':
      return Math.min(backoff.minMs * backoff.factor ** (attempt - 1), backoff.maxMs)
  }
}
