/** The AWS SDK alone, as well as it can be used: ten messages a request, several under way. */

import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { type Body, type Side, windowCount } from './client.ts'

const entriesMax = 10
const pollers = 8

/** A URL of the client: `sqs://KEY:SECRET@HOST:PORT?region=…`. */
export async function openBareSqs(url: string, queue: string): Promise<Side> {
  const { host, username, password, searchParams } = new URL(url.replace(/^sqs:/, 'http:'))
  const client = new SQSClient({
    endpoint: `http://${host}`,
    region: searchParams.get('region') ?? 'us-east-1',
    credentials: { accessKeyId: username, secretAccessKey: password },
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: windowCount } },
  })
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: queue }))
  let gathered: { readonly body: Body; readonly sent: (sending: Promise<unknown>) => void }[] = []

  function flush(): void {
    const batch = gathered
    gathered = []
    if (batch.length === 0) return
    const Entries = batch.map(({ body }, index) => {
      return { Id: String(index), MessageBody: JSON.stringify(body) }
    })
    const sending = client
      .send(new SendMessageBatchCommand({ QueueUrl, Entries }))
      .then(({ Failed = [] }) => {
        if (Failed.length > 0) throw new Error(Failed[0]?.Message)
      })
    for (const { sent } of batch) sent(sending)
  }

  /** How many it has handled. */
  async function pollOnce(): Promise<number> {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: entriesMax, WaitTimeSeconds: 1 }),
    )
    if (Messages.length === 0) return 0
    for (const { Body: text = '' } of Messages) {
      if ((JSON.parse(text) as Body).n === undefined) throw new Error('no body')
    }
    const Entries = Messages.map(({ ReceiptHandle }, index) => {
      return { Id: String(index), ReceiptHandle }
    })
    await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
    return Messages.length
  }

  return {
    send: body =>
      new Promise((resolve, reject) => {
        gathered.push({ body, sent: sending => sending.then(resolve, reject) })
        if (gathered.length === entriesMax) flush()
        else setImmediate(flush)
      }),
    consume: async count => {
      let handled = 0
      const polls = Array.from({ length: pollers }, async () => {
        while (handled < count) {
          const more = await pollOnce()
          handled += more
        }
      })
      await Promise.all(polls)
    },
    close: async () => {
      await client.send(new DeleteQueueCommand({ QueueUrl }))
      client.destroy()
    },
  }
}
