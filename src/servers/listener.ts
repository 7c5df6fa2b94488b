/**
 * Everything that connections have in common whatever their protocol: accepting them and the limit
 * on their number, when they are read from, when their output is flushed, their tick, and their
 * end. It knows no socket (`Link`) and no protocol (`ServerConnection`).
 *
 * Output is flushed at three times: after `receive` (a reply that waits for nothing leaves at
 * once), at the end of a turn in which something was written (deliveries), and when the journal has
 * been released further (confirms). An outbox that still holds something is on one of two lists:
 *
 *     written ──> dirty ──(end of the turn)──> waiting ──(released)──> gone, or waiting again
 */

import type { EngineDoor } from '../engine/engine.ts'
import type { Clock, Timer } from '../engine/ports.ts'
import type {
  ConnectionContext,
  ConnectionInfo,
  ProtocolServer,
  ServerConnection,
} from './connection.ts'
import { serverLimits } from './limits.ts'
import { GatedOutbox, type OutboxEvents, SlabPool } from './outbox.ts'
import type { Link, LinkEvents, ListenAddress, Listening, Transport } from './transport.ts'

/** What the connections need of the engine. */
export type Gate = Pick<EngineDoor, 'released' | 'onReleased' | 'alarm' | 'onAlarm'>

export interface ListenOptions {
  readonly server: ProtocolServer
  readonly transport: Transport
  readonly address: ListenAddress
  readonly connectionsMax?: number
}

/** One server on one port. */
export interface Listener {
  readonly server: ProtocolServer
  readonly host: string
  readonly port: number
  /** Connections accepted and turned away since it began. */
  readonly totals: { readonly accepted: number; readonly refused: number }
}

/** One connection, for pages and metrics. */
export interface ConnectionSummary {
  readonly id: number
  readonly server: string
  readonly peer: Link['peer']
  readonly local: Link['local']
  /** Monotonic milliseconds. */
  readonly sinceMs: number
  readonly bytesIn: number
  /** Bytes that have not left yet. */
  readonly backlogBytes: number
  readonly reading: boolean
  readonly info: ConnectionInfo
}

/** Why a connection is not read from. */
const pauses = { server: 1, backlog: 2, flood: 4 } as const

const ticksBetween = serverLimits.tickMs / serverLimits.hastyTickMs

