/**
 * Which record of a log has the newest timestamp, for ListOffsets. Timestamps are the producers':
 * that can be any record, and only looking tells, a slice at a time, and from then on only at what
 * has come since. Kafka keeps it in an index on the disk; here it is found anew after a start.
 */

import type { EngineDoor } from '../../engine/engine.ts'
import { decodeRecords } from '../../wire/kafka/record-batch.ts'
import type { ReadPlain } from '../plain-record.ts'
import { limits } from './limits.ts'
import { batchOf } from './mapping.ts'

export interface NewestRecord {
  readonly timestamp: number
  readonly offset: number
}

/** What has been looked at: everything before `to`, where this batch was the newest. */
interface Standing {
  to: number
  time: number
  position: number
}

const none: NewestRecord = { timestamp: -1, offset: -1 }

export class NewestRecords {
  readonly #engine: EngineDoor
  readonly #readPlain: ReadPlain
  readonly #standings = new Map<string, Standing>()

  constructor(engine: EngineDoor, readPlain: ReadPlain) {
    this.#engine = engine
    this.#readPlain = readPlain
  }

  /** Looks at one slice more. Undefined: that was not all of it, so ask again. */
  find(log: string): NewestRecord | undefined {
    const info = this.#engine.log(log)
    if (info === undefined) return none
    const standing = this.#standingOf(log, info)
    const bounds = { countMax: limits.sliceRecordsMax, bytesMax: limits.sliceBytesMax }
    const outcome = this.#engine.read(log, { position: standing.to }, bounds)
    const records = outcome.ok ? outcome.value : []
    for (const { time, position, span } of records) {
      standing.to = position + span
      if (time <= standing.time) continue
      standing.time = time
      standing.position = position
    }
    if (records.length > 0 && standing.to < info.next) return undefined
    standing.to = info.next
    return standing.position < 0 ? none : this.#within(log, standing)
  }

  forget(log: string): void {
    this.#standings.delete(log)
  }

  #standingOf(log: string, info: { readonly first: number; readonly next: number }): Standing {
    const known = this.#standings.get(log)
    const isGone = known !== undefined && known.position >= 0 && known.position < info.first
    if (known !== undefined && !isGone && known.to <= info.next) return known
    const fresh = { to: info.first, time: Number.NEGATIVE_INFINITY, position: -1 }
    this.#standings.delete(log)
    this.#standings.set(log, fresh)
    if (this.#standings.size > limits.newestKept) {
      const [oldest] = this.#standings.keys()
      this.#standings.delete(oldest!)
    }
    return fresh
  }

  /** The first record of the batch that has its newest time. */
  #within(log: string, { time, position }: Standing): NewestRecord | undefined {
    const outcome = this.#engine.read(log, { position }, { countMax: 1, bytesMax: 1 })
    const record = outcome.ok ? outcome.value[0] : undefined
    if (record?.position !== position) {
      // Compaction has taken the batch out.
      this.forget(log)
      return undefined
    }
    if (record.span === 1) return { timestamp: time, offset: position }
    const batch = batchOf(record, this.#readPlain)
    const records = decodeRecords(batch, limits.decompressedBytesMax)
    const index = records?.findIndex(({ timestamp }) => timestamp === time) ?? -1
    return { timestamp: time, offset: position + Math.max(0, index) }
  }
}
