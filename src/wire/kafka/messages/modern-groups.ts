/** Groups whose assignments the broker makes (KIP-848). */

import { api } from '../message.ts'
import {
  array,
  bool,
  int8,
  int16,
  int32,
  nullable,
  optional,
  since,
  string,
  struct,
  uuid,
} from '../types.ts'
import { operationsNotAsked } from './cluster.ts'

const maybe = optional(nullable(string))
const partitionsOfTopics = array(struct({ topicId: uuid, partitions: array(int32) }))

export const ConsumerGroupHeartbeat = api(
  'ConsumerGroupHeartbeat',
  { key: 68, versions: [0, 1], flexibleFrom: 0 },
  {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: maybe,
    rackId: maybe,
    rebalanceTimeoutMs: optional(int32, -1),
    subscribedTopicNames: optional(nullable(array(string))),
    subscribedTopicRegex: since(1, nullable(string)),
    serverAssignor: maybe,
    topicPartitions: optional(nullable(partitionsOfTopics)),
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

/** What a member of a described group has, by topics with their names. */
export const assignment = struct({
  topicPartitions: array(struct({ topicId: uuid, topicName: string, partitions: array(int32) })),
})

export const ConsumerGroupDescribe = api(
  'ConsumerGroupDescribe',
  { key: 69, versions: [0, 1], flexibleFrom: 0 },
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
            instanceId: maybe,
            rackId: maybe,
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            subscribedTopicRegex: maybe,
            assignment,
            targetAssignment: assignment,
            memberType: since(1, int8, -1),
          }),
        ),
        authorizedOperations: optional(int32, operationsNotAsked),
      }),
    ),
  },
)
