/**
 * The listings of the guide are programs, and they run: each worker charges what it can, and sets
 * aside what it cannot, on a broker of its own.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import amqp from 'amqplib'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { repositoryFolder, type SpillwayBroker, startSpillway } from '../harness/broker.ts'
import { type Child, startChild } from '../harness/process.ts'
import { deferred, within } from '../harness/wait.ts'

const orders = [{ number: 1 }, { number: 2, poison: true }, { number: 3 }].map(order =>
  JSON.stringify(order),
)

/** `name` is a file under examples/guide, or a path under examples/. */
function startProgram(name: string, env: { readonly [name: string]: string }, ...args: string[]) {
  const path = name.includes('/') ? name : `guide/${name}`
  const file = join(repositoryFolder(), 'examples', path)
  return startChild(process.execPath, [file, ...args], { env: { ...process.env, ...env } })
}

async function printed(program: Child, pattern: RegExp): Promise<void> {
  const seen = deferred<void>()
  const look = (): void => {
    if (pattern.test(program.output())) seen.resolve()
  }
  program.process.stdout?.on('data', look)
  void program.exited.then(how => seen.reject(new Error(`${how}: ${program.output()}`)))
  look()
  await within(`a program to print ${pattern}`, seen.promise)
}

function failures(program: Child): number {
  return program.output().match(/^failed/gm)?.length ?? 0
}

/** One for each: a name means the same to all four protocols, and each wants its own `orders`. */
async function withBroker(use: (broker: SpillwayBroker) => Promise<void>): Promise<void> {
  const broker = await startSpillway()
  try {
    await use(broker)
  } finally {
    await broker.stop()
  }
}

