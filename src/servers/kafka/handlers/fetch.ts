/**
 * Fetch: batches as they are stored.
 * Supports: long polling (max wait, min bytes), limits with at least one batch, read_committed with
 * the list of aborted transactions, fetching by topic id, leader epochs. Sessions are not kept (id
 * 0 in every answer), which a client takes for “send me everything again”.
 * Engine: read; watch while there is too little.
 */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf } from '../../../wire/kafka/message.ts'
import type { Fetch } from '../../../wire/kafka/messages/data.ts'
import type { Broker } from '../broker.ts'
import { type Call, later } from '../call.ts'
import { limits } from '../limits.ts'
import { batchOf } from '../mapping.ts'

type Request = RequestOf<typeof Fetch>
type Asked = Request['topics'][number]['partitions'][number]

interface Budget {
  bytes: number
  /** A partition had something, or something to say. */
  isUrgent: boolean
}

/** What is to be read, by log. */
interface Place {
  readonly log: string | undefined
  readonly errorCode: number
  readonly asked: Asked
}

export function fetch(call: Call, request: Request): object | typeof later {
  if (request.sessionId !== 0 && request.sessionEpoch > 0) {
    return { errorCode: codes.FETCH_SESSION_ID_NOT_FOUND, responses: [] }
  }
  const places = request.topics.map(topic => placesOf(call, topic))
  const first = answer(call.broker, request, places)
  const isEnough = first.bytes >= request.minBytes || first.isUrgent
  if (isEnough || request.maxWaitMs <= 0 || places.flat().length === 0) return first.response
  park(call, request, places)
  return later
}

function placesOf(call: Call, asked: Request['topics'][number]): Place[] {
  const { topics } = call.broker
  const topic = call.version >= 13 ? topics.byId(asked.topicId) : topics.find(asked.topic)
  return asked.partitions.map(partition => {
    const log = topic?.logs[partition.partition]
    const unknown =
      call.version >= 13 && topic === undefined
        ? codes.UNKNOWN_TOPIC_ID
        : codes.UNKNOWN_TOPIC_OR_PARTITION
    const epoch = partition.currentLeaderEpoch
    const errorCode = log === undefined ? unknown : epoch > 0 ? codes.UNKNOWN_LEADER_EPOCH : 0
    return { log, errorCode, asked: partition }
  })
}

/** Waits until there is enough, or time is up, or the peer is gone. */
function park(call: Call, request: Request, places: readonly (readonly Place[])[]): void {
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
  const deadline = deadlines.after(waitMs, () => {
    finish(answer(call.broker, request, places).response)
  })
  const watch = () => {
    for (const { log } of places.flat()) {
      const info = log === undefined ? undefined : engine.log(log)
      const watcher = info === undefined ? undefined : engine.watch(info.name, info.next, woken)
      if (watcher?.ok === true) watches.push(watcher.value)
    }
  }
  const woken = () => {
    unwatch()
    const now = answer(call.broker, request, places)
    if (now.bytes >= request.minBytes || now.isUrgent) finish(now.response)
    else watch()
  }
  call.session.onGone = () => {
    unwatch()
    deadline.cancel()
  }
  watch()
}

function answer(
  broker: Broker,
  request: Request,
  places: readonly (readonly Place[])[],
): { response: object; bytes: number; isUrgent: boolean } {
  const most = Math.min(request.maxBytes, limits.fetchBytesMax)
  const budget: Budget = { bytes: 0, isUrgent: false }
  const isCommitted = request.isolationLevel === 1
  const responses = request.topics.map(({ topic, topicId }, index) => ({
    topic,
    topicId,
    partitions: places[index]!.map(place =>
      readPartition(broker, place, { most, budget, isCommitted }),
    ),
  }))
  return { response: { responses }, bytes: budget.bytes, isUrgent: budget.isUrgent }
}

function readPartition(
  broker: Broker,
  { log, errorCode, asked }: Place,
  how: { readonly most: number; readonly budget: Budget; readonly isCommitted: boolean },
): object {
  const { partition: partitionIndex, fetchOffset } = asked
  const { budget, isCommitted } = how
  const info = log === undefined ? undefined : broker.engine.log(log)
  const code = errorCode !== 0 || info !== undefined ? errorCode : codes.UNKNOWN_TOPIC_OR_PARTITION
  const empty = { partitionIndex, errorCode: code, highWatermark: -1, records: [] }
  if (code !== 0 || info === undefined) {
    budget.isUrgent = true
    return empty
  }
  const { next } = info
  const first = broker.topics.start(info.name, info.first)
  const stable = broker.stableEnd(info.name, next)
  const marks = { highWatermark: next, lastStableOffset: stable, logStartOffset: first }
  if (fetchOffset < first || fetchOffset > next) {
    budget.isUrgent = true
    return { ...empty, ...marks, errorCode: codes.OFFSET_OUT_OF_RANGE }
  }
  const end = isCommitted ? stable : next
  const room = Math.min(asked.partitionMaxBytes, how.most - budget.bytes)
  const mayRead = fetchOffset < end && (room > 0 || budget.bytes === 0)
  const records = mayRead ? readBatches(broker, info.name, { from: fetchOffset, end, room }) : []
  // The first batch of an answer may be larger than all limits; the later ones may not.
  const isTooMuch = budget.bytes > 0 && records.length > 0 && records[0]!.length > room
  const taken = isTooMuch ? [] : records
  for (const { length } of taken) budget.bytes += length
  const abortedTransactions = isCommitted
    ? broker.transactions.abortedIn(info.name, fetchOffset, end)
    : null
  return { partitionIndex, errorCode: 0, ...marks, abortedTransactions, records: taken }
}

function readBatches(
  broker: Broker,
  log: string,
  { from, end, room }: { readonly from: number; readonly end: number; readonly room: number },
): Uint8Array[] {
  const bounds = { countMax: 1_000_000, bytesMax: Math.max(1, room) }
  const outcome = broker.engine.read(log, { position: from }, bounds)
  if (!outcome.ok) return []
  return outcome.value.filter(({ position }) => position < end).map(batchOf)
}
