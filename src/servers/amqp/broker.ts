/**
 * What all connections of one AMQP server share: the options, and the little volatile state that
 * the engine does not hold for us: who owns an exclusive queue, which exchanges are internal, which
 * reply consumers there are.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import type { LogInfo } from '../../engine/model.ts'
import type { Random } from '../../engine/ports.ts'
import { locked, named, refuse } from './errors.ts'
import {
  declaredExchanges,
  exchangeDefinitionOf,
  queueDefinitionOf,
  routeConfigOf,
} from './mapping.ts'
import { defaultVhost, engineName, prefixOf } from './names.ts'
import { type Profile, type ProfileName, profiles } from './profiles.ts'
import type { Channel } from './session.ts'

export interface Peer {
  readonly address: string
  readonly port: number
  readonly tls: boolean
}

/** True when this user may come in from this peer with this password. */
export type Authenticate = (user: string, password: string, peer: Peer) => boolean

export interface AmqpServerOptions {
  readonly engine: EngineDoor
  readonly authenticate: Authenticate
  /** For generated names of queues, consumers and reply addresses: they must not be guessable. */
  readonly random: Random
  /** Which RabbitMQ to behave like; default 4.2. */
  readonly profile?: ProfileName | undefined
  /** Default: only `/`. */
  readonly vhosts?: readonly string[] | undefined
  /** Users that may come in from loopback addresses only; default: guest. */
  readonly loopbackUsers?: readonly string[] | undefined
  /** For server-properties. */
  readonly product?: string | undefined
  readonly clusterName?: string | undefined
  readonly heartbeatSeconds?: number | undefined
  readonly messageBytesMax?: number | undefined
  /** How long a delivery may stay unacknowledged, in ms; 0: for ever. Default: 30 minutes. */
  readonly acknowledgeMs?: number | undefined
}

/** A connection, as the server and other connections know it. */
export interface Member {
  /** Publishers are refused, or accepted again. */
  alarmed(): void
  /** The engine has stopped for good. */
  failed(): void
}

export class Broker {
  readonly engine: EngineDoor
  readonly options: AmqpServerOptions
  readonly profile: Profile
  readonly vhosts: readonly string[]
  readonly messageBytesMax: number
  readonly members = new Set<Member>()
  /** Engine name of an exclusive queue → the connection that declared it. */
  readonly owners = new Map<string, object>()
  /** Engine names of internal exchanges. */
  readonly internals = new Set<string>()
  /** Name of a reply queue → the channel of its consumer. */
  readonly replies = new Map<string, Channel>()
  #connections = 0

  constructor(options: AmqpServerOptions) {
    this.engine = options.engine
    this.options = options
    this.profile = profiles[options.profile ?? '4.2']
    this.vhosts = options.vhosts ?? [defaultVhost]
    this.messageBytesMax = options.messageBytesMax ?? this.profile.messageBytesMax
    this.#findInternals()
    for (const vhost of this.vhosts) this.#declareExchanges(vhost)
    this.engine.onAlarm(() => {
      for (const member of [...this.members]) member.alarmed()
    })
    this.engine.onFailure(() => {
      for (const member of [...this.members]) member.failed()
    })
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

  /** Throws 405 when the queue is exclusive to another connection. */
  checkOwner(owner: object, vhost: string, name: string, info: LogInfo): void {
    if (info.config.durable) return
    if (!queueDefinitionOf(info.config, vhost).exclusive) return
    if (this.owners.get(info.name) !== owner) locked(name, vhost)
  }

  #findInternals(): void {
    for (const name of this.engine.routes()) {
      const info = this.engine.route(name)
      if (info !== undefined && exchangeDefinitionOf(info.config, '').internal) {
        this.internals.add(name)
      }
    }
  }

  #declareExchanges(vhost: string): void {
    for (const [name, type] of declaredExchanges) {
      const route = prefixOf(vhost) + name
      const internal = name === 'amq.rabbitmq.trace'
      if (internal) this.internals.add(route)
      if (this.engine.route(route) !== undefined) continue
      const definition = { type, durable: true, autoDelete: false, internal, arguments: [] }
      this.engine.createRoute(route, routeConfigOf(definition, vhost))
    }
  }
}
