/**
 * The journal's write and read paths: entries are appended to the open block in memory, blocks are
 * sealed and written by the next flush, and what a flush has made durable is released.
 *
 *     entry() ─> slab ─> [open block] ──seal──> [waiting pieces] ──write──> released
 *                        └────────── read() finds young bytes in the slabs, old ones on disk
 *
 * One write is in flight at a time; while it runs, work goes on and fills the next one. So the
 * batch grows with the time that the disk takes, and nobody waits for a timer.
 *
 * It knows no state: what an entry means is the business of `state/`.
 */

import { assert } from '../../base/assert.ts'
import { EngineFailure } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Ports, StorageError, StorageFile, Timer } from '../ports.ts'
import { JournalFiles } from './files.ts'
import {
  blockHeaderBytes,
  checkFileHeader,
  entryHeaderBytes,
  fileHeaderBytes,
  formatVersion,
  isWholeRecord,
  journalFileName,
  kinds,
  sealBlock,
  writeFileHeader,
} from './format.ts'
import { type Slab, Slabs } from './slabs.ts'

/**
 * How urgently an entry must reach the disk. `gated`: replies wait for it; `record`: deliveries do,
 * too; `settled`: a reply would have to wait, but often there is none, so it is written when one
 * asks (`demand`) or after a moment; `lazy`: nobody waits, it rides along with the next write.
 */
export type Urgency = 'record' | 'gated' | 'settled' | 'lazy'

/** Where an entry's bytes are. */
export interface Location {
  file: number
  offset: number
  length: number
}

/**
 * Batches smaller than this are not worth a write of their own, nor a write ahead of the replies
 * that wait: with few messages under way, somebody waits for each of them (decision 14).
 */
const shareMin = 16

interface Piece {
  readonly slab: Slab
  readonly start: number
  readonly end: number
  /** Sequence number of the last entry inside. */
  readonly last: number
}

export interface JournalOptions {
  readonly durable: boolean
  /** Sync by a timer instead of with each write. */
  readonly syncEveryMs: number | undefined
  readonly fileBytes: number
  readonly cacheBytes: number
}

/** Where recovery left off. */
export interface JournalStart {
  readonly file: number
  readonly size: number
  /** Sequence number of the last entry that was recovered. */
  readonly sequence: number
  /** Files whose bytes may not have been synced by the process before. */
  readonly replayed: readonly number[]
}

export interface JournalEvents {
  released(): void
  /** A file is complete; its successor has been begun. */
  closed(file: number, size: number): void
  diskFull(full: boolean): void
  failed(failure: EngineFailure): void
}

export class Journal {
  /** The open block's memory: `entry` reserves in it, the caller writes. */
  bytes: Uint8Array
  view: DataView
  /** Sequence number of the newest entry. */
  sequence: number
  /** Newest entry that replies wait for, and that deliveries wait for. */
  gate: number
  recordGate: number
  released: number
  /** The same as a place: what was appended before it is released. -1: nothing is yet. */
  #releasedFile = -1
  #releasedOffset = 0
  /** The file that is being appended to. */
  file: number
  failure: EngineFailure | undefined
  readonly #ports: Ports
  readonly #options: JournalOptions
  readonly #events: JournalEvents
  readonly #files: JournalFiles
  readonly #slabs: Slabs
  #slab: Slab
  /** Offset in the slab of the open block, or -1: none is open. */
  #blockStart = -1
  #blockFirst = 0
  #entryStart = 0
  #batchDepth = 0
  #waiting: Piece[] = []
  #waitingBytes = 0
  #writing = false
  /** Until what was recovered is synced: later writes must not vouch for it. */
  #starting = true
  #wanted = false
  /** The newest gated entry that a flush has been asked for. */
  #asked = 0
  #lazyTimer: Timer | undefined
  #settledTimer: Timer | undefined
  #syncTimer: Timer | undefined
  #synced: number
  #unsyncedFiles = new Set<number>()
  /** The last entry that a write has been given, and how many the last two writes had. */
  #handed: number
  #lastCount = 0
  #countBefore = 0
  #diskFull = false
  #closing: (() => void) | undefined
  #hasMark = false
  /** Of the last `read`: its bytes were not in memory all the time. */
  #isFromDisk = false

