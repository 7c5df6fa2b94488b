/** A message as a program that sends it again, with the client that people use for its protocol. */

import type { Message } from '../../../src/admin/contract.ts'

export function asCode(queue: string, message: Message): string {
  const { key } = message
  const body = bodyOf(message)
  const name = JSON.stringify(queue)
  switch (message.format) {
    case 'kafkaBatch': {
      // A partition's log is TOPIC/PARTITION, and the first one is TOPIC.
      const [, topic = queue, partition = '0'] = /^(.*)\/(\d+)$/.exec(queue) ?? []
      return lines(
        `import { Kafka } from 'kafkajs'`,
        '',
        `const producer = new Kafka({ brokers: ['localhost:9092'] }).producer()`,
        'await producer.connect()',
        'await producer.send({',
        `  topic: ${JSON.stringify(topic)},`,
        `  messages: [{ partition: ${partition}, key: ${JSON.stringify(key)}, value: ${body} }],`,
        '})',
        'await producer.disconnect()',
      )
    }
    case 'sqsAttributes':
      return lines(
        `import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'`,
        '',
        `const sqs = new SQSClient({ endpoint: 'http://localhost:9324', region: 'us-east-1' })`,
        `const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: ${name} }))`,
        `await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: ${body} }))`,
      )
    case 'redisFields':
      return lines(
        `import { Redis } from 'ioredis'`,
        '',
        `const redis = new Redis('redis://localhost:6379')`,
        `await redis.xadd(${name}, '*', ...${fieldsOf(message)})`,
        'redis.disconnect()',
      )
    default:
      return lines(
        `import { connect } from 'amqplib'`,
        '',
        `const connection = await connect('amqp://localhost:5672')`,
        'const channel = await connection.createConfirmChannel()',
        `channel.sendToQueue(${name}, ${message.body.encoding === 'text' ? `Buffer.from(${body})` : body}, { persistent: true })`,
        'await channel.waitForConfirms()',
        'await connection.close()',
      )
  }
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`
}

function bodyOf({ body }: Message): string {
  const data = JSON.stringify(body.data)
  return body.encoding === 'text' ? data : `Buffer.from(${data}, 'base64')`
}

/** An entry's fields are shown as its body: names and values in turn, as an object. */
function fieldsOf({ body }: Message): string {
  try {
    const value: unknown = JSON.parse(body.data)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return JSON.stringify(Object.entries(value).flat().map(String))
    }
  } catch {
    // Not an object: one field has it all.
  }
  return JSON.stringify(['body', body.data])
}
