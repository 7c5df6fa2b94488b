/**
 * Real sockets: node:net, and node:tls when a certificate is given. A peer that resets, times out
 * or vanishes is normal: it ends in `onClose` with the errno name, and is nobody's error.
 *
 * All plain sockets read into one shared buffer, because the owner of a link is done with the bytes
 * when its callback returns. Otherwise node allocates 64 KiB for every chunk that arrives: 200,000
 * small chunks and their replies took 2.3 s of the processor with 'data' events, and 2.1 s so.
 */

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Link, LinkEvents, ListenAddress, Listening, Transport } from '../servers/transport.ts'
import { type ProxyHeader, readProxyHeader } from './proxy-header.ts'

export interface TransportOptions {
  /** PEM texts; with them every connection is encrypted. */
  readonly tls?: TlsOptions | undefined
  /** Each connection begins with the PROXY protocol's header; without it, it is cut off. */
  readonly proxied?: boolean
  /** An accept that failed, such as too many open files. Listening goes on. */
  readonly onError?: (error: Error) => void
}

export interface TlsOptions {
  readonly cert: string
  readonly key: string
  /** Clients are asked for a certificate: without one they come in, with one of others not. */
  readonly ca?: string | undefined
}

const keepAliveMs = 60_000
const readBytes = 64 * 1024
const backlog = 1024
/** A balancer says its header at once. */
const proxyHeaderMs = 5_000

const common = {
  allowHalfOpen: false,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: keepAliveMs,
} as const

export function netTransport(options: TransportOptions = {}): Transport {
  return {
    async listen(address, accept) {
      const server = await createListening(options, accept)
      await bind(server, address)
      server.on('error', error => options.onError?.(error))
      const listening = new ListeningServer(server)
      const twin = await listenOnTwin(options, address, listening.port, accept)
      return twin === undefined ? listening : new BothLoopbacks(listening, twin)
    },
  }
}

/**
 * `localhost` is 127.0.0.1 to some clients and ::1 to others, and Node asks for the latter first.
 * So whoever is served on one is served on the other, where the machine has it and the port is
 * free.
 */
