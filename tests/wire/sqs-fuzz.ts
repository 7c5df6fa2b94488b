/**
 * Sends broken requests to the SQS server, as bytes of HTTP, in both protocols: wrong types, absurd
 * lengths, deep nesting, cut and flipped bytes, chunks of odd sizes. Each request that is whole
 * must have one answer in AWS' form, none may be our own failure, and a queue beside must work on.
 * A run depends on its seed alone; a failure prints the line that repeats it.
 *
 *     node dist/tests/wire/sqs-fuzz.js [--runs 100000] [--seed 1]
 */

import { equal, match, ok } from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../../src/base/random.ts'
import { openEngine } from '../../src/engine/engine.ts'
import { equalSecrets, hmacSha256 } from '../../src/platform/digest.ts'
import { HttpBreach, HttpReader, type HttpRequest } from '../../src/platform/http-request.ts'
import { commands } from '../../src/servers/sqs/commands.ts'
import { limits } from '../../src/servers/sqs/limits.ts'
import { type SqsServer, sqsServer } from '../../src/servers/sqs/server.ts'
import { simulatedWorld } from '../../src/testing/testing.ts'

/** What a fuzz met: answers by status, and requests that HTTP itself refused. */
export interface SqsFuzzResult {
  readonly statuses: Map<number, number>
  breaches: number
}

interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body: string
}

type Protocol = 'json' | 'query'

const actions = [...commands.values()]
const waitMax = limits.waitSecondsMax * 1000
/** A broker for so many requests: queues come and go, and a failure must be quick to repeat. */
const requestsOfBroker = 50

/** Runs `runs` requests; throws on the first finding, its seed in the message. */
export function fuzzSqs(seed: number, runs: number): SqsFuzzResult {
  const result: SqsFuzzResult = { statuses: new Map(), breaches: 0 }
  for (let run = 0; run < runs; run += requestsOfBroker) {
    const count = Math.min(requestsOfBroker, runs - run)
    try {
      new Fuzzed(new SeededRandom(seed + run), result).run(count)
    } catch (cause) {
      throw new Error(`node dist/tests/wire/sqs-fuzz.js --runs ${count} --seed ${seed + run}`, {
        cause,
      })
    }
  }
  return result
}

class Fuzzed {
  readonly #random: SeededRandom
  readonly #result: SqsFuzzResult
  readonly #world: ReturnType<typeof simulatedWorld>
  readonly #server: SqsServer
  readonly #errors: unknown[] = []
  /** Queues that requests name: one of each kind. */
  readonly #names = ['plain', 'ordered.fifo']
  #handle = 'AQEB'

