// Waits for orders in long polls. An order without items is poison: it is shown again at once, and
// after its last receive it goes to the dead-letter queue. `--once` ends after the first order.

import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'

const client = new SQSClient({})
const QueueUrl = process.env.ORDER_QUEUE_URL
const once = process.argv.includes('--once')

for (let handled = 0; !once || handled === 0; ) {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 20,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    }),
  )
  for (const { Body, ReceiptHandle, Attributes } of Messages) {
    const order = JSON.parse(Body)
    if (order.items?.length > 0) {
      console.log('handled', order.orderId)
      await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
      handled++
    } else {
      console.log('failed', order.orderId, 'receive', Attributes.ApproximateReceiveCount)
      const again = { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }
      await client.send(new ChangeMessageVisibilityCommand(again))
    }
  }
}
client.destroy()
