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
  /** Not in anybody's hands, by offset. */
  readonly waiting: FetchedRecord[] = []
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
    const { waiting } = this
    return !this.isLost && waiting.length < waitingCountMax && this.#waitingBytes < waitingBytesMax
  }

  add(record: FetchedRecord): void {
    let low = 0
    let high = this.waiting.length
    if (high > 0 && this.waiting[high - 1]!.offset < record.offset) low = high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.waiting[middle]!.offset < record.offset) low = middle + 1
      else high = middle
    }
    this.waiting.splice(low, 0, record)
    this.#waitingBytes += record.body.length + recordBytes
  }

  removeAt(index: number): FetchedRecord {
    const [record] = this.waiting.splice(index, 1)
    this.#waitingBytes -= record!.body.length + recordBytes
    return record!
  }

  /** What lies before `offset` is gone from the log. */
  forgetBefore(offset: number): void {
    const { watermark } = this.progress
    if (offset > watermark) this.progress.settle(watermark, offset - watermark)
    while (this.waiting.length > 0 && this.waiting[0]!.offset < offset) this.removeAt(0)
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
    for (let index = 0; index < this.waiting.length; index++) {
      const record = this.waiting[index]!
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
