/** Messages from the clients of all four protocols, for the pages that show them. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { connect } from 'amqplib'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { repositoryFolder } from '../harness/broker.ts'
import { startChild, temporaryFolder } from '../harness/process.ts'
import { eventually } from '../harness/wait.ts'

export interface Ports {
  readonly amqp: number
  readonly kafka: number
  readonly sqs: number
  readonly redis: number
  readonly http: number
}

/** A script that would run if anybody took it for markup. */
export const hostile = '"><script>window.broken=1</script><img src=x onerror="window.broken=1">'

/** `orders` with its dead letters, a topic, a queue of SQS, a stream; each says who sent it. */
export async function sendByAll(ports: Ports): Promise<void> {
  await sendByAmqplib(ports)
  await sendByKafkajs(ports)
  await sendBySdk(ports)
  await sendByIoredis(ports)
}

async function sendByAmqplib({ amqp }: Ports): Promise<void> {
  const connection = await connect(`amqp://guest:guest@127.0.0.1:${amqp}`)
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('orders.dead', { durable: true })
  await channel.assertQueue('orders', {
    durable: true,
    deadLetterExchange: '',
    deadLetterRoutingKey: 'orders.dead',
  })
  const reject = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const got = await channel.get('orders')
      if (got !== false) channel.nack(got, false, false)
    }
  }
  for (let index = 0; index < 5; index++) {
    const order = { id: index, from: 'amqplib', items: ['tea', 'cup'], total: 12.5 * index }
    channel.sendToQueue('orders', Buffer.from(JSON.stringify(order)), {
      persistent: true,
      contentType: 'application/json',
      messageId: `order-${index}`,
      headers: { tenant: 'blue' },
    })
  }
  await channel.waitForConfirms()
  await reject(4)
  const evil = { persistent: true, headers: { [hostile]: hostile }, messageId: hostile }
  channel.sendToQueue('orders', Buffer.from(hostile), evil)
  channel.sendToQueue('orders', Buffer.from([0, 255, 1, 254]), { persistent: true })
  await channel.waitForConfirms()
  await channel.close()
  await connection.close()
}

async function sendByKafkajs({ kafka }: Ports): Promise<void> {
  const client = new Kafka({
    clientId: 'studio',
    brokers: [`127.0.0.1:${kafka}`],
    logLevel: logLevel.NOTHING,
  })
  const admin = client.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'events', numPartitions: 2 }] })
  await admin.setOffsets({
    groupId: 'analytics',
    topic: 'events',
    partitions: [{ partition: 0, offset: '1' }],
  })
  const producer = client.producer()
  await producer.connect()
  await producer.send({
    topic: 'events',
    compression: 1,
    messages: Array.from({ length: 3 }, (_, index) => ({
      key: `user-${index}`,
      value: JSON.stringify({ from: 'kafkajs', index }),
      headers: { 'event-type': 'ORDER_CREATED' },
      partition: 0,
    })),
  })
  await producer.disconnect()
  await admin.disconnect()
}

async function sendBySdk({ sqs }: Ports): Promise<void> {
  const client = new SQSClient({
    endpoint: `http://127.0.0.1:${sqs}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  })
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'mails' }))
  await client.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: JSON.stringify({ from: 'aws-sdk' }),
      MessageAttributes: { kind: { DataType: 'String', StringValue: 'welcome' } },
    }),
  )
  client.destroy()
}

async function sendByIoredis({ redis }: Ports): Promise<void> {
  const client = new Redis({ host: '127.0.0.1', port: redis })
  await client.xadd('clicks', '*', 'from', 'ioredis', 'page', '/home')
  await client.xgroup('CREATE', 'clicks', 'counters', '0')
  client.disconnect()
}

/** One in memory that speaks all four, with the studio. */
export async function startBroker(): Promise<{ ports: Ports; stop: () => Promise<void> }> {
  const ready = join(temporaryFolder('studio-ready'), 'ready.json')
  const child = startChild(
    process.execPath,
    [
      join(repositoryFolder(), 'dist/src/cli/main.js'),
      ...['serve', '--memory', '--ready-file', ready, '--log-level', 'warn'],
      ...['--amqp=0', '--kafka=0', '--sqs=0', '--redis=0', '--http=0'],
    ],
    { env: { ...process.env, NO_COLOR: '1' } },
  )
  let ports: Ports | undefined
  await eventually('the broker is ready', () => {
    try {
      ports = (JSON.parse(readFileSync(ready, 'utf8')) as { ports: Ports }).ports
      return true
    } catch {
      return false
    }
  })
  return {
    ports: ports!,
    stop: async () => {
      await child.kill('SIGTERM')
    },
  }
}
