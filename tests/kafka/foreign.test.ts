/** What was written through AMQP and Redis, fetched through Kafka's protocol; and the commands. */

import { deepEqual, equal } from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import amqp from 'amqplib'
import { Redis } from 'ioredis'
import { Kafka, type KafkaMessage, logLevel } from 'kafkajs'
import { type SpillwayBroker, startSpillway } from '../harness/broker.ts'
import { Mailbox } from '../harness/wait.ts'

describe('what another protocol wrote, fetched as a topic', () => {
  let broker: SpillwayBroker
  before(async () => {
    broker = await startSpillway()
  })
  after(() => broker?.stop())

  async function fetchAll(topic: string, count: number): Promise<KafkaMessage[]> {
    const brokers = [`127.0.0.1:${broker.kafkaPort}`]
    const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING })
    const consumer = kafka.consumer({ groupId: `readers of ${topic}`, maxWaitTimeInMs: 100 })
    await consumer.connect()
    try {
      await consumer.subscribe({ topic, fromBeginning: true })
      const inbox = new Mailbox<KafkaMessage>()
      await consumer.run({ eachMessage: async ({ message }) => inbox.put(message) })
      const messages: KafkaMessage[] = []
      while (messages.length < count) messages.push(await inbox.take(`a record of ${topic}`))
      return messages
    } finally {
      await consumer.disconnect()
    }
  }

  function headersOf({ headers = {} }: KafkaMessage) {
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
  }

  test('an AMQP stream', async () => {
    const connection = await amqp.connect(broker.url)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue('events', { durable: true, arguments: { 'x-queue-type': 'stream' } })
    channel.sendToQueue('events', Buffer.from('plain'))
    channel.sendToQueue('events', Buffer.from('{"id":7}'), {
      contentType: 'application/json',
      messageId: 'm-7',
      type: 'created',
      headers: { attempt: 3, tags: ['a', 'b'], text: 'x' },
    })
    await channel.waitForConfirms()
    await connection.close()
    const [plain, rich] = await fetchAll('events', 2)
    deepEqual(
      [String(plain!.key), String(plain!.value), headersOf(plain!)],
      ['events', 'plain', {}],
    )
    equal(String(rich!.value), '{"id":7}')
    equal(rich!.offset, '1')
    deepEqual(headersOf(rich!), {
      'message-id': 'm-7',
      'content-type': 'application/json',
      attempt: '3',
      tags: '["a","b"]',
      text: 'x',
      type: 'created',
    })
  })

  test('a Redis stream', async () => {
    const redis = new Redis(broker.redisPort, broker.host)
    const first = await redis.xadd('clicks', '*', 'body', 'hello')
    const second = await redis.xadd('clicks', '*', 'user', 'ada', 'page', '/')
    redis.disconnect()
    const [one, two] = await fetchAll('clicks', 2)
    deepEqual(
      [one!.key, String(one!.value), headersOf(one!)],
      [null, 'hello', { 'message-id': first }],
    )
    equal(String(two!.value), '{"user":"ada","page":"/"}')
    deepEqual(headersOf(two!), {
      'message-id': second,
      'content-type': 'application/json',
      user: 'ada',
      page: '/',
    })
  })
})
