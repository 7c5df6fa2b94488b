/**
 * Record batches, version 2 (Kafka's documentation, “Message Format”), as bytes. The driver has its
 * own, because the package's cost more than all else that happens to a message.
 *
 * ```
 * 0 baseOffset 8 | 8 length 4 | 12 leaderEpoch 4 | 16 magic 1 | 17 crc 4 | 21 attributes 2
 * 23 lastOffsetDelta 4 | 27 baseTimestamp 8 | 35 maxTimestamp 8 | 43 producerId 8
 * 51 producerEpoch 2 | 53 baseSequence 4 | 57 count 4 | 61 records
 * record: length, attributes 1, timestampDelta, offsetDelta, key, value, headers, all else varint
 * ```
 */

import { Buffer } from 'node:buffer'
import { compressionsAlgorithmsByBitmask, crc32c } from '@platformatic/kafka'
import type { Headers } from '../../driver.ts'

/** A message on its way to a partition. */
export interface OutRecord {
  readonly topic: string
  readonly partition: number
  readonly key: string | undefined
  readonly body: Uint8Array
  readonly headers: Headers
  /** What it takes in a batch, without its length and its place. */
  readonly size: number
}

export interface BatchHead {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly sequence: number
  readonly isTransactional: boolean
  readonly time: number
}

/** A record as it lies in a batch. */
export interface InRecord {
  readonly offset: number
  readonly time: number
  readonly key: string | undefined
  readonly body: Uint8Array
  readonly headers: Headers
}

export interface Batch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly producerId: number
  readonly isTransactional: boolean
  /** A marker at the end of a transaction; `abort`: it came to nothing. */
  readonly control: 'commit' | 'abort' | undefined
  records(): InRecord[]
}

const headBytes = 61
const compressionMask = 7
const appendTimeFlag = 8
const transactionalFlag = 16
const controlFlag = 32
/** The length and the place of a record: two varints. */
const prefixBytesMax = 10
const fixedBytes = 2

export function outRecord(
  message: {
    readonly key: string | undefined
    readonly body: Uint8Array
    readonly headers: Headers
  },
  to: { readonly topic: string; readonly partition: number },
): OutRecord {
  const { key, body, headers } = message
  let size = fixedBytes + bytesOf(body.length) + body.length
  if (key === undefined) size += 1
  else size += textSize(key)
  let count = 0
  for (const name in headers) {
    size += textSize(name) + textSize(headers[name]!)
    count++
  }
  size += bytesOf(count)
  return { topic: to.topic, partition: to.partition, key, body, headers, size }
}

/** What a record takes at most. */
export function sizeOf({ size }: OutRecord): number {
  return size + prefixBytesMax
}

