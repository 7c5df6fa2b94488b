/**
 * The state as bytes: everything but the records and the places where they lie (hints tell those).
 * Equal states give equal bytes, so a hash of them compares two states.
 *
 *     snapshot = "SPWYSNAP" version:u32 number:u32 sequence:f64 crc:u32 length:u32 payload
 *     payload  = catalogue (JSON: ids, names, definitions)
 *                live runs of each log            what the index must hold
 *                for each log: queue, seen ids, groups
 *
 * `number` is the journal file that comes next: the state is what all files before it have made.
 */

import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { IntervalSet } from '../../base/interval-set.ts'
import { formatVersion } from '../journal/format.ts'
import type { HintRun } from '../journal/hints.ts'
import type { Binding, LogConfig, RouteConfig } from '../model.ts'
import { Group } from './group.ts'
import { Log } from './log.ts'
import type { Queue } from './queue.ts'
import type { State } from './state.ts'
import { Table } from './table.ts'

const magic = 'SPWYSNAP'
const headerBytes = 32

interface Catalogue {
  readonly nextLogId: number
  readonly logs: readonly {
    readonly id: number
    readonly name: string
    readonly config: LogConfig
    readonly first: number
    readonly next: number
    readonly mayExpire: boolean
    readonly readyBytes: number
  }[]
  readonly tables: readonly { readonly name: string; readonly durable: boolean }[]
  readonly routes: readonly {
    readonly name: string
    readonly config: RouteConfig
    readonly bindings: readonly Binding[]
  }[]
}

/** The payload alone; its hash identifies the state. */
export function encodeState(state: State): Uint8Array {
  const writer = new ByteWriter(4096)
  const logs = [...state.logs.values()]
  const catalogue: Catalogue = {
    nextLogId: state.nextLogId,
    logs: logs.map(log => ({
      id: log.id,
      name: log.name,
      config: log.config,
      first: log.first,
      next: log.next,
      mayExpire: log.queue?.mayExpire ?? false,
      readyBytes: log.queue?.readyBytes ?? 0,
    })),
    tables: [...state.tables.values()].map(({ name, durable }) => ({ name, durable })),
    routes: [...state.routes.values()].map(route => ({
      name: route.name,
      config: route.config,
      bindings: [...route.bindings.values()],
    })),
  }
  writeText(writer, JSON.stringify(catalogue))
  for (const log of logs) writeRuns(writer, log)
  for (const log of logs) {
    if (log.queue !== undefined) writeQueue(writer, log.queue)
    writeSeen(writer, log)
    writeGroups(writer, log)
  }
  for (const { name } of catalogue.tables) writeTable(writer, state.tables.get(name)!)
  return writer.take()
}

export function sealSnapshot(
  payload: Uint8Array,
  number: number,
  sequence: number,
  crc32: (bytes: Uint8Array) => number,
): Uint8Array {
  const bytes = new Uint8Array(headerBytes + payload.length)
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < magic.length; index++) bytes[index] = magic.charCodeAt(index)
  view.setUint32(8, formatVersion, true)
  view.setUint32(12, number, true)
  view.setFloat64(16, sequence, true)
  view.setUint32(28, payload.length, true)
  bytes.set(payload, headerBytes)
  view.setUint32(24, crc32(payload), true)
  return bytes
}

/** The payload and its sequence number, or undefined when the bytes are not a whole snapshot. */
export function openSnapshot(
  bytes: Uint8Array,
  number: number,
  crc32: (bytes: Uint8Array) => number,
): { payload: Uint8Array; sequence: number } | undefined {
  if (bytes.length < headerBytes) return undefined
  for (let index = 0; index < magic.length; index++) {
    if (bytes[index] !== magic.charCodeAt(index)) return undefined
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(8, true) !== formatVersion || view.getUint32(12, true) !== number)
    return undefined
  const payload = bytes.subarray(headerBytes)
  if (view.getUint32(28, true) !== payload.length) return undefined
  if (view.getUint32(24, true) !== crc32(payload)) return undefined
  return { payload, sequence: view.getFloat64(16, true) }
}

/** A snapshot on its way back: first `fill` from each file's hint in order, then `finish`. */
export class Restoring {
  readonly state: State
  readonly #reader: ByteReader
  readonly #catalogue: Catalogue
  readonly #live = new Map<number, IntervalSet>()
  /** Copies of older records: they come out of the order of positions. */
  readonly #strays = new Map<number, Map<number, Row>>()

