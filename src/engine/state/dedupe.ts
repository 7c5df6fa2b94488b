/**
 * The ids that a log has seen within its window. They outlive their records: a record that was
 * handled and deleted is still known. Insertion order is age order, so forgetting is from the
 * front, by the time of the record that comes in: no clock (I3).
 */

import { limits } from '../limits.ts'

export class Dedupe {
  windowMs: number
  /** id → position and time of the first record with it. */
  readonly seen = new Map<string, { readonly position: number; readonly time: number }>()

  constructor(windowMs: number) {
    this.windowMs = windowMs
  }

  /**
   * Position of the record that was first with this id, or undefined when `time` is out of its
   * window.
   */
  find(id: string, time: number): number | undefined {
    const first = this.seen.get(id)
    return first !== undefined && time < first.time + this.windowMs ? first.position : undefined
  }

  add(id: string, position: number, time: number): void {
    for (const [other, first] of this.seen) {
      if (time < first.time + this.windowMs && this.seen.size < limits.dedupeIdsMax) break
      this.seen.delete(other)
    }
    this.seen.delete(id)
    this.seen.set(id, { position, time })
  }
}