export function encodeBatch(records: readonly OutRecord[], head: BatchHead): Buffer {
  let bytesMax = headBytes
  for (const record of records) bytesMax += sizeOf(record)
  const buffer = Buffer.allocUnsafe(bytesMax)
  let at = headBytes
  for (const [index, record] of records.entries()) at = putRecord(buffer, at, record, index)
  const attributes = head.isTransactional ? transactionalFlag : 0
  buffer.writeBigInt64BE(0n, 0)
  buffer.writeInt32BE(at - 12, 8)
  buffer.writeInt32BE(-1, 12)
  buffer.writeInt8(2, 16)
  buffer.writeInt16BE(attributes, 21)
  buffer.writeInt32BE(records.length - 1, 23)
  putInt64(buffer, 27, head.time)
  putInt64(buffer, 35, head.time)
  buffer.writeBigInt64BE(head.producerId, 43)
  buffer.writeInt16BE(head.producerEpoch, 51)
  buffer.writeInt32BE(head.sequence, 53)
  buffer.writeInt32BE(records.length, 57)
  const batch = buffer.subarray(0, at)
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

function putRecord(buffer: Buffer, start: number, record: OutRecord, index: number): number {
  const { key, body, headers, size } = record
  let at = putVarint(buffer, start, size + bytesOf(index))
  buffer[at++] = 0
  buffer[at++] = 0
  at = putVarint(buffer, at, index)
  at = key === undefined ? putVarint(buffer, at, -1) : putText(buffer, at, key)
  at = putVarint(buffer, at, body.length)
  buffer.set(body, at)
  at += body.length
  let count = 0
  for (const _ in headers) count++
  at = putVarint(buffer, at, count)
  for (const name in headers) {
    at = putText(buffer, at, name)
    at = putText(buffer, at, headers[name]!)
  }
  return at
}

function textSize(text: string): number {
  const length = Buffer.byteLength(text, 'utf8')
  return bytesOf(length) + length
}

function putText(buffer: Buffer, start: number, text: string): number {
  const length = Buffer.byteLength(text, 'utf8')
  const at = putVarint(buffer, start, length)
  return at + buffer.write(text, at, length, 'utf8')
}

/** Of a zigzag varint; the numbers here are lengths and counts, below 2^31. */
function bytesOf(value: number): number {
  const zigzag = value < 0 ? -2 * value - 1 : 2 * value
  let count = 1
  for (let rest = Math.floor(zigzag / 128); rest > 0; rest = Math.floor(rest / 128)) count++
  return count
}

function putVarint(buffer: Buffer, start: number, value: number): number {
  let at = start
  let rest = value < 0 ? -2 * value - 1 : 2 * value
  while (rest > 127) {
    buffer[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  buffer[at++] = rest
  return at
}

function putInt64(buffer: Buffer, at: number, value: number): void {
  buffer.writeInt32BE(Math.floor(value / 2 ** 32), at)
  buffer.writeUInt32BE(value >>> 0, at + 4)
}

/** Exact up to 2^53. */
export function int64At(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 2 ** 32 + buffer.readUInt32BE(at + 4)
}

/** The whole batches of what was fetched: the last one may have been cut off. */
export function* decodeBatches(bytes: Buffer): Generator<Batch, void, undefined> {
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const end = at + 12 + bytes.readInt32BE(at + 8)
    if (end > bytes.length) return
    yield batchAt(bytes.subarray(at, end))
    at = end
  }
}

function batchAt(bytes: Buffer): Batch {
  const baseOffset = int64At(bytes, 0)
  const attributes = bytes.readInt16BE(21)
  const isControl = (attributes & controlFlag) !== 0
  return {
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(23),
    producerId: int64At(bytes, 43),
    isTransactional: (attributes & transactionalFlag) !== 0,
    control: isControl ? markerOf(bytes) : undefined,
    records: () => decodeRecords(bytes, baseOffset, attributes),
  }
}

/** The key of a marker is a version and a type, two bytes each: 0 is an abort. */
function markerOf(bytes: Buffer): 'commit' | 'abort' {
  const cursor = new Varints(bytes, headBytes)
  cursor.next()
  cursor.at += 1
  cursor.next()
  cursor.next()
  const length = cursor.next()
  return length >= 4 && bytes.readInt16BE(cursor.at + 2) === 0 ? 'abort' : 'commit'
}

function decodeRecords(bytes: Buffer, baseOffset: number, attributes: number): InRecord[] {
  const count = bytes.readInt32BE(57)
  const isAppendTime = (attributes & appendTimeFlag) !== 0
  const baseTime = int64At(bytes, isAppendTime ? 35 : 27)
  const compression = attributes & compressionMask
  const body = compression === 0 ? bytes : decompress(bytes.subarray(headBytes), compression)
  const cursor = new Varints(body, compression === 0 ? headBytes : 0)
  const records: InRecord[] = []
  for (let index = 0; index < count; index++) {
    const length = cursor.next()
    const end = cursor.at + length
    cursor.at += 1
    const timeDelta = cursor.next()
    const offset = baseOffset + cursor.next()
    const key = cursor.text()
    const value = cursor.bytes()
    const headers: { [name: string]: string } = {}
    for (let left = cursor.next(); left > 0; left--) {
      const name = cursor.text() ?? ''
      const text = cursor.text()
      if (text !== undefined) headers[name] = text
    }
    const time = isAppendTime ? baseTime : baseTime + timeDelta
    records.push({ offset, time, key, body: value, headers })
    cursor.at = end
  }
  return records
}

function decompress(bytes: Buffer, kind: number): Buffer {
  const algorithms = compressionsAlgorithmsByBitmask as {
    readonly [mask: number]: { decompressSync(data: Buffer): Buffer } | undefined
  }
  const algorithm = algorithms[kind]
  if (algorithm === undefined) throw new Error(`compression ${kind} is unknown`)
  return algorithm.decompressSync(bytes)
}

class Varints {
  at: number
  readonly #bytes: Buffer

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  /** A zigzag varint. */
  next(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) throw new RangeError('a record ends before it should')
      value += (byte & 127) * factor
      if (byte < 128) break
      factor *= 128
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  text(): string | undefined {
    const length = this.next()
    if (length < 0) return undefined
    this.at += length
    return this.#bytes.toString('utf8', this.at - length, this.at)
  }

  /** A copy: what was fetched is large, and one message would keep all of it. */
  bytes(): Uint8Array {
    const length = Math.max(0, this.next())
    const start = this.at
    this.at += length
    return new Uint8Array(this.#bytes.subarray(start, this.at))
  }
}
