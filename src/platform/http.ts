/**
 * HTTP/1.1 on node:http: one request becomes one call, which is answered later, or never when its
 * client has gone. It knows no protocol above HTTP.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

export interface HttpCall {
  readonly method: string
  /** With its query string. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string | undefined }
  readonly body: Uint8Array
  readonly secure: boolean
  readonly peer: { readonly address: string; readonly port: number }
  /** True once the client has gone before it was answered. */
  readonly aborted: boolean
  /** Called once, at most, when that happens. */
  onAborted: (() => void) | undefined
  /** Only the first answer counts. */
  respond(status: number, headers: { readonly [name: string]: string }, body: string): void
}

export interface HttpOptions {
  readonly host: string
  readonly port: number
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  /** A larger request is answered 413 and its connection closed. */
  readonly bodyBytesMax: number
  readonly handle: (call: HttpCall) => void
}

export interface HttpListening {
  readonly port: number
  readonly connections: number
  /** No further connections; those that are idle are closed. `done` when the last one has gone. */
  close(done: () => void): void
  destroy(): void
}

/** Rejects with an errno name in `code`, such as `EADDRINUSE`. */
export function listenHttp(options: HttpOptions): Promise<HttpListening> {
  const accept = (request: IncomingMessage, response: ServerResponse) =>
    receive(request, response, options)
  // A client that keeps a connection for later must not find it closed under its next request.
  const settings = { keepAliveTimeout: 75_000, requestTimeout: 60_000, noDelay: true }
  const server: Server =
    options.tls === undefined
      ? createServer(settings, accept)
      : createTlsServer({ ...settings, ...options.tls }, accept)
  let connections = 0
  server.on('connection', socket => {
    connections++
    socket.once('close', () => connections--)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: options.host, port: options.port, backlog: 1024 }, () => {
      server.removeListener('error', reject)
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : options.port
      resolve({
        port,
        get connections() {
          return connections
        },
        close: done => {
          server.close(() => done())
          server.closeIdleConnections()
        },
        destroy: () => server.closeAllConnections(),
      })
    })
  })
}

function receive(
  request: IncomingMessage,
  response: ServerResponse,
  { bodyBytesMax, handle, tls }: HttpOptions,
): void {
  const chunks: Buffer[] = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > bodyBytesMax) {
      request.removeAllListeners('data')
      request.resume()
      response.writeHead(413, { connection: 'close', 'content-length': 0 }).end()
      return
    }
    chunks.push(chunk)
  })
  request.on('error', () => undefined)
  request.on('end', () => {
    if (bytes > bodyBytesMax) return
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    handle(callOf(request, response, body, tls !== undefined))
  })
}

function callOf(
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
  secure: boolean,
): HttpCall {
  let aborted = false
  const call: HttpCall = {
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers: request.headers as { readonly [name: string]: string | undefined },
    body,
    secure,
    peer: {
      address: request.socket.remoteAddress ?? '',
      port: request.socket.remotePort ?? 0,
    },
    get aborted() {
      return aborted
    },
    onAborted: undefined,
    respond: (status, headers, text) => {
      if (aborted || response.headersSent) return
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) })
      response.end(text)
    },
  }
  response.on('close', () => {
    if (response.writableEnded) return
    aborted = true
    call.onAborted?.()
  })
  return call
}
