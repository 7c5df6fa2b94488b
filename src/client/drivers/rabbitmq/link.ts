/**
 * The connection to the broker, on the npm client `rabbitmq-client`: it connects again by itself;
 * here are the channels on it. One is for publishing with confirms, a few are for declaring and
 * asking, and each consumer has one of its own.
 */

import { Connection, type Channel as LibraryChannel } from 'rabbitmq-client'
import type { BusEvent, DriverContext } from '../../driver.ts'
import { ClientError, PlanError } from '../../errors.ts'
import { type Envelope, type Incoming, keepBytes } from './messages.ts'

export type Channel = LibraryChannel

const connectMs = 10_000
const retryLowMs = 100
const retryHighMs = 5000
/** How long somebody else makes something, about. */
const lockedMs = 20
/** Idle channels that are kept for the next question. */
const idleMax = 4

/** Arguments of a declaration. */
export type Settings = NonNullable<
  Extract<Parameters<Channel['queueDeclare']>[0], object>['arguments']
>

/** One message on its way out. */
export interface Publication {
  readonly envelope: Envelope
  readonly body: Uint8Array
}

export class Link {
  readonly #connection: Connection
  readonly #context: DriverContext
  readonly #idle: Channel[] = []
  readonly #open = new Set<Channel>()
  readonly #returned = new Set<string>()
  #publisher: Promise<Channel> | undefined
  #turn: Promise<void> | undefined
  #isClosed = false
  #isUp = true

  private constructor(connection: Connection, context: DriverContext) {
    this.#connection = connection
    this.#context = context
    connection.on('error', error => this.#failed(error))
    connection.on('connection', () => this.#connected())
  }

  static async connect(url: string, context: DriverContext): Promise<Link> {
    const connection = new Connection({
      url: withLogin(url),
      connectionName: context.name,
      connectionTimeout: connectMs,
      retryLow: retryLowMs,
      retryHigh: retryHighMs,
      frameMax: 128 * 1024,
      noDelay: true,
    })
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => {
        connection.off('error', failed)
        connection.off('connection', succeeded)
        // Its own attempts would go on for ever.
        connection.on('error', () => {})
        connection.unsafeDestroy()
        reject(errorOf(error, 'the broker'))
      }
      const succeeded = (): void => {
        connection.off('error', failed)
        connection.off('connection', succeeded)
        resolve()
      }
      connection.on('error', failed)
      connection.on('connection', succeeded)
    })
    return new Link(connection, context)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** A channel of the caller's own, who closes it. */
  async channel(): Promise<Channel> {
    const channel = await this.#connection.acquire({ emitErrorsFromChannel: true })
    keepBytes(channel)
    this.#open.add(channel)
    channel.on('close', () => this.#open.delete(channel))
    channel.on('error', error => {
      if (!this.#isClosed) this.emit({ kind: 'error', error: errorOf(error, 'a channel') })
    })
    return channel
  }

  /** Asks on a channel that nobody else uses meanwhile; a refusal closes it, and is an error. */
  async ask<T>(what: string, run: (channel: Channel) => Promise<T>): Promise<T> {
    try {
      const channel = await this.#borrow()
      try {
        return await run(channel)
      } finally {
        if (channel.active && this.#idle.length < idleMax) this.#idle.push(channel)
        else void channel.close()
      }
    } catch (error) {
      throw errorOf(error, what)
    }
  }

  async #borrow(): Promise<Channel> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.active) return idle
    }
    const channel = await this.channel()
    await channel.confirmSelect()
    return channel
  }

  /** A queue that only one connection can have is a lock that outlives nobody. */
  async alone<T>(queue: string, run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        await this.ask(queue, channel => channel.queueDeclare({ queue, exclusive: true }))
        break
      } catch (error) {
        if ((error as ClientError).code !== 'SPILLWAY_E_LOCKED') throw error
        await new Promise<void>(resolve => {
          this.#context.clock.schedule(lockedMs, resolve)
        })
      }
    }
    try {
      return await run()
    } finally {
      await this.ask(queue, channel => channel.queueDelete({ queue }))
    }
  }

  /** Undefined: there is no such queue. */
  async find(queue: string): Promise<{ readonly messageCount: number } | undefined> {
    try {
      return await this.ask(queue, channel => channel.queueDeclare({ queue, passive: true }))
    } catch (error) {
      if ((error as ClientError).code === 'SPILLWAY_E_NOT_FOUND') return undefined
      throw error
    }
  }

