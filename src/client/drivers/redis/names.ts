/**
 * How the client's queues and topics are kept in Redis. All keys of one endpoint have the same hash
 * tag, so in a cluster they are in one slot and can change in one step.
 *
 * ```
 * NAME                    the stream: a queue's messages (the lowest level), or a topic's events
 * {NAME}:meta             hash: how it was set up
 * {NAME}:p1 … p255        streams: a queue's messages of higher levels
 * {NAME}:k0 … k7          streams: the messages of a queue with keys, by the key's hash
 * {NAME}:again            stream: a queue's messages that came back; they go first
 * {NAME}:later            sorted set: what is delayed, by the time when it is due
 * {NAME}:m:ID             hash: one delayed message
 * {NAME}:d:GENERATION:ID  a deduplication id, for as long as its window
 * {NAME}:parked           hash: failed messages of keys, and until when they wait
 * {NAME}:members          sorted set: consumers of a queue with keys, by their last sign of life
 * {NAME}:owner:I          which of them reads the I-th stream, for as long as its lease
 * {NAME}:g:GROUP:…        the same (again, later, m:, parked, members, owner:) for a topic's group
 * ```
 *
 * A contract's name has no braces and no colon, so these never meet those of another.
 */

import { encodeUtf8 } from '../../../base/bytes.ts'
import type { Layout } from './layout.ts'

/** The one group of a queue. */
export const queueGroup = 'spillway'

export function keyOf(name: string, suffix: string): string {
  return suffix === '' ? name : `{${name}}:${suffix}`
}

/** One stream that a consumer reads. */
export interface StreamRef {
  readonly key: string
  /** Part of positions; empty for the stream with the endpoint's own name. */
  readonly suffix: string
  /** Acknowledged entries stay: others read them, too. */
  readonly keeps: boolean
}

/** What a consumer consumes: a queue, or a topic as one group sees it. */
export interface Source {
  readonly layout: Layout
  readonly group: string
  /** In order of urgency; for a source with keys each unit is owned by one consumer at a time. */
  readonly units: readonly (readonly StreamRef[])[]
  readonly streams: readonly StreamRef[]
  /** What comes back is written here. Undefined with keys: there it stays where it is. */
  readonly again: StreamRef | undefined
  /** Before the names of its other keys. */
  readonly prefix: string
}

export function queueSource(layout: Layout): Source {
  const { name } = layout
  const stream = (suffix: string): StreamRef => ({ key: keyOf(name, suffix), suffix, keeps: false })
  const common = { layout, group: queueGroup, prefix: `{${name}}:` }
  if (layout.partitions > 0) {
    const streams = Array.from({ length: layout.partitions }, (_, index) => stream(`k${index}`))
    return { ...common, streams, units: streams.map(one => [one]), again: undefined }
  }
  const again = stream('again')
  const levels = Array.from({ length: layout.levels }, (_, index) => stream(levelSuffix(index)))
  const streams = [again, ...levels.reverse()]
  return { ...common, streams, units: [streams], again }
}

export function groupSource(layout: Layout, group: string): Source {
  const { name } = layout
  const suffix = `g:${group}:again`
  const again = { key: keyOf(name, suffix), suffix, keeps: false }
  const streams = [again, { key: name, suffix: '', keeps: true }]
  const prefix = `{${name}}:g:${group}:`
  return {
    layout,
    group,
    streams,
    units: [streams],
    again: layout.keyed ? undefined : again,
    prefix,
  }
}

export function levelSuffix(level: number): string {
  return level === 0 ? '' : `p${level}`
}

/** The stream of a key: FNV-1a over its UTF-8 bytes. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c_9dc5
  for (const byte of encodeUtf8(key)) hash = Math.imul(hash ^ byte, 0x0100_0193)
  return (hash >>> 0) % partitions
}

/** Where a message is: `SUFFIX:ID` for streams beside the main one, `later:ID` for delayed ones. */
export function positionOf(suffix: string, id: string): string {
  return suffix === '' ? id : `${suffix}:${id}`
}

export function parsePosition(position: string): {
  readonly suffix: string
  readonly id: string
} {
  const at = position.lastIndexOf(':')
  return { suffix: at < 0 ? '' : position.slice(0, at), id: position.slice(at + 1) }
}

/** The time in an entry's id. */
export function timeOf(id: string): number {
  return Number.parseInt(id, 10)
}

/** Of entries' ids: which one came first. */
export function compareIds(left: string, right: string): number {
  const [leftTime, leftNumber] = left.split('-').map(Number) as [number, number]
  const [rightTime, rightNumber] = right.split('-').map(Number) as [number, number]
  return leftTime - rightTime || leftNumber - rightNumber
}

/** A consumer's name says how long it may be silent: others claim from it by that. */
export function consumerName(name: string, id: string, leaseMs: number): string {
  return `${name}/${id}/${leaseMs}`
}

export function leaseOf(consumer: string): number | undefined {
  const lease = /\/(\d+)$/.exec(consumer)?.[1]
  return lease === undefined ? undefined : Number(lease)
}
