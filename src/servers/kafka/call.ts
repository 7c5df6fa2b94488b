/** One request on its way to its answer, as its handler sees it. */

import type { Broker, Peer } from './broker.ts'

export interface Call {
  readonly broker: Broker
  readonly version: number
  readonly client: string
  readonly session: Session
  /** What we serve, for ApiVersions. */
  readonly apiKeys: readonly ApiVersion[]
  /** Answers later, after the handler has returned `later`. */
  reply(response: object): void
}

export interface ApiVersion {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** What a connection knows of its peer. */
export interface Session {
  user: string
  /** Chosen by the handshake. */
  mechanism: string | undefined
  readonly peer: Peer
  readonly peerHost: string
  /** The address that this peer is told to connect to. */
  readonly host: string
  readonly port: number
  /** Called once, when the connection is gone: parked requests let go of what they wait for. */
  onGone: (() => void) | undefined
}

/** The handler will call `reply`. */
export const later = Symbol('later')
/** No answer at all. */
export const silent = Symbol('silent')
