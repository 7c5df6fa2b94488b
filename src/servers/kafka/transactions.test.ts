import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { openEngine } from '../../engine/engine.ts'
import { simulatedWorld } from '../../testing/testing.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import { Broker } from './broker.ts'
import type { Call, Session } from './call.ts'
import { txnOffsetCommit } from './handlers/offsets.ts'

test('offsets belong to the transaction of the producer id, whatever its name', () => {
  const world = simulatedWorld(5)
  const broker = new Broker({ engine: openEngine(world), clock: world.clock, random: world.random })
  broker.createTopic('t', 1, {})
  const { producerId, epoch } = broker.transactions.begin('id', 60_000, undefined)
  broker.transactions.addGroup('id', { producerId, epoch }, 'group')
  const session = { user: 'ANONYMOUS', peerHost: '/127.0.0.1' } as Session
  const commit = (producer: number, producerEpoch: number) => {
    const place = {
      partitionIndex: 0,
      committedOffset: 7,
      committedLeaderEpoch: -1,
      committedMetadata: null,
    }
    const { topics } = txnOffsetCommit({ broker, session } as Call, {
      transactionalId: 'another',
      groupId: 'group',
      producerId: producer,
      producerEpoch,
      generationId: -1,
      memberId: '',
      groupInstanceId: null,
      topics: [{ name: 't', partitions: [place] }],
    })
    return topics![0]!.partitions![0]!.errorCode
  }
  equal(commit(producerId + 1, epoch), codes.INVALID_PRODUCER_ID_MAPPING)
  equal(commit(producerId, epoch + 1), codes.INVALID_PRODUCER_EPOCH)
  equal(commit(producerId, epoch), 0)
  equal(broker.offsets.find('group', 't', 0), undefined)
  broker.transactions.end('id', { producerId, epoch }, true)
  equal(broker.offsets.find('group', 't', 0)?.offset, 7)
})
