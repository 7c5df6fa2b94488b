/**
 * Reading what lies in topics, without a group and without an effect: one order over all
 * partitions, by time, then partition, then offset.
 */

import type { From, ReadOptions } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import type { Cluster, Lane } from './cluster.ts'
import { backend } from './failures.ts'
import { fetchOnce } from './fetcher.ts'
import { parsePosition } from './names.ts'
import { offsetsAt, type Partition, partitionsOf } from './offsets.ts'
import { type FetchedRecord, recordsOf } from './records.ts'

const partitionBytesMax = 1024 * 1024
/** How long we wait for what is written already, in transactions that are about to end. */
const visibleMs = 2000
const idleMs = 250
const outOfRange = 1

/** One partition's part of a reading. */
interface Cursor extends Partition {
  next: number
  /** Not included. */
  end: number
  readonly buffer: FetchedRecord[]
}

export interface Range extends Partition {
  readonly from: number
  readonly to: number
}

/** A place in the order of a topic. */
interface Mark extends Pick<FetchedRecord, 'time' | 'partition' | 'offset'> {}

function isBefore(a: Mark, b: Mark): boolean {
  if (a.time !== b.time) return a.time < b.time
  return a.partition !== b.partition ? a.partition < b.partition : a.offset < b.offset
}

/**
 * All records of some ranges, in order. What is in a transaction that is still open is waited for,
 * for a moment.
 */
export async function* scan(
  cluster: Cluster,
  ranges: readonly Range[],
): AsyncGenerator<FetchedRecord, void, undefined> {
  const lane = cluster.lane()
  try {
    const cursors = ranges.map(({ topic, partition, from, to }): Cursor => {
      return { topic, partition, next: from, end: to, buffer: [] }
    })
    const { clock } = cluster.context
    let patientUntil = clock.monotonic() + visibleMs
    for (;;) {
      const hungry = cursors.filter(({ buffer, next, end }) => buffer.length === 0 && next < end)
      if (hungry.length > 0) {
        const isNews = await fill(cluster, lane, hungry, 50)
        if (isNews) patientUntil = clock.monotonic() + visibleMs
        else if (clock.monotonic() > patientUntil)
          for (const cursor of hungry) cursor.end = cursor.next
        continue
      }
      const first = takeFirst(cursors)
      if (first === undefined) return
      yield first
    }
  } finally {
    await cluster.closeLane(lane)
  }
}

/** Ends quietly when its signal aborts. */
export async function* readTopic(
  cluster: Cluster,
  topic: string,
  options: ReadOptions,
): AsyncGenerator<FetchedRecord, void, undefined> {
  try {
    yield* readRange(cluster, topic, options)
  } catch (error) {
    if (options.signal?.aborted !== true) throw error
  }
}

async function* readRange(
  cluster: Cluster,
  topic: string,
  { from, to, signal }: ReadOptions,
): AsyncGenerator<FetchedRecord, void, undefined> {
  const partitions = await partitionsOf(cluster, topic)
  const start = await startOf(cluster, partitions, from)
  const ends = await offsetsAt(cluster, partitions, 'latest')
  const last =
    typeof to === 'object' && 'position' in to
      ? await markOf(cluster, topic, to.position)
      : undefined
  const isOver = (record: FetchedRecord): boolean => {
    if (typeof to !== 'object') return false
    if ('timestamp' in to) return record.time > to.timestamp
    return last === undefined || isBefore(last, record)
  }
  const ranges = partitions.map(one => ({
    ...one,
    from: start.offsets.get(`${one.topic}:${one.partition}`) ?? 0,
    to: ends.get(`${one.topic}:${one.partition}`) ?? 0,
  }))
  const next = new Map(ranges.map(range => [range.partition, Math.max(range.from, range.to)]))
  for await (const record of scan(cluster, ranges)) {
    if (signal?.aborted === true || isOver(record)) return
    if (start.mark !== undefined && isBefore(record, start.mark)) continue
    yield record
  }
  if (to !== 'forever') return
  yield* follow(
    cluster,
    partitions.map(one => ({ ...one, from: next.get(one.partition)! })),
    signal,
  )
}

