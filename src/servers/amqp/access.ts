/**
 * Who may come in, and what they may do there: users and their passwords, permissions and topic
 * permissions for each virtual host, limits on connections, channels and queues. Refusals are in
 * RabbitMQ's words.
 *
 * A user whom only `authenticate` knows (a users file) is an administrator who may do everything,
 * until permissions are set for him. The decisions for a connection are kept in its `Grants`, so
 * that a publish by somebody unrestricted costs a comparison of two numbers.
 */

import { encodeUtf8, equalBytes } from '../../base/bytes.ts'
import type { EngineDoor } from '../../engine/engine.ts'
import type { Random } from '../../engine/ports.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { AmqpError, named } from './errors.ts'
import { engineName } from './names.ts'
import type { Permission, Registry, User } from './registry.ts'

export interface Peer {
  readonly address: string
  readonly port: number
  readonly tls: boolean
}

/** True when this user may come in from this peer with this password. */
export type Authenticate = (user: string, password: string, peer: Peer) => boolean

export type DigestName = 'sha256' | 'sha512' | 'md5'
export type Digest = (name: DigestName, data: Uint8Array) => Uint8Array

export const hashings: { readonly [algorithm: string]: DigestName } = {
  rabbit_password_hashing_sha256: 'sha256',
  rabbit_password_hashing_sha512: 'sha512',
  rabbit_password_hashing_md5: 'md5',
}
export const defaultHashing = 'rabbit_password_hashing_sha256'

export type PermissionKind = keyof Permission

export interface AccessOptions {
  readonly registry: Registry
  readonly engine: EngineDoor
  readonly random: Random
  readonly authenticate: Authenticate | undefined
  readonly digest: Digest | undefined
  readonly isUser?: ((name: string) => boolean) | undefined
}

export class Access {
  readonly registry: Registry
  readonly engine: EngineDoor
  readonly #options: AccessOptions

  constructor(options: AccessOptions) {
    this.#options = options
    this.registry = options.registry
    this.engine = options.engine
  }

  /** The user of a first start: guest, with everything. */
  seed(vhosts: readonly string[]): void {
    for (const vhost of vhosts) {
      if (this.registry.get('vhost', vhost) !== undefined) continue
      const description = vhost === '/' ? 'Default virtual host' : ''
      this.registry.put('vhost', [vhost], { description, tags: [] })
    }
    const { authenticate, digest } = this.#options
    if (authenticate !== undefined || digest === undefined) return
    if (this.registry.list('user').length > 0) return
    const user = { ...this.hashed('guest'), tags: ['administrator'], seeded: true }
    this.registry.put('user', ['guest'], user)
    for (const vhost of vhosts) this.registry.put('permission', [vhost, 'guest'], everything)
  }

  // Users

  /** The user that the table has, if it counts. */
  user(name: string): User | undefined {
    const user = this.registry.get('user', name)
    const outside = user?.seeded === true && this.#options.authenticate !== undefined
    return outside ? undefined : user
  }

  login(name: string, password: string, peer: Peer): boolean {
    const user = this.user(name)
    if (user !== undefined && this.#matches(user, password)) return true
    return this.#options.authenticate?.(name, password, peer) ?? false
  }

  /** Whether there is such a user, here or where others know the users. */
  isKnown(name: string): boolean {
    return this.user(name) !== undefined || this.#options.isUser?.(name) === true
  }

  tagsOf(name: string): readonly string[] {
    const user = this.user(name)
    if (user !== undefined) return user.tags
    return this.#options.authenticate === undefined ? [] : ['administrator']
  }

  #matches(user: User, password: string): boolean {
    const digest = hashings[user.algorithm]
    const hash = decodeBase64(user.passwordHash)
    if (digest === undefined || hash === undefined || hash.length < 5) return false
    const expected = this.#digest(digest, hash.subarray(0, 4), password)
    return expected !== undefined && equalBytes(expected, hash.subarray(4))
  }

  /** A hash with a new salt, in RabbitMQ's default format. */
  hashed(password: string): { readonly passwordHash: string; readonly algorithm: string } {
    const salt = new Uint8Array(4)
    new DataView(salt.buffer).setUint32(0, this.#options.random.uint32())
    const digest = this.#digest('sha256', salt, password)
    const bytes = digest === undefined ? new Uint8Array(0) : Uint8Array.of(...salt, ...digest)
    return { passwordHash: encodeBase64(bytes), algorithm: defaultHashing }
  }

  #digest(name: DigestName, salt: Uint8Array, password: string): Uint8Array | undefined {
    return this.#options.digest?.(name, Uint8Array.of(...salt, ...encodeUtf8(password)))
  }

  // Permissions

  permission(vhost: string, user: string): Permission | undefined {
    const permission = this.registry.get('permission', vhost, user)
    if (permission !== undefined || this.user(user) !== undefined) return permission
    // Whom only others know; of a name that nobody knows nobody asks.
    return this.#options.authenticate === undefined ? undefined : everything
  }

