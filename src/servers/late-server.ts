/**
 * A server whose code is loaded after its port is bound, so that the broker is ready sooner. Who
 * connects before it is there is accepted and waits: his first bytes are kept, and no more are
 * read. For protocols in which the client speaks first.
 */

import type {
  ConnectionContext,
  ConnectionInfo,
  ProtocolServer,
  ServerConnection,
} from './connection.ts'

export interface LateServer extends ProtocolServer {
  /** From now on connections go to `server`; those that wait come first. */
  arrived(server: ProtocolServer): void
}

export function lateServer(name: string): LateServer {
  let server: ProtocolServer | undefined
  const waiting = new Set<LateConnection>()
  return {
    name,
    accept: context => {
      if (server !== undefined) return server.accept(context)
      const connection = new LateConnection(context, () => waiting.delete(connection))
      waiting.add(connection)
      return connection
    },
    arrived: real => {
      server = real
      for (const connection of waiting) connection.begin(real)
      waiting.clear()
    },
  }
}

class LateConnection implements ServerConnection {
  readonly #context: ConnectionContext
  readonly #gone: () => void
  #real: ServerConnection | undefined
  #kept: Uint8Array[] = []

  constructor(context: ConnectionContext, gone: () => void) {
    this.#context = context
    this.#gone = gone
  }

  begin(server: ProtocolServer): void {
    this.#real = server.accept(this.#context)
    const kept = this.#kept
    this.#kept = []
    for (const bytes of kept) this.#real.receive(bytes)
    if (kept.length > 0) this.#context.pauseReading(false)
  }

  receive(bytes: Uint8Array): void {
    if (this.#real !== undefined) return this.#real.receive(bytes)
    this.#kept.push(bytes.slice())
    this.#context.pauseReading(true)
  }

  tick(nowMs: number): void {
    this.#real?.tick(nowMs)
  }

  shutdown(reason: 'stopping' | 'failed' | 'requested', text: string): void {
    if (this.#real !== undefined) return this.#real.shutdown(reason, text)
    this.#gone()
    this.#context.outbox.end()
  }

  closed(): void {
    if (this.#real !== undefined) this.#real.closed()
    else this.#gone()
  }

  drained(): void {
    this.#real?.drained()
  }

  describe(): ConnectionInfo {
    return this.#real?.describe() ?? { user: '', state: 'waiting', details: {} }
  }
}
