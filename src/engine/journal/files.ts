/** The journal's open files, and what was read ahead from them. */

import { limits } from '../limits.ts'
import type { Storage, StorageFile } from '../ports.ts'
import { journalFileName } from './format.ts'

export class JournalFiles {
  readonly #storage: Storage
  readonly #open = new Map<number, StorageFile>()
  readonly #readAhead: { file: number; offset: number; bytes: Uint8Array }[] = []

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** Opens it, or finds it open. Of many those are closed that are not `busy`. */
  open(number: number, busy: (other: number) => boolean): StorageFile {
    let file = this.#open.get(number)
    if (file !== undefined) return file
    for (const [other, handle] of this.#open) {
      if (this.#open.size < limits.openFilesMax) break
      if (busy(other)) continue
      handle.close()
      this.#open.delete(other)
    }
    file = this.#storage.open(journalFileName(number))
    this.#open.set(number, file)
    return file
  }

  /** Bytes that an earlier `read` brought along. */
  ahead(file: number, offset: number, length: number): Uint8Array | undefined {
    for (const ahead of this.#readAhead) {
      const at = offset - ahead.offset
      if (ahead.file === file && at >= 0 && at + length <= ahead.bytes.length) {
        return ahead.bytes.subarray(at, at + length)
      }
    }
    return undefined
  }

  /** From the disk, with some more for those who come next; undefined: the file ends before. */
  read(from: StorageFile, number: number, offset: number, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(Math.max(length, limits.readAheadBytes))
    const count = from.read(offset, bytes)
    if (count < length) return undefined
    const ahead = this.#readAhead
    if (ahead.length >= limits.readAheadBuffers) ahead.pop()
    ahead.unshift({ file: number, offset, bytes: bytes.subarray(0, count) })
    return bytes.subarray(0, length)
  }

  forget(number: number): void {
    this.#open.get(number)?.close()
    this.#open.delete(number)
    for (let index = this.#readAhead.length - 1; index >= 0; index--) {
      if (this.#readAhead[index]!.file === number) this.#readAhead.splice(index, 1)
    }
  }

  closeAll(): void {
    for (const file of this.#open.values()) file.close()
    this.#open.clear()
  }
}
