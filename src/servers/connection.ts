/**
 * The one interface that all protocols' connections have. A server never sees a socket: bytes come
 * in through `receive`, and leave through the outbox, which the listener empties. So the same
 * server runs on real sockets and in a simulation.
 */

import type { ByteWriter } from '../base/bytes.ts'
import type { Certificate } from './transport.ts'

/** One peer's connection, as its protocol sees it. */
export interface ServerConnection {
  /** Bytes from the peer, borrowed until the call returns. Never throws on bad input. */
  receive(bytes: Uint8Array): void
  /** About once a second: heartbeats, handshake deadlines. `nowMs` is monotonic. */
  tick(nowMs: number): void
  /** A heartbeat of few seconds has been agreed on: a second between ticks is too long. */
  readonly hasty?: boolean
  /** Says the protocol's own goodbye, then ends the outbox. */
  shutdown(reason: 'stopping' | 'failed' | 'requested', text: string): void
  /** The peer is gone; give back what it held. Called exactly once, last. */
  closed(): void
  /** The outbox went below its low mark after it had been above the high one: deliver again. */
  drained(): void
  /** For pages and metrics. */
  describe(): ConnectionInfo
}

export interface ConnectionInfo {
  readonly user: string
  readonly state: string
  readonly details: { readonly [name: string]: string | number | boolean }
}

/** What leaves for a peer. Every byte waits for a journal position (the commit gate, I1). */
export interface Outbox {
  /** Where replies are encoded. Append only. */
  readonly writer: ByteWriter
  /** All bytes written since the last `hold` leave when the journal is released up to `gate`. */
  hold(gate: number): void
  /**
   * Sends bytes at once, past everything that is held. Only for what says nothing about the
   * engine's state and means the same wherever it comes in the stream: a heartbeat, an alarm.
   */
  ahead(bytes: Uint8Array): void
  /** Bytes that have not left yet: held, or not read by the peer. */
  readonly size: number
  /** Those of them that have been sent: the peer does not read them. */
  readonly unread: number
  /** Bytes that have left since the connection began: they rise while the peer reads. */
  readonly left: number
  /** True from the high mark until the low mark is reached again: stop deliveries. */
  readonly congested: boolean
  /** After everything written so far has left, close the transport. Later writes are dropped. */
  end(): void
  /** Close now; what is held is lost. */
  destroy(): void
}

/** What a server is given for each new connection. */
export interface ConnectionContext {
  readonly outbox: Outbox
  readonly peer: {
    readonly address: string
    readonly port: number
    readonly tls: boolean
    /** Whom the certificate names that the peer has shown, and that was verified. */
    readonly certificate?: Certificate | undefined
  }
  readonly local: { readonly address: string; readonly port: number }
  /** Stops, or resumes, reading from the peer: the only way to make a publisher wait. */
  pauseReading(paused: boolean): void
}

/** A protocol's server: one per port. */
export interface ProtocolServer {
  readonly name: string
  accept(context: ConnectionContext): ServerConnection
}
