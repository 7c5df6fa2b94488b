/**
 * A batch of records, version 2, as it travels and as it is stored.
 *
 *      0  baseOffset:int64      8  length:int32         12  leaderEpoch:int32    16  magic:int8 = 2
 *     17  crc:uint32           21  attributes:int16     23  lastOffsetDelta:int32
 *     27  firstTimestamp:int64 35  maxTimestamp:int64   43  producerId:int64
 *     51  producerEpoch:int16  53  baseSequence:int32   57  count:int32          61  records …
 *
 *     attributes   bits 0–2 compression, 3 timestamp type, 4 transactional, 5 control
 *     record       length attributes:int8 timestampDelta offsetDelta key value headers; all but the
 *                  attributes are zigzag varints, a length of −1 is null
 *
 * `length` counts from offset 12; the checksum (CRC-32C) covers everything from `attributes` on. So
 * the base offset and the leader epoch can be written in place, and nothing has to be decompressed.
 */

import { ByteReader, ByteWriter, ShortInput } from '../../base/bytes.ts'
import { decompress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { breach } from './types.ts'

export const batchHeaderBytes = 61
const magicAt = 16
const lengthBefore = 12

export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export const attributeBits = {
  compression: 7,
  appendTime: 8,
  transactional: 16,
  control: 32,
} as const

/** Why a batch is refused; the error codes of the protocol. */
export type BatchFault = 'corrupt' | 'format' | 'invalid' | 'compression'

/** A batch's header, read in place. The object is reused by its owner for every batch. */
export class BatchView {
  bytes: Uint8Array = new Uint8Array(0)
  #view = new DataView(this.bytes.buffer)

  /** Looks at the batch that begins at the first byte. */
  over(bytes: Uint8Array): this {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return this
  }

  #int64(at: number): number {
    return this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4)
  }

  get baseOffset(): number {
    return this.#int64(0)
  }
  /** Bytes of the whole batch. */
  get size(): number {
    return lengthBefore + this.#view.getInt32(8)
  }
  get magic(): number {
    return this.bytes[magicAt]!
  }
  get checksum(): number {
    return this.#view.getUint32(17)
  }
  get attributes(): number {
    return this.#view.getInt16(21)
  }
  get lastOffsetDelta(): number {
    return this.#view.getInt32(23)
  }
  get firstTimestamp(): number {
    return this.#int64(27)
  }
  get maxTimestamp(): number {
    return this.#int64(35)
  }
  get producerId(): number {
    return this.#int64(43)
  }
  get producerEpoch(): number {
    return this.#view.getInt16(51)
  }
  get baseSequence(): number {
    return this.#view.getInt32(53)
  }
  get count(): number {
    return this.#view.getInt32(57)
  }
  get isTransactional(): boolean {
    return (this.attributes & attributeBits.transactional) !== 0
  }
  get isControl(): boolean {
    return (this.attributes & attributeBits.control) !== 0
  }

  /** What is wrong with a batch from a producer, or undefined. */
  fault(): BatchFault | undefined {
    const { bytes } = this
    if (bytes.length < magicAt + 1) return 'corrupt'
    if (this.magic !== 2) return this.magic < 2 ? 'format' : 'corrupt'
    if (bytes.length < batchHeaderBytes) return 'corrupt'
    // Exactly one batch in each partition, since Produce 3.
    if (this.size !== bytes.length) return this.size > bytes.length ? 'corrupt' : 'invalid'
    if (this.baseOffset !== 0) return 'invalid'
    if (crc32c(bytes, 21, bytes.length) !== this.checksum) return 'corrupt'
    if (this.count < 1 || this.lastOffsetDelta !== this.count - 1) return 'invalid'
    if ((this.attributes & attributeBits.compression) >= compressions.length) return 'compression'
    return this.isControl ? 'invalid' : undefined
  }

  /** Gives the batch its place. The checksum does not cover these fields. */
  place(baseOffset: number, leaderEpoch: number): void {
    this.#view.setInt32(0, Math.floor(baseOffset / 0x1_0000_0000))
    this.#view.setUint32(4, baseOffset >>> 0)
    this.#view.setInt32(12, leaderEpoch)
  }

  /** The broker's time takes the place of the producer's: the checksum is made anew. */
  stamp(time: number): void {
    const view = this.#view
    view.setInt16(21, this.attributes | attributeBits.appendTime)
    view.setInt32(35, Math.floor(time / 0x1_0000_0000))
    view.setUint32(39, time >>> 0)
    view.setUint32(17, crc32c(this.bytes, 21, this.bytes.length))
  }
}

export interface Header {
  readonly key: string
  readonly value: Uint8Array | null
}

export interface BatchRecord {
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: readonly Header[]
}