/** All connections of all listeners. */
export class Connections {
  readonly #clock: Clock
  readonly #gate: Gate
  readonly #pool = new SlabPool()
  readonly #listeners: Door[] = []
  readonly #all = new Map<number, Served>()
  #lastId = 0
  #dirty: Served[] = []
  #waiting: Served[] = []
  #flushIsDue = false
  #timer: Timer | undefined
  #ticks = 0
  #quiet = false
  #whenEmpty: (() => void) | undefined
  readonly #flushDirty = (): void => {
    this.#flushIsDue = false
    const dirty = this.#dirty
    this.#dirty = []
    const released = this.#gate.released
    for (const served of dirty) this.flush(served, released)
  }

  constructor(ports: { readonly clock: Clock; readonly engine: Gate }) {
    this.#clock = ports.clock
    this.#gate = ports.engine
    this.#gate.onReleased(() => this.#flushWaiting())
    this.#gate.onAlarm(alarm => {
      for (const served of this.#all.values()) served.pause(pauses.backlog, alarm === 'backlog')
    })
    this.#timer = this.#clock.schedule(serverLimits.hastyTickMs, () => this.#tick())
  }

  /** Binds a port for a server. Rejects as `Transport.listen` does. */
  async listen(options: ListenOptions): Promise<Listener> {
    const door = new Door(options.server, options.connectionsMax ?? serverLimits.connectionsMax)
    door.bound = await options.transport.listen(options.address, link => this.#accept(door, link))
    this.#listeners.push(door)
    return door
  }

  get size(): number {
    return this.#all.size
  }

  get listeners(): readonly Listener[] {
    return this.#listeners
  }

  list(): ConnectionSummary[] {
    return Array.from(this.#all.values(), served => served.summary())
  }

  /** Says goodbye to one; false when there is no such connection. */
  close(id: number, text: string): boolean {
    const served = this.#all.get(id)
    served?.connection.shutdown('requested', text)
    return served !== undefined
  }

  /** No further connections. */
  refuse(): void {
    for (const door of this.#listeners) door.bound?.close()
  }

  /** No further deliveries; acknowledgements are still taken, and replies still leave. */
  quiet(): void {
    this.#quiet = true
    for (const served of this.#all.values()) served.outbox.quiet()
  }

  /** Every protocol's own goodbye; `done` when the last connection is gone. */
  shutdown(reason: 'stopping' | 'failed', text: string, done: () => void): void {
    this.refuse()
    this.#whenEmpty = () => {
      this.#timer?.cancel()
      this.#timer = undefined
      done()
    }
    for (const served of this.#all.values()) served.connection.shutdown(reason, text)
    if (this.#all.size === 0) this.#clock.soon(() => this.#emptied())
  }

  /** Closes everything now. */
  destroy(): void {
    this.refuse()
    this.#timer?.cancel()
    this.#timer = undefined
    for (const served of this.#all.values()) served.outbox.destroy()
  }

  /** Something was written outside of `receive`: it leaves at the end of the turn. */
  addDirty(served: Served): void {
    this.#dirty.push(served)
    if (this.#flushIsDue) return
    this.#flushIsDue = true
    this.#clock.soon(this.#flushDirty)
  }

  flush(served: Served, released = this.#gate.released): void {
    if (!served.outbox.flush(released)) this.#waiting.push(served)
  }

  remove(served: Served): void {
    this.#all.delete(served.id)
    if (this.#all.size === 0) this.#emptied()
  }

  #emptied(): void {
    const whenEmpty = this.#whenEmpty
    this.#whenEmpty = undefined
    whenEmpty?.()
  }

  #accept(door: Door, link: Link): void {
    if (door.open >= door.connectionsMax) {
      door.totals.refused++
      link.destroy()
      return
    }
    door.totals.accepted++
    const served = new Served(this, door, link, ++this.#lastId, this.#clock.monotonic())
    served.outbox = new GatedOutbox(link, served, this.#pool)
    if (this.#quiet) served.outbox.quiet()
    served.connection = door.server.accept(served)
    this.#all.set(served.id, served)
    door.open++
    link.start(served)
    if (this.#gate.alarm === 'backlog') served.pause(pauses.backlog, true)
  }

  #flushWaiting(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    const released = this.#gate.released
    let kept = 0
    for (const served of waiting) {
      if (!served.outbox.flush(released)) waiting[kept++] = served
    }
    waiting.length = kept
  }

  #tick(): void {
    this.#timer = this.#clock.schedule(serverLimits.hastyTickMs, () => this.#tick())
    const nowMs = this.#clock.monotonic()
    this.#ticks++
    const isForAll = this.#ticks % ticksBetween === 0
    for (const served of this.#all.values()) {
      if (isForAll || served.connection.hasty === true) served.tick(nowMs)
    }
  }
}

class Door implements Listener {
  readonly server: ProtocolServer
  readonly connectionsMax: number
  readonly totals = { accepted: 0, refused: 0 }
  bound: Listening | undefined
  open = 0

  constructor(server: ProtocolServer, connectionsMax: number) {
    this.server = server
    this.connectionsMax = connectionsMax
  }

  get host(): string {
    return this.bound?.host ?? ''
  }

  get port(): number {
    return this.bound?.port ?? 0
  }
}

/** One connection: between the link, the server's state and the outbox. */
class Served implements ConnectionContext, LinkEvents, OutboxEvents {
  readonly id: number
  readonly sinceMs: number
  outbox!: GatedOutbox
  connection!: ServerConnection
  readonly #all: Connections
  readonly #door: Door
  readonly #link: Link
  #paused = 0
  #receiving = false
  #bytesIn = 0
  #endingSinceMs: number | undefined

  constructor(all: Connections, door: Door, link: Link, id: number, sinceMs: number) {
    this.#all = all
    this.#door = door
    this.#link = link
    this.id = id
    this.sinceMs = sinceMs
  }

  get peer(): Link['peer'] {
    return this.#link.peer
  }

  get local(): Link['local'] {
    return this.#link.local
  }

  pauseReading(paused: boolean): void {
    this.pause(pauses.server, paused)
  }

  pause(why: number, paused: boolean): void {
    const before = this.#paused
    this.#paused = paused ? before | why : before & ~why
    if (before === 0 && this.#paused !== 0) this.#link.pause()
    else if (before !== 0 && this.#paused === 0) this.#link.resume()
  }

  onData(bytes: Uint8Array): void {
    if (this.outbox.ending) return
    this.#bytesIn += bytes.length
    this.#receiving = true
    this.connection.receive(bytes)
    this.#receiving = false
    if (this.#isDirty) {
      this.#isDirty = false
      this.#all.flush(this)
    }
    if (this.outbox.size > serverLimits.outboxBytesFlood) this.pause(pauses.flood, true)
  }

  /** Written to during `receive`, and on no list. */
  #isDirty = false

  onDirty(): void {
    if (this.#receiving) this.#isDirty = true
    else this.#all.addDirty(this)
  }

  onDrained(): void {
    this.pause(pauses.flood, false)
    if (!this.outbox.congested && !this.outbox.ending) this.connection.drained()
  }

  onClose(): void {
    this.outbox.gone()
    this.connection.closed()
    this.#door.open--
    this.#all.remove(this)
  }

  tick(nowMs: number): void {
    if (!this.outbox.ending) {
      this.connection.tick(nowMs)
      return
    }
    this.#endingSinceMs ??= nowMs
    if (nowMs - this.#endingSinceMs >= serverLimits.lingerMs) this.outbox.destroy()
  }

  summary(): ConnectionSummary {
    return {
      id: this.id,
      server: this.#door.server.name,
      peer: this.peer,
      local: this.local,
      sinceMs: this.sinceMs,
      bytesIn: this.#bytesIn,
      backlogBytes: this.outbox.size,
      reading: this.#paused === 0,
      info: this.connection.describe(),
    }
  }
}
