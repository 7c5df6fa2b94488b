/** What the admin API asks of the process it is part of. */

import type { EngineDoor } from '../engine/engine.ts'
import type { Json } from '../engine/model.ts'
import type { Clock, Random } from '../engine/ports.ts'
import type { Connection, Endpoint, ProcessUsage } from './contract.ts'

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
  /** Present when there are users: then every call but the health checks wants one (Basic). */
  readonly authenticate?: ((name: string, password: string) => Promise<boolean>) | undefined
  /** Shows an envelope that the engine does not understand. */
  readonly properties?: ((format: number, envelope: Uint8Array) => Json) | undefined
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
