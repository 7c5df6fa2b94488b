import { deepEqual, equal, rejects } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Admin, CompressionTypes, type Consumer, Kafka, logLevel } from 'kafkajs'
import { temporaryFolder } from '../harness/process.ts'
import { deferred, Mailbox, within } from '../harness/wait.ts'
import { type RunningKafka, startKafka } from './broker.ts'

interface Taken {
  readonly partition: number
  readonly offset: string
  readonly key: string | undefined
  readonly value: string | undefined
  readonly headers: { readonly [name: string]: string }
}

const folder = temporaryFolder('kafka')
let running: RunningKafka
let lastNumber = 0

function client(): Kafka {
  const brokers = [`127.0.0.1:${running.port}`]
  return new Kafka({ clientId: 'conformance', brokers, logLevel: logLevel.NOTHING })
}

function unique(name: string): string {
  return `${name}-${++lastNumber}`
}

async function withAdmin<T>(run: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = client().admin()
  await admin.connect()
  try {
    return await run(admin)
  } finally {
    await admin.disconnect()
  }
}

async function produce(
  topic: string,
  values: readonly string[],
  options: { key?: string; partition?: number; compression?: CompressionTypes } = {},
): Promise<void> {
  const { key, partition, compression = CompressionTypes.None } = options
  const producer = client().producer()
  await producer.connect()
  const messages = values.map(value => ({
    value,
    ...(key === undefined ? {} : { key }),
    ...(partition === undefined ? {} : { partition }),
  }))
  await producer.send({ topic, messages, compression })
  await producer.disconnect()
}

/** Runs a consumer; what it gets is in the mailbox. */
async function consume(
  groupId: string,
  topic: string,
  options: { readonly readUncommitted?: boolean } = {},
): Promise<{ consumer: Consumer; inbox: Mailbox<Taken>; joined: Promise<unknown> }> {
  const consumer = client().consumer({
    groupId,
    maxWaitTimeInMs: 200,
    heartbeatInterval: 100,
    ...options,
  })
  const inbox = new Mailbox<Taken>()
  const joined = deferred<unknown>()
  consumer.on(consumer.events.GROUP_JOIN, event => joined.resolve(event))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [
        name,
        String(value),
      ])
      inbox.put({
        partition,
        offset: message.offset,
        key: message.key?.toString(),
        value: message.value?.toString(),
        headers: Object.fromEntries(headers),
      })
    },
  })
  return { consumer, inbox, joined: joined.promise }
}

async function takeValues(inbox: Mailbox<Taken>, count: number): Promise<(string | undefined)[]> {
  const values: (string | undefined)[] = []
  while (values.length < count) values.push((await inbox.take('a message')).value)
  return values
}

