/**
 * From files to state: the newest whole snapshot, the hints of the files before it, and a replay of
 * the files after it. Its time depends on the tail, not on the backlog.
 *
 * A block that does not check out is either *torn* (the last write before a crash; nobody was ever
 * told of it) or *rotten* (it was on the disk once). Every block says what was known to be synced
 * when it was sealed, so a later block that vouches for this place proves rot; then nothing is cut
 * and the engine refuses to open, with the file and the offset.
 */

import { EngineFailure } from '../errors.ts'
import type { Storage } from '../ports.ts'
import { openSnapshot, Restoring } from '../state/snapshot.ts'
import type { State } from '../state/state.ts'
import { readEffect } from './effects.ts'
import {
  type BlockHeader,
  blockHeaderBytes,
  checkFileHeader,
  EntryRecord,
  entryHeaderBytes,
  fileHeaderBytes,
  fileNumberOf,
  formatVersion,
  hintFileName,
  journalFileName,
  kinds,
  readBlockHeader,
  snapshotFileName,
} from './format.ts'
import { decodeHint, HintBuilder, type HintRun } from './hints.ts'
import type { JournalStart, Location } from './journal.ts'

export interface Recovery {
  readonly start: JournalStart
  /** Entries that were replayed after the snapshot. */
  readonly replayed: number
  /** Bytes of an unfinished last write that were cut. */
  readonly cutBytes: number
  /** Files before this number are covered by the snapshot that was found. */
  readonly covered: number
}

/** Fills `state`, which must be empty. Throws an `EngineFailure` when the data is damaged. */
export function recover(storage: Storage, state: State): Recovery {
  const names = storage.list()
  const journals = numbersOf(names, 'journal')
  const snapshot = newestSnapshot(storage, names)
  const firstNumber = snapshot?.number ?? 1
  for (const name of names) if (name.endsWith('.tmp')) storage.remove(name)
  let sequence = 0
  if (snapshot === undefined) {
    const first = journals[0]
    if (first !== undefined && first !== 1) {
      damaged(`the snapshot is missing: the journal begins with ${journalFileName(first)}`)
    }
  } else {
    sequence = snapshot.sequence
    restore(
      storage,
      state,
      snapshot.payload,
      journals.filter(number => number < firstNumber),
    )
  }
  const tail = journals.filter(number => number >= firstNumber)
  const replay = new Replay(storage, state, sequence)
  return replay.run(tail, firstNumber)
}

export function numbersOf(
  names: readonly string[],
  ending: 'journal' | 'hint' | 'snapshot',
): number[] {
  const numbers: number[] = []
  for (const name of names) {
    const number = fileNumberOf(name, ending)
    if (number !== undefined) numbers.push(number)
  }
  return numbers.sort((left, right) => left - right)
}

export function readWhole(storage: Storage, name: string): Uint8Array {
  const file = storage.open(name)
  try {
    const bytes = new Uint8Array(file.size())
    let at = 0
    while (at < bytes.length) {
      const count = file.read(at, bytes.subarray(at))
      if (count === 0) break
      at += count
    }
    return bytes.subarray(0, at)
  } catch (cause) {
    throw new EngineFailure('SPILLWAY_E_DAMAGED', `${name} cannot be read`, cause)
  } finally {
    file.close()
  }
}

function damaged(text: string): never {
  throw new EngineFailure(
    'SPILLWAY_E_DAMAGED',
    `${text}. Nothing was changed. Check with: spillway doctor --data DIR`,
  )
}

/** The newest snapshot that checks out. */
export function newestSnapshot(storage: Storage, names: readonly string[]) {
  for (const number of numbersOf(names, 'snapshot').reverse()) {
    const bytes = readWhole(storage, snapshotFileName(number))
    const opened = openSnapshot(bytes, number, storage.crc32)
    if (opened !== undefined) return { number, ...opened }
  }
  return undefined
}

