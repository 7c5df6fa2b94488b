/** Groups whose assignments the broker makes (KIP-848), heartbeat by heartbeat. */

import { deepEqual, equal } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { codes } from '../../src/wire/kafka/error-codes.ts'
import {
  DescribeGroups,
  JoinGroup,
  ListGroups,
  OffsetCommit,
} from '../../src/wire/kafka/messages/groups.ts'
import {
  ConsumerGroupDescribe,
  ConsumerGroupHeartbeat,
} from '../../src/wire/kafka/messages/modern-groups.ts'
import { CreatePartitions, CreateTopics } from '../../src/wire/kafka/messages/topics.ts'
import { temporaryFolder } from '../harness/process.ts'
import { type RunningKafka, startKafka } from './broker.ts'
import { RawClient } from './raw-client.ts'

let running: RunningKafka
let raw: RawClient
let topicId = ''

interface Told {
  readonly error: number
  readonly epoch: number
  readonly partitions: readonly number[] | undefined
}

async function beat(
  groupId: string,
  memberId: string,
  memberEpoch: number,
  more: {
    owned?: readonly number[]
    instanceId?: string
    names?: readonly string[]
    regex?: string
    assignor?: string
  } = {},
): Promise<Told> {
  const isJoining = memberEpoch === 0
  const { owned = isJoining ? [] : undefined, names = isJoining ? ['t'] : undefined } = more
  const topicPartitions = owned?.length === 0 ? [] : owned && [{ topicId, partitions: owned }]
  const answer = await raw.ask(ConsumerGroupHeartbeat, 1, {
    groupId,
    memberId,
    memberEpoch,
    instanceId: more.instanceId ?? null,
    rebalanceTimeoutMs: isJoining ? 60_000 : -1,
    subscribedTopicNames: more.regex === undefined ? (names ?? null) : null,
    subscribedTopicRegex: more.regex ?? null,
    serverAssignor: more.assignor ?? null,
    topicPartitions: topicPartitions ?? null,
  })
  const { assignment } = answer
  return {
    error: answer.errorCode,
    epoch: answer.memberEpoch,
    partitions: assignment?.topicPartitions.flatMap(each => each.partitions),
  }
}

