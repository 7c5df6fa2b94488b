/**
 * Message sets, as clients before Kafka 0.11 write and read records: one message after the other.
 *
 *      0  offset:int64   8  size:int32   12  crc:uint32   16  magic:int8 = 0 or 1
 *     17  attributes:int8   [ 18  timestamp:int64, with magic 1 ]   key:bytes   value:bytes
 *
 *     attributes   bits 0–2 compression, bit 3 timestamp type (magic 1)
 *     key, value   length:int32 │ bytes; a length of −1 is null
 *
 * `size` counts from offset 12; the checksum (CRC-32, not CRC-32C) covers everything from the magic
 * on. A compressed message's value is a message set of its own; its inner offsets are relative with
 * magic 1. There are no headers, no producers and no transactions.
 */

import { ByteReader, ByteWriter, ShortInput } from '../../base/bytes.ts'
import { crc32 } from '../../base/checksum.ts'
import { WireError } from '../schema/errors.ts'
import { codecs, decompress } from './compression.ts'
import { type BatchRecord, BatchView, decodeRecords } from './record-batch.ts'
import { breach } from './types.ts'

/** Offset and size, which are in front of every message. */
const frontBytes = 12
const compressionBits = 7

export type SetFault = 'corrupt' | 'compression'

/** A set, or what is wrong with it. */
export type MessageSet =
  | { readonly fault: SetFault }
  | { readonly fault: undefined; readonly records: readonly BatchRecord[] }

/** A message without a timestamp (magic 0) is as old as `now`. Bytes are borrowed. */
export function decodeMessageSet(
  bytes: Uint8Array,
  bounds: { readonly now: number; readonly bytesMax: number },
): MessageSet {
  const records: BatchRecord[] = []
  try {
    const fault = readSet(bytes, { ...bounds, isInner: false }, records)
    return fault === undefined ? { fault, records } : { fault }
  } catch (error) {
    if (error instanceof ShortInput || error instanceof WireError) return { fault: 'corrupt' }
    throw error
  }
}

function readSet(
  bytes: Uint8Array,
  how: { readonly now: number; readonly bytesMax: number; readonly isInner: boolean },
  records: BatchRecord[],
): SetFault | undefined {
  const reader = new ByteReader(bytes)
  while (reader.left > 0) {
    reader.raw(8)
    const size = reader.u32() | 0
    if (size < 14) return 'corrupt'
    const message = reader.raw(size)
    const fault = readMessage(message, how, records)
    if (fault !== undefined) return fault
  }
  return undefined
}

function readMessage(
  message: Uint8Array,
  how: { readonly now: number; readonly bytesMax: number; readonly isInner: boolean },
  records: BatchRecord[],
): SetFault | undefined {
  const reader = new ByteReader(message)
  if (reader.u32() !== crc32(message.subarray(4))) return 'corrupt'
  const magic = reader.u8()
  if (magic > 1) return 'corrupt'
  const codec = reader.u8() & compressionBits
  const time = magic === 1 ? Number(reader.i64()) : how.now
  const key = readNullable(reader)
  const value = readNullable(reader)
  if (codec === codecs.none) {
    records.push({ timestamp: time < 0 ? how.now : time, key, value })
    return undefined
  }
  if (how.isInner || value === null) return 'corrupt'
  const inner = decompress(codec, value, how.bytesMax)
  return inner === undefined ? 'compression' : readSet(inner, { ...how, isInner: true }, records)
}

function readNullable(reader: ByteReader): Uint8Array | null {
  const length = reader.u32() | 0
  if (length < -1) throw breach(`a length of ${length}`, reader.at)
  return length < 0 ? null : reader.raw(length)
}

/**
 * Batches as a message set, without what was written before `from`, and without the marks of
 * transactions. Undefined: there is a batch among them that cannot be looked into.
 */
export function messageSetOf(
  batches: readonly Uint8Array[],
  how: { readonly from: number; readonly magic: 0 | 1; readonly bytesMax: number },
): Uint8Array | undefined {
  const view = new BatchView()
  const placed: PlacedRecord[] = []
  for (const bytes of batches) {
    const { isControl, baseOffset } = view.over(bytes)
    if (isControl) continue
    const records = decodeRecords(bytes, how.bytesMax)
    if (records === undefined) return undefined
    for (const [index, record] of records.entries()) {
      const offset = baseOffset + index
      if (offset >= how.from) placed.push({ ...record, offset })
    }
  }
  return encodeMessageSet(placed, how.magic)
}

/** A record in its place. */
export interface PlacedRecord extends BatchRecord {
  readonly offset: number
}

/** Headers have no place in this format: they are left out, as Kafka leaves them out. */
export function encodeMessageSet(records: readonly PlacedRecord[], magic: 0 | 1): Uint8Array {
  const writer = new ByteWriter(256)
  for (const { offset, timestamp, key, value } of records) {
    const start = writer.end
    writer.u64(offset)
    writer.u32(0)
    writer.u32(0)
    writer.u8(magic)
    writer.u8(0)
    if (magic === 1) writer.u64(timestamp)
    writeNullable(writer, key)
    writeNullable(writer, value)
    writer.view.setUint32(start + 8, writer.end - start - frontBytes)
    const checked = writer.bytes.subarray(start + frontBytes + 4, writer.end)
    writer.view.setUint32(start + frontBytes, crc32(checked))
  }
  return writer.take()
}

function writeNullable(writer: ByteWriter, bytes: Uint8Array | null): void {
  writer.u32(bytes === null ? -1 : bytes.length)
  if (bytes !== null) writer.raw(bytes)
}
