/**
 * LocalStack's page for a look at a queue: `/_aws/sqs/messages?QueueUrl=…`, or with region, account
 * and name in the path. It changes nothing. XML, or JSON when that is accepted.
 */

import { ReceiveMessage } from '../../wire/sqs/actions.ts'
import { xmlAnswer } from '../../wire/sqs/query.ts'
import type { SqsBroker } from './broker.ts'
import type { HttpCall } from './connection.ts'
import { limits } from './limits.ts'
import { messageOf } from './message.ts'
import { nameOfUrl } from './names.ts'

const page = '/_aws/sqs/messages'

export function isPeek(path: string): boolean {
  return path.startsWith(page)
}

/** `ShowInvisible` and `ShowDelayed` add what cannot be received now. */
export function answerPeek(broker: SqsBroker, call: HttpCall): void {
  const url = new URL(call.path, 'http://localhost')
  const form = new URLSearchParams(new TextDecoder().decode(call.body))
  const parameter = (name: string) => form.get(name) ?? url.searchParams.get(name)
  const rest = url.pathname
    .slice(page.length)
    .split('/')
    .filter(part => part !== '')
  const queueUrl = parameter('QueueUrl') ?? (rest.length > 0 ? url.pathname : '')
  const view = queueUrl === '' ? undefined : broker.find(nameOfUrl(queueUrl))
  if (view === undefined) {
    call.respond(404, { 'content-type': 'text/plain' }, 'The specified queue does not exist.')
    return
  }
  const isSet = (name: string) => /^(true|1)$/i.test(parameter(name) ?? '')
  const everything = isSet('ShowInvisible') || isSet('ShowDelayed')
  const bounds = { countMax: limits.pageMax, bytesMax: limits.requestBytesMax }
  const found = everything
    ? broker.engine.read(view.name, { position: 0 }, bounds)
    : broker.engine.peek(view.name, { countMax: limits.pageMax })
  const wanted = { system: new Set(['All']), attributes: ['All'] }
  const messages = (found.ok ? found.value : []).map(record => {
    const firstAt = broker.firstReceives.of(view.label.salt, record.position) ?? 0
    const delivery = { record, attempts: 0 }
    const options = { holder: 'peek', wanted, firstAt }
    return { ...messageOf(broker, view, delivery, options), ReceiptHandle: 'SQS/BACKDOOR/ACCESS' }
  })
  const result = messages.length === 0 ? {} : { Messages: messages }
  if (/json/.test(call.headers['accept'] ?? '')) {
    const answer = { ReceiveMessageResponse: { ReceiveMessageResult: { Message: messages } } }
    call.respond(200, { 'content-type': 'application/json' }, JSON.stringify(answer))
    return
  }
  const shape = ReceiveMessage.result!.shape
  call.respond(
    200,
    { 'content-type': 'text/xml' },
    xmlAnswer('ReceiveMessage', { shape, result }, 'peek'),
  )
}
