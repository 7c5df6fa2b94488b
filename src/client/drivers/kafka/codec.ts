/**
 * Produce and Fetch, on the package's connections but with bytes of our own: for the sake of speed,
 * and because the package misreads an answer that has tagged fields, as one from a broker that is
 * not the leader any more.
 */

import type { Buffer } from 'node:buffer'
import {
  createAPI,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
  type Reader,
  Writer,
} from '@platformatic/kafka'
import { encodeBatch, int64At, type OutRecord } from './batches.ts'

export interface Producing {
  readonly transactionalId: string | undefined
  readonly producerId: bigint
  readonly producerEpoch: number
  /** The number of the first record of this request in each partition. */
  readonly sequences: ReadonlyMap<string, number>
  readonly time: number
}

export interface ProduceAnswer {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly baseOffset: number
  readonly message: string | undefined
}

export interface FetchAnswer {
  /** As 32 hexadecimal digits. */
  readonly topicId: string
  readonly partition: number
  readonly errorCode: number
  readonly aborted: readonly Aborted[]
  readonly records: Buffer
}

export interface Aborted {
  readonly producerId: number
  readonly firstOffset: number
}

const produceKey = 0
const fetchKey = 1
const acksAll = -1

/** Of all versions: from 9 on they differ in tagged fields only. */
export const produceVersions = [11, 10, 9].map(version =>
  createAPI<[records: readonly OutRecord[], how: Producing, timeoutMs: number], ProduceAnswer[]>(
    produceKey,
    version,
    encodeProduce,
    (_correlation, _key, _version, reader) => decodeProduce(bytesOf(reader)),
  ),
)

const fetches = [fetchV17, fetchV16, fetchV15, fetchV14, fetchV13]

export const fetchVersions = fetches.map(({ api, createRequest }) =>
  createAPI<Parameters<typeof fetchV17.createRequest>, FetchAnswer[]>(
    fetchKey,
    api.version,
    createRequest,
    (_correlation, _key, _version, reader) => decodeFetch(bytesOf(reader)),
  ),
)

function bytesOf(reader: Reader): Buffer {
  return reader.buffer.slice(reader.position) as Buffer
}

export function placeOf({ topic, partition }: Pick<OutRecord, 'topic' | 'partition'>): string {
  return `${topic}:${partition}`
}

function encodeProduce(records: readonly OutRecord[], how: Producing, timeoutMs: number): Writer {
  const topics = new Map<string, Map<number, OutRecord[]>>()
  for (const record of records) {
    const partitions = topics.get(record.topic) ?? new Map<number, OutRecord[]>()
    topics.set(record.topic, partitions)
    const batch = partitions.get(record.partition)
    if (batch === undefined) partitions.set(record.partition, [record])
    else batch.push(record)
  }
  const { transactionalId, producerId, producerEpoch, time } = how
  const writer = Writer.create()
    .appendString(transactionalId)
    .appendInt16(acksAll)
    .appendInt32(timeoutMs)
    .appendUnsignedVarInt(topics.size + 1)
  for (const [topic, partitions] of topics) {
    writer.appendString(topic).appendUnsignedVarInt(partitions.size + 1)
    for (const [partition, own] of partitions) {
      const sequence = how.sequences.get(placeOf(own[0]!)) ?? 0
      const isTransactional = transactionalId !== undefined
      const head = { producerId, producerEpoch, sequence, isTransactional, time }
      const batch = encodeBatch(own, head)
      writer
        .appendInt32(partition)
        .appendUnsignedVarInt(batch.length + 1)
        .append(batch)
      writer.appendInt8(0)
    }
    writer.appendInt8(0)
  }
  return writer.appendInt8(0)
}

function decodeProduce(bytes: Buffer): ProduceAnswer[] {
  const cursor = new Compact(bytes)
  const answers: ProduceAnswer[] = []
  cursor.each(() => {
    const topic = cursor.text() ?? ''
    cursor.each(() => {
      const partition = cursor.int32()
      const errorCode = cursor.int16()
      const baseOffset = cursor.int64()
      cursor.skip(16)
      cursor.each(() => {
        cursor.skip(4)
        cursor.text()
      })
      const message = cursor.text()
      answers.push({ topic, partition, errorCode, baseOffset, message })
    })
  })
  return answers
}

function decodeFetch(bytes: Buffer): FetchAnswer[] {
  const cursor = new Compact(bytes)
  cursor.skip(4)
  const errorCode = cursor.int16()
  if (errorCode !== 0) throw Object.assign(new Error('the fetch failed'), { apiId: `${errorCode}` })
  cursor.skip(4)
  const answers: FetchAnswer[] = []
  cursor.each(() => {
    const topicId = cursor.hex(16)
    cursor.each(() => {
      const partition = cursor.int32()
      const code = cursor.int16()
      cursor.skip(24)
      const aborted: Aborted[] = []
      cursor.each(() => {
        const producerId = cursor.int64()
        aborted.push({ producerId, firstOffset: cursor.int64() })
      })
      cursor.skip(4)
      const records = cursor.bytes()
      answers.push({ topicId, partition, errorCode: code, aborted, records })
    })
  })
  return answers
}

/** The compact types of flexible versions (KIP-482). */
class Compact {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  skip(count: number): void {
    this.#at += count
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  int64(): number {
    this.#at += 8
    return int64At(this.#bytes, this.#at - 8)
  }

  hex(count: number): string {
    this.#at += count
    return this.#bytes.toString('hex', this.#at - count, this.#at)
  }

  /** An array whose elements have tagged fields at their ends. */
  each(read: () => void): void {
    for (let left = this.#length(); left > 0; left--) {
      read()
      this.#tags()
    }
  }

  text(): string | undefined {
    const length = this.#length()
    if (length < 0) return undefined
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }

  bytes(): Buffer {
    const length = Math.max(0, this.#length())
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** -1: null. */
  #length(): number {
    return this.#unsigned() - 1
  }

  #unsigned(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new RangeError('an answer ends before it should')
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
    }
  }

  #tags(): void {
    for (let left = this.#unsigned(); left > 0; left--) {
      this.#unsigned()
      const size = this.#unsigned()
      this.#at += size
    }
  }
}
