/**
 * A queue with two ends in one growing array. Adding and taking at either end is O(1) and allocates
 * nothing once the ring is large enough.
 *
 *     items   [ d  e  ·  ·  ·  a  b  c ]     capacity: a power of two
 *                           head              at(0) is a, at(4) is e
 */

const capacityMin = 8

export class Ring<T> {
  #items: (T | undefined)[] = new Array(capacityMin)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Adds at the end. */
  push(item: T): void {
    if (this.#length === this.#items.length) this.#resize(this.#length * 2)
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item
    this.#length++
  }

  /** Adds at the front. */
  unshift(item: T): void {
    if (this.#length === this.#items.length) this.#resize(this.#length * 2)
    this.#head = (this.#head - 1) & (this.#items.length - 1)
    this.#items[this.#head] = item
    this.#length++
  }

  /** Takes from the front; undefined when the ring is empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#items.length - 1)
    this.#length--
    // A ring that was once long gives its memory back, late enough not to swing.
    if (this.#length * 8 < this.#items.length && this.#items.length > 1024) {
      this.#resize(this.#items.length / 2)
    }
    return item
  }

  /** Takes from the end; undefined when the ring is empty. */
  pop(): T | undefined {
    if (this.#length === 0) return undefined
    this.#length--
    const at = (this.#head + this.#length) & (this.#items.length - 1)
    const item = this.#items[at]
    this.#items[at] = undefined
    return item
  }

  /** The item at `index` from the front, or undefined. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#length) return undefined
    return this.#items[(this.#head + index) & (this.#items.length - 1)]
  }

  clear(): void {
    this.#items = new Array(capacityMin)
    this.#head = 0
    this.#length = 0
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let index = 0; index < this.#length; index++) yield this.at(index) as T
  }

  #resize(capacity: number): void {
    const items: (T | undefined)[] = new Array(capacity)
    for (let index = 0; index < this.#length; index++) items[index] = this.at(index)
    this.#items = items
    this.#head = 0
  }
}
