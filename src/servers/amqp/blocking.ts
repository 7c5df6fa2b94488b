/**
 * A publisher that must wait: while the broker refuses, the first publish stalls its connection.
 * What has been read already is kept, nothing more is read, and everything goes on where it
 * stopped. A client that understands connection.blocked is told why.
 */

import { ByteWriter } from '../../base/bytes.ts'
import { writeMethodFrame } from '../../wire/amqp/frame.ts'
import { ConnectionBlocked, ConnectionUnblocked } from '../../wire/amqp/methods.ts'
import type { Outbox } from '../connection.ts'
import type { Broker } from './broker.ts'

export interface Frame {
  readonly type: number
  readonly channel: number
  readonly payload: Uint8Array
}

/** The connection that waits. */
export interface Blockable {
  readonly broker: Pick<Broker, 'alarms'>
  readonly outbox: Outbox
  readonly context: { pauseReading(paused: boolean): void }
  capable(name: string): boolean
}

export class Blocking {
  stalled = false
  readonly #connection: Blockable
  #stash: Frame[] = []
  #saidBlocked = false

  constructor(connection: Blockable) {
    this.#connection = connection
  }

  stall(): void {
    this.stalled = true
    this.#connection.context.pauseReading(true)
    this.sayBlocked()
  }

  keep(frame: Frame): void {
    this.#stash.push(frame)
  }

  forget(): void {
    this.#stash = []
  }

  /** Takes the kept frames; the first of them may stall the connection again. */
  resume(take: (frame: Frame) => void): void {
    this.stalled = false
    const frames = this.#stash
    this.#stash = []
    for (const frame of frames) take(frame)
    if (this.stalled || !this.#saidBlocked) return
    this.#saidBlocked = false
    sendAhead(this.#connection.outbox, writer =>
      writeMethodFrame(writer, 0, ConnectionUnblocked, {}),
    )
  }

  /** A backlog of the disk is not worth telling: it is over before anyone could react. */
  sayBlocked(): void {
    const { broker, outbox } = this.#connection
    if (this.#saidBlocked || broker.alarms.length === 0) return
    if (!this.#connection.capable('connection.blocked')) return
    this.#saidBlocked = true
    const blocked = { reason: `low on ${broker.alarms.join(' & ')}` }
    sendAhead(outbox, writer => writeMethodFrame(writer, 0, ConnectionBlocked, blocked))
  }
}

/**
 * Past confirms that cannot leave while the disk is full: a client that heard nothing would take
 * the broker for dead, or for merely slow.
 */
export function sendAhead(outbox: Outbox, write: (writer: ByteWriter) => void): void {
  const writer = new ByteWriter(64)
  write(writer)
  outbox.ahead(writer.bytes.subarray(0, writer.end))
}
