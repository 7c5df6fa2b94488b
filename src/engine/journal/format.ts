/**
 * The journal's bytes. All integers are little endian.
 *
 *     file     = header(32) block*
 *     header   = "SPWYJRNL" version:u32 number:u32 zero:u64 zero:u64
 *     block    = magic:u32 crc:u32 length:u32 entries:u32 first:f64 synced:f64 entry*
 *                 crc is over everything after itself; length is of the whole block
 *                 first   sequence number of the first entry
 *                 synced  what was known to be on the disk when the block was sealed: a damaged
 *                         block below it was once whole (rot); one above it was never promised
 *                         (torn)
 *     entry    = kind:u8 version:u8 flags:u16 length:u32 …            length is of the whole entry
 *
 *     record entry (append, relocate)
 *       0 kind version flags length   8 time:f64      16 span:u32       20 body:u32
 *      24 envelope:u32                28 key:u16      30 targets:u16
 *      32 priority:u8  format:u8  route:u8  group:u8  dedupe:u8  zero:u8  attempts:u16
 *      40 ttl:f64                     48 due:f64      56 extra:u32      60 crc:u32
 *      64 (log:u32 zero:u32 position:f64 expires:f64)*targets
 *         route key group dedupe extra(JSON) envelope body
 *         crc is over the whole entry, with this field zero; where the flag `checked` is set. It is
 *         for who reads the record alone from an old file, where nobody sees its block.
 *
 * A block is the unit of atomicity: a batch never spans two. What the other entries hold is drawn
 * where they are written, in `effects.ts`. This file knows bytes only; it holds no state.
 */

import { assert } from '../../base/assert.ts'
import { decodeUtf8, noBytes } from '../../base/bytes.ts'
import { crc32Of } from '../../base/checksum.ts'
import type { Death, StoredRecord } from '../model.ts'

export const formatVersion = 1
export const fileHeaderBytes = 32
export const blockHeaderBytes = 32
export const entryHeaderBytes = 8
export const recordHeaderBytes = 64
export const targetBytes = 24
export const blockMagic = 0x4b42_5753 // "SWBK"
const fileMagic = [0x53, 0x50, 0x57, 0x59, 0x4a, 0x52, 0x4e, 0x4c] // "SPWYJRNL"

export const kinds = {
  append: 1,
  relocate: 2,
  lease: 3,
  settle: 4,
  return: 5,
  due: 6,
  define: 7,
  trim: 8,
  extend: 9,
  cursor: 10,
  put: 11,
  /** Says nothing; its block vouches for all before it. The last entry of a clean end. */
  mark: 12,
} as const

export const recordFlags = { transient: 1, ttl: 2, due: 4, extra: 8, checked: 16 } as const

const recordCrcAt = 60

export function journalFileName(number: number): string {
  return `${String(number).padStart(10, '0')}.journal`
}

export function hintFileName(number: number): string {
  return `${String(number).padStart(10, '0')}.hint`
}

export function snapshotFileName(number: number): string {
  return `${String(number).padStart(10, '0')}.snapshot`
}

/** The number in a name of the given ending, or undefined when it is something else. */
export function fileNumberOf(
  name: string,
  ending: 'journal' | 'hint' | 'snapshot',
): number | undefined {
  const match = /^(\d{10})\.([a-z]+)$/.exec(name)
  return match !== null && match[2] === ending ? Number(match[1]) : undefined
}

export function writeFileHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  number: number,
): void {
  bytes.set(fileMagic, at)
  view.setUint32(at + 8, formatVersion, true)
  view.setUint32(at + 12, number, true)
}

