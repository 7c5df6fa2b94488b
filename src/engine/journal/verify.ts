/**
 * Checks every checksum of a data folder without changing anything: what `spillway doctor --data`
 * prints. It reads whole files, so it takes as long as the disk does.
 */

import type { Storage } from '../ports.ts'
import { openSnapshot } from '../state/snapshot.ts'
import {
  blockHeaderBytes,
  formatVersion,
  hintFileName,
  journalFileName,
  snapshotFileName,
} from './format.ts'
import { decodeHint } from './hints.ts'
import {
  forEachBlock,
  forEachEntry,
  isVouchedFor,
  newestSnapshot,
  numbersOf,
  readWhole,
} from './recovery.ts'

export interface Verified {
  readonly files: number
  readonly blocks: number
  readonly entries: number
  readonly bytes: number
  /** One sentence each, with file and offset. Empty: all is well. */
  readonly problems: readonly string[]
  /** Things that recovery mends by itself: an unfinished last write, a hint to be made again. */
  readonly notes: readonly string[]
}

export function verifyFolder(
  storage: Storage,
  progress: (done: number, all: number) => void = () => undefined,
): Verified {
  const names = storage.list()
  const journals = numbersOf(names, 'journal')
  const problems: string[] = []
  const notes: string[] = []
  const snapshot = newestSnapshot(storage, names)
  const tally = { blocks: 0, entries: 0, bytes: 0 }
  // From here on a start replays, and no file may be missing.
  const firstNumber = snapshot?.number ?? 1
  let last = firstNumber - 1
  let sequence = snapshot?.sequence ?? 0
  for (const [index, number] of journals.entries()) {
    const isReplayed = number >= firstNumber
    for (; isReplayed && last + 1 < number; last++) {
      problems.push(`${journalFileName(last + 1)} is missing`)
    }
    const checked = checkFile(storage, number, isReplayed && last + 1 === number ? sequence : -1)
    tally.blocks += checked.blocks
    tally.entries += checked.entries
    tally.bytes += checked.bytes.length
    if (isReplayed) {
      last = number
      sequence = checked.sequence
    }
    const { problem } = checked
    progress(index + 1, journals.length)
    if (problem === undefined) continue
    const sentence = `${journalFileName(number)} at byte ${problem.at}: ${problem.what}`
    const later = journals.slice(index + 1)
    if (!isReplayed) problems.push(sentence)
    else if (isTorn(storage, checked, later)) {
      notes.push(`${sentence} (an unfinished last write is cut at the next start)`)
      break
    } else problems.push(`${sentence} (it was on the disk once: the broker does not start with it)`)
  }
  checkCompanions(storage, names, problems, notes)
  return { files: journals.length, ...tally, problems, notes }
}

interface CheckedFile {
  readonly bytes: Uint8Array
  readonly blocks: number
  readonly entries: number
  /** Number of the last entry that is whole. */
  readonly sequence: number
  readonly problem: { readonly at: number; readonly what: string } | undefined
}

/** `sequence`: the entry before the first one of the file; -1: whichever. */
function checkFile(storage: Storage, number: number, sequence: number): CheckedFile {
  const bytes = readWhole(storage, journalFileName(number))
  let blocks = 0
  let entries = 0
  let last = sequence
  let gap: { at: number; what: string } | undefined
  const problem = forEachBlock(bytes, number, storage.crc32, (header, start, end) => {
    if (gap !== undefined) return
    if (last >= 0 && header.first !== last + 1) {
      gap = { at: start - blockHeaderBytes, what: 'entries before it are missing' }
      return
    }
    forEachEntry(bytes, start, end, () => {
      entries++
    })
    blocks++
    last = header.first + header.entries - 1
  })
  return { bytes, blocks, entries, sequence: last, problem: gap ?? problem }
}

/** As the start decides it: nothing later says that this place had been synced. */
function isTorn(storage: Storage, file: CheckedFile, later: readonly number[]): boolean {
  const { bytes, problem, sequence } = file
  if (problem === undefined || problem.what.startsWith('format version')) return false
  if (isVouchedFor(bytes, problem.at, sequence, storage.crc32)) return false
  return later.every(number => {
    const whole = readWhole(storage, journalFileName(number))
    return !isVouchedFor(whole, 0, sequence, storage.crc32)
  })
}

function checkCompanions(
  storage: Storage,
  names: readonly string[],
  problems: string[],
  notes: string[],
): void {
  for (const number of numbersOf(names, 'snapshot')) {
    const bytes = readWhole(storage, snapshotFileName(number))
    if (openSnapshot(bytes, number, storage.crc32) === undefined) {
      problems.push(`${snapshotFileName(number)} is damaged`)
    }
  }
  for (const number of numbersOf(names, 'hint')) {
    const bytes = readWhole(storage, hintFileName(number))
    if (decodeHint(bytes, number, formatVersion, storage.crc32) === undefined) {
      notes.push(`${hintFileName(number)} is damaged; it is made again from its journal file`)
    }
  }
}
