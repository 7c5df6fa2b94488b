/**
 * What this server must remember besides queues and exchanges: virtual hosts, users, permissions,
 * policies, limits, parameters. One table of the engine, JSON values, journaled change by change;
 * here it is held decoded. A field is the JSON of a list: the kind, then the names.
 */

import { decodeUtf8, encodeUtf8 } from '../../base/bytes.ts'
import type { EngineDoor } from '../../engine/engine.ts'

const tableName = 'amqp'

export interface Kinds {
  vhost: Vhost
  user: User
  /** Virtual host, user. */
  permission: Permission
  /** Virtual host, user, exchange. */
  'topic-permission': TopicPermission
  /** Virtual host, name. */
  policy: Policy
  'operator-policy': Policy
  'vhost-limits': Limits
  'user-limits': Limits
  'global-parameter': unknown
}

export interface Vhost {
  readonly description: string
  readonly tags: readonly string[]
  readonly defaultQueueType?: string | undefined
}

export interface User {
  /** Base64 of four octets of salt and the digest; empty: no password opens it. */
  readonly passwordHash: string
  readonly algorithm: string
  readonly tags: readonly string[]
  /** Made by us at the first start: does not count where others know the users. */
  readonly seeded?: boolean | undefined
}

export interface Permission {
  readonly configure: string
  readonly write: string
  readonly read: string
}

export interface TopicPermission {
  readonly write: string
  readonly read: string
}

export type ApplyTo =
  | 'all'
  | 'queues'
  | 'classic_queues'
  | 'quorum_queues'
  | 'streams'
  | 'exchanges'

export interface Policy {
  readonly pattern: string
  readonly applyTo: ApplyTo
  readonly priority: number
  readonly definition: { readonly [key: string]: unknown }
}

export interface Limits {
  readonly [name: string]: number
}

export type Kind = keyof Kinds

export interface Entry<K extends Kind> {
  readonly names: readonly string[]
  readonly value: Kinds[K]
}

export class Registry {
  readonly #engine: EngineDoor
  readonly #kinds = new Map<Kind, Map<string, Entry<Kind>>>()
  /** Rises with every change: whoever has kept a decision looks here. */
  version = 1
  /** Nothing was there: the first start on this data. */
  readonly isNew: boolean

  constructor(engine: EngineDoor) {
    this.#engine = engine
    const table = engine.table(tableName)
    this.isNew = table === undefined
    if (table === undefined) engine.createTable(tableName)
    for (const [field, bytes] of table ?? []) {
      const [kind, ...names] = JSON.parse(field) as [Kind, ...string[]]
      this.#of(kind).set(keyOf(names), { names, value: JSON.parse(decodeUtf8(bytes)) })
    }
  }

  get<K extends Kind>(kind: K, ...names: readonly string[]): Kinds[K] | undefined {
    return this.#kinds.get(kind)?.get(keyOf(names))?.value as Kinds[K] | undefined
  }

  list<K extends Kind>(kind: K): readonly Entry<K>[] {
    return [...(this.#kinds.get(kind)?.values() ?? [])] as Entry<K>[]
  }

  put<K extends Kind>(kind: K, names: readonly string[], value: Kinds[K]): void {
    this.#write(kind, names, encodeUtf8(JSON.stringify(value)))
    this.#of(kind).set(keyOf(names), { names, value })
  }

  /** False when it was not there. */
  remove(kind: Kind, ...names: readonly string[]): boolean {
    if (this.#kinds.get(kind)?.has(keyOf(names)) !== true) return false
    this.#write(kind, names, undefined)
    this.#of(kind).delete(keyOf(names))
    return true
  }

  #write(kind: Kind, names: readonly string[], value: Uint8Array | undefined): void {
    this.#engine.put(tableName, [[JSON.stringify([kind, ...names]), value]])
    this.version++
  }

  #of(kind: Kind): Map<string, Entry<Kind>> {
    let entries = this.#kinds.get(kind)
    if (entries === undefined) {
      entries = new Map()
      this.#kinds.set(kind, entries)
    }
    return entries
  }
}

function keyOf(names: readonly string[]): string {
  return names.join('\u0000')
}
