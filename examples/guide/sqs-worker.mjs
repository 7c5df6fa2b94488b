// A worker: a lease on each order, extended by nobody, so it is longer than the work.
// AWS_ENDPOINT_URL_SQS=http://localhost:9324 AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=x \
//   AWS_SECRET_ACCESS_KEY=x node sqs-worker.mjs

import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'

const sqs = new SQSClient({})
const dead = await sqs.send(new CreateQueueCommand({ QueueName: 'orders-dead' }))
const { Attributes } = await sqs.send(
  new GetQueueAttributesCommand({ QueueUrl: dead.QueueUrl, AttributeNames: ['QueueArn'] }),
)
const { QueueUrl } = await sqs.send(
  new CreateQueueCommand({
    QueueName: 'orders',
    Attributes: {
      VisibilityTimeout: '30',
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: Attributes.QueueArn,
        maxReceiveCount: 5,
      }),
    },
  }),
)
console.log('ready')

for (;;) {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 1, WaitTimeSeconds: 20 }),
  )
  for (const { Body, ReceiptHandle } of Messages) {
    try {
      await charge(JSON.parse(Body))
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    } catch (error) {
      console.log('failed', error.message)
      const again = { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }
      await sqs.send(new ChangeMessageVisibilityCommand(again))
    }
  }
}

async function charge(order) {
  if (order.poison) throw new Error(`order ${order.number} cannot be charged`)
  console.log('charged', order.number)
}
