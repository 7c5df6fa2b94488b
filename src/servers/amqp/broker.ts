/**
 * What all connections of one AMQP server share: the options, and the little volatile state that
 * the engine does not hold for us: who owns an exclusive queue, which exchanges are internal, which
 * reply consumers there are.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import type { LogInfo } from '../../engine/model.ts'
import type { Random } from '../../engine/ports.ts'
import type { ReadPlain } from '../plain-record.ts'
import { Access, type Authenticate, type Digest } from './access.ts'
import type { Connection } from './connection.ts'
import { fail, locked, named, refuse } from './errors.ts'
import { type Deduplication, deduplicationOf } from './exchange-types.ts'
import { Firehose } from './firehose.ts'
import { limits } from './limits.ts'
import { type ExchangeDefinition, exchangeDefinitionOf, queueDefinitionOf } from './mapping.ts'
import { defaultVhost, engineName, nameIn } from './names.ts'
import { Policies } from './policies.ts'
import { type Profile, type ProfileName, profiles } from './profiles.ts'
import { Registry } from './registry.ts'
import type { Channel } from './session.ts'
import { StreamReaders } from './stream-consumer.ts'
import { declareExchanges } from './vhosts.ts'

export interface AmqpServerOptions {
  readonly engine: EngineDoor
  /**
   * Users that are known elsewhere, such as in a users file. Without it there is, on the first
   * start, one user: guest.
   */
  readonly authenticate?: Authenticate | undefined
  /** Whether `authenticate` knows such a user: for who comes in without a password. */
  readonly isUser?: ((name: string) => boolean) | undefined
  /** Digests of passwords. Without it no user can come in that was made over the management API. */
  readonly digest?: Digest | undefined
  /** For generated names of queues, consumers and reply addresses: they must not be guessable. */
  readonly random: Random
  /** Wall-clock milliseconds, for display. */
  readonly now?: (() => number) | undefined
  /** Which RabbitMQ to behave like; default 4.2. */
  readonly profile?: ProfileName | undefined
  /** Virtual hosts that are there from the beginning; default: only `/`. */
  readonly vhosts?: readonly string[] | undefined
  /** Users that may come in from loopback addresses only; default: guest. */
  readonly loopbackUsers?: readonly string[] | undefined
  /** Reads what other protocols have taken in; without it such a message is its body alone. */
  readonly readPlain?: ReadPlain | undefined
  /** Whether the process has more memory than it should: asked about once a second. */
  readonly memoryHigh?: (() => boolean) | undefined
  /** For server-properties. */
  readonly product?: string | undefined
  readonly clusterName?: string | undefined
  readonly heartbeatSeconds?: number | undefined
  readonly messageBytesMax?: number | undefined
  /** How long a delivery may stay unacknowledged, in ms; 0: for ever. Default: 30 minutes. */
  readonly acknowledgeMs?: number | undefined
}

/** What publishing to an exchange takes besides routing. */
export interface SpecialExchange {
  readonly delays: boolean
  readonly seen: Deduplication | undefined
}

export class Broker {
  readonly engine: EngineDoor
  readonly options: AmqpServerOptions
  readonly profile: Profile
  readonly registry: Registry
  readonly access: Access
  readonly policies: Policies
  readonly messageBytesMax: number
  readonly members = new Set<Connection>()
  /** Engine name of an exclusive queue → the connection that declared it. */
  readonly owners = new Map<string, object>()
  /** Engine names of internal exchanges. */
  readonly internals = new Set<string>()
  /** Engine names of exchanges that delay, or know messages again. */
  readonly special = new Map<string, SpecialExchange>()
  /** True once there was a queue that knows messages again. */
  deduplicates = false
  /** Name of a reply queue → the channel of its consumer. */
  readonly replies = new Map<string, Channel>()
  readonly streamReaders = new StreamReaders()
  readonly firehose: Firehose
  /** Connections with something to hear once their journal position is released. */
  readonly #waiting = new Map<Connection, number>()
  #connections = 0
  #memoryHigh = false
  #lookedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: AmqpServerOptions) {
    this.engine = options.engine
    this.options = options
    this.profile = profiles[options.profile ?? '4.2']
    this.registry = new Registry(options.engine)
    const { authenticate, isUser, digest, engine, random } = options
    this.access = new Access({
      registry: this.registry,
      engine,
      random,
      authenticate,
      isUser,
      digest,
    })
    this.policies = new Policies(this.registry, engine, this.profile)
    this.messageBytesMax = options.messageBytesMax ?? this.profile.messageBytesMax
    this.firehose = new Firehose(options.clusterName ?? 'spillway@localhost')
    this.#findExchanges()
    this.deduplicates = this.engine.logs().some(name => {
      const { queue, dedupeWindowMs, labels } = this.engine.log(name)!.config
      return queue !== undefined && dedupeWindowMs !== undefined && 'amqp' in labels
    })
    const vhosts = options.vhosts ?? (this.registry.isNew ? [defaultVhost] : [])
    this.access.seed(vhosts)
    for (const { names } of this.registry.list('vhost')) declareExchanges(this, names[0]!)
    this.engine.onAlarm(() => {
      for (const member of [...this.members]) member.alarmed()
    })
    this.engine.onReleased(() => this.#released())
    this.engine.onFailure(() => {
      for (const member of [...this.members]) member.failed()
    })
  }