export interface BatchOptions {
  readonly baseOffset?: number
  readonly attributes?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
}

/** Makes a batch of records, uncompressed: markers, and what other protocols have written. */
export function encodeBatch(
  records: readonly BatchRecord[],
  options: BatchOptions = {},
): Uint8Array {
  const writer = new ByteWriter(256)
  const first = records[0]?.timestamp ?? 0
  let latest = first
  for (const { timestamp } of records) if (timestamp > latest) latest = timestamp
  writer.u64(options.baseOffset ?? 0)
  writer.u32(0)
  writer.u32(0)
  writer.u8(2)
  writer.u32(0)
  writer.u16(options.attributes ?? 0)
  writer.u32(records.length - 1)
  writer.u64(first)
  writer.u64(latest)
  writer.u64(options.producerId ?? -1)
  writer.u16(options.producerEpoch ?? -1)
  writer.u32(options.baseSequence ?? -1)
  writer.u32(records.length)
  for (let index = 0; index < records.length; index++)
    writeRecord(writer, records[index]!, first, index)
  const bytes = writer.take()
  const view = new DataView(bytes.buffer)
  view.setInt32(8, bytes.length - lengthBefore)
  view.setUint32(17, crc32c(bytes, 21))
  return bytes
}

function writeRecord(writer: ByteWriter, record: BatchRecord, first: number, index: number): void {
  const inside = new ByteWriter(64)
  inside.u8(0)
  writeVarint(inside, record.timestamp - first)
  writeVarint(inside, index)
  writeNullable(inside, record.key)
  writeNullable(inside, record.value)
  writeVarint(inside, record.headers?.length ?? 0)
  for (const { key, value } of record.headers ?? []) {
    const start = inside.end
    const length = inside.utf8(key)
    inside.end = start
    writeVarint(inside, length)
    inside.utf8(key)
    writeNullable(inside, value)
  }
  writeVarint(writer, inside.end)
  writer.raw(inside.bytes.subarray(0, inside.end))
}

function writeNullable(writer: ByteWriter, bytes: Uint8Array | null): void {
  writeVarint(writer, bytes === null ? -1 : bytes.length)
  if (bytes !== null) writer.raw(bytes)
}

/** A zigzag variable-length integer. */
function writeVarint(writer: ByteWriter, value: number): void {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  while (rest >= 0x80) {
    writer.u8((rest % 128) | 0x80)
    rest = Math.floor(rest / 128)
  }
  writer.u8(rest)
}

function readVarint(reader: ByteReader): number {
  let value = 0
  let factor = 1
  for (let count = 0; count < 10; count++) {
    const octet = reader.u8()
    value += (octet & 0x7f) * factor
    if (octet < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    factor *= 128
  }
  throw breach('a variable-length integer has more than 10 octets', reader.at)
}

/**
 * The records of a batch, of at most `most` bytes when they are not compressed any more; bytes are
 * borrowed. Undefined: the compression is one that is not decoded here. Throws a breach.
 */
export function decodeRecords(bytes: Uint8Array, most: number): BatchRecord[] | undefined {
  const batch = new BatchView().over(bytes)
  const codec = batch.attributes & attributeBits.compression
  const plain = decompress(codec, bytes.subarray(batchHeaderBytes), most)
  if (plain === undefined) return undefined
  const reader = new ByteReader(plain)
  const first = batch.firstTimestamp
  try {
    return Array.from({ length: Math.min(batch.count, reader.left) }, () => {
      const end = readVarint(reader) + reader.at
      reader.need(1)
      const timestamp = first + readVarint(reader)
      readVarint(reader)
      const key = readNullable(reader)
      const value = readNullable(reader)
      const count = Math.min(readVarint(reader), reader.left)
      const headers = Array.from({ length: count }, () => {
        return { key: reader.utf8(readVarint(reader)), value: readNullable(reader) }
      })
      reader.at = end
      return { timestamp, key, value, headers }
    })
  } catch (error) {
    if (error instanceof ShortInput) throw breach(error.message, error.offset)
    throw error
  }
}

function readNullable(reader: ByteReader): Uint8Array | null {
  const length = readVarint(reader)
  return length < 0 ? null : reader.raw(length)
}

/** The end of a transaction in one partition: a batch with one control record. */
export function encodeMarker(
  committed: boolean,
  marker: { readonly producerId: number; readonly producerEpoch: number; readonly time: number },
): Uint8Array {
  const key = Uint8Array.of(0, 0, 0, committed ? 1 : 0)
  const value = new Uint8Array(6)
  const { producerId, producerEpoch, time } = marker
  const attributes = attributeBits.transactional | attributeBits.control
  return encodeBatch([{ timestamp: time, key, value }], { attributes, producerId, producerEpoch })
}
