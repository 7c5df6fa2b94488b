/** What one connection has in mind, and what handlers see of it: words in, a reply out. */

import type { Reply } from '../../wire/resp/reply.ts'
import type { Request } from '../../wire/resp/request.ts'
import type { AclUser } from './acl.ts'
import type { Broker } from './broker.ts'
import type { Command } from './command.ts'
import type { Type, Values } from './keyspace.ts'

/** A client that waits for keys; it is asked again when one of them has something. */
export interface Wait {
  readonly session: Session
  readonly request: Request
  readonly command: Command
  readonly database: number
  readonly keys: readonly string[]
  readonly types: readonly Type[]
  /** Also when the key is gone or has become something else. */
  readonly whenGone: boolean
  /** Also when so much time has passed, though no key has changed. */
  lookAgainIn(ms: number): void
  cancel(): void
}

export class Session {
  readonly broker: Broker
  readonly reply: Reply
  readonly id: number
  readonly address: string
  readonly localAddress: string
  readonly since: number
  lastAt: number
  database = 0
  name = ''
  library = ''
  libraryVersion = ''
  user: string | undefined
  /** The user's rules; undefined: everything is allowed. */
  acl: AclUser | undefined
  closing = false
  noEvict = false
  replies: 'on' | 'off' | 'skip' | 'skip-next' = 'on'
  lastCommand = 'NULL'
  // Transactions
  queue: { readonly command: Command; readonly request: Request }[] | undefined
  queueBroken = false
  running = false
  readonly watched = new Set<string>()
  watchBroken = false
  // Publish and subscribe
  readonly channels = new Set<string>()
  readonly patterns = new Set<string>()
  readonly shardChannels = new Set<string>()
  // Waiting
  wait: Wait | undefined
  retrying = false
  /** Set by `block` while retrying: there is still nothing. */
  stillWaiting = false
  /** The command at hand, for `block`. */
  command: Command | undefined

  constructor(broker: Broker, reply: Reply, id: number, addresses: readonly [string, string]) {
    this.broker = broker
    this.reply = reply
    this.id = id
    this.address = addresses[0]
    this.localAddress = addresses[1]
    this.since = broker.now()
    this.lastAt = this.since
  }

  get subscriptions(): number {
    return this.channels.size + this.patterns.size
  }

  get isSubscriber(): boolean {
    return this.channels.size > 0 || this.patterns.size > 0 || this.shardChannels.size > 0
  }

  get now(): number {
    return this.broker.now()
  }

  get<T extends Type>(key: string, type: T): Values[T] | undefined {
    return this.broker.keys.get(this.database, key, type)
  }

  /**
   * Waits for one of the keys, for `timeoutMs` (0: for ever). Where waiting is not possible, the
   * answer is what a time-out would be.
   */
  block(
    request: Request,
    options: {
      readonly keys: readonly string[]
      readonly types: readonly Type[]
      readonly timeoutMs: number
      readonly whenGone?: boolean
      readonly againInMs?: number | undefined
      readonly onTimeout: (reply: Reply) => void
    },
  ): void {
    if (this.retrying) {
      this.stillWaiting = true
      if (options.againInMs !== undefined) this.wait?.lookAgainIn(options.againInMs)
    } else if (this.running) options.onTimeout(this.reply)
    else this.broker.block(this, request, options)
  }
}