describe('the broker, seen through kafkajs', () => {
  before(async () => {
    process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
    running = await startKafka(folder)
  })
  after(() => running.stop())

  test('a topic is made by being written to, and is ready at once', async () => {
    const topic = unique('auto')
    await produce(topic, ['a'])
    const { topics } = await withAdmin(admin => admin.fetchTopicMetadata({ topics: [topic] }))
    equal(topics[0]!.partitions.length, 1)
    equal(topics[0]!.partitions[0]!.leader, 0)
  })

  test('records come back in order, with key and headers', async () => {
    const topic = unique('order')
    const producer = client().producer()
    await producer.connect()
    const messages = ['1', '2', '3'].map(value => ({ key: 'k', value, headers: { h: value } }))
    await producer.send({ topic, messages })
    await producer.disconnect()
    const { consumer, inbox } = await consume(unique('group'), topic)
    const taken = [await inbox.take('1'), await inbox.take('2'), await inbox.take('3')]
    await consumer.disconnect()
    deepEqual(
      taken.map(({ offset, key, value, headers }) => [offset, key, value, headers['h']]),
      [
        ['0', 'k', '1', '1'],
        ['1', 'k', '2', '2'],
        ['2', 'k', '3', '3'],
      ],
    )
  })

  test('a compressed batch is one record of the engine, and comes back as it was', async () => {
    const topic = unique('gzip')
    await produce(topic, ['a', 'b', 'c'], { compression: CompressionTypes.GZIP })
    const info = running.engine.log(topic)
    deepEqual([info?.count, info?.next], [1, 3])
    const { consumer, inbox } = await consume(unique('group'), topic)
    deepEqual(await takeValues(inbox, 3), ['a', 'b', 'c'])
    await consumer.disconnect()
  })

  test('two members share the partitions; when one leaves, the other has them all', async () => {
    const topic = unique('shared')
    const groupId = unique('group')
    await withAdmin(admin => admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }))
    const first = await consume(groupId, topic)
    const second = await consume(groupId, topic)
    await within('both to join', Promise.all([first.joined, second.joined]))
    const shares = async () => {
      const { groups } = await withAdmin(admin => admin.describeGroups([groupId]))
      return groups[0]!.members.length
    }
    equal(await shares(), 2)
    await first.consumer.disconnect()
    await produce(topic, ['p0'], { partition: 0 })
    await produce(topic, ['p1'], { partition: 1 })
    deepEqual((await takeValues(second.inbox, 2)).sort(), ['p0', 'p1'])
    await second.consumer.disconnect()
  })

  test('a group goes on from what it has committed, after a restart of the broker, too', async () => {
    const topic = unique('restart')
    const groupId = unique('group')
    await produce(topic, ['a', 'b'])
    const before = await consume(groupId, topic)
    deepEqual(await takeValues(before.inbox, 2), ['a', 'b'])
    await before.consumer.disconnect()
    await running.stop()
    running = await startKafka(folder)
    await produce(topic, ['c'])
    const after = await consume(groupId, topic)
    const taken = await after.inbox.take('c')
    await after.consumer.disconnect()
    deepEqual([taken.value, taken.offset], ['c', '2'])
  })

  test('read_committed sees what is committed, and nothing of what is aborted', async () => {
    const topic = unique('transactional')
    const transactional = { transactionalId: unique('id'), idempotent: true }
    const producer = client().producer({ ...transactional, maxInFlightRequests: 1 })
    await producer.connect()
    for (const [value, isCommitted] of [
      ['a', true],
      ['b', false],
      ['c', true],
    ] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value }] })
      await (isCommitted ? transaction.commit() : transaction.abort())
    }
    await producer.disconnect()
    const committed = await consume(unique('group'), topic)
    deepEqual(await takeValues(committed.inbox, 2), ['a', 'c'])
    await committed.consumer.disconnect()
    const all = await consume(unique('group'), topic, { readUncommitted: true })
    deepEqual(await takeValues(all.inbox, 3), ['a', 'b', 'c'])
    await all.consumer.disconnect()
  })

  test('offsets of a transaction count when it is committed', async () => {
    const topic = unique('offsets')
    const consumerGroupId = unique('group')
    await produce(topic, ['a', 'b'])
    const transactional = { transactionalId: unique('id'), idempotent: true }
    const producer = client().producer({ ...transactional, maxInFlightRequests: 1 })
    await producer.connect()
    const place = async () => {
      const offsets = await withAdmin(admin =>
        admin.fetchOffsets({ groupId: consumerGroupId, topics: [topic] }),
      )
      return offsets[0]!.partitions[0]!.offset
    }
    const topics = [{ topic, partitions: [{ partition: 0, offset: '2' }] }]
    const aborted = await producer.transaction()
    await aborted.sendOffsets({ consumerGroupId, topics })
    await aborted.abort()
    equal(await place(), '-1')
    const committed = await producer.transaction()
    await committed.sendOffsets({ consumerGroupId, topics })
    await committed.commit()
    equal(await place(), '2')
    await producer.disconnect()
  })

  test('a second producer under the same transactional id fences the first', async () => {
    const topic = unique('fenced')
    await produce(topic, ['x'])
    const transactional = { transactionalId: unique('id'), idempotent: true }
    const options = { ...transactional, maxInFlightRequests: 1, retry: { retries: 1 } }
    const first = client().producer(options)
    await first.connect()
    const transaction = await first.transaction()
    await transaction.send({ topic, messages: [{ value: 'old' }] })
    const second = client().producer(options)
    await second.connect()
    await (await second.transaction()).abort()
    await rejects(transaction.commit())
    await first.disconnect()
    await second.disconnect()
  })

  test('topics have configurations, which can be changed', async () => {
    const topic = unique('configured')
    await withAdmin(async admin => {
      const configEntries = [{ name: 'retention.ms', value: '1000000' }]
      await admin.createTopics({ topics: [{ topic, configEntries }] })
      const changed = [{ name: 'retention.bytes', value: '5000000' }]
      const resource = { type: 2, name: topic }
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ ...resource, configEntries: changed }],
      })
      equal(running.engine.log(topic)?.config.retention.bytes, 5_000_000)
      const described = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ ...resource, configNames: ['retention.bytes'] }],
      })
      equal(described.resources[0]!.configEntries[0]!.configValue, '5000000')
    })
  })

  test('what is written with old timestamps is there to be read', async () => {
    const topic = unique('backfilled')
    const producer = client().producer()
    await producer.connect()
    for (const value of ['a', 'b', 'c']) {
      await producer.send({ topic, messages: [{ value, timestamp: '1000000000000' }] })
    }
    await producer.disconnect()
    const { consumer, inbox } = await consume(unique('group'), topic)
    deepEqual(await takeValues(inbox, 3), ['a', 'b', 'c'])
    await consumer.disconnect()
    equal(running.engine.log(topic)?.config.retention.ageMs, undefined)
  })

  test('records can be deleted up to an offset, and topics as a whole', async () => {
    const topic = unique('deleted')
    await produce(topic, ['a'])
    await produce(topic, ['b'])
    await withAdmin(async admin => {
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] })
      const [place] = await admin.fetchTopicOffsets(topic)
      deepEqual([place!.low, place!.high], ['1', '2'])
      await admin.deleteTopics({ topics: [topic] })
      equal((await admin.listTopics()).includes(topic), false)
    })
    equal(running.engine.log(topic), undefined)
  })

  test('a log that another protocol wrote is a topic of one partition', async () => {
    const topic = unique('foreign')
    running.engine.createLog(topic, {})
    const body = new TextEncoder().encode('from elsewhere')
    running.engine.append(topic, [{ format: 0, envelope: new Uint8Array(0), body }])
    const { consumer, inbox } = await consume(unique('group'), topic)
    deepEqual(await takeValues(inbox, 1), ['from elsewhere'])
    await consumer.disconnect()
  })
})