  constructor(random: SeededRandom, result: SqsFuzzResult) {
    this.#random = random
    this.#result = result
    this.#world = simulatedWorld(random.uint32())
    const { clock, random: chance } = this.#world
    this.#server = sqsServer({
      engine: openEngine(this.#world),
      clock,
      random: chance,
      hmac: hmacSha256,
      equalSecrets,
      coolDownMs: 0,
      onError: error => this.#errors.push(error),
    })
  }

  run(count: number): void {
    this.#call('CreateQueue', { QueueName: 'witness' })
    for (let index = 0; index < count; index++) {
      this.#makeQueues()
      const bytes = this.#request()
      for (const { request, answer } of this.#send(bytes)) this.#judge(request, answer)
      equal(this.#errors.length, 0, String(this.#errors[0]))
    }
    const body = 'still here'
    this.#call('CreateQueue', { QueueName: 'witness' })
    const QueueUrl = 'http://sqs/000000000000/witness'
    this.#call('PurgeQueue', { QueueUrl })
    this.#call('SendMessage', { QueueUrl, MessageBody: body })
    ok(this.#call('ReceiveMessage', { QueueUrl }).body.includes(body), 'the witness goes on')
  }

  #makeQueues(): void {
    for (const QueueName of this.#names) {
      const isFifo = QueueName.endsWith('.fifo')
      const kind = isFifo ? { FifoQueue: 'true', ContentBasedDeduplication: 'true' } : {}
      this.#call('CreateQueue', { QueueName, Attributes: kind }, 'any')
      const QueueUrl = `http://sqs/000000000000/${QueueName}`
      const group = isFifo ? { MessageGroupId: 'g' } : {}
      this.#call('SendMessage', { QueueUrl, MessageBody: 'm', ...group }, 'any')
      const received = this.#call('ReceiveMessage', { QueueUrl }, 'any').body
      this.#handle = /"ReceiptHandle":"([^"]*)"/.exec(received)?.[1] ?? this.#handle
    }
  }

  // A request

  #request(): Uint8Array {
    const random = this.#random
    const { name, request } = random.pick(actions)
    const tree = this.#named(request.sample(random) as { [name: string]: unknown })
    const spoiled = random.chance(0.7) ? this.#spoil(tree, 0) : tree
    const protocol: Protocol = random.chance(0.5) ? 'json' : 'query'
    let body: Buffer = Buffer.from(protocol === 'json' ? jsonOf(spoiled) : formOf(name, spoiled))
    if (random.chance(0.3)) body = mutate(random, body)
    const bytes = httpOf(random, { name, protocol, body })
    return random.chance(0.15) ? mutate(random, bytes) : bytes
  }

  /** Samples name nothing that is there: most of them should. */
  #named(tree: { [name: string]: unknown }): object {
    const random = this.#random
    const queue = random.pick(this.#names)
    if (random.chance(0.9)) tree['QueueUrl'] = `http://sqs/000000000000/${queue}`
    if (random.chance(0.7)) tree['ReceiptHandle'] = this.#handle
    if ('SourceArn' in tree) tree['SourceArn'] = `arn:aws:sqs:us-east-1:000000000000:${queue}`
    if ('Attributes' in tree) tree['Attributes'] = { [random.pick(attributeNames)]: this.#odd() }
    return tree
  }

  #spoil(value: unknown, depth: number): unknown {
    const random = this.#random
    if (random.chance(0.1)) return this.#odd()
    if (Array.isArray(value)) {
      const items = value.map(item => this.#spoil(item, depth + 1))
      return random.chance(0.1) ? Array.from({ length: 12 }, () => items[0]) : items
    }
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([name, item]) => [
      name,
      this.#spoil(item, depth + 1),
    ])
    if (random.chance(0.1)) entries.push([random.pick(oddNames), this.#odd()])
    return Object.fromEntries(entries)
  }

  #odd(): unknown {
    const random = this.#random
    switch (random.below(9)) {
      case 0:
        return random.pick([null, true, false, -1, 0, 1.5, 2 ** 53, 1e308, -(2 ** 31)])
      case 1:
        return random.pick(['', ' ', '\u0000', '\uffff', '\ud800', '../..', 'a'.repeat(300), '😀'])
      case 2:
        return 'x'.repeat(random.pick([80, 81, 128, 129, 257, 70_000]))
      case 3:
        return random.pick([[], {}, [[]], [null], { a: { b: {} } }])
      case 4:
        return nested(random.pick([10, 1000, 20_000]))
      case 5:
        return String(random.pick([-1, 0, 1, 43_200, 43_201, 1e15, 'NaN', 'true', '0x10']))
      case 6:
        return JSON.stringify({ deadLetterTargetArn: 'arn:aws:sqs:::plain', maxReceiveCount: 1 })
      case 7:
        return JSON.stringify(random.pick([null, [], { maxReceiveCount: 'x' }, 'text', 7]))
      default:
        return random.uint32()
    }
  }

  // The wire

  /** The requests that are read out of the bytes, which come in pieces, and their answers. */
  #send(bytes: Uint8Array): { readonly request: HttpRequest; readonly answer: Answer }[] {
    const random = this.#random
    const bodyBytesMax = this.#server.requestBytesMax
    const reader = new HttpReader({ headBytesMax: 32 * 1024, headersMax: 200, bodyBytesMax })
    const answered: { request: HttpRequest; answer: Answer }[] = []
    const step = random.chance(0.5) ? bytes.length : random.between(1, 2000)
    try {
      for (let at = 0; at < bytes.length; at += step) {
        reader.push(bytes.subarray(at, at + step))
        for (let request = reader.read(); request !== undefined; request = reader.read()) {
          answered.push({ request, answer: this.#answerTo(request) })
        }
        reader.keep()
      }
    } catch (error) {
      if (!(error instanceof HttpBreach)) throw error
      ok(error.status >= 400 && error.status < 600, 'a breach has a status')
      this.#result.breaches++
    }
    return answered
  }

  #answerTo({ method, path, headers, body }: Omit<HttpRequest, 'keepAlive' | 'expectsContinue'>) {
    const answers: Answer[] = []
    this.#server.handle({
      ...{ method, path, headers, body: Uint8Array.from(body) },
      ...{ secure: false, aborted: false, onAborted: undefined },
      respond: (status, answerHeaders, text) => {
        answers.push({ status, headers: answerHeaders, body: text })
      },
    })
    const { clock } = this.#world
    const until = clock.now() + waitMax + 1000
    while (answers.length === 0 && clock.now() <= until && clock.step()) {
      // A long poll ends by its time; what is written takes its own.
    }
    equal(answers.length, 1, 'one answer')
    return answers[0]!
  }

  #judge(request: Pick<HttpRequest, 'headers'>, { status, headers, body }: Answer): void {
    const { statuses } = this.#result
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    ok(status >= 200 && status < 500, `${status}: ${body}`)
    const isJson = request.headers['x-amz-target'] !== undefined
    if (status >= 400 && headers['x-amzn-query-error'] !== undefined) {
      match(headers['x-amzn-query-error'], /^[A-Za-z.]+;Sender$/)
      if (isJson) match(JSON.parse(body).__type, /^com\.amazon(aws\.sqs|\.coral\.service)#\w+$/)
      else match(body, /^<\?xml .*<Error><Type>Sender<\/Type><Code>[\w.]+<\/Code>/s)
    } else if (isJson && body !== '') JSON.parse(body)
  }

  #call(action: string, input: object, expects: 'success' | 'any' = 'success'): Answer {
    const answer = this.#answerTo({
      method: 'POST',
      path: '/',
      headers: { host: 'sqs', 'x-amz-target': `AmazonSQS.${action}` },
      body: new TextEncoder().encode(JSON.stringify(input)),
    })
    if (expects === 'success') equal(answer.status, 200, answer.body)
    return answer
  }
}

