/**
 * The times of one connection: deadlines of the handshake and of the goodbye, heartbeats both ways.
 * It is told what happened, and asked once a second, or more often where the heartbeat is short; so
 * times are as coarse as that.
 */

import { limits } from './limits.ts'

/** What is to be done: hang up without a word, or send a heartbeat. */
export type Due = 'nothing' | 'hang-up' | 'beat'

export class Pulse {
  /** Something came, or left, since the last tick. */
  received = false
  sent = false
  #startedAt: number | undefined
  #closingAt: number | undefined
  #receivedAt: number | undefined
  #sentAt: number | undefined

  /** Before connection.open. */
  handshake(nowMs: number): Due {
    this.#startedAt ??= nowMs
    return nowMs - this.#startedAt > limits.handshakeMs ? 'hang-up' : 'nothing'
  }

  /** After our close, before the peer's close-ok. */
  closing(nowMs: number): Due {
    this.#closingAt ??= nowMs
    return nowMs - this.#closingAt > limits.closingMs ? 'hang-up' : 'nothing'
  }

  /**
   * While it runs. A peer that was not heard for two intervals is taken for dead, unless we do not
   * read from it (`deaf`); after half an interval of silence we send a heartbeat.
   */
  running(nowMs: number, heartbeatSeconds: number, deaf: boolean): Due {
    if (this.received || deaf || this.#receivedAt === undefined) this.#receivedAt = nowMs
    if (this.sent || this.#sentAt === undefined) this.#sentAt = nowMs
    this.received = false
    this.sent = false
    const intervalMs = heartbeatSeconds * 1000
    if (intervalMs === 0) return 'nothing'
    if (nowMs - this.#receivedAt >= intervalMs * 2 - limits.tickSlackMs) return 'hang-up'
    if (nowMs - this.#sentAt < intervalMs / 2) return 'nothing'
    this.#sentAt = nowMs
    return 'beat'
  }
}
