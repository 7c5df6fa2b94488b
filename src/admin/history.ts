/**
 * What numbers were, in rings of several steps: fine for the last minutes, coarse for the last day.
 * A ring's place holds the mean of its step; memory is allocated once and does not grow.
 */

import { assert } from '../base/assert.ts'
import type { History } from './contract.ts'

export interface Resolution {
  readonly stepMs: number
  readonly count: number
}

/** 5 minutes, an hour, a day. */
export const overviewResolutions: readonly Resolution[] = [
  { stepMs: 1000, count: 300 },
  { stepMs: 10_000, count: 360 },
  { stepMs: 120_000, count: 720 },
]

/** 2 minutes, an hour, a day. */
export const queueResolutions: readonly Resolution[] = [
  { stepMs: 1000, count: 120 },
  { stepMs: 15_000, count: 240 },
  { stepMs: 240_000, count: 360 },
]

class Ring {
  readonly resolution: Resolution
  readonly #values: Float32Array
  readonly #steps: Float64Array
  readonly #width: number
  readonly #sums: Float64Array
  #taken = 0
  #step = -1

  constructor(resolution: Resolution, width: number) {
    this.resolution = resolution
    this.#width = width
    this.#values = new Float32Array(resolution.count * width)
    this.#steps = new Float64Array(resolution.count).fill(-1)
    this.#sums = new Float64Array(width)
  }

  add(now: number, values: readonly number[]): void {
    const step = Math.floor(now / this.resolution.stepMs)
    if (step !== this.#step) {
      this.#step = step
      this.#taken = 0
      this.#sums.fill(0)
    }
    this.#taken++
    const slot = step % this.resolution.count
    this.#steps[slot] = step
    for (let at = 0; at < this.#width; at++) {
      this.#sums[at]! += values[at]!
      this.#values[slot * this.#width + at] = this.#sums[at]! / this.#taken
    }
  }

  /** The steps of the last `spanMs`, to a hundredth; a step that nobody sampled is null. */
  read(now: number, spanMs: number, names: readonly string[]): History {
    const { stepMs, count } = this.resolution
    const last = Math.floor(now / stepMs)
    const wanted = Math.min(count, Math.ceil(spanMs / stepMs))
    const times: number[] = []
    const series = names.map((): (number | null)[] => [])
    for (let step = last - wanted + 1; step <= last; step++) {
      const slot = ((step % count) + count) % count
      times.push(step * stepMs)
      const isThere = this.#steps[slot] === step
      for (const [at, list] of series.entries()) {
        list.push(isThere ? Math.round(this.#values[slot * this.#width + at]! * 100) / 100 : null)
      }
    }
    return {
      stepMs,
      times,
      series: Object.fromEntries(names.map((name, at) => [name, series[at]!])),
    }
  }
}

export class Histories {
  readonly names: readonly string[]
  readonly #rings: readonly Ring[]

  constructor(names: readonly string[], resolutions: readonly Resolution[]) {
    assert(names.length > 0 && resolutions.length > 0, 'a history has names and steps')
    this.names = names
    this.#rings = resolutions.map(resolution => new Ring(resolution, names.length))
  }

  add(now: number, values: readonly number[]): void {
    assert(values.length === this.names.length, 'a value for each name')
    for (const ring of this.#rings) ring.add(now, values)
  }

  /** From the finest ring that reaches back far enough. */
  read(now: number, spanMs: number): History {
    const reaches = ({ resolution }: Ring) => resolution.stepMs * resolution.count >= spanMs
    const ring = this.#rings.find(reaches) ?? this.#rings.at(-1)!
    return ring.read(now, spanMs, this.names)
  }
}
