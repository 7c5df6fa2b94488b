/**
 * Writing and reading records: Produce, Fetch, ListOffsets, DeleteRecords, OffsetForLeaderEpoch.
 */

import { api } from '../message.ts'
import {
  array,
  between,
  int8,
  int16,
  int32,
  int64,
  nullable,
  optional,
  records,
  since,
  string,
  struct,
  tagged,
  until,
  uuid,
} from '../types.ts'

const leader = struct({ leaderId: optional(int32, -1), leaderEpoch: optional(int32, -1) })
const noLeader = { leaderId: -1, leaderEpoch: -1 }
const node = struct({ nodeId: int32, host: string, port: int32, rack: optional(nullable(string)) })
const none: never[] = []

export const Produce = api(
  'Produce',
  { key: 0, versions: [0, 13], flexibleFrom: 9 },
  {
    transactionalId: since(3, nullable(string)),
    acks: int16,
    timeoutMs: int32,
    topicData: array(
      struct({
        name: until(12, string),
        topicId: since(13, uuid),
        partitionData: array(struct({ index: int32, records })),
      }),
    ),
  },
  {
    responses: array(
      struct({
        name: until(12, string),
        topicId: since(13, uuid),
        partitionResponses: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: since(2, int64, -1),
            logStartOffset: since(5, int64, -1),
            recordErrors: since(
              8,
              array(
                struct({ batchIndex: int32, batchIndexErrorMessage: optional(nullable(string)) }),
              ),
            ),
            errorMessage: since(8, nullable(string)),
            currentLeader: tagged(0, 10, leader, noLeader),
          }),
        ),
      }),
    ),
    throttleTimeMs: since(1, int32),
    nodeEndpoints: tagged(0, 10, array(node), none),
  },
)

export const Fetch = api(
  'Fetch',
  { key: 1, versions: [0, 18], flexibleFrom: 12 },
  {
    clusterId: tagged(0, 12, nullable(string)),
    replicaId: until(14, int32, -1),
    replicaState: tagged(
      1,
      15,
      struct({ replicaId: optional(int32, -1), replicaEpoch: optional(int64, -1) }),
      { replicaId: -1, replicaEpoch: -1 },
    ),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: since(3, int32, 0x7fff_ffff),
    isolationLevel: since(4, int8),
    sessionId: since(7, int32),
    sessionEpoch: since(7, int32, -1),
    topics: array(
      struct({
        topic: until(12, string),
        topicId: since(13, uuid),
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: since(9, int32, -1),
            fetchOffset: int64,
            lastFetchedEpoch: since(12, int32, -1),
            logStartOffset: since(5, int64, -1),
            partitionMaxBytes: int32,
            replicaDirectoryId: tagged(0, 17, uuid),
            highWatermark: tagged(1, 18, int64, 2 ** 63),
          }),
        ),
      }),
    ),
    forgottenTopicsData: since(
      7,
      array(
        struct({
          topic: between(7, 12, string),
          topicId: since(13, uuid),
          partitions: array(int32),
        }),
      ),
    ),
    rackId: since(11, string),
  },
  {
    throttleTimeMs: since(1, int32),
    errorCode: since(7, int16),
    sessionId: since(7, int32),
    responses: array(
      struct({
        topic: until(12, string),
        topicId: since(13, uuid),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: since(4, int64, -1),
            logStartOffset: since(5, int64, -1),
            divergingEpoch: tagged(
              0,
              12,
              struct({ epoch: optional(int32, -1), endOffset: optional(int64, -1) }),
              { epoch: -1, endOffset: -1 },
            ),
            currentLeader: tagged(1, 12, leader, noLeader),
            snapshotId: tagged(
              2,
              12,
              struct({ endOffset: optional(int64, -1), epoch: optional(int32, -1) }),
              { endOffset: -1, epoch: -1 },
            ),
            abortedTransactions: since(
              4,
              nullable(array(struct({ producerId: int64, firstOffset: int64 }))),
            ),
            preferredReadReplica: since(11, int32, -1),
            records,
          }),
        ),
      }),
    ),
    nodeEndpoints: tagged(0, 16, array(node), none),
  },
)

export const ListOffsets = api(
  'ListOffsets',
  { key: 2, versions: [0, 11], flexibleFrom: 6 },
  {
    replicaId: int32,
    isolationLevel: since(2, int8),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            currentLeaderEpoch: since(4, int32, -1),
            timestamp: int64,
            maxNumOffsets: until(0, int32, 1),
          }),
        ),
      }),
    ),
    timeoutMs: since(10, int32),
  },
  {
    throttleTimeMs: since(2, int32),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            oldStyleOffsets: until(0, array(int64)),
            timestamp: since(1, int64, -1),
            offset: since(1, int64, -1),
            leaderEpoch: since(4, int32, -1),
          }),
        ),
      }),
    ),
  },
)

export const DeleteRecords = api(
  'DeleteRecords',
  { key: 21, versions: [0, 2], flexibleFrom: 2 },
  {
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, offset: int64 })),
      }),
    ),
    timeoutMs: int32,
  },
  {
    throttleTimeMs: optional(int32),
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 })),
      }),
    ),
  },
)

export const OffsetForLeaderEpoch = api(
  'OffsetForLeaderEpoch',
  { key: 23, versions: [0, 4], flexibleFrom: 4 },
  {
    replicaId: since(3, int32, -2),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: since(2, int32, -1),
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  },
  {
    throttleTimeMs: since(2, int32),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            errorCode: int16,
            partition: int32,
            leaderEpoch: since(1, int32, -1),
            endOffset: optional(int64, -1),
          }),
        ),
      }),
    ),
  },
)
