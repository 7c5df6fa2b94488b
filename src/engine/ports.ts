/**
 * The engine's ports: everything it wants from the world. `platform/` implements them on the real
 * machine, `testing/` in a simulated one. They belong to the engine, because the engine asks.
 *
 * Reads, directory operations and recovery are synchronous; only writes complete later, through a
 * callback that is never called before the call returns. So a verb never awaits, and a simulator
 * decides the order of every completion.
 */

/** Time. Only verbs and timers read it; `apply` never does (I3). */
export interface Clock {
  /** Wall clock, whole milliseconds since 1970. It may step back. */
  now(): number
  /** Monotonic milliseconds, fractional; for measuring only. */
  monotonic(): number
  /** Runs `run` once, after the work of the current turn and before the process sleeps. */
  soon(run: () => void): void
  /** Runs `run` once, `delayMs` from now on the monotonic clock. */
  schedule(delayMs: number, run: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** Randomness. Generated names and ids come from here, and are journaled as what they became. */
export interface Random {
  /** A uniformly distributed unsigned 32-bit integer. */
  uint32(): number
}

/** What an asynchronous storage call reports. `code` is an errno name: `ENOSPC`, `EIO`. */
export interface StorageError {
  readonly code: string
  readonly message: string
}

/** A folder of files, held by one process. Names are plain: no separators. */
export interface Storage {
  /** Names of all files, in no particular order. */
  list(): string[]
  /** Opens a file for reading and writing; creates it when missing. Throws on failure. */
  open(name: string): StorageFile
  /** Deletes a file; a missing one is no error. Durable after the next `syncDirectory`. */
  remove(name: string): void
  /** Renames atomically over an existing target. Durable after the next `syncDirectory`. */
  rename(from: string, to: string): void
  /** Makes creations, removals and renames durable. */
  syncDirectory(done: (error: StorageError | undefined) => void): void
  /** Bytes that can still be written, as the file system tells an unprivileged writer. */
  freeBytes(): number
  /**
   * CRC-32 (IEEE 802.3, as zlib computes it) of `bytes`. It is here because the machine has a much
   * faster one than a script can be; both must agree to the bit.
   */
  crc32(bytes: Uint8Array): number
}

export interface StorageFile {
  /** Current length in bytes. */
  size(): number
  /** Reads up to `into.length` bytes at `offset`; returns how many. Throws on an I/O error. */
  read(offset: number, into: Uint8Array): number
  /**
   * Writes the parts one after the other at `offset`. With `durable`, `done` is called only after
   * the bytes and the length are on the disk. The parts must not change until then.
   */
  write(
    offset: number,
    parts: readonly Uint8Array[],
    durable: boolean,
    done: (error: StorageError | undefined) => void,
  ): void
  /** Makes everything written before durable. */
  sync(done: (error: StorageError | undefined) => void): void
  /** Cuts the file to `size` bytes, at once. Used by recovery only. Throws on failure. */
  truncate(size: number): void
  close(): void
}

export interface Ports {
  readonly clock: Clock
  readonly storage: Storage
  readonly random: Random
}
