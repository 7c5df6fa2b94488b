/** What was written through SQS, Redis and Kafka, read through AMQP with the clients of each. */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import amqp, { type ConsumeMessage } from 'amqplib'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { type SpillwayBroker, startSpillway } from '../harness/broker.ts'
import { Mailbox } from '../harness/wait.ts'

describe('what another protocol wrote, read through AMQP', () => {
  let broker: SpillwayBroker
  before(async () => {
    broker = await startSpillway()
  })
  after(() => broker?.stop())

  /** The first messages of a queue, or of a stream from its beginning. */
  async function read(queue: string, count: number, args: object = {}): Promise<ConsumeMessage[]> {
    const connection = await amqp.connect(broker.url)
    try {
      const channel = await connection.createChannel()
      await channel.prefetch(10)
      const inbox = new Mailbox<ConsumeMessage>()
      const take = (message: ConsumeMessage | null): void => {
        if (message !== null) inbox.put(message)
      }
      await channel.consume(queue, take, { arguments: args })
      const messages: ConsumeMessage[] = []
      while (messages.length < count) {
        const message = await inbox.take(`a message of ${queue}`)
        channel.ack(message)
        messages.push(message)
      }
      return messages
    } finally {
      await connection.close()
    }
  }

  test('a message of SQS has its id and its attributes', async () => {
    const client = new SQSClient({
      endpoint: `http://127.0.0.1:${broker.sqsPort}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    })
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'from-sqs' }))
    const sent = await client.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: 'an order',
        MessageAttributes: { kind: { DataType: 'String', StringValue: 'book' } },
      }),
    )
    client.destroy()
    const [message] = await read('from-sqs', 1)
    assert.equal(message?.content.toString(), 'an order')
    assert.deepEqual({ ...message?.properties.headers }, { kind: 'book' })
    assert.equal(message?.properties.messageId, sent.MessageId)
    assert.equal(message?.fields.routingKey, 'from-sqs')
  })

  test('an entry of a Redis stream has its id, and its fields as headers', async () => {
    const redis = new Redis(broker.redisPort)
    const id = await redis.xadd('from-redis', '*', 'user', 'ann', 'total', '5')
    await redis.xadd('from-redis', '*', 'body', 'only this')
    redis.disconnect()
    const messages = await read('from-redis', 2, { 'x-stream-offset': 'first' })
    const [first, second] = messages
    assert.deepEqual(JSON.parse(String(first?.content)), { user: 'ann', total: '5' })
    assert.equal(first?.properties.contentType, 'application/json')
    assert.equal(first?.properties.headers?.['user'], 'ann')
    assert.equal(first?.properties.messageId, id)
    assert.equal(second?.content.toString(), 'only this')
  })

  test('each record of a Kafka batch is a message, with key and headers', async () => {
    const brokers = [`127.0.0.1:${broker.kafkaPort}`]
    const kafka = new Kafka({ clientId: 'test', brokers, logLevel: logLevel.NOTHING })
    const producer = kafka.producer()
    await producer.connect()
    const message = (n: number) => {
      return { key: `user-${n}`, value: `order ${n}`, headers: { 'event-type': 'CREATED' } }
    }
    await producer.send({ topic: 'from-kafka', messages: [message(0), message(1), message(2)] })
    await producer.disconnect()
    const read3 = await read('from-kafka', 3, { 'x-stream-offset': 'first' })
    assert.deepEqual(
      read3.map(({ content, fields, properties }) => [
        content.toString(),
        fields.routingKey,
        properties.headers?.['event-type'],
        properties.headers?.['x-stream-offset'],
      ]),
      [0, 1, 2].map(n => [`order ${n}`, `user-${n}`, 'CREATED', n]),
    )
    const [last] = await read('from-kafka', 1, { 'x-stream-offset': 2 })
    assert.equal(last?.content.toString(), 'order 2')
  })
})
