/**
 * ShareGroupHeartbeat, ShareGroupDescribe, and where share groups are: DescribeShareGroupOffsets,
 * AlterShareGroupOffsets, DeleteShareGroupOffsets (KIP-932, KIP-1226).
 */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/share-groups.ts'
import { noUuid } from '../../../wire/kafka/types.ts'
import { type Call, mayDo } from '../call.ts'
import { KafkaError } from '../errors.ts'
import { byTopicId } from '../modern-group.ts'
import type { ShareGroup } from '../share-group.ts'
import type { Topic } from '../topics.ts'

type Beat = RequestOf<typeof wire.ShareGroupHeartbeat>
type BeatAnswer = ResponseOf<typeof wire.ShareGroupHeartbeat>

export function shareGroupHeartbeat(call: Call, request: Beat): BeatAnswer {
  try {
    return beat(call, request)
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    const { code: errorCode, message: errorMessage } = error
    return { errorCode, errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 }
  }
}

function beat(call: Call, request: Beat): BeatAnswer {
  const { broker } = call
  const { groupId, memberId, memberEpoch, subscribedTopicNames } = request
  if (!mayDo(call, 'read', 'group', groupId)) {
    throw new KafkaError(codes.GROUP_AUTHORIZATION_FAILED, 'Group authorization failed.')
  }
  const isJoining = memberEpoch === 0
  const isWrong =
    groupId === '' ||
    memberId === '' ||
    memberEpoch < -1 ||
    (isJoining && (subscribedTopicNames ?? []).length === 0)
  if (isWrong) {
    throw new KafkaError(codes.INVALID_REQUEST, 'It needs a group, a member, an epoch, topics.')
  }
  const { epoch, assignment } = broker.shareGroup(groupId, isJoining).beat({
    memberId,
    epoch: memberEpoch,
    rackId: request.rackId,
    names: subscribedTopicNames ?? undefined,
    clientId: call.client,
    clientHost: call.session.peerHost,
  })
  return {
    errorCode: 0,
    memberId,
    memberEpoch: epoch,
    heartbeatIntervalMs: broker.groupConfigs.number(groupId, 'share.heartbeat.interval.ms'),
    assignment: assignment === undefined ? null : { topicPartitions: byTopicId(assignment) },
  }
}

type Described = ResponseOf<typeof wire.ShareGroupDescribe>['groups'][number]

export function shareGroupDescribe(
  call: Call,
  request: RequestOf<typeof wire.ShareGroupDescribe>,
): ResponseOf<typeof wire.ShareGroupDescribe> {
  return { groups: request.groupIds.map(groupId => describe(call, groupId)) }
}

function describe(call: Call, groupId: string): Described {
  const { broker } = call
  const group = broker.shareGroups.get(groupId)
  const answer = {
    errorCode: 0,
    groupId,
    groupState: group?.state ?? 'Empty',
    groupEpoch: group?.epoch ?? 0,
    assignmentEpoch: group?.epoch ?? 0,
    assignorName: 'simple',
    members: [],
  }
  if (!mayDo(call, 'describe', 'group', groupId)) {
    return { ...answer, errorCode: codes.GROUP_AUTHORIZATION_FAILED, groupState: '' }
  }
  if (!broker.isShared(groupId)) {
    const errorMessage = `Group ${groupId} is not a share group.`
    return { ...answer, errorCode: codes.GROUP_ID_NOT_FOUND, errorMessage, groupState: '' }
  }
  return { ...answer, members: group === undefined ? [] : membersOf(call, group) }
}

function membersOf({ broker }: Call, group: ShareGroup): Described['members'] {
  return [...group.members.values()].map(member => ({
    memberId: member.id,
    rackId: member.rackId,
    memberEpoch: member.epoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.names,
    assignment: {
      topicPartitions: byTopicId(member.assigned).map(({ topicId, partitions }) => ({
        topicId,
        topicName: broker.topics.byId(topicId)?.name ?? '',
        partitions,
      })),
    },
  }))
}

type Offsets = RequestOf<typeof wire.DescribeShareGroupOffsets>
type OffsetsAnswer = ResponseOf<typeof wire.DescribeShareGroupOffsets>

