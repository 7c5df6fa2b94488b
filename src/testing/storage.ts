/**
 * The simulated storage: a folder in memory that knows which bytes are on the disk and which are
 * only written, and that can lose power.
 *
 *     file   seen      what a read gives: the page cache
 *            safe      what is on the disk whatever happens
 *            unsafe    the writes in between, in order
 *     names  the same three: seen, safe, and the creations, removals and renames in between
 *
 * At a power cut each unsafe write is kept, dropped, cut short at a byte, torn by sectors, or
 * leaves its length without its bytes; each unsafe name operation is kept or lost. Calls can be
 * made to fail, the disk can fill up, a byte can rot. Completions come through the simulated clock
 * after a delay that the seed decides, so writes overtake each other as they do on a real machine.
 */

import { assert } from '../base/assert.ts'
import { crc32 } from '../base/checksum.ts'
import type { SeededRandom } from '../base/random.ts'
import type { Clock, Storage, StorageError, StorageFile } from '../engine/ports.ts'

type Done = (error: StorageError | undefined) => void

export type StorageCall =
  | 'list'
  | 'open'
  | 'remove'
  | 'rename'
  | 'syncDirectory'
  | 'size'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'

/** What a synchronous call throws; it has a `code` as the system's errors have. */
export class SimulatedStorageError extends Error implements StorageError {
  readonly code: string
  constructor(code: string, call: string) {
    super(`${code}: simulated failure of ${call}`)
    this.name = 'SimulatedStorageError'
    this.code = code
  }
}

export interface SimulatedStorageOptions {
  readonly clock: Clock
  readonly random: SeededRandom
  /** Bytes that the disk holds; default: a lot. */
  readonly capacity?: number
  /** Usual longest time of a write or sync; one in fifty takes up to twenty times as long. */
  readonly latencyMaxMs?: number
}

interface Write {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Bytes that grow. */
class Content {
  #bytes = new Uint8Array(0)
  size = 0

  put(offset: number, bytes: Uint8Array): void {
    this.resize(Math.max(this.size, offset + bytes.length))
    this.#bytes.set(bytes, offset)
  }

  /** Longer: zeros. Shorter: gone. */
  resize(size: number): void {
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2, 256))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    if (size < this.size) this.#bytes.fill(0, size, this.size)
    this.size = size
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.size)
  }

  copy(): Content {
    const copy = new Content()
    copy.put(0, this.view())
    return copy
  }
}

/** A file apart from its names. */
class Inode {
  seen = new Content()
  safe = new Content()
  unsafe: Write[] = []
  /** Begun and not completed: it may be on the disk in part. */
  readonly inFlight = new Set<Write>()

  /** Moves `writes` to the disk, and older ones below them: a page is written as it is now. */
  makeSafe(writes: readonly Write[]): void {
    const going = new Set(writes)
    for (let index = this.unsafe.length - 1; index >= 0; index--) {
      const write = this.unsafe[index]!
      if (going.has(write)) continue
      for (const later of going) {
        if (isOverlapping(write, later) && this.unsafe.indexOf(later) > index) going.add(write)
      }
    }
    for (const write of this.unsafe) if (going.has(write)) this.safe.put(write.offset, write.bytes)
    this.unsafe = this.unsafe.filter(write => !going.has(write))
  }

  /** The page cache gives up on `writes`: reads see the disk again. */
  forget(writes: readonly Write[]): void {
    this.unsafe = this.unsafe.filter(write => !writes.includes(write))
    this.seen = this.safe.copy()
    for (const write of this.unsafe) this.seen.put(write.offset, write.bytes)
  }
}

type NameChange =
  | { readonly kind: 'set'; readonly name: string; readonly node: Inode }
  | { readonly kind: 'move'; readonly from: string; readonly name: string; readonly node: Inode }
  | { readonly kind: 'remove'; readonly name: string }

const sectorBytes = 512

