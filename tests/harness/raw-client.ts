/**
 * An AMQP client that does only what it is told, so that it can say what no library would: each
 * frame goes out as given, each frame that comes in is handed over decoded, in order.
 */

import { connect, type Socket } from 'node:net'
import {
  decodeFrame,
  encodeHeader,
  encodeMethod,
  encodePublish,
  type Fields,
  type Frame,
  type MethodFrame,
  protocolHeader,
} from './amqp-codec.ts'
import { Mailbox, within } from './wait.ts'

export interface Address {
  readonly host: string
  readonly amqpPort: number
}

export interface HandshakeOptions {
  readonly user?: string
  readonly password?: string
  readonly mechanism?: string
  readonly vhost?: string
  readonly channelMax?: number
  readonly frameMax?: number
  readonly heartbeat?: number
  readonly capabilities?: Fields
}

const clientCapabilities = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  authentication_failure_close: true,
}

const closeOk = encodeMethod(0, 'connection.close-ok')

/** What comes from the broker: a frame, or the end of the connection. */
export type Arrival = Frame | { readonly kind: 'closed' }

export class RawClient {
  readonly socket: Socket
  readonly #arrivals = new Mailbox<Arrival>()
  #rest: Buffer = Buffer.alloc(0)
  #takeOver: ((bytes: Buffer) => void) | undefined
  /** The last bytes that came, while a close-ok is awaited. */
  #tail: Buffer | undefined

  private constructor(connectTo: (receive: (chunk: Buffer) => void) => Socket) {
    this.socket = connectTo(chunk => this.#receive(chunk))
    this.socket.on('error', () => {})
    this.socket.on('close', () => this.#arrivals.put({ kind: 'closed' }))
  }

  /**
   * One buffer takes all that comes, so a load generator does not stop every few milliseconds to
   * collect its own garbage: node would allocate 64 KiB for each chunk.
   */
  static async connect(address: Address): Promise<RawClient> {
    const { host, amqpPort: port } = address
    const buffer = Buffer.allocUnsafeSlow(65_536)
    const client = new RawClient(receive => {
      const callback = (count: number): boolean => {
        receive(buffer.subarray(0, count))
        return true
      }
      return connect({ host, port, noDelay: true, onread: { buffer, callback } })
    })
    await new Promise<void>((resolve, reject) => {
      client.socket.once('connect', resolve)
      client.socket.once('error', reject)
    })
    return client
  }

  /** Connected, authenticated, the virtual host open. */
  static async open(address: Address, options: HandshakeOptions = {}): Promise<RawClient> {
    const client = await RawClient.connect(address)
    await client.handshake(options)
    return client
  }

  /** `chunk` is borrowed until the call returns. */
  #receive(chunk: Buffer): void {
    if (this.#tail !== undefined) this.#endAfterCloseOk(chunk)
    if (this.#takeOver !== undefined) {
      this.#takeOver(chunk)
      return
    }
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const decoded = decodeFrame(this.#rest)
      if (decoded === undefined) return
      this.#rest = this.#rest.subarray(decoded.end)
      if (decoded.frame.kind !== 'heartbeat') this.#arrivals.put(decoded.frame)
    }
  }

  /** The broker leaves it to the client to end the connection. */
  #endAfterCloseOk(chunk: Buffer): void {
    this.#tail = Buffer.concat([this.#tail ?? Buffer.alloc(0), chunk]).subarray(-closeOk.length)
    if (this.#tail.equals(closeOk)) this.socket.end()
  }

  /** From now on the caller reads the bytes itself, borrowed as they are: for load generators. */
  takeOver(receive: (bytes: Buffer) => void): void {
    this.#takeOver = receive
    if (this.#rest.length > 0) receive(this.#rest)
    this.#rest = Buffer.alloc(0)
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  method(channel: number, name: string, fields: Fields = {}): void {
    this.send(encodeMethod(channel, name, fields))
  }

  header(channel: number, size: number, properties: Fields = {}): void {
    this.send(encodeHeader(channel, size, properties))
  }

  publish(channel: number, fields: Fields, body: Uint8Array, properties: Fields = {}): void {
    this.send(encodePublish(channel, fields, properties, body))
  }

  /** The next thing that the broker says, whatever it is. */
  next(what = 'the next frame'): Promise<Arrival> {
    return this.#arrivals.take(what)
  }

  /** The next frame, which must be this method. */
  async expect(name: string): Promise<MethodFrame> {
    const arrival = await this.next(name)
    if (arrival.kind === 'method' && arrival.name === name) return arrival
    throw new Error(`expected ${name}, got ${JSON.stringify(arrival)}`)
  }

  async call(channel: number, name: string, fields: Fields = {}): Promise<MethodFrame> {
    this.method(channel, name, fields)
    return await this.expect(`${name}-ok`)
  }

  async handshake(options: HandshakeOptions = {}): Promise<void> {
    this.send(protocolHeader)
    await this.expect('connection.start')
    this.startOk(options)
    const tune = await this.expect('connection.tune')
    this.method(0, 'connection.tune-ok', {
      channelMax: options.channelMax ?? tune.fields['channelMax'],
      frameMax: options.frameMax ?? tune.fields['frameMax'],
      heartbeat: options.heartbeat ?? 0,
    })
    await this.call(0, 'connection.open', { virtualHost: options.vhost ?? '/' })
  }

  startOk(options: HandshakeOptions = {}): void {
    const { user = 'guest', password = 'guest', mechanism = 'PLAIN' } = options
    this.method(0, 'connection.start-ok', {
      clientProperties: {
        product: 'raw-client',
        capabilities: options.capabilities ?? clientCapabilities,
      },
      mechanism,
      response: Buffer.from(`\0${user}\0${password}`),
      locale: 'en_US',
    })
  }

  /** Says goodbye, waits for the answer, and ends the connection. */
  async close(): Promise<void> {
    if (!this.socket.writable) return
    const closed = new Promise<void>(resolve => this.socket.once('close', () => resolve()))
    this.#tail = Buffer.alloc(0)
    const bye = { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 }
    this.method(0, 'connection.close', bye)
    await within('the end of the connection', closed)
  }

  /** No goodbye. */
  cut(): void {
    this.socket.destroy()
  }
}
