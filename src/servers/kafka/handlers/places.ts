/** ListOffsets, DeleteRecords, OffsetForLeaderEpoch: places in a log. */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/data.ts'
import { decodeRecords } from '../../../wire/kafka/record-batch.ts'
import type { Broker } from '../broker.ts'
import { type Call, later, mayDo } from '../call.ts'
import { limits } from '../limits.ts'
import { batchOf } from '../mapping.ts'

const latest = -1
const earliest = -2
const maxTimestamp = -3

type Listed = ResponseOf<typeof wire.ListOffsets>['topics'][number]['partitions'][number]

type Request = RequestOf<typeof wire.ListOffsets>

/** Answers later while there is a long log to look through for its newest record. */
export function listOffsets(
  call: Call,
  request: Request,
): ResponseOf<typeof wire.ListOffsets> | typeof later {
  const first = list(call, request)
  if (first !== undefined) return first
  const { deadlines } = call.broker
  const look = () => {
    const answer = list(call, request)
    if (answer === undefined) deadline = deadlines.after(lookMs, look)
    else call.reply(answer)
  }
  let deadline = deadlines.after(lookMs, look)
  call.session.onGone = () => deadline.cancel()
  return later
}

/** Others have their turn between two slices. */
const lookMs = 1

/** Undefined: some log has not been looked through yet. */
function list(call: Call, request: Request): ResponseOf<typeof wire.ListOffsets> | undefined {
  let isWhole = true
  const topics = request.topics.map(({ name, partitions }) => {
    const topic = call.broker.topics.find(name)
    return {
      name,
      partitions: partitions.map(({ partitionIndex, timestamp }): Listed => {
        if (!mayDo(call, 'describe', 'topic', name)) {
          return { partitionIndex, errorCode: codes.TOPIC_AUTHORIZATION_FAILED }
        }
        const log = topic?.logs[partitionIndex]
        const found = log === undefined ? undefined : find(call, request, log, timestamp)
        if (found === undefined) {
          return { partitionIndex, errorCode: codes.UNKNOWN_TOPIC_OR_PARTITION }
        }
        if (found === 'unknown') {
          isWhole = false
          return { partitionIndex, errorCode: 0 }
        }
        const oldStyleOffsets = found.offset < 0 ? [] : [found.offset]
        return { partitionIndex, errorCode: 0, oldStyleOffsets, ...found, leaderEpoch: 0 }
      }),
    }
  })
  return isWhole ? { topics } : undefined
}

interface Found {
  readonly timestamp: number
  readonly offset: number
}

const nowhere: Found = { timestamp: -1, offset: -1 }

function find(
  { broker }: Call,
  request: Request,
  log: string,
  time: number,
): Found | 'unknown' | undefined {
  const info = broker.engine.log(log)
  if (info === undefined) return undefined
  const end = request.isolationLevel === 1 ? broker.stableEnd(log, info.next) : info.next
  switch (time) {
    case latest:
      return { timestamp: -1, offset: end }
    case earliest:
    case -4:
      return { timestamp: -1, offset: broker.topics.start(log, info.first) }
    case -5:
      return nowhere
    case maxTimestamp: {
      const found = broker.newestRecords.find(log)
      if (found === undefined) return 'unknown'
      // As in Kafka: the newest of all, or none when this reader may not see it yet.
      return found.offset < end ? found : nowhere
    }
    default:
      return firstAt(broker, log, time, end)
  }
}

function firstAt(broker: Broker, log: string, time: number, end: number): Found {
  const outcome = broker.engine.read(log, { time }, { countMax: 1, bytesMax: 1 })
  const record = outcome.ok ? outcome.value[0] : undefined
  if (record === undefined || record.position >= end) return { timestamp: -1, offset: -1 }
  const batch = batchOf(record, broker.readPlain)
  if (record.span === 1) return { timestamp: record.time, offset: record.position }
  const records = decodeRecords(batch, limits.decompressedBytesMax)
  // Whoever compresses with zstd is told the batch, which is early enough.
  if (records === undefined) return { timestamp: record.time, offset: record.position }
  const index = records.findIndex(({ timestamp }) => timestamp >= time)
  if (index < 0) return { timestamp: record.time, offset: record.position }
  return { timestamp: records[index]!.timestamp, offset: record.position + index }
}

export function deleteRecords(
  call: Call,
  request: RequestOf<typeof wire.DeleteRecords>,
): ResponseOf<typeof wire.DeleteRecords> {
  const { engine, topics } = call.broker
  return {
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, offset }) => {
        const log = topics.find(name)?.logs[partitionIndex]
        const info = log === undefined ? undefined : engine.log(log)
        const failed = { partitionIndex, lowWatermark: -1 }
        if (!mayDo(call, 'delete', 'topic', name)) {
          return { ...failed, errorCode: codes.TOPIC_AUTHORIZATION_FAILED }
        }
        if (info === undefined) return { ...failed, errorCode: codes.UNKNOWN_TOPIC_OR_PARTITION }
        const before = offset === -1 ? info.next : offset
        const start = topics.start(info.name, info.first)
        if (before >= 0 && before <= start) {
          return { partitionIndex, lowWatermark: start, errorCode: 0 }
        }
        if (before < 0 || before > info.next) {
          return { ...failed, errorCode: codes.OFFSET_OUT_OF_RANGE }
        }
        topics.cut(info.name, before)
        return { partitionIndex, lowWatermark: before, errorCode: 0 }
      }),
    })),
  }
}

export function offsetForLeaderEpoch(
  call: Call,
  request: RequestOf<typeof wire.OffsetForLeaderEpoch>,
): ResponseOf<typeof wire.OffsetForLeaderEpoch> {
  const { engine, topics } = call.broker
  return {
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, leaderEpoch }) => {
        const log = topics.find(topic)?.logs[partition]
        const info = log === undefined ? undefined : engine.log(log)
        if (info === undefined) return { partition, errorCode: codes.UNKNOWN_TOPIC_OR_PARTITION }
        const isKnown = leaderEpoch >= 0 && leaderEpoch <= 0
        return {
          partition,
          errorCode: 0,
          leaderEpoch: isKnown ? 0 : -1,
          endOffset: isKnown ? info.next : -1,
        }
      }),
    })),
  }
}
