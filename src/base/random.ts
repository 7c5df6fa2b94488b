/**
 * A seeded source of pseudo-random numbers (sfc32, by Chris Doty-Humphrey): the same seed gives the
 * same sequence on every machine. For simulations, tests and jitter; not for secrets.
 */

import { assert } from './assert.ts'

/** Twelve rounds mix the seed into all of the state, as the author of sfc32 advises. */
const warmUpRounds = 12

export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `seed` is a safe integer; all of its bits count. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed), 'random: the seed is a safe integer')
    this.#a = seed | 0
    this.#b = Math.floor(seed / 0x1_0000_0000) | 0
    this.#c = 0x9e37_79b9 | 0
    for (let round = 0; round < warmUpRounds; round++) this.uint32()
  }

  /** Uniform over the unsigned 32-bit integers. */
  uint32(): number {
    const mixed = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + mixed) | 0
    return mixed >>> 0
  }

  /** Uniform over [0, limit); `limit` is an integer from 1 to 2^32. */
  below(limit: number): number {
    // The bias of a multiplication is under limit / 2^32, which no test of ours can see.
    return Math.floor((this.uint32() / 0x1_0000_0000) * limit)
  }

  /** Uniform over the integers from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** Uniform over [0, 1), with 32 random bits. */
  float(): number {
    return this.uint32() / 0x1_0000_0000
  }

  /** True with probability `probability`. */
  chance(probability: number): boolean {
    return this.float() < probability
  }

  /** One of `items`, each as likely as the others. There is at least one. */
  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, 'random: something to pick from')
    return items[this.below(items.length)]!
  }

  /** An index into `weights`, as likely as its weight says. At least one weight is above 0. */
  weighted(weights: readonly number[]): number {
    let total = 0
    for (const weight of weights) total += weight
    assert(total > 0, 'random: a weight above 0')
    let left = this.float() * total
    let last = 0
    for (let index = 0; index < weights.length; index++) {
      const weight = weights[index]!
      if (weight <= 0) continue
      if (left < weight) return index
      left -= weight
      last = index
    }
    return last
  }

  /** Another independent source, seeded from this one. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32() * 0x20_0000 + (this.uint32() >>> 11))
  }
}
