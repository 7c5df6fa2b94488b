import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import * as sdk from '@aws-sdk/client-sqs'
import { ManualClock } from '../../src/harness/testing.ts'
import { type RunningSqs, startSqs } from './in-process.ts'

let broker: RunningSqs
let client: sdk.SQSClient

async function queue(attributes: { [name: string]: string } = {}): Promise<string> {
  const fifo = attributes['FifoQueue'] === 'true'
  const QueueName = `q-${randomUUID()}${fifo ? '.fifo' : ''}`
  const made = await client.send(new sdk.CreateQueueCommand({ QueueName, Attributes: attributes }))
  return made.QueueUrl!
}

function send(QueueUrl: string, MessageBody: string, more: object = {}) {
  return client.send(new sdk.SendMessageCommand({ QueueUrl, MessageBody, ...more }))
}

async function receive(QueueUrl: string, more: object = {}): Promise<sdk.Message[]> {
  const input = { QueueUrl, MaxNumberOfMessages: 10, ...more }
  const { Messages } = await client.send(new sdk.ReceiveMessageCommand(input))
  return Messages ?? []
}

function remove(QueueUrl: string, message: sdk.Message) {
  const { ReceiptHandle } = message
  return client.send(new sdk.DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
}

function visibility(QueueUrl: string, message: sdk.Message, VisibilityTimeout: number) {
  const { ReceiptHandle } = message
  const input = { QueueUrl, ReceiptHandle, VisibilityTimeout }
  return client.send(new sdk.ChangeMessageVisibilityCommand(input))
}

async function attributes(QueueUrl: string): Promise<{ [name: string]: string | undefined }> {
  const input = { QueueUrl, AttributeNames: ['All' as const] }
  const found = await client.send(new sdk.GetQueueAttributesCommand(input))
  return found.Attributes ?? {}
}

const bodies = (messages: readonly sdk.Message[]) => messages.map(({ Body }) => Body)

describe('SQS, seen through the AWS SDK', () => {
  before(async () => {
    broker = await startSqs()
    client = broker.client()
  })
  after(async () => {
    client.destroy()
    await broker.stop()
    assert.deepEqual(broker.errors, [])
  })

  it('sends, receives and deletes, with the digests that the SDK checks', async () => {
    const url = await queue()
    const MessageAttributes = {
      text: { DataType: 'String', StringValue: 'å & <b>' },
      count: { DataType: 'Number.int', StringValue: '7' },
      bytes: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 1, 255]) },
    }
    const sent = await send(url, 'hello "world" \u{1F600}', { MessageAttributes })
    const [message] = await receive(url, {
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['All'],
    })
    assert.equal(message?.MessageId, sent.MessageId)
    assert.equal(message?.MD5OfMessageAttributes, sent.MD5OfMessageAttributes)
    assert.deepEqual(
      message?.MessageAttributes?.['bytes']?.BinaryValue,
      MessageAttributes.bytes.BinaryValue,
    )
    assert.equal(message?.Attributes?.ApproximateReceiveCount, '1')
    await remove(url, message!)
    assert.equal((await attributes(url))['ApproximateNumberOfMessagesNotVisible'], '0')
  })

  it('answers queue URLs by the Host that was asked, and takes foreign forms', async () => {
    const url = await queue()
    const name = url.split('/').pop()!
    assert.ok(url.startsWith(broker.endpoint))
    for (const other of [
      `http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/${name}`,
      `http://queue.localhost.localstack.cloud:4566/000000000000/${name}`,
      `https://sqs.eu-west-1.amazonaws.com/123456789012/${name}`,
    ]) {
      const response = await fetch(broker.endpoint, {
        method: 'POST',
        headers: { 'x-amz-target': 'AmazonSQS.SendMessage' },
        body: JSON.stringify({ QueueUrl: other, MessageBody: 'x' }),
      })
      assert.equal(response.status, 200, other)
    }
    assert.equal((await receive(url)).length, 3)
  })

  it('makes a queue once, and refuses another one of that name', async () => {
    const QueueName = `q-${randomUUID()}`
    const make = (Attributes: { [name: string]: string }) =>
      client.send(new sdk.CreateQueueCommand({ QueueName, Attributes }))
    await make({ DelaySeconds: '5' })
    await make({ DelaySeconds: '5' })
    await make({})
    await assert.rejects(make({ DelaySeconds: '6' }), { name: 'QueueNameExists' })
    await assert.rejects(make({ Nonsense: '6' }), { name: 'InvalidAttributeName' })
    await assert.rejects(make({ VisibilityTimeout: '43201' }), { name: 'InvalidAttributeValue' })
  })

  it('answers a duplicate like the first one, also when that was deleted', async () => {
    const url = await queue({ FifoQueue: 'true' })
    const input = { MessageGroupId: 'g', MessageDeduplicationId: 'd' }
    const first = await send(url, 'a', input)
    const [message] = await receive(url)
    await remove(url, message!)
    const again = await send(url, 'b', input)
    assert.equal(again.MessageId, first.MessageId)
    assert.equal(again.SequenceNumber, first.SequenceNumber)
    assert.equal(first.SequenceNumber?.length, 20)
    assert.deepEqual(await receive(url), [])
  })

  it('forgets deduplication ids with a purge, as AWS does', async () => {
    const url = await queue({ FifoQueue: 'true' })
    const input = { MessageGroupId: 'g', MessageDeduplicationId: 'd' }
    await send(url, 'before', input)
    await client.send(new sdk.PurgeQueueCommand({ QueueUrl: url }))
    const first = await send(url, 'after', input)
    assert.equal((await send(url, 'again', input)).MessageId, first.MessageId)
    assert.deepEqual(bodies(await receive(url)), ['after'])
  })

  it('keeps the order of each group, one group in flight at a time', async () => {
    const url = await queue({ FifoQueue: 'true', ContentBasedDeduplication: 'true' })
    for (const body of ['a1', 'b1', 'a2', 'a3', 'b2']) {
      await send(url, body, { MessageGroupId: body.slice(0, 1) })
    }
    const got = await receive(url, { MaxNumberOfMessages: 3 })
    assert.deepEqual(bodies(got), ['a1', 'a2', 'a3'])
    await send(url, 'a4', { MessageGroupId: 'a' })
    await remove(url, got[1]!)
    assert.deepEqual(bodies(await receive(url)), ['b1', 'b2'])
    await visibility(url, got[0]!, 0)
    assert.deepEqual(bodies(await receive(url)), ['a1'])
  })

  it('serves a group whose messages came back after the groups that were ready then', async () => {
    const url = await queue({ FifoQueue: 'true', ContentBasedDeduplication: 'true' })
    for (const body of ['a1', 'b1', 'c1', 'a2']) {
      await send(url, body, { MessageGroupId: body.slice(0, 1) })
    }
    const input = { MaxNumberOfMessages: 3, VisibilityTimeout: 0 }
    assert.deepEqual(bodies(await receive(url, input)), ['a1', 'a2', 'b1'])
    assert.deepEqual(bodies(await receive(url)), ['c1', 'a1', 'a2', 'b1'])
  })

  it('repeats a receive that has a request attempt id', async () => {
    const url = await queue({ FifoQueue: 'true', ContentBasedDeduplication: 'true' })
    await send(url, 'a', { MessageGroupId: 'g' })
    const ReceiveRequestAttemptId = 'attempt-1'
    const [first] = await receive(url, { ReceiveRequestAttemptId })
    const [second] = await receive(url, { ReceiveRequestAttemptId })
    assert.equal(second?.ReceiptHandle, first?.ReceiptHandle)
    await remove(url, second!)
    assert.deepEqual(await receive(url, { ReceiveRequestAttemptId }), [])
  })

  it('moves a message to the dead-letter queue after so many receives, and back', async () => {
    const dead = await queue()
    const { QueueArn } = await attributes(dead)
    const policy = { deadLetterTargetArn: QueueArn, maxReceiveCount: 2 }
    const url = await queue({ RedrivePolicy: JSON.stringify(policy) })
    const sent = await send(url, 'poison')
    for (let count = 0; count < 2; count++) {
      const [message] = await receive(url)
      await visibility(url, message!, 0)
    }
    assert.deepEqual(await receive(url), [])
    const [letter] = await receive(dead, { MessageSystemAttributeNames: ['All'] })
    assert.equal(letter?.MessageId, sent.MessageId)
    assert.equal(letter?.Attributes?.ApproximateReceiveCount, '3')
    assert.equal(letter?.Attributes?.DeadLetterQueueSourceArn, (await attributes(url))['QueueArn'])
    await visibility(dead, letter!, 0)
    const sources = await client.send(new sdk.ListDeadLetterSourceQueuesCommand({ QueueUrl: dead }))
    assert.deepEqual(sources.queueUrls, [url])
    const SourceArn = QueueArn!
    await client.send(new sdk.StartMessageMoveTaskCommand({ SourceArn }))
    assert.deepEqual(bodies(await receive(url, { WaitTimeSeconds: 20 })), ['poison'])
  })

  it('cancels a slow move task', async () => {
    const dead = await queue()
    const { QueueArn: SourceArn } = await attributes(dead)
    const policy = { deadLetterTargetArn: SourceArn, maxReceiveCount: 2 }
    await queue({ RedrivePolicy: JSON.stringify(policy) })
    const other = await queue()
    const { QueueArn: DestinationArn } = await attributes(other)
    for (const body of ['1', '2', '3']) await send(dead, body)
    const order = { SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond: 1 }
    const { TaskHandle } = await client.send(new sdk.StartMessageMoveTaskCommand(order))
    await assert.rejects(client.send(new sdk.StartMessageMoveTaskCommand(order)))
    await client.send(new sdk.CancelMessageMoveTaskCommand({ TaskHandle }))
    const list = await client.send(new sdk.ListMessageMoveTasksCommand({ SourceArn }))
    assert.match(list.Results?.[0]?.Status ?? '', /^CANCELL/)
  })

  it('answers batches entry by entry', async () => {
    const url = await queue({ MaximumMessageSize: '1024' })
    const Entries = [
      { Id: 'good', MessageBody: 'x' },
      { Id: 'bad', MessageBody: 'x'.repeat(1025) },
    ]
    const result = await client.send(new sdk.SendMessageBatchCommand({ QueueUrl: url, Entries }))
    assert.deepEqual(
      result.Successful?.map(({ Id }) => Id),
      ['good'],
    )
    assert.deepEqual(
      result.Failed?.map(({ Id, Code }) => [Id, Code]),
      [['bad', 'InvalidParameterValue']],
    )
    const batch = (entries: typeof Entries) =>
      client.send(new sdk.SendMessageBatchCommand({ QueueUrl: url, Entries: entries }))
    await assert.rejects(batch([]), { name: 'EmptyBatchRequest' })
    await assert.rejects(batch([Entries[0]!, Entries[0]!]), { name: 'BatchEntryIdsNotDistinct' })
    const [message] = await receive(url)
    const { ReceiptHandle } = message!
    const removed = await client.send(
      new sdk.DeleteMessageBatchCommand({
        QueueUrl: url,
        Entries: [
          { Id: 'a', ReceiptHandle },
          { Id: 'b', ReceiptHandle: 'nonsense' },
        ],
      }),
    )
    assert.equal(removed.Successful?.length, 1)
    assert.equal(removed.Failed?.[0]?.Code, 'ReceiptHandleIsInvalid')
  })

  it('lists, tags, purges and deletes', async () => {
    const url = await queue()
    const prefix = url.split('/').pop()!
    const list = await client.send(new sdk.ListQueuesCommand({ QueueNamePrefix: prefix }))
    assert.deepEqual(list.QueueUrls, [url])
    await client.send(new sdk.TagQueueCommand({ QueueUrl: url, Tags: { a: '1', b: '2' } }))
    await client.send(new sdk.UntagQueueCommand({ QueueUrl: url, TagKeys: ['a'] }))
    const { Tags } = await client.send(new sdk.ListQueueTagsCommand({ QueueUrl: url }))
    assert.deepEqual(Tags, { b: '2' })
    for (const body of ['1', '2']) await send(url, body)
    await receive(url, { MaxNumberOfMessages: 1 })
    await client.send(new sdk.PurgeQueueCommand({ QueueUrl: url }))
    assert.equal((await attributes(url))['ApproximateNumberOfMessagesNotVisible'], '0')
    await client.send(new sdk.DeleteQueueCommand({ QueueUrl: url }))
    await assert.rejects(send(url, 'x'), { name: 'QueueDoesNotExist' })
  })

  it('keeps and takes off permissions', async () => {
    const url = await queue()
    const Label = 'other'
    const input = {
      QueueUrl: url,
      Label,
      AWSAccountIds: ['111111111111'],
      Actions: ['SendMessage'],
    }
    await client.send(new sdk.AddPermissionCommand(input))
    assert.match((await attributes(url))['Policy'] ?? '', /SQS:SendMessage/)
    await client.send(new sdk.RemovePermissionCommand({ QueueUrl: url, Label }))
    assert.equal((await attributes(url))['Policy'], undefined)
  })

  it('says in AWS words what is wrong with a request', async () => {
    const url = await queue()
    const call = async (target: string, body: string) => {
      const headers = { 'x-amz-target': `AmazonSQS.${target}` }
      const response = await fetch(broker.endpoint, { method: 'POST', headers, body })
      const { __type } = (await response.json()) as { __type: string }
      return `${response.status} ${__type.split('#')[1]}`
    }
    const message = (more: object) => JSON.stringify({ QueueUrl: url, MessageBody: 'x', ...more })
    assert.equal(await call('SendMessage', '{"a'), '400 SerializationException')
    assert.equal(
      await call('SendMessage', message({ MessageBody: 3 })),
      '400 SerializationException',
    )
    assert.equal(await call('SendMessage', '{}'), '400 MissingRequiredParameterException')
    assert.equal(await call('Nonsense', '{}'), '400 UnknownOperationException')
    assert.equal(
      await call('SendMessage', message({ MessageBody: '\u0001' })),
      '400 InvalidMessageContents',
    )
    assert.equal(
      await call('SendMessage', message({ MessageBody: 'x'.repeat(1_048_577) })),
      '400 InvalidParameterValueException',
    )
  })

  it('speaks the Query protocol', async () => {
    const url = await queue()
    const post = async (parameters: { [name: string]: string }) => {
      const body = new URLSearchParams({ Version: '2012-11-05', ...parameters })
      const response = await fetch(url, { method: 'POST', body })
      return { status: response.status, text: await response.text() }
    }
    const sent = await post({
      Action: 'SendMessage',
      MessageBody: 'a&b',
      'MessageAttribute.1.Name': 'n',
      'MessageAttribute.1.Value.DataType': 'String',
      'MessageAttribute.1.Value.StringValue': 'v',
    })
    assert.match(sent.text, /<SendMessageResult><MessageId>[0-9a-f-]{36}</)
    const got = await post({
      Action: 'ReceiveMessage',
      'AttributeName.1': 'All',
      'MessageAttributeName.1': 'All',
    })
    assert.match(got.text, /<Body>a&amp;b<\/Body>/)
    assert.match(got.text, /<MessageAttribute><Name>n<\/Name><Value><DataType>String</)
    const wrong = await post({ Action: 'DeleteMessage', ReceiptHandle: 'x' })
    assert.match(wrong.text, /<Code>ReceiptHandleIsInvalid<\/Code>/)
    const peek = await fetch(
      `${broker.endpoint}/_aws/sqs/messages?QueueUrl=${url}&ShowInvisible=true`,
    )
    assert.match(await peek.text(), /<Body>a&amp;b<\/Body>/)
  })

  it('answers odd Query requests as AWS does', async () => {
    const url = await queue()
    const get = async (query: string, headers: { [name: string]: string } = {}) => {
      const response = await fetch(url + query, { headers })
      return { status: response.status, text: await response.text() }
    }
    const nothing = await get('')
    assert.equal(nothing.status, 404)
    assert.match(nothing.text, /<UnknownOperationException/)
    for (const action of ['CreateQueue', 'ListQueues']) {
      const wrong = await get(`?Action=${action}&QueueName=other`)
      assert.equal(wrong.status, 400)
      assert.match(wrong.text, /<Code>InvalidAction<\/Code>/)
    }
    assert.match((await get('?Action=ReceiveMessage')).text, /<ReceiveMessageResult\/>/)
    await send(url, 'carriage\rreturn')
    const asJson = await get('?Action=ReceiveMessage', { accept: 'application/json' })
    const { ReceiveMessageResponse: answer } = JSON.parse(asJson.text)
    assert.equal(answer.ReceiveMessageResult.messages[0].Body, 'carriage\rreturn')
  })

  it("shows LocalStack's look at a queue, which changes nothing", async () => {
    const url = await queue()
    for (const body of ['taken', 'there']) await send(url, body)
    await send(url, 'later', { DelaySeconds: 900 })
    await receive(url, { MaxNumberOfMessages: 1 })
    const look = async (more: string, of = url) => {
      const page = `${broker.endpoint}/_aws/sqs/messages?QueueUrl=${of}${more}`
      const response = await fetch(page, { headers: { accept: 'application/json' } })
      const { ReceiveMessageResponse: answer } = JSON.parse(await response.text())
      const { Message } = answer.ReceiveMessageResult
      return [Message].flat().map(({ Body, Attribute }) => {
        const attribute = (name: string) =>
          Attribute.find(({ Name }: { Name: string }) => Name === name).Value
        return [Body, attribute('ApproximateReceiveCount'), attribute('IsVisible')].join(' ')
      })
    }
    assert.deepEqual(await look(''), ['there 0 true'])
    assert.deepEqual(await look('&ShowInvisible=true'), ['taken 1 false', 'there 0 true'])
    assert.deepEqual(await look('&ShowDelayed=true'), ['there 0 true', 'later 0 false'])
    const ordered = await queue({ FifoQueue: 'true', ContentBasedDeduplication: 'true' })
    for (const body of ['a1', 'a2', 'b1']) {
      await send(ordered, body, { MessageGroupId: body.slice(0, 1) })
    }
    await receive(ordered, { MaxNumberOfMessages: 1 })
    assert.deepEqual(await look('', ordered), ['b1 0 true'], 'its group holds up a2')
    const all = ['a1 1 false', 'a2 0 true', 'b1 0 true']
    assert.deepEqual(await look('&ShowInvisible=true', ordered), all)
    const asEndpoint = new sdk.SQSClient({
      endpoint: `${broker.endpoint}/_aws/sqs/messages`,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      useQueueUrlAsEndpoint: false,
      maxAttempts: 1,
    })
    const input = { QueueUrl: url, MessageBody: 'x' }
    await assert.rejects(asEndpoint.send(new sdk.SendMessageCommand(input)), /only accepts/)
    const seen = await asEndpoint.send(new sdk.ReceiveMessageCommand({ QueueUrl: url }))
    asEndpoint.destroy()
    assert.deepEqual(bodies(seen.Messages ?? []), ['there'])
  })

  it('lets a dead-letter queue say whose letters it takes', async () => {
    const arnOf = async (url: string) => (await attributes(url))['QueueArn']!
    const source = await queue()
    const set = (QueueUrl: string, Attributes: { [name: string]: string }) =>
      client.send(new sdk.SetQueueAttributesCommand({ QueueUrl, Attributes }))
    const redrive = (deadLetterTargetArn: string) =>
      set(source, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 }) })
    const allow = (policy: object) => ({ RedriveAllowPolicy: JSON.stringify(policy) })
    const closed = await queue(allow({ redrivePermission: 'denyAll' }))
    await assert.rejects(redrive(await arnOf(closed)), { name: 'InvalidParameterValue' })
    const others = [await arnOf(await queue())]
    await set(closed, allow({ redrivePermission: 'byQueue', sourceQueueArns: others }))
    await assert.rejects(redrive(await arnOf(closed)), { name: 'InvalidParameterValue' })
    const both = [...others, await arnOf(source)]
    await set(closed, allow({ redrivePermission: 'byQueue', sourceQueueArns: both }))
    await redrive(await arnOf(closed))
    const list = await client.send(new sdk.ListDeadLetterSourceQueuesCommand({ QueueUrl: closed }))
    assert.deepEqual(list.queueUrls, [source])
  })

  it('receives what AMQP has published, with its properties as attributes', async () => {
    const name = `amqp-${randomUUID()}`
    broker.engine.createLog(name, { queue: {} })
    // content-type and one header, as they are on the wire.
    const envelope = Buffer.concat([
      Buffer.from([0xa0, 0x00, 10]),
      Buffer.from('text/plain'),
      Buffer.from([0, 0, 0, 12, 3]),
      Buffer.from('keyS'),
      Buffer.from([0, 0, 0, 3]),
      Buffer.from('abc'),
    ])
    broker.engine.publish('', name, { format: 1, envelope, body: Buffer.from('from afar') })
    const { QueueUrl } = await client.send(new sdk.GetQueueUrlCommand({ QueueName: name }))
    const [message] = await receive(QueueUrl!, { MessageAttributeNames: ['All'] })
    assert.equal(message?.Body, 'from afar')
    assert.equal(message?.MessageAttributes?.['key']?.StringValue, 'abc')
    assert.equal(message?.MessageAttributes?.['content-type']?.StringValue, 'text/plain')
    await remove(QueueUrl!, message!)
  })
})

