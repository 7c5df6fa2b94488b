/**
 * Order by key at the consumer of a queue with keys: of each key one message is handed out, and the
 * next when that one is done with. A message that is to be tried again keeps its place at the head
 * of its lane, unacknowledged, until its wait is over: what is behind waits, other keys go on.
 */

import type { Clock, Timer } from '../../../engine/ports.ts'
import type { RabbitDelivery } from './delivery.ts'

interface Lane {
  readonly waiting: RabbitDelivery[]
  /** One of it is ready or out. */
  isBusy: boolean
  parked: Timer | undefined
}

export class KeyLanes {
  readonly #clock: Clock
  readonly #ready: (delivery: RabbitDelivery) => void
  readonly #lanes = new Map<string, Lane>()

  constructor(clock: Clock, ready: (delivery: RabbitDelivery) => void) {
    this.#clock = clock
    this.#ready = ready
  }

  add(delivery: RabbitDelivery, key: string, dueAt: number): void {
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { waiting: [], isBusy: false, parked: undefined }
      this.#lanes.set(key, lane)
    }
    lane.waiting.push(delivery)
    const isHead = lane.waiting.length === 1 && !lane.isBusy
    const waitMs = dueAt - this.#clock.now()
    if (isHead && waitMs > 0) this.#park(key, lane, waitMs)
    else this.#next(key, lane)
  }

  /** The one that was out is done with. */
  finish(key: string): void {
    const lane = this.#lanes.get(key)
    if (lane === undefined) return
    lane.isBusy = false
    this.#next(key, lane)
  }

  /** The one that was out comes again, before everything else of its key. */
  putBack(delivery: RabbitDelivery, key: string, delayMs: number): void {
    const lane = this.#lanes.get(key)
    if (lane === undefined) return
    lane.isBusy = false
    lane.waiting.unshift(delivery)
    if (delayMs > 0) this.#park(key, lane, delayMs)
    else this.#next(key, lane)
  }

  get parkedCount(): number {
    let count = 0
    for (const { parked } of this.#lanes.values()) if (parked !== undefined) count++
    return count
  }

  clear(): void {
    for (const { parked } of this.#lanes.values()) parked?.cancel()
    this.#lanes.clear()
  }

  #park(key: string, lane: Lane, ms: number): void {
    lane.parked = this.#clock.schedule(ms, () => {
      lane.parked = undefined
      this.#next(key, lane)
    })
  }

  #next(key: string, lane: Lane): void {
    if (lane.isBusy || lane.parked !== undefined) return
    const delivery = lane.waiting.shift()
    if (delivery === undefined) {
      this.#lanes.delete(key)
      return
    }
    lane.isBusy = true
    this.#ready(delivery)
  }
}
