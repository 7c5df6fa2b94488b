/** Share groups (KIP-932): members of a group share partitions, record by record. */

import { api } from '../message.ts'
import {
  array,
  bool,
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
  uuid,
} from '../types.ts'
import { operationsNotAsked } from './cluster.ts'
import { assignment } from './modern-groups.ts'

const maybe = optional(nullable(string))
const partitionsOfTopics = array(struct({ topicId: uuid, partitions: array(int32) }))

export const ShareGroupHeartbeat = api(
  'ShareGroupHeartbeat',
  { key: 76, versions: [1, 1], flexibleFrom: 0 },
  {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    rackId: maybe,
    subscribedTopicNames: optional(nullable(array(string))),
  },
  {
    throttleTimeMs: optional(int32),
    errorCode: int16,
    errorMessage: maybe,
    memberId: maybe,
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: optional(nullable(struct({ topicPartitions: partitionsOfTopics }))),
  },
)

export const ShareGroupDescribe = api(
  'ShareGroupDescribe',
  { key: 77, versions: [1, 1], flexibleFrom: 0 },
  { groupIds: array(string), includeAuthorizedOperations: bool },
  {
    throttleTimeMs: optional(int32),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: maybe,
        groupId: string,
        groupState: string,
        groupEpoch: int32,
        assignmentEpoch: int32,
        assignorName: string,
        members: array(
          struct({
            memberId: string,
            rackId: maybe,
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            assignment,
          }),
        ),
        authorizedOperations: optional(int32, operationsNotAsked),
      }),
    ),
  },
)

/** One type for all of them, or one for each: 0 gap, 1 accept, 2 release, 3 reject, 4 renew. */
const acknowledgementBatches = array(
  struct({ firstOffset: int64, lastOffset: int64, acknowledgeTypes: array(int8) }),
)

const currentLeader = optional(struct({ leaderId: int32, leaderEpoch: int32 }), {
  leaderId: -1,
  leaderEpoch: -1,
})

const nodeEndpoints = optional(
  array(struct({ nodeId: int32, host: string, port: int32, rack: maybe })),
)

export const ShareFetch = api(
  'ShareFetch',
  { key: 78, versions: [1, 2], flexibleFrom: 0 },
  {
    groupId: maybe,
    memberId: nullable(string),
    shareSessionEpoch: int32,
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: optional(int32, 0x7fff_ffff),
    maxRecords: int32,
    batchSize: int32,
    shareAcquireMode: since(2, int8),
    isRenewAck: since(2, bool),
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(struct({ partitionIndex: int32, acknowledgementBatches })),
      }),
    ),
    forgottenTopicsData: partitionsOfTopics,
  },
  {
    throttleTimeMs: optional(int32),
    errorCode: int16,
    errorMessage: maybe,
    acquisitionLockTimeoutMs: optional(int32),
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: maybe,
            acknowledgeErrorCode: optional(int16),
            acknowledgeErrorMessage: maybe,
            currentLeader,
            records: optional(records),
            acquiredRecords: optional(
              array(struct({ firstOffset: int64, lastOffset: int64, deliveryCount: int16 })),
            ),
          }),
        ),
      }),
    ),
    nodeEndpoints,
  },
)

export const ShareAcknowledge = api(
  'ShareAcknowledge',
  { key: 79, versions: [1, 2], flexibleFrom: 0 },
  {
    groupId: maybe,
    memberId: nullable(string),
    shareSessionEpoch: int32,
    isRenewAck: since(2, bool),
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(struct({ partitionIndex: int32, acknowledgementBatches })),
      }),
    ),
  },
  {
    throttleTimeMs: optional(int32),
    errorCode: int16,
    errorMessage: maybe,
    acquisitionLockTimeoutMs: since(2, int32),
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({ partitionIndex: int32, errorCode: int16, errorMessage: maybe, currentLeader }),
        ),
      }),
    ),
    nodeEndpoints,
  },
)

export const DescribeShareGroupOffsets = api(
  'DescribeShareGroupOffsets',
  { key: 90, versions: [0, 1], flexibleFrom: 0 },
  {
    groups: array(
      struct({
        groupId: string,
        topics: nullable(array(struct({ topicName: string, partitions: array(int32) }))),
      }),
    ),
  },
  {
    throttleTimeMs: optional(int32),
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            topicName: string,
            topicId: uuid,
            partitions: array(
              struct({
                partitionIndex: int32,
                startOffset: int64,
                leaderEpoch: int32,
                lag: since(1, int64, -1),
                errorCode: int16,
                errorMessage: maybe,
              }),
            ),
          }),
        ),
        errorCode: int16,
        errorMessage: maybe,
      }),
    ),
  },
)

export const AlterShareGroupOffsets = api(
  'AlterShareGroupOffsets',
  { key: 91, versions: [0, 0], flexibleFrom: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicName: string,
        partitions: array(struct({ partitionIndex: int32, startOffset: int64 })),
      }),
    ),
  },
  {
    throttleTimeMs: optional(int32),
    errorCode: int16,
    errorMessage: maybe,
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        partitions: array(struct({ partitionIndex: int32, errorCode: int16, errorMessage: maybe })),
      }),
    ),
  },
)

export const DeleteShareGroupOffsets = api(
  'DeleteShareGroupOffsets',
  { key: 92, versions: [0, 0], flexibleFrom: 0 },
  { groupId: string, topics: array(struct({ topicName: string })) },
  {
    throttleTimeMs: optional(int32),
    errorCode: int16,
    errorMessage: maybe,
    responses: array(
      struct({ topicName: string, topicId: uuid, errorCode: int16, errorMessage: maybe }),
    ),
  },
)
