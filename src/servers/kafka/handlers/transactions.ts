/**
 * InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn; looking at producers and
 * transactions.
 */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/transactions.ts'
import { type Call, mayDo } from '../call.ts'
import { KafkaError } from '../errors.ts'
import { partitionOf } from '../mapping.ts'

/** The code of what `act` refuses; 0: nothing. Clients before KIP-588 know only the older word. */
function codeOf(act: () => void, knowsFenced = true): number {
  try {
    act()
    return 0
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    const isFenced = error.code === codes.PRODUCER_FENCED
    return isFenced && !knowsFenced ? codes.INVALID_PRODUCER_EPOCH : error.code
  }
}

export function initProducerId(
  call: Call,
  request: RequestOf<typeof wire.InitProducerId>,
): ResponseOf<typeof wire.InitProducerId> {
  const { broker, version } = call
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request
  if (transactionalId === null) {
    return { errorCode: 0, producerId: broker.producers.newId(), producerEpoch: 0 }
  }
  if (transactionalId === '') return { errorCode: codes.INVALID_REQUEST, producerEpoch: -1 }
  if (!mayDo(call, 'write', 'transaction', transactionalId)) {
    return { errorCode: refusedTransaction, producerId: -1, producerEpoch: -1 }
  }
  const known = producerId < 0 ? undefined : { producerId, epoch: producerEpoch }
  let begun = { producerId: -1, epoch: -1 }
  const errorCode = codeOf(() => {
    begun = broker.transactions.begin(transactionalId, transactionTimeoutMs, known)
  }, version >= 4)
  return { errorCode, producerId: begun.producerId, producerEpoch: begun.epoch }
}

const refusedTransaction = codes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED

interface Adding {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly topics: readonly { readonly name: string; readonly partitions: readonly number[] }[]
}

export function addPartitionsToTxn(
  call: Call,
  request: RequestOf<typeof wire.AddPartitionsToTxn>,
): ResponseOf<typeof wire.AddPartitionsToTxn> {
  if (call.version < 4) {
    const results = addPartitions(call, {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      topics: request.v3AndBelowTopics,
    })
    return { resultsByTopicV3AndBelow: results }
  }
  return {
    errorCode: 0,
    resultsByTransaction: request.transactions.map(each => ({
      transactionalId: each.transactionalId,
      topicResults: addPartitions(call, each),
    })),
  }
}

function addPartitions(call: Call, adding: Adding) {
  const { broker } = call
  const all = adding.topics.flatMap(({ name, partitions }) =>
    partitions.map(partition => broker.topics.find(name)?.logs[partition]),
  )
  const logs = all.filter(log => log !== undefined)
  const who = { producerId: adding.producerId, epoch: adding.producerEpoch }
  const isWhole = logs.length === all.length
  const add = () => {
    const { transactionalId } = adding
    if (!mayDo(call, 'write', 'transaction', transactionalId)) {
      throw new KafkaError(refusedTransaction)
    }
    if (!adding.topics.every(({ name }) => mayDo(call, 'write', 'topic', name))) {
      throw new KafkaError(codes.TOPIC_AUTHORIZATION_FAILED)
    }
    broker.transactions.addPartitions(transactionalId, who, logs)
  }
  const code = isWhole ? codeOf(add) : codes.UNKNOWN_TOPIC_OR_PARTITION
  return adding.topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map(partitionIndex => ({
      partitionIndex,
      partitionErrorCode: code,
    })),
  }))
}

export function addOffsetsToTxn(
  call: Call,
  request: RequestOf<typeof wire.AddOffsetsToTxn>,
): ResponseOf<typeof wire.AddOffsetsToTxn> {
  const { transactionalId, producerId, producerEpoch: epoch, groupId } = request
  const who = { producerId, epoch }
  const { broker } = call
  if (!mayDo(call, 'write', 'transaction', transactionalId)) {
    return { errorCode: refusedTransaction }
  }
  return {
    errorCode: codeOf(() => broker.transactions.addGroup(transactionalId, who, groupId)),
  }
}

/** From here on the end of a transaction raises the producer's epoch (KIP-890). */
const firstThatRaises = 5

export function endTxn(
  call: Call,
  request: RequestOf<typeof wire.EndTxn>,
): ResponseOf<typeof wire.EndTxn> {
  const { transactionalId, producerId, producerEpoch: epoch, committed } = request
  const { broker, version } = call
  if (!mayDo(call, 'write', 'transaction', transactionalId)) {
    return { errorCode: refusedTransaction, producerId, producerEpoch: epoch }
  }
  const who = { producerId, epoch }
  let next = who
  const errorCode = codeOf(() => {
    const { transactions } = broker
    if (version < firstThatRaises) transactions.end(transactionalId, who, committed)
    else next = transactions.endAndRaise(transactionalId, who, committed)
  })
  return { errorCode, producerId: next.producerId, producerEpoch: next.epoch }
}

export function describeProducers(
  { broker }: Call,
  request: RequestOf<typeof wire.DescribeProducers>,
): ResponseOf<typeof wire.DescribeProducers> {
  return {
    topics: request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map(partitionIndex => {
        const log = broker.topics.find(name)?.logs[partitionIndex]
        const producers = log === undefined ? [] : broker.producers.of(log)
        return {
          partitionIndex,
          errorCode: log === undefined ? codes.UNKNOWN_TOPIC_OR_PARTITION : 0,
          activeProducers: producers.map(({ producerId, epoch, lastSequence }) => ({
            producerId,
            producerEpoch: epoch,
            lastSequence,
            coordinatorEpoch: 0,
            currentTxnStartOffset: broker.transactions.openBy(log!, producerId),
          })),
        }
      }),
    })),
  }
}

export function describeTransactions(
  { broker }: Call,
  request: RequestOf<typeof wire.DescribeTransactions>,
): ResponseOf<typeof wire.DescribeTransactions> {
  return {
    transactionStates: request.transactionalIds.map(transactionalId => {
      const found = broker.transactions.find(transactionalId)
      const topics = new Map<string, number[]>()
      for (const log of Object.keys(found?.partitions ?? {})) {
        const place = partitionOf(log)
        if (place === undefined) continue
        topics.set(place.topic, [...(topics.get(place.topic) ?? []), place.partition])
      }
      return {
        errorCode: found === undefined ? codes.TRANSACTIONAL_ID_NOT_FOUND : 0,
        transactionalId,
        transactionState: found?.state ?? '',
        transactionTimeoutMs: found?.timeoutMs ?? 0,
        transactionStartTimeMs: found?.startedAt ?? -1,
        producerId: found?.producerId ?? -1,
        producerEpoch: found?.epoch ?? -1,
        topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
      }
    }),
  }
}

const states = ['Empty', 'Ongoing', 'CompleteCommit', 'CompleteAbort']

export function listTransactions(
  { broker }: Call,
  request: RequestOf<typeof wire.ListTransactions>,
): ResponseOf<typeof wire.ListTransactions> {
  const { stateFilters, producerIdFilters } = request
  return {
    errorCode: 0,
    unknownStateFilters: stateFilters.filter(state => !states.includes(state)),
    transactionStates: broker.transactions
      .list()
      .filter(([, each]) => stateFilters.length === 0 || stateFilters.includes(each.state))
      .filter(
        ([, each]) => producerIdFilters.length === 0 || producerIdFilters.includes(each.producerId),
      )
      .map(([transactionalId, { producerId, state }]) => ({
        transactionalId,
        producerId,
        transactionState: state,
      })),
  }
}
