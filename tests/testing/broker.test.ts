/** `startBroker`: the clients of four protocols, and our own, against a broker in this process. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { connect as connectAmqp } from 'amqplib'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { queue } from '../../src/client/client.ts'
import { startBroker } from '../../src/harness/testing.ts'

const orders = queue<{ id: string }>('orders', { retry: { attempts: 3 } })

describe('a broker in the test', () => {
  it('serves amqplib', async () => {
    await using broker = await startBroker({ protocols: ['amqp'] })
    const connection = await connectAmqp(broker.urls.amqp)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue('orders')
    channel.sendToQueue('orders', Buffer.from('o-1'), { messageId: 'o-1' })
    await channel.waitForConfirms()
    const got = await channel.get('orders')
    assert.equal(got === false ? '' : got.content.toString(), 'o-1')
    if (got !== false) channel.ack(got)
    await broker.harness.settled()
    assert.equal(broker.harness.attempts('o-1'), 1)
    await connection.close()
  })

  it('serves kafkajs, without a wait before the first member of a group', async () => {
    await using broker = await startBroker({ protocols: ['kafka'], clock: 'manual' })
    const { host } = new URL(broker.urls.kafka)
    const kafka = new Kafka({ brokers: [host], logLevel: logLevel.NOTHING })
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 'orders', messages: [{ value: 'o-1' }] })
    const consumer = kafka.consumer({ groupId: 'billing' })
    await consumer.connect()
    await consumer.subscribe({ topic: 'orders', fromBeginning: true })
    const value = await new Promise(resolve => {
      const eachMessage = async ({ message }: { message: { value: Buffer | null } }) =>
        resolve(message.value?.toString())
      consumer.run({ eachMessage }).catch(resolve)
    })
    assert.equal(value, 'o-1')
    await consumer.disconnect()
    await producer.disconnect()
  })

  it('serves the AWS SDK, and a visibility timeout passes when the test says so', async () => {
    await using broker = await startBroker({ protocols: ['sqs'], clock: 'manual' })
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    const sqs = new SQSClient({ endpoint: broker.urls.sqs, region: 'eu-west-1', credentials })
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'orders' }))
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'o-1' }))
    const receive = () => sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 600 }))
    assert.equal((await receive()).Messages?.[0]?.Body, 'o-1')
    assert.equal((await receive()).Messages, undefined, 'it is in somebody else’s hands')
    await broker.clock.advance('9m')
    assert.equal((await receive()).Messages, undefined, 'still')
    await broker.clock.advance('1m')
    const [again] = (await receive()).Messages ?? []
    assert.equal(again?.Body, 'o-1')
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: again?.ReceiptHandle }))
    await broker.harness.settled()
    sqs.destroy()
  })

  it('serves ioredis', async () => {
    await using broker = await startBroker({ protocols: ['redis'] })
    const redis = new Redis(broker.urls.redis)
    await redis.xadd('orders', '*', 'body', 'o-1')
    const [entry] = await redis.xrange('orders', '-', '+')
    assert.deepEqual(entry?.[1], ['body', 'o-1'])
    redis.disconnect()
  })

  it('says which protocol was not asked for', async () => {
    await using broker = await startBroker({ protocols: [] })
    assert.throws(() => broker.urls.amqp, /no amqp here: startBroker\(\{ protocols: \['amqp', …/)
  })

  it('runs beside another one, and shares nothing with it', async () => {
    await using one = await startBroker({ protocols: ['amqp'] })
    await using other = await startBroker({ protocols: ['amqp'] })
    assert.notEqual(one.urls.amqp, other.urls.amqp)
    const bus = await one.connect()
    await bus.send(orders, { id: 'o-1' })
    assert.equal(one.engine.log('orders')?.ready, 1)
    assert.equal(other.engine.log('orders'), undefined)
  })

  it('makes the same ids from the same seed', async () => {
    const idFrom = async (seed: number) => {
      await using broker = await startBroker({ protocols: ['amqp'], seed, clock: 'manual' })
      const connection = await connectAmqp(broker.urls.amqp)
      const channel = await connection.createChannel()
      const { queue: name } = await channel.assertQueue('')
      await connection.close()
      return name
    }
    assert.equal(await idFrom(7), await idFrom(7))
    assert.notEqual(await idFrom(7), await idFrom(8))
  })
})

describe("the broker's clock", () => {
  it('lets minutes of backoff pass at once, and counts every attempt', async () => {
    await using broker = await startBroker({ protocols: [], clock: 'manual' })
    const bus = await broker.connect()
    const attempts: number[] = []
    const worker = bus.consume(orders, (_, message) => {
      attempts.push(message.attempt)
      throw new RangeError('the gateway said no')
    })
    await worker.ready
    const [receipt] = await bus.send(orders, { id: 'o-1' })
    await broker.harness.settled({ queue: 'orders' })
    assert.deepEqual(attempts, [1])
    await broker.clock.advance('10m')
    await broker.harness.settled({ queue: 'orders' })
    assert.deepEqual(attempts, [1, 2, 3])
    assert.equal(broker.harness.attempts(receipt!.id), 3)
    const [letter] = broker.harness.deadLetters('orders')
    assert.equal(letter?.id, receipt?.id)
    assert.equal(letter?.body, '{"id":"o-1"}')
    assert.match(broker.harness.explain(receipt!.id), /orders@0 {2}handed out, attempt 3/)
  })

  it('does not move what is due later', async () => {
    await using broker = await startBroker({ protocols: [], clock: 'manual' })
    const bus = await broker.connect()
    const got: string[] = []
    const worker = bus.consume(orders, order => got.push(order.id))
    await worker.ready
    await bus.send(orders, { id: 'late' }, { delay: '2h' })
    await broker.clock.advance('119m')
    assert.deepEqual(got, [])
    await broker.clock.advance('1m')
    await broker.harness.settled({ queue: 'orders' })
    assert.deepEqual(got, ['late'])
  })

  it('is the machine’s unless it was asked for', async () => {
    await using broker = await startBroker({ protocols: [] })
    await assert.rejects(broker.clock.advance('1s'), /this clock goes by itself/)
  })
})

describe("the broker's faults", () => {
  it('lose a confirm with its connection, and keep the message', async () => {
    await using broker = await startBroker({ protocols: ['amqp'] })
    const connection = await connectAmqp(broker.urls.amqp)
    connection.on('error', () => {})
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => {})
    await channel.assertQueue('orders')
    broker.faults.loseNextConfirm()
    channel.sendToQueue('orders', Buffer.from('o-1'))
    await assert.rejects(channel.waitForConfirms())
    assert.equal(broker.engine.log('orders')?.ready, 1)
  })

  it('store a message twice', async () => {
    await using broker = await startBroker({ protocols: ['redis'] })
    const redis = new Redis(broker.urls.redis)
    broker.faults.duplicateNext()
    await redis.xadd('orders', '*', 'body', 'o-1')
    await redis.xadd('orders', '*', 'body', 'o-2')
    assert.equal(broker.engine.log('orders')?.count, 3)
    redis.disconnect()
  })

  it('break every connection, and what was in hand comes again', async () => {
    await using broker = await startBroker({ protocols: ['amqp'] })
    const connection = await connectAmqp(broker.urls.amqp)
    connection.on('error', () => {})
    const closed = new Promise(resolve => connection.on('close', resolve))
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => {})
    await channel.assertQueue('orders')
    channel.sendToQueue('orders', Buffer.from('o-1'), { messageId: 'o-1' })
    await channel.waitForConfirms()
    await channel.get('orders')
    assert.equal(broker.engine.log('orders')?.leased, 1)
    broker.faults.dropConnections()
    await closed
    const again = await connectAmqp(broker.urls.amqp)
    const other = await again.createChannel()
    const got = await other.get('orders')
    assert.equal(got === false ? undefined : got.fields.redelivered, true)
    assert.equal(broker.harness.attempts('o-1'), 2)
    await again.close()
  })

  it('fill the disk: publishers are refused, and go on when there is room', async () => {
    await using broker = await startBroker({ protocols: [], clock: 'manual' })
    const bus = await broker.connect()
    await bus.send(orders, { id: 'before' })
    broker.faults.fillDisk()
    await broker.clock.advance('1s')
    await bus.send(orders, { id: 'notices' })
    await broker.clock.advance('1s')
    await assert.rejects(bus.send(orders, { id: 'o-1' }), /disk/)
    broker.faults.freeDisk()
    await broker.clock.advance('1s')
    await bus.send(orders, { id: 'o-2' })
    assert.equal(broker.engine.log('orders')?.ready, 3)
  })
})

describe('what a test asks of it', () => {
  it('says whose life is not over', async () => {
    await using broker = await startBroker({ protocols: [] })
    const bus = await broker.connect()
    const [receipt] = await bus.send(orders, { id: 'o-1' })
    await assert.rejects(broker.harness.settled({ withinMs: 20 }), (error: Error) => {
      assert.match(error.message, /orders: 1 ready, 0 in hand/)
      assert.ok(error.message.includes(`${receipt?.id}:\n  nobody has had it`), error.message)
      return true
    })
  })

  it('finds the dead letters of a queue with a dead-letter exchange', async () => {
    await using broker = await startBroker({ protocols: ['amqp'] })
    const connection = await connectAmqp(broker.urls.amqp)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue('graves')
    const deadLetterRoutingKey = 'graves'
    await channel.assertQueue('orders', { deadLetterExchange: '', deadLetterRoutingKey })
    channel.sendToQueue('orders', Buffer.from('o-1'), { messageId: 'o-1' })
    await channel.waitForConfirms()
    const got = await channel.get('orders')
    assert.ok(got !== false)
    channel.nack(got, false, false)
    await broker.harness.settled()
    const [letter] = broker.harness.deadLetters('orders')
    assert.equal(letter?.id, 'o-1')
    assert.equal(letter?.deaths[0]?.reason, 'rejected')
    await connection.close()
  })
})