describe('SQS with keys and cool-downs', () => {
  it('lets in only who has signed, and makes both cool-downs felt', async () => {
    const accessKey = 'AKIDEXAMPLE'
    const keys = [{ accessKey, secretKey: 'secret' }]
    const strict = await startSqs({ keys, coolDownMs: 60_000 })
    const good = strict.client({ accessKeyId: accessKey, secretAccessKey: 'secret' })
    const bad = strict.client({ accessKeyId: accessKey, secretAccessKey: 'other' })
    try {
      const QueueName = 'signed'
      const { QueueUrl } = await good.send(new sdk.CreateQueueCommand({ QueueName }))
      await assert.rejects(bad.send(new sdk.ListQueuesCommand({})), {
        name: 'SignatureDoesNotMatch',
      })
      const open = await fetch(strict.endpoint, {
        method: 'POST',
        headers: { 'x-amz-target': 'AmazonSQS.ListQueues' },
        body: '{}',
      })
      assert.equal(open.status, 403)
      await good.send(new sdk.PurgeQueueCommand({ QueueUrl }))
      await assert.rejects(good.send(new sdk.PurgeQueueCommand({ QueueUrl })), {
        name: 'PurgeQueueInProgress',
      })
      await good.send(new sdk.DeleteQueueCommand({ QueueUrl }))
      await assert.rejects(good.send(new sdk.CreateQueueCommand({ QueueName })), {
        name: 'QueueDeletedRecently',
      })
    } finally {
      good.destroy()
      bad.destroy()
      await strict.stop()
    }
  })
})

