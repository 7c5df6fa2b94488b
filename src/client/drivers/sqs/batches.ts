/**
 * Single calls gathered into requests of up to ten entries. What is called in one turn goes
 * together; while requests are under way, more gathers. Items of one lane are never in two requests
 * at a time, so they arrive in their order.
 */

import { Ring } from '../../../base/ring.ts'

/** SQS's limits for one request; 256 KiB is what all servers take for a batch. */
export const entriesMax = 10
export const bytesMax = 256 * 1024

/** Requests under way at a time; of those that are not full, fewer. */
const requestsMax = 16
const smallRequestsMax = 2

export interface BatchOptions<Item, Result> {
  /** Runs once, after the current turn. */
  readonly soon: (run: () => void) => void
  /** Sends one request: a result for each item, or an error for all. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly weigh?: ((item: Item) => number) | undefined
  readonly laneOf?: ((item: Item) => string) | undefined
}

interface Call<Item, Result> {
  readonly item: Item
  readonly weight: number
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

interface Lane<Item, Result> {
  readonly name: string | undefined
  readonly calls: Ring<Call<Item, Result>>
}

export class Batches<Item, Result> {
  readonly #options: BatchOptions<Item, Result>
  /** Lanes with something to send and nothing under way. */
  readonly #ready = new Ring<Lane<Item, Result>>()
  readonly #lanes = new Map<string, Lane<Item, Result>>()
  #waiting = 0
  #underWay = 0
  #isScheduled = false

  constructor(options: BatchOptions<Item, Result>) {
    this.#options = options
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const { weigh, laneOf } = this.#options
      const call = { item, weight: weigh?.(item) ?? 0, resolve, reject }
      const name = laneOf?.(item)
      const known = name === undefined ? undefined : this.#lanes.get(name)
      if (known !== undefined) {
        known.calls.push(call)
      } else {
        const lane = { name, calls: new Ring<Call<Item, Result>>() }
        lane.calls.push(call)
        if (name !== undefined) this.#lanes.set(name, lane)
        this.#ready.push(lane)
      }
      this.#waiting++
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#options.soon(() => {
      this.#isScheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#ready.length > 0 && this.#underWay < requestsMax) {
      if (this.#waiting < entriesMax && this.#underWay >= smallRequestsMax) return
      void this.#send()
    }
  }

  /** Takes what fits into one request. Never rejects. */
  async #send(): Promise<void> {
    const calls: Call<Item, Result>[] = []
    const lanes: Lane<Item, Result>[] = []
    let bytes = 0
    while (calls.length < entriesMax) {
      const lane = this.#ready.at(0)
      const next = lane?.calls.at(0)
      if (lane === undefined || next === undefined) break
      if (calls.length > 0 && bytes + next.weight > bytesMax) break
      calls.push(lane.calls.shift()!)
      bytes += next.weight
      if (lanes.at(-1) !== lane) lanes.push(lane)
      if (lane.calls.length === 0) this.#ready.shift()
    }
    // The last one may have more to send; it must not while this request is under way.
    if (this.#ready.at(0) === lanes.at(-1)) this.#ready.shift()
    this.#waiting -= calls.length
    this.#underWay++
    try {
      const results = await this.#options.run(calls.map(({ item }) => item))
      for (const [index, { resolve }] of calls.entries()) resolve(results[index]!)
    } catch (error) {
      for (const { reject } of calls) reject(error)
    } finally {
      this.#underWay--
      for (const lane of lanes) this.#again(lane)
      this.#schedule()
    }
  }

  #again(lane: Lane<Item, Result>): void {
    if (lane.calls.length > 0) this.#ready.push(lane)
    else if (lane.name !== undefined) this.#lanes.delete(lane.name)
  }
}
