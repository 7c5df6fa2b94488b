/**
 * Who of a group gets which partitions. Each keeps what it has as far as an even share allows, so
 * that a rebalance takes from nobody's hands what need not move. The bytes are those of Kafka's
 * `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`, version 0, which tools can read;
 * what a member has is in its user data.
 */

import { Buffer } from 'node:buffer'

/** Partitions by topic. */
export type Partitions = ReadonlyMap<string, readonly number[]>

export interface Member {
  readonly id: string
  readonly topics: readonly string[]
  readonly owned: Partitions
}

/** Its own name: a client that would not read our commits cannot join such a group. */
export const protocolName = 'spillway-sticky'

export function encodeSubscription(topics: readonly string[], owned: Partitions): Buffer {
  const userData = Buffer.from(JSON.stringify([...owned]), 'utf8')
  return Buffer.concat([
    int16(0),
    int32(topics.length),
    ...topics.map(text),
    int32(userData.length),
    userData,
  ])
}

export function decodeSubscription(id: string, bytes: Buffer | null): Member {
  if (bytes === null) return { id, topics: [], owned: new Map() }
  const reader = new Cursor(bytes)
  reader.int16()
  const topics = Array.from({ length: reader.int32() }, () => reader.text())
  return { id, topics, owned: parseOwned(reader.bytes()) }
}

function parseOwned(bytes: Buffer): Partitions {
  try {
    return new Map(JSON.parse(bytes.toString('utf8')) as [string, number[]][])
  } catch {
    return new Map()
  }
}

export function encodeAssignment(partitions: Partitions): Buffer {
  const parts = [int16(0), int32(partitions.size)]
  for (const [topic, numbers] of partitions) {
    parts.push(text(topic), int32(numbers.length), ...numbers.map(int32))
  }
  return Buffer.concat([...parts, int32(0)])
}

export function decodeAssignment(bytes: Buffer | null): Partitions {
  const partitions = new Map<string, number[]>()
  if (bytes === null || bytes.length < 6) return partitions
  const reader = new Cursor(bytes)
  reader.int16()
  for (let left = reader.int32(); left > 0; left--) {
    const topic = reader.text()
    partitions.set(
      topic,
      Array.from({ length: reader.int32() }, () => reader.int32()),
    )
  }
  return partitions
}

/** Made by the leader, from what all members said. */
export function assign(
  members: readonly Member[],
  counts: ReadonlyMap<string, number>,
): Map<string, Map<string, number[]>> {
  const result = new Map(members.map(({ id }) => [id, new Map<string, number[]>()]))
  const sizes = new Map(members.map(({ id }) => [id, 0]))
  const give = (id: string, topic: string, partition: number): void => {
    const topics = result.get(id)!
    topics.set(topic, [...(topics.get(topic) ?? []), partition])
    sizes.set(id, sizes.get(id)! + 1)
  }
  for (const [topic, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const takers = members.filter(({ topics }) => topics.includes(topic))
    if (takers.length === 0) continue
    const left = new Set(Array.from({ length: count }, (_, partition) => partition))
    const fair = Math.floor(count / takers.length)
    let extra = count % takers.length
    const kept = new Map<string, number>()
    for (const { id, owned } of takers) {
      for (const partition of owned.get(topic) ?? []) {
        const has = kept.get(id) ?? 0
        const isExtra = has === fair && extra > 0
        if (!left.has(partition) || (has >= fair && !isExtra)) continue
        if (isExtra) extra--
        left.delete(partition)
        kept.set(id, has + 1)
        give(id, topic, partition)
      }
    }
    for (const partition of left) {
      const [taker] = [...takers].sort((a, b) => {
        const byTopic = (kept.get(a.id) ?? 0) - (kept.get(b.id) ?? 0)
        return byTopic !== 0 ? byTopic : sizes.get(a.id)! - sizes.get(b.id)!
      })
      kept.set(taker!.id, (kept.get(taker!.id) ?? 0) + 1)
      give(taker!.id, topic, partition)
    }
  }
  return result
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8')
  return Buffer.concat([int16(bytes.length), bytes])
}

class Cursor {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  text(): string {
    return this.#take(this.int16()).toString('utf8')
  }

  bytes(): Buffer {
    return this.#take(Math.max(0, this.int32()))
  }

  #take(length: number): Buffer {
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
