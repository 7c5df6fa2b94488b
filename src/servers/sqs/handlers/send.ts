/** SendMessage and its batch: checked in SQS' words, one append, on the disk before the answer. */

import { formats } from '../../../engine/model.ts'
import type { Parsed } from '../../../wire/schema/json.ts'
import type * as wire from '../../../wire/sqs/actions.ts'
import { type AttributeValue, md5, md5OfAttributes, sha256 } from '../../../wire/sqs/digest.ts'
import { encodeEnvelope } from '../../../wire/sqs/envelope.ts'
import type { SqsBroker } from '../broker.ts'
import type { Request } from '../connection.ts'
import { fail, invalidValue, missing, refuse } from '../errors.ts'
import { limits } from '../limits.ts'
import { isScopedByGroup, type QueueView } from '../mapping.ts'
import { attributeBytesOf, attributesOf, bytesOf, checkBody } from '../message.ts'
import { checkId } from '../names.ts'
import { messageIdAt, parseHex, printUuid, sequenceNumberAt } from '../receipt.ts'
import { checkBatch, runBatch } from './batch.ts'

type Sent = Parsed<(typeof wire.SendMessage)['request']>
type SentBatch = Parsed<(typeof wire.SendMessageBatch)['request']>

/** A message that has been checked. */
interface Draft {
  /** Borrowed until the next draft is made. */
  readonly body: Uint8Array
  readonly bodyMd5: string
  readonly attributes: ReadonlyMap<string, AttributeValue>
  readonly system: ReadonlyMap<string, AttributeValue>
  readonly bytes: number
  readonly delayMs: number
  readonly group: string | undefined
  readonly dedupeId: string | undefined
  /** Of the HTTP request: not an attribute that the sender gave, so not in the digest. */
  readonly trace: string | undefined
}

export function sendMessage(request: Request, input: Sent) {
  const view = request.broker.queue(request.queueName(input.QueueUrl))
  const draft = draftOf(view, input, traceOf(request))
  if (draft.bytes > view.messageBytesMax) tooLong('are invalid', view)
  return store(request.broker, view, draft)
}

export function sendBatch(request: Request, input: SentBatch) {
  const { broker } = request
  const view = broker.queue(request.queueName(input.QueueUrl))
  const entries = checkBatch(input.Entries, 'SendMessageBatchRequestEntry')
  if (view.fifo) for (const entry of entries) checkFifoEntry(view, entry)
  const sum = atMost(entries) > limits.messageBytesMax ? sumOf(entries) : 0
  if (sum > limits.messageBytesMax) {
    fail(
      'BatchRequestTooLong',
      `Batch requests cannot be longer than ${limits.messageBytesMax} bytes. You have sent ${sum} bytes.`,
    )
  }
  return broker.engine.batch(() =>
    runBatch(entries, entry => {
      const draft = draftOf(view, entry, traceOf(request))
      if (draft.bytes > view.messageBytesMax) tooLong('cannot be validated', view)
      return store(broker, view, draft, entry.Id)
    }),
  )
}

type Entry = Omit<Sent, 'QueueUrl'>

/** More than the bytes of all bodies: most batches are so small that nobody needs to count. */
function atMost(entries: readonly Entry[]): number {
  let most = 0
  for (const { MessageBody = '', MessageAttributes } of entries) {
    most += MessageAttributes === undefined ? MessageBody.length * 3 : Infinity
  }
  return most
}

function sumOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + bytesOf(entry), 0)
}

/** What every message of a FIFO queue must have: without it the whole batch is refused. */
function checkFifoEntry(
  { contentBased }: QueueView,
  { MessageGroupId, MessageDeduplicationId }: Entry,
): void {
  if (MessageGroupId === undefined) {
    fail('InvalidParameterValueException', 'The request must contain the parameter MessageGroupId.')
  }
  if (MessageDeduplicationId === undefined && !contentBased) fail(...noDeduplication)
}

const noDeduplication = [
  'InvalidParameterValueException',
  'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
] as const

/** The X-Ray trace that the HTTP request belongs to. */
function traceOf({ call }: Request): string | undefined {
  return call.headers['x-amzn-trace-id']
}

function tooLong(what: string, view: QueueView): never {
  fail(
    'InvalidParameterValueException',
    `One or more parameters ${what}. Reason: Message must be shorter than ${view.messageBytesMax} bytes.`,
  )
}