const oddNames = ['__proto__', 'constructor', 'toString', '', 'QueueUrl', 'Entries', '0']
const attributeNames = [
  ...['VisibilityTimeout', 'RedrivePolicy', 'RedriveAllowPolicy', 'Policy', 'DelaySeconds'],
  ...['FifoQueue', 'DeduplicationScope', 'FifoThroughputLimit', 'MaximumMessageSize', 'nonsense'],
]

/** Arrays in arrays, as text that is put in later: the serializer would run out of stack. */
class Nested {
  readonly depth: number
  constructor(depth: number) {
    this.depth = depth
  }
  toJSON(): string {
    return `nested:${this.depth}`
  }
  toString(): string {
    return '['.repeat(this.depth)
  }
}

function nested(depth: number): Nested {
  return new Nested(depth)
}

function jsonOf(tree: unknown): string {
  return (JSON.stringify(tree) ?? '').replace(/"nested:(\d+)"/g, (_, depth) => {
    return '['.repeat(Number(depth)) + ']'.repeat(Number(depth))
  })
}

/** The flat form, more or less: wrong names are welcome. */
function formOf(action: string, tree: unknown): string {
  const pairs = [`Action=${action}`, 'Version=2012-11-05']
  const walk = (value: unknown, at: string): void => {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) walk(item, `${at}.${index + 1}`)
    } else if (typeof value === 'object' && value !== null && !(value instanceof Nested)) {
      for (const [name, item] of Object.entries(value))
        walk(item, at === '' ? name : `${at}.${name}`)
    } else pairs.push(`${at}=${encodeURIComponent(String(value).replace(/[\ud800-\udfff]/g, '%'))}`)
  }
  walk(tree, '')
  return pairs.join('&')
}

function httpOf(
  random: SeededRandom,
  { name, protocol, body }: { name: string; protocol: Protocol; body: Buffer },
): Buffer {
  const kind =
    protocol === 'json'
      ? `x-amz-target: AmazonSQS.${name}\r\ncontent-type: application/x-amz-json-1.0\r\n`
      : 'content-type: application/x-www-form-urlencoded\r\n'
  const path = random.pick(['/', '/000000000000/plain', '/?', '/%', '//'])
  const isChunked = random.chance(0.3)
  const length = random.chance(0.05) ? random.pick([0, 1, 2 ** 31, 1e14]) : body.length
  const size = isChunked ? 'transfer-encoding: chunked\r\n' : `content-length: ${length}\r\n`
  const head = Buffer.from(`POST ${path} HTTP/1.1\r\nhost: sqs\r\n${kind}${size}\r\n`)
  if (!isChunked) return Buffer.concat([head, body])
  const parts: Buffer[] = [head]
  for (let at = 0; at < body.length; ) {
    const part = body.subarray(at, at + random.between(1, body.length))
    const extension = random.chance(0.2) ? ';a=b' : ''
    parts.push(
      Buffer.from(`${part.length.toString(16)}${extension}\r\n`),
      part,
      Buffer.from('\r\n'),
    )
    at += part.length
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

/** A few changes: flips, nasty octets, cuts, repeats. */
function mutate(random: SeededRandom, bytes: Buffer): Buffer {
  let spoiled: Buffer = Buffer.from(bytes)
  for (let count = random.between(1, 3); count > 0 && spoiled.length > 0; count--) {
    const at = random.below(spoiled.length)
    switch (random.below(4)) {
      case 0:
        spoiled[at]! ^= 1 << random.below(8)
        break
      case 1:
        spoiled[at] = random.pick([0x00, 0x0a, 0x22, 0x25, 0x5b, 0x5c, 0x7b, 0x80, 0xc0, 0xff])
        break
      case 2:
        spoiled = spoiled.subarray(0, at)
        break
      default:
        spoiled = Buffer.concat([spoiled.subarray(0, at), spoiled.subarray(Math.max(0, at - 20))])
    }
  }
  return spoiled
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
    },
  })
  console.log(fuzzSqs(Number(values.seed), Number(values.runs)))
}
