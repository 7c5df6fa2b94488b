/**
 * What the engine does for itself: hints and snapshots when a file is complete, deleting files that
 * nobody needs, copying the survivors out of nearly dead ones, retention, compaction by key, and an
 * eye on the free space.
 *
 * A file may be deleted when a *durable* snapshot was taken at a moment at which the file held
 * nothing alive: then no recovery can ask for it. Everything else follows from that.
 */

import type { Core } from './core.ts'
import type { Defining } from './defining.ts'
import {
  blockHeaderBytes,
  EntryRecord,
  entryHeaderBytes,
  fileHeaderBytes,
  fileNumberOf,
  formatVersion,
  hintFileName,
  journalFileName,
  kinds,
  readBlockHeader,
  recordFlags,
  recordHeaderBytes,
  sealRecord,
  snapshotFileName,
  targetBytes,
} from './journal/format.ts'
import { encodeHint, HintBuilder, type HintRun } from './journal/hints.ts'
import type { Location } from './journal/journal.ts'
import { limits } from './limits.ts'
import type { StorageError } from './ports.ts'
import type { Log } from './state/log.ts'
import type { Entry } from './state/record-index.ts'
import { encodeState, sealSnapshot } from './state/snapshot.ts'

interface PendingSnapshot {
  readonly number: number
  readonly sequence: number
  readonly bytes: Uint8Array
  /** Files that held nothing alive when it was taken. */
  readonly dead: readonly number[]
}

interface ReclaimJob {
  readonly file: number
  readonly size: number
  at: number
  blockEnd: number
}

interface CompactJob {
  readonly log: Log
  readonly end: number
  at: number
  readonly newest: Map<string, number>
  readonly older: number[]
}

export class Upkeep {
  readonly #core: Core
  readonly #defining: Defining
  /** Told when publishers must be refused, and when no longer. */
  onDisk: (full: boolean) => void = () => undefined
  #waiting: PendingSnapshot | undefined
  #hints: { number: number; bytes: Uint8Array }[] = []
  #saving = false
  /** Not before: the last save failed. */
  #saveFrom = Number.NEGATIVE_INFINITY
  #afterSave: (() => void) | undefined
  /** Files before this number are covered by a durable snapshot. */
  #covered: number
  #snapshotSize = 0
  #snapshotFile = 0
  #diskFull = false
  #noSpace = false
  #checkedAt = -Infinity
  #checkedSequence = 0
  #willLook = false
  #reclaiming: ReclaimJob | undefined
  #compacting: CompactJob | undefined
  readonly #unreclaimable = new Set<number>()
  #watched:
    | { readonly file: number; readonly liveBytes: number; readonly since: number }
    | undefined
  readonly #entry: Entry = { file: 0, offset: 0, length: 0, body: 0 }
  readonly #location: Location = { file: 0, offset: 0, length: 0 }

  constructor(core: Core, defining: Defining, covered: number) {
    this.#core = core
    this.#defining = defining
    this.#covered = covered
  }

  /** Once in each turn: cheap looks, and at most one slice of a background job. */
  afterTurn(): void {
    this.#watchDisk()
    const { use } = this.#core.state
    const enough = this.#diskFull ? 0 : this.#core.options.fileBytes / 2
    const worthwhile = use.emptiedBytes > enough || use.emptiedFiles >= limits.emptyFilesMax
    if (worthwhile && !this.#saving && this.#waiting === undefined) this.#core.journal.roll()
    this.#save()
    this.#reclaim()
    this.#compact()
  }

  // Snapshots and hints

  /** The journal has completed a file: photograph the state, which is what its end has made. */
  fileClosed(number: number, size: number): void {
    const { state, ports, journal } = this.#core
    const file = state.use.of(number)
    file.closed = true
    file.size = size
    const crc32 = ports.storage.crc32
    this.#hints.push({
      number,
      bytes: encodeHint(number, this.#hintRuns(number), formatVersion, crc32),
    })
    const dead: number[] = []
    for (const [other, { closed, liveRecords }] of state.use.files) {
      if (closed && liveRecords === 0) dead.push(other)
    }
    state.use.emptiedBytes = 0
    state.use.emptiedFiles = 0
    const payload = encodeState(state)
    const sequence = journal.sequence
    const bytes = sealSnapshot(payload, number + 1, sequence, crc32)
    this.#waiting = { number: number + 1, sequence, bytes, dead }
    this.#core.wantTurn()
  }

