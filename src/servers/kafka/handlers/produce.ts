/**
 * Produce: one batch for each partition, appended as it came.
 * Supports: acks 0, 1 and all (the same here: synced before the answer), idempotence, transactions,
 * every compression, both timestamp types. With a profile before 4.0: message sets (Produce 0 to
 * 2), which become batches.   Refuses: message sets in a later request.
 * Engine: append; with the producer's sequence, and its place in a transaction, as one batch.
 */

import { noBytes } from '../../../base/bytes.ts'
import { engineErrors } from '../../../engine/errors.ts'
import { formats } from '../../../engine/model.ts'
import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf } from '../../../wire/kafka/message.ts'
import { decodeMessageSet } from '../../../wire/kafka/message-set.ts'
import type { Produce } from '../../../wire/kafka/messages/data.ts'
import {
  type BatchFault,
  BatchView,
  decodeRecords,
  encodeBatch,
} from '../../../wire/kafka/record-batch.ts'
import type { Broker } from '../broker.ts'
import { type Call, mayDo, silent } from '../call.ts'
import { errors } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Topic } from '../topics.ts'

type Request = RequestOf<typeof Produce>

interface Stored {
  readonly errorCode: number
  readonly baseOffset: number
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
  readonly errorMessage: string | null
}

const faults: { readonly [Fault in BatchFault]: number } = {
  corrupt: codes.CORRUPT_MESSAGE,
  format: codes.UNSUPPORTED_FOR_MESSAGE_FORMAT,
  invalid: codes.INVALID_RECORD,
  compression: codes.UNSUPPORTED_COMPRESSION_TYPE,
}

const batch = new BatchView()
const zstd = 4
/** Produce before this version carries message sets. */
const firstWithBatches = 3
/** From here on a partition need not be announced to its transaction (KIP-890). */
const firstThatJoins = 12

export function produce(call: Call, request: Request): object | typeof silent {
  const { acks } = request
  const isWrong = acks !== 0 && acks !== 1 && acks !== -1
  const { transactionalId } = request
  const mayWrite = transactionalId === null || mayDo(call, 'write', 'transaction', transactionalId)
  const code = isWrong
    ? codes.INVALID_REQUIRED_ACKS
    : mayWrite
      ? 0
      : codes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  const responses = request.topicData.map(({ name, topicId, partitionData }) => {
    const { topics } = call.broker
    const topic = call.version >= 13 ? topics.byId(topicId) : topics.find(name)
    return {
      name,
      topicId,
      partitionResponses: partitionData.map(({ index, records }) => ({
        index,
        ...(code !== 0 ? refusal(code) : store(call, topic, index, records)),
      })),
    }
  })
  return acks === 0 ? silent : { responses }
}

function store(
  call: Call,
  topic: Topic | undefined,
  partition: number,
  records: Uint8Array | null,
): Stored {
  const log = topic?.logs[partition]
  if (topic === undefined || log === undefined) {
    const isById = call.version >= 13 && topic === undefined
    return refusal(isById ? codes.UNKNOWN_TOPIC_ID : codes.UNKNOWN_TOPIC_OR_PARTITION)
  }
  if (!mayDo(call, 'write', 'topic', topic.name)) return refusal(codes.TOPIC_AUTHORIZATION_FAILED)
  if (records === null || records.length === 0) return refusal(codes.INVALID_RECORD)
  if (call.version < firstWithBatches) return storeSet(call.broker, { topic, log }, records)
  const fault = batch.over(records).fault()
  if (fault !== undefined) return refusal(faults[fault])
  if (records.length > topic.rules.bytesMax) return refusal(codes.MESSAGE_TOO_LARGE)
  if ((batch.attributes & 7) === zstd && call.version < 7) {
    return refusal(codes.UNSUPPORTED_COMPRESSION_TYPE)
  }
  if (topic.rules.isCompacted && hasNoKey(batch.bytes)) return refusal(codes.INVALID_RECORD)
  return append(call.broker, { topic, log, mayJoin: call.version >= firstThatJoins })
}

/** Of what cannot be looked into, the producer is believed. */
function hasNoKey(bytes: Uint8Array): boolean {
  const records = decodeRecords(bytes, limits.decompressedBytesMax)
  return records?.some(({ key }) => key === null) ?? false
}

/** What a client of before 0.11 has written becomes a batch, uncompressed. */
function storeSet(
  broker: Broker,
  { topic, log }: { readonly topic: Topic; readonly log: string },
  bytes: Uint8Array,
): Stored {
  const bytesMax = limits.decompressedBytesMax
  const set = decodeMessageSet(bytes, { now: broker.clock.now(), bytesMax })
  if (set.fault !== undefined) return refusal(faults[set.fault])
  if (set.records.length === 0) return refusal(codes.INVALID_RECORD)
  batch.over(encodeBatch(set.records))
  if (batch.bytes.length > topic.rules.bytesMax) return refusal(codes.MESSAGE_TOO_LARGE)
  return append(broker, { topic, log, mayJoin: false })
}

/** Appends the batch that is in view. */
function append(
  broker: Broker,
  { topic, log, mayJoin }: { readonly topic: Topic; readonly log: string; mayJoin: boolean },
): Stored {
  const { engine, producers, transactions } = broker
  const isSequenced = batch.producerId >= 0 && batch.baseSequence >= 0
  const info = engine.log(log)
  if (info === undefined) return refusal(codes.UNKNOWN_TOPIC_OR_PARTITION)
  if (batch.isTransactional) {
    const who = { producerId: batch.producerId, epoch: batch.producerEpoch }
    const code = transactions.judge(log, who, mayJoin)
    if (code !== 0) return refusal(code)
  }
  if (isSequenced) {
    const verdict = producers.judge(log, batch)
    if (verdict.kind === 'refused') return refusal(verdict.code)
    if (verdict.kind === 'duplicate') return stored(verdict.offset, info.first, -1)
  }
  const { isStamped } = topic.rules
  const now = isStamped ? broker.clock.now() : -1
  batch.place(info.next, 0)
  if (isStamped) batch.stamp(now)
  const record = {
    format: formats.kafkaBatch,
    envelope: noBytes,
    body: batch.bytes,
    // A batch that names no time is as old as its arrival.
    time: batch.maxTimestamp < 0 ? broker.clock.now() : batch.maxTimestamp,
    span: batch.count,
  }
  const write = (): Stored => {
    const outcome = engine.appendOne(log, record)
    if (typeof outcome === 'string') return refusal(errors[outcome], engineErrors[outcome].sentence)
    if (isSequenced) producers.note(log, batch, info.next)
    if (batch.isTransactional) transactions.note(log, batch.producerId, info.next)
    return stored(info.next, info.first, now)
  }
  return isSequenced || batch.isTransactional ? engine.batch(write) : write()
}

function stored(baseOffset: number, logStartOffset: number, logAppendTimeMs: number): Stored {
  return { errorCode: 0, baseOffset, logAppendTimeMs, logStartOffset, errorMessage: null }
}

function refusal(errorCode: number, message = ''): Stored {
  const errorMessage = message === '' ? null : message
  return { errorCode, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1, errorMessage }
}