export class SimulatedStorage implements Storage {
  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #latencyMaxMs: number
  #seenNames = new Map<string, Inode>()
  #safeNames = new Map<string, Inode>()
  #unsafeNames: NameChange[] = []
  #capacity: number
  /** Rises at a crash: handles and completions of the process that is gone are dead. */
  #epoch = 0
  readonly #failures: { at: number; code: string; only: StorageCall | undefined }[] = []

  /** Number of calls so far, of all kinds. `failCall` counts from here. */
  calls = 0
  readonly callsOf = new Map<StorageCall, number>()
  /** Failures that were injected so far. */
  failed = 0
  /** Called at the beginning of each call, with its number from 1. May throw, to stop there. */
  onCall: ((number: number, call: StorageCall) => void) | undefined
  /** A bug to be found: says that writes are durable and keeps them unsafe. */
  liesAboutDurability = false

  constructor(options: SimulatedStorageOptions) {
    this.#clock = options.clock
    this.#random = options.random
    this.#capacity = options.capacity ?? Number.MAX_SAFE_INTEGER
    this.#latencyMaxMs = options.latencyMaxMs ?? 4
  }

  // The port

  list(): string[] {
    this.#begin('list')
    return [...this.#seenNames.keys()]
  }

  open(name: string): StorageFile {
    assert(/^[^/\\]+$/.test(name), 'storage: a plain name')
    this.#begin('open')
    let node = this.#seenNames.get(name)
    if (node === undefined) {
      node = new Inode()
      this.#changeName({ kind: 'set', name, node })
    }
    return new SimulatedFile(this, node, this.#epoch)
  }

  remove(name: string): void {
    this.#begin('remove')
    if (this.#seenNames.has(name)) this.#changeName({ kind: 'remove', name })
  }

  rename(from: string, to: string): void {
    this.#begin('rename')
    const node = this.#seenNames.get(from)
    if (node === undefined) throw new SimulatedStorageError('ENOENT', 'rename')
    this.#changeName({ kind: 'move', from, name: to, node })
  }

  syncDirectory(done: Done): void {
    const failure = this.begin('syncDirectory')
    const changes = [...this.#unsafeNames]
    this.complete(() => {
      if (failure === undefined) this.#makeNamesSafe(change => changes.includes(change))
      done(failure)
    })
  }

  freeBytes(): number {
    return Math.max(0, this.#capacity - this.usedBytes)
  }

  crc32(bytes: Uint8Array): number {
    return crc32(bytes)
  }

  // What a test does to it

  /**
   * Makes call number `at` fail (numbers as in `calls`, from 1): by that call, or the next of a
   * kind.
   */
  failCall(at: number, code: string, only?: StorageCall): void {
    this.#failures.push({ at, code, only })
  }

  /** Takes back failures that have not happened. */
  clearFailures(): void {
    this.#failures.length = 0
  }

  set capacity(bytes: number) {
    this.#capacity = bytes
  }

  get capacity(): number {
    return this.#capacity
  }

  /** Bytes in all files, as they are seen. */
  get usedBytes(): number {
    let total = 0
    for (const node of this.#seenNames.values()) total += node.seen.size
    return total
  }

  /** The process is killed; the machine stays up. What was written is there, synced or not. */
  kill(random: SeededRandom): void {
    this.#epoch++
    for (const node of this.#allNodes()) {
      for (const write of node.inFlight) {
        const length = random.pick([0, write.bytes.length, random.below(write.bytes.length + 1)])
        const part = { offset: write.offset, bytes: write.bytes.slice(0, length) }
        if (length === 0) continue
        node.seen.put(part.offset, part.bytes)
        node.unsafe.push(part)
      }
      node.inFlight.clear()
    }
  }

  /** The power goes. Each thing that was not synced is kept, lost or torn, as `random` says. */
  crash(random: SeededRandom): void {
    this.#epoch++
    // Some crashes lose nearly everything or nearly nothing, which is where the odd bugs are.
    const keep = random.pick([0, 0.1, 0.5, 0.9, 1])
    for (const change of this.#unsafeNames) {
      if (random.chance(keep)) applyChange(this.#safeNames, change)
    }
    this.#unsafeNames = []
    this.#seenNames = new Map(this.#safeNames)
    for (const node of new Set(this.#safeNames.values())) {
      for (const write of [...node.unsafe, ...node.inFlight]) tear(node.safe, write, keep, random)
      node.unsafe = []
      node.inFlight.clear()
      node.seen = node.safe.copy()
    }
  }

  /** Puts a file there, whole and safe. Not counted as a call. */
  put(name: string, bytes: Uint8Array): void {
    const node = new Inode()
    node.seen.put(0, bytes)
    node.safe.put(0, bytes)
    this.#seenNames.set(name, node)
    this.#safeNames.set(name, node)
  }

  /** Changes one bit of a byte of a file, on the disk. */
  rot(name: string, offset: number, bit: number): void {
    const node = this.#seenNames.get(name)
    assert(node !== undefined && offset < node.seen.size, 'simulated storage: a byte to rot')
    node.seen.view()[offset]! ^= 1 << bit
    if (offset < node.safe.size) node.safe.view()[offset]! ^= 1 << bit
    node.unsafe = node.unsafe.map(write => ({ offset: write.offset, bytes: write.bytes.slice() }))
    for (const write of node.unsafe) {
      const at = offset - write.offset
      if (at >= 0 && at < write.bytes.length) write.bytes[at]! ^= 1 << bit
    }
  }

  /** Names and contents as they are seen, for looking at and for hashing. Not counted as calls. */
  *files(): Generator<readonly [name: string, bytes: Uint8Array]> {
    for (const name of [...this.#seenNames.keys()].sort()) {
      yield [name, this.#seenNames.get(name)!.seen.view()]
    }
  }

  // For the files

  get epoch(): number {
    return this.#epoch
  }

  /** Counts a call; what it gives back is the failure that the call must report. */
  begin(call: StorageCall): SimulatedStorageError | undefined {
    this.calls++
    this.callsOf.set(call, (this.callsOf.get(call) ?? 0) + 1)
    this.onCall?.(this.calls, call)
    const index = this.#failures.findIndex(
      failure => failure.at <= this.calls && (failure.only ?? call) === call,
    )
    if (index < 0) return undefined
    this.failed++
    return new SimulatedStorageError(this.#failures.splice(index, 1)[0]!.code, call)
  }

  /** Runs `finish` in a later event, unless the process is gone by then. */
  complete(finish: () => void): void {
    const random = this.#random
    const slow = random.chance(0.02) ? 20 : 1
    const epoch = this.#epoch
    this.#clock.schedule(random.float() * this.#latencyMaxMs * slow, () => {
      if (epoch === this.#epoch) finish()
    })
  }

  /** How many of `bytes` still fit at `offset`. */
  roomFor(node: Inode, offset: number, count: number): number {
    const growth = Math.max(0, offset + count - node.seen.size)
    return Math.max(0, count - Math.max(0, growth - this.freeBytes()))
  }

  below(limit: number): number {
    return this.#random.below(limit)
  }

  /** A file's name is safe after its first durable write. */
  makeNameSafe(node: Inode): void {
    this.#makeNamesSafe(change => change.kind !== 'remove' && change.node === node)
  }

  #begin(call: StorageCall): void {
    const failure = this.begin(call)
    if (failure !== undefined) throw failure
  }

  #changeName(change: NameChange): void {
    applyChange(this.#seenNames, change)
    this.#unsafeNames.push(change)
  }

  #makeNamesSafe(isSafe: (change: NameChange) => boolean): void {
    if (this.liesAboutDurability) return
    const left: NameChange[] = []
    for (const change of this.#unsafeNames) {
      if (isSafe(change)) applyChange(this.#safeNames, change)
      else left.push(change)
    }
    this.#unsafeNames = left
  }

  #allNodes(): Set<Inode> {
    return new Set([...this.#seenNames.values(), ...this.#safeNames.values()])
  }
}

class SimulatedFile implements StorageFile {
  readonly #storage: SimulatedStorage
  readonly #node: Inode
  readonly #epoch: number
  #isClosed = false

  constructor(storage: SimulatedStorage, node: Inode, epoch: number) {
    this.#storage = storage
    this.#node = node
    this.#epoch = epoch
  }

  size(): number {
    this.#beginNow('size')
    return this.#node.seen.size
  }

  read(offset: number, into: Uint8Array): number {
    this.#beginNow('read')
    const bytes = this.#node.seen.view().subarray(offset, offset + into.length)
    into.set(bytes)
    return bytes.length
  }

  write(offset: number, parts: readonly Uint8Array[], durable: boolean, done: Done): void {
    const failure = this.#begin('write')
    const node = this.#node
    const bytes = joined(parts)
    const room = this.#storage.roomFor(node, offset, bytes.length)
    // A failed write may have written any part of its bytes.
    const length = failure === undefined ? room : this.#storage.below(room + 1)
    const write = { offset, bytes: length < bytes.length ? bytes.subarray(0, length) : bytes }
    const checksum = crc32(bytes)
    node.inFlight.add(write)
    this.#storage.complete(() => {
      assert(crc32(joined(parts)) === checksum, 'storage: the parts stay as they are until done')
      node.inFlight.delete(write)
      if (length > 0) {
        node.seen.put(offset, write.bytes)
        node.unsafe.push(write)
      }
      if (failure !== undefined) return done(failure)
      if (length < bytes.length) return done(new SimulatedStorageError('ENOSPC', 'write'))
      if (durable) this.#makeSafe([write])
      done(undefined)
    })
  }

  sync(done: Done): void {
    const failure = this.#begin('sync')
    const node = this.#node
    const writes = [...node.unsafe]
    this.#storage.complete(() => {
      if (failure === undefined) this.#makeSafe(writes)
      // The kernel may have thrown the pages away: to try again would be to lie.
      else if (this.#storage.below(2) === 0) node.forget(writes)
      done(failure)
    })
  }

  truncate(size: number): void {
    this.#beginNow('truncate')
    const node = this.#node
    assert(node.inFlight.size === 0, 'storage: no truncation beside other calls')
    node.seen.resize(size)
    // It is at once on the disk, with everything that was written before.
    node.safe = node.seen.copy()
    node.unsafe = []
  }

  close(): void {
    this.#isClosed = true
  }

  #makeSafe(writes: readonly Write[]): void {
    if (this.#storage.liesAboutDurability) return
    this.#node.makeSafe(writes)
    this.#storage.makeNameSafe(this.#node)
  }

  #begin(call: StorageCall): SimulatedStorageError | undefined {
    assert(this.#epoch === this.#storage.epoch, 'storage: a file of the process that lives')
    assert(!this.#isClosed, 'storage: the file is open')
    return this.#storage.begin(call)
  }

  #beginNow(call: StorageCall): void {
    const failure = this.#begin(call)
    if (failure !== undefined) throw failure
  }
}

function applyChange(names: Map<string, Inode>, change: NameChange): void {
  if (change.kind === 'remove') {
    names.delete(change.name)
    return
  }
  if (change.kind === 'move' && names.get(change.from) === change.node) names.delete(change.from)
  names.set(change.name, change.node)
}

/** What a power cut leaves of a write. */
function tear(safe: Content, write: Write, keep: number, random: SeededRandom): void {
  const { offset, bytes } = write
  if (random.chance(keep)) {
    safe.put(offset, bytes)
    return
  }
  switch (random.below(4)) {
    case 0:
      return
    case 1:
      safe.put(offset, bytes.subarray(0, random.below(bytes.length + 1)))
      return
    case 2:
      // The length was written, the bytes were not.
      safe.resize(Math.max(safe.size, offset + random.below(bytes.length + 1)))
      return
    default:
      for (let at = offset; at < offset + bytes.length; ) {
        const next = Math.min(
          offset + bytes.length,
          (Math.floor(at / sectorBytes) + 1) * sectorBytes,
        )
        if (random.chance(0.5)) safe.put(at, bytes.subarray(at - offset, next - offset))
        at = next
      }
  }
}

function isOverlapping(left: Write, right: Write): boolean {
  return (
    left.offset < right.offset + right.bytes.length &&
    right.offset < left.offset + left.bytes.length
  )
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