describe('groups that the broker assigns for', () => {
  before(async () => {
    running = await startKafka(temporaryFolder('kafka-modern'))
    raw = await RawClient.connect(running.port)
    const topics = [{ name: 't', numPartitions: 4, replicationFactor: 1 }]
    topicId = (await raw.ask(CreateTopics, 7, { topics })).topics[0]!.topicId!
  })
  after(async () => {
    raw.end()
    await running.stop()
  })

  test('a newcomer gets what the other has given up, and not before', async () => {
    deepEqual(await beat('g', 'a', 0), { error: 0, epoch: 1, partitions: [0, 1, 2, 3] })
    // Nothing has changed: nothing is told.
    deepEqual(await beat('g', 'a', 1), { error: 0, epoch: 1, partitions: undefined })
    deepEqual(await beat('g', 'b', 0), { error: 0, epoch: 2, partitions: [] })
    deepEqual(await beat('g', 'a', 1), { error: 0, epoch: 1, partitions: [0, 1] })
    // It has not said that it has done so: b goes on waiting.
    deepEqual(await beat('g', 'b', 2), { error: 0, epoch: 2, partitions: undefined })
    const given = await beat('g', 'a', 1, { owned: [0, 1] })
    deepEqual(given, { error: 0, epoch: 2, partitions: [0, 1] })
    deepEqual(await beat('g', 'b', 2), { error: 0, epoch: 2, partitions: [2, 3] })

    const { groups } = await raw.ask(ConsumerGroupDescribe, 1, { groupIds: ['g'] })
    const [group] = groups
    deepEqual([group!.groupState, group!.groupEpoch, group!.assignorName], ['Stable', 2, 'uniform'])
    deepEqual(
      group!.members.map(({ memberId, assignment }) => [
        memberId,
        assignment.topicPartitions.map(({ topicName, partitions }) => [topicName, partitions]),
      ]),
      [
        ['a', [['t', [0, 1]]]],
        ['b', [['t', [2, 3]]]],
      ],
    )
  })

  test('who leaves leaves its partitions to the others', async () => {
    equal((await beat('g', 'b', -1)).epoch, -1)
    deepEqual(await beat('g', 'a', 2), { error: 0, epoch: 3, partitions: [0, 1, 2, 3] })
  })

  test('a wrong epoch is fenced, an unknown member is told so, an old epoch cannot commit', async () => {
    equal((await beat('g', 'a', 9)).error, codes.FENCED_MEMBER_EPOCH)
    equal((await beat('g', 'nobody', 3)).error, codes.UNKNOWN_MEMBER_ID)
    const commit = async (generationIdOrMemberEpoch: number) => {
      const partitions = [{ partitionIndex: 0, committedOffset: 1, committedLeaderEpoch: -1 }]
      const { topics } = await raw.ask(OffsetCommit, 9, {
        groupId: 'g',
        memberId: 'a',
        generationIdOrMemberEpoch,
        topics: [{ name: 't', partitions }],
      })
      return topics[0]!.partitions[0]!.errorCode
    }
    deepEqual([await commit(2), await commit(3)], [codes.STALE_MEMBER_EPOCH, 0])
  })

  test('a member that comes again under its instance id finds its partitions', async () => {
    const instanceId = 'one'
    await beat('static', 'x', 0, { instanceId })
    await beat('static', 'y', 0)
    const twin = await beat('static', 'z', 0, { instanceId })
    equal(twin.error, codes.UNRELEASED_INSTANCE_ID)
    await beat('static', 'x', 1, { owned: [0, 1] })
    equal((await beat('static', 'x', -2, { instanceId })).epoch, -2)
    const back = await beat('static', 'z', 0, { instanceId })
    deepEqual(back, { error: 0, epoch: 2, partitions: [0, 1] })
  })

  test('subscriptions by pattern, and patterns that are refused', async () => {
    const found = await beat('patterns', 'a', 0, { regex: 't|u.*' })
    deepEqual(found.partitions, [0, 1, 2, 3])
    for (const regex of ['(', '(a+)+', '.*.*.*.*']) {
      equal((await beat('patterns', 'b', 0, { regex })).error, codes.INVALID_REGULAR_EXPRESSION)
    }
    const other = await beat('assignors', 'a', 0, { assignor: 'best' })
    equal(other.error, codes.UNSUPPORTED_ASSIGNOR)
  })

  test('a topic that grows is noticed with the next heartbeat', async () => {
    const topics = [{ name: 'grows', numPartitions: 1, replicationFactor: 1 }]
    await raw.ask(CreateTopics, 7, { topics })
    const names = ['grows']
    deepEqual((await beat('growing', 'a', 0, { names })).partitions, [0])
    await raw.ask(CreatePartitions, 3, { topics: [{ name: 'grows', count: 3, assignments: null }] })
    deepEqual(await beat('growing', 'a', 1), { error: 0, epoch: 2, partitions: [0, 1, 2] })
  })

  test('a group has members of one kind; tools tell the kinds apart', async () => {
    const protocols = [{ name: 'range', metadata: new Uint8Array(0) }]
    const join = {
      groupId: 'g',
      memberId: '',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
    }
    const classic = await raw.ask(JoinGroup, 3, { ...join, protocolType: 'consumer', protocols })
    equal(classic.errorCode, codes.INCONSISTENT_GROUP_PROTOCOL)
    const listed = await raw.ask(ListGroups, 5, { typesFilter: ['consumer'] })
    equal(listed.groups.find(({ groupId }) => groupId === 'g')?.groupType, 'consumer')
    const { groups } = await raw.ask(DescribeGroups, 6, { groups: ['g'] })
    equal(groups[0]!.errorCode, codes.GROUP_ID_NOT_FOUND)
  })
})
