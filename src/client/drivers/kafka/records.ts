/** Messages as Kafka's records, and back. */

import { Buffer } from 'node:buffer'
import type { MessageRecord, RecordsBatch } from '@platformatic/kafka'
import type { Headers, Outgoing, Stored } from '../../driver.ts'
import { printPosition } from './names.ts'

/** A record as it was fetched. */
export interface FetchedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly time: number
  readonly key: string | undefined
  readonly headers: Headers
  readonly body: Uint8Array
  readonly bytes: number
}

const isControl = 1 << 5
const isAppendTime = 1 << 3
/** Of a control record, by its key: the producer's transaction came to nothing. */
const abortMarker = 0

export interface Aborted {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/**
 * The records of an answer from `from` on, without those of aborted transactions, and the offset
 * after the last batch, whatever of it was a record.
 */
export function recordsOf(
  place: { readonly topic: string; readonly partition: number; readonly from: number },
  batches: readonly RecordsBatch[],
  aborted: readonly Aborted[],
): { readonly records: readonly FetchedRecord[]; readonly next: number } {
  const records: FetchedRecord[] = []
  let next = place.from
  /** Producers whose transaction at this point of the log is one that was aborted. */
  const dropping = new Set<bigint>()
  const starts = [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset))
  for (const batch of batches) {
    const first = Number(batch.firstOffset)
    const last = first + batch.lastOffsetDelta
    while (starts.length > 0 && Number(starts[0]!.firstOffset) <= last) {
      dropping.add(starts.shift()!.producerId)
    }
    next = Math.max(next, last + 1)
    if ((batch.attributes & isControl) !== 0) {
      const key = batch.records[0]?.key
      const marker = key === undefined || key === null ? undefined : key.readInt16BE(2)
      if (marker === abortMarker) dropping.delete(batch.producerId)
      continue
    }
    if ((batch.attributes & 16) !== 0 && dropping.has(batch.producerId)) continue
    for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
      const offset = first + offsetDelta
      if (offset < place.from) continue
      const isByBroker = (batch.attributes & isAppendTime) !== 0
      const time = isByBroker ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta
      records.push({
        topic: place.topic,
        partition: place.partition,
        offset,
        time: Number(time),
        key: key === null ? undefined : key.toString('utf8'),
        headers: headersOf(headers),
        body: value === null ? new Uint8Array() : Uint8Array.from(value),
        bytes: 100 + (value?.length ?? 0),
      })
    }
  }
  return { records, next }
}

function headersOf(pairs: readonly (readonly [Buffer | null, Buffer | null])[]): Headers {
  const headers: { [name: string]: string } = {}
  for (const [name, value] of pairs) {
    if (name !== null && value !== null) headers[name.toString('utf8')] = value.toString('utf8')
  }
  return headers
}

export function storedOf(record: FetchedRecord): Stored {
  const { time, key, body, headers } = record
  const position = printPosition(record)
  return { id: headers['spillway-id'] ?? position, position, time, key, body, headers }
}

/** The record of a message; `partition` undefined leaves the choice to the producer. */
export function recordOf(
  { key, body, headers }: Pick<Outgoing, 'key' | 'body' | 'headers'>,
  to: { readonly topic: string; readonly partition: number },
): MessageRecord {
  const pairs = new Map<Buffer, Buffer>()
  for (const [name, value] of Object.entries(headers)) {
    pairs.set(Buffer.from(name, 'utf8'), Buffer.from(value, 'utf8'))
  }
  return {
    topic: to.topic,
    partition: to.partition,
    value: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    headers: pairs,
    ...(key === undefined ? {} : { key: Buffer.from(key, 'utf8') }),
  }
}

/** What a record takes in a batch, about: for batches that a broker will not refuse. */
export function sizeOf({ value, key, headers = new Map() }: MessageRecord): number {
  let bytes = 30 + value.length + (key?.length ?? 0)
  for (const [name, text] of headers) bytes += 4 + name.length + text.length
  return bytes
}
