/**
 * OffsetCommit, OffsetFetch, OffsetDelete, TxnOffsetCommit. Engine: put; one effect for a request.
 */

import { encodeUtf8 } from '../../../base/bytes.ts'
import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/groups.ts'
import type { TxnOffsetCommit } from '../../../wire/kafka/messages/transactions.ts'
import type { Broker } from '../broker.ts'
import { type Call, mayDo } from '../call.ts'
import { KafkaError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { OffsetChange } from '../offsets.ts'

interface Given {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly committedMetadata: string | null
}

interface Who {
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
}

/** The code for who commits: a member in its generation, or somebody outside of any group. */
function judge(call: Call, who: Who, isTransactional: boolean): number {
  const { broker } = call
  if (!mayDo(call, 'read', 'group', who.groupId)) return codes.GROUP_AUTHORIZATION_FAILED
  const group = broker.groups.get(who.groupId)
  const modern = broker.modernGroups.get(who.groupId)
  if (modern !== undefined && modern.members.size > 0) {
    return modern.judge(who.memberId, who.generation)
  }
  const isAlone = who.generation < 0 && who.memberId === ''
  if (group === undefined) return isAlone || isTransactional ? 0 : codes.ILLEGAL_GENERATION
  if (isAlone) return group.members.size === 0 || isTransactional ? 0 : codes.UNKNOWN_MEMBER_ID
  const code = group.judge(who.memberId, who.instanceId, who.generation)
  if (code !== 0) return code
  const member = group.members.get(who.memberId)
  if (member !== undefined) group.touch(member)
  return group.state === 'CompletingRebalance' ? codes.REBALANCE_IN_PROGRESS : 0
}

/** Sorts what can be committed from what cannot, and answers for each. */
function collect(
  call: Call,
  topic: string | undefined,
  partitions: readonly Given[],
  changes: OffsetChange[],
): { readonly partitionIndex: number; readonly errorCode: number }[] {
  const { broker } = call
  const time = broker.clock.now()
  return partitions.map(given => {
    const { partitionIndex } = given
    const metadata = given.committedMetadata ?? ''
    const found = topic === undefined ? undefined : broker.topics.find(topic)
    if (topic === undefined || found?.logs[partitionIndex] === undefined) {
      return { partitionIndex, errorCode: codes.UNKNOWN_TOPIC_OR_PARTITION }
    }
    if (!mayDo(call, 'read', 'topic', topic)) {
      return { partitionIndex, errorCode: codes.TOPIC_AUTHORIZATION_FAILED }
    }
    if (encodeUtf8(metadata).length > limits.metadataBytesMax) {
      return { partitionIndex, errorCode: codes.OFFSET_METADATA_TOO_LARGE }
    }
    const { committedOffset: offset, committedLeaderEpoch: epoch } = given
    changes.push({ topic, partition: partitionIndex, offset, epoch, metadata, time })
    return { partitionIndex, errorCode: 0 }
  })
}

function refuseAll(partitions: readonly Given[], errorCode: number) {
  return partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode }))
}

export function offsetCommit(
  call: Call,
  request: RequestOf<typeof wire.OffsetCommit>,
): ResponseOf<typeof wire.OffsetCommit> {
  const { broker, version } = call
  const { groupId, memberId, groupInstanceId: instanceId } = request
  const generation = request.generationIdOrMemberEpoch
  const code = judge(call, { groupId, memberId, instanceId, generation }, false)
  const changes: OffsetChange[] = []
  const topics = request.topics.map(({ name, topicId, partitions }) => {
    const topic = version >= 10 ? broker.topics.byId(topicId)?.name : name
    const answers =
      code === 0 ? collect(call, topic, partitions, changes) : refuseAll(partitions, code)
    return { name, topicId, partitions: answers }
  })
  if (changes.length > 0) broker.offsets.commit(groupId, changes)
  return { topics }
}

