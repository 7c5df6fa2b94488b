/**
 * A binary heap that gives the least key first; equal keys by the lesser tie, so that the order
 * depends on nothing but the keys and ties. Three parallel arrays, no object per entry:
 *
 *     index    0        1        2      …     children of i: 2i+1 and 2i+2
 *     keys     least    ≥ [0]    ≥ [0]
 *     ties, values      beside them
 *
 * There is no removal from the middle: let an entry go stale and skip it when it comes up.
 */

import { assert } from './assert.ts'

export class Heap<T> {
  readonly #keys: number[] = []
  readonly #ties: number[] = []
  readonly #values: T[] = []

  get size(): number {
    return this.#keys.length
  }

  push(key: number, tie: number, value: T): void {
    assert(!Number.isNaN(key) && !Number.isNaN(tie), 'heap: keys are numbers')
    const keys = this.#keys
    const ties = this.#ties
    const values = this.#values
    let index = keys.length
    keys.push(key)
    ties.push(tie)
    values.push(value)
    while (index > 0) {
      const parent = (index - 1) >>> 1
      const parentKey = keys[parent]!
      if (parentKey < key || (parentKey === key && ties[parent]! <= tie)) break
      keys[index] = parentKey
      ties[index] = ties[parent]!
      values[index] = values[parent]!
      index = parent
    }
    keys[index] = key
    ties[index] = tie
    values[index] = value
  }

  /** The least key; infinity when the heap is empty. */
  peekKey(): number {
    return this.#keys.length === 0 ? Number.POSITIVE_INFINITY : this.#keys[0]!
  }

  /** The tie of the least key; infinity when the heap is empty. */
  peekTie(): number {
    return this.#ties.length === 0 ? Number.POSITIVE_INFINITY : this.#ties[0]!
  }

  /** The value of the least key, which stays; undefined when the heap is empty. */
  peek(): T | undefined {
    return this.#values[0]
  }

  /** Takes out the value with the least key; undefined when the heap is empty. */
  pop(): T | undefined {
    const values = this.#values
    if (values.length === 0) return undefined
    const least = values[0]!
    const key = this.#keys.pop()!
    const tie = this.#ties.pop()!
    const value = values.pop()!
    if (values.length > 0) this.#sink(key, tie, value)
    return least
  }

  clear(): void {
    this.#keys.length = 0
    this.#ties.length = 0
    this.#values.length = 0
  }

  /** Lets an entry fall from the root to its place. */
  #sink(key: number, tie: number, value: T): void {
    const keys = this.#keys
    const ties = this.#ties
    const values = this.#values
    const size = keys.length
    let index = 0
    for (let child = 1; child < size; child = 2 * index + 1) {
      const right = child + 1
      if (right < size && this.#isBefore(right, child)) child = right
      const childKey = keys[child]!
      if (key < childKey || (key === childKey && tie <= ties[child]!)) break
      keys[index] = childKey
      ties[index] = ties[child]!
      values[index] = values[child]!
      index = child
    }
    keys[index] = key
    ties[index] = tie
    values[index] = value
  }

  #isBefore(left: number, right: number): boolean {
    const leftKey = this.#keys[left]!
    const rightKey = this.#keys[right]!
    return leftKey < rightKey || (leftKey === rightKey && this.#ties[left]! < this.#ties[right]!)
  }
}
