/** How much of each journal file is still needed: what decides which files may go. */

import { assert } from '../../base/assert.ts'

export interface FileState {
  /** Length, once the file is closed. */
  size: number
  closed: boolean
  /**
   * References from indexes, and the bytes that they cover. A fanned-out record counts each time.
   */
  liveRecords: number
  liveBytes: number
}

export class FileUse {
  readonly files = new Map<number, FileState>()
  /** Closed files that have lost their last record since the last snapshot, and their bytes. */
  emptiedFiles = 0
  emptiedBytes = 0
  #cachedNumber = -1
  #cached: FileState | undefined

  of(number: number): FileState {
    if (number === this.#cachedNumber && this.#cached !== undefined) return this.#cached
    let state = this.files.get(number)
    if (state === undefined) {
      state = { size: 0, closed: false, liveRecords: 0, liveBytes: 0 }
      this.files.set(number, state)
    }
    this.#cachedNumber = number
    this.#cached = state
    return state
  }

  add(number: number, bytes: number): void {
    const state = this.of(number)
    state.liveRecords++
    state.liveBytes += bytes
  }

  remove(number: number, bytes: number): void {
    const state = this.of(number)
    state.liveRecords--
    state.liveBytes -= bytes
    if (state.liveRecords === 0 && state.closed) {
      this.emptiedFiles++
      this.emptiedBytes += state.size
    }
    assert(state.liveRecords >= 0 && state.liveBytes >= 0, 'a file is not used less than never')
  }

  forget(number: number): void {
    this.files.delete(number)
    this.#cachedNumber = -1
    this.#cached = undefined
  }

  /** Bytes of all files, the current one at `currentSize`. */
  total(currentSize: number): number {
    let bytes = currentSize
    for (const state of this.files.values()) if (state.closed) bytes += state.size
    return bytes
  }
}