  /**
   * Publishes in order. Each is confirmed (undefined), or has an error: the broker refused it,
   * knows no queue for it, or went away before it said anything.
   */
  async publish(publications: readonly Publication[]): Promise<readonly (Error | undefined)[]> {
    const channel = await this.#publishing()
    const confirms = publications.map(({ envelope, body }) => {
      return channel.basicPublish(envelope, bufferOf(body)).then(
        () => undefined,
        error => errorOf(error, envelope.routingKey ?? ''),
      )
    })
    const failures = await Promise.all(confirms)
    await this.#nextTurn()
    if (this.#returned.size === 0) return failures
    return publications.map(({ envelope }, index) => {
      if (!this.#returned.delete(returnKey(envelope))) return failures[index]
      return noQueue(envelope.routingKey ?? '')
    })
  }

  /**
   * The library tells of what could not be routed one turn after its confirm. All that were
   * confirmed in one turn go on together, so that what follows from them is written together.
   */
  #nextTurn(): Promise<void> {
    this.#turn ??= new Promise(resolve => {
      this.#context.clock.soon(() => {
        this.#turn = undefined
        resolve()
      })
    })
    return this.#turn
  }

  #publishing(): Promise<Channel> {
    this.#publisher ??= this.#openPublisher().catch(error => {
      this.#publisher = undefined
      throw errorOf(error, 'the broker')
    })
    return this.#publisher
  }

  async #openPublisher(): Promise<Channel> {
    const channel = await this.channel()
    channel.on('close', () => {
      this.#publisher = undefined
      this.#returned.clear()
    })
    channel.on('basic.return', message => this.#returned.add(returnKey(message)))
    await channel.confirmSelect()
    return channel
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (!this.#isUp) {
      this.#connection.unsafeDestroy()
      return
    }
    await Promise.all([...this.#open].map(channel => channel.close()))
    await this.#connection.close()
  }

  emit(event: BusEvent): void {
    this.#context.emit(event)
  }

  #failed(cause: Error): void {
    if (this.#isClosed) return
    this.#isUp = false
    this.emit({ kind: 'disconnected', backend: 'rabbitmq', error: errorOf(cause, 'the broker') })
  }

  #connected(): void {
    this.#isUp = true
    this.emit({ kind: 'connected', backend: 'rabbitmq' })
  }
}

/** Without a name the broker's own default, as all its clients have it. */
function withLogin(url: string): string {
  const parsed = new URL(url)
  if (parsed.username === '') {
    parsed.username = 'guest'
    parsed.password = 'guest'
  }
  return parsed.href
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function returnKey({ messageId, routingKey }: Envelope | Incoming): string {
  return `${routingKey} ${messageId}`
}

function noQueue(queue: string): ClientError {
  const why = `there is no queue ${queue}; the message was not stored.`
  return new ClientError({ code: 'SPILLWAY_E_NOT_FOUND', backend: 'rabbitmq', why })
}

/** What the library and the broker say, as an error of the client's. */
export function errorOf(thrown: unknown, what: string): ClientError {
  if (thrown instanceof ClientError) return thrown
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  const { code = '' } = cause as { code?: string }
  const backend = 'rabbitmq'
  // The library names the method that was refused, where there was one.
  const why = `${what}: ${cause.message.replace(/^undefined: /, '')}`
  switch (code) {
    case 'NOT_FOUND':
      return new ClientError({ code: 'SPILLWAY_E_NOT_FOUND', backend, why, cause })
    case 'PRECONDITION_FAILED':
      return new PlanError({
        code: 'SPILLWAY_P_CONFLICT',
        backend,
        why,
        alternatives: ['another name', 'move the messages to a new queue'],
        cause,
      })
    case 'ACCESS_REFUSED':
    case 'NOT_ALLOWED':
      return new ClientError({ code: 'SPILLWAY_E_ACCESS', backend, why, cause })
    case 'RESOURCE_LOCKED':
      return new ClientError({ code: 'SPILLWAY_E_LOCKED', backend, why, retryable: true, cause })
    case 'NACK':
      return new ClientError({
        code: 'SPILLWAY_E_OVERLOADED',
        backend,
        why,
        retryable: true,
        cause,
      })
    default:
      return new ClientError({
        code: 'SPILLWAY_E_CONNECTION',
        backend,
        why,
        retryable: true,
        cause,
      })
  }
}
