/**
 * The load generator for SQS, a process of its own: it takes a load as JSON in its first argument
 * and prints the result as JSON. Each connection is a client that sends, receives and deletes in
 * turn, over one keep-alive socket, for a time. Only what happens after the warm-up counts.
 *
 * It must not be what is measured, so it makes its requests of prepared parts, and looks at little
 * of what it reads: the status, the length, and the receipt handles.
 */

import { connect, type Socket } from 'node:net'
import { startStopwatch } from './load/stopwatch.ts'

export interface SqsLoad {
  readonly host: string
  readonly port: number
  readonly queueUrl: string
  readonly fifo: boolean
  /** Message groups that take turns, of a FIFO queue. */
  readonly groups: number
  /** 1: single actions; more: batches of so many. */
  readonly batch: number
  readonly warmUpMs: number
  readonly measuredMs: number
  readonly connections: number
  readonly bodyBytes: number
}

const load = JSON.parse(process.argv[2] ?? '{}') as SqsLoad
const { fifo, groups, batch, connections } = load
const queueUrl = JSON.stringify(load.queueUrl)
const body = 'x'.repeat(load.bodyBytes)
const run = Date.now()
/** Nobody sends ahead of those who receive: a queue holds a few messages, not ever more. */
const waitingMax = connections * batch
let sent = 0
let deleted = 0
let isOver = false

type Action = 'send' | 'receive' | 'delete'

const suffix = batch === 1 ? '' : 'Batch'
const targets = {
  send: `SendMessage${suffix}`,
  receive: 'ReceiveMessage',
  delete: `DeleteMessage${suffix}`,
}

/** What an SDK sends besides. Neither broker has keys, so neither looks whether it is right. */
const signed = [
  'user-agent: aws-sdk-js/3.1169.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#20.20 api/sqs#3.1169.0 m/E,N',
  'amz-sdk-invocation-id: 0b6a1c7e-8f0b-4c68-9a1d-2f5d9a1c0001',
  'amz-sdk-request: attempt=1; max=3',
  'x-amz-date: 20261124T160000Z',
  `x-amz-content-sha256: ${'0'.repeat(64)}`,
  'authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261124/us-east-1/sqs/aws4_request, ' +
    'SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;' +
    `x-amz-content-sha256;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`,
  '',
].join('\r\n')

const heads = new Map<string, string>()

function requestOf(action: Action, input: string): string {
  const key = `${action} ${input.length}`
  let head = heads.get(key)
  if (head === undefined) {
    head =
      `POST / HTTP/1.1\r\nhost: ${load.host}:${load.port}\r\n` +
      `x-amz-target: AmazonSQS.${targets[action]}\r\n` +
      `content-type: application/x-amz-json-1.0\r\n${signed}content-length: ${input.length}\r\n\r\n`
    heads.set(key, head)
  }
  return head + input
}

const receiveRequest = Buffer.from(
  requestOf(
    'receive',
    `{"QueueUrl":${queueUrl},"MaxNumberOfMessages":${batch},"WaitTimeSeconds":0}`,
  ),
)

function message(): string {
  const number = sent++
  if (!fifo) return `"MessageBody":"${body}"`
  const id = `${run}-${number}`
  return `"MessageBody":"${body}","MessageGroupId":"g${number % groups}","MessageDeduplicationId":"${id}"`
}

function entriesOf(count: number, entry: (index: number) => string): string {
  let text = ''
  for (let index = 0; index < count; index++) {
    text += `${index === 0 ? '' : ','}{"Id":"${index}",${entry(index)}}`
  }
  return `"Entries":[${text}]`
}

/** Of a standard queue all messages are the same, and so are the requests. */
let plainSend: Buffer | undefined

function sendRequest(): Buffer | string {
  if (plainSend !== undefined) {
    sent += batch
    return plainSend
  }
  const input = batch === 1 ? message() : entriesOf(batch, message)
  const request = requestOf('send', `{"QueueUrl":${queueUrl},${input}}`)
  if (!fifo) plainSend = Buffer.from(request, 'latin1')
  return request
}

function deleteRequest(handles: readonly string[]): string {
  const field = (index: number) => `"ReceiptHandle":"${handles[index]}"`
  const input = batch === 1 ? field(0) : entriesOf(handles.length, field)
  return requestOf('delete', `{"QueueUrl":${queueUrl},${input}}`)
}

const handleField = '"ReceiptHandle":"'

function handlesIn(answer: string): string[] {
  const handles: string[] = []
  for (let at = answer.indexOf(handleField); at >= 0; ) {
    const start = at + handleField.length
    const end = answer.indexOf('"', start)
    handles.push(answer.slice(start, end))
    at = answer.indexOf(handleField, end)
  }
  return handles
}

class Client {
  readonly #socket: Socket
  #text = ''
  #doing: Action = 'send'
  #count = 0
  #end: () => void = () => undefined
  readonly ended = new Promise<void>(resolve => {
    this.#end = resolve
  })

  constructor() {
    const buffer = Buffer.alloc(64 * 1024)
    const callback = (count: number): boolean => {
      this.#receive(buffer.toString('latin1', 0, count))
      return true
    }
    const { host, port } = load
    const address = { host, port, noDelay: true, onread: { buffer, callback } }
    this.#socket = connect(address, () => this.#next())
    this.#socket.on('error', error => fail(error.message))
    this.#socket.on('close', () => {
      if (!isOver) fail('the connection was closed')
    })
  }

  #next(): void {
    if (isOver) {
      this.#socket.destroy()
      this.#end()
    } else if (sent - deleted < waitingMax) this.#do('send', sendRequest())
    else this.#do('receive', receiveRequest)
  }

  #do(action: Action, request: string | Buffer): void {
    this.#doing = action
    if (typeof request === 'string') this.#socket.write(request, 'latin1')
    else this.#socket.write(request)
  }

  #receive(part: string): void {
    const text = this.#text === '' ? part : this.#text + part
    const headEnd = text.indexOf('\r\n\r\n')
    const length = headEnd < 0 ? 0 : lengthIn(text, headEnd)
    if (headEnd < 0 || text.length < headEnd + 4 + length) {
      this.#text = text
      return
    }
    this.#text = ''
    if (!text.startsWith('HTTP/1.1 200')) return fail(text)
    this.#answered(text)
  }

  #answered(answer: string): void {
    if (this.#doing === 'send') return this.#do('receive', receiveRequest)
    if (this.#doing === 'delete') {
      deleted += this.#count
      return this.#next()
    }
    const handles = handlesIn(answer)
    this.#count = handles.length
    if (handles.length === 0) this.#next()
    else this.#do('delete', deleteRequest(handles))
  }
}

/** Brokers write the name in one way or the other. */
function lengthIn(text: string, headEnd: number): number {
  let at = text.indexOf('ontent-length: ')
  if (at < 0 || at > headEnd) at = text.indexOf('ontent-Length: ')
  if (at < 0 || at > headEnd) {
    fail(`no length in ${text.slice(0, headEnd)}`)
    return 0
  }
  return Number.parseInt(text.slice(at + 15, at + 30), 10)
}

function fail(text: string): void {
  console.error(text)
  process.exit(1)
}

const clients = Array.from({ length: connections }, () => new Client())
setTimeout(() => {
  const before = deleted
  const stop = startStopwatch()
  setTimeout(() => {
    console.log(JSON.stringify(stop(deleted - before)))
    isOver = true
  }, load.measuredMs)
}, load.warmUpMs)
await Promise.all(clients.map(client => client.ended))
