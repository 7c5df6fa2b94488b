/** How much waits, and a look at it, from the log and from what the group has committed. */

import type { Depth, Stored } from '../../driver.ts'
import type { Cluster } from './cluster.ts'
import { type Range, scan } from './history.ts'
import { dueHeader } from './names.ts'
import { committedOffsets, offsetsAt, partitionsOf } from './offsets.ts'
import { Progress } from './progress.ts'
import { audienceHeader } from './reader.ts'
import { type FetchedRecord, storedOf } from './records.ts'

/** So many records are looked at, to count exactly; beyond that, offsets are counted. */
const countedMax = 5000

interface Part {
  readonly range: Range
  readonly progress: Progress
}

/** What is unsettled of each partition; for a reader without a group, everything. */
async function partsOf(
  cluster: Cluster,
  topic: string,
  group: string | undefined,
): Promise<Part[]> {
  const partitions = await partitionsOf(cluster, topic)
  const [firsts, ends, commits] = await Promise.all([
    offsetsAt(cluster, partitions, 'earliest'),
    offsetsAt(cluster, partitions, 'latest'),
    group === undefined ? [] : committedOffsets(cluster, group, partitions),
  ])
  return partitions.map(({ partition }, index) => {
    const place = `${topic}:${partition}`
    const first = firsts.get(place) ?? 0
    const commit = commits[index]
    const progress = Progress.decode(commit?.offset ?? first, commit?.metadata ?? null)
    if (progress.watermark < first) progress.settle(progress.watermark, first - progress.watermark)
    const range = { topic, partition, from: progress.watermark, to: ends.get(place) ?? 0 }
    return { range, progress }
  })
}

export async function depthOf(
  cluster: Cluster,
  topic: string,
  group: string | undefined,
  audience: string | undefined,
): Promise<Depth> {
  const parts = await partsOf(cluster, topic, group)
  const now = cluster.context.clock.now()
  const lag = parts.reduce((sum, { progress, range }) => sum + progress.unsettledTo(range.to), 0)
  let leased = 0
  let delayed = 0
  for (const { progress } of parts) {
    const held = progress.heldNow(now)
    leased += held.out
    delayed += held.delayed
  }
  if (lag > countedMax) {
    return { ready: Math.max(0, lag - leased - delayed), leased, delayed, approximate: true }
  }
  let ready = 0
  for await (const record of unsettled(cluster, parts)) {
    const isHeld = isHeldNow(parts, record, now)
    const due = record.headers[dueHeader]
    if (!isForOthers(record, audience) && !isHeld) {
      if (due !== undefined && Number(due) > now) delayed++
      else ready++
    }
  }
  return { ready, leased, delayed, approximate: false }
}

/** The first that wait for somebody, oldest first. */
export async function peekAt(
  cluster: Cluster,
  topic: string,
  group: string,
  countMax: number,
): Promise<Stored[]> {
  const parts = await partsOf(cluster, topic, group)
  const now = cluster.context.clock.now()
  const found: Stored[] = []
  if (countMax <= 0) return found
  for await (const record of unsettled(cluster, parts)) {
    if (isHeldNow(parts, record, now)) continue
    found.push(storedOf(record))
    if (found.length >= countMax) break
  }
  return found
}

async function* unsettled(
  cluster: Cluster,
  parts: readonly Part[],
): AsyncGenerator<FetchedRecord, void, undefined> {
  const ranges = parts
    .filter(({ progress, range }) => progress.unsettledTo(range.to) > 0)
    .map(({ range }) => range)
  if (ranges.length === 0) return
  for await (const record of scan(cluster, ranges)) {
    if (!progressOf(parts, record).isSettled(record.offset)) yield record
  }
}

function progressOf(parts: readonly Part[], { partition }: FetchedRecord): Progress {
  return parts.find(({ range }) => range.partition === partition)!.progress
}

function isHeldNow(parts: readonly Part[], record: FetchedRecord, now: number): boolean {
  const held = progressOf(parts, record).held(record.offset)
  return held !== undefined && (held.isOut || held.dueAt > now)
}

function isForOthers({ headers }: FetchedRecord, audience: string | undefined): boolean {
  const named = headers[audienceHeader]
  return named !== undefined && named !== audience
}
