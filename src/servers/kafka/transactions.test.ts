import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { noBytes } from '../../base/bytes.ts'
import { openEngine } from '../../engine/engine.ts'
import { formats } from '../../engine/model.ts'
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

test('a transaction that was open when the broker stopped ends by time, or by who comes back', () => {
  const world = simulatedWorld(6)
  const { clock, random } = world
  const first = new Broker({ engine: openEngine(world), clock, random })
  first.createTopic('t', 1, {})
  const ids = ['waits', 'returns'].map(id => {
    const who = first.transactions.begin(id, 60_000, undefined)
    first.transactions.addPartitions(id, who, ['t'])
    const record = { format: formats.kafkaBatch, envelope: noBytes, body: noBytes }
    const outcome = first.engine.append('t', [record])
    first.transactions.note('t', who.producerId, outcome.ok ? outcome.value[0]!.position : -1)
    return who
  })
  first.deadlines.stop()
  let isClosed = false
  first.engine.close(() => {
    isClosed = true
  })
  clock.runUntilIdle(10)
  equal(isClosed, true)

  const second = new Broker({ engine: openEngine(world), clock, random })
  const { transactions, engine } = second
  equal(transactions.firstOpen('t'), 0)
  // The abort has an epoch of its own, so that the producer of before is fenced.
  const again = transactions.begin('returns', 60_000, undefined)
  deepEqual(again, { producerId: ids[1]!.producerId, epoch: ids[1]!.epoch + 2 })
  equal(transactions.judge('t', ids[1]!.producerId, ids[1]!.epoch), codes.INVALID_PRODUCER_EPOCH)
  equal(transactions.firstOpen('t'), 0)
  clock.advance(60_000)
  clock.runUntilIdle(10)
  equal(transactions.firstOpen('t'), Infinity)
  equal(transactions.find('waits')!.state, 'CompleteAbort')
  // Two records and two markers.
  equal(engine.log('t')!.next, 4)
  deepEqual(
    transactions
      .abortedIn('t', 0, 4)
      .map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset]),
    [
      [0, 3],
      [1, 2],
    ],
  )
})
