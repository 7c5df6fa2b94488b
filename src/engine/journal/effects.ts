/**
 * Writing effects as journal entries, and reading them back. Two layouts serve all of them besides
 * records (drawn in `format.ts`):
 *
 *     positions entry (lease, settle, return, due, trim, extend, cursor)
 *       0 kind version flags length   8 log:u32   12 ranges:u32   16 a:f64   24 b:f64
 *      32 holder:u16 group:u16        36 metadata:u32
 *      40 (start:f64 count:f64)*ranges  holder group metadata
 *
 *       lease    a = now, b = deadline (Infinity: none)
 *       settle   -
 *       return   a = due time (0: at once); flag 1: the attempt does not count
 *       due      -
 *       trim     a = the log's new first position
 *       extend   a = now, b = deadline; flag 1: counts as an attempt; holder empty: unchanged
 *       cursor   a = the group's cursor; metadata: the reader's own, flag 1: there is some
 *
 *     define entry: JSON of a `Definition`
 *
 *     put entry
 *       0 kind version flags length   8 changes:u32   12 table:u32
 *      16 table, then for each change: field:u32 value:u32 (0xffffffff: the field goes) field value
 */

import {
  copyInto,
  decodeUtf8,
  encodeUtf8,
  noBytes,
  utf8Bytes,
  writeUtf8,
} from '../../base/bytes.ts'
import type { Binding, LogConfig, RouteConfig } from '../model.ts'
import type { TableChange } from '../state/table.ts'
import { entryHeaderBytes, kinds } from './format.ts'
import type { Journal, Urgency } from './journal.ts'

export type Definition =
  | {
      readonly do: 'create-log'
      readonly id: number
      readonly name: string
      readonly config: LogConfig
    }
  | { readonly do: 'alter-log'; readonly name: string; readonly config: LogConfig }
  | { readonly do: 'drop-log'; readonly name: string }
  | { readonly do: 'create-route'; readonly name: string; readonly config: RouteConfig }
  | { readonly do: 'alter-route'; readonly name: string; readonly config: RouteConfig }
  | { readonly do: 'drop-route'; readonly name: string }
  | { readonly do: 'bind' | 'unbind'; readonly binding: Binding }
  | {
      readonly do: 'create-group'
      readonly log: string
      readonly name: string
      readonly cursor: number
    }
  | { readonly do: 'create-table'; readonly name: string; readonly durable: boolean }
  | { readonly do: 'drop-table'; readonly name: string }
  | { readonly do: 'drop-group'; readonly log: string; readonly name: string }

/** One entry, decoded. Ranges are flat: start, count, start, count, … */
export interface PositionsEffect {
  readonly kind: number
  readonly flag: boolean
  readonly log: number
  readonly a: number
  readonly b: number
  readonly holder: string
  readonly group: string
  readonly metadata: Uint8Array | undefined
  readonly ranges: readonly number[]
}

export type Effect =
  | { readonly type: 'record'; readonly relocated: boolean; readonly bytes: Uint8Array }
  | { readonly type: 'positions'; readonly effect: PositionsEffect }
  | { readonly type: 'put'; readonly table: string; readonly changes: readonly TableChange[] }
  | { readonly type: 'mark' }
  | { readonly type: 'define'; readonly definition: Definition }

const positionsHeaderBytes = 40
const putHeaderBytes = 16
const noValue = 0xffff_ffff

/** Positions, in any order, as runs of consecutive ones. */
export function rangesOf(positions: readonly number[]): number[] {
  const ranges: number[] = []
  let at = -1
  for (const position of positions) {
    if (at >= 0 && position === ranges[at]! + ranges[at + 1]!) {
      ranges[at + 1]!++
    } else {
      at += at < 0 ? 1 : 2
      ranges.push(position, 1)
    }
  }
  return ranges
}

export function writePositions(
  journal: Journal,
  kind: number,
  log: number,
  ranges: readonly number[],
  urgency: Urgency,
  rest: {
    readonly a?: number
    readonly b?: number
    readonly flag?: boolean
    readonly holder?: string
    readonly group?: string | undefined
    readonly metadata?: Uint8Array | undefined
  } = {},
): void {
  const holder = rest.holder === undefined ? noBytes : encodeUtf8(rest.holder)
  const group = rest.group === undefined ? noBytes : encodeUtf8(rest.group)
  const metadata = rest.metadata ?? noBytes
  const tail = positionsHeaderBytes + ranges.length * 8
  const at = journal.entry(kind, tail + holder.length + group.length + metadata.length)
  const { bytes, view } = journal
  view.setUint16(at + 2, rest.flag === true ? 1 : 0, true)
  view.setUint32(at + 8, log, true)
  view.setUint32(at + 12, ranges.length / 2, true)
  view.setFloat64(at + 16, rest.a ?? 0, true)
  view.setFloat64(at + 24, rest.b ?? 0, true)
  view.setUint16(at + 32, holder.length, true)
  view.setUint16(at + 34, group.length, true)
  view.setUint32(at + 36, metadata.length, true)
  let to = at + positionsHeaderBytes
  for (const value of ranges) {
    view.setFloat64(to, value, true)
    to += 8
  }
  bytes.set(holder, to)
  bytes.set(group, to + holder.length)
  bytes.set(metadata, to + holder.length + group.length)
  journal.finish(urgency)
}

