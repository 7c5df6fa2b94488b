/** One request on its way to its answer, as its handler sees it. */

import type { Operation, Resource } from './acls.ts'
import { clusterName } from './acls.ts'
import type { Authenticate, Broker, Peer } from './broker.ts'
import type { ScramExchange } from './handlers/sasl.ts'

export interface Call {
  readonly broker: Broker
  readonly version: number
  readonly client: string
  readonly session: Session
  /** What we serve, for ApiVersions. */
  readonly apiKeys: readonly ApiVersion[]
  /** The answer will hold about so many bytes of records: it gets its room at once. */
  expect(bytes: number): void
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
  /** Undefined: nobody has to log in on this port. */
  readonly authenticate: Authenticate | undefined
  /** Chosen by the handshake. */
  mechanism: string | undefined
  exchange: ScramExchange | undefined
  /** What comes next is a step of the login without any header, as it was before Kafka 1.0. */
  isBare: boolean
  /** He is cut off once he has his answer. */
  isRefused: boolean
  readonly peer: Peer
  readonly peerHost: string
  /** The address that this peer is told to connect to. */
  readonly host: string
  readonly port: number
  /** Called once, when the connection is gone: parked requests let go of what they wait for. */
  onGone: (() => void) | undefined
  /** What this connection holds beyond its requests, by name: let go of when it is gone. */
  readonly held: Map<string, () => void>
}

/** True when the peer may do this; the cluster has one name. */
export function mayDo(
  { broker, session }: Call,
  operation: Operation,
  resource: Resource,
  name: string = clusterName,
): boolean {
  const { user, peerHost } = session
  return broker.acls.allows({ user, host: peerHost.slice(1) }, operation, resource, name)
}

/** The handler will call `reply`. */
export const later = Symbol('later')
/** No answer at all. */
export const silent = Symbol('silent')