function restore(
  storage: Storage,
  state: State,
  payload: Uint8Array,
  files: readonly number[],
): void {
  const restoring = new Restoring(payload, state)
  const names = new Set(storage.list())
  for (const number of files) {
    const use = state.use.of(number)
    use.closed = true
    use.size = sizeOf(storage, journalFileName(number))
    const hint = names.has(hintFileName(number))
      ? decodeHint(readWhole(storage, hintFileName(number)), number, formatVersion, storage.crc32)
      : undefined
    for (const run of hint ?? scanForHint(storage, number, restoring)) restoring.fill(number, run)
  }
  const missing = restoring.finish()
  if (missing !== undefined) damaged(missing)
}

function sizeOf(storage: Storage, name: string): number {
  const file = storage.open(name)
  const size = file.size()
  file.close()
  return size
}

/** What the hint would say: for a crash between the end of a file and its hint. */
function scanForHint(storage: Storage, number: number, restoring: Restoring): HintRun[] {
  const bytes = readWhole(storage, journalFileName(number))
  const builders = new Map<number, HintBuilder>()
  const problem = forEachBlock(bytes, number, storage.crc32, (_header, start, end) => {
    forEachEntry(bytes, start, end, (at, length) => {
      const kind = bytes[at]
      if (kind !== kinds.append && kind !== kinds.relocate) return
      const record = new EntryRecord(bytes.subarray(at, at + length), 0)
      for (let index = 0; index < record.targets; index++) {
        const target = record.targetAt(index)
        if (!restoring.isLive(target.log, target.position)) continue
        const builder = builders.get(target.log) ?? new HintBuilder(target.log)
        builders.set(target.log, builder)
        builder.add(target.position, at, length, record.body.length)
      }
    })
  })
  if (problem !== undefined)
    damaged(`${journalFileName(number)} at byte ${problem.at}: ${problem.what}`)
  return [...builders.values()].map(builder => builder.finish())
}

/**
 * Visits whole blocks until one does not check out; says where and why, or undefined at the end.
 */
export function forEachBlock(
  bytes: Uint8Array,
  number: number,
  crc32: (bytes: Uint8Array) => number,
  visit: (header: BlockHeader, start: number, end: number) => void,
): { at: number; what: string } | undefined {
  const wrong = checkFileHeader(bytes, number)
  if (wrong !== undefined) return { at: 0, what: wrong }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = fileHeaderBytes
  while (at < bytes.length) {
    const header = readBlockHeader(view, at, bytes.length)
    if (header === undefined) return { at, what: 'there is no block header' }
    const end = at + header.length
    if (end > bytes.length) return { at, what: 'the block is longer than the file' }
    if (crc32(bytes.subarray(at + 8, end)) !== header.crc)
      return { at, what: 'the checksum is wrong' }
    visit(header, at + blockHeaderBytes, end)
    at = end
  }
  return undefined
}

export function forEachEntry(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (at: number, length: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = start; at < end; ) {
    const length = view.getUint32(at + 4, true)
    if (length < entryHeaderBytes || at + length > end) {
      throw new EngineFailure(
        'SPILLWAY_E_DAMAGED',
        `an entry at byte ${at} has an impossible length`,
      )
    }
    visit(at, length)
    at += length
  }
}

/**
 * True when a whole block from `from` on says that more than `sequence` was synced when it was
 * sealed: what is missing before it was on the disk once.
 */
export function isVouchedFor(
  bytes: Uint8Array,
  from: number,
  sequence: number,
  crc32: (bytes: Uint8Array) => number,
): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = from; at + blockHeaderBytes <= bytes.length; at++) {
    if (bytes[at] !== 0x53 || bytes[at + 1] !== 0x57) continue
    const header = readBlockHeader(view, at, bytes.length)
    if (header === undefined || at + header.length > bytes.length) continue
    if (header.synced <= sequence) continue
    if (crc32(bytes.subarray(at + 8, at + header.length)) === header.crc) return true
  }
  return false
}

