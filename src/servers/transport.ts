/**
 * What the listener asks of a network. `platform/transport.ts` has real sockets, and
 * `testing/transport.ts` a pair of ends joined in memory. Callbacks are never called from inside a
 * call of these functions, so nobody needs to fear re-entry.
 */

export interface Transport {
  /** Port 0 asks for any free one. Rejects with an errno name in `code`, such as `EADDRINUSE`. */
  listen(address: ListenAddress, accept: (link: Link) => void): Promise<Listening>
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export interface Listening {
  /** What it was bound to in the end. */
  readonly host: string
  readonly port: number
  /** No further connections; those that exist stay. */
  close(): void
}

export interface Certificate {
  /** The distinguished name, such as `CN=alice,O=Example`. */
  readonly subject: string
  readonly commonName: string | undefined
}

/** One end of a stream of bytes in both directions. */
export interface Link {
  readonly peer: {
    readonly address: string
    readonly port: number
    readonly tls: boolean
    /** Whom the certificate names that the peer has shown, and that was verified. */
    readonly certificate?: Certificate | undefined
  }
  readonly local: { readonly address: string; readonly port: number }
  /** Called once, by the owner, before any byte can arrive. */
  start(events: LinkEvents): void
  /**
   * Sends the parts one after the other. They must not change until `done`, which is called in the
   * order of the writes, and not at all when the link breaks first.
   */
  write(parts: readonly Uint8Array[], done: () => void): void
  /**
   * Sends a text, in its turn. In latin1, which takes no character above U+00FF, nothing is made of
   * it first.
   */
  writeText(text: string, encoding: 'latin1' | 'utf8'): void
  /** No bytes arrive until `resume`. */
  pause(): void
  resume(): void
  /** Closes when everything written has been sent. */
  end(): void
  /** Closes now. */
  destroy(): void
}

export interface LinkEvents {
  /** Borrowed until the call returns. */
  onData(bytes: Uint8Array): void
  /** Once, last, whoever closed it; `reason` is an errno name, or empty for an orderly end. */
  onClose(reason: string): void
}
