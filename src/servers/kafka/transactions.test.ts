import { deepEqual, equal, notEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { noBytes } from '../../base/bytes.ts'
import { openEngine } from '../../engine/engine.ts'
import { formats } from '../../engine/model.ts'
import { simulatedWorld } from '../../testing/testing.ts'
import { codes } from '../../wire/kafka/error-codes.ts'
import { Broker } from './broker.ts'
import type { Call, Session } from './call.ts'
import { txnOffsetCommit } from './handlers/offsets.ts'
import { Memory } from './memory.ts'
import type { Identity, Transaction } from './transactions.ts'

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
  equal(transactions.judge('t', ids[1]!), codes.INVALID_PRODUCER_EPOCH)
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

function openBroker(seed: number, before: readonly [id: string, row: Transaction][] = []) {
  const world = simulatedWorld(seed)
  const { clock, random } = world
  const opened = openEngine(world)
  new Memory<Transaction>(opened, 'transactions').put(...before)
  const broker = new Broker({ engine: opened, clock, random })
  broker.createTopic('t', 1, {})
  const { transactions, engine } = broker
  const write = (who: Identity): number => {
    const code = transactions.judge('t', who, true)
    if (code !== 0) return code
    const record = { format: formats.kafkaBatch, envelope: noBytes, body: noBytes }
    const outcome = engine.append('t', [record])
    transactions.note('t', who.producerId, outcome.ok ? outcome.value[0]!.position : -1)
    return 0
  }
  return { clock, broker, transactions, write }
}

test('a batch brings its partition along, and the end raises the epoch', () => {
  const { transactions, write } = openBroker(7)
  const who = transactions.begin('id', 60_000, undefined)
  equal(transactions.judge('t', who), codes.INVALID_TXN_STATE)
  equal(write(who), 0)
  equal(write(who), 0)
  deepEqual(transactions.find('id')!.partitions, { t: 0 })
  const next = transactions.endAndRaise('id', who, true)
  deepEqual(next, { producerId: who.producerId, epoch: who.epoch + 1 })
  equal(transactions.firstOpen('t'), Infinity)
  // The answer was lost: he asks again, and is told the same; but not the opposite.
  deepEqual(transactions.endAndRaise('id', who, true), next)
  throws(() => transactions.endAndRaise('id', who, false), { code: codes.INVALID_TXN_STATE })
  // What is late belongs to no transaction.
  equal(write(who), codes.INVALID_PRODUCER_EPOCH)
  equal(write(next), 0)
  throws(() => transactions.endAndRaise('id', who, true), { code: codes.INVALID_PRODUCER_EPOCH })
  const last = transactions.endAndRaise('id', next, false)
  deepEqual(last, { producerId: who.producerId, epoch: who.epoch + 2 })
  // Nothing has been written: it can be given up, and not be committed.
  throws(() => transactions.endAndRaise('id', last, true), { code: codes.INVALID_TXN_STATE })
  equal(transactions.endAndRaise('id', last, false).epoch, who.epoch + 3)
})

test('when the epochs run out the end of a transaction gives a new id', () => {
  const fresh = { timeoutMs: 60_000, startedAt: -1, partitions: {}, offsets: {} }
  const who = { producerId: 77, epoch: 32_766 }
  const { transactions, write } = openBroker(8, [['id', { ...who, ...fresh, state: 'Empty' }]])
  equal(write(who), 0)
  const next = transactions.endAndRaise('id', who, true)
  equal(next.epoch, 0)
  notEqual(next.producerId, who.producerId)
  deepEqual(transactions.endAndRaise('id', who, true), next)
  equal(write(who), codes.INVALID_PRODUCER_ID_MAPPING)
  equal(write(next), 0)
})

test('a producer whose transaction has timed out may give it up, and goes on', () => {
  const { clock, transactions, write } = openBroker(9)
  const who = transactions.begin('id', 60_000, undefined)
  equal(write(who), 0)
  clock.advance(60_000)
  clock.runUntilIdle(10)
  equal(transactions.find('id')!.state, 'CompleteAbort')
  equal(write(who), codes.INVALID_PRODUCER_EPOCH)
  throws(() => transactions.endAndRaise('id', who, true), { code: codes.INVALID_TXN_STATE })
  const next = transactions.endAndRaise('id', who, false)
  equal(write(next), 0)
})
