/**
 * One request, from its bytes to its answer: which protocol, which action, the handler, and the
 * commit gate (I1): an answer is held until everything that it reveals is durable.
 */

import { decodeUtf8 } from '../../base/bytes.ts'
import type { Shape } from '../../wire/schema/json.ts'
import { JsonBreach } from '../../wire/schema/json.ts'
import { jsonAnswer, parseForm, treeOf, xmlAnswer, xmlError } from '../../wire/sqs/query.ts'
import { signatureOf } from '../../wire/sqs/signature.ts'
import { authorize } from './access.ts'
import type { SqsBroker } from './broker.ts'
import { type Command, commands } from './commands.ts'
import { fail, missing, SqsFailure, wireErrorOf } from './errors.ts'
import { receivedJson, type Shown } from './message.ts'
import { nameOfUrl } from './names.ts'
import { answerPeek, isPeek } from './peek.ts'
import { type Replies, Reply } from './replies.ts'

/** What is asked of HTTP. `platform/http.ts` makes such calls from node:http. */
export interface HttpCall {
  readonly method: string
  readonly path: string
  readonly headers: { readonly [name: string]: string | undefined }
  readonly body: Uint8Array
  readonly secure: boolean
  readonly aborted: boolean
  onAborted: (() => void) | undefined
  respond(status: number, headers: { readonly [name: string]: string }, body: string): void
}

const jsonType = 'application/x-amz-json-1.0'

export type Protocol = 'json' | 'query'

/**
 * What an answer shows: what has been changed, records that have come, or only such as are on the
 * disk already.
 */
export type Reveals = 'changes' | 'records' | 'stored'

/** A call that is being handled. */
export class Request {
  readonly broker: SqsBroker
  readonly call: HttpCall
  readonly protocol: Protocol
  /** Set when the request has been read. */
  command: Command | undefined = undefined
  readonly #replies: Replies
  readonly #id: string

  constructor(broker: SqsBroker, replies: Replies, call: HttpCall) {
    this.broker = broker
    this.call = call
    this.protocol = call.headers['x-amz-target'] === undefined ? 'query' : 'json'
    this.#replies = replies
    this.#id = replies.nextId()
  }

  /** What the signature names, or ours. */
  get region(): string {
    return signatureOf(this.call)?.region ?? this.broker.place.region
  }

  /** What queue URLs begin with: a client that reached us by this host will do so again. */
  get baseUrl(): string {
    const { headers, secure } = this.call
    const { baseUrl } = this.broker.options
    if (baseUrl !== undefined) return baseUrl
    const scheme = headers['x-forwarded-proto'] ?? (secure ? 'https' : 'http')
    return `${scheme}://${headers['host'] ?? 'localhost'}`
  }

  /** The queue that the request names: by URL, or, in the Query protocol, by its own path. */
  queueName(url: string | undefined): string {
    if (url !== undefined && url !== '') return nameOfUrl(url)
    const path = this.call.path.split('?')[0]!
    if (path.split('/').filter(part => part !== '').length < 2) missing('QueueUrl')
    return nameOfUrl(path)
  }

