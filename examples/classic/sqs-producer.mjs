// Sends one order to a FIFO queue, and leaves.
// ORDER_QUEUE_URL=http://localhost:9324/000000000000/orders.fifo AWS_ENDPOINT_URL_SQS=http://localhost:9324 \
//   AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x node sqs-producer.mjs [userId]

import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'

const client = new SQSClient({})
const userId = process.argv[2] ?? 'user-1'
const order = {
  orderId: Date.now(),
  userId,
  items: [{ sku: 'lamp', count: 2 }],
  total: 49.9,
}

const { MessageId } = await client.send(
  new SendMessageCommand({
    QueueUrl: process.env.ORDER_QUEUE_URL,
    MessageBody: JSON.stringify(order),
    MessageGroupId: userId,
    MessageDeduplicationId: String(order.orderId),
  }),
)
console.log('sent', order.orderId, MessageId)
client.destroy()
