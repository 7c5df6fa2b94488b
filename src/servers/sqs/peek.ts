/**
 * LocalStack's page for a look at a queue: `/_aws/sqs/messages?QueueUrl=…`, or with region, account
 * and name in the path, or as the endpoint of an SDK that receives. It changes nothing, and shows
 * up to 1,000 messages as XML, or as JSON when that is accepted.
 *
 * A message has two attributes more, IsVisible and IsDelayed. Of a FIFO queue, what its group's
 * message in flight holds up is shown with the invisible, though IsVisible is its own.
 */

import { decodeUtf8 } from '../../base/bytes.ts'
import type { Standing, StoredRecord } from '../../engine/model.ts'
import { ReceiveMessage } from '../../wire/sqs/actions.ts'
import { parseForm, xmlAnswer, xmlError } from '../../wire/sqs/query.ts'
import type { SqsBroker } from './broker.ts'
import type { HttpCall } from './connection.ts'
import { notFoundText } from './errors.ts'
import { limits } from './limits.ts'
import type { QueueView } from './mapping.ts'
import { messageOf } from './message.ts'
import { nameOfUrl } from './names.ts'

const page = '/_aws/sqs/messages'
const requestId = 'peek'

export function isPeek(path: string): boolean {
  return path.startsWith(page)
}

/** `ShowInvisible` and `ShowDelayed` add what cannot be received now. */
export function answerPeek(broker: SqsBroker, call: HttpCall): void {
  const target = call.headers['x-amz-target']
  const parameters = target === undefined ? formOf(call) : jsonOf(call)
  const action = target?.slice(target.indexOf('.') + 1) ?? parameters.get('Action')
  if (action !== undefined && action !== 'ReceiveMessage') {
    refuse(call, 'InvalidRequest', 'This endpoint only accepts ReceiveMessage calls')
    return
  }
  const path = call.path.split('?')[0]!
  const rest = path
    .slice(page.length)
    .split('/')
    .filter(part => part !== '')
  const queueUrl = parameters.get('QueueUrl') ?? (rest.length > 0 ? path : '')
  const view = queueUrl === '' ? undefined : broker.find(nameOfUrl(queueUrl))
  if (view === undefined) {
    const isOfHostAlone = /^https?:\/\/[^/]+\/[^/]*$/.test(queueUrl)
    if (!isOfHostAlone) refuse(call, 'AWS.SimpleQueueService.NonExistentQueue', notFoundText)
    else refuse(call, 'InvalidAddress', `The address ${queueUrl} is not valid.`, 404)
    return
  }
  const isSet = (flag: string) => /^(true|1)$/i.test(parameters.get(flag) ?? '')
  const shows = { invisible: isSet('ShowInvisible'), delayed: isSet('ShowDelayed') }
  answer(call, messagesOf(broker, view, shows))
}

function formOf(call: HttpCall): Map<string, string> {
  const at = call.path.indexOf('?')
  const parameters = parseForm(at < 0 ? '' : call.path.slice(at + 1))
  for (const [name, value] of parseForm(decodeUtf8(call.body))) parameters.set(name, value)
  return parameters
}

function jsonOf(call: HttpCall): Map<string, string> {
  try {
    const tree: unknown = JSON.parse(decodeUtf8(call.body))
    return new Map(Object.entries(tree ?? {}).map(([name, value]) => [name, String(value)]))
  } catch {
    return new Map()
  }
}

type Shown = ReturnType<typeof messageOf>

function messagesOf(
  broker: SqsBroker,
  view: QueueView,
  shows: { readonly invisible: boolean; readonly delayed: boolean },
): Shown[] {
  const { engine } = broker
  const bounds = { countMax: limits.pageMax, bytesMax: limits.requestBytesMax }
  // Of a FIFO queue it is those in flight that tell what is held up behind them.
  const found =
    shows.invisible || shows.delayed || view.fifo
      ? engine.read(view.name, { position: 0 }, bounds)
      : engine.peek(view.name, { countMax: limits.pageMax })
  const records = found.ok ? found.value : []
  const standings = new Map(
    engine
      .standings(
        view.name,
        records.map(({ position }) => position),
      )
      .map(standing => [standing.position, standing]),
  )
  const heldUp = new Set<string | undefined>()
  return records.flatMap(record => {
    const standing = standings.get(record.position)
    if (standing === undefined) return []
    const { state } = standing
    if (view.fifo && state === 'leased') heldUp.add(record.group)
    const isVisible = state === 'ready' && !heldUp.has(record.group)
    if (state === 'delayed' ? !shows.delayed : !isVisible && !shows.invisible) return []
    return [shown(broker, view, record, standing)]
  })
}

function shown(
  broker: SqsBroker,
  view: QueueView,
  record: StoredRecord,
  { attempts, state }: Standing,
): Shown {
  const firstAt = broker.firstReceives.of(view.label.salt, record.position) ?? 0
  const wanted = { system: new Set(['All']), attributes: ['All'] }
  const delivery = { record, attempts }
  const message = messageOf(broker, view, delivery, { holder: requestId, wanted, firstAt })
  const standing = {
    IsVisible: String(state === 'ready'),
    IsDelayed: String(state === 'delayed'),
  }
  return {
    ...message,
    ReceiptHandle: 'SQS/BACKDOOR/ACCESS',
    Attributes: { ...message.Attributes, ...standing },
  }
}

function answer(call: HttpCall, messages: readonly Shown[]): void {
  const result = messages.length === 0 ? {} : { Messages: messages }
  if (call.headers['x-amz-target'] !== undefined) {
    const type = { 'content-type': 'application/x-amz-json-1.0' }
    call.respond(200, type, JSON.stringify(result))
    return
  }
  if (acceptsJson(call)) {
    const inside = messages.length === 0 ? undefined : { Message: oneOrAll(messages.map(asXml)) }
    const tree = { ReceiveMessageResponse: { ReceiveMessageResult: inside ?? null } }
    call.respond(200, { 'content-type': 'application/json' }, JSON.stringify(tree))
    return
  }
  const shape = ReceiveMessage.result!.shape
  const xml = xmlAnswer('ReceiveMessage', { shape, result }, requestId)
  call.respond(200, { 'content-type': 'text/xml' }, xml)
}

/** The JSON of this page is its XML, element by element: what comes once is no list. */
function oneOrAll<T>(items: readonly T[]): T | readonly T[] {
  return items.length === 1 ? items[0]! : items
}

function asXml({ Attributes, MessageAttributes, ...rest }: Shown): object {
  const pairs = (from: object) =>
    oneOrAll(Object.entries(from).map(([Name, Value]) => ({ Name, Value })))
  return {
    ...rest,
    Attribute: pairs(Attributes ?? {}),
    ...(MessageAttributes === undefined ? {} : { MessageAttribute: pairs(MessageAttributes) }),
  }
}

function acceptsJson(call: HttpCall): boolean {
  return /json/.test(call.headers['accept'] ?? '')
}

function refuse(call: HttpCall, code: string, message: string, status = 400): void {
  if (call.headers['x-amz-target'] !== undefined) {
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'x-amzn-query-error': `${code};Sender`,
    }
    call.respond(status, headers, JSON.stringify({ __type: code, message }))
    return
  }
  if (acceptsJson(call)) {
    const tree = { ErrorResponse: { Error: { Type: 'Sender', Code: code, Message: message } } }
    call.respond(status, { 'content-type': 'application/json' }, JSON.stringify(tree))
    return
  }
  const xml = xmlError({ type: 'Sender', code, message }, requestId)
  call.respond(status, { 'content-type': 'text/xml' }, xml)
}
