/**
 * One connection to Redis that mends itself. A command that is given while there is none waits for
 * the next; one that was under way when the connection broke rejects with a `BrokenLink`, because
 * only its caller knows whether it may be made twice.
 */

import { createClient, MultiErrorReply, RESP_TYPES, WatchError } from '@redis/client'
import type { Timer } from '../../../engine/ports.ts'
import type { DriverContext } from '../../driver.ts'
import { ClientError, PlanError } from '../../errors.ts'

/** An argument of a command: text, or bytes. */
export type Arg = string | Buffer
export type Command = readonly Arg[]
/** What comes back: text or `Buffer`s, whole numbers, null, and lists of these. */
export type Reply = unknown

const backend = 'redis'
const waitMsMin = 20
const waitMsMax = 1000
const connectMs = 5000

/** The connection broke while this was under way: it may have been done. */
export class BrokenLink extends ClientError {
  constructor(cause: unknown) {
    const why = 'the connection broke before the answer came; it MAY have been done.'
    super({ code: 'SPILLWAY_E_DISCONNECTED', backend, why, retryable: true, cause })
  }
}

export interface LinkWatch {
  readonly connected: () => void
  readonly disconnected: (error: Error) => void
}

type Client = ReturnType<typeof createClient>

/**
 * Never connected. `createClient` makes a class with all of Redis' commands for every new set of
 * options, which takes some 30 ms; copies of one client share its class.
 */
const model = createClient()

export class Link {
  readonly #client: Client
  readonly #url: string
  readonly #context: DriverContext
  readonly #watch: LinkWatch | undefined
  #isReady = false
  #isClosed = false
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
  /** One more with each connection: what belongs to a connection is gone when it differs. */
  epoch = 0
  #clientId: Promise<string> | undefined