// Most of the time of a program is spent waiting: for its group, its backoff, a slow call.
describe('the programs of the guide', { concurrency: 4 }, () => {
  it('RabbitMQ: five attempts, then the dead-letter queue', () =>
    withBroker(async broker => {
      const worker = startProgram('rabbitmq-worker.mjs', { AMQP_URL: broker.url })
      await printed(worker, /ready/)
      const connection = await amqp.connect(broker.url)
      const channel = await connection.createChannel()
      for (const order of orders) channel.sendToQueue('orders', Buffer.from(order))
      await printed(worker, /charged 1[\s\S]*charged 3/)
      const dead = deferred<string>()
      await channel.consume('orders.dead', message => {
        dead.resolve(message?.content.toString() ?? '')
      })
      assert.equal(await within('a dead letter', dead.promise), orders[1])
      assert.equal(failures(worker), 5)
      await connection.close()
      await worker.kill('SIGKILL')
    }))

  it('Kafka: five attempts, then a topic for dead letters', () =>
    withBroker(async broker => {
      const brokers = `${broker.host}:${broker.kafkaPort}`
      const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
      const producer = kafka.producer()
      await producer.connect()
      await producer.send({ topic: 'orders', messages: orders.map(value => ({ value })) })
      const worker = startProgram('kafka-worker.mjs', { KAFKA_BROKERS: brokers })
      await printed(worker, /charged 1[\s\S]*set aside/)
      await printed(worker, /charged 3/)
      assert.equal(failures(worker), 5)
      await producer.disconnect()
      await worker.kill('SIGKILL')
    }))

  it('SQS: five receives, then the dead-letter queue', () =>
    withBroker(async broker => {
      const env = {
        AWS_ENDPOINT_URL_SQS: `http://${broker.host}:${broker.sqsPort}`,
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'x',
        AWS_SECRET_ACCESS_KEY: 'x',
      }
      const worker = startProgram('sqs-worker.mjs', env)
      await printed(worker, /ready/)
      const sqs = new SQSClient({
        endpoint: env.AWS_ENDPOINT_URL_SQS,
        region: env.AWS_REGION,
        credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      })
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'orders-dead' }))
      const ordersUrl = QueueUrl!.replace('orders-dead', 'orders')
      for (const MessageBody of orders) {
        await sqs.send(new SendMessageCommand({ QueueUrl: ordersUrl, MessageBody }))
      }
      await printed(worker, /charged 3/)
      await printed(worker, /(failed[\s\S]*){5}/)
      assert.match(worker.output(), /charged 1/)
      sqs.destroy()
      await worker.kill('SIGKILL')
    }))

  it('Redis Streams: five attempts, then a stream for dead letters', () =>
    withBroker(async broker => {
      const url = `redis://${broker.host}:${broker.redisPort}`
      const worker = startProgram('redis-worker.mjs', { REDIS_URL: url, LEASE_MS: '20' })
      await printed(worker, /ready/)
      const redis = new Redis(url)
      for (const order of orders) await redis.xadd('orders', '*', 'order', order)
      await printed(worker, /set aside/)
      assert.match(worker.output(), /charged 1[\s\S]*charged 3/)
      assert.equal(failures(worker), 5)
      const [entry] = await redis.xrange('orders.dead', '-', '+')
      assert.deepEqual(entry?.[1], ['order', orders[1]])
      await redis.quit()
      await worker.kill('SIGKILL')
    }))

  it('the client of Spillway: charges what it can, with the broker in its own process', async () => {
    const worker = startProgram('spillway-worker.mjs', { SPILLWAY_URL: 'memory:' })
    await printed(worker, /charged 1/)
    await printed(worker, /(failed[\s\S]*){2}/)
    await worker.kill('SIGKILL')
  })

  it('three guarantees: 400, 600 and 500 where 500 was owed', () =>
    withBroker(async broker => {
      const program = startProgram('guarantees.mjs', { AMQP_URL: broker.url })
      assert.equal(await program.exited, 'code 0', program.output())
      assert.match(program.output(), /at-most-once: expected 500, charged 400/)
      assert.match(program.output(), /at-least-once: expected 500, charged 600/)
      assert.match(program.output(), /effectively-once: expected 500, charged 500/)
    }))

  it('asking waits for the work, telling does not', async () => {
    const program = startProgram('ask-or-tell.mjs', { SPILLWAY_URL: 'memory:' })
    assert.equal(await program.exited, 'code 0')
    const waited = (what: string) =>
      Number(new RegExp(`${what}.*waited (\\d+) ms`).exec(program.output())?.[1])
    assert.match(program.output(), /accepted is true/)
    assert.ok(waited('asked') >= 390, program.output())
    assert.ok(waited('told') >= 0, program.output())
  })

  it('the plan says what a backend does with a queue, before a message is sent', async () => {
    const program = startProgram('plan.mjs', { SPILLWAY_URL: 'memory:' })
    assert.equal(await program.exited, 'code 0')
    assert.match(program.output(), /^send: native[\s\S]*^key: native/m)
  })

  it("Little's law: how long the last one waits, and how many consumers keep up", async () => {
    const program = startProgram('wait.mjs', {})
    assert.equal(await program.exited, 'code 0')
    assert.match(program.output(), /the line grows by 0\.25 a second/)
    assert.match(program.output(), /it takes 4 consumers not to fall behind/)
  })

  it('the monolith: one slow call, and the whole order fails', async () => {
    const quick = startProgram('monolith.mjs', {}, '10')
    await quick.exited
    assert.match(quick.output(), /placed after \d+ ms/)
    const slow = startProgram('monolith.mjs', {}, '5000')
    await slow.exited
    assert.match(slow.output(), /failed: email took too long/)
  })

  it('the classic programs of Kafka', () =>
    withBroker(async broker => {
      const kafka = { KAFKA_BROKERS: `${broker.host}:${broker.kafkaPort}` }
      const sent = startProgram('classic/kafka-producer.mjs', kafka)
      assert.equal(await sent.exited, 'code 0', sent.output())
      const members = startProgram('classic/kafka-consumer.mjs', kafka)
      await printed(members, /order 10 at/)
      await members.kill('SIGKILL')
    }))

  it('the classic programs of SQS and Redis', () =>
    withBroker(async broker => {
      const sqs = {
        AWS_ENDPOINT_URL_SQS: `http://${broker.host}:${broker.sqsPort}`,
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'x',
        AWS_SECRET_ACCESS_KEY: 'x',
      }
      const made = startProgram('classic/sqs-dead-letter.mjs', sqs)
      await made.exited
      const url = /http\S+orders\.fifo/.exec(made.output())![0]
      const sent = startProgram('classic/sqs-producer.mjs', { ...sqs, ORDER_QUEUE_URL: url })
      assert.equal(await sent.exited, 'code 0', sent.output())

      // SQS has made orders.fifo; Redis' orders is another name.
      const redis = { REDIS_URL: `redis://${broker.host}:${broker.redisPort}` }
      const added = startProgram('classic/redis-producer.mjs', redis)
      assert.equal(await added.exited, 'code 0', added.output())
      const consumer = startProgram('classic/redis-consumer.mjs', redis)
      await printed(consumer, /number 10/)
      await consumer.kill('SIGKILL')
    }))
})
