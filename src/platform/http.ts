/**
 * An HTTP/1.1 server on the transport: one request becomes one call, which is answered later, or
 * never when its client has gone. It knows no protocol above HTTP, and of HTTP no more than an API
 * server needs: see `http-request.ts`. Why not node:http: docs/decisions/0010-http.md.
 *
 * A connection has one call at a time. What a client sends before it has the answer waits, and is
 * not read from the socket beyond a bound.
 */

import type { Link, Transport } from '../servers/transport.ts'
import { HttpBreach, HttpReader, type HttpRequest } from './http-request.ts'
import { netTransport } from './transport.ts'

export interface HttpCall {
  readonly method: string
  /** With its query string. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string | undefined }
  /** Borrowed until the handler returns. */
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
  /** Default: real sockets. A test passes in one that breaks. */
  readonly transport?: Transport | undefined
}

export interface HttpListening {
  readonly port: number
  readonly connections: number
  /** No further connections; those that are idle are closed. `done` when the last one has gone. */
  close(done: () => void): void
  destroy(): void
}

const headBytesMax = 32 * 1024
const headersMax = 200
/** A client that keeps a connection for later must not find it closed under its next request. */
const idleMs = 75_000
/** From a request's first byte to its last. */
const requestMs = 60_000
const sweepMs = 5_000

/** Rejects with an errno name in `code`, such as `EADDRINUSE`. */
export async function listenHttp(options: HttpOptions): Promise<HttpListening> {
  const server = new HttpServer(options)
  await server.listen(options)
  return server
}

class HttpServer implements HttpListening {
  readonly options: HttpOptions
  readonly #connections = new Set<HttpConnection>()
  #listening: { readonly port: number; close(): void } | undefined
  #closed: (() => void) | undefined
  #sweep: NodeJS.Timeout | undefined
  #date = ''
  #dateAt = 0

  constructor(options: HttpOptions) {
    this.options = options
  }