/** Undefined when the header is right, otherwise what is wrong with it. */
export function checkFileHeader(bytes: Uint8Array, number: number): string | undefined {
  if (bytes.length < fileHeaderBytes) return 'the file header is incomplete'
  for (let index = 0; index < fileMagic.length; index++) {
    if (bytes[index] !== fileMagic[index]) return 'this is not a journal file'
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint32(8, true)
  // No release writes a zero here: it is a first write that the power cut short.
  if (version === 0) return 'the file header is incomplete'
  if (version !== formatVersion) return `format version ${version} is unknown to this release`
  if (view.getUint32(12, true) !== number) return 'the file has another number inside'
  return undefined
}

/** Fills in the header of a finished block; `crc32` is the storage's. */
export function sealBlock(
  slab: { bytes: Uint8Array; view: DataView },
  block: { start: number; end: number; entries: number; first: number; synced: number },
  crc32: (bytes: Uint8Array) => number,
): void {
  const { view } = slab
  const at = block.start
  view.setUint32(at, blockMagic, true)
  view.setUint32(at + 8, block.end - at, true)
  view.setUint32(at + 12, block.entries, true)
  view.setFloat64(at + 16, block.first, true)
  view.setFloat64(at + 24, block.synced, true)
  view.setUint32(at + 4, crc32(slab.bytes.subarray(at + 8, block.end)), true)
}

/**
 * Up to here the checksum is made in place: a view and a call into the system's function cost more
 * than they save (256 bytes: 265 against 302 ns, and twice as much for 80).
 */
const shortBytesMax = 256

/** Writes the checksum of the record entry at `start`, which is complete but for that. */
export function sealRecord(
  slab: { bytes: Uint8Array; view: DataView },
  start: number,
  end: number,
  crc32: (bytes: Uint8Array) => number,
): void {
  const { bytes, view } = slab
  view.setUint32(start + recordCrcAt, 0, true)
  const isShort = end - start <= shortBytesMax
  const crc = isShort ? crc32Of(bytes, start, end) : crc32(bytes.subarray(start, end))
  view.setUint32(start + recordCrcAt, crc, true)
}

/** False when the bytes are no record's entry, or not as they were written. */
export function isWholeRecord(entry: Uint8Array, crc32: (bytes: Uint8Array) => number): boolean {
  const kind = entry[0]
  if (kind !== kinds.append && kind !== kinds.relocate) return false
  if (entry.length < recordHeaderBytes) return false
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength)
  if (view.getUint32(4, true) !== entry.length) return false
  if ((view.getUint16(2, true) & recordFlags.checked) === 0) return true
  const crc = view.getUint32(recordCrcAt, true)
  view.setUint32(recordCrcAt, 0, true)
  const isRight = crc32(entry) === crc
  view.setUint32(recordCrcAt, crc, true)
  return isRight
}

export interface BlockHeader {
  readonly length: number
  readonly crc: number
  readonly entries: number
  readonly first: number
  readonly synced: number
}

/** The header of the block at `at`, or undefined when no block can be there. */
export function readBlockHeader(view: DataView, at: number, end: number): BlockHeader | undefined {
  if (at + blockHeaderBytes > end || view.getUint32(at, true) !== blockMagic) return undefined
  const length = view.getUint32(at + 8, true)
  if (length < blockHeaderBytes) return undefined
  return {
    length,
    crc: view.getUint32(at + 4, true),
    entries: view.getUint32(at + 12, true),
    first: view.getFloat64(at + 16, true),
    synced: view.getFloat64(at + 24, true),
  }
}

/** What does not fit the fixed header: rare, so it is JSON. */
export interface RecordExtra {
  readonly deaths?: readonly Death[]
  readonly keys?: readonly string[]
}

/**
 * A record read from its entry. The views are made when they are asked for, because most readers
 * want few of them. The bytes are borrowed.
 */
export class EntryRecord implements StoredRecord {
  readonly position: number
  readonly expiresAt: number | undefined
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #names: number
  #extra: RecordExtra | undefined

  /** `target` is the index of the target through which the record is read. */
  constructor(bytes: Uint8Array, target: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const at = recordHeaderBytes + target * targetBytes
    this.position = this.#view.getFloat64(at + 8, true)
    const expires = this.#view.getFloat64(at + 16, true)
    this.expiresAt = expires === Infinity ? undefined : expires
    this.#names = recordHeaderBytes + this.targets * targetBytes
  }

