/** What a version, a profile or a fetch session makes of the same records. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ByteWriter, decodeUtf8, encodeUtf8 } from '../../src/base/bytes.ts'
import { crc32 } from '../../src/base/checksum.ts'
import { crc32c } from '../../src/wire/kafka/crc32c.ts'
import { codes } from '../../src/wire/kafka/error-codes.ts'
import { decodeMessageSet, encodeMessageSet } from '../../src/wire/kafka/message-set.ts'
import { ApiVersions } from '../../src/wire/kafka/messages/cluster.ts'
import { DeleteRecords, Fetch, ListOffsets, Produce } from '../../src/wire/kafka/messages/data.ts'
import { CreateTopics } from '../../src/wire/kafka/messages/topics.ts'
import { EndTxn, InitProducerId } from '../../src/wire/kafka/messages/transactions.ts'
import { decodeRecords, encodeBatch } from '../../src/wire/kafka/record-batch.ts'
import { temporaryFolder } from '../harness/process.ts'
import { within } from '../harness/wait.ts'
import { type RunningKafka, startKafka } from './broker.ts'
import { RawClient } from './raw-client.ts'

const most = 1_000_000

function recordOf(value: string, timestamp = 1000) {
  return { timestamp, key: encodeUtf8('k'), value: encodeUtf8(value) }
}

function produceOf(topic: string, records: Uint8Array) {
  return { acks: -1, topicData: [{ name: topic, partitionData: [{ index: 0, records }] }] }
}

function fetchOf(topic: string, fetchOffset = 0) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: most }]
  return { maxBytes: most, topics: [{ topic, partitions }] }
}

function valuesOfSet(bytes: Uint8Array): (string | undefined)[] {
  const set = decodeMessageSet(bytes, { now: 5, bytesMax: most })
  ok(set.fault === undefined)
  return set.records.map(({ value }) => value?.toString() && decodeUtf8(value))
}

async function create(raw: RawClient, name: string, numPartitions = 1): Promise<void> {
  await raw.ask(CreateTopics, 2, { topics: [{ name, numPartitions, replicationFactor: 1 }] })
}

describe('profile 2.4: clients of before batches', () => {
  let running: RunningKafka
  let raw: RawClient
  before(async () => {
    running = await startKafka(temporaryFolder('kafka-old'), { profile: '2.4' })
    raw = await RawClient.connect(running.port)
  })
  after(async () => {
    raw.end()
    await running.stop()
  })

  test('the versions are those of Kafka 2.4', async () => {
    const { apiKeys } = await raw.ask(ApiVersions, 3, {})
    const rangeOf = (key: number) => {
      const found = apiKeys.find(({ apiKey }) => apiKey === key)
      return found && [found.minVersion, found.maxVersion]
    }
    deepEqual(
      [rangeOf(0), rangeOf(1), rangeOf(3), rangeOf(60)],
      [[0, 8], [0, 11], [0, 9], undefined],
    )
  })

  for (const magic of [0, 1] as const) {
    test(`what is written as a message set (magic ${magic}) is read as one, and as a batch`, async () => {
      const topic = `set-${magic}`
      await create(raw, topic)
      const records = ['a', 'b', 'c'].map((value, offset) => ({ ...recordOf(value), offset }))
      const set = encodeMessageSet(records, magic)
      for (const base of [0, 3]) {
        const { responses } = await raw.ask(Produce, magic + 1, produceOf(topic, set))
        const [answer] = responses[0]!.partitionResponses
        deepEqual([answer!.errorCode, answer!.baseOffset], [0, base])
      }
      const old = await raw.ask(Fetch, magic === 0 ? 1 : 3, fetchOf(topic, 1))
      const bytes = old.responses[0]!.partitions[0]!.records as Uint8Array
      deepEqual(valuesOfSet(bytes), ['b', 'c', 'a', 'b', 'c'])

      const modern = await raw.ask(Fetch, 4, fetchOf(topic))
      const batch = modern.responses[0]!.partitions[0]!.records as Uint8Array
      deepEqual(
        decodeRecords(batch, most)!.map(({ value }) => decodeUtf8(value!)),
        ['a', 'b', 'c'],
      )
    })
  }

  test('a message set inside a compressed message', async () => {
    await create(raw, 'packed')
    const records = ['x', 'y'].map((value, offset) => ({ ...recordOf(value), offset }))
    const value = gzipSync(encodeMessageSet(records, 1))
    const wrapper = encodeMessageSet([{ offset: 1, timestamp: 1000, key: null, value }], 1)
    wrapper[17] = 1
    new DataView(wrapper.buffer).setUint32(12, crc32(wrapper.subarray(16)))
    const { responses } = await raw.ask(Produce, 2, produceOf('packed', wrapper))
    equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
    const read = await raw.ask(Fetch, 2, fetchOf('packed'))
    deepEqual(valuesOfSet(read.responses[0]!.partitions[0]!.records as Uint8Array), ['x', 'y'])
  })

  test('a compressed batch is unpacked for whoever reads message sets', async () => {
    await create(raw, 'gzip')
    const batch = encodeBatch([recordOf('p'), recordOf('q')])
    const packed = repack(batch)
    const { responses } = await raw.ask(Produce, 3, produceOf('gzip', packed))
    equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
    const read = await raw.ask(Fetch, 0, fetchOf('gzip'))
    deepEqual(valuesOfSet(read.responses[0]!.partitions[0]!.records as Uint8Array), ['p', 'q'])
  })

  test('a message with a wrong checksum, and one that is cut off, are corrupt', async () => {
    await create(raw, 'corrupt')
    const set = encodeMessageSet([{ ...recordOf('a'), offset: 0 }], 1)
    const flipped = set.slice()
    flipped[set.length - 1]! ^= 1
    for (const bytes of [flipped, set.subarray(0, set.length - 1), set.subarray(0, 9)]) {
      const { responses } = await raw.ask(Produce, 2, produceOf('corrupt', bytes))
      equal(responses[0]!.partitionResponses[0]!.errorCode, codes.CORRUPT_MESSAGE)
    }
  })

  test('the oldest ListOffsets answers with lists', async () => {
    const partitions = [{ partitionIndex: 0, timestamp: -1, maxNumOffsets: 1 }]
    const { topics } = await raw.ask(ListOffsets, 0, { topics: [{ name: 'set-0', partitions }] })
    deepEqual(topics[0]!.partitions[0]!.oldStyleOffsets, [6])
  })
})

/** The same batch, its records compressed with gzip. */
function repack(batch: Uint8Array): Uint8Array {
  const packed = gzipSync(batch.subarray(61))
  const writer = new ByteWriter()
  writer.raw(batch.subarray(0, 61))
  writer.raw(packed)
  const bytes = writer.take()
  const view = new DataView(bytes.buffer)
  view.setInt32(8, bytes.length - 12)
  view.setInt16(21, 1)
  view.setUint32(17, crc32c(bytes, 21))
  return bytes
}

