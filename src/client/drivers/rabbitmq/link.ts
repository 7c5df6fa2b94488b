/**
 * The connection to the broker, on the npm client `rabbitmq-client`: it connects again by itself;
 * here are the channels on it. One is for publishing with confirms, a few are for declaring and
 * asking, and each consumer has one of its own.
 */

import { Connection, type Channel as LibraryChannel } from 'rabbitmq-client'
import type { BusEvent, DriverContext } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { errorOf } from './failures.ts'
import { keepBytes, type Publication } from './messages.ts'
import { Publisher, type Told } from './publisher.ts'

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

export class Link {
  readonly #connection: Connection
  readonly #context: DriverContext
  readonly #idle: Channel[] = []
  readonly #open = new Set<Channel>()
  readonly #publisher: Publisher
  #isClosed = false
  #isUp = true

  private constructor(connection: Connection, context: DriverContext) {
    this.#connection = connection
    this.#context = context
    this.#publisher = new Publisher(context.clock, () => this.channel())
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
    const channel = await this.#acquire()
    if (!this.#isClosed) return channel
    // A connection that closes waits for each of its channels; this one came too late for that.
    void channel.close()
    throw new ClientError({ code: 'SPILLWAY_E_CLOSED', backend: 'rabbitmq', why: 'it is closed.' })
  }

  async #acquire(): Promise<Channel> {
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
        const isWanted = this.#idle.length < idleMax && !this.#isClosed
        if (channel.active && isWanted) this.#idle.push(channel)
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
    const channel = await this.#acquire()
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

  /** Publishes one message; `told` is called in a later turn, with an error or without. */
  post(publication: Publication, told: Told): void {
    this.#publisher.publish(publication, told)
  }

  /**
   * Publishes in order. Each is confirmed (undefined), or has an error: the broker refused it,
   * knows no queue for it, or went away before it said anything.
   */
  publish(publications: readonly Publication[]): Promise<readonly (Error | undefined)[]> {
    return new Promise(resolve => {
      const failures: (Error | undefined)[] = publications.map(() => undefined)
      let open = publications.length
      if (open === 0) resolve(failures)
      for (const [index, publication] of publications.entries()) {
        this.#publisher.publish(publication, error => {
          failures[index] = error
          if (--open === 0) resolve(failures)
        })
      }
    })
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
