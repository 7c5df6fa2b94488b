/**
 * The 23 actions of Amazon SQS (API version 2012-11-05) as tables, in AWS' own names: what a
 * request holds and what its result holds. Lists and maps carry the names that they have in the
 * Query protocol. What values are allowed is the server's business.
 */

import {
  blob,
  boolean,
  integer,
  type JsonType,
  list,
  map,
  object,
  required,
  text,
} from '../schema/json.ts'

export interface Action<Request, Result> {
  readonly name: string
  readonly request: JsonType<Request>
  /** Undefined: the answer is empty. */
  readonly result: JsonType<Result> | undefined
}

function action<Request, Result = undefined>(
  name: string,
  request: JsonType<Request>,
  result?: JsonType<Result>,
): Action<Request, Result> {
  return { name, request, result }
}

const queueUrl = text

const attributeMap = map({ flat: 'Attribute', key: 'Name', value: 'Value' }, text)
const tagMap = map({ flat: 'Tag', key: 'Key', value: 'Value' }, text)

export const MessageAttribute = object({
  DataType: text,
  StringValue: text,
  BinaryValue: blob,
  StringListValues: list('StringListValue', text),
  BinaryListValues: list('BinaryListValue', blob),
})

const messageAttributes = map(
  { flat: 'MessageAttribute', key: 'Name', value: 'Value' },
  MessageAttribute,
)
const systemAttributes = map(
  { flat: 'MessageSystemAttribute', key: 'Name', value: 'Value' },
  MessageAttribute,
)

const sendFields = {
  MessageBody: text,
  DelaySeconds: integer,
  MessageAttributes: messageAttributes,
  MessageSystemAttributes: systemAttributes,
  MessageDeduplicationId: text,
  MessageGroupId: text,
}

const sendResult = {
  MessageId: text,
  MD5OfMessageBody: text,
  MD5OfMessageAttributes: text,
  MD5OfMessageSystemAttributes: text,
  SequenceNumber: text,
}

const failed = list(
  'BatchResultErrorEntry',
  object({ Id: text, SenderFault: boolean, Code: text, Message: text }),
)

const ReceivedMessage = object({
  MessageId: text,
  ReceiptHandle: text,
  MD5OfBody: text,
  Body: text,
  Attributes: attributeMap,
  MD5OfMessageAttributes: text,
  MessageAttributes: messageAttributes,
})

const MoveTask = object({
  TaskHandle: text,
  Status: text,
  SourceArn: text,
  DestinationArn: text,
  MaxNumberOfMessagesPerSecond: integer,
  ApproximateNumberOfMessagesMoved: integer,
  ApproximateNumberOfMessagesToMove: integer,
  FailureReason: text,
  StartedTimestamp: integer,
})

export const AddPermission = action(
  'AddPermission',
  object({
    QueueUrl: queueUrl,
    Label: required(text),
    AWSAccountIds: required(list('AWSAccountId', text)),
    Actions: required(list('ActionName', text)),
  }),
)

export const CancelMessageMoveTask = action(
  'CancelMessageMoveTask',
  object({ TaskHandle: required(text) }),
  object({ ApproximateNumberOfMessagesMoved: integer }),
)

export const ChangeMessageVisibility = action(
  'ChangeMessageVisibility',
  object({
    QueueUrl: queueUrl,
    ReceiptHandle: required(text),
    VisibilityTimeout: required(integer),
  }),
)

export const ChangeMessageVisibilityBatch = action(
  'ChangeMessageVisibilityBatch',
  object({
    QueueUrl: queueUrl,
    Entries: list(
      'ChangeMessageVisibilityBatchRequestEntry',
      object({ Id: required(text), ReceiptHandle: required(text), VisibilityTimeout: integer }),
    ),
  }),
  object({
    Successful: list('ChangeMessageVisibilityBatchResultEntry', object({ Id: text })),
    Failed: failed,
  }),
)

export const CreateQueue = action(
  'CreateQueue',
  object({ QueueName: required(text), Attributes: attributeMap, tags: tagMap }),
  object({ QueueUrl: text }),
)