  private constructor(url: string, context: DriverContext, watch: LinkWatch | undefined) {
    this.#url = url
    this.#context = context
    this.#watch = watch
    this.#client = model.duplicate({
      url,
      name: clientName(context.name),
      RESP: 2,
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: 'disabled',
      socket: {
        connectTimeout: connectMs,
        reconnectStrategy: (retries, cause) => this.#waitBefore(retries, cause),
      },
    })
    this.#client.on('ready', () => this.#connected())
    this.#client.on('error', error => this.#disconnected(error as Error))
  }

  /** Rejects when the first connection cannot be made. */
  static async open(url: string, context: DriverContext, watch?: LinkWatch): Promise<Link> {
    const link = new Link(url, context, watch)
    try {
      await link.#client.connect()
    } catch (error) {
      throw connectFailed(error as Error)
    }
    return link
  }

  /** Another connection of the same kind. */
  duplicate(): Promise<Link> {
    return Link.open(this.#url, this.#context)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** Resolves when there is a connection; rejects when it was closed by us. */
  ready(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed())
    if (this.#isReady) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
  }

  /** False: there was none in this time. */
  async isReadyWithin(ms: number): Promise<boolean> {
    if (this.#isReady) return true
    let timer: Timer | undefined
    const late = new Promise<false>(resolve => {
      timer = this.#context.clock.schedule(Math.max(0, ms), () => resolve(false))
    })
    const isReady = this.ready().then(() => true)
    try {
      return await Promise.race([isReady, late])
    } finally {
      timer?.cancel()
    }
  }

  /** Text comes back as text. */
  async command(command: Command): Promise<Reply> {
    if (!this.#isReady) await this.ready()
    try {
      return await this.#client.sendCommand(command)
    } catch (error) {
      throw mapped(error, command)
    }
  }

  /** The same, told by a call; false: there is no connection, and nothing was done. */
  post(command: Command, told: (reply: Reply, error: Error | undefined) => void): boolean {
    if (!this.#isReady) return false
    this.#client.sendCommand(command).then(
      reply => told(reply, undefined),
      error => told(undefined, mapped(error, command)),
    )
    return true
  }

  /** Text comes back as bytes: for entries, whose bodies may be anything. */
  async bytes(command: Command): Promise<Reply> {
    if (!this.#isReady) await this.ready()
    try {
      return await this.#client.sendCommand(command, bytesWanted)
    } catch (error) {
      throw mapped(error, command)
    }
  }

  /** What the server calls this connection. */
  clientId(): Promise<string> {
    if (this.#clientId === undefined) {
      const asking = this.command(['CLIENT', 'ID']).then(String)
      this.#clientId = asking
      asking.catch(() => {
        if (this.#clientId === asking) this.#clientId = undefined
      })
    }
    return this.#clientId
  }

  /** All in one step; undefined when something that was watched has changed. */
  async together(commands: readonly Command[]): Promise<readonly Reply[] | undefined> {
    if (!this.#isReady) await this.ready()
    const multi = this.#client.multi()
    for (const command of commands) multi.addCommand(command as Arg[])
    try {
      return (await multi.exec()) as unknown as Reply[]
    } catch (error) {
      if (error instanceof WatchError) return undefined
      const first = error instanceof MultiErrorReply ? firstError(error) : error
      throw mapped(first, commands[0]!)
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isReady = false
    for (const { reject } of this.#waiting.splice(0)) reject(closed())
    if (this.#client.isOpen) this.#client.destroy()
  }

  #connected(): void {
    this.#isReady = true
    this.epoch++
    for (const { resolve } of this.#waiting.splice(0)) resolve()
    this.#watch?.connected()
  }

  #disconnected(error: Error): void {
    const wasReady = this.#isReady
    this.#isReady = false
    if (wasReady) this.#clientId = undefined
    if (wasReady && !this.#isClosed) this.#watch?.disconnected(error)
  }

  /** A first connection that fails is the caller's to hear; later ones are tried for ever. */
  #waitBefore(retries: number, cause: Error): number | Error {
    if (this.epoch === 0) return cause
    const most = Math.min(waitMsMax, waitMsMin * 2 ** Math.min(retries, 10))
    return most / 2 + (this.#context.random.uint32() % (most / 2))
  }
}

const bytesWanted = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }

/** Redis takes no spaces in it. */
function clientName(name: string): string {
  return name.replaceAll(/[^\x21-\x7e]/g, '_')
}

function firstError(error: MultiErrorReply): unknown {
  for (const reply of error.errors()) return reply
  return error
}

function connectFailed(cause: Error): ClientError {
  const isRefused = /^(WRONGPASS|NOAUTH|NOPERM|ERR )/.test(cause.message)
  return new ClientError({
    code: isRefused ? 'SPILLWAY_E_ACCESS' : 'SPILLWAY_E_CONNECTION',
    backend,
    why: `no connection: ${textOf(cause).replace(/\.$/, '')}.`,
    retryable: !isRefused,
    cause,
  })
}

function textOf(error: Error): string {
  if (error.message !== '') return error.message
  return error instanceof AggregateError ? String(error.errors[0]) : error.name
}

function closed(): ClientError {
  return new ClientError({ code: 'SPILLWAY_E_CLOSED', backend, why: 'the connection was closed.' })
}

/** The code at the beginning of an error that Redis answered; undefined: it was not Redis. */
export function replyCode(error: unknown): string | undefined {
  const message = error instanceof ClientError ? (error.cause as Error | undefined)?.message : ''
  return /^([A-Z]+) /.exec(message ?? '')?.[1]
}

const later = new Set(['LOADING', 'BUSY', 'TRYAGAIN', 'CLUSTERDOWN', 'MASTERDOWN', 'READONLY'])

function mapped(error: unknown, command: Command): ClientError {
  if (error instanceof ClientError) return error
  const cause = error as Error
  const code = /^([A-Z]+) /.exec(cause.message)?.[1]
  if (code === undefined) return new BrokenLink(cause)
  const why = `${String(command[0])}: ${cause.message}.`
  switch (code) {
    case 'OOM':
      return new ClientError({
        code: 'SPILLWAY_E_OVERLOADED',
        backend,
        why,
        retryable: true,
        cause,
      })
    case 'NOAUTH':
    case 'NOPERM':
    case 'WRONGPASS':
      return new ClientError({ code: 'SPILLWAY_E_ACCESS', backend, why, cause })
    case 'WRONGTYPE':
      return new PlanError({ code: 'SPILLWAY_P_CONFLICT', backend, why, cause })
    case 'CROSSSLOT':
    case 'MOVED':
      return new PlanError({ code: 'SPILLWAY_P_CLUSTER', backend, why, cause })
    default:
      return new ClientError({
        code: 'SPILLWAY_E_REDIS',
        backend,
        why,
        retryable: later.has(code),
        cause,
      })
  }
}
