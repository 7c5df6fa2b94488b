/**
 * One client's connection: bytes → requests → dispatch → responses, in the order of the requests.
 * While one request is parked (a fetch that waits for records, a member that waits for others) the
 * ones behind it wait as bytes; that is Kafka's own way. Unknown keys and versions, and requests
 * that break their format, end the connection: there is no answer that the peer could read.
 */

import { ByteReader } from '../../base/bytes.ts'
import { EngineFailure } from '../../engine/errors.ts'
import type { AnyApi } from '../../wire/kafka/apis.ts'
import {
  beginResponse,
  endResponse,
  FrameReader,
  type RequestHeader,
  readHeader,
  skipHeaderTags,
} from '../../wire/kafka/frame.ts'
import { ApiVersions } from '../../wire/kafka/messages/cluster.ts'
import { Fetch } from '../../wire/kafka/messages/data.ts'
import { SaslAuthenticate } from '../../wire/kafka/messages/security.ts'
import { WireError } from '../../wire/schema/errors.ts'
import type { ConnectionContext, ConnectionInfo, ServerConnection } from '../connection.ts'
import type { Authenticate, Broker, Member } from './broker.ts'
import { type Call, later, type Session, silent } from './call.ts'
import type { Served } from './commands.ts'
import { KafkaError } from './errors.ts'
import { unsupportedVersion } from './handlers/cluster.ts'
import { step } from './handlers/sasl.ts'
import { limits } from './limits.ts'

/** What a connection is made with. */
export interface ConnectionParts {
  readonly broker: Broker
  readonly served: Served
  /** Undefined: nobody has to log in on this port. */
  readonly authenticate: Authenticate | undefined
}

type State = 'running' | 'parked' | 'closed'

export class Connection implements ServerConnection, Member {
  readonly #broker: Broker
  readonly #served: Served
  readonly #context: ConnectionContext
  readonly #reader = new FrameReader()
  readonly #session: Session
  #state: State = 'running'
  #client = ''
  #requests = 0
  #requestsAtTick = 0
  #isPaused = false

