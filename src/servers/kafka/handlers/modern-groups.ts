/**
 * ConsumerGroupHeartbeat, ConsumerGroupDescribe: groups whose assignments the broker makes
 * (KIP-848).
 */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/modern-groups.ts'
import { partitionKey } from '../assignors.ts'
import type { Broker } from '../broker.ts'
import { type Call, mayDo } from '../call.ts'
import { KafkaError } from '../errors.ts'
import { limits } from '../limits.ts'
import { byTopicId, type ModernMember } from '../modern-group.ts'

type Request = RequestOf<typeof wire.ConsumerGroupHeartbeat>
type Answer = ResponseOf<typeof wire.ConsumerGroupHeartbeat>

export function consumerGroupHeartbeat(call: Call, request: Request): Answer {
  const failure = (errorCode: number, errorMessage: string | null): Answer => ({
    errorCode,
    errorMessage,
    memberId: request.memberId,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
  })
  const { groupId } = request
  if (!mayDo(call, 'read', 'group', groupId)) {
    return failure(codes.GROUP_AUTHORIZATION_FAILED, 'Group authorization failed.')
  }
  const wrong = wrongWith(call, request)
  if (wrong !== undefined) return failure(codes.INVALID_REQUEST, wrong)
  try {
    return beat(call, request)
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return failure(error.code, error.message || null)
  }
}

function wrongWith({ version }: Call, request: Request): string | undefined {
  const { groupId, memberId, memberEpoch, instanceId, subscribedTopicNames } = request
  if (groupId === '') return "GroupId can't be empty."
  if (memberEpoch < -2) return `MemberEpoch is ${memberEpoch}.`
  if (memberId === '' && (version > 0 || memberEpoch !== 0)) return "MemberId can't be empty."
  if (memberEpoch === -2 && instanceId === null) return "InstanceId can't be null."
  if (memberEpoch !== 0) return undefined
  if (request.rebalanceTimeoutMs <= 0)
    return 'RebalanceTimeoutMs must be provided in first request.'
  if (request.topicPartitions === null || request.topicPartitions.length > 0) {
    return 'TopicPartitions must be empty when (re-)joining.'
  }
  const hasPattern = (request.subscribedTopicRegex ?? '') !== ''
  if (subscribedTopicNames === null && !hasPattern) {
    return 'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.'
  }
  return undefined
}

function beat(call: Call, request: Request): Answer {
  const { broker } = call
  const { memberEpoch, topicPartitions } = request
  const group = broker.modernGroup(request.groupId, memberEpoch === 0)
  const owned = topicPartitions?.flatMap(({ topicId, partitions }) =>
    partitions.map(partition => partitionKey(topicId, partition)),
  )
  const answer = group.beat({
    memberId: request.memberId === '' ? broker.newMemberId('') : request.memberId,
    epoch: memberEpoch,
    instanceId: request.instanceId,
    rackId: request.rackId,
    rebalanceMs: request.rebalanceTimeoutMs < 0 ? undefined : request.rebalanceTimeoutMs,
    names: request.subscribedTopicNames ?? undefined,
    pattern: request.subscribedTopicRegex ?? undefined,
    assignor: request.serverAssignor ?? undefined,
    owned,
    clientId: call.client,
    clientHost: call.session.peerHost,
  })
  const { assignment } = answer
  return {
    errorCode: 0,
    memberId: answer.memberId,
    memberEpoch: answer.epoch,
    heartbeatIntervalMs: limits.modernHeartbeatMs,
    assignment: assignment === undefined ? null : { topicPartitions: byTopicId(assignment) },
  }
}

type Described = ResponseOf<typeof wire.ConsumerGroupDescribe>['groups'][number]

export function consumerGroupDescribe(
  call: Call,
  request: RequestOf<typeof wire.ConsumerGroupDescribe>,
): ResponseOf<typeof wire.ConsumerGroupDescribe> {
  return { groups: request.groupIds.map(groupId => describe(call, groupId)) }
}

function describe(call: Call, groupId: string): Described {
  const { broker } = call
  const failure = (errorCode: number, errorMessage: string | null): Described => ({
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  })
  if (!mayDo(call, 'describe', 'group', groupId)) {
    return failure(codes.GROUP_AUTHORIZATION_FAILED, null)
  }
  const group = broker.modernGroups.get(groupId)
  if (group === undefined) {
    return failure(codes.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a consumer group.`)
  }
  return {
    errorCode: 0,
    groupId,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.epoch,
    assignorName: group.assignor,
    members: [...group.members.values()].map(member => describeMember(broker, member)),
  }
}

/** In version 1: 1 is a member of the new protocol, 0 would be one of the old. */
const modernMember = 1

function describeMember(broker: Broker, member: ModernMember): Described['members'][number] {
  const named = (keys: Iterable<string>) => ({
    topicPartitions: byTopicId(keys).map(({ topicId, partitions }) => ({
      topicId,
      topicName: broker.topics.byId(topicId)?.name ?? '',
      partitions,
    })),
  })
  return {
    memberId: member.id,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.epoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.names,
    subscribedTopicRegex: member.pattern === '' ? null : member.pattern,
    assignment: named(member.assigned),
    targetAssignment: named(member.target),
    memberType: modernMember,
  }
}
