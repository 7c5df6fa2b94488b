// Makes orders.fifo with a dead-letter queue behind it: three receives, then it goes there.
// Prints the value for ORDER_QUEUE_URL.

import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'

const client = new SQSClient({})
const create = async (QueueName, attributes = {}) => {
  const Attributes = { FifoQueue: 'true', ...attributes }
  return (await client.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl
}

const QueueUrl = await create('orders-dead.fifo')
const { Attributes } = await client.send(
  new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
)
const policy = { deadLetterTargetArn: Attributes.QueueArn, maxReceiveCount: 3 }
console.log(await create('orders.fifo', { RedrivePolicy: JSON.stringify(policy) }))
client.destroy()