  /** `reveals`: what must be on the disk before, if the answer does not show changes. */
  finish(result: unknown, reveals: Reveals = 'changes', lost?: () => void): void {
    const gate = this.#gateOf(reveals)
    const { shape, name } = this.command!
    if (this.protocol === 'json') {
      this.#finishJson(gate, shape === undefined ? '' : JSON.stringify(result), lost)
      return
    }
    const wantsJson = /^application\/json/.test(this.call.headers['accept'] ?? '')
    const headers = {
      'x-amzn-RequestId': this.#id,
      'content-type': wantsJson ? 'application/json' : 'text/xml',
    }
    const body = wantsJson
      ? jsonAnswer(name, shape === undefined ? undefined : result, this.#id)
      : xmlAnswer(name, shape === undefined ? undefined : { shape, result }, this.#id)
    this.#replies.hold(gate, new Reply(this.call, { status: 200, headers, body, lost }))
  }

  /** Of a receive. `lost`: the client has gone before the answer left. */
  finishReceived(Messages: readonly Shown[], reveals: Reveals, lost: () => void): void {
    if (this.protocol === 'query') this.finish({ Messages }, reveals, lost)
    else this.#finishJson(this.#gateOf(reveals), receivedJson(Messages), lost)
  }

  #gateOf(reveals: Reveals): number {
    const { engine } = this.broker
    if (reveals === 'stored') return 0
    return reveals === 'changes' ? engine.gate : engine.recordGate
  }

  #finishJson(gate: number, body: string, lost: (() => void) | undefined): void {
    const headers = { 'x-amzn-RequestId': this.#id, 'content-type': jsonType }
    this.#replies.hold(gate, new Reply(this.call, { status: 200, headers, body, lost }))
  }

  refuse(error: unknown): void {
    const failure = failureOf(error)
    const wire = wireErrorOf(failure.code)
    const forQuery = failure.code === 'QueueDoesNotExist' && this.protocol === 'query'
    const message = forQuery
      ? `${failure.message.replace(/\.$/, '')} for this wsdl version.`
      : failure.message
    const type = wire.senderFault ? 'Sender' : 'Receiver'
    const headers = {
      'x-amzn-RequestId': this.#id,
      'x-amzn-query-error': `${wire.query};${type}`,
      'content-type': this.protocol === 'json' ? jsonType : 'text/xml',
    }
    const body =
      this.protocol === 'json'
        ? JSON.stringify({ __type: wire.type, message })
        : xmlError({ type, code: wire.query, message }, this.#id)
    const { gate } = this.broker.engine
    const { status } = wire
    this.#replies.hold(gate, new Reply(this.call, { status, headers, body, lost: undefined }))
  }
}

export function failureOf(error: unknown): SqsFailure {
  if (error instanceof SqsFailure) return error
  if (error instanceof JsonBreach) {
    if (error.kind === 'missing') {
      const text = `The request must contain the parameter ${error.path}.`
      return new SqsFailure('MissingRequiredParameterException', text)
    }
    return new SqsFailure('SerializationException', error.message)
  }
  return new SqsFailure('InternalFailure', 'The broker cannot go on; see its log.')
}

/** Handles one call; it is answered at once, or later. */
export function handleCall(broker: SqsBroker, replies: Replies, call: HttpCall): void {
  const target = call.headers['x-amz-target']
  const request = new Request(broker, replies, call)
  try {
    if (target === undefined && answerOthers(call)) return
    authorize(broker, call)
    if (isPeek(call.path)) {
      answerPeek(broker, call)
      return
    }
    const { command, tree } = target === undefined ? readQuery(call) : readJson(call, target)
    request.command = command
    command.handler(request, command.request.parse(tree, ''))
  } catch (error) {
    request.refuse(error)
    if (failureOf(error).code === 'InternalFailure') replies.report(error)
  }
}

interface Read {
  readonly command: Command
  readonly tree: unknown
}

function commandNamed(name: string): Command {
  const command = commands.get(name)
  if (command !== undefined) return command
  fail('UnknownOperationException', `The action ${name} is not valid for this endpoint.`)
}

/** The usual targets in full, so that they need not be cut. */
const targets = new Map([...commands].map(([name, command]) => [`AmazonSQS.${name}`, command]))

function readJson(call: HttpCall, target: string): Read {
  const command = targets.get(target) ?? commandNamed(target.slice(target.indexOf('.') + 1))
  if (call.body.length === 0) return { command, tree: {} }
  try {
    return { command, tree: JSON.parse(decodeUtf8(call.body)) }
  } catch {
    fail('SerializationException', 'The request is not valid JSON.')
  }
}

function readQuery(call: HttpCall): Read {
  const at = call.path.indexOf('?')
  const parameters = parseForm(at < 0 ? '' : call.path.slice(at + 1))
  for (const [name, value] of parseForm(decodeUtf8(call.body))) parameters.set(name, value)
  const action = parameters.get('Action')
  if (action === undefined) {
    fail('UnknownOperationException', 'The request must contain the parameter Action.')
  }
  const command = commandNamed(action)
  const path = at < 0 ? call.path : call.path.slice(0, at)
  if (isOfAccount(action) && path.split('/').filter(part => part !== '').length > 1) {
    fail('UnknownOperationException', `The action ${action} is not valid for this endpoint.`)
  }
  return { command, tree: treeOf(command.request.shape as Shape, parameters) }
}

/** What names no queue by its URL is refused at the URL of one. */
function isOfAccount(action: string): boolean {
  return action === 'CreateQueue' || action === 'ListQueues'
}

/** Pages beside the API. True: answered. */
function answerOthers(call: HttpCall): boolean {
  if (call.method === 'GET' && /^\/(_localstack\/)?health$/.test(call.path)) {
    call.respond(200, { 'content-type': 'application/json' }, '{"services":{"sqs":"running"}}')
    return true
  }
  if (call.method === 'GET' && !call.path.includes('?') && !isPeek(call.path)) {
    call.respond(404, { 'content-type': 'text/xml' }, '<UnknownOperationException/>\n')
    return true
  }
  return false
}
