/** Share groups (KIP-932), request by request: heartbeats, sessions, locks, what survives. */

import { deepEqual, equal } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { codes } from '../../src/wire/kafka/error-codes.ts'
import { Produce } from '../../src/wire/kafka/messages/data.ts'
import { DeleteGroups, JoinGroup, ListGroups } from '../../src/wire/kafka/messages/groups.ts'
import {
  AlterShareGroupOffsets,
  DescribeShareGroupOffsets,
  ShareAcknowledge,
  ShareFetch,
  ShareGroupDescribe,
  ShareGroupHeartbeat,
} from '../../src/wire/kafka/messages/share-groups.ts'
import {
  CreateTopics,
  DescribeConfigs,
  IncrementalAlterConfigs,
} from '../../src/wire/kafka/messages/topics.ts'
import { encodeBatch } from '../../src/wire/kafka/record-batch.ts'
import { temporaryFolder } from '../harness/process.ts'
import { type RunningKafka, startKafka } from './broker.ts'
import { RawClient } from './raw-client.ts'

const groupResource = 32
const accept = 1
const release = 2

let running: RunningKafka
let raw: RawClient
const folder = temporaryFolder('kafka-share')

async function topic(name: string, numPartitions = 1): Promise<string> {
  const topics = [{ name, numPartitions, replicationFactor: 1 }]
  return (await raw.ask(CreateTopics, 7, { topics })).topics[0]!.topicId!
}

async function produce(name: string, count: number): Promise<void> {
  const one = { timestamp: 1, key: null, value: new Uint8Array(3) }
  const records = encodeBatch(Array.from({ length: count }, () => one))
  const topicData = [{ name, partitionData: [{ index: 0, records }] }]
  const { responses } = await raw.ask(Produce, 9, { acks: -1, timeoutMs: 1000, topicData })
  equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
}

async function fromTheBeginning(group: string): Promise<void> {
  const configs = [{ name: 'share.auto.offset.reset', value: 'earliest', configOperation: 0 }]
  const resources = [{ resourceType: groupResource, resourceName: group, configs }]
  const { responses } = await raw.ask(IncrementalAlterConfigs, 1, { resources })
  equal(responses[0]!.errorCode, 0)
}

type Said = readonly [first: number, last: number, ...types: number[]]

interface Wish {
  readonly group: string
  readonly member?: string
  readonly epoch: number
  readonly topicId: string
  readonly said?: readonly Said[]
  readonly maxWaitMs?: number
  readonly maxRecords?: number
  readonly isStrict?: boolean
}

function topicsOf({ topicId, said = [] }: Wish) {
  const acknowledgementBatches = said.map(([firstOffset, lastOffset, ...acknowledgeTypes]) => {
    return { firstOffset, lastOffset, acknowledgeTypes }
  })
  return [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches }] }]
}

/** What is acquired, as `first-last×count`, or the code of an error. */
async function fetch(wish: Wish, client = raw): Promise<readonly (string | number)[]> {
  const answer = await client.ask(ShareFetch, 2, {
    groupId: wish.group,
    memberId: wish.member ?? 'a',
    shareSessionEpoch: wish.epoch,
    maxWaitMs: wish.maxWaitMs ?? 0,
    minBytes: 1,
    maxBytes: 1_000_000,
    maxRecords: wish.maxRecords ?? 500,
    batchSize: 500,
    shareAcquireMode: wish.isStrict === true ? 1 : 0,
    topics: topicsOf(wish),
  })
  if (answer.errorCode !== 0) return [answer.errorCode]
  return answer.responses.flatMap(({ partitions }) =>
    partitions.flatMap(each => {
      const codesOf = [each.errorCode, each.acknowledgeErrorCode ?? 0].filter(code => code !== 0)
      const acquired = each.acquiredRecords ?? []
      return [
        ...codesOf,
        ...acquired.map(at => `${at.firstOffset}-${at.lastOffset}×${at.deliveryCount}`),
      ]
    }),
  )
}