export function txnOffsetCommit(
  call: Call,
  request: RequestOf<typeof TxnOffsetCommit>,
): ResponseOf<typeof TxnOffsetCommit> {
  const { groupId, memberId, groupInstanceId: instanceId, generationId: generation } = request
  const { broker } = call
  const changes: OffsetChange[] = []
  let code = judge(call, { groupId, memberId, instanceId, generation }, generation < 0)
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: collect(call, name, partitions, changes),
  }))
  const who = { producerId: request.producerId, epoch: request.producerEpoch }
  try {
    if (code === 0) broker.transactions.addOffsets(who, groupId, changes)
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    code = error.code
  }
  // The coordinator of a group did not ask whose transaction it was, before KIP-890.
  const isUnknown = code === codes.INVALID_PRODUCER_ID_MAPPING
  if (isUnknown && broker.profile === '2.4') code = 0
  if (code === 0) return { topics }
  return {
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: refuseAll(partitions, code),
    })),
  }
}

interface Wanted {
  readonly name: string
  readonly topicId: string
  readonly partitionIndexes: readonly number[]
}

export function offsetFetch(
  call: Call,
  request: RequestOf<typeof wire.OffsetFetch>,
): ResponseOf<typeof wire.OffsetFetch> {
  const { broker, version } = call
  const { requireStable } = request
  const mayDescribe = (group: string) => mayDo(call, 'describe', 'group', group)
  const errorCode = codes.GROUP_AUTHORIZATION_FAILED
  if (version < 8) {
    if (!mayDescribe(request.groupId)) return { topics: [], errorCode }
    const topics = request.topics?.map(each => ({ ...each, topicId: '' })) ?? null
    return {
      topics: fetchGroup(broker, request.groupId, topics, requireStable),
      errorCode: 0,
    }
  }
  return {
    groups: request.groups.map(({ groupId, topics }) => {
      if (!mayDescribe(groupId)) return { groupId, topics: [], errorCode }
      const named = topics?.map(each => ({
        ...each,
        name: version >= 10 ? (broker.topics.byId(each.topicId)?.name ?? '') : each.name,
      }))
      return { groupId, topics: fetchGroup(broker, groupId, named ?? null, requireStable) }
    }),
  }
}

function fetchGroup(
  broker: Broker,
  group: string,
  topics: readonly Wanted[] | null,
  requireStable: boolean,
) {
  const wanted =
    topics ??
    [...broker.offsets.all(group)].map(([name, partitionIndexes]) => ({
      name,
      topicId: broker.topics.find(name)?.id ?? '0'.repeat(32),
      partitionIndexes,
    }))
  return wanted.map(({ name, topicId, partitionIndexes }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map(partitionIndex => {
      const isUnstable =
        requireStable && broker.transactions.isUnstable(group, name, partitionIndex)
      const found = isUnstable ? undefined : broker.offsets.find(group, name, partitionIndex)
      return {
        partitionIndex,
        committedOffset: found?.offset ?? -1,
        committedLeaderEpoch: found?.epoch ?? -1,
        metadata: found === undefined ? '' : found.metadata,
        errorCode: isUnstable ? codes.UNSTABLE_OFFSET_COMMIT : 0,
      }
    }),
  }))
}

export function offsetDelete(
  call: Call,
  request: RequestOf<typeof wire.OffsetDelete>,
): ResponseOf<typeof wire.OffsetDelete> {
  const { broker } = call
  const { groupId } = request
  if (!mayDo(call, 'delete', 'group', groupId)) {
    return { errorCode: codes.GROUP_AUTHORIZATION_FAILED, topics: [] }
  }
  const group = broker.groups.get(groupId)
  if (group === undefined && !broker.offsets.has(groupId) && !broker.modernGroups.has(groupId)) {
    return { errorCode: codes.GROUP_ID_NOT_FOUND, topics: [] }
  }
  // We do not read what members subscribe to: a group that has some keeps all of its places.
  const modern = broker.modernGroups.get(groupId)
  const isInUse = (group?.members.size ?? 0) + (modern?.members.size ?? 0) > 0
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => {
      if (isInUse) return { partitionIndex, errorCode: codes.GROUP_SUBSCRIBED_TO_TOPIC }
      broker.offsets.remove(groupId, name, partitionIndex)
      return { partitionIndex, errorCode: 0 }
    }),
  }))
  return { errorCode: 0, topics }
}
