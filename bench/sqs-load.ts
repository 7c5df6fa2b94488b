/**
 * The load generator for SQS, a process of its own: it takes a load as JSON in its first argument
 * and prints the result as JSON. Each connection is a client that sends, receives and deletes in
 * turn, over one keep-alive socket; what it writes is put together from prepared parts, and of what
 * it reads only the length and the receipt handles are looked at.
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
  readonly messages: number
  readonly connections: number
  readonly bodyBytes: number
}

const load = JSON.parse(process.argv[2] ?? '{}') as SqsLoad
const body = 'x'.repeat(load.bodyBytes)
const run = Date.now()
let sent = 0
let deleted = 0

class Client {
  readonly #socket: Socket
  #text = ''
  #resolve: (text: string) => void = () => undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#receive(text))
    socket.on('close', () => fail('the connection was closed'))
  }

  static open(): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: load.host, port: load.port }, () => {
        resolve(new Client(socket))
      })
      socket.once('error', reject)
    })
  }

  call(action: string, input: object): Promise<string> {
    const text = JSON.stringify(input)
    this.#socket.write(
      `POST / HTTP/1.1\r\nhost: ${load.host}:${load.port}\r\nx-amz-target: AmazonSQS.${action}\r\n` +
        `content-type: application/x-amz-json-1.0\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
      'latin1',
    )
    return new Promise(resolve => {
      this.#resolve = resolve
    })
  }

  end(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #receive(text: string): void {
    this.#text += text
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = /content-length: (\d+)/i.exec(this.#text)?.[1]
    if (length === undefined) return fail(`no length in ${this.#text.slice(0, end)}`)
    if (this.#text.length < end + 4 + Number(length)) return
    const answer = this.#text
    this.#text = ''
    if (!answer.startsWith('HTTP/1.1 200')) return fail(answer)
    this.#resolve(answer)
  }
}

function fail(text: string): void {
  console.error(text)
  process.exit(1)
}

function message(): object {
  const number = sent++
  if (!load.fifo) return { MessageBody: body }
  return {
    MessageBody: body,
    MessageGroupId: `g${number % load.groups}`,
    MessageDeduplicationId: `${run}-${number}`,
  }
}

function handlesIn(answer: string): string[] {
  return [...answer.matchAll(/"ReceiptHandle"\s*:\s*"([^"]+)"/g)].map(([, handle]) => handle!)
}

/** Sends a batch, receives as many as there are, and deletes those. */
async function round(client: Client): Promise<void> {
  const { queueUrl: QueueUrl, batch } = load
  if (batch === 1) await client.call('SendMessage', { QueueUrl, ...message() })
  else {
    const Entries = Array.from({ length: batch }, (_, id) => ({ Id: `${id}`, ...message() }))
    await client.call('SendMessageBatch', { QueueUrl, Entries })
  }
  await take(client)
}

async function take(client: Client): Promise<void> {
  const { queueUrl: QueueUrl, batch } = load
  const input = { QueueUrl, MaxNumberOfMessages: batch, WaitTimeSeconds: 0 }
  const handles = handlesIn(await client.call('ReceiveMessage', input))
  deleted += handles.length
  if (handles.length === 0) return
  if (batch === 1) {
    await client.call('DeleteMessage', { QueueUrl, ReceiptHandle: handles[0] })
  } else {
    const Entries = handles.map((ReceiptHandle, id) => ({ Id: `${id}`, ReceiptHandle }))
    await client.call('DeleteMessageBatch', { QueueUrl, Entries })
  }
}

const clients = await Promise.all(Array.from({ length: load.connections }, () => Client.open()))
const stop = startStopwatch()
await Promise.all(
  clients.map(async client => {
    while (sent < load.messages) await round(client)
    while (deleted < sent) await take(client)
  }),
)
console.log(JSON.stringify(stop(deleted)))
for (const client of clients) client.end()