describe('SQS and time', () => {
  const clock = new ManualClock()
  before(async () => {
    broker = await startSqs({ coolDownMs: 60_000 }, clock)
    client = broker.client()
  })
  after(async () => {
    client.destroy()
    const stopping = broker.stop()
    await clock.advance('1m')
    await stopping
    assert.deepEqual(broker.errors, [])
  })

  /** Lets seconds pass until a request is answered. */
  async function inTime<T>(answer: Promise<T>): Promise<T> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    answer.then(over, over)
    while (!isOver) await clock.advance('100ms')
    return answer
  }

  it('shows a message again after its visibility timeout, and wakes a long poll for it', async () => {
    const url = await queue()
    await send(url, 'again')
    const [first] = await receive(url, { VisibilityTimeout: 10 })
    const poll = receive(url, { WaitTimeSeconds: 20, AttributeNames: ['All'] })
    const [second] = await inTime(poll)
    assert.equal(second?.MessageId, first?.MessageId)
    assert.notEqual(second?.ReceiptHandle, first?.ReceiptHandle)
    assert.equal(second?.Attributes?.ApproximateReceiveCount, '2')
    await visibility(url, second!, 0)
    assert.equal((await receive(url)).length, 1)
  })

  it('wakes a long poll for a new message and for one that was delayed', async () => {
    const url = await queue()
    await send(url, 'new', { DelaySeconds: 10 })
    assert.deepEqual(await receive(url), [])
    assert.deepEqual(bodies(await inTime(receive(url, { WaitTimeSeconds: 20 }))), ['new'])
  })

  it('moves so many messages a second, tells how far it is, and stops when it is cancelled', async () => {
    const dead = await queue()
    const { QueueArn: SourceArn } = await attributes(dead)
    const policy = { deadLetterTargetArn: SourceArn, maxReceiveCount: 2 }
    await queue({ RedrivePolicy: JSON.stringify(policy) })
    const other = await queue()
    const { QueueArn: DestinationArn } = await attributes(other)
    for (let round = 0; round < 5; round++) {
      const Entries = Array.from({ length: 10 }, (_, index) => ({
        Id: `${index}`,
        MessageBody: `${round}-${index}`,
      }))
      await client.send(new sdk.SendMessageBatchCommand({ QueueUrl: dead, Entries }))
    }
    const ready = async (url: string) => (await attributes(url))['ApproximateNumberOfMessages']
    const newest = async () => {
      const command = new sdk.ListMessageMoveTasksCommand({ SourceArn, MaxResults: 10 })
      return (await client.send(command)).Results ?? []
    }
    const order = { SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond: 20 }
    const { TaskHandle } = await client.send(new sdk.StartMessageMoveTaskCommand(order))
    await clock.advance('1s')
    assert.equal(await ready(other), '20')
    const [running] = await newest()
    assert.equal(running?.Status, 'RUNNING')
    assert.equal(running?.TaskHandle, TaskHandle)
    assert.equal(running?.ApproximateNumberOfMessagesMoved, 20)
    assert.equal(running?.ApproximateNumberOfMessagesToMove, 50)
    await assert.rejects(client.send(new sdk.StartMessageMoveTaskCommand(order)), /already a task/)
    const cancelled = await client.send(new sdk.CancelMessageMoveTaskCommand({ TaskHandle }))
    assert.equal(cancelled.ApproximateNumberOfMessagesMoved, 20)
    assert.equal((await newest())[0]?.Status, 'CANCELLING')
    await clock.advance('10s')
    const [stopped] = await newest()
    assert.equal(stopped?.Status, 'CANCELLED')
    assert.equal(stopped?.TaskHandle, undefined, 'only a running task has one')
    assert.equal(await ready(dead), '30')
    await assert.rejects(client.send(new sdk.CancelMessageMoveTaskCommand({ TaskHandle })))

    await client.send(new sdk.StartMessageMoveTaskCommand({ SourceArn, DestinationArn }))
    await clock.advance('1s')
    const all = await newest()
    assert.deepEqual(
      all.map(({ Status }) => Status),
      ['COMPLETED', 'CANCELLED'],
    )
    assert.equal(await ready(other), '50')
  })

  it('changes the scope of deduplication a minute later, as AWS does', async () => {
    const url = await queue({ FifoQueue: 'true', ContentBasedDeduplication: 'true' })
    const twice = async () => {
      await send(url, 'same', { MessageGroupId: 'a' })
      await send(url, 'same', { MessageGroupId: 'b' })
      const got = await receive(url)
      for (const message of got) await remove(url, message)
      return got.length
    }
    assert.equal(await twice(), 1)
    const perGroup = {
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    }
    await client.send(new sdk.SetQueueAttributesCommand({ QueueUrl: url, Attributes: perGroup }))
    await clock.advance('59s')
    assert.equal(await twice(), 0)
    await clock.advance('1s')
    assert.equal(await twice(), 2)
  })

  it('gives nothing to a client that hangs up during a long poll', async () => {
    const url = await queue()
    const hangUp = new AbortController()
    const input = { QueueUrl: url, WaitTimeSeconds: 20 }
    const lost = client.send(new sdk.ReceiveMessageCommand(input), { abortSignal: hangUp.signal })
    const gone = assert.rejects(lost)
    // Answered by its own time: the one before is waiting by then.
    assert.deepEqual(await inTime(receive(url, { WaitTimeSeconds: 1 })), [])
    hangUp.abort()
    await gone
    await send(url, 'mine')
    assert.deepEqual(bodies(await inTime(receive(url, { WaitTimeSeconds: 20 }))), ['mine'])
  })
})