async function acknowledge(wish: Wish): Promise<number> {
  const answer = await raw.ask(ShareAcknowledge, 2, {
    groupId: wish.group,
    memberId: wish.member ?? 'a',
    shareSessionEpoch: wish.epoch,
    topics: topicsOf(wish),
  })
  return answer.errorCode || (answer.responses[0]?.partitions[0]?.errorCode ?? 0)
}

describe('share groups', () => {
  before(async () => {
    running = await startKafka(folder)
    raw = await RawClient.connect(running.port)
  })
  after(async () => {
    raw.end()
    await running.stop()
  })

  test('members share partitions, and are told when that changes', async () => {
    const topicId = await topic('beats', 2)
    const beat = async (memberId: string, memberEpoch: number, groupId = 'beats') => {
      const names = memberEpoch === 0 ? ['beats'] : null
      const wish = { groupId, memberId, memberEpoch, subscribedTopicNames: names }
      const answer = await raw.ask(ShareGroupHeartbeat, 1, wish)
      const told = answer.assignment?.topicPartitions.flatMap(each => each.partitions)
      return [answer.errorCode, answer.memberEpoch, told]
    }
    deepEqual(await beat('a', 0), [0, 1, [0, 1]])
    deepEqual(await beat('a', 1), [0, 1, undefined])
    deepEqual(await beat('b', 0), [0, 2, [1]])
    deepEqual(await beat('a', 1), [0, 2, [0]])
    // More members than partitions: somebody shares.
    deepEqual(await beat('c', 0), [0, 3, [0]])
    deepEqual(await beat('a', 9), [codes.FENCED_MEMBER_EPOCH, 0, undefined])
    deepEqual(await beat('d', 1), [codes.UNKNOWN_MEMBER_ID, 0, undefined])
    const { groups } = await raw.ask(ShareGroupDescribe, 1, { groupIds: ['beats', 'none'] })
    deepEqual(
      groups.map(({ errorCode, groupState, members }) => [errorCode, groupState, members.length]),
      [
        [0, 'Stable', 3],
        [codes.GROUP_ID_NOT_FOUND, '', 0],
      ],
    )
    equal(groups[0]!.members[0]!.assignment.topicPartitions[0]!.topicId, topicId)
    const protocols = [{ name: 'p', metadata: new Uint8Array(1) }]
    const join = { groupId: 'beats', sessionTimeoutMs: 10_000, protocolType: 'consumer', protocols }
    const refused = await raw.ask(JoinGroup, 3, join)
    equal(refused.errorCode, codes.INCONSISTENT_GROUP_PROTOCOL)
    deepEqual(await beat('c', -1), [0, -1, undefined])
    const { results } = await raw.ask(DeleteGroups, 2, { groupsNames: ['beats'] })
    equal(results[0]!.errorCode, codes.NON_EMPTY_GROUP)
  })

  test('a session hands out, hears, and hands out again; a wrong epoch is told', async () => {
    const topicId = await topic('records')
    await produce('records', 5)
    await fromTheBeginning('g')
    const at = { group: 'g', topicId }
    deepEqual(await fetch({ ...at, epoch: 3 }), [codes.SHARE_SESSION_NOT_FOUND])
    deepEqual(await fetch({ ...at, epoch: 0 }), ['0-4×1'])
    deepEqual(await fetch({ ...at, epoch: 0, member: 'b' }), [])
    deepEqual(await fetch({ ...at, epoch: 7 }), [codes.INVALID_SHARE_SESSION_EPOCH])
    equal(await acknowledge({ ...at, epoch: 1, said: [[0, 1, accept]] }), 0)
    const mixed = { ...at, epoch: 2, said: [[2, 4, release, accept, release]] } as const
    deepEqual(await fetch(mixed), ['2-2×2', '4-4×2'])
    const late = await acknowledge({ ...at, epoch: 3, said: [[3, 3, accept]] })
    equal(late, codes.INVALID_RECORD_STATE)
    const strange = await acknowledge({ ...at, epoch: 4, said: [[2, 4, accept, accept]] })
    equal(strange, codes.INVALID_REQUEST)
    // The end of a session gives back what it holds.
    equal(await acknowledge({ ...at, epoch: -1, said: [[2, 2, accept]] }), 0)
    deepEqual(await fetch({ ...at, epoch: 1, member: 'b' }), ['4-4×3'])
  })

  test('a fetch waits for records, and for what others release', async () => {
    const topicId = await topic('waits')
    await fromTheBeginning('w')
    const waiting = await RawClient.connect(running.port)
    const at = { group: 'w', topicId, maxWaitMs: 60_000 }
    const first = fetch({ ...at, epoch: 0, member: 'b' }, waiting)
    await produce('waits', 2)
    deepEqual(await first, ['0-1×1'])
    deepEqual(await fetch({ ...at, epoch: 0, maxWaitMs: 0 }), [])
    const second = fetch({ ...at, epoch: 1 })
    // The other one is gone without a word.
    waiting.end()
    deepEqual(await second, ['0-1×2'])
  })

  test('no more than asked for, when that is asked for', async () => {
    const topicId = await topic('strict')
    await produce('strict', 10)
    await fromTheBeginning('s')
    const at = { group: 's', topicId, maxRecords: 4 }
    deepEqual(await fetch({ ...at, epoch: 0, isStrict: true }), ['0-3×1'])
    deepEqual(await fetch({ ...at, epoch: 1 }), ['4-9×1'])
  })

  test('settings of a group are kept within their bounds', async () => {
    const set = async (name: string, value: string) => {
      const configs = [{ name, value, configOperation: 0 }]
      const resources = [{ resourceType: groupResource, resourceName: 'c', configs }]
      const { responses } = await raw.ask(IncrementalAlterConfigs, 1, { resources })
      return responses[0]!.errorCode
    }
    equal(await set('share.record.lock.duration.ms', '15000'), 0)
    equal(await set('share.record.lock.duration.ms', '14999'), codes.INVALID_CONFIG)
    equal(await set('share.auto.offset.reset', 'by_duration:PT1H'), 0)
    equal(await set('share.auto.offset.reset', 'by_duration:PT'), codes.INVALID_CONFIG)
    equal(await set('no.such.setting', '1'), codes.INVALID_CONFIG)
    const resources = [{ resourceType: groupResource, resourceName: 'c', configurationKeys: null }]
    const { results } = await raw.ask(DescribeConfigs, 4, { resources })
    const own = results[0]!.configs.filter(({ configSource }) => configSource === 8)
    deepEqual(
      own.map(({ name, value }) => [name, value]),
      [
        ['share.auto.offset.reset', 'by_duration:PT1H'],
        ['share.record.lock.duration.ms', '15000'],
      ],
    )
  })

  test('what was said outlives a restart; what was held is free', async () => {
    const topicId = await topic('kept')
    await produce('kept', 6)
    await fromTheBeginning('k')
    const at = { group: 'k', topicId }
    deepEqual(await fetch({ ...at, epoch: 0 }), ['0-5×1'])
    const said = [[0, 4, accept, accept, release, accept, accept]] as const
    equal(await acknowledge({ ...at, epoch: 1, said }), 0)
    raw.end()
    await running.stop()
    running = await startKafka(folder)
    raw = await RawClient.connect(running.port)
    deepEqual(await fetch({ ...at, epoch: 1 }), [codes.SHARE_SESSION_NOT_FOUND])
    const { groups } = await raw.ask(ListGroups, 5, { typesFilter: ['share'] })
    const kept = groups.find(({ groupId }) => groupId === 'k')
    deepEqual([kept?.groupState, kept?.groupType], ['Empty', 'share'])
    const places = async () => {
      const wish = { groups: [{ groupId: 'k', topics: null }] }
      const answer = await raw.ask(DescribeShareGroupOffsets, 1, wish)
      const { startOffset, lag } = answer.groups[0]!.topics[0]!.partitions[0]!
      return [startOffset, lag]
    }
    deepEqual(await places(), [2, 2])
    deepEqual(await fetch({ ...at, epoch: 0 }), ['2-2×2', '5-5×2'])
    const partitions = [{ partitionIndex: 0, startOffset: 1 }]
    const topics = [{ topicName: 'kept', partitions }]
    const altered = await raw.ask(AlterShareGroupOffsets, 0, { groupId: 'k', topics })
    equal(altered.responses[0]!.partitions[0]!.errorCode, 0)
    deepEqual(await places(), [1, 5])
  })
})
