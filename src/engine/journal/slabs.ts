/**
 * The memory that mirrors the newest stretches of the journal: the writer fills the last slab, and
 * young records are read from memory instead of the disk. A slab is never written a second time, so
 * that views into it stay what they were.
 */

import { limits } from '../limits.ts'

/** A stretch of memory that mirrors a stretch of one file. */
export interface Slab {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly file: number
  /** File offset of the first byte. */
  readonly offset: number
  used: number
}

export class Slabs {
  readonly #bytesMax: number
  /** In the order of file and offset. */
  #all: Slab[] = []
  #bytes = 0

  /** @param bytesMax how much of what is on the disk already is kept, in bytes */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** A new last one, of at least `capacity` bytes. */
  add(file: number, offset: number, capacity: number = limits.slabBytes): Slab {
    const bytes = new Uint8Array(Math.max(capacity, limits.slabBytes))
    const slab: Slab = { bytes, view: new DataView(bytes.buffer), file, offset, used: 0 }
    this.#all.push(slab)
    this.#bytes += bytes.length
    return slab
  }

  drop(slab: Slab): void {
    const index = this.#all.indexOf(slab)
    if (index < 0) return
    this.#all.splice(index, 1)
    this.#bytes -= slab.bytes.length
  }

  /** All of one file but `current`. */
  dropFile(file: number, current: Slab): void {
    this.#all = this.#all.filter(slab => {
      const keep = slab.file !== file || slab === current
      if (!keep) this.#bytes -= slab.bytes.length
      return keep
    })
  }

  /** Forgets the oldest until the rest fits; those from `needed` on are not on the disk yet. */
  evict(needed: Slab, current: Slab): void {
    let count = 0
    while (this.#bytes > this.#bytesMax && this.#all[count] !== needed) {
      const slab = this.#all[count]
      if (slab === undefined || slab === current) break
      this.#bytes -= slab.bytes.length
      count++
    }
    if (count > 0) this.#all.splice(0, count)
  }

  /** The one that has this byte. */
  find(file: number, offset: number): Slab | undefined {
    const slabs = this.#all
    let low = 0
    let high = slabs.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const slab = slabs[middle]!
      if (slab.file < file || (slab.file === file && slab.offset + slab.used <= offset)) {
        low = middle + 1
      } else if (slab.file > file || slab.offset > offset) {
        high = middle - 1
      } else {
        return slab
      }
    }
    return undefined
  }
}