  constructor(ports: Ports, options: JournalOptions, start: JournalStart, events: JournalEvents) {
    this.#ports = ports
    this.#options = options
    this.#events = events
    this.#files = new JournalFiles(ports.storage)
    this.#slabs = new Slabs(options.cacheBytes)
    this.file = start.file
    this.sequence = start.sequence
    this.gate = start.sequence
    this.recordGate = start.sequence
    // What was recovered may still sit in the page cache only: nothing leaves before it is synced.
    this.released = start.sequence - 1
    this.#synced = start.sequence - 1
    this.#handed = start.sequence
    this.#slab = this.#slabs.add(start.file, start.size)
    this.bytes = this.#slab.bytes
    this.view = this.#slab.view
    if (start.size === 0) this.#beginFile()
    this.#wanted = this.#waiting.length > 0
    this.#syncRecovered(start.replayed)
  }

  /** Bytes that wait for the disk. */
  get backlogBytes(): number {
    const open = this.#blockStart < 0 ? 0 : this.#slab.used - this.#blockStart - blockHeaderBytes
    return this.#waitingBytes + open
  }

  /** Length of the current file, waiting bytes included. */
  get size(): number {
    return this.#slab.offset + this.#slab.used
  }

  /**
   * Reserves an entry of `length` bytes (header included) and writes its header; returns the index
   * in `bytes` of the entry. The caller must fill in all of it before it does anything else.
   */
  entry(kind: number, length: number): number {
    if (this.failure !== undefined) throw this.failure
    if (this.#blockStart < 0) this.#openBlock(length)
    if (this.#slab.used + length > this.#slab.bytes.length) this.#growBlock(length)
    const start = this.#slab.used
    this.#entryStart = start
    this.#slab.used = start + length
    this.bytes[start] = kind
    this.bytes[start + 1] = formatVersion
    this.view.setUint16(start + 2, 0, true)
    this.view.setUint32(start + 4, length, true)
    return start
  }

  /**
   * Makes sure that a block is open. Only here, and never in the middle of a verb, may a file end;
   * so whoever begins before changing the state never sees it photographed half changed.
   */
  begin(): void {
    if (this.failure !== undefined) throw this.failure
    if (this.#isShareFull) this.flush()
    if (this.#blockStart < 0) this.#openBlock(0)
  }

  /**
   * Two batches take turns: one is on its way to the disk while the other fills. When one has
   * become large and the other small, the disk rests while the large one fills and the processor
   * while it is written; so a batch that has its half of both does not wait for the end of the
   * turn. Measured with 50 clients, one record each: batches of 48 and 2 before, 35 and 15
   * with it.
   */
  get #isShareFull(): boolean {
    if (this.#writing || !this.#wanted || this.#batchDepth > 0) return false
    const count = this.sequence - this.#handed
    return count >= shareMin && count * 2 >= this.#lastCount + this.#countBefore
  }

  /** Counts the entry just written; it is part of the state from here on. */
  finish(urgency: Urgency): void {
    this.sequence++
    if (urgency === 'lazy') {
      this.#armLazy()
    } else if (urgency === 'settled') {
      this.gate = this.sequence
      this.#armSettled()
    } else {
      this.#wanted = true
      this.gate = this.sequence
      this.#asked = this.sequence
      if (urgency === 'record') this.recordGate = this.sequence
    }
    if (this.#batchDepth === 0 && this.#slab.used - this.#blockStart >= limits.blockBytes)
      this.#seal()
  }

  /** Location of the entry that `entry` has just reserved. */
  locate(into: Location): void {
    into.file = this.#slab.file
    into.offset = this.#slab.offset + this.#entryStart
    into.length = this.#slab.used - this.#entryStart
  }

  /** Whether the entry at this place is released: what shows only that entry need not wait. */
  isReleased(file: number, offset: number): boolean {
    if (file !== this.#releasedFile) return file < this.#releasedFile
    return offset < this.#releasedOffset
  }

  /** Everything appended until the matching `endBatch` is in one block. */
  beginBatch(): void {
    this.#batchDepth++
  }

  endBatch(): void {
    this.#batchDepth--
    assert(this.#batchDepth >= 0, 'batches are balanced')
  }

  /** Somebody waits for all that is gated so far; false when it is on its way already. */
  demand(): boolean {
    if (this.gate <= this.#asked) return false
    this.#asked = this.gate
    this.#wanted = true
    return true
  }

  /** Starts a write when there is something worth one and none is in flight. */
  flush(lazyToo = false): void {
    if (lazyToo) this.#wanted ||= this.backlogBytes > 0
    if (!this.#wanted || this.#writing || this.#starting) return
    if (this.failure !== undefined || this.#diskFull) return
    this.#lazyTimer?.cancel()
    this.#lazyTimer = undefined
    this.#settledTimer?.cancel()
    this.#settledTimer = undefined
    this.#wanted = false
    this.#seal()
    this.#write()
  }

  /**
   * A record's entry; a view into memory that is never reused. Throws when it cannot be read, and
   * when what comes from the disk is not what was written: its block's checksum is not at hand.
   */
  readRecord(file: number, offset: number, length: number): Uint8Array {
    const bytes = this.read(file, offset, length)
    if (this.#isFromDisk && !isWholeRecord(bytes, this.#ports.storage.crc32)) {
      this.#damaged(file, offset, 'a record is not what was written', undefined)
    }
    return bytes
  }

  /** Any bytes of a file, as they are. Throws when they cannot be read. */
  read(file: number, offset: number, length: number): Uint8Array {
    const slab = this.#slabs.find(file, offset)
    this.#isFromDisk = slab === undefined
    if (slab !== undefined) {
      const at = offset - slab.offset
      return slab.bytes.subarray(at, at + length)
    }
    return this.#files.ahead(file, offset, length) ?? this.#readFromDisk(file, offset, length)
  }

  /** Ends the current file, so that the next entry starts a new one. */
  roll(): void {
    this.#seal()
    if (this.#blockStart >= 0) this.#slab.used = this.#blockStart
    this.#blockStart = -1
    if (this.size > fileHeaderBytes) this.#nextFile()
  }

  /** Lets go of a file that is about to be deleted. */
  forget(file: number): void {
    this.#files.forget(file)
    this.#slabs.dropFile(file, this.#slab)
  }

  /** Writes and syncs everything, then closes the files. Nothing may be appended afterwards. */
  close(done: () => void): void {
    this.#closing = done
    this.#lazyTimer?.cancel()
    this.#settledTimer?.cancel()
    this.#syncTimer?.cancel()
    if (this.failure !== undefined || this.#diskFull) return this.#closed()
    this.flush(true)
    this.#closeWhenQuiet()
  }

  fail(failure: EngineFailure): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.#events.failed(failure)
    if (this.#closing !== undefined) this.#closed()
  }

  // The open block

  #openBlock(entryBytes: number): void {
    if (this.size >= this.#options.fileBytes) this.#nextFile()
    const needed = blockHeaderBytes + entryBytes
    if (this.#slab.used + needed > this.#slab.bytes.length) {
      this.#useSlab(this.#slabs.add(this.file, this.size, needed))
    }
    this.#blockStart = this.#slab.used
    this.#blockFirst = this.sequence + 1
    this.#slab.used += blockHeaderBytes
  }

  /** The open block does not fit its slab any more: it moves, alone, to a larger one. */
  #growBlock(entryBytes: number): void {
    const old = this.#slab
    const start = this.#blockStart
    const length = old.used - start
    const slab = this.#slabs.add(old.file, old.offset + start, (length + entryBytes) * 2)
    slab.bytes.set(old.bytes.subarray(start, old.used))
    slab.used = length
    old.used = start
    this.#useSlab(slab)
    this.#blockStart = 0
  }

  #useSlab(slab: Slab): void {
    if (this.#slab.used === 0) this.#slabs.drop(this.#slab)
    this.#slab = slab
    this.bytes = slab.bytes
    this.view = slab.view
  }

  #seal(): void {
    if (this.#blockStart < 0 || this.sequence < this.#blockFirst) return
    const start = this.#blockStart
    const block = {
      start,
      end: this.#slab.used,
      entries: this.sequence - this.#blockFirst + 1,
      first: this.#blockFirst,
      synced: this.#synced,
    }
    this.#blockStart = -1
    sealBlock(this.#slab, block, this.#ports.storage.crc32)
    this.#enqueue({ slab: this.#slab, start, end: block.end, last: this.sequence })
  }

  #enqueue(piece: Piece): void {
    this.#waitingBytes += piece.end - piece.start
    const last = this.#waiting.at(-1)
    if (last !== undefined && last.slab === piece.slab && last.end === piece.start) {
      this.#waiting[this.#waiting.length - 1] = { ...piece, start: last.start }
    } else {
      this.#waiting.push(piece)
    }
  }

  // Files

  #beginFile(): void {
    const slab = this.#slab
    assert(slab.used === 0 && slab.offset === 0, 'a file begins with its header')
    writeFileHeader(slab.bytes, slab.view, 0, this.file)
    slab.used = fileHeaderBytes
    this.#enqueue({ slab, start: 0, end: fileHeaderBytes, last: this.sequence })
  }

  #nextFile(): void {
    const closed = this.file
    const size = this.size
    this.file++
    this.#useSlab(this.#slabs.add(this.file, 0))
    this.#beginFile()
    this.#events.closed(closed, size)
  }

  #open(number: number): StorageFile {
    return this.#files.open(
      number,
      other => other === this.file || this.#writing || this.#unsyncedFiles.has(other),
    )
  }

  #readFromDisk(file: number, offset: number, length: number): Uint8Array {
    let bytes: Uint8Array | undefined
    try {
      bytes = this.#files.read(this.#open(file), file, offset, length)
    } catch (cause) {
      this.#damaged(file, offset, 'it cannot be read', cause)
    }
    return bytes ?? this.#damaged(file, offset, 'the file ends too early', undefined)
  }

  #damaged(file: number, offset: number, what: string, cause: unknown): never {
    const text = `${journalFileName(file)} is damaged at byte ${offset}: ${what}`
    const failure = new EngineFailure('SPILLWAY_E_DAMAGED', text, cause)
    this.fail(failure)
    throw failure
  }

  /** Verifies a file's header; used when a file is opened by number from elsewhere. */
  checkHeader(number: number): string | undefined {
    const bytes = new Uint8Array(fileHeaderBytes)
    const count = this.#open(number).read(0, bytes)
    return checkFileHeader(bytes.subarray(0, count), number)
  }

  // Writing

  #write(): void {
    const first = this.#waiting[0]
    if (first === undefined) return
    const parts: Uint8Array[] = []
    let bytes = 0
    let last = first
    let count = 0
    for (const piece of this.#waiting) {
      if (piece.slab.file !== first.slab.file) break
      if (count > 0 && bytes + piece.end - piece.start > limits.writeBytesMax) break
      parts.push(piece.slab.bytes.subarray(piece.start, piece.end))
      bytes += piece.end - piece.start
      last = piece
      count++
    }
    const number = first.slab.file
    const offset = first.slab.offset + first.start
    this.#countBefore = this.#lastCount
    this.#lastCount = last.last - this.#handed
    this.#handed = last.last
    this.#writing = true
    let file: StorageFile
    try {
      file = this.#open(number)
    } catch (cause) {
      this.#written({ code: 'EIO', message: String(cause) }, number, count, bytes, last)
      return
    }
    const durable = this.#options.durable
    file.write(offset, parts, durable, error => this.#written(error, number, count, bytes, last))
  }

  #written(
    error: StorageError | undefined,
    file: number,
    count: number,
    bytes: number,
    last: Piece,
  ): void {
    this.#writing = false
    if (this.failure !== undefined) return
    if (error !== undefined) return this.#writeFailed(error, file)
    // The pieces are a prefix of what waits now: sealing only appends, or extends the last one.
    const extended = this.#waiting[count - 1]!
    this.#waiting.splice(0, count)
    if (extended.end > last.end) this.#waiting.unshift({ ...extended, start: last.end })
    this.#waitingBytes -= bytes
    if (this.#options.durable) this.#synced = last.last
    else this.#unsyncedFiles.add(file)
    if (this.#options.syncEveryMs !== undefined) this.#armSync(this.#options.syncEveryMs)
    this.#slabs.evict(this.#waiting[0]?.slab ?? this.#slab, this.#slab)
    const isNews = last.last > this.released
    if (isNews) {
      this.released = last.last
      this.#releasedFile = file
      this.#releasedOffset = last.slab.offset + last.end
    }
    if (this.#waiting.length > 0) this.#wanted = true
    // A large write goes out first: the disk works while replies are sent.
    if (this.sequence - this.#handed >= shareMin) this.flush()
    if (isNews) this.#events.released()
    this.flush()
    this.#closeWhenQuiet()
  }

  /** No space is no damage: the same bytes are written again, at the same place, later. */
  #writeFailed(error: StorageError, file: number): void {
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') {
      const text = `writing ${journalFileName(file)} failed: ${error.message}`
      return this.fail(new EngineFailure('SPILLWAY_E_WRITE', text, error))
    }
    if (this.#closing !== undefined) return this.#closed()
    this.#diskFull = true
    this.#wanted = true
    this.#events.diskFull(true)
    this.#ports.clock.schedule(limits.diskRetryMs, () => {
      if (!this.#diskFull || this.failure !== undefined) return
      this.#diskFull = false
      this.#events.diskFull(false)
      this.#wanted = true
      this.flush()
    })
  }

  /**
   * Makes sure that what was recovered is on the disk before anybody is told about it: the bytes,
   * and the files' names, which a process that was killed may have left unsynced, too.
   */
  #syncRecovered(replayed: readonly number[]): void {
    const upTo = this.sequence
    for (const number of replayed) this.#unsyncedFiles.add(number)
    this.#ports.storage.syncDirectory(error => {
      if (error !== undefined) {
        const text = `syncing the data folder failed: ${error.message}`
        return this.fail(new EngineFailure('SPILLWAY_E_WRITE', text, error))
      }
      this.#syncFiles(upTo, () => this.#started(upTo, replayed.length > 0))
    })
  }

  #started(upTo: number, isReplayed: boolean): void {
    this.#starting = false
    if (isReplayed && upTo > this.released) {
      this.released = upTo
      this.#events.released()
    }
    this.flush()
    this.#closeWhenQuiet()
  }

  #armLazy(): void {
    this.#lazyTimer ??= this.#ports.clock.schedule(limits.lazyFlushMs, () => {
      this.#lazyTimer = undefined
      this.flush(true)
    })
  }

  #armSettled(): void {
    this.#settledTimer ??= this.#ports.clock.schedule(limits.settledFlushMs, () => {
      this.#settledTimer = undefined
      this.flush(true)
    })
  }

  #armSync(everyMs: number): void {
    this.#syncTimer ??= this.#ports.clock.schedule(everyMs, () => {
      this.#syncTimer = undefined
      this.sync(() => undefined)
    })
  }

  /** Makes everything durable that has been released, whatever the policy. */
  sync(done: () => void): void {
    this.#syncFiles(this.released, done)
  }

  #syncFiles(upTo: number, done: () => void): void {
    const files = [...this.#unsyncedFiles]
    this.#unsyncedFiles.clear()
    let left = files.length
    if (left === 0) return done()
    for (const number of files) {
      this.#syncFile(number, () => {
        left--
        if (left > 0 || this.failure !== undefined) return
        this.#synced = Math.max(this.#synced, upTo)
        done()
      })
    }
  }

  #syncFile(number: number, done: () => void): void {
    const failed = (cause: StorageError) => {
      const text = `syncing ${journalFileName(number)} failed: ${cause.message}`
      this.fail(new EngineFailure('SPILLWAY_E_WRITE', text, cause))
    }
    try {
      this.#open(number).sync(error => {
        if (error !== undefined) failed(error)
        done()
      })
    } catch (cause) {
      failed({ code: 'EIO', message: String(cause) })
      done()
    }
  }

  #closeWhenQuiet(): void {
    if (this.#closing === undefined || this.#writing || this.#starting) return
    if (this.#waiting.length > 0) return
    this.sync(() => {
      if (this.#hasMark || this.failure !== undefined) this.#closed()
      else this.#writeMark()
    })
  }

  /**
   * Everything is on the disk, and one more block says so: without it, rot in the last block would
   * look like a torn write and be cut in silence.
   */
  #writeMark(): void {
    this.#hasMark = true
    this.entry(kinds.mark, entryHeaderBytes)
    this.finish('gated')
    this.flush()
  }

  #closed(): void {
    const done = this.#closing
    this.#closing = undefined
    this.failure ??= new EngineFailure('SPILLWAY_E_CLOSED', 'the engine is closed')
    this.#files.closeAll()
    done?.()
  }
}
