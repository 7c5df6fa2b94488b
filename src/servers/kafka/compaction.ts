/**
 * Compaction: of a topic with `cleanup.policy=compact`, a batch goes once each of its records has a
 * newer one of the same key. Batches are kept or go as a whole: they are stored as they came, so a
 * batch of which one record is the newest stays with all of them.
 *
 * Two passes in slices: the first notes the newest offset of each key, the second takes out. What
 * cannot be looked into (zstd), what was aborted, and the marks of transactions stay, and count for
 * nothing. A pass is made when enough has come since the last one (`min.cleanable.dirty.ratio`).
 */

import type { EngineDoor } from '../../engine/engine.ts'
import { formats, type StoredRecord } from '../../engine/model.ts'
import type { Clock } from '../../engine/ports.ts'
import {
  type BatchRecord,
  BatchView,
  batchHeaderBytes,
  decodeRecords,
} from '../../wire/kafka/record-batch.ts'
import { WireError } from '../../wire/schema/errors.ts'
import { fallbackOf } from './configs.ts'
import { limits } from './limits.ts'
import { isCompacted } from './mapping.ts'
import type { Topic } from './topics.ts'

/** What has been looked at in one go. */
interface Work {
  readonly records: number
  readonly bytes: number
}

/** A batch that can be looked into. */
interface Readable {
  readonly stored: StoredRecord
  readonly records: readonly BatchRecord[]
}

export class Compaction {
  readonly #engine: EngineDoor
  readonly #clock: Clock
  readonly #stableEnd: (log: string, next: number) => number
  readonly #isAborted: (log: string, producerId: number, offset: number) => boolean
  /** Log → its bytes after the last pass. */
  readonly #cleanBytes = new Map<string, number>()
  readonly #view = new BatchView()

  constructor(parts: {
    readonly engine: EngineDoor
    readonly clock: Clock
    readonly stableEnd: (log: string, next: number) => number
    readonly isAborted: (log: string, producerId: number, offset: number) => boolean
  }) {
    this.#engine = parts.engine
    this.#clock = parts.clock
    this.#stableEnd = parts.stableEnd
    this.#isAborted = parts.isAborted
  }

  /** One partition, in slices; ends at once where there is nothing to do. */
  *pass(topic: Topic, log: string): Generator<Work, undefined> {
    const info = this.#engine.log(log)
    if (info === undefined || info.config.queue !== undefined || !isCompacted(topic.configs)) return
    const clean = this.#cleanBytes.get(log) ?? 0
    if (info.bytes === 0 || (info.bytes - clean) / info.bytes < ratioOf(topic)) return
    const end = this.#stableEnd(log, info.next)
    const newest = new Map<string, number>()
    const seen = yield* this.#note(log, { from: info.first, end, newest })
    yield* this.#takeOut(topic, log, { from: info.first, end: seen, newest })
    const after = this.#engine.log(log)
    if (after === undefined) this.#cleanBytes.delete(log)
    else this.#cleanBytes.set(log, after.bytes)
  }

  /** Notes the newest offset of each key; the end of what the notes are about. */
  *#note(
    log: string,
    { from, end, newest }: { from: number; end: number; newest: Map<string, number> },
  ): Generator<Work, number> {
    let position = from
    while (position < end) {
      const { found, work, next } = this.#read(log, position, end)
      for (const { stored, records } of found) {
        for (const [index, { key }] of records.entries()) {
          if (key !== null) newest.set(textOf(key), stored.position + index)
        }
      }
      if (next === position) return position
      position = next
      yield work
      // As many keys as there is memory for: what comes later is for the next time.
      if (newest.size > limits.compactionKeysMax) return position
    }
    return position
  }

  *#takeOut(
    topic: Topic,
    log: string,
    { from, end, newest }: { from: number; end: number; newest: ReadonlyMap<string, number> },
  ): Generator<Work, undefined> {
    const now = this.#clock.now()
    const youngest = now - numberOf(topic, 'min.compaction.lag.ms')
    const forgotten = now - numberOf(topic, 'delete.retention.ms')
    const isOld = (record: BatchRecord, offset: number): boolean => {
      if (record.key === null || record.timestamp > youngest) return false
      if (newest.get(textOf(record.key))! > offset) return true
      // The newest of its key says that the key is gone, and was there long enough to be heard.
      return record.value === null && record.timestamp < forgotten
    }
    let position = from
    while (position < end) {
      const { found, work, next } = this.#read(log, position, end)
      if (next === position) return
      const positions = found
        .filter(({ stored, records }) =>
          records.every((record, index) => isOld(record, stored.position + index)),
        )
        // The last batch stays: it tells where the partition has come to.
        .filter(({ stored }) => stored.position + stored.span < end)
        .map(({ stored }) => stored.position)
      if (positions.length > 0) this.#engine.trim(log, { positions })
      position = next
      yield work
    }
  }

  #read(
    log: string,
    position: number,
    end: number,
  ): { readonly found: readonly Readable[]; readonly work: Work; readonly next: number } {
    const bounds = { countMax: limits.sliceRecordsMax, bytesMax: limits.sliceBytesMax }
    const outcome = this.#engine.read(log, { position }, bounds)
    const all = outcome.ok ? outcome.value : []
    const within = all.filter(each => each.position < end)
    let bytes = 0
    for (const { body } of within) bytes += body.length
    const last = within[within.length - 1]
    return {
      found: within.flatMap(stored => this.#lookInto(log, stored) ?? []),
      work: { records: within.length, bytes },
      next: last === undefined ? position : last.position + last.span,
    }
  }

  #lookInto(log: string, stored: StoredRecord): Readable | undefined {
    const isBatch = stored.format === formats.kafkaBatch && stored.body.length >= batchHeaderBytes
    if (!isBatch) return undefined
    const { isControl, isTransactional, producerId } = this.#view.over(stored.body)
    if (isControl) return undefined
    if (isTransactional && this.#isAborted(log, producerId, stored.position)) return undefined
    try {
      const records = decodeRecords(stored.body, limits.decompressedBytesMax)
      return records === undefined ? undefined : { stored, records }
    } catch (error) {
      // Its checksum was right, and its records are not: nobody but its producer can say why.
      if (error instanceof WireError) return undefined
      throw error
    }
  }
}

/** Keys are octets; as text they can be compared. */
function textOf(key: Uint8Array): string {
  let text = ''
  for (const octet of key) text += String.fromCharCode(octet)
  return text
}

function numberOf(topic: Topic, name: string): number {
  return Number(topic.configs[name] ?? fallbackOf(name))
}

function ratioOf(topic: Topic): number {
  return numberOf(topic, 'min.cleanable.dirty.ratio')
}