/** What comes, as it comes. */
async function* follow(
  cluster: Cluster,
  starts: readonly (Partition & { readonly from: number })[],
  signal: AbortSignal | undefined,
): AsyncGenerator<FetchedRecord, void, undefined> {
  const lane = cluster.lane()
  const stop = () => void cluster.closeLane(lane)
  signal?.addEventListener('abort', stop, { once: true })
  const isOver = () => signal?.aborted === true || cluster.isClosed
  try {
    const cursors = starts.map(({ topic, partition, from }): Cursor => {
      return { topic, partition, next: from, end: Number.POSITIVE_INFINITY, buffer: [] }
    })
    while (!isOver()) {
      await fill(cluster, lane, cursors, idleMs).catch(error => {
        if (!isOver()) throw error
      })
      for (let one = takeFirst(cursors); one !== undefined; one = takeFirst(cursors)) {
        if (isOver()) return
        yield one
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    await cluster.closeLane(lane)
  }
}

function takeFirst(cursors: readonly Cursor[]): FetchedRecord | undefined {
  let first: Cursor | undefined
  for (const cursor of cursors) {
    const [record] = cursor.buffer
    if (record === undefined) continue
    if (first === undefined || isBefore(record, first.buffer[0]!)) first = cursor
  }
  return first?.buffer.shift()
}

/** True when something came. */
async function fill(
  cluster: Cluster,
  lane: Lane,
  cursors: readonly Cursor[],
  maxWaitMs: number,
): Promise<boolean> {
  return cluster.persist(async () => {
    let isNews = false
    const nodes = new Map<number, Cursor[]>()
    for (const cursor of cursors) {
      const { leaders } = await cluster.topic(cursor.topic)
      const node = leaders[cursor.partition]!
      nodes.set(node, [...(nodes.get(node) ?? []), cursor])
    }
    for (const [node, own] of nodes)
      isNews = (await fillFrom(cluster, lane, node, own, maxWaitMs)) || isNews
    return isNews
  })
}

async function fillFrom(
  cluster: Cluster,
  lane: Lane,
  node: number,
  cursors: readonly Cursor[],
  maxWaitMs: number,
): Promise<boolean> {
  const topics = new Map<string, Cursor[]>()
  for (const cursor of cursors) {
    const { id } = await cluster.topic(cursor.topic)
    topics.set(id, [...(topics.get(id) ?? []), cursor])
  }
  const asked = [...topics].map(([topicId, own]) => ({
    topicId,
    partitions: own.map(({ partition, next }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(next),
      lastFetchedEpoch: -1,
      partitionMaxBytes: partitionBytesMax,
    })),
  }))
  let isNews = false
  for (const answer of await fetchOnce(cluster, lane, node, asked, maxWaitMs)) {
    const own = topics.get(answer.topicId)
    const cursor = own?.find(({ partition }) => partition === answer.partition)
    if (cursor === undefined) continue
    const { topic, partition, next, end } = cursor
    if (answer.errorCode === outOfRange) {
      const firsts = await offsetsAt(cluster, [cursor], 'earliest')
      cursor.next = Math.max(next, firsts.get(`${topic}:${partition}`) ?? next)
      continue
    }
    if (answer.errorCode !== 0) {
      cluster.forgetTopic(topic)
      continue
    }
    const found = recordsOf({ topic, partition, from: next }, answer.records, answer.aborted)
    cursor.buffer.push(...found.records.filter(({ offset }) => offset < end))
    cursor.next = found.next
    isNews = isNews || found.next > next
  }
  return isNews
}

/** Where a reader or a group begins: offsets by place, and what to leave out before the mark. */
export async function startOf(
  cluster: Cluster,
  partitions: readonly Partition[],
  from: From,
): Promise<{ readonly offsets: Map<string, number>; readonly mark: Mark | undefined }> {
  if (from === 'earliest' || from === 'latest') {
    return { offsets: await offsetsAt(cluster, partitions, from), mark: undefined }
  }
  if ('timestamp' in from) {
    return { offsets: await offsetsAt(cluster, partitions, from.timestamp), mark: undefined }
  }
  const topic = partitions[0]?.topic ?? ''
  const mark = await markOf(cluster, topic, from.position)
  if (mark === undefined) return { offsets: await offsetsAt(cluster, partitions, 'latest'), mark }
  const offsets = await offsetsAt(cluster, partitions, mark.time)
  offsets.set(`${topic}:${mark.partition}`, mark.offset)
  return { offsets, mark }
}

/** The first record at or after a position; undefined: there is none. */
async function markOf(
  cluster: Cluster,
  topic: string,
  position: string,
): Promise<Mark | undefined> {
  const place = parsePosition(position)
  const { leaders } = await cluster.topic(topic)
  if (place === undefined || place.partition >= leaders.length) throw noPosition(topic, position)
  const { partition, offset } = place
  const ends = await offsetsAt(cluster, [{ topic, partition }], 'latest')
  const range = { topic, partition, from: offset, to: ends.get(`${topic}:${partition}`) ?? 0 }
  for await (const record of scan(cluster, [range])) return record
  return undefined
}

function noPosition(topic: string, position: string): ClientError {
  const why = `“${position}” is no position of ${topic}: write PARTITION-OFFSET.`
  return new ClientError({ code: 'SPILLWAY_E_POSITION', backend, why })
}