async function listenOnTwin(
  options: TransportOptions,
  { host, port: asked }: ListenAddress,
  port: number,
  accept: (link: Link) => void,
): Promise<Listening | undefined> {
  if (host !== '127.0.0.1' && host !== 'localhost') return undefined
  const server = await createListening(options, accept)
  try {
    await bind(server, { host: '::1', port })
  } catch (error) {
    // A port that was asked for is ours on both, or it is taken; any other one need not be.
    if (asked !== 0 && (error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw error
    return undefined
  }
  server.on('error', error => options.onError?.(error))
  return new ListeningServer(server)
}

class BothLoopbacks implements Listening {
  readonly host: string
  readonly port: number
  readonly #both: readonly Listening[]

  constructor(first: Listening, second: Listening) {
    this.host = first.host
    this.port = first.port
    this.#both = [first, second]
  }

  close(): void {
    for (const listening of this.#both) listening.close()
  }
}

async function createListening(
  options: TransportOptions,
  accept: (link: Link) => void,
): Promise<Server> {
  if (options.proxied === true) return await createProxied(options, accept)
  return await createDirect(options, accept)
}

/** In front of a server that is never bound: it is given the sockets without their headers. */
async function createProxied(
  options: TransportOptions,
  accept: (link: Link) => void,
): Promise<Server> {
  const ends = new Map<string, NonNullable<ProxyHeader['ends']>>()
  const inner = await createDirect(options, accept, socket => {
    const key = endsKey(socket)
    const found = ends.get(key)
    ends.delete(key)
    return found
  })
  return createServer({ ...common, pauseOnConnect: true }, socket => {
    takeProxyHeader(socket, header => {
      const key = endsKey(socket)
      if (header.ends !== undefined) {
        ends.set(key, header.ends)
        socket.once('close', () => ends.delete(key))
      }
      inner.emit('connection', socket)
    })
  })
}

/** Calls back with the header once it is whole; what came behind it is put back. */
function takeProxyHeader(socket: Socket, done: (header: ProxyHeader) => void): void {
  let received: Uint8Array = new Uint8Array(0)
  const onReadable = (): void => {
    const chunk = socket.read() as Uint8Array | null
    if (chunk === null) return
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const header = readProxyHeader(received)
    if (header === 'more') return
    if (header === 'wrong') {
      socket.destroy()
      return
    }
    socket.removeListener('readable', onReadable)
    socket.removeListener('error', onError)
    socket.setTimeout(0)
    socket.pause()
    const rest = received.subarray(header.length)
    if (rest.length > 0) socket.unshift(rest)
    done(header)
  }
  // Who resets the connection before he has said who he is: his own matter.
  const onError = (): void => undefined
  socket.on('error', onError)
  socket.setTimeout(proxyHeaderMs, () => socket.destroy())
  socket.on('readable', onReadable)
}

function endsKey({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

async function createDirect(
  { tls, proxied }: TransportOptions,
  accept: (link: Link) => void,
  endsOf: (socket: Socket) => ProxyHeader['ends'] = () => undefined,
): Promise<Server> {
  if (tls !== undefined) {
    const { createServer: createTlsServer } = await import('node:tls')
    const { ca, ...own } = tls
    const asked = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }
    const server = createTlsServer({ ...common, ...own, ...asked }, socket => {
      const certificate = ca === undefined ? undefined : certificateOf(socket)
      if (certificate !== undefined && !socket.authorized) socket.destroy()
      else accept(new SocketLink(socket, { tls: true, certificate, ends: endsOf(socket) }))
    })
    // A failed handshake is a peer's matter; without a listener its error would be thrown.
    return server.on('tlsClientError', (_error, socket) => socket.destroy())
  }
  const shared = new Uint8Array(readBytes)
  return createServer({ ...common, pauseOnConnect: true }, socket => {
    const link = new SocketLink(socket, { tls: false, ends: endsOf(socket) })
    // Those that a balancer has brought have been read from already, in the usual way.
    if (proxied !== true) link.readInto(shared)
    accept(link)
  })
}

/** What the client has shown, if anything. */
function certificateOf(socket: TLSSocket): Link['peer']['certificate'] {
  const { subject } = socket.getPeerCertificate()
  if (subject === undefined) return undefined
  const parts = Object.entries(subject).flatMap(([name, value]) =>
    [value].flat().map(each => `${name}=${each}`),
  )
  // A distinguished name is written from the most special part to the most general one.
  const commonName = [subject.CN].flat()[0]
  return { subject: parts.reverse().join(','), commonName }
}

function bind(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

class ListeningServer implements Listening {
  readonly host: string
  readonly port: number
  readonly #server: Server

  constructor(server: Server) {
    const address = server.address() as AddressInfo
    this.host = address.address
    this.port = address.port
    this.#server = server
  }

  close(): void {
    this.#server.close()
  }
}

class SocketLink implements Link {
  readonly peer: Link['peer']
  readonly local: Link['local']
  readonly #socket: Socket
  #events: LinkEvents | undefined
  #reason = ''

  constructor(
    socket: Socket,
    {
      tls,
      certificate,
      ends,
    }: {
      readonly tls: boolean
      readonly certificate?: Link['peer']['certificate']
      /** What a balancer says of both ends. */
      readonly ends: ProxyHeader['ends']
    },
  ) {
    this.#socket = socket
    const peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    const local = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 }
    this.peer = { ...(ends?.peer ?? peer), tls, certificate }
    this.local = ends?.local ?? local
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason = error.code ?? error.message
    })
    socket.on('close', () => this.#events?.onClose(this.#reason))
  }

  /**
   * Server sockets have no `onread` option, so it is switched on as the constructor does it. Where
   * a version of node has not got these parts, the bytes come as 'data' events instead.
   */
  readInto(shared: Uint8Array): void {
    const socket = this.#socket as unknown as InnerSocket
    const { kBuffer, kBufferCb } = innerNames(this.#socket)
    if (kBuffer === undefined || kBufferCb === undefined) return
    if (typeof socket._handle?.useUserBuffer !== 'function') return
    socket[kBuffer] = shared
    socket[kBufferCb] = (count: number, buffer: Uint8Array): boolean => {
      this.#events?.onData(buffer.subarray(0, count))
      return true
    }
    socket._handle.useUserBuffer(shared)
  }

  start(events: LinkEvents): void {
    this.#events = events
    this.#socket.on('data', (bytes: Uint8Array) => events.onData(bytes))
    this.#socket.resume()
  }

  write(parts: readonly Uint8Array[], done: () => void): void {
    const socket = this.#socket
    const landed = (error?: Error | null): void => {
      if (error === undefined || error === null) done()
    }
    const last = parts.length - 1
    if (last > 0) socket.cork()
    for (let index = 0; index < last; index++) socket.write(parts[index]!)
    socket.write(parts[last]!, landed)
    if (last > 0) socket.uncork()
  }

  writeText(text: string, encoding: 'latin1' | 'utf8'): void {
    this.#socket.write(text, encoding)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

interface InnerSocket {
  [name: symbol]: unknown
  readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void }
}

let names: { kBuffer: symbol | undefined; kBufferCb: symbol | undefined } | undefined

function innerNames(socket: Socket): NonNullable<typeof names> {
  if (names !== undefined) return names
  const symbols = Object.getOwnPropertySymbols(socket)
  names = {
    kBuffer: symbols.find(symbol => symbol.description === 'kBuffer'),
    kBufferCb: symbols.find(symbol => symbol.description === 'kBufferCb'),
  }
  return names
}