  /** Whether somebody may enter at all. */
  mayEnter(vhost: string, user: string): boolean {
    return this.permission(vhost, user) !== undefined
  }

  grants(vhost: string, user: string): Grants {
    return new Grants(this, vhost, user)
  }

  /** A limit, or undefined: none. */
  limit(kind: 'vhost-limits' | 'user-limits', name: string, limit: string): number | undefined {
    const value = this.registry.get(kind, name)?.[limit]
    return value === undefined || value < 0 ? undefined : value
  }
}

export const everything: Permission = { configure: '.*', write: '.*', read: '.*' }

interface PublishGrant {
  readonly allowed: boolean
  /** Undefined: every key. */
  readonly topic: RegExp | undefined
}

/** What one user may do in one virtual host, remembered until something changes. */
export class Grants {
  readonly #access: Access
  readonly #vhost: string
  readonly #user: string
  #version = 0
  #unrestricted = false
  #patterns: { readonly [Kind in PermissionKind]: RegExp | undefined } | undefined
  #publishes = new Map<string, PublishGrant>()
  readonly #everything: boolean

  /** `everything`: for the broker itself. */
  constructor(access: Access, vhost: string, user: string, everything = false) {
    this.#everything = everything
    this.#access = access
    this.#vhost = vhost
    this.#user = user
  }

  /** All three patterns allow everything, and there are no topic permissions. */
  get unrestricted(): boolean {
    if (this.#version !== this.#access.registry.version) this.#refresh()
    return this.#unrestricted
  }

  check(permission: PermissionKind, kind: 'queue' | 'exchange', name: string): void {
    if (this.unrestricted) return
    const shown = kind === 'exchange' && name === '' ? 'amq.default' : name
    if (this.#patterns?.[permission]?.test(shown) === true) return
    this.#refuse(permission, `access to ${named(kind, shown, this.#vhost)}`)
  }

  /** Reading through a binding, where the source is a topic exchange. */
  checkTopicRead(exchange: string, key: string): void {
    if (this.unrestricted || !this.#isTopic(exchange)) return
    const pattern = this.#topicPattern(exchange, 'read')
    if (pattern === undefined || pattern.test(key)) return
    this.#refuse('read', this.#topicText(exchange, key))
  }

  checkPublish(exchange: string, key: string): void {
    if (this.unrestricted) return
    let grant = this.#publishes.get(exchange)
    if (grant === undefined) {
      const allowed = this.#patterns?.write?.test(exchange === '' ? 'amq.default' : exchange)
      const topic = this.#isTopic(exchange) ? this.#topicPattern(exchange, 'write') : undefined
      grant = { allowed: allowed === true, topic }
      if (this.#publishes.size >= 1000) this.#publishes.clear()
      // What an exchange is called today may be another one tomorrow.
      if (this.#access.engine.route(engineName(this.#vhost, exchange)) !== undefined) {
        this.#publishes.set(exchange, grant)
      }
    }
    if (!grant.allowed) this.check('write', 'exchange', exchange)
    if (grant.topic === undefined || grant.topic.test(key)) return
    this.#refuse('write', this.#topicText(exchange, key))
  }

  #isTopic(exchange: string): boolean {
    if (exchange === '') return false
    const route = this.#access.engine.route(engineName(this.#vhost, exchange))
    return route?.config.kind === 'pattern'
  }

  #topicPattern(exchange: string, kind: 'write' | 'read'): RegExp | undefined {
    const shown = exchange === '' ? 'amq.default' : exchange
    const { registry } = this.#access
    const permission = registry.get('topic-permission', this.#vhost, this.#user, shown)
    if (permission === undefined) return undefined
    const pattern = permission[kind]
      .replaceAll('{username}', () => this.#user)
      .replaceAll('{vhost}', () => this.#vhost)
    return patternOf(pattern) ?? /$^/
  }

  #topicText(exchange: string, key: string): string {
    return `access to topic '${key}' in ${named('exchange', exchange, this.#vhost)}`
  }

  #refuse(permission: PermissionKind, what: string): never {
    throw new AmqpError(403, `${permission} ${what} refused for user '${this.#user}'`)
  }

  #refresh(): void {
    const { registry } = this.#access
    this.#version = registry.version
    this.#publishes.clear()
    const permission = this.#access.permission(this.#vhost, this.#user)
    this.#patterns = permission && {
      configure: patternOf(permission.configure),
      write: patternOf(permission.write),
      read: patternOf(permission.read),
    }
    const open = permission !== undefined && Object.values(permission).every(text => text === '.*')
    const topics = registry
      .list('topic-permission')
      .some(({ names: [vhost, user] }) => vhost === this.#vhost && user === this.#user)
    this.#unrestricted = this.#everything || (open && !topics)
  }
}

/** Erlang has PCRE, which is ours where it matters. A bad one is undefined. */
export function patternOf(text: string): RegExp | undefined {
  const source = text === '' ? '^$' : text
  for (const flags of ['u', '']) {
    try {
      return new RegExp(source, flags)
    } catch {
      // Once more, in the older and more lenient syntax.
    }
  }
  return undefined
}