  /** What makes publishers wait, in RabbitMQ's words; empty: nothing. */
  get alarms(): readonly ('memory' | 'disk')[] {
    // Without connections nobody has looked.
    const high = this.members.size > 0 ? this.#memoryHigh : this.options.memoryHigh?.()
    const memory = high === true ? (['memory'] as const) : []
    return this.engine.alarm === 'disk' ? [...memory, 'disk'] : memory
  }

  /** Whether a publisher must wait now. */
  get refusing(): boolean {
    return this.#memoryHigh || this.engine.alarm !== undefined
  }

  /** Any connection's tick: looks at the memory when a second has gone by. */
  lookAtMemory(nowMs: number): void {
    const { memoryHigh } = this.options
    if (memoryHigh === undefined || nowMs - this.#lookedAtMs < limits.memoryLookMs) return
    this.#lookedAtMs = nowMs
    const high = memoryHigh()
    if (high === this.#memoryHigh) return
    this.#memoryHigh = high
    for (const member of [...this.members]) member.alarmed()
  }

  /** Tells the connection when everything done so far is on the disk. */
  whenReleased(member: Connection): void {
    this.#waiting.set(member, this.engine.gate)
    this.#released()
  }

  #released(): void {
    for (const [member, gate] of this.#waiting) {
      if (gate > this.engine.released) continue
      this.#waiting.delete(member)
      member.released()
    }
  }

  /** A number for a new connection; part of the names of its lease holders. */
  nextConnection(): number {
    return ++this.#connections
  }

  /** The queue, or a 404. */
  queue(vhost: string, name: string, options?: { readonly touch?: boolean }): LogInfo {
    const info = this.engine.log(engineName(vhost, name), options)
    if (info === undefined) refuse('not-found', named('queue', name, vhost))
    return info
  }

  /** The queue for a connection that wants to use it: a 404, or a 405 when others own it. */
  queueFor(
    owner: object,
    vhost: string,
    name: string,
    options?: { readonly touch?: boolean },
  ): LogInfo {
    const info = this.queue(vhost, name, options)
    this.checkOwner(owner, vhost, name, info)
    return info
  }

  /** Before anybody takes or counts what is left: consumers have their messages at once. */
  serve(info: LogInfo): void {
    if (info.subscribers > 0 && info.ready > 0) this.engine.serve(info.name)
  }

  /** Throws 405 when the queue is exclusive to another connection. */
  checkOwner(owner: object, vhost: string, name: string, info: LogInfo): void {
    if (info.config.durable) return
    if (!queueDefinitionOf(info.config, vhost).exclusive) return
    if (this.owners.get(info.name) !== owner) locked(name, vhost)
  }

  #findExchanges(): void {
    for (const name of this.engine.routes()) {
      const info = this.engine.route(name)
      if (info !== undefined) this.noteExchange(name, exchangeDefinitionOf(info.config, ''))
    }
  }

  /** What publishing must know of an exchange that is there now, or not any more. */
  noteExchange(route: string, exchange: ExchangeDefinition | undefined): void {
    if (exchange?.internal === true) this.internals.add(route)
    else this.internals.delete(route)
    const delays = exchange?.type === 'x-delayed-message'
    const seen =
      exchange === undefined ? undefined : deduplicationOf(exchange.type, exchange.arguments)
    if (delays || seen !== undefined) this.special.set(route, { delays, seen })
    else this.special.delete(route)
  }

  /** Says goodbye to all connections that are meant. */
  disconnect(which: (member: Connection) => boolean, reason: string): void {
    for (const member of [...this.members]) if (which(member)) member.shutdown('requested', reason)
  }

  /** Throws when another queue would be one too many. */
  checkQueueLimit(vhost: string, queue: string): void {
    const limit = this.access.limit('vhost-limits', vhost, 'max-queues')
    if (limit === undefined) return
    let count = 0
    for (const log of this.engine.logs()) if (nameIn(vhost, log) !== undefined) count++
    if (count < limit) return
    fail(
      406,
      `cannot declare queue '${queue}': queue limit in vhost '${vhost}' (${limit}) is reached`,
    )
  }
}