  async listen({ host, port, tls, transport = netTransport({ tls }) }: HttpOptions): Promise<void> {
    this.#listening = await transport.listen({ host, port }, link => {
      this.#connections.add(new HttpConnection(this, link))
    })
    this.#sweep = setInterval(() => {
      const now = performance.now()
      for (const connection of this.#connections) connection.sweep(now)
    }, sweepMs).unref()
  }

  get port(): number {
    return this.#listening?.port ?? 0
  }

  get connections(): number {
    return this.#connections.size
  }

  /** As of the last second (RFC 9110, section 6.6.1). */
  get date(): string {
    const now = Date.now()
    if (now - this.#dateAt >= 1000) {
      this.#dateAt = now - (now % 1000)
      this.#date = new Date(now).toUTCString()
    }
    return this.#date
  }

  get isClosing(): boolean {
    return this.#closed !== undefined
  }

  close(done: () => void): void {
    this.#closed = done
    this.#listening?.close()
    for (const connection of this.#connections) connection.closeIfIdle()
    this.#endIfOver()
  }

  destroy(): void {
    for (const connection of this.#connections) connection.destroy()
  }

  gone(connection: HttpConnection): void {
    this.#connections.delete(connection)
    this.#endIfOver()
  }

  #endIfOver(): void {
    if (this.#closed === undefined || this.#connections.size > 0) return
    clearInterval(this.#sweep)
    const done = this.#closed
    this.#closed = () => undefined
    done()
  }
}

class HttpConnection {
  readonly #server: HttpServer
  readonly #link: Link
  readonly #reader: HttpReader
  #call: Call | undefined
  #isPaused = false
  #isClosed = false
  #isTold = false
  #isReading = false
  /** Since when it waits for a request, or for the rest of one. */
  #since = performance.now()

  constructor(server: HttpServer, link: Link) {
    const { bodyBytesMax } = server.options
    this.#server = server
    this.#link = link
    this.#reader = new HttpReader({ headBytesMax, headersMax, bodyBytesMax })
    link.start({
      onData: bytes => this.#receive(bytes),
      onClose: () => this.#closed(),
    })
  }

  get peer(): HttpCall['peer'] {
    return this.#link.peer
  }

  get secure(): boolean {
    return this.#link.peer.tls
  }

  closeIfIdle(): void {
    if (this.#call === undefined && this.#reader.size === 0) this.#link.end()
  }

  destroy(): void {
    this.#link.destroy()
  }

  sweep(now: number): void {
    if (this.#call !== undefined) return
    const isIdle = this.#reader.size === 0
    if (now - this.#since < (isIdle ? idleMs : requestMs)) return
    if (isIdle) this.#link.end()
    else this.#refuse(new HttpBreach(408, 'The rest of the request did not come.'))
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isClosed) return
    if (this.#reader.size === 0) this.#since = performance.now()
    this.#reader.push(bytes)
    this.#next()
    this.#reader.keep()
    // The client is ahead of us: the rest stays in the socket.
    const { bodyBytesMax } = this.#server.options
    if (this.#call !== undefined && this.#reader.size > bodyBytesMax + headBytesMax) {
      this.#isPaused = true
      this.#link.pause()
    }
  }

  /** Handles the next request, when it is whole and the one before it has been answered. */
  #next(): void {
    while (this.#call === undefined && !this.#isClosed) {
      let request: HttpRequest | undefined
      try {
        request = this.#reader.read()
      } catch (error) {
        if (error instanceof HttpBreach) return this.#refuse(error)
        throw error
      }
      if (request === undefined) return this.#tellToContinue()
      this.#isTold = false
      const call = new Call(this, request)
      this.#call = call
      this.#server.options.handle(call)
    }
  }

  #tellToContinue(): void {
    if (this.#reader.awaited?.expectsContinue !== true || this.#isTold) return
    this.#isTold = true
    this.#link.writeText('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
  }

  answer(call: Call, status: number, headers: HttpCall['headers'], body: string): void {
    const keepAlive = call.keepAlive && !this.#server.isClosing
    const hasBody = call.method !== 'HEAD'
    this.#write({ status, headers, body, hasBody, keepAlive })
    this.#call = undefined
    this.#since = performance.now()
    if (!keepAlive) {
      this.#isClosed = true
      this.#link.end()
      return
    }
    if (this.#isPaused) {
      this.#isPaused = false
      this.#link.resume()
    }
    if (this.#reader.size === 0 || this.#isReading) return
    this.#isReading = true
    setImmediate(() => {
      this.#isReading = false
      this.#next()
    })
  }

  #refuse({ status, message }: HttpBreach): void {
    this.#isClosed = true
    const headers = { 'content-type': 'text/plain' }
    this.#write({ status, headers, body: message, hasBody: true, keepAlive: false })
    this.#link.end()
  }

  /** Text that is ASCII, as nearly all is, is not encoded but copied, once. */
  #write(answer: Answer): void {
    const { body, hasBody } = answer
    const length = Buffer.byteLength(body)
    const head = headText(this.#server.date, answer, length)
    const isAscii = length === body.length && Buffer.byteLength(head) === head.length
    this.#link.writeText(hasBody ? head + body : head, isAscii ? 'latin1' : 'utf8')
  }

  #closed(): void {
    this.#isClosed = true
    this.#server.gone(this)
    this.#call?.abort()
  }
}

class Call implements HttpCall {
  readonly method: string
  readonly path: string
  readonly headers: HttpCall['headers']
  readonly body: Uint8Array
  readonly keepAlive: boolean
  onAborted: (() => void) | undefined = undefined
  aborted = false
  readonly #connection: HttpConnection
  #isAnswered = false

  constructor(connection: HttpConnection, request: HttpRequest) {
    this.#connection = connection
    this.method = request.method
    this.path = request.path
    this.headers = request.headers
    this.body = request.body
    this.keepAlive = request.keepAlive
  }

  get secure(): boolean {
    return this.#connection.secure
  }

  get peer(): HttpCall['peer'] {
    return this.#connection.peer
  }

  respond(status: number, headers: { readonly [name: string]: string }, body: string): void {
    if (this.aborted || this.#isAnswered) return
    this.#isAnswered = true
    this.#connection.answer(this, status, headers, body)
  }

  abort(): void {
    if (this.#isAnswered) return
    this.aborted = true
    this.onAborted?.()
  }
}

const reasons: { readonly [status: number]: string } = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
}

interface Answer {
  readonly status: number
  readonly headers: HttpCall['headers']
  readonly body: string
  /** False: only its length is told. */
  readonly hasBody: boolean
  readonly keepAlive: boolean
}

function headText(date: string, { status, headers, keepAlive }: Answer, length: number): string {
  let text = `HTTP/1.1 ${status} ${reasons[status] ?? 'Unknown'}\r\n`
  for (const name in headers) text += `${name}: ${headers[name]}\r\n`
  if (status !== 204) text += `content-length: ${length}\r\n`
  return `${text}date: ${date}\r\nconnection: ${keepAlive ? 'keep-alive' : 'close'}\r\n\r\n`
}
