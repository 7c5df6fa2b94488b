/**
 * Fetch: batches as they are stored.
 * Supports: long polling (max wait, min bytes), limits with at least one batch, sessions, fetching
 * by topic id, leader epochs, read_committed with the list of aborted transactions. With a profile
 * before 4.0: message sets (Fetch 0 to 3), which are made of the batches.
 * Engine: read; watch while there is too little.
 */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf } from '../../../wire/kafka/message.ts'
import { messageSetOf } from '../../../wire/kafka/message-set.ts'
import type { Fetch } from '../../../wire/kafka/messages/data.ts'
import { type Call, later, mayDo } from '../call.ts'
import { moveToEnd, type Opened, type Place } from '../fetch-sessions.ts'
import { limits } from '../limits.ts'
import { batchOf } from '../mapping.ts'
import type { Topic } from '../topics.ts'

type Request = RequestOf<typeof Fetch>

/** One fetch on its way. */
interface Task {
  readonly call: Call
  readonly request: Request
  readonly opened: Exclude<Opened, { kind: 'refused' }>
}

interface Answer {
  readonly isEnough: boolean
  /** Makes the response, and notes in the session what has been told. */
  say(): object
}

export function fetch(call: Call, request: Request): object | typeof later {
  const { topics, forgottenTopicsData, sessionId, sessionEpoch } = request
  const opened = call.broker.fetchSessions.open({
    sessionId,
    // A client of before sessions names none.
    sessionEpoch: call.version < 7 ? -1 : sessionEpoch,
    wanted: topics.flatMap(({ topic, topicId, partitions }) =>
      partitions.map(each => ({ topic, topicId, ...each })),
    ),
    forgotten: forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
      partitions.map(partition => ({ topic, topicId, partition })),
    ),
  })
  if (opened.kind === 'refused') return { errorCode: opened.errorCode, responses: [] }
  const task = { call, request, opened }
  const first = answer(task)
  const mayWait = request.maxWaitMs > 0 && opened.places.length > 0
  if (first.isEnough || !mayWait) return first.say()
  park(task)
  return later
}

/** Waits until there is enough, or time is up, or the peer is gone. */
function park(task: Task): void {
  const { call, request, opened } = task
  const { engine, deadlines } = call.broker
  let watches: { cancel(): void }[] = []
  const unwatch = () => {
    for (const each of watches) each.cancel()
    watches = []
  }
  const finish = (response: object) => {
    unwatch()
    deadline.cancel()
    call.reply(response)
  }
  const waitMs = Math.min(request.maxWaitMs, limits.fetchWaitMsMax)
  const deadline = deadlines.after(waitMs, () => finish(answer(task).say()))
  const watch = () => {
    for (const { wanted } of opened.places) {
      const log = topicOf(call, wanted)?.logs[wanted.partition]
      const info = log === undefined ? undefined : engine.log(log)
      const watcher = info === undefined ? undefined : engine.watch(info.name, info.next, woken)
      if (watcher?.ok === true) watches.push(watcher.value)
    }
  }
  const woken = () => {
    unwatch()
    const now = answer(task)
    if (now.isEnough) finish(now.say())
    else watch()
  }
  call.session.onGone = () => {
    unwatch()
    deadline.cancel()
  }
  watch()
}

function topicOf({ broker, version }: Call, wanted: Place['wanted']): Topic | undefined {
  return version >= 13 ? broker.topics.byId(wanted.topicId) : broker.topics.find(wanted.topic)
}

interface PartitionAnswer {
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly abortedTransactions: readonly object[] | null
  readonly records: readonly Uint8Array[]
}

/** What can be said now. */
function answer({ call, request, opened }: Task): Answer {
  const most = Math.min(request.maxBytes, limits.fetchBytesMax)
  const isCommitted = request.isolationLevel === 1
  const said: { readonly place: Place; readonly answer: PartitionAnswer }[] = []
  let bytes = 0
  let isUrgent = false
  for (const place of opened.places) {
    const now = readPartition(call, place, {
      room: most - bytes,
      isFirst: bytes === 0,
      isCommitted,
    })
    for (const { length } of now.records) bytes += length
    if (now.errorCode !== 0) isUrgent = true
    if (opened.kind === 'whole' || hasNews(place, now)) said.push({ place, answer: now })
  }
  const isEnough = isUrgent || bytes >= request.minBytes
  const { session } = opened
  const say = () => {
    // Otherwise the answer grows by doubling, and is copied each time.
    call.expect(bytes + said.length * limits.fetchedPartitionBytes)
    for (const { place, answer: now } of said) {
      place.told = now
      if (session !== undefined && now.records.length > 0) moveToEnd(session, place)
    }
    return { sessionId: session?.id ?? 0, responses: byTopic(said) }
  }
  return { isEnough, say }
}