  constructor(payload: Uint8Array, state: State) {
    this.state = state
    this.#reader = new ByteReader(payload)
    this.#catalogue = JSON.parse(readText(this.#reader)) as Catalogue
    for (const kept of this.#catalogue.logs) {
      const log = new Log(kept.id, kept.name, kept.config)
      log.first = kept.first
      log.next = kept.next
      state.logs.set(log.name, log)
      state.logsById.set(log.id, log)
    }
    for (const route of this.#catalogue.routes) {
      state.define({ do: 'create-route', name: route.name, config: route.config })
    }
    for (const route of this.#catalogue.routes) {
      for (const binding of route.bindings) state.define({ do: 'bind', binding })
    }
    state.nextLogId = this.#catalogue.nextLogId
    for (const kept of this.#catalogue.logs) this.#live.set(kept.id, readRuns(this.#reader))
  }

  /** True when a record of this log must be in the index: others are dead. */
  isLive(log: number, position: number): boolean {
    return this.#live.get(log)?.has(position) ?? false
  }

  fill(file: number, run: HintRun): void {
    const log = this.state.logsById.get(run.log)
    const live = this.#live.get(run.log)
    if (log === undefined || live === undefined) return
    for (let index = 0; index < run.positions.length; index++) {
      const position = run.positions[index]!
      if (!live.has(position)) continue
      const offset = run.offsets[index]!
      const length = run.lengths[index]!
      const body = run.bodies[index]!
      if (log.tailFile >= 0 && position <= log.tailFileFirst) {
        this.#stray(log, position, { file, offset, length, body })
        continue
      }
      log.index.add(position, file, offset, length, body)
      this.state.use.add(file, length)
      log.tailFile = file
      // Holds the last position while filling; `finish` makes it the first of the tail file.
      log.tailFileFirst = position
    }
  }

  /** Returns a sentence when records are missing. */
  finish(): string | undefined {
    for (const log of this.state.logs.values()) {
      this.#insertStrays(log)
      const expected = this.#live.get(log.id)!.count
      if (log.index.count !== expected) {
        return `${expected - log.index.count} of ${expected} records of '${log.name}' are missing`
      }
      log.tailFile = -1
      log.tailFileFirst = 0
    }
    for (const kept of this.#catalogue.logs) {
      const log = this.state.logsById.get(kept.id)!
      if (log.queue !== undefined) {
        readQueue(this.#reader, log.queue)
        log.queue.mayExpire = kept.mayExpire
        log.queue.readyBytes = kept.readyBytes
      }
      readSeen(this.#reader, log)
      readGroups(this.#reader, log)
    }
    for (const { name, durable } of this.#catalogue.tables) {
      this.state.tables.set(name, readTable(this.#reader, new Table(name, durable)))
    }
    return undefined
  }

  #stray(log: Log, position: number, row: Row): void {
    const strays = this.#strays.get(log.id) ?? new Map<number, Row>()
    strays.set(position, row)
    this.#strays.set(log.id, strays)
  }

  #insertStrays(log: Log): void {
    const strays = this.#strays.get(log.id)
    if (strays === undefined) return
    const rows = new Map<number, Row>()
    const entry: Row = { file: 0, offset: 0, length: 0, body: 0 }
    log.index.forEachRun(0, (first, count) => {
      for (let position = first; position < first + count; position++) {
        log.index.find(position, entry)
        this.state.use.remove(entry.file, entry.length)
        rows.set(position, { ...entry })
      }
    })
    for (const [position, row] of strays) rows.set(position, row)
    log.index.clear()
    for (const position of [...rows.keys()].sort((left, right) => left - right)) {
      const row = rows.get(position)!
      log.index.add(position, row.file, row.offset, row.length, row.body)
      this.state.use.add(row.file, row.length)
    }
  }
}

interface Row {
  file: number
  offset: number
  length: number
  body: number
}

// The pieces

function writeText(writer: ByteWriter, text: string): void {
  const at = writer.end
  writer.u32(0)
  const length = writer.utf8(text)
  writer.view.setUint32(at, length)
}

function readText(reader: ByteReader): string {
  return reader.utf8(reader.u32())
}

function writeRuns(writer: ByteWriter, log: Log): void {
  const at = writer.end
  let runs = 0
  writer.u32(0)
  log.index.forEachRun(0, (first, count) => {
    writer.f64(first)
    writer.f64(first + count)
    runs++
  })
  writer.view.setUint32(at, runs)
}

function readRuns(reader: ByteReader): IntervalSet {
  const set = new IntervalSet()
  for (let left = reader.u32(); left > 0; left--) set.addRange(reader.f64(), reader.f64())
  return set
}

function sortedKeys(map: ReadonlyMap<number, unknown>): number[] {
  return [...map.keys()].sort((left, right) => left - right)
}

function writeQueue(writer: ByteWriter, queue: Queue): void {
  if (queue.config.ordering !== 'none') {
    writer.u32(queue.ready)
    for (const position of queue.readyPositions()) {
      writer.f64(position)
      writeLane(writer, queue.laneNameOf(position))
    }
  } else {
    for (const level of queue.levels()) {
      writer.u32(level.intervals)
      level.forEachInterval((start, end) => {
        writer.f64(start)
        writer.f64(end)
      })
    }
  }
  writer.u32(queue.delayed.size)
  for (const position of sortedKeys(queue.delayed)) {
    const delayed = queue.delayed.get(position)!
    writer.f64(position)
    writer.f64(delayed.dueAt)
    writer.u16(delayed.level)
    writeLane(writer, delayed.lane?.name)
  }
  writer.u32(queue.leases.size)
  for (const position of sortedKeys(queue.leases)) {
    const lease = queue.leases.get(position)!
    writer.f64(position)
    writer.u16(lease.level)
    writer.u32(lease.attempts)
    writer.f64(lease.leasedAt)
    writer.f64(lease.deadline)
    writeText(writer, lease.holder)
    writeLane(writer, lease.lane?.name)
  }
  writer.u32(queue.attempts.size)
  for (const position of sortedKeys(queue.attempts)) {
    writer.f64(position)
    writer.u32(queue.attempts.get(position)!)
  }
}

function readQueue(reader: ByteReader, queue: Queue): void {
  if (queue.config.ordering !== 'none') {
    for (let left = reader.u32(); left > 0; left--) {
      queue.restoreInLane(reader.f64(), readLane(reader))
    }
  } else {
    for (let level = 0; level < queue.config.levels; level++) {
      for (let left = reader.u32(); left > 0; left--) {
        queue.restoreReady(reader.f64(), reader.f64(), level)
      }
    }
  }
  for (let left = reader.u32(); left > 0; left--) {
    queue.restoreDelayed(reader.f64(), reader.f64(), reader.u16(), readLane(reader))
  }
  for (let left = reader.u32(); left > 0; left--) {
    const lease = {
      position: reader.f64(),
      level: reader.u16(),
      attempts: reader.u32(),
      leasedAt: reader.f64(),
      deadline: reader.f64(),
      holder: readText(reader),
    }
    queue.restoreLease(lease, readLane(reader))
  }
  for (let left = reader.u32(); left > 0; left--) {
    queue.attempts.set(reader.f64(), reader.u32())
  }
}

function writeLane(writer: ByteWriter, name: string | undefined): void {
  writer.u8(name === undefined ? 0 : 1)
  if (name !== undefined) writeText(writer, name)
}

function readLane(reader: ByteReader): string | undefined {
  return reader.u8() === 0 ? undefined : readText(reader)
}

function writeSeen(writer: ByteWriter, log: Log): void {
  const seen = log.dedupe?.seen
  writer.u32(seen?.size ?? 0)
  for (const [id, first] of seen ?? []) {
    writeText(writer, id)
    writer.f64(first.position)
    writer.f64(first.time)
  }
}

function readSeen(reader: ByteReader, log: Log): void {
  for (let left = reader.u32(); left > 0; left--) {
    const id = readText(reader)
    log.dedupe!.seen.set(id, { position: reader.f64(), time: reader.f64() })
  }
}

function writeTable(writer: ByteWriter, table: Table): void {
  writer.u32(table.entries.size)
  for (const [field, value] of table.entries) {
    writeText(writer, field)
    writer.u32(value.length)
    writer.raw(value)
  }
}

function readTable(reader: ByteReader, table: Table): Table {
  for (let left = reader.u32(); left > 0; left--) {
    table.put(readText(reader), reader.raw(reader.u32()).slice())
  }
  return table
}

function writeGroups(writer: ByteWriter, log: Log): void {
  writer.u32(log.groups.size)
  for (const group of log.groups.values()) {
    writeText(writer, group.name)
    writer.f64(group.cursor)
    writer.u8(group.metadata === undefined ? 0 : 1)
    writer.u32(group.metadata?.length ?? 0)
    if (group.metadata !== undefined) writer.raw(group.metadata)
    writer.u32(group.pending.size)
    for (const position of sortedKeys(group.pending)) {
      const pending = group.pending.get(position)!
      writer.f64(position)
      writeText(writer, pending.holder)
      writer.f64(pending.leasedAt)
      writer.u32(pending.attempts)
      writer.f64(pending.deadline)
      writer.u8(group.returned.has(position) ? 1 : 0)
    }
  }
}

function readGroups(reader: ByteReader, log: Log): void {
  for (let left = reader.u32(); left > 0; left--) {
    const group = new Group(readText(reader), reader.f64())
    const hasMetadata = reader.u8() === 1
    const metadata = reader.raw(reader.u32()).slice()
    group.metadata = hasMetadata ? metadata : undefined
    for (let pending = reader.u32(); pending > 0; pending--) {
      const position = reader.f64()
      group.hold({
        position,
        holder: readText(reader),
        leasedAt: reader.f64(),
        attempts: reader.u32(),
        deadline: reader.f64(),
      })
      if (reader.u8() === 1) group.returned.add(position)
    }
    log.groups.set(group.name, group)
  }
}