  get flags(): number {
    return this.#view.getUint16(2, true)
  }
  get time(): number {
    return this.#view.getFloat64(8, true)
  }
  get span(): number {
    return this.#view.getUint32(16, true)
  }
  get targets(): number {
    return this.#view.getUint16(30, true)
  }
  get priority(): number {
    return this.#bytes[32]!
  }
  get format(): number {
    return this.#bytes[33]!
  }
  /** Attempts that it brought along when it was moved to the tail. */
  get attempts(): number {
    return this.#view.getUint16(38, true)
  }
  get transient(): boolean {
    return (this.flags & recordFlags.transient) !== 0
  }
  get ttlMs(): number | undefined {
    return (this.flags & recordFlags.ttl) !== 0 ? this.#view.getFloat64(40, true) : undefined
  }
  get dueAt(): number | undefined {
    return (this.flags & recordFlags.due) !== 0 ? this.#view.getFloat64(48, true) : undefined
  }
  get route(): Uint8Array {
    return this.#slice(this.#names, this.#bytes[34]!)
  }
  get key(): Uint8Array {
    return this.#slice(this.#names + this.#bytes[34]!, this.#keyBytes)
  }
  get group(): string | undefined {
    const length = this.#bytes[35]!
    if (length === 0) return undefined
    return decodeUtf8(this.#slice(this.#names + this.#bytes[34]! + this.#keyBytes, length))
  }
  get dedupeId(): string | undefined {
    const length = this.#bytes[36]!
    if (length === 0) return undefined
    const at = this.#names + this.#bytes[34]! + this.#keyBytes + this.#bytes[35]!
    return decodeUtf8(this.#slice(at, length))
  }
  get extra(): RecordExtra {
    if (this.#extra === undefined) {
      const length = this.#view.getUint32(56, true)
      const bytes = this.#slice(this.#extraAt, length)
      this.#extra = length === 0 ? {} : (JSON.parse(decodeUtf8(bytes)) as RecordExtra)
    }
    return this.#extra
  }
  get deaths(): readonly Death[] {
    return (this.flags & recordFlags.extra) === 0 ? [] : (this.extra.deaths ?? [])
  }
  get moreKeys(): readonly string[] {
    return (this.flags & recordFlags.extra) === 0 ? [] : (this.extra.keys ?? [])
  }
  get envelope(): Uint8Array {
    return this.#slice(this.#envelopeAt, this.#view.getUint32(24, true))
  }
  get body(): Uint8Array {
    const envelopeEnd = this.#envelopeAt + this.#view.getUint32(24, true)
    return this.#slice(envelopeEnd, this.#view.getUint32(20, true))
  }

  /** The log and position of target `index`. */
  targetAt(index: number): { log: number; position: number; expiresAt: number } {
    const at = recordHeaderBytes + index * targetBytes
    return {
      log: this.#view.getUint32(at, true),
      position: this.#view.getFloat64(at + 8, true),
      expiresAt: this.#view.getFloat64(at + 16, true),
    }
  }

  get #keyBytes(): number {
    return this.#view.getUint16(28, true)
  }
  get #extraAt(): number {
    const bytes = this.#bytes
    return this.#names + bytes[34]! + this.#keyBytes + bytes[35]! + bytes[36]!
  }
  get #envelopeAt(): number {
    return this.#extraAt + this.#view.getUint32(56, true)
  }

  #slice(at: number, length: number): Uint8Array {
    if (length === 0) return noBytes
    assert(at + length <= this.#bytes.length, 'a record ends inside its entry')
    return this.#bytes.subarray(at, at + length)
  }
}

/** Finds through which target a log reads this entry: the identity check of every read. */
export function targetIndexOf(bytes: Uint8Array, log: number, position: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < recordHeaderBytes) return -1
  const kind = bytes[0]
  if (kind !== kinds.append && kind !== kinds.relocate) return -1
  if (view.getUint32(4, true) !== bytes.length) return -1
  const targets = view.getUint16(30, true)
  for (let index = 0, at = recordHeaderBytes; index < targets; index++, at += targetBytes) {
    if (view.getUint32(at, true) === log && view.getFloat64(at + 8, true) === position) return index
  }
  return -1
}