function hasNews({ told }: Place, now: PartitionAnswer): boolean {
  return (
    now.records.length > 0 ||
    now.errorCode !== 0 ||
    told?.errorCode !== 0 ||
    told.highWatermark !== now.highWatermark ||
    told.logStartOffset !== now.logStartOffset
  )
}

/** Neighbours of one topic are told together. */
function byTopic(said: readonly { readonly place: Place; readonly answer: PartitionAnswer }[]) {
  const topics: { topic: string; topicId: string; partitions: object[] }[] = []
  for (const { place, answer: now } of said) {
    const { topic, topicId, partition: partitionIndex } = place.wanted
    let last = topics[topics.length - 1]
    if (last === undefined || last.topic !== topic || last.topicId !== topicId) {
      last = { topic, topicId, partitions: [] }
      topics.push(last)
    }
    last.partitions.push({ partitionIndex, ...now })
  }
  return topics
}

function failure(errorCode: number): PartitionAnswer {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: null,
    records: [],
  }
}

function readPartition(
  call: Call,
  { wanted }: Place,
  how: { readonly room: number; readonly isFirst: boolean; readonly isCommitted: boolean },
): PartitionAnswer {
  const { broker, version } = call
  const { fetchOffset } = wanted
  const topic = topicOf(call, wanted)
  const log = topic?.logs[wanted.partition]
  const info = log === undefined ? undefined : broker.engine.log(log)
  if (topic === undefined || info === undefined) {
    const isById = version >= 13 && topic === undefined
    return failure(isById ? codes.UNKNOWN_TOPIC_ID : codes.UNKNOWN_TOPIC_OR_PARTITION)
  }
  if (!mayDo(call, 'read', 'topic', topic.name)) return failure(codes.TOPIC_AUTHORIZATION_FAILED)
  if (wanted.currentLeaderEpoch > 0) return failure(codes.UNKNOWN_LEADER_EPOCH)
  const { name, next } = info
  const first = broker.topics.start(name, info.first)
  const stable = broker.stableEnd(name, next)
  const marks = { highWatermark: next, lastStableOffset: stable, logStartOffset: first }
  if (fetchOffset < first || fetchOffset > next) {
    return { ...failure(codes.OFFSET_OUT_OF_RANGE), ...marks }
  }
  const end = how.isCommitted ? stable : next
  const room = Math.min(wanted.partitionMaxBytes, how.room)
  const mayRead = fetchOffset < end && (room > 0 || how.isFirst)
  const nothing = { batches: [], next: fetchOffset }
  const read = mayRead ? readBatches(call, name, { from: fetchOffset, end, room }) : nothing
  // The first batch of an answer may be larger than all limits; the later ones may not.
  const isTooMuch = !how.isFirst && read.batches.length > 0 && read.batches[0]!.length > room
  const told = isTooMuch ? nothing : read
  const records = inFormatOf(call, fetchOffset, told.batches)
  if (records === undefined) return failure(codes.UNSUPPORTED_COMPRESSION_TYPE)
  const abortedTransactions = how.isCommitted
    ? broker.transactions.abortedIn(name, fetchOffset, told.next)
    : null
  return { errorCode: 0, ...marks, abortedTransactions, records }
}

function readBatches(
  { broker }: Call,
  log: string,
  { from, end, room }: { readonly from: number; readonly end: number; readonly room: number },
): { readonly batches: readonly Uint8Array[]; readonly next: number } {
  const bounds = { countMax: 1_000_000, bytesMax: Math.max(1, room) }
  const outcome = broker.engine.read(log, { position: from }, bounds)
  const all = outcome.ok ? outcome.value : []
  const isWithin = all.length === 0 || all[all.length - 1]!.position < end
  const value = isWithin ? all : all.filter(({ position }) => position < end)
  const last = value[value.length - 1]
  return {
    batches: value.map(record => batchOf(record, broker.readPlain)),
    next: last === undefined ? from : last.position + last.span,
  }
}

const firstWithBatches = 4
const firstWithTimes = 2
const firstWithZstd = 10
const zstd = 4

/** What this client can read; undefined: it cannot. */
function inFormatOf(
  { version }: Call,
  from: number,
  batches: readonly Uint8Array[],
): readonly Uint8Array[] | undefined {
  if (version >= firstWithZstd || batches.length === 0) return batches
  if (batches.some(batch => (batch[22]! & 7) === zstd)) return undefined
  if (version >= firstWithBatches) return batches
  const magic = version >= firstWithTimes ? 1 : 0
  const bytesMax = limits.decompressedBytesMax
  const set = messageSetOf(batches, { from, magic, bytesMax })
  return set === undefined ? undefined : [set]
}