class Replay {
  readonly #storage: Storage
  readonly #state: State
  #sequence: number
  #entries = 0
  #cut = 0
  readonly #location: Location = { file: 0, offset: 0, length: 0 }

  constructor(storage: Storage, state: State, sequence: number) {
    this.#storage = storage
    this.#state = state
    this.#sequence = sequence
  }

  run(files: readonly number[], firstNumber: number): Recovery {
    let file = firstNumber
    let size = 0
    const replayed: number[] = []
    for (const [index, number] of files.entries()) {
      if (number !== firstNumber + index)
        damaged(`${journalFileName(firstNumber + index)} is missing`)
      file = number
      const bytes = readWhole(this.#storage, journalFileName(number))
      const problem = this.#replayFile(number, bytes)
      size = problem?.at ?? bytes.length
      replayed.push(number)
      const use = this.#state.use.of(number)
      use.size = size
      use.closed = index < files.length - 1
      if (problem === undefined) continue
      this.#cutTail(number, bytes, problem, files.slice(index + 1))
      use.closed = false
      break
    }
    const start = { file, size, sequence: this.#sequence, replayed }
    return { start, replayed: this.#entries, cutBytes: this.#cut, covered: firstNumber }
  }

  #replayFile(number: number, bytes: Uint8Array): { at: number; what: string } | undefined {
    // While a file is replayed, its records are read from this memory; they are not on their own
    // yet.
    const before = this.#state.read
    this.#state.read = (file, offset, length) =>
      file === number ? bytes.subarray(offset, offset + length) : before(file, offset, length)
    let gap: { at: number; what: string } | undefined
    try {
      const problem = forEachBlock(bytes, number, this.#storage.crc32, (header, start, end) => {
        if (gap !== undefined) return
        if (header.first !== this.#sequence + 1) {
          gap = { at: start - blockHeaderBytes, what: 'entries before it are missing' }
          return
        }
        forEachEntry(bytes, start, end, (at, length) => {
          this.#apply(number, bytes.subarray(at, at + length), at)
        })
      })
      return gap ?? problem
    } finally {
      this.#state.read = before
    }
  }

  #apply(number: number, bytes: Uint8Array, offset: number): void {
    let effect: ReturnType<typeof readEffect>
    try {
      effect = readEffect(bytes)
    } catch (cause) {
      throw new EngineFailure(
        'SPILLWAY_E_DAMAGED',
        `${journalFileName(number)} at byte ${offset} cannot be understood: ${String(cause)}`,
        cause,
      )
    }
    if (effect.type === 'record') {
      this.#location.file = number
      this.#location.offset = offset
      this.#location.length = bytes.length
      this.#state.replayRecord(bytes, effect.relocated, this.#location)
    } else if (effect.type === 'positions') {
      this.#state.replayPositions(effect.effect)
    } else if (effect.type === 'put') {
      this.#state.put(effect.table, effect.changes)
    } else if (effect.type === 'define') {
      this.#state.define(effect.definition)
    }
    this.#sequence++
    this.#entries++
  }

  /** Cuts an unfinished write, unless something later vouches for it. */
  #cutTail(
    number: number,
    bytes: Uint8Array,
    problem: { at: number; what: string },
    later: readonly number[],
  ): void {
    const where = `${journalFileName(number)} is damaged at byte ${problem.at}: ${problem.what}`
    if (problem.what.startsWith('format version')) damaged(where)
    const { crc32 } = this.#storage
    if (isVouchedFor(bytes, problem.at, this.#sequence, crc32)) damaged(where)
    for (const other of later) {
      const whole = readWhole(this.#storage, journalFileName(other))
      if (isVouchedFor(whole, 0, this.#sequence, crc32)) damaged(where)
    }
    this.#cut += bytes.length - problem.at
    const file = this.#storage.open(journalFileName(number))
    file.truncate(problem.at)
    file.close()
    for (const other of later) this.#storage.remove(journalFileName(other))
  }
}
