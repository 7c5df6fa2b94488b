/** What the admin API asks of the process it is part of. */

import type { EngineDoor } from '../engine/engine.ts'
import type { Json, LogInfo, StoredRecord } from '../engine/model.ts'
import type { Clock, Random } from '../engine/ports.ts'
import type { Connection, Endpoint, ProcessUsage, Protocol, Topic } from './contract.ts'

export interface AdminPorts {
  readonly clock: Clock
  readonly random: Random
  readonly engine: EngineDoor
  readonly connections: ConnectionsPort
  readonly about: {
    readonly version: string
    readonly node: string
    readonly startedAt: number
    readonly durability: string
    readonly data: string | undefined
    readonly host: string
  }
  /** Empty when ready. */
  notReady(): readonly string[]
  endpoints(): readonly Endpoint[]
  diskFreeBytes(): number
  usage(): ProcessUsage
  /** Present when there are users: then every call but the health checks wants one. */
  readonly authenticate?: ((name: string, password: string) => Promise<boolean>) | undefined
  /** Nothing may be changed here. */
  readonly readOnly?: boolean | undefined
  /** What a record is in its protocol's words; one that holds several messages has several. */
  readonly describe?: ((record: StoredRecord) => readonly Described[] | undefined) | undefined
  /** The envelope for another body, where it says something about the body. */
  readonly reseal?:
    | ((format: number, envelope: Uint8Array, body: Uint8Array) => Uint8Array | undefined)
    | undefined
  readonly protocolOf?: ((info: LogInfo) => Protocol) | undefined
  /** Of the protocols whose groups are not the engine's. */
  readonly groups?: (() => readonly ProtocolGroups[]) | undefined
  readonly topics?: (() => TopicsPort | undefined) | undefined
  /** A file of the studio, by its path without a slash in front. */
  readonly studio?: ((path: string) => StudioFile | undefined) | undefined
}

/** Bytes are borrowed from the record. */
export interface Described {
  /** The protocol's own name for it: an offset, an entry's id, a message id. */
  readonly id: string
  readonly time: number
  readonly key: string
  readonly properties: Json
  readonly body: Uint8Array
}

export interface ConnectionsPort {
  list(): readonly Connection[]
  /** Says goodbye; false when there is no such connection. */
  close(id: number): boolean
  totals(): readonly {
    readonly protocol: string
    readonly accepted: number
    readonly refused: number
  }[]
}

export interface ProtocolGroups {
  readonly protocol: Protocol
  readonly desk: GroupsPort
}

/** Changes answer what stands in the way, or undefined: done. */
export interface GroupsPort {
  list(): readonly {
    readonly group: string
    readonly state: string
    readonly members: readonly {
      readonly id: string
      readonly client: string
      readonly detail: string
    }[]
    readonly places: readonly {
      readonly log: string
      readonly at: string
      readonly lag: number | undefined
      readonly pending: number
    }[]
  }[]
  reset(group: string, log: string, to: ResetTarget): string | undefined
  kick(group: string, member: string): string | undefined
  remove(group: string): string | undefined
}

export type ResetTarget =
  | 'earliest'
  | 'latest'
  | 'skip'
  | { readonly time: number }
  | { readonly at: string }

export interface TopicsPort {
  list(): readonly Topic[]
  create(
    name: string,
    partitions: number,
    configs: { readonly [name: string]: string },
  ): string | undefined
  remove(name: string): string | undefined
}

export interface StudioFile {
  readonly type: string
  readonly bytes: Uint8Array
  /** The same bytes, packed: by the name of the encoding. */
  readonly packed: { readonly [encoding: string]: Uint8Array }
  readonly tag: string
  /** Its name changes with its contents. */
  readonly immutable: boolean
}
