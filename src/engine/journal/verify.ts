/**
 * Checks every checksum of a data folder without changing anything: what `spillway doctor --data`
 * prints. It reads whole files, so it takes as long as the disk does.
 */

import type { Storage } from '../ports.ts'
import { openSnapshot } from '../state/snapshot.ts'
import { formatVersion, hintFileName, journalFileName, snapshotFileName } from './format.ts'
import { decodeHint } from './hints.ts'
import { forEachBlock, forEachEntry, numbersOf, readWhole } from './recovery.ts'

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
  let blocks = 0
  let entries = 0
  let bytesRead = 0
  let next: number | undefined
  for (const [index, number] of journals.entries()) {
    const bytes = readWhole(storage, journalFileName(number))
    const followsGap = index > 0 && journals[index - 1] !== number - 1
    if (followsGap) next = undefined
    const problem = forEachBlock(bytes, number, storage.crc32, (header, start, end) => {
      if (next !== undefined && header.first !== next) {
        problems.push(`${journalFileName(number)} at byte ${start}: entries before it are missing`)
      }
      forEachEntry(bytes, start, end, () => {
        entries++
      })
      blocks++
      next = header.first + header.entries
    })
    bytesRead += bytes.length
    if (problem !== undefined) {
      const sentence = `${journalFileName(number)} at byte ${problem.at}: ${problem.what}`
      if (index === journals.length - 1)
        notes.push(`${sentence} (an unfinished last write is cut at the next start)`)
      else problems.push(sentence)
    }
    progress(index + 1, journals.length)
  }
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
  return { files: journals.length, blocks, entries, bytes: bytesRead, problems, notes }
}
