/**
 * Where the records of one log are: 16 bytes of memory for each, whatever its size.
 *
 *     chunk = first position, up to 1024 × (file:u32 offset:u32 length:u32 body:u32)
 *             and, only where positions have gaps, their distance from the first one
 *
 * Chunks are in the order of positions, and records are only added at the end; a record that is
 * gone has length 0, a chunk without records is taken out. `body` is the size of the body alone:
 * limits by bytes need it without reading the record.
 */

import { assert } from '../../base/assert.ts'

const chunkRecords = 1024
const words = 4

interface Chunk {
  readonly first: number
  /** Slots in use, dead ones included. */
  used: number
  live: number
  data: Uint32Array
  /** Position of each slot minus `first`; undefined while they are consecutive. */
  gaps: Uint32Array | undefined
}

/** A record's place, as the index tells it. */
export interface Entry {
  file: number
  offset: number
  length: number
  body: number
}

export type VisitEntry = (position: number, offset: number, length: number, body: number) => void

export class RecordIndex {
  /** Records held. */
  count = 0
  /** Sum of their bodies. */
  bodyBytes = 0
  #chunks: Chunk[] = []
  /** Chunks before this one have been taken out; the array is cut now and then. */
  #head = 0
  #cached: Chunk | undefined

  add(position: number, file: number, offset: number, length: number, body: number): void {
    let chunk = this.#chunks.at(-1)
    if (
      chunk === undefined ||
      chunk.used === chunkRecords ||
      position - chunk.first > 0xffff_ffff
    ) {
      // A log that has filled a chunk will fill the next one: no growing in steps.
      const data = new Uint32Array((chunk?.used === chunkRecords ? chunkRecords : 8) * words)
      chunk = { first: position, used: 0, live: 0, data, gaps: undefined }
      this.#chunks.push(chunk)
    }
    const slot = chunk.used
    if (slot * words === chunk.data.length) grow(chunk)
    const distance = position - chunk.first
    assert(slot === 0 || distance > lastDistance(chunk), 'I4: positions in a log rise')
    if (distance !== slot && chunk.gaps === undefined) spread(chunk)
    if (chunk.gaps !== undefined) chunk.gaps[slot] = distance
    write(chunk, slot, file, offset, length, body)
    chunk.used++
    chunk.live++
    this.count++
    this.bodyBytes += body
  }

  /** Fills `into` and returns true when there is a record at that position. */
  find(position: number, into: Entry): boolean {
    const chunk = this.#chunkOf(position)
    if (chunk === undefined) return false
    const slot = slotOf(chunk, position)
    if (slot < 0) return false
    const at = slot * words
    into.file = chunk.data[at]!
    into.offset = chunk.data[at + 1]!
    into.length = chunk.data[at + 2]!
    into.body = chunk.data[at + 3]!
    return into.length !== 0
  }

  has(position: number): boolean {
    const chunk = this.#chunkOf(position)
    if (chunk === undefined) return false
    const slot = slotOf(chunk, position)
    return slot >= 0 && chunk.data[slot * words + 2] !== 0
  }

  /** Size of the body at that position; 0 when there is none. */
  bodyAt(position: number): number {
    const chunk = this.#chunkOf(position)
    if (chunk === undefined) return 0
    const slot = slotOf(chunk, position)
    return slot < 0 || chunk.data[slot * words + 2] === 0 ? 0 : chunk.data[slot * words + 3]!
  }

  /** Takes a record out; fills `into` with where it was. */
  remove(position: number, into: Entry): boolean {
    const chunk = this.#chunkOf(position)
    if (chunk === undefined || !this.find(position, into)) return false
    chunk.data[slotOf(chunk, position) * words + 2] = 0
    chunk.live--
    this.count--
    this.bodyBytes -= into.body
    if (chunk.live === 0) this.#takeOut(chunk)
    return true
  }

  /** The record has been copied to another place. */
  move(position: number, file: number, offset: number, length: number): void {
    const chunk = this.#chunkOf(position)
    assert(chunk !== undefined, 'a record that moves is there')
    const at = slotOf(chunk, position) * words
    chunk.data[at] = file
    chunk.data[at + 1] = offset
    chunk.data[at + 2] = length
  }

  /** First position at or after `position` that holds a record, or -1. */
  nextAtOrAfter(position: number): number {
    for (let index = this.#chunkIndexOf(position); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]!
      let slot = chunk.first >= position ? 0 : lowerBound(chunk, position - chunk.first)
      for (; slot < chunk.used; slot++) {
        if (chunk.data[slot * words + 2] !== 0) return positionOf(chunk, slot)
      }
    }
    return -1
  }

  /** Position of the record that lies at or before `position` (it may span over it), or -1. */
  lastAtOrBefore(position: number): number {
    for (let index = this.#chunkIndexOf(position); index >= this.#head; index--) {
      const chunk = this.#chunks[index]
      if (chunk === undefined || chunk.first > position) continue
      let slot = lowerBound(chunk, position - chunk.first + 1) - 1
      for (; slot >= 0; slot--) {
        if (chunk.data[slot * words + 2] !== 0) return positionOf(chunk, slot)
      }
    }
    return -1
  }

