// The order story with sqs-consumer, which does the handling. See ../README.md.
//
// usage: story.mjs ENDPOINT

import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs'
import { Consumer } from 'sqs-consumer'

const sqs = new SQSClient({
  endpoint: process.argv[2],
  region: 'eu-west-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  maxAttempts: 1,
})

const create = async (QueueName, attributes = {}) => {
  const Attributes = { FifoQueue: 'true', ...attributes }
  return (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl
}
const attributes = async QueueUrl => {
  const input = { QueueUrl, AttributeNames: ['All'] }
  return (await sqs.send(new GetQueueAttributesCommand(input))).Attributes
}
const entry = id => ({
  MessageBody: JSON.stringify({ id }),
  MessageGroupId: `g${id % 4}`,
  MessageDeduplicationId: `order-${id}`,
  MessageAttributes: { shop: { DataType: 'String', StringValue: `shop ${id}` } },
})
const number = ({ Body }) => JSON.parse(Body).id
const range = (from, to) => Array.from({ length: to - from }, (_, index) => from + index)

const dead = await create('node-dead.fifo')
const { QueueArn: SourceArn } = await attributes(dead)
const policy = { deadLetterTargetArn: SourceArn, maxReceiveCount: 3 }
const url = await create('node-orders.fifo', { RedrivePolicy: JSON.stringify(policy) })

const send = id => sqs.send(new SendMessageCommand({ QueueUrl: url, ...entry(id) }))
const first = []
for (const id of range(0, 10)) first.push(await send(id))
const Entries = range(10, 20).map(id => ({ Id: String(id), ...entry(id) }))
const batch = await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }))
const again = await send(0)

const consume = (queueUrl, options) => {
  return new Promise((resolve, reject) => {
    const handleMessage = async message => {
      if (!options.handle(message)) throw new Error('poison')
      if (options.enough()) queueMicrotask(() => consumer.stop())
      return message
    }
    const consumer = Consumer.create({
      queueUrl,
      sqs,
      batchSize: 1,
      waitTimeSeconds: 5,
      messageAttributeNames: ['All'],
      messageSystemAttributeNames: ['All'],
      terminateVisibilityTimeout: true,
      suppressFifoWarning: true,
      handleMessage,
    })
    consumer.on('error', reject)
    consumer.on('processing_error', () => {})
    consumer.on('stopped', resolve)
    consumer.start()
  })
}

const handled = []
let attributesKept = true
let poisoned = 0
await consume(url, {
  handle: message => {
    const id = number(message)
    attributesKept &&= message.MessageAttributes.shop.StringValue === `shop ${id}`
    if (id === 7) {
      poisoned++
      return false
    }
    handled.push(id)
    return true
  },
  enough: () => handled.length === 19,
})

const receive = async (QueueUrl, more) => {
  const input = { QueueUrl, WaitTimeSeconds: 5, MessageSystemAttributeNames: ['All'], ...more }
  return (await sqs.send(new ReceiveMessageCommand(input))).Messages[0]
}
const letter = await receive(dead, { VisibilityTimeout: 0 })
const source = letter.Attributes.DeadLetterQueueSourceArn.split(':').at(-1)
await sqs.send(new StartMessageMoveTaskCommand({ SourceArn }))
const back = await receive(url, {})
const { ReceiptHandle } = back
await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }))
const counts = await attributes(url)
for (const QueueUrl of [url, dead]) await sqs.send(new DeleteQueueCommand({ QueueUrl }))
const error = await send(20).then(
  () => '',
  ({ name }) => name,
)
sqs.destroy()

const group = index => handled.filter(id => id % 4 === index)
console.log(
  JSON.stringify({
    sent: first.length + batch.Successful.length,
    duplicate: again.MessageId === first[0].MessageId,
    handled: handled.length,
    in_order: range(0, 4).every(index => {
      return group(index).every((id, at, ids) => at === 0 || id > ids[at - 1])
    }),
    attributes: attributesKept,
    poisoned,
    dead: [number(letter), source === url.split('/').at(-1)],
    back: number(back),
    left: [
      Number(counts.ApproximateNumberOfMessages),
      Number(counts.ApproximateNumberOfMessagesNotVisible),
    ],
    error,
  }),
)
