/**
 * What can be asked of a backend, feature by feature, and what a driver answers. `bus.plan` prints
 * the answers, and the calls refuse by them: both say the same, and before message one.
 */

import { type ClientError, PlanError, UnsupportedError } from './errors.ts'

/** The rows of the table of backends, each with what it means. */
export const features = {
  send: 'send, resolved when the broker has confirmed',
  consume: 'several consumers share the work',
  nack: 'give one message back, at once',
  retry: 'try again after a wait that survives a crash',
  attempts: 'count the calls of the handler',
  lease: 'a message of a consumer that is gone comes back',
  'dead-letter': 'dead letters, with the error',
  delay: 'deliver later, up to 15 minutes',
  'long-delay': 'deliver later than in 15 minutes',
  cancel: 'take back a delayed message',
  ttl: 'messages that expire',
  dedupe: 'the same id within a window is one message',
  key: 'in order for each key, parallel across keys',
  priority: 'urgent messages first',
  groups: 'each group sees every event',
  history: 'read events again, from a time',
  request: 'request and reply',
  transaction: 'several sends, all or none',
  'consume-publish': 'acknowledge and publish, both or neither',
  peek: 'look at messages without an effect',
  remove: 'delete one message',
  purge: 'delete all messages',
  depth: 'how much waits',
  'at-most-once': 'acknowledge before handling',
  'at-least-once': 'confirm on send, acknowledge after handling',
  'effectively-once': 'each effect one time',
} as const

export type Feature = keyof typeof features

export type Support =
  | { readonly how: 'native'; readonly note?: string | undefined }
  | { readonly how: 'emulated'; readonly cost: string }
  | {
      readonly how: 'impossible'
      /** `SPILLWAY_U_…`. */
      readonly code: string
      readonly why: string
      readonly alternatives: readonly string[]
    }

export const native: Support = { how: 'native' }

export function emulated(cost: string): Support {
  return { how: 'emulated', cost }
}

export function impossible(code: string, why: string, ...alternatives: string[]): Support {
  return { how: 'impossible', code, why, alternatives }
}

/** A row of `bus.plan`. Flat, so that `console.table` shows it. */
export interface PlanRow {
  readonly contract: string
  readonly feature: Feature
  readonly how: Support['how'] | 'caution' | 'ignored'
  /** The cost of an emulation, why it is impossible, or what to know. */
  readonly why: string
  /** True when the contract asks for it. */
  readonly used: boolean
  readonly code: string
  readonly instead: string
}

/** A fact about the way a backend is set up that a plan must say: a limit, a weak durability. */
export interface Caution {
  /** `SPILLWAY_P_…`. */
  readonly code: string
  readonly feature: Feature
  readonly why: string
}

export function refusal(
  support: Extract<Support, { how: 'impossible' }>,
  backend: string,
  detail: string,
): ClientError {
  const { code, why, alternatives } = support
  return new UnsupportedError({ code, backend, why: `${why}\n  ${detail}`, alternatives })
}

export function emulationRefused(
  feature: Feature,
  cost: string,
  about: { readonly backend: string; readonly contract: string },
): ClientError {
  const { backend, contract } = about
  const lacks = `${backend} has no ${feature} (${features[feature]}) of its own`
  return new PlanError({
    code: 'SPILLWAY_P_EMULATED',
    backend,
    why: `${lacks}, and emulate is 'refuse': ${cost}.\n  contract ${contract}`,
    alternatives: ["connect(url, { emulate: 'warn' })", 'another backend'],
  })
}