  /** Calls back for each run of consecutive positions at or after `from`, in order. */
  forEachRun(from: number, visit: (first: number, count: number) => void): void {
    let runFirst = -1
    let runEnd = -1
    for (let index = this.#chunkIndexOf(from); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]!
      const whole = chunk.live === chunk.used && chunk.gaps === undefined && chunk.first >= from
      if (whole && chunk.first === runEnd) {
        runEnd += chunk.used
        continue
      }
      for (let slot = 0; slot < chunk.used; slot++) {
        if (chunk.data[slot * words + 2] === 0) continue
        const position = positionOf(chunk, slot)
        if (position < from) continue
        if (position !== runEnd) {
          if (runFirst >= 0) visit(runFirst, runEnd - runFirst)
          runFirst = position
        }
        runEnd = position + 1
      }
    }
    if (runFirst >= 0) visit(runFirst, runEnd - runFirst)
  }

  /** Calls back for each record at or after `from` that lies in that file, in order. */
  forEachInFile(from: number, file: number, visit: VisitEntry): void {
    for (let index = this.#chunkIndexOf(from); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index]!
      const { data, used } = chunk
      let slot = chunk.first >= from ? 0 : lowerBound(chunk, from - chunk.first)
      for (; slot < used; slot++) {
        const at = slot * words
        if (data[at] !== file || data[at + 2] === 0) continue
        visit(positionOf(chunk, slot), data[at + 1]!, data[at + 2]!, data[at + 3]!)
      }
    }
  }

  /** Forgets everything; recovery builds it anew where copies came out of order. */
  clear(): void {
    this.#chunks = []
    this.#head = 0
    this.#cached = undefined
    this.count = 0
    this.bodyBytes = 0
  }

  #takeOut(chunk: Chunk): void {
    if (this.#cached === chunk) this.#cached = undefined
    if (this.#chunks[this.#head] === chunk) {
      this.#chunks[this.#head] = retired
      this.#head++
      if (this.#head > 64 && this.#head * 2 > this.#chunks.length) {
        this.#chunks.splice(0, this.#head)
        this.#head = 0
      }
      if (this.#head === this.#chunks.length) {
        this.#chunks = []
        this.#head = 0
      }
    } else {
      this.#chunks.splice(this.#chunks.indexOf(chunk, this.#head), 1)
    }
  }

  #chunkOf(position: number): Chunk | undefined {
    const cached = this.#cached
    if (cached !== undefined && position >= cached.first && position <= lastPosition(cached)) {
      return cached
    }
    const chunk = this.#chunks[this.#chunkIndexOf(position)]
    if (chunk === undefined || position < chunk.first || position > lastPosition(chunk))
      return undefined
    this.#cached = chunk
    return chunk
  }

  /** Index of the last chunk that begins at or before `position`, or of the first one. */
  #chunkIndexOf(position: number): number {
    let low = this.#head
    let high = this.#chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#chunks[middle]!.first <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}

const retired: Chunk = { first: -1, used: 0, live: 0, data: new Uint32Array(0), gaps: undefined }

function grow(chunk: Chunk): void {
  const data = new Uint32Array(Math.min(chunk.data.length * 2, chunkRecords * words))
  data.set(chunk.data)
  chunk.data = data
  if (chunk.gaps === undefined) return
  const gaps = new Uint32Array(data.length / words)
  gaps.set(chunk.gaps)
  chunk.gaps = gaps
}

/** Positions stop being consecutive: from now on each slot says its own. */
function spread(chunk: Chunk): void {
  const gaps = new Uint32Array(chunk.data.length / words)
  for (let slot = 0; slot < chunk.used; slot++) gaps[slot] = slot
  chunk.gaps = gaps
}

function write(
  chunk: Chunk,
  slot: number,
  file: number,
  offset: number,
  length: number,
  body: number,
): void {
  assert(length > 0, 'an entry has bytes')
  const at = slot * words
  chunk.data[at] = file
  chunk.data[at + 1] = offset
  chunk.data[at + 2] = length
  chunk.data[at + 3] = body
}

function lastDistance(chunk: Chunk): number {
  return chunk.gaps === undefined ? chunk.used - 1 : chunk.gaps[chunk.used - 1]!
}

function lastPosition(chunk: Chunk): number {
  return chunk.first + lastDistance(chunk)
}

function positionOf(chunk: Chunk, slot: number): number {
  return chunk.first + (chunk.gaps === undefined ? slot : chunk.gaps[slot]!)
}

/** First slot whose distance is at least `distance`. */
function lowerBound(chunk: Chunk, distance: number): number {
  if (chunk.gaps === undefined) return Math.max(0, Math.min(distance, chunk.used))
  let low = 0
  let high = chunk.used
  while (low < high) {
    const middle = (low + high) >> 1
    if (chunk.gaps[middle]! < distance) low = middle + 1
    else high = middle
  }
  return low
}

function slotOf(chunk: Chunk, position: number): number {
  const distance = position - chunk.first
  const slot = lowerBound(chunk, distance)
  if (slot >= chunk.used) return -1
  return chunk.gaps === undefined || chunk.gaps[slot] === distance ? slot : -1
}