function draftOf(view: QueueView, input: Entry, trace: string | undefined): Draft {
  const { MessageGroupId: group, MessageDeduplicationId: ownId, DelaySeconds: delay } = input
  const text = input.MessageBody
  if (text === undefined || text === '') missing('MessageBody')
  checkBody(text)
  const attributes = attributesOf(input.MessageAttributes, 'user')
  const given = attributesOf(input.MessageSystemAttributes, 'system')
  const named = given.size > 0
  if (group !== undefined) checkId('MessageGroupId', group)
  if (ownId !== undefined) checkId('MessageDeduplicationId', ownId)
  if (delay !== undefined && (delay < 0 || delay > limits.delaySecondsMax)) {
    invalidValue('DelaySeconds', delay, 'DelaySeconds must be >= 0 and <= 900.')
  }
  const notHere = 'The request include parameter that is not valid for this queue type.'
  let dedupeId = ownId
  if (view.fifo) {
    if (group === undefined) missing('MessageGroupId')
    if (delay !== undefined && delay > 0) invalidValue('DelaySeconds', delay, notHere)
    if (dedupeId === undefined && view.contentBased) dedupeId = sha256(text)
    if (dedupeId === undefined) fail(...noDeduplication)
  } else if (ownId !== undefined) invalidValue('MessageDeduplicationId', ownId, notHere)
  const system = withTexts(given, {
    AWSTraceHeader: named ? undefined : trace,
    MessageDeduplicationId: dedupeId,
    MessageGroupId: view.fifo ? undefined : group,
  })
  const body = bytesOfBody(text)
  return {
    body,
    bodyMd5: md5(body),
    attributes,
    system,
    bytes: body.length + attributeBytesOf(input.MessageAttributes),
    delayMs: view.fifo || delay === undefined ? view.delayMs : delay * 1000,
    group,
    dedupeId,
    trace: named ? undefined : trace,
  }
}

/** The engine copies a body at once, so small ones are all encoded into the same memory. */
function bytesOfBody(text: string): Uint8Array {
  if (text.length * 3 > scratch.length) return Buffer.from(text, 'utf8')
  return scratch.subarray(0, scratch.write(text, 'utf8'))
}

const scratch = Buffer.allocUnsafeSlow(64 * 1024)

/** Most messages have none: then nothing is made. */
function withTexts(
  given: ReadonlyMap<string, AttributeValue>,
  more: { readonly [name: string]: string | undefined },
): ReadonlyMap<string, AttributeValue> {
  let all: Map<string, AttributeValue> | undefined
  for (const name in more) {
    const value = more[name]
    if (value === undefined) continue
    all ??= new Map(given)
    all.set(name, { type: 'String', value })
  }
  return all ?? given
}

/** A duplicate answers what the first one was answered. */
function store(broker: SqsBroker, view: QueueView, draft: Draft, id?: string): Result {
  const { engine } = broker
  const { salt } = view.label
  const { next } = engine.glance(view.name)!
  const messageId = messageIdAt(salt, next)
  const position = engine.appendOne(view.name, {
    format: formats.sqsAttributes,
    envelope: encodeEnvelope({
      id: messageId,
      bodyMd5: parseHex(draft.bodyMd5),
      attributes: draft.attributes,
      system: draft.system,
    }),
    body: draft.body,
    group: view.fifo ? draft.group : undefined,
    dedupeId: view.fifo ? dedupeKey(view, draft, broker.now) : undefined,
    dueAt: draft.delayMs > 0 ? broker.now + draft.delayMs : undefined,
    priority: view.fifo ? undefined : broker.fairness.levelFor(view, draft.group),
  })
  if (typeof position === 'string') refuse(position)
  const MessageId = printUuid(position === next ? messageId : messageIdAt(salt, position))
  const MD5OfMessageBody = draft.bodyMd5
  const result: Result =
    id === undefined ? { MessageId, MD5OfMessageBody } : { Id: id, MessageId, MD5OfMessageBody }
  if (draft.attributes.size > 0) result.MD5OfMessageAttributes = md5OfAttributes(draft.attributes)
  const system = systemDigest(draft.system, draft.trace)
  if (system !== undefined) result.MD5OfMessageSystemAttributes = system
  if (view.fifo) result.SequenceNumber = sequenceNumberAt(position)
  return result
}

interface Result {
  readonly Id?: string
  MessageId: string
  MD5OfMessageBody: string
  MD5OfMessageAttributes?: string
  MD5OfMessageSystemAttributes?: string
  SequenceNumber?: string
}

function systemDigest(
  system: ReadonlyMap<string, AttributeValue>,
  fromCall: string | undefined,
): string | undefined {
  const trace = system.size === 0 ? undefined : system.get('AWSTraceHeader')
  if (trace === undefined || trace.value === fromCall) return undefined
  return md5OfAttributes(new Map([['AWSTraceHeader', trace]]))
}

/** Ids of two scopes must not meet, and a group with an id may be longer than the engine takes. */
function dedupeKey(view: QueueView, { group, dedupeId }: Draft, now: number): string {
  const key = isScopedByGroup(view, now) ? `g${sha256(`${group} ${dedupeId}`)}` : `q${dedupeId}`
  const { purges = 0 } = view.label
  return purges === 0 ? key : `p${sha256(`${purges} ${key}`)}`
}
