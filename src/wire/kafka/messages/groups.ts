/** Consumer groups: their members, and the offsets that they have committed. */

import { api } from '../message.ts'
import {
  array,
  between,
  bool,
  bytes,
  int8,
  int16,
  int32,
  int64,
  nullable,
  optional,
  since,
  string,
  struct,
  until,
  uuid,
} from '../types.ts'
import { operationsNotAsked } from './cluster.ts'

const message = optional(nullable(string))
const throttled = { throttleTimeMs: since(1, int32), errorCode: int16 }

export const FindCoordinator = api(
  'FindCoordinator',
  { key: 10, versions: [0, 6], flexibleFrom: 3 },
  {
    key: until(3, string),
    keyType: since(1, int8),
    coordinatorKeys: since(4, array(string)),
  },
  {
    throttleTimeMs: since(1, int32),
    errorCode: until(3, int16),
    errorMessage: between(1, 3, nullable(string)),
    nodeId: until(3, int32),
    host: until(3, string),
    port: until(3, int32),
    coordinators: since(
      4,
      array(
        struct({
          key: string,
          nodeId: int32,
          host: string,
          port: int32,
          errorCode: int16,
          errorMessage: message,
        }),
      ),
    ),
  },
)

export const JoinGroup = api(
  'JoinGroup',
  { key: 11, versions: [0, 9], flexibleFrom: 6 },
  {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: since(1, int32, -1),
    memberId: string,
    groupInstanceId: since(5, nullable(string)),
    protocolType: string,
    protocols: array(struct({ name: string, metadata: bytes })),
    reason: since(8, nullable(string)),
  },
  {
    throttleTimeMs: since(2, int32),
    errorCode: int16,
    generationId: optional(int32, -1),
    protocolType: since(7, nullable(string)),
    protocolName: nullable(string, { since: 7 }),
    leader: string,
    skipAssignment: since(9, bool),
    memberId: string,
    members: array(
      struct({ memberId: string, groupInstanceId: since(5, nullable(string)), metadata: bytes }),
    ),
  },
)

export const Heartbeat = api(
  'Heartbeat',
  { key: 12, versions: [0, 4], flexibleFrom: 4 },
  {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, nullable(string)),
  },
  throttled,
)

export const LeaveGroup = api(
  'LeaveGroup',
  { key: 13, versions: [0, 5], flexibleFrom: 4 },
  {
    groupId: string,
    memberId: until(2, string),
    members: since(
      3,
      array(
        struct({
          memberId: string,
          groupInstanceId: optional(nullable(string)),
          reason: since(5, nullable(string)),
        }),
      ),
    ),
  },
  {
    ...throttled,
    members: since(
      3,
      array(struct({ memberId: string, groupInstanceId: nullable(string), errorCode: int16 })),
    ),
  },
)

export const SyncGroup = api(
  'SyncGroup',
  { key: 14, versions: [0, 5], flexibleFrom: 4 },
  {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, nullable(string)),
    protocolType: since(5, nullable(string)),
    protocolName: since(5, nullable(string)),
    assignments: array(struct({ memberId: string, assignment: bytes })),
  },
  {
    ...throttled,
    protocolType: since(5, nullable(string)),
    protocolName: since(5, nullable(string)),
    assignment: bytes,
  },
)

export const DescribeGroups = api(
  'DescribeGroups',
  { key: 15, versions: [0, 6], flexibleFrom: 5 },
  { groups: array(string), includeAuthorizedOperations: since(3, bool) },
  {
    throttleTimeMs: since(1, int32),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: since(6, nullable(string)),
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: since(4, nullable(string)),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: since(3, int32, operationsNotAsked),
      }),
    ),
  },
)

export const ListGroups = api(
  'ListGroups',
  { key: 16, versions: [0, 5], flexibleFrom: 3 },
  { statesFilter: since(4, array(string)), typesFilter: since(5, array(string)) },
  {
    ...throttled,
    groups: array(
      struct({
        groupId: string,
        protocolType: string,
        groupState: since(4, string),
        groupType: since(5, string),
      }),
    ),
  },
)

export const DeleteGroups = api(
  'DeleteGroups',
  { key: 42, versions: [0, 2], flexibleFrom: 2 },
  { groupsNames: array(string) },
  {
    throttleTimeMs: optional(int32),
    results: array(struct({ groupId: string, errorCode: int16 })),
  },
)

export const OffsetCommit = api(
  'OffsetCommit',
  { key: 8, versions: [0, 10], flexibleFrom: 8 },
  {
    groupId: string,
    generationIdOrMemberEpoch: since(1, int32, -1),
    memberId: since(1, string),
    groupInstanceId: since(7, nullable(string)),
    retentionTimeMs: between(2, 4, int64, -1),
    topics: array(
      struct({
        name: until(9, string),
        topicId: since(10, uuid),
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: since(6, int32, -1),
            commitTimestamp: between(1, 1, int64, -1),
            committedMetadata: nullable(string),
          }),
        ),
      }),
    ),
  },
  {
    throttleTimeMs: since(3, int32),
    topics: array(
      struct({
        name: until(9, string),
        topicId: since(10, uuid),
        partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
      }),
    ),
  },
)

const committed = {
  partitionIndex: int32,
  committedOffset: int64,
  committedLeaderEpoch: since(5, int32, -1),
  metadata: nullable(string),
  errorCode: int16,
}

export const OffsetFetch = api(
  'OffsetFetch',
  { key: 9, versions: [0, 10], flexibleFrom: 6 },
  {
    groupId: until(7, string),
    topics: until(
      7,
      nullable(array(struct({ name: string, partitionIndexes: array(int32) })), { since: 2 }),
    ),
    groups: since(
      8,
      array(
        struct({
          groupId: string,
          memberId: since(9, nullable(string)),
          memberEpoch: since(9, int32, -1),
          topics: nullable(
            array(
              struct({
                name: until(9, string),
                topicId: since(10, uuid),
                partitionIndexes: array(int32),
              }),
            ),
          ),
        }),
      ),
    ),
    requireStable: since(7, bool),
  },
  {
    throttleTimeMs: since(3, int32),
    topics: until(7, array(struct({ name: string, partitions: array(struct(committed)) }))),
    errorCode: between(2, 7, int16),
    groups: since(
      8,
      array(
        struct({
          groupId: string,
          topics: array(
            struct({
              name: until(9, string),
              topicId: since(10, uuid),
              partitions: array(struct(committed)),
            }),
          ),
          errorCode: optional(int16),
        }),
      ),
    ),
  },
)

export const OffsetDelete = api(
  'OffsetDelete',
  { key: 47, versions: [0, 0] },
  {
    groupId: string,
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32 })) })),
  },
  {
    errorCode: int16,
    throttleTimeMs: optional(int32),
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
      }),
    ),
  },
)
