/**
 * One client's connection: bytes in → requests → handlers → replies → bytes out. Replies leave in
 * the order of the requests. A client that waits (BLOCK, BLPOP) is not answered further until it is
 * served; what it sends meanwhile is kept.
 */

import { EngineFailure } from '../../engine/errors.ts'
import { Reply } from '../../wire/resp/reply.ts'
import { type Request, RequestReader } from '../../wire/resp/request.ts'
import { WireError } from '../../wire/schema/errors.ts'
import type { ConnectionContext, ConnectionInfo, ServerConnection } from '../connection.ts'
import type { Broker, Member } from './broker.ts'
import { type Command, rightArity } from './command.ts'
import { findCommand } from './commands.ts'
import { RedisError, texts } from './errors.ts'
import { refusalOf, refusalText } from './handlers/acl.ts'
import { enterAsDefault } from './handlers/connections.ts'
import { Session } from './session.ts'

/** What a client may send ahead while it waits; then it is not read from. */
const aheadBytesMax = 1024 * 1024
/** A subscriber that does not read is let go at this. */
const subscriberBytesMax = 32 * 1024 * 1024

export class Connection implements ServerConnection, Member {
  readonly broker: Broker
  readonly session: Session
  readonly #context: ConnectionContext
  readonly #reader = new RequestReader()
  #inTurn = false
  #over = false
  #paused = false
  readonly #onRequest = (request: Request): boolean => {
    this.#run(request)
    return this.session.wait === undefined && !this.session.closing && !this.#isPostponed
  }
  /** A request that waits for the end of CLIENT PAUSE. */
  #postponed: Request | undefined

  get #isPostponed(): boolean {
    return this.#postponed !== undefined
  }

  constructor(broker: Broker, context: ConnectionContext) {
    this.broker = broker
    this.#context = context
    const { peer, local } = context
    const addresses = [`${peer.address}:${peer.port}`, `${local.address}:${local.port}`] as const
    this.session = new Session(broker, new Reply(context.outbox.writer), broker.nextId(), addresses)
    enterAsDefault(this.session)
    this.#reader.trusted = this.session.user !== undefined
    broker.stats.connections++
    broker.members.set(this.session.id, this)
  }

  receive(bytes: Uint8Array): void {
    if (this.#over) return
    if (this.session.wait !== undefined || this.#isPostponed) {
      this.#reader.keep(bytes)
      if (this.#reader.waiting > aheadBytesMax && !this.#paused) this.#pause(true)
      return
    }
    this.#turn(() => this.#reader.push(bytes, this.#onRequest))
  }

  #turn(run: () => void): void {
    this.#inTurn = true
    this.broker.beginTurn()
    try {
      run()
    } catch (error) {
      this.#breach(error)
    }
    this.#inTurn = false
    this.#settle()
    this.broker.endTurn()
  }

  /** What the turn has changed is journaled, and everybody who waited for it is served. */
  #settle(): void {
    if (this.#over) return
    try {
      this.broker.serveWaiting()
      this.broker.keys.flush()
      this.#context.outbox.hold(this.broker.engine.gate)
    } catch (error) {
      this.#breach(error)
    }
    if (this.session.closing) this.#finish()
  }

  #pause(paused: boolean): void {
    this.#paused = paused
    this.#context.pauseReading(paused)
  }

  #run(request: Request): void {
    const { session, broker } = this
    const { reply } = session
    const start = reply.out.end
    session.lastAt = broker.now()
    broker.stats.commands++
    const command = findCommand(broker, request)
    if (typeof command === 'string') this.#refuse(command)
    else if (!rightArity(command, request.count)) {
      broker.countsOf(command).rejected++
      this.#refuse(`ERR wrong number of arguments for '${command.name}' command`)
    } else if (broker.postpones(command, this)) this.#postponed = request.copy()
    else this.#dispatch(command, request)
    if (session.replies === 'off' || session.replies === 'skip') {
      reply.out.end = start
      if (session.replies === 'skip') session.replies = 'on'
    } else if (session.replies === 'skip-next') {
      reply.out.end = start
      session.replies = 'skip'
    }
    this.#reader.trusted = session.user !== undefined
  }

  #refuse(text: string): void {
    if (this.session.queue !== undefined) this.session.queueBroken = true
    this.#error(text)
  }

  #error(text: string): void {
    this.broker.refused(text)
    this.session.reply.error(text)
  }

  #dispatch(command: Command, request: Request): void {
    const { session, broker } = this
    const { reply } = session
    if (session.user === undefined && !command.isOpen) {
      broker.countsOf(command).rejected++
      this.#refuse(texts.noAuth)
      return
    }
    if (session.acl !== undefined) {
      const refusal = refusalOf(session.acl, command, request)
      if (refusal !== undefined) {
        broker.countsOf(command).rejected++
        this.#refuse(refusalText(session, refusal))
        return
      }
    }
    if (broker.memory.bytesMax > 0 && this.#isOutOfMemory(command)) {
      broker.countsOf(command).rejected++
      this.#refuse(texts.outOfMemory)
      return
    }
    if (session.queue !== undefined && !command.isImmediate) {
      if (command.flags.includes('no-multi')) {
        this.#refuse(`ERR Command not allowed inside a transaction`)
        return
      }
      session.queue.push({ command, request: request.copy() })
      reply.simple('QUEUED')
      return
    }
    if (!command.isForSubscribers && reply.protocol === 2 && session.isSubscriber) {
      this.#refuse(
        `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
      )
      return
    }
    session.lastCommand = command.name
    const start = reply.out.end
    session.command = command
    broker.countsOf(command).calls++
    try {
      command.handler(session, request)
    } catch (error) {
      if (!(error instanceof RedisError)) throw error
      reply.out.end = start
      broker.countsOf(command).failed++
      this.#error(error.message)
    }
    if (session.wait === undefined) broker.serveWaiting()
  }

  /** A queue of MULTI grows with whatever comes; what ends it is never refused for that. */
  #isOutOfMemory(command: Command): boolean {
    const { session, broker } = this
    const isQueued = session.queue !== undefined && !command.isImmediate
    return (command.isGrowing || isQueued) && broker.memory.isReached
  }

  // What the broker calls

  woken(): void {
    if (this.#over) return
    this.#context.outbox.hold(this.broker.engine.gate)
    // Not inside somebody else's turn: it may have half of its work before it.
    this.broker.options.clock.soon(() => {
      if (this.#over || this.session.wait !== undefined) return
      if (this.#paused) this.#pause(false)
      this.#turn(() => this.#reader.resume(this.#onRequest))
    })
  }

  unpaused(): void {
    this.broker.options.clock.soon(() => {
      const postponed = this.#postponed
      if (this.#over || postponed === undefined) return
      this.#postponed = undefined
      if (this.#paused) this.#pause(false)
      this.#turn(() => {
        this.#run(postponed)
        if (this.session.wait === undefined && !this.#isPostponed) {
          this.#reader.resume(this.#onRequest)
        }
      })
    })
  }

  wrote(): void {
    if (this.#over) return
    const { outbox } = this.#context
    if (!this.#inTurn) outbox.hold(this.broker.engine.gate)
    if (outbox.size > subscriberBytesMax) {
      this.#leave()
      outbox.destroy()
    }
  }

  kill(): void {
    this.session.closing = true
    if (!this.#inTurn) this.#settle()
  }

  // The end

  #breach(error: unknown): void {
    if (error instanceof WireError) {
      this.session.reply.error(`ERR Protocol error: ${error.message}`)
      this.session.closing = true
    } else if (error instanceof EngineFailure) {
      this.#leave()
      this.#context.outbox.destroy()
    } else throw error
  }

  #finish(): void {
    if (this.#over) return
    this.#leave()
    this.#context.outbox.end()
  }

  #leave(): void {
    if (this.#over) return
    this.#over = true
    const { broker, session } = this
    this.#reader.stop()
    session.wait?.cancel()
    broker.unwatch(session)
    broker.members.delete(session.id)
    leaveAll(broker.channels, session.channels, session)
    leaveAll(broker.channels, session.shardChannels, session)
    leaveAll(broker.patterns, session.patterns, session)
  }

  tick(_nowMs: number): void {
    if (this.#over) return
    this.broker.keys.expire()
    this.#settle()
  }

  shutdown(_reason: 'stopping' | 'failed' | 'requested', _text: string): void {
    this.#finish()
  }

  closed(): void {
    this.#leave()
  }

  drained(): void {}

  describe(): ConnectionInfo {
    const { session } = this
    return {
      user: session.user ?? '',
      state: session.wait !== undefined ? 'waiting' : session.queue ? 'transaction' : 'running',
      details: {
        database: session.database,
        name: session.name,
        library: session.library,
        protocol: session.reply.protocol,
        subscriptions: session.subscriptions,
        lastCommand: session.lastCommand,
      },
    }
  }
}

function leaveAll(
  all: Map<string, Set<Session>>,
  names: ReadonlySet<string>,
  session: Session,
): void {
  for (const name of names) {
    const sessions = all.get(name)
    sessions?.delete(session)
    if (sessions?.size === 0) all.delete(name)
  }
}
