/**
 * Messages that producers may send again (IDMP, 8.6): for each producer of a stream the last ones,
 * by their idempotent ids, and the entries that they became. They live in the stream's table:
 *
 *     i <length of the producer's name, two characters> <producer> <message>   the entry's id
 *
 * Nothing here writes; the stream does.
 */

import { binaryText } from '../../wire/resp/request.ts'
import { type Id, idOf } from './mapping.ts'

export const idempotenceLimits = { durationSMax: 86_400, sizeMax: 10_000 } as const

export class Idempotence {
  durationS = 100
  sizeMax = 100
  added = 0
  duplicates = 0
  readonly producers = new Map<string, Map<string, Id>>()

  get messages(): number {
    let count = 0
    for (const messages of this.producers.values()) count += messages.size
    return count
  }

  /** The entry that a producer's message became. */
  find(producer: string, message: string): Id | undefined {
    return this.producers.get(producer)?.get(message)
  }

  /** Remembers one more; answers the fields of those that had to go. */
  add(producer: string, message: string, id: Id): string[] {
    let messages = this.producers.get(producer)
    if (messages === undefined) {
      messages = new Map()
      this.producers.set(producer, messages)
    }
    messages.set(message, id)
    this.added++
    const gone: string[] = []
    for (const oldest of messages.keys()) {
      if (messages.size <= this.sizeMax) break
      messages.delete(oldest)
      gone.push(fieldOf(producer, oldest))
    }
    return gone
  }

  /** Forgets entries up to a time in milliseconds; answers their fields. */
  expire(upToMs: number): string[] {
    const gone: string[] = []
    const last = upToMs === Infinity ? undefined : idOf(Math.max(0, upToMs) + 1, 0)
    for (const [producer, messages] of this.producers) {
      for (const [message, id] of messages) {
        if (last !== undefined && id >= last) break
        messages.delete(message)
        gone.push(fieldOf(producer, message))
      }
      if (messages.size === 0) this.producers.delete(producer)
    }
    return gone
  }

  counters(): readonly number[] {
    return [this.durationS, this.sizeMax, this.added, this.duplicates]
  }

  load(counters: readonly number[], table: ReadonlyMap<string, Uint8Array>): void {
    const [durationS = 100, sizeMax = 100, added = 0, duplicates = 0] = counters
    Object.assign(this, { durationS, sizeMax, added, duplicates })
    const found: [producer: string, message: string, id: Id][] = []
    for (const [field, value] of table) {
      if (field[0] !== 'i') continue
      const end = 3 + field.charCodeAt(1) * 128 + field.charCodeAt(2)
      found.push([field.slice(3, end), field.slice(end), binaryText(value)])
    }
    found.sort(([, , left], [, , right]) => (left < right ? -1 : 1))
    for (const [producer, message, id] of found) {
      const messages = this.producers.get(producer)
      if (messages === undefined) this.producers.set(producer, new Map([[message, id]]))
      else messages.set(message, id)
    }
  }
}

export function fieldOf(producer: string, message: string): string {
  const length = String.fromCharCode(producer.length >>> 7, producer.length & 127)
  return `i${length}${producer}${message}`
}

/**
 * An idempotent id made of the fields themselves, in whatever order they come (IDMPAUTO): 128 bits,
 * the sums of the hashes of each pair.
 */
export function messageIdOf(words: readonly string[]): string {
  const sums = [0, 0, 0, 0]
  for (let at = 0; at + 1 < words.length; at += 2) {
    const pair = `${words[at]!.length}:${words[at]!}${words[at + 1]!}`
    for (let lane = 0; lane < 4; lane++) sums[lane] = (sums[lane]! + hash(pair, seeds[lane]!)) | 0
  }
  return String.fromCharCode(
    ...sums.flatMap(sum => [sum >>> 24, (sum >>> 16) & 255, (sum >>> 8) & 255, sum & 255]),
  )
}

const seeds = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const

function hash(text: string, seed: number): number {
  let value = seed
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
    value = (value << 13) | (value >>> 19)
  }
  value = Math.imul(value ^ (value >>> 16), 0x7feb352d)
  value = Math.imul(value ^ (value >>> 15), 0x846ca68b)
  return value ^ (value >>> 16)
}