  constructor(context: ConnectionContext, { broker, served, authenticate }: ConnectionParts) {
    this.#broker = broker
    this.#served = served
    this.#context = context
    const { advertised } = broker.options
    const { local, peer } = context
    this.#session = {
      user: authenticate === undefined ? 'ANONYMOUS' : '',
      authenticate,
      mechanism: undefined,
      exchange: undefined,
      isBare: false,
      isRefused: false,
      peer,
      peerHost: `/${peer.address.replace(/^::ffff:/, '')}`,
      host: advertised?.host ?? (isLoopback(local.address) ? 'localhost' : local.address),
      port: advertised?.port ?? local.port,
      onGone: undefined,
      held: new Map(),
    }
    broker.members.add(this)
  }

  receive(bytes: Uint8Array): void {
    if (this.#state === 'closed') return
    this.#reader.push(bytes)
    this.#work()
    this.#reader.settle()
    if (this.#state === 'parked' && this.#reader.waiting > limits.waitingBytesMax) {
      this.#isPaused = true
      this.#context.pauseReading(true)
    }
  }

  #work(): void {
    try {
      while (this.#state === 'running') {
        const frame = this.#reader.next()
        if (frame === undefined) return
        this.#request(frame)
      }
    } catch (error) {
      if (error instanceof EngineFailure) this.failed()
      // A limit of ours that the answer has no word for ends the connection, too.
      else if (error instanceof WireError || error instanceof KafkaError) this.#finish()
      else throw error
    }
  }

  #request(frame: Uint8Array): void {
    if (this.#session.isBare) return this.#bareStep(frame)
    const reader = new ByteReader(frame)
    const header = readHeader(reader)
    this.#requests++
    if (header.client !== null) this.#client = header.client
    const command = this.#served.commands.get(header.key)
    const isKnown =
      command !== undefined && header.version >= command.since && header.version <= command.until
    if (!isKnown) {
      if (header.key === ApiVersions.key) {
        this.#answer(
          ApiVersions,
          { ...header, version: 0 },
          unsupportedVersion(this.#served.advertised),
        )
        return
      }
      return this.#finish()
    }
    if (command.needsUser && this.#session.user === '') return this.#finish()
    const { api } = command
    if (api.isFlexible(header.version)) skipHeaderTags(reader)
    const request = api.decodeRequest(reader, header.version)
    const response = command.handler(this.#call(api, header), request)
    if (response === silent) return
    if (response === later) {
      if (!this.#answeredAtOnce) this.#state = 'parked'
      this.#answeredAtOnce = false
      return
    }
    this.#answer(api, header, response as object)
    if (this.#session.isRefused) this.#finish()
  }

  /** A step of the login as it was before SaslAuthenticate: a size and bytes, both ways. */
  #bareStep(frame: Uint8Array): void {
    const header = { key: SaslAuthenticate.key, version: 0, correlation: 0, client: null }
    const answer = step(this.#call(SaslAuthenticate as AnyApi, header), frame)
    if (answer === undefined) return this.#finish()
    this.#session.isBare = this.#session.exchange !== undefined
    const { outbox } = this.#context
    outbox.writer.u32(answer.length)
    outbox.writer.raw(answer)
    outbox.hold(this.#broker.engine.gate)
  }

  /** A handler that answers later may do so before it returns. */
  #answeredAtOnce = false

  #call(api: AnyApi, header: RequestHeader): Call {
    const call = {
      broker: this.#broker,
      version: header.version,
      client: this.#client,
      session: this.#session,
      apiKeys: this.#served.advertised,
      expect: (bytes: number) => {
        if (this.#state !== 'closed') this.#context.outbox.writer.reserve(bytes)
      },
      reply: (response: object) => {
        if (this.#state === 'closed') return
        this.#answer(api, header, response)
        if (this.#state !== 'parked') {
          this.#answeredAtOnce = true
          return
        }
        this.#state = 'running'
        this.#session.onGone = undefined
        this.#work()
        this.#readAgain()
      },
    }
    return call
  }

  #readAgain(): void {
    if (!this.#isPaused || this.#state === 'parked') return
    this.#isPaused = false
    this.#context.pauseReading(false)
  }

  #answer(api: AnyApi, header: RequestHeader, response: object): void {
    const { writer } = this.#context.outbox
    // The answer to ApiVersions has no tags in its header, whatever its version.
    const tags = api.isFlexible(header.version) && api.key !== ApiVersions.key
    const at = beginResponse(writer, header.correlation, tags)
    api.encodeResponse(writer, header.version, response)
    endResponse(writer, at)
    const { engine } = this.#broker
    // What a fetch reveals are records, and they alone.
    this.#context.outbox.hold(api.key === Fetch.key ? engine.recordGate : engine.gate)
  }

  #finish(): void {
    if (this.#state === 'closed') return
    this.#release()
    this.#context.outbox.end()
  }

  #release(): void {
    this.#state = 'closed'
    this.#broker.members.delete(this)
    const { onGone } = this.#session
    this.#session.onGone = undefined
    onGone?.()
    for (const letGo of this.#session.held.values()) letGo()
  }

  tick(): void {
    this.#reader.relax(this.#requests === this.#requestsAtTick)
    this.#requestsAtTick = this.#requests
  }

  drained(): void {}

  failed(): void {
    if (this.#state === 'closed') return
    this.#release()
    this.#context.outbox.destroy()
  }

  /** The protocol has no word for it: a client that is cut off asks for metadata elsewhere. */
  shutdown(_reason: 'stopping' | 'failed' | 'requested', _text: string): void {
    this.#finish()
  }

  closed(): void {
    if (this.#state !== 'closed') this.#release()
  }

  describe(): ConnectionInfo {
    return {
      user: this.#session.user,
      state: this.#state,
      details: { client: this.#client, requests: this.#requests },
    }
  }
}

function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\./.test(address) || address === '::1'
}