export function describeShareGroupOffsets(call: Call, request: Offsets): OffsetsAnswer {
  return {
    groups: request.groups.map(({ groupId, topics }) => {
      if (!mayDo(call, 'describe', 'group', groupId)) {
        return { groupId, topics: [], errorCode: codes.GROUP_AUTHORIZATION_FAILED }
      }
      const asked = topics ?? everything(call, groupId)
      return { groupId, errorCode: 0, topics: asked.map(each => offsetsOf(call, groupId, each)) }
    }),
  }
}

type Asked = NonNullable<Offsets['groups'][number]['topics']>[number]

function everything({ broker }: Call, groupId: string): Asked[] {
  return [...broker.shares.all(groupId)].flatMap(([topicId, partitions]) => {
    const topicName = broker.topics.byId(topicId)?.name
    return topicName === undefined ? [] : [{ topicName, partitions }]
  })
}

function offsetsOf(call: Call, groupId: string, { topicName, partitions }: Asked) {
  const { broker } = call
  const topic = mayDo(call, 'describe', 'topic', topicName)
    ? broker.topics.find(topicName)
    : undefined
  return {
    topicName,
    topicId: topic?.id ?? noUuid,
    partitions: partitions.map(partitionIndex => {
      const nowhere = { partitionIndex, startOffset: -1, leaderEpoch: 0, lag: -1, errorCode: 0 }
      const log = topic?.logs[partitionIndex]
      const info = log === undefined ? undefined : broker.engine.log(log)
      if (topic === undefined || info === undefined) {
        return { ...nowhere, errorCode: codes.UNKNOWN_TOPIC_OR_PARTITION }
      }
      const share = broker.shares.known(groupId, { topicId: topic.id, partition: partitionIndex })
      if (share === undefined) return nowhere
      const startOffset = Math.max(share.start, broker.topics.start(info.name, info.first))
      const lag = Math.max(0, info.next - startOffset - share.doneAhead)
      return { ...nowhere, startOffset, lag }
    }),
  }
}

type Altered = ResponseOf<typeof wire.AlterShareGroupOffsets>

export function alterShareGroupOffsets(
  call: Call,
  request: RequestOf<typeof wire.AlterShareGroupOffsets>,
): Altered {
  const { broker } = call
  const { groupId } = request
  const errorCode = mayChange(call, groupId, 'read')
  if (errorCode !== 0) return { errorCode, responses: [] }
  const responses = request.topics.map(({ topicName, partitions }) => {
    const topic = readable(call, topicName)
    return {
      topicName,
      topicId: topic?.id ?? noUuid,
      partitions: partitions.map(({ partitionIndex, startOffset }) => {
        if (topic?.logs[partitionIndex] === undefined || startOffset < 0) {
          return { partitionIndex, errorCode: codes.UNKNOWN_TOPIC_OR_PARTITION }
        }
        broker.shares.begin(groupId, { topicId: topic.id, partition: partitionIndex }, startOffset)
        return { partitionIndex, errorCode: 0 }
      }),
    }
  })
  return { errorCode: 0, responses }
}

export function deleteShareGroupOffsets(
  call: Call,
  request: RequestOf<typeof wire.DeleteShareGroupOffsets>,
): ResponseOf<typeof wire.DeleteShareGroupOffsets> {
  const { broker } = call
  const { groupId } = request
  const errorCode = mayChange(call, groupId, 'delete')
  if (errorCode !== 0) return { errorCode, responses: [] }
  const responses = request.topics.map(({ topicName }) => {
    const topic = readable(call, topicName)
    if (topic === undefined) {
      return { topicName, topicId: noUuid, errorCode: codes.UNKNOWN_TOPIC_OR_PARTITION }
    }
    for (let partition = 0; partition < topic.partitions; partition++) {
      broker.shares.remove(groupId, { topicId: topic.id, partition })
    }
    return { topicName, topicId: topic.id, errorCode: 0 }
  })
  return { errorCode: 0, responses }
}

function readable(call: Call, topicName: string): Topic | undefined {
  return mayDo(call, 'read', 'topic', topicName) ? call.broker.topics.find(topicName) : undefined
}

/** Only while nobody is in the group. */
function mayChange(call: Call, groupId: string, operation: 'read' | 'delete'): number {
  const { broker } = call
  if (!mayDo(call, operation, 'group', groupId)) return codes.GROUP_AUTHORIZATION_FAILED
  if (!broker.isShared(groupId)) return codes.GROUP_ID_NOT_FOUND
  return (broker.shareGroups.get(groupId)?.members.size ?? 0) > 0 ? codes.NON_EMPTY_GROUP : 0
}
