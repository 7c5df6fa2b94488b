/**
 * How long a peer may leave unread what was sent to it. RabbitMQ hangs up when a frame has not
 * left after 15 seconds (its `send_timeout`), so that what a stuck client holds goes to others,
 * even if it still sends heartbeats. We write more than a frame at a time, and so give a slow peer
 * the time that it takes at 64 KiB a second on top.
 */

import type { Outbox } from '../connection.ts'
import { limits } from './limits.ts'

export class Patience {
  #left = 0
  #sinceMs: number | undefined

  /** Asked once a second: whether it has run out. */
  isOver({ unread, left }: Pick<Outbox, 'unread' | 'left'>, nowMs: number): boolean {
    if (unread === 0 || left !== this.#left || this.#sinceMs === undefined) {
      this.#left = left
      this.#sinceMs = nowMs
      return false
    }
    const allowedMs = limits.sendMs + (unread / limits.slowestBytesPerSecond) * 1000
    return nowMs - this.#sinceMs > allowedMs
  }
}