  #hintRuns(number: number): HintRun[] {
    const runs: HintRun[] = []
    const { state } = this.#core
    for (const log of state.logs.values()) {
      if (log.tailFile !== number) continue
      const builder = new HintBuilder(log.id)
      log.index.forEachInFile(log.tailFileFirst, number, (position, offset, length, body) =>
        builder.add(position, offset, length, body),
      )
      addRun(runs, builder)
    }
    const copied = new Map<Log, HintBuilder>()
    for (const { log, position } of state.relocated.get(number) ?? []) {
      if (!log.index.find(position, this.#entry) || this.#entry.file !== number) continue
      let builder = copied.get(log)
      if (builder === undefined) {
        builder = new HintBuilder(log.id)
        copied.set(log, builder)
      }
      builder.add(position, this.#entry.offset, this.#entry.length, this.#entry.body)
    }
    state.relocated.delete(number)
    for (const builder of copied.values()) addRun(runs, builder)
    return runs
  }

  /** Writes what waits, once all that it speaks of is released. One save at a time. */
  #save(): void {
    const snapshot = this.#waiting
    if (snapshot === undefined || this.#saving || this.#core.journal.failure !== undefined) return
    if (this.#core.journal.released < snapshot.sequence) return
    const { clock } = this.#core.ports
    if (clock.monotonic() < this.#saveFrom) return
    this.#waiting = undefined
    this.#saving = true
    const hints = this.#hints
    this.#hints = []
    const failed = (error: StorageError | undefined): boolean => {
      if (error === undefined) return false
      // Nothing is lost: an older snapshot and a longer replay do as well. Try again with the next.
      this.#saving = false
      this.#hints = [...hints, ...this.#hints]
      this.#waiting ??= snapshot
      this.#saveFrom = clock.monotonic() + limits.diskRetryMs
      clock.schedule(limits.diskRetryMs, () => this.#core.wantTurn())
      return true
    }
    this.#core.journal.sync(() => {
      this.#writeAll(hints, error => {
        if (failed(error)) return
        this.#writeSnapshot(snapshot, failed)
      })
    })
  }

  #writeAll(
    hints: readonly { number: number; bytes: Uint8Array }[],
    done: (error: StorageError | undefined) => void,
  ): void {
    const next = hints[0]
    if (next === undefined) return done(undefined)
    // Durably: a hint of a file's earlier life, before a crash cut it, must not come back.
    this.#writeFile(hintFileName(next.number), next.bytes, true, error => {
      if (error !== undefined) done(error)
      else this.#writeAll(hints.slice(1), done)
    })
  }

  #writeSnapshot(
    snapshot: PendingSnapshot,
    failed: (error: StorageError | undefined) => boolean,
  ): void {
    const { storage } = this.#core.ports
    const name = snapshotFileName(snapshot.number)
    this.#writeFile(`${name}.tmp`, snapshot.bytes, true, error => {
      if (failed(error) || this.#core.journal.failure !== undefined) return
      this.#core.guard(() => {
        storage.rename(`${name}.tmp`, name)
        storage.syncDirectory(syncError => {
          if (failed(syncError) || this.#core.journal.failure !== undefined) return
          this.#core.guard(() => this.#saved(snapshot))
        })
      })
    })
  }

  #saved(snapshot: PendingSnapshot): void {
    const { storage } = this.#core.ports
    const { state, journal } = this.#core
    this.#saving = false
    this.#covered = snapshot.number
    this.#snapshotFile = journal.file
    this.#snapshotSize = journal.size
    for (const name of storage.list()) {
      const number = fileNumberOf(name, 'snapshot')
      if (number !== undefined && number < snapshot.number) storage.remove(name)
    }
    for (const number of snapshot.dead) {
      journal.forget(number)
      storage.remove(journalFileName(number))
      storage.remove(hintFileName(number))
      state.use.forget(number)
    }
    this.#core.wantTurn()
    const after = this.#afterSave
    this.#afterSave = undefined
    after?.()
  }

  #writeFile(
    name: string,
    bytes: Uint8Array,
    durable: boolean,
    done: (error: StorageError | undefined) => void,
  ): void {
    const { storage } = this.#core.ports
    try {
      const file = storage.open(name)
      if (file.size() > bytes.length) file.truncate(0)
      file.write(0, [bytes], durable, error => {
        file.close()
        done(error)
      })
    } catch (cause) {
      done({ code: 'EIO', message: String(cause) })
    }
  }

  /** Before a clean end: a snapshot, when the next start would otherwise read a long tail. */
  finish(done: () => void): void {
    const { journal } = this.#core
    const tail =
      journal.file === this.#snapshotFile ? journal.size - this.#snapshotSize : journal.size
    if (journal.failure !== undefined || this.#noSpace || tail < limits.backlogBytesLow)
      return done()
    journal.roll()
    journal.flush(true)
    this.#afterSave = done
    const poll = () => {
      if (this.#afterSave === undefined) return
      if (journal.failure !== undefined || this.#noSpace) {
        this.#afterSave = undefined
        return done()
      }
      journal.flush(true)
      this.#save()
      this.#core.ports.clock.schedule(5, poll)
    }
    poll()
  }

  // Space

  get diskFull(): boolean {
    return this.#diskFull
  }

  /** The journal found no room, or room again. */
  noSpace(full: boolean): void {
    this.#noSpace = full
    this.#checkedAt = -Infinity
    this.#watchDisk()
  }

  /** Space returns without anybody telling: one timer asks, however quiet the engine is. */
  #lookAgain(): void {
    if (this.#willLook) return
    this.#willLook = true
    this.#core.ports.clock.schedule(limits.diskRetryMs, () => {
      this.#willLook = false
      this.#checkedAt = Number.NEGATIVE_INFINITY
      this.#core.wantTurn()
    })
  }

  #watchDisk(): void {
    const { journal, ports, options, state } = this.#core
    const now = ports.clock.monotonic()
    const written = journal.sequence - this.#checkedSequence
    if (now - this.#checkedAt < limits.diskRetryMs && written < 256) return
    this.#checkedAt = now
    this.#checkedSequence = journal.sequence
    const margin = this.#diskFull ? options.diskFreeMin / 20 : 0
    const free = ports.storage.freeBytes() - journal.backlogBytes
    const used = options.diskMax === undefined ? 0 : state.use.total(journal.size)
    const full =
      this.#noSpace ||
      free < options.diskFreeMin + margin ||
      (options.diskMax !== undefined && used > options.diskMax)
    if (full) this.#lookAgain()
    if (full === this.#diskFull) return
    this.#diskFull = full
    this.onDisk(full)
  }

  /** Copies what is alive in the oldest nearly dead file to the tail, a slice a turn. */
  #reclaim(): void {
    const { journal, state } = this.#core
    if (this.#noSpace || journal.backlogBytes > limits.backlogBytesLow) return
    this.#reclaiming ??= this.#nextToReclaim()
    const job = this.#reclaiming
    if (job === undefined) return
    if ((state.use.files.get(job.file)?.liveRecords ?? 0) === 0) {
      this.#reclaiming = undefined
      return
    }
    journal.begin()
    let budget: number = limits.jobBytes
    while (budget > 0 && job.at < job.size) {
      if (job.at === job.blockEnd) {
        const bytes = journal.read(job.file, job.at, blockHeaderBytes)
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        const length = readBlockHeader(view, 0, blockHeaderBytes)?.length ?? job.size
        job.blockEnd = job.at + length
        job.at += blockHeaderBytes
        continue
      }
      const bytes = journal.read(job.file, job.at, entryHeaderBytes)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const length = view.getUint32(4, true)
      if (bytes[0] === kinds.append || bytes[0] === kinds.relocate) {
        this.#copyIfAlive(job.file, job.at, length)
      }
      job.at += length
      budget -= length
    }
    this.#core.wantTurn()
    if (job.at < job.size) return
    this.#reclaiming = undefined
    // All survivors have moved: with the next snapshot the file is gone.
    if (state.use.of(job.file).liveRecords > 0) this.#unreclaimable.add(job.file)
  }

  /**
   * The oldest file that is small, or less than half alive, and stays so: what is being drained
   * anyway would be copied in vain, so a file is watched for a while first, unless space is short.
   */
  #nextToReclaim(): ReclaimJob | undefined {
    const { use } = this.#core.state
    for (const [file, { closed, size, liveRecords, liveBytes }] of use.files) {
      if (!closed || file >= this.#covered || liveRecords === 0) continue
      // Small files come from clean ends and from snapshots ahead of time; together they are one.
      if (liveBytes * 2 > size && size > this.#core.options.fileBytes / 8) continue
      if (this.#unreclaimable.has(file)) continue
      const { clock } = this.#core.ports
      const now = clock.monotonic()
      const seen = this.#watched
      if (seen?.file !== file || liveBytes * 10 < seen.liveBytes * 9) {
        this.#watched = { file, liveBytes, since: now }
        clock.schedule(limits.reclaimAfterMs, () => this.#core.wantTurn())
      } else if (this.#diskFull || now - seen.since >= limits.reclaimAfterMs) {
        return { file, size, at: fileHeaderBytes, blockEnd: fileHeaderBytes }
      }
      return undefined
    }
    return undefined
  }

  #copyIfAlive(file: number, offset: number, length: number): void {
    const { journal, state } = this.#core
    const bytes = journal.readRecord(file, offset, length)
    const record = new EntryRecord(bytes, 0)
    const alive: { log: Log; index: number; position: number }[] = []
    for (let index = 0; index < record.targets; index++) {
      const { log: id, position } = record.targetAt(index)
      const log = state.logsById.get(id)
      if (log === undefined || !log.index.find(position, this.#entry)) continue
      if (this.#entry.file !== file || this.#entry.offset !== offset) continue
      alive.push({ log, index, position })
    }
    if (alive.length === 0) return
    const cut = (record.targets - alive.length) * targetBytes
    const at = journal.entry(kinds.relocate, length - cut)
    const to = journal.bytes
    to.set(bytes.subarray(entryHeaderBytes, recordHeaderBytes), at + entryHeaderBytes)
    journal.view.setUint16(at + 2, record.flags | recordFlags.checked, true)
    journal.view.setUint16(at + 30, alive.length, true)
    let target = at + recordHeaderBytes
    for (const { index } of alive) {
      const from = recordHeaderBytes + index * targetBytes
      to.set(bytes.subarray(from, from + targetBytes), target)
      target += targetBytes
    }
    to.set(bytes.subarray(recordHeaderBytes + record.targets * targetBytes), target)
    sealRecord(journal, at, at + length - cut, this.#core.ports.storage.crc32)
    journal.locate(this.#location)
    journal.finish('lazy')
    for (const { log, position } of alive) state.relocate(log, position, this.#location)
  }

  // Logs that keep to limits

  /** Retention by count and bytes now; the time at which age will cut, or Infinity. */
  retain(log: Log, now: number): number {
    const { count, bytes, ageMs } = log.config.retention
    if (log.queue !== undefined || log.index.count === 0) return Infinity
    const gone: number[] = []
    let kept = log.index.count
    let keptBytes = log.index.bodyBytes
    let position = log.index.nextAtOrAfter(log.first)
    let cutsAt = Infinity
    while (position >= 0) {
      const tooMany = count !== undefined && kept > count
      const tooLarge = bytes !== undefined && keptBytes > bytes && kept > 1
      if (!tooMany && !tooLarge) {
        if (ageMs === undefined) break
        cutsAt = this.#core.state.record(log, position).time + ageMs
        if (cutsAt > now) break
      }
      gone.push(position)
      kept--
      keptBytes -= log.index.bodyAt(position)
      position = log.index.nextAtOrAfter(position + 1)
      cutsAt = Infinity
    }
    if (gone.length > 0) this.#defining.cut(log, gone, position < 0 ? log.next : position)
    return cutsAt
  }

  /** Starts a compaction when half of what a log holds has come since the last one. */
  considerCompaction(log: Log): void {
    if (!log.config.compact || this.#compacting !== undefined) return
    const fresh = log.next - log.traffic.compactedNext
    if (fresh < this.#core.options.compactCount || fresh * 2 < log.index.count) return
    log.traffic.compactedNext = log.next
    this.#compacting = { log, end: log.next, at: log.first, newest: new Map(), older: [] }
  }

  /** A slice: remembers the newest position of each key; at the end cuts the older ones. */
  #compact(): void {
    const job = this.#compacting
    if (job === undefined) return
    const { state } = this.#core
    this.#core.wantTurn()
    if (state.logsById.get(job.log.id) !== job.log) {
      this.#compacting = undefined
      return
    }
    let budget: number = limits.jobBytes
    while (budget > 0) {
      const position = job.log.index.nextAtOrAfter(job.at)
      if (position < 0 || position >= job.end) return this.#endCompaction(job)
      const record = state.record(job.log, position)
      if (record.key.length > 0) {
        const key = textKey(record.key)
        const older = job.newest.get(key)
        if (older !== undefined) job.older.push(older)
        job.newest.set(key, position)
      }
      budget -= 256 + record.key.length
      job.at = position + 1
    }
  }

  #endCompaction(job: CompactJob): void {
    this.#compacting = undefined
    const gone = job.older.filter(position => job.log.index.has(position))
    gone.sort((left, right) => left - right)
    this.#core.journal.begin()
    this.#defining.cut(job.log, gone, job.log.first)
  }
}

function addRun(runs: HintRun[], builder: HintBuilder): void {
  const run = builder.finish()
  if (run.positions.length > 0) runs.push(run)
}

/** Each byte one character: equal keys, and only those, give equal texts. */
function textKey(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}
