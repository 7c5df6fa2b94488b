/**
 * What keys hold besides streams. Collections note which of their elements have changed, so that a
 * large one is journaled element by element.
 */

import { binaryText } from '../../wire/resp/request.ts'
import { binaryBytes, u64Number, u64Text } from './mapping.ts'

/** A collection, as the keyspace stores it: named elements, each with its bytes. */
export interface Elements {
  readonly size: number
  /** Names of all elements. */
  names(): Iterable<string>
  /** The element's bytes; undefined: it is gone. */
  bytesOf(name: string): Uint8Array | undefined
  /** Names of what has changed since the last call. */
  takeChanges(): string[]
  load(elements: readonly (readonly [name: string, bytes: Uint8Array])[]): void
  /** As JSON has it. */
  plain(): unknown
}

class TrackedMap<V> extends Map<string, V> {
  /** Undefined while Map's own constructor runs, which is why it is no private field. */
  protected readonly changed: Set<string> | undefined = new Set()

  override set(name: string, value: V): this {
    this.changed?.add(name)
    return super.set(name, value)
  }

  override delete(name: string): boolean {
    const isGone = super.delete(name)
    if (isGone) this.changed?.add(name)
    return isGone
  }

  names(): Iterable<string> {
    return this.keys()
  }

  takeChanges(): string[] {
    const changed = [...this.changed!]
    this.changed!.clear()
    return changed
  }

  plain(): unknown {
    return [...this]
  }
}

export class Hash extends TrackedMap<string> implements Elements {
  bytesOf(name: string): Uint8Array | undefined {
    const value = this.get(name)
    return value === undefined ? undefined : binaryBytes(value)
  }

  load(elements: readonly (readonly [string, Uint8Array])[]): void {
    for (const [name, bytes] of elements) super.set(name, binaryText(bytes))
    this.takeChanges()
  }
}

export class SortedSet extends TrackedMap<number> implements Elements {
  bytesOf(name: string): Uint8Array | undefined {
    const score = this.get(name)
    if (score === undefined) return undefined
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, score)
    return bytes
  }

  load(elements: readonly (readonly [string, Uint8Array])[]): void {
    for (const [name, bytes] of elements) {
      super.set(name, new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0))
    }
    this.takeChanges()
  }

  // JSON has no infinities.
  override plain(): unknown {
    return [...this].map(([name, score]) => [name, Number.isFinite(score) ? score : String(score)])
  }
}

const nothing = new Uint8Array(0)

export class Members extends TrackedMap<true> implements Elements {
  bytesOf(name: string): Uint8Array | undefined {
    return this.has(name) ? nothing : undefined
  }

  load(elements: readonly (readonly [string, Uint8Array])[]): void {
    for (const [name] of elements) super.set(name, true)
    this.takeChanges()
  }

  override plain(): unknown {
    return [...this.keys()]
  }
}

/** Positions on the disk begin in the middle, because a list grows at both ends. */
const middle = 2 ** 51

export class List implements Elements {
  #items: string[]
  /** Position of the first item. */
  #first = 0
  readonly #changed = new Set<number>()

  constructor(items: string[] = []) {
    this.#items = items
  }

  get size(): number {
    return this.#items.length
  }

  get items(): readonly string[] {
    return this.#items
  }

  push(end: 'left' | 'right', value: string): void {
    if (end === 'right') {
      this.#changed.add(this.#first + this.#items.push(value) - 1)
    } else {
      this.#items.unshift(value)
      this.#changed.add(--this.#first)
    }
  }

  pop(end: 'left' | 'right'): string | undefined {
    if (this.#items.length === 0) return undefined
    if (end === 'left') {
      this.#changed.add(this.#first++)
      return this.#items.shift()
    }
    this.#changed.add(this.#first + this.#items.length - 1)
    return this.#items.pop()
  }

  set(index: number, value: string): void {
    this.#items[index] = value
    this.#changed.add(this.#first + index)
  }

  /** Other items in the place of all. */
  replace(items: string[]): void {
    const length = Math.max(items.length, this.#items.length)
    for (let index = 0; index < length; index++) {
      if (items[index] !== this.#items[index]) this.#changed.add(this.#first + index)
    }
    this.#items = items
  }

  *names(): Generator<string> {
    for (let index = 0; index < this.#items.length; index++) yield nameOf(this.#first + index)
  }

  bytesOf(name: string): Uint8Array | undefined {
    const item = this.#items[u64Number(name, 0) - middle - this.#first]
    return item === undefined ? undefined : binaryBytes(item)
  }

  takeChanges(): string[] {
    const changed = Array.from(this.#changed, nameOf)
    this.#changed.clear()
    return changed
  }

  load(elements: readonly (readonly [string, Uint8Array])[]): void {
    const sorted = [...elements].sort(([left], [right]) => (left < right ? -1 : 1))
    this.#items = sorted.map(([, bytes]) => binaryText(bytes))
    this.#first = sorted.length === 0 ? 0 : u64Number(sorted[0]![0], 0) - middle
    this.#changed.clear()
  }

  plain(): unknown {
    return this.#items
  }
}

function nameOf(position: number): string {
  return u64Text(position + middle)
}
