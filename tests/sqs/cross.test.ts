/** A queue of AMQP used through SQS, and one of SQS used through AMQP, with the clients of each. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import amqp, { type ConfirmChannel } from 'amqplib'
import { type SpillwayBroker, startSpillway } from '../harness/broker.ts'

describe('one queue, SQS and AMQP', () => {
  let broker: SpillwayBroker
  let sqs: SQSClient
  let connection: Awaited<ReturnType<typeof amqp.connect>>
  let channel: ConfirmChannel
  before(async () => {
    broker = await startSpillway()
    sqs = new SQSClient({
      endpoint: `http://127.0.0.1:${broker.sqsPort}`,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    })
    connection = await amqp.connect(broker.url)
    channel = await connection.createConfirmChannel()
  })
  after(async () => {
    sqs.destroy()
    await connection.close()
    await broker.stop()
  })

  async function receive(QueueUrl: string) {
    const input = { QueueUrl, WaitTimeSeconds: 20, MessageAttributeNames: ['All'] }
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(input))
    return Messages[0]!
  }

  it('declared and published to over AMQP, received and deleted over SQS', async () => {
    await channel.assertQueue('declared-by-amqp')
    channel.sendToQueue('declared-by-amqp', Buffer.from('{"id":7}'), {
      contentType: 'application/json',
      correlationId: 'c-1',
      messageId: 'm-1',
      persistent: true,
      headers: { shop: 'north', count: 3, urgent: true },
    })
    await channel.waitForConfirms()
    const input = { QueueName: 'declared-by-amqp' }
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand(input))
    const { Body, MessageAttributes = {}, ReceiptHandle } = await receive(QueueUrl!)
    assert.equal(Body, '{"id":7}')
    const values = Object.entries(MessageAttributes).map(([name, { DataType, StringValue }]) => {
      return [name, `${DataType} ${StringValue}`]
    })
    assert.deepEqual(Object.fromEntries(values), {
      'content-type': 'String application/json',
      'correlation-id': 'String c-1',
      'message-id': 'String m-1',
      shop: 'String north',
      count: 'Number 3',
      urgent: 'String true',
    })
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    assert.equal((await channel.checkQueue('declared-by-amqp')).messageCount, 0)
  })

  it('created and sent to over SQS, taken and acknowledged over AMQP', async () => {
    const input = { QueueName: 'made-by-sqs' }
    const { QueueUrl } = await sqs.send(new CreateQueueCommand(input))
    const MessageAttributes = { shop: { DataType: 'String', StringValue: 'north' } }
    const order = { QueueUrl, MessageBody: 'an order', MessageAttributes }
    const { MessageId } = await sqs.send(new SendMessageCommand(order))
    const message = await channel.get('made-by-sqs')
    assert.ok(message !== false)
    assert.equal(message.content.toString(), 'an order')
    assert.equal(message.properties.messageId, MessageId)
    assert.deepEqual({ ...message.properties.headers }, { shop: 'north' })
    channel.ack(message)
    // Published in reply, over AMQP: the next that SQS receives is this one, not the first again.
    channel.sendToQueue('made-by-sqs', Buffer.from('the answer'))
    await channel.waitForConfirms()
    assert.equal((await receive(QueueUrl!)).Body, 'the answer')
  })
})
