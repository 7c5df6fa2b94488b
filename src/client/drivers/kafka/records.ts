/** Messages of a partition: what was fetched, without what came to nothing. */

import type { Buffer } from 'node:buffer'
import type { Stored } from '../../driver.ts'
import { decodeBatches, type InRecord } from './batches.ts'
import type { Aborted } from './codec.ts'
import { printPosition } from './names.ts'

/** A record as it was fetched. */
export interface FetchedRecord extends InRecord {
  readonly topic: string
  readonly partition: number
}

/**
 * The records of an answer from `from` on, without those of aborted transactions, and the offset
 * after the last batch, whatever of it was a record.
 */
export function recordsOf(
  place: { readonly topic: string; readonly partition: number; readonly from: number },
  bytes: Buffer,
  aborted: readonly Aborted[],
): { readonly records: readonly FetchedRecord[]; readonly next: number } {
  const { topic, partition, from } = place
  const records: FetchedRecord[] = []
  let next = from
  /** Producers whose transaction at this point of the log is one that was aborted. */
  const dropping = new Set<number>()
  const starts = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  for (const batch of decodeBatches(bytes)) {
    while (starts.length > 0 && starts[0]!.firstOffset <= batch.lastOffset) {
      dropping.add(starts.shift()!.producerId)
    }
    next = Math.max(next, batch.lastOffset + 1)
    if (batch.control !== undefined) {
      if (batch.control === 'abort') dropping.delete(batch.producerId)
      continue
    }
    if (batch.lastOffset < from) continue
    if (batch.isTransactional && dropping.has(batch.producerId)) continue
    for (const { offset, time, key, body, headers } of batch.records()) {
      if (offset >= from) records.push({ topic, partition, offset, time, key, body, headers })
    }
  }
  return { records, next }
}

export function storedOf(record: FetchedRecord): Stored {
  const { time, key, body, headers } = record
  const position = printPosition(record)
  return { id: headers['spillway-id'] ?? position, position, time, key, body, headers }
}
