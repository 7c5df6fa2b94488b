/** One partition that is ours: how far the group is in it, and the messages that wait here. */

import type { Progress } from './progress.ts'
import type { FetchedRecord } from './records.ts'

/** Those who wait for the next commit of the partition. */
export interface Waiter {
  resolve(): void
  reject(error: Error): void
}

/** Fetched ahead in each partition, at most; what is parked counts. */
const waitingCountMax = 1000
const waitingBytesMax = 4 * 1024 * 1024
/** What a record takes besides its body, about. */
const recordBytes = 200
/** So many taken ones are kept at most before the rest moves up. */
const takenMax = 512
/** A commit's metadata may have 4,096 bytes (`offset.metadata.max.bytes`). */
const metadataBytesMax = 4000
/** From here on nothing new is handed out until some of what is out is settled. */
const metadataBytesFull = 2000

export class Track {
  readonly topic: string
  readonly partition: number
  progress: Progress
  /** Where the next fetch begins. */
  next: number
  /**
   * Not in anybody's hands, by offset; those before `#first` have been taken, which is where nearly
   * all are taken from: moving up thousands for each would cost more than all else does.
   */
  readonly #records: (FetchedRecord | undefined)[] = []
  #first = 0
  readonly waiters: Waiter[] = []
  /** Keys that are in somebody's hands. */
  readonly keysOut = new Set<string>()
  isLost = false
  isFetching = false
  #waitingBytes = 0
  #isFull = false

  constructor(place: { readonly topic: string; readonly partition: number }, progress: Progress) {
    this.topic = place.topic
    this.partition = place.partition
    this.progress = progress
    this.next = progress.watermark
  }

  get wantsMore(): boolean {
    return (
      !this.isLost && this.waitingCount < waitingCountMax && this.#waitingBytes < waitingBytesMax
    )
  }

  get waitingCount(): number {
    return this.#records.length - this.#first
  }

  waitingAt(index: number): FetchedRecord {
    return this.#records[this.#first + index]!
  }

  add(record: FetchedRecord): void {
    const records = this.#records
    let low = this.#first
    let high = records.length
    if (high > low && records[high - 1]!.offset < record.offset) low = high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (records[middle]!.offset < record.offset) low = middle + 1
      else high = middle
    }
    if (low === records.length) records.push(record)
    else records.splice(low, 0, record)
    this.#waitingBytes += record.body.length + recordBytes
  }

  removeAt(index: number): FetchedRecord {
    const record = this.waitingAt(index)
    if (index === 0) this.#takeFirst()
    else this.#records.splice(this.#first + index, 1)
    this.#waitingBytes -= record.body.length + recordBytes
    return record
  }

  #takeFirst(): void {
    const records = this.#records
    records[this.#first++] = undefined
    if (this.#first < takenMax && this.#first < records.length) return
    if (this.#first * 2 < records.length) return
    records.splice(0, this.#first)
    this.#first = 0
  }

  /** What lies before `offset` is gone from the log. */
  forgetBefore(offset: number): void {
    const { watermark } = this.progress
    if (offset > watermark) this.progress.settle(watermark, offset - watermark)
    while (this.waitingCount > 0 && this.waitingAt(0).offset < offset) this.removeAt(0)
    this.next = Math.max(this.next, offset)
  }

  /** The first that may be handed out now; else when the next may, if that is a matter of time. */
  candidate(
    now: number,
    keyOf: (record: FetchedRecord) => string | undefined,
    dueOf: (record: FetchedRecord) => number,
  ): { readonly index: number; readonly dueAt: number } {
    let dueFirst = Number.POSITIVE_INFINITY
    let parked: Set<string> | undefined
    for (let index = 0; index < this.waitingCount; index++) {
      const record = this.waitingAt(index)
      const held = this.progress.held(record.offset)
      if (held === undefined && this.#isFull) continue
      const key = keyOf(record)
      const dueAt = held?.dueAt ?? dueOf(record)
      if (dueAt > now) {
        dueFirst = Math.min(dueFirst, dueAt)
        if (key === undefined) continue
        parked ??= new Set()
        parked.add(key)
      } else if (key === undefined || !(this.keysOut.has(key) || parked?.has(key))) {
        return { index, dueAt: now }
      }
    }
    return { index: -1, dueAt: dueFirst }
  }

  /** For a commit; what does not fit is left out, the least important first. */
  encode(owner: string): { readonly offset: number; readonly metadata: string } {
    const { progress } = this
    let metadata = progress.encode(owner)
    this.#isFull = metadata.length > metadataBytesFull
    // Without who holds what, a crash costs no attempt; the settled ones stay settled.
    if (metadata.length > metadataBytesMax) {
      metadata = `${metadata.split(';', 2).join(';')};`
    }
    // Beyond that a crash hands out again what was settled last.
    while (metadata.length > metadataBytesMax) metadata = metadata.replace(/[,;][^,;]*;$/, ';')
    return { offset: progress.watermark, metadata }
  }
}