export function writeDefinition(journal: Journal, definition: Definition, urgency: Urgency): void {
  const json = encodeUtf8(JSON.stringify(definition))
  const at = journal.entry(kinds.define, entryHeaderBytes + json.length)
  journal.bytes.set(json, at + entryHeaderBytes)
  journal.finish(urgency)
}

export function writePut(
  journal: Journal,
  table: string,
  changes: readonly TableChange[],
  urgency: Urgency,
): void {
  const nameBytes = utf8Bytes(table)
  let size = putHeaderBytes + nameBytes
  for (const [field, value] of changes) size += 8 + utf8Bytes(field) + (value?.length ?? 0)
  const at = journal.entry(kinds.put, size)
  const { bytes, view } = journal
  view.setUint32(at + 8, changes.length, true)
  view.setUint32(at + 12, nameBytes, true)
  let to = writeUtf8(bytes, table, at + putHeaderBytes)
  for (const [field, value] of changes) {
    const end = writeUtf8(bytes, field, to + 8)
    view.setUint32(to, end - to - 8, true)
    view.setUint32(to + 4, value?.length ?? noValue, true)
    to = value === undefined ? end : copyInto(bytes, value, end)
  }
  journal.finish(urgency)
}

function readPut(bytes: Uint8Array): Effect {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const changes: TableChange[] = []
  const nameEnd = putHeaderBytes + view.getUint32(12, true)
  let at = nameEnd
  for (let left = view.getUint32(8, true); left > 0; left--) {
    const fieldEnd = at + 8 + view.getUint32(at, true)
    const length = view.getUint32(at + 4, true)
    const field = decodeUtf8(bytes.subarray(at + 8, fieldEnd))
    const valueEnd = fieldEnd + (length === noValue ? 0 : length)
    changes.push([field, length === noValue ? undefined : bytes.slice(fieldEnd, valueEnd)])
    at = valueEnd
  }
  return { type: 'put', table: decodeUtf8(bytes.subarray(putHeaderBytes, nameEnd)), changes }
}

/** Reads the entry that `bytes` holds from its first to its last byte. Throws a sentence. */
export function readEffect(bytes: Uint8Array): Effect {
  const kind = bytes[0]!
  switch (kind) {
    case kinds.append:
    case kinds.relocate:
      return { type: 'record', relocated: kind === kinds.relocate, bytes }
    case kinds.define: {
      const json = decodeUtf8(bytes.subarray(entryHeaderBytes))
      return { type: 'define', definition: JSON.parse(json) as Definition }
    }
    case kinds.mark:
      return { type: 'mark' }
    case kinds.put:
      return readPut(bytes)
    case kinds.lease:
    case kinds.settle:
    case kinds.return:
    case kinds.due:
    case kinds.trim:
    case kinds.extend:
    case kinds.cursor:
      return { type: 'positions', effect: readPositions(kind, bytes) }
    default:
      throw new Error(`an entry of kind ${kind} is unknown to this release`)
  }
}

function readPositions(kind: number, bytes: Uint8Array): PositionsEffect {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ranges: number[] = []
  let at = positionsHeaderBytes
  for (let left = view.getUint32(12, true) * 2; left > 0; left--) {
    ranges.push(view.getFloat64(at, true))
    at += 8
  }
  const holderEnd = at + view.getUint16(32, true)
  const groupEnd = holderEnd + view.getUint16(34, true)
  const flag = (view.getUint16(2, true) & 1) !== 0
  return {
    kind,
    flag,
    log: view.getUint32(8, true),
    a: view.getFloat64(16, true),
    b: view.getFloat64(24, true),
    holder: decodeUtf8(bytes.subarray(at, holderEnd)),
    group: decodeUtf8(bytes.subarray(holderEnd, groupEnd)),
    metadata: flag && kind === kinds.cursor ? bytes.slice(groupEnd) : undefined,
    ranges,
  }
}
