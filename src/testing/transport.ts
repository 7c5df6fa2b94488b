/**
 * Connections in memory, with the same promises as `platform/transport.ts`. Every completion and
 * every arrival is a turn of the simulated clock of its own, so that a seed decides their order;
 * with `random`, the bytes arrive in pieces, as they may on a real network.
 *
 * It also checks its user: bytes that change while they are on their way are an assertion.
 */

import { assert } from '../base/assert.ts'
import { encodeUtf8, equalBytes } from '../base/bytes.ts'
import type { Clock, Random } from '../engine/ports.ts'
import type { Link, LinkEvents, Listening, Transport } from '../servers/transport.ts'

export interface SimulatedTransportOptions {
  readonly clock: Clock
  /** With it, bytes arrive in pieces of random sizes; without, as they were written. */
  readonly random?: Random | undefined
  /** How long bytes travel. Default 0: they arrive at the end of the turn. */
  readonly latencyMs?: (() => number) | undefined
}

/** Where an end's bytes that the other one has not read are kept at most, before writes wait. */
const windowBytes = 256 * 1024

export class SimulatedTransport implements Transport {
  readonly #options: SimulatedTransportOptions
  readonly #doors = new Map<number, (link: Link) => void>()
  #nextPort = 49_152

  constructor(options: SimulatedTransportOptions) {
    this.#options = options
  }

  listen(
    address: { readonly host: string; readonly port: number },
    accept: (link: Link) => void,
  ): Promise<Listening> {
    const port = address.port === 0 ? this.#nextPort++ : address.port
    if (this.#doors.has(port)) {
      return Promise.reject(Object.assign(new Error(`port ${port}`), { code: 'EADDRINUSE' }))
    }
    this.#doors.set(port, accept)
    return Promise.resolve({
      host: address.host,
      port,
      close: () => void this.#doors.delete(port),
    })
  }

  /** A client's end of a new connection; undefined when nobody listens there. */
  connect(port: number, address = '127.0.0.1'): Link | undefined {
    const accept = this.#doors.get(port)
    if (accept === undefined) return undefined
    const there = { address, port: this.#nextPort++ }
    const here = { address: '127.0.0.1', port }
    const client = new SimulatedLink(this.#options, here, there)
    const server = new SimulatedLink(this.#options, there, here)
    client.join(server)
    server.join(client)
    this.#options.clock.soon(() => accept(server))
    return client
  }
}

/** One write on its way: what was said, and where it stands, to see that nobody changes it. */
interface Parcel {
  readonly parts: readonly Uint8Array[]
  readonly bytes: Uint8Array
  at: number
  readonly done: () => void
}

class SimulatedLink implements Link {
  readonly peer: Link['peer']
  readonly local: Link['local']
  readonly #options: SimulatedTransportOptions
  #other!: SimulatedLink
  #events: LinkEvents | undefined
  #paused = false
  #closed = false
  #ending = false
  #sentEnd = false
  /** Bytes from the other end that have arrived here and were not read. */
  #inbox: Uint8Array[] = []
  #inboxBytes = 0
  #ended = false
  readonly #parcels: Parcel[] = []
  #moving = false
  #reading = false

  constructor(
    options: SimulatedTransportOptions,
    peer: { readonly address: string; readonly port: number },
    local: { readonly address: string; readonly port: number },
  ) {
    this.#options = options
    this.peer = { ...peer, tls: false }
    this.local = local
  }

  join(other: SimulatedLink): void {
    this.#other = other
  }

  start(events: LinkEvents): void {
    assert(this.#events === undefined, 'a link is started once')
    this.#events = events
    this.#readSoon()
  }

  write(parts: readonly Uint8Array[], done: () => void): void {
    if (this.#closed || this.#ending) return
    this.#parcels.push({ parts, bytes: join(parts), at: 0, done })
    this.#moveSoon()
  }

  writeText(text: string, encoding: 'latin1' | 'utf8'): void {
    const bytes =
      encoding === 'utf8'
        ? encodeUtf8(text)
        : Uint8Array.from(text, character => character.charCodeAt(0))
    this.write([bytes], () => undefined)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#readSoon()
  }

  end(): void {
    if (this.#closed || this.#ending) return
    this.#ending = true
    this.#moveSoon()
  }

  destroy(): void {
    this.#close('')
    this.#other.#reset()
  }

  #moveSoon(): void {
    if (this.#moving || this.#closed) return
    this.#moving = true
    const move = (): void => {
      this.#moving = false
      this.#move()
    }
    const latencyMs = this.#options.latencyMs?.() ?? 0
    if (latencyMs > 0) this.#options.clock.schedule(latencyMs, move)
    else this.#options.clock.soon(move)
  }

  /** One step of the first parcel, as much as the other end has room for. */
  #move(): void {
    if (this.#closed) return
    const parcel = this.#parcels[0]
    if (parcel === undefined) {
      this.#moveEnd()
      return
    }
    const room = windowBytes - this.#other.#inboxBytes
    if (room <= 0) return
    const left = parcel.bytes.length - parcel.at
    const random = this.#options.random
    const piece = random === undefined ? left : 1 + (random.uint32() % Math.max(left, 1))
    const count = Math.min(left, room, piece)
    if (count > 0) this.#other.#arrived(parcel.bytes.subarray(parcel.at, parcel.at + count))
    parcel.at += count
    if (parcel.at === parcel.bytes.length) {
      assert(equalBytes(join(parcel.parts), parcel.bytes), 'bytes on their way do not change')
      this.#parcels.shift()
      parcel.done()
    }
    if (this.#parcels.length > 0 || this.#ending) this.#moveSoon()
  }

  /** Everything has been sent: the end itself, and when both ends have ended, it is over. */
  #moveEnd(): void {
    if (!this.#ending) return
    if (!this.#sentEnd) {
      this.#sentEnd = true
      this.#other.#arrivedEnd()
    }
    if (this.#ended && this.#inbox.length === 0) this.#close('')
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#closed) return
    this.#inbox.push(bytes)
    this.#inboxBytes += bytes.length
    this.#readSoon()
  }

  #arrivedEnd(): void {
    this.#ended = true
    this.#readSoon()
  }

  #readSoon(): void {
    if (this.#reading || this.#closed) return
    this.#reading = true
    this.#options.clock.soon(() => {
      this.#reading = false
      this.#read()
    })
  }

  #read(): void {
    if (this.#closed || this.#paused || this.#events === undefined) return
    const bytes = this.#inbox.shift()
    if (bytes !== undefined) {
      this.#inboxBytes -= bytes.length
      // A copy that is overwritten afterwards: bytes are borrowed until the call returns.
      const lent = bytes.slice()
      this.#events.onData(lent)
      lent.fill(0xdb)
      this.#other.#moveSoon()
    }
    if (this.#inbox.length > 0) {
      this.#readSoon()
    } else if (this.#ended) {
      // No half-open connections: what was written still leaves, then this end closes as well.
      this.#ending = true
      this.#moveSoon()
    }
  }

  #reset(): void {
    this.#close('ECONNRESET')
  }

  #close(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#inbox = []
    this.#inboxBytes = 0
    this.#options.clock.soon(() => this.#events?.onClose(reason))
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
