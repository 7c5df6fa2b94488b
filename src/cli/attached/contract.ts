/**
 * What the studio hears of a backend that it is attached to: less than of its own broker, and what
 * is not known is null, never 0. Times are milliseconds since 1970.
 */

import type { MessageBody } from '../../admin/contract.ts'

/** What `GET /api/attached` answers. */
export interface Attached {
  /** `rabbitmq`, `kafka`, `sqs`, `redis`, `embedded`. */
  readonly backend: string
  /** Without its password. */
  readonly url: string
  readonly readOnly: boolean
  /** Why it cannot be reached right now; null: it can. */
  readonly problem: string | null
  readonly watched: readonly Watched[]
}

/** What `GET /api/attached-listing` answers: what is there, watched or not. */
export interface AttachedListing {
  /** Null: the driver cannot tell. */
  readonly found: readonly WatchRequest[] | null
  /** What is left out, and why. */
  readonly notes: readonly string[]
}

export interface WatchRequest {
  readonly name: string
  readonly kind: 'queue' | 'topic'
}

export interface Watched extends WatchRequest {
  readonly depth: AttachedDepth | null
  /** Why the depth is not known. */
  readonly problem: string | null
  /** Ready messages at the last looks, the newest last. */
  readonly recent: readonly number[]
  /** Dead letters, in the queue where the client keeps them; null: there is no such queue. */
  readonly dead: { readonly queue: string; readonly count: number } | null
}

export interface AttachedDepth {
  readonly ready: number
  readonly leased: number
  readonly delayed: number
  /** The backend only estimates. */
  readonly approximate: boolean
}

/** What the backend does with one feature for this queue. */
export interface Ability {
  readonly feature: string
  readonly text: string
  readonly how: 'native' | 'emulated' | 'impossible' | 'caution'
  /** What the emulation costs, why it is impossible, or what to know. */
  readonly why: string
  readonly instead: string
}

export interface AttachedMessage {
  readonly id: string
  readonly position: string
  readonly time: number
  readonly key: string | null
  readonly headers: { readonly [name: string]: string }
  readonly body: MessageBody
}

export interface AttachedLetter extends AttachedMessage {
  readonly error: { readonly name: string; readonly message: string; readonly reason: string }
  readonly attempt: number
  readonly diedAt: number
}

export interface AttachedSend {
  readonly body: string
  readonly key?: string | undefined
  readonly delayMs?: number | undefined
  readonly headers?: { readonly [name: string]: string } | undefined
}

export interface AttachedRedrive {
  /** Only those that died of it. */
  readonly error?: string | undefined
  /** Only these. */
  readonly ids?: readonly string[] | undefined
  readonly dryRun?: boolean | undefined
  readonly ratePerSecond?: number | undefined
}

/** Where the page of an own broker shows more than a driver can tell. */
export interface Unserved {
  readonly page: string
  readonly why: string
}