export const DeleteMessage = action(
  'DeleteMessage',
  object({ QueueUrl: queueUrl, ReceiptHandle: required(text) }),
)

export const DeleteMessageBatch = action(
  'DeleteMessageBatch',
  object({
    QueueUrl: queueUrl,
    Entries: list(
      'DeleteMessageBatchRequestEntry',
      object({ Id: required(text), ReceiptHandle: required(text) }),
    ),
  }),
  object({
    Successful: list('DeleteMessageBatchResultEntry', object({ Id: text })),
    Failed: failed,
  }),
)

export const DeleteQueue = action('DeleteQueue', object({ QueueUrl: queueUrl }))

export const GetQueueAttributes = action(
  'GetQueueAttributes',
  object({ QueueUrl: queueUrl, AttributeNames: list('AttributeName', text) }),
  object({ Attributes: attributeMap }),
)

export const GetQueueUrl = action(
  'GetQueueUrl',
  object({ QueueName: required(text), QueueOwnerAWSAccountId: text }),
  object({ QueueUrl: text }),
)

export const ListDeadLetterSourceQueues = action(
  'ListDeadLetterSourceQueues',
  object({ QueueUrl: queueUrl, NextToken: text, MaxResults: integer }),
  object({ queueUrls: list('QueueUrl', text), NextToken: text }),
)

export const ListMessageMoveTasks = action(
  'ListMessageMoveTasks',
  object({ SourceArn: required(text), MaxResults: integer }),
  object({ Results: list('ListMessageMoveTasksResultEntry', MoveTask) }),
)

export const ListQueues = action(
  'ListQueues',
  object({ QueueNamePrefix: text, NextToken: text, MaxResults: integer }),
  object({ QueueUrls: list('QueueUrl', text), NextToken: text }),
)

export const ListQueueTags = action(
  'ListQueueTags',
  object({ QueueUrl: queueUrl }),
  object({ Tags: tagMap }),
)

export const PurgeQueue = action('PurgeQueue', object({ QueueUrl: queueUrl }))

export const ReceiveMessage = action(
  'ReceiveMessage',
  object({
    QueueUrl: queueUrl,
    AttributeNames: list('AttributeName', text),
    MessageSystemAttributeNames: list('MessageSystemAttributeName', text),
    MessageAttributeNames: list('MessageAttributeName', text),
    MaxNumberOfMessages: integer,
    VisibilityTimeout: integer,
    WaitTimeSeconds: integer,
    ReceiveRequestAttemptId: text,
  }),
  object({ Messages: list('Message', ReceivedMessage) }),
)

export const RemovePermission = action(
  'RemovePermission',
  object({ QueueUrl: queueUrl, Label: required(text) }),
)

export const SendMessage = action(
  'SendMessage',
  object({ QueueUrl: queueUrl, ...sendFields }),
  object(sendResult),
)

export const SendMessageBatch = action(
  'SendMessageBatch',
  object({
    QueueUrl: queueUrl,
    Entries: list('SendMessageBatchRequestEntry', object({ Id: required(text), ...sendFields })),
  }),
  object({
    Successful: list('SendMessageBatchResultEntry', object({ Id: text, ...sendResult })),
    Failed: failed,
  }),
)

export const SetQueueAttributes = action(
  'SetQueueAttributes',
  object({ QueueUrl: queueUrl, Attributes: required(attributeMap) }),
)

export const StartMessageMoveTask = action(
  'StartMessageMoveTask',
  object({
    SourceArn: required(text),
    DestinationArn: text,
    MaxNumberOfMessagesPerSecond: integer,
  }),
  object({ TaskHandle: text }),
)

export const TagQueue = action('TagQueue', object({ QueueUrl: queueUrl, Tags: required(tagMap) }))

export const UntagQueue = action(
  'UntagQueue',
  object({ QueueUrl: queueUrl, TagKeys: required(list('TagKey', text)) }),
)
