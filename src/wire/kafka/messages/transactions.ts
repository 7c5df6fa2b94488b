/** Idempotent and transactional producers. */

import { api } from '../message.ts'
import {
  array,
  bool,
  int16,
  int32,
  int64,
  nullable,
  optional,
  since,
  string,
  struct,
  until,
} from '../types.ts'

const throttleTimeMs = optional(int32)
const producer = { producerId: int64, producerEpoch: int16 }

export const InitProducerId = api(
  'InitProducerId',
  { key: 22, versions: [0, 5], flexibleFrom: 2 },
  {
    transactionalId: nullable(string),
    transactionTimeoutMs: int32,
    producerId: since(3, int64, -1),
    producerEpoch: since(3, int16, -1),
  },
  { throttleTimeMs, errorCode: int16, producerId: optional(int64, -1), producerEpoch: int16 },
)

const topics = array(struct({ name: string, partitions: array(int32) }))
const topicResults = array(
  struct({
    name: string,
    resultsByPartition: array(struct({ partitionIndex: int32, partitionErrorCode: int16 })),
  }),
)

export const AddPartitionsToTxn = api(
  'AddPartitionsToTxn',
  { key: 24, versions: [0, 5], flexibleFrom: 3 },
  {
    transactions: since(
      4,
      array(struct({ transactionalId: string, ...producer, verifyOnly: optional(bool), topics })),
    ),
    v3AndBelowTransactionalId: until(3, string),
    v3AndBelowProducerId: until(3, int64),
    v3AndBelowProducerEpoch: until(3, int16),
    v3AndBelowTopics: until(3, topics),
  },
  {
    throttleTimeMs,
    errorCode: since(4, int16),
    resultsByTransaction: since(4, array(struct({ transactionalId: string, topicResults }))),
    resultsByTopicV3AndBelow: until(3, topicResults),
  },
)

export const AddOffsetsToTxn = api(
  'AddOffsetsToTxn',
  { key: 25, versions: [0, 4], flexibleFrom: 3 },
  { transactionalId: string, ...producer, groupId: string },
  { throttleTimeMs, errorCode: int16 },
)

export const EndTxn = api(
  'EndTxn',
  { key: 26, versions: [0, 5], flexibleFrom: 3 },
  { transactionalId: string, ...producer, committed: bool },
  {
    throttleTimeMs,
    errorCode: int16,
    producerId: since(5, int64, -1),
    producerEpoch: since(5, int16, -1),
  },
)

export const TxnOffsetCommit = api(
  'TxnOffsetCommit',
  { key: 28, versions: [0, 5], flexibleFrom: 3 },
  {
    transactionalId: string,
    groupId: string,
    ...producer,
    generationId: since(3, int32, -1),
    memberId: since(3, string),
    groupInstanceId: since(3, nullable(string)),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: since(2, int32, -1),
            committedMetadata: nullable(string),
          }),
        ),
      }),
    ),
  },
  {
    throttleTimeMs,
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
      }),
    ),
  },
)

export const DescribeProducers = api(
  'DescribeProducers',
  { key: 61, versions: [0, 0], flexibleFrom: 0 },
  { topics: array(struct({ name: string, partitionIndexes: array(int32) })) },
  {
    throttleTimeMs,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: optional(nullable(string)),
            activeProducers: array(
              struct({
                producerId: int64,
                producerEpoch: int32,
                lastSequence: optional(int32, -1),
                lastTimestamp: optional(int64, -1),
                coordinatorEpoch: int32,
                currentTxnStartOffset: optional(int64, -1),
              }),
            ),
          }),
        ),
      }),
    ),
  },
)

export const DescribeTransactions = api(
  'DescribeTransactions',
  { key: 65, versions: [0, 0], flexibleFrom: 0 },
  { transactionalIds: array(string) },
  {
    throttleTimeMs,
    transactionStates: array(
      struct({
        errorCode: int16,
        transactionalId: string,
        transactionState: string,
        transactionTimeoutMs: int32,
        transactionStartTimeMs: int64,
        ...producer,
        topics: array(struct({ topic: string, partitions: array(int32) })),
      }),
    ),
  },
)

export const ListTransactions = api(
  'ListTransactions',
  { key: 66, versions: [0, 2], flexibleFrom: 0 },
  {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    durationFilter: since(1, int64, -1),
    transactionalIdPattern: since(2, nullable(string)),
  },
  {
    throttleTimeMs,
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array(
      struct({ transactionalId: string, producerId: int64, transactionState: string }),
    ),
  },
)