describe('profile 4.2', () => {
  let running: RunningKafka
  let raw: RawClient
  before(async () => {
    running = await startKafka(temporaryFolder('kafka-new'))
    raw = await RawClient.connect(running.port)
  })
  after(async () => {
    raw.end()
    await running.stop()
  })

  test('Produce 2 is advertised, and ends the connection, as with Kafka 4', async () => {
    const { apiKeys } = await raw.ask(ApiVersions, 3, {})
    equal(apiKeys.find(({ apiKey }) => apiKey === 0)!.minVersion, 0)
    const old = await RawClient.connect(running.port)
    old.tell(Produce, 2, produceOf('t', new Uint8Array(0)))
    await within('the end of the connection', old.closed)
  })

  test('a transaction of the second version announces nothing, and its end raises the epoch', async () => {
    const features = await raw.ask(ApiVersions, 4, {})
    deepEqual(features.finalizedFeatures, [
      { name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 },
      { name: 'share.version', maxVersionLevel: 1, minVersionLevel: 1 },
    ])
    await create(raw, 'second')
    const transactionalId = 'second-id'
    const given = { transactionalId, transactionTimeoutMs: 60_000, producerId: -1 }
    const { producerId = -1, producerEpoch } = await raw.ask(InitProducerId, 5, given)
    const write = async (version: number, epoch: number): Promise<number> => {
      const options = { producerId, producerEpoch: epoch, baseSequence: 0, attributes: 16 }
      const request = produceOf('second', encodeBatch([recordOf('a')], options))
      const { responses } = await raw.ask(Produce, version, { ...request, transactionalId })
      return responses[0]!.partitionResponses[0]!.errorCode
    }
    // Whoever speaks the first version has to announce the partition.
    equal(await write(11, producerEpoch), codes.INVALID_TXN_STATE)
    equal(await write(12, producerEpoch), 0)
    const committed = { transactionalId, producerId, producerEpoch, committed: true }
    const ended = await raw.ask(EndTxn, 5, committed)
    deepEqual([ended.errorCode, ended.producerEpoch], [0, producerEpoch + 1])
    deepEqual(await raw.ask(EndTxn, 5, committed), ended)
    equal(await write(12, producerEpoch), codes.INVALID_PRODUCER_EPOCH)
    equal(await write(12, ended.producerEpoch!), 0)
    const fetched = await raw.ask(Fetch, 12, { ...fetchOf('second'), isolationLevel: 1 })
    equal(fetched.responses[0]!.partitions[0]!.lastStableOffset, 2)
  })

  test('the newest record by its own time is found, wherever it is', async () => {
    await create(raw, 'newest')
    const newest = async (isolationLevel = 0): Promise<readonly number[]> => {
      const topics = [{ name: 'newest', partitions: [{ partitionIndex: 0, timestamp: -3 }] }]
      const answer = await raw.ask(ListOffsets, 7, { isolationLevel, topics })
      const { offset, timestamp } = answer.topics[0]!.partitions[0]!
      return [offset!, timestamp!]
    }
    const write = async (...times: readonly number[]): Promise<void> => {
      const batch = encodeBatch(times.map(time => recordOf('a', time)))
      await raw.ask(Produce, 3, produceOf('newest', batch))
    }
    deepEqual(await newest(), [-1, -1])
    await write(10, 30, 20, 30)
    await write(5)
    deepEqual(await newest(), [1, 30])
    await write(40)
    deepEqual(await newest(), [5, 40])
    // More than one look: the last of these is the newest.
    for (let time = 100; time < 400; time++) {
      raw.tell(Produce, 3, produceOf('newest', encodeBatch([recordOf('a', time)])))
    }
    for (let time = 100; time < 400; time++) await raw.answer(Produce, 3)
    deepEqual(await newest(1), [305, 399])
    const partitions = [{ partitionIndex: 0, offset: 306 }]
    await raw.ask(DeleteRecords, 1, { topics: [{ name: 'newest', partitions }] })
    deepEqual(await newest(), [-1, -1])
    await write(7)
    deepEqual(await newest(), [306, 7])
  })

  test('a fetch session: partitions are named once, and only news is told', async () => {
    await create(raw, 's', 2)
    const wanted = (...offsets: number[]) => {
      const partitions = offsets.map((fetchOffset, partition) => ({
        partition,
        fetchOffset,
        partitionMaxBytes: most,
      }))
      return [{ topic: 's', partitions }]
    }
    const bounds = { maxBytes: most, maxWaitMs: 0 }
    const first = await raw.ask(Fetch, 7, { ...bounds, sessionEpoch: 0, topics: wanted(0, 0) })
    const { sessionId } = first
    ok(sessionId !== 0)
    equal(first.responses[0]!.partitions.length, 2)

    const quiet = await raw.ask(Fetch, 7, { ...bounds, sessionId, sessionEpoch: 1 })
    deepEqual([quiet.errorCode, quiet.responses], [0, []])

    await raw.ask(Produce, 3, produceOf('s', encodeBatch([recordOf('a')])))
    const news = await raw.ask(Fetch, 7, { ...bounds, sessionId, sessionEpoch: 2 })
    deepEqual(
      news.responses[0]!.partitions.map(({ partitionIndex, highWatermark }) => [
        partitionIndex,
        highWatermark,
      ]),
      [[0, 1]],
    )
    // The consumer goes on behind what it has, and forgets the other partition.
    const forgottenTopicsData = [{ topic: 's', partitions: [1] }]
    const request = { ...bounds, sessionId, sessionEpoch: 3, topics: wanted(1) }
    const after = await raw.ask(Fetch, 7, { ...request, forgottenTopicsData })
    deepEqual(after.responses, [])

    const late = await raw.ask(Fetch, 7, { ...bounds, sessionId, sessionEpoch: 3 })
    equal(late.errorCode, codes.INVALID_FETCH_SESSION_EPOCH)
    const ended = await raw.ask(Fetch, 7, { ...bounds, sessionId, sessionEpoch: -1 })
    equal(ended.sessionId, 0)
    const gone = await raw.ask(Fetch, 7, { ...bounds, sessionId, sessionEpoch: 4 })
    equal(gone.errorCode, codes.FETCH_SESSION_ID_NOT_FOUND)
  })

  test('a request of a session is parked, and woken by one of its partitions', async () => {
    await create(raw, 'parked')
    const start = await raw.ask(Fetch, 7, { ...fetchOf('parked'), sessionEpoch: 0 })
    const { sessionId } = start
    const other = await RawClient.connect(running.port)
    const bounds = { maxBytes: most, minBytes: 1, maxWaitMs: 20_000 }
    other.tell(Fetch, 7, { ...bounds, sessionId, sessionEpoch: 1 })
    await raw.ask(Produce, 3, produceOf('parked', encodeBatch([recordOf('a')])))
    const { responses } = await other.answer(Fetch, 7)
    equal(responses[0]!.partitions[0]!.highWatermark, 1)
    other.end()
  })
})
