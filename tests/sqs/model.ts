/**
 * A naive model of SQS beside the server on a simulated clock: an array of messages, and the rules
 * in their plainest form. Every answer of the server is checked against it.
 */

import assert from 'node:assert/strict'
import type { SeededRandom } from '../../src/base/random.ts'
import { openEngine } from '../../src/engine/engine.ts'
import { equalSecrets, hmacSha256 } from '../../src/platform/digest.ts'
import { type HttpCall, type SqsServer, sqsServer } from '../../src/servers/sqs/server.ts'
import { simulatedWorld } from '../../src/testing/testing.ts'

interface Message {
  readonly body: string
  readonly id: string
  readonly group: string
  /** In the dead-letter queue. */
  dead: boolean
  deleted: boolean
  receives: number
  /** Milliseconds; not visible before. */
  visibleAt: number
  handle: string | undefined
}

interface Answer {
  readonly status: number
  readonly body: { readonly [name: string]: unknown }
}

interface Received {
  readonly Body: string
  readonly MessageId: string
  readonly ReceiptHandle: string
  readonly Attributes: { readonly ApproximateReceiveCount: string }
}

const visibilityMs = 30_000
const dedupeMs = 300_000
const receivesMax = 3

export class SqsModel {
  readonly history: string[] = []
  readonly #world: ReturnType<typeof simulatedWorld>
  readonly #server: SqsServer
  readonly #random: SeededRandom
  readonly #fifo: boolean
  readonly #messages: Message[] = []
  readonly #seen = new Map<string, { id: string; at: number }>()
  readonly #url: string
  readonly #deadUrl: string
  #count = 0
  readonly #forgets: string | undefined

  /** `forgets`: a planted bug, an action that is answered well and never done. */
  constructor({
    random,
    fifo,
    forgets,
  }: {
    readonly random: SeededRandom
    readonly fifo: boolean
    readonly forgets?: string
  }) {
    this.#random = random
    this.#forgets = forgets
    this.#fifo = fifo
    this.#world = simulatedWorld(random.uint32())
    const ports = this.#world
    const engine = openEngine(ports)
    this.#server = sqsServer({
      engine,
      clock: ports.clock,
      random: ports.random,
      hmac: hmacSha256,
      equalSecrets,
      coolDownMs: 0,
      onError: error => assert.fail(String(error)),
    })
    const kind = fifo ? { FifoQueue: 'true' } : {}
    const suffix = fifo ? '.fifo' : ''
    const make = (QueueName: string, Attributes: object) =>
      this.#call('CreateQueue', { QueueName, Attributes }).body['QueueUrl'] as string
    this.#deadUrl = make(`dead${suffix}`, kind)
    const arn = `arn:aws:sqs:us-east-1:000000000000:dead${suffix}`
    const policy = { deadLetterTargetArn: arn, maxReceiveCount: receivesMax }
    this.#url = make(`q${suffix}`, { ...kind, RedrivePolicy: JSON.stringify(policy) })
  }

  step(): void {
    const choice = this.#random.uint32() % 10
    if (choice < 3) this.#send()
    else if (choice < 6) this.#receive()
    else if (choice < 7) this.#delete()
    else if (choice < 8) this.#change()
    else if (choice < 9) this.#advance(1 + (this.#random.uint32() % 20_000))
    else this.#send()
  }

  /** Everything that was accepted is still there: received here, or dead. */
  drain(): void {
    for (let round = 0; round < 10 * receivesMax; round++) {
      this.#advance(visibilityMs + 1)
      for (let more = true; more; ) more = this.#receive() > 0
    }
    const alive = this.#messages.filter(({ deleted, dead }) => !deleted && !dead)
    assert.deepEqual(alive, [], 'everything has died by then')
    const dead = new Set<string>()
    for (let more = true; more; ) {
      const got = this.#receivedFrom(this.#deadUrl)
      for (const { MessageId } of got) dead.add(MessageId)
      more = got.length > 0
      if (this.#fifo && more) this.#removeAll(got)
    }
    const expected = this.#messages.filter(message => message.dead).map(({ id }) => id)
    assert.deepEqual([...dead].sort(), expected.sort(), 'dead letters')
  }

  #removeAll(messages: readonly Received[]): void {
    for (const { ReceiptHandle } of messages) {
      this.#call('DeleteMessage', { QueueUrl: this.#deadUrl, ReceiptHandle })
    }
  }

  get #now(): number {
    return this.#world.clock.now()
  }

  #send(): void {
    const body = `m${this.#count++}`
    const group = this.#fifo ? `g${this.#random.uint32() % 3}` : ''
    const dedupe = this.#random.uint32() % 4 === 0 ? `d${this.#random.uint32() % 3}` : body
    const more = this.#fifo ? { MessageGroupId: group, MessageDeduplicationId: dedupe } : {}
    const now = this.#now
    const answer = this.#call('SendMessage', { QueueUrl: this.#url, MessageBody: body, ...more })
    const id = answer.body['MessageId'] as string
    const seen = this.#fifo ? this.#seen.get(dedupe) : undefined
    if (seen !== undefined && now < seen.at + dedupeMs) {
      assert.equal(id, seen.id, 'a duplicate answers the first id')
      return
    }
    this.#seen.set(dedupe, { id, at: now })
    assert.ok(!this.#messages.some(other => other.id === id), 'ids are new')
    const rest = { dead: false, deleted: false, receives: 0, visibleAt: 0, handle: undefined }
    this.#messages.push({ body, id, group, ...rest })
  }

  #receive(): number {
    const now = this.#now
    const open = this.#open()
    const got = this.#receivedFrom(this.#url)
    const expected = this.#inTheirOrder(open, got)
    assert.deepEqual(
      got.map(({ Body }) => Body),
      expected.slice(0, 10).map(({ body }) => body),
    )
    got.forEach(({ MessageId, ReceiptHandle, Attributes }, index) => {
      const message = expected[index]!
      message.receives++
      message.handle = ReceiptHandle
      message.visibleAt = now + visibilityMs
      assert.equal(MessageId, message.id)
      assert.equal(Attributes.ApproximateReceiveCount, String(message.receives))
    })
    return got.length
  }

  /** What may be received, in order, by group: of each only what nothing earlier holds up. */
  #open(): Message[][] {
    const now = this.#now
    const alive = this.#messages.filter(({ deleted, dead }) => !deleted && !dead)
    const prefixOf = (group: string) => {
      const all = alive.filter(other => other.group === group)
      if (!this.#fifo) return all.filter(({ visibleAt }) => visibleAt <= now)
      const held = all.findIndex(({ visibleAt }) => visibleAt > now)
      return held < 0 ? all : all.slice(0, held)
    }
    const groups = [...new Set(alive.map(({ group }) => group))].map(prefixOf)
    return groups.filter(prefix => prefix.length > 0)
  }

  /**
   * All groups after another, those that were received in the order of the receive. Groups that
   * were never received from are in the order of their messages.
   */
  #inTheirOrder(open: readonly Message[][], got: readonly Received[]): Message[] {
    const first = (prefix: readonly Message[]) =>
      got.findIndex(({ Body }) => Body === prefix[0]!.body) >>> 0
    const groups = [...open].sort((left, right) => first(left) - first(right))
    const fresh = groups.filter(prefix => prefix[0]!.receives === 0 && first(prefix) < got.length)
    const ages = fresh.map(prefix => this.#messages.indexOf(prefix[0]!))
    assert.deepEqual(
      ages,
      [...ages].sort((left, right) => left - right),
      'older groups first',
    )
    return groups.flat()
  }

  #delete(): void {
    const message = this.#pick()
    if (message === undefined) return
    const { handle } = message
    const expired = message.visibleAt <= this.#now && !message.deleted && !message.dead
    const answer = this.#call('DeleteMessage', { QueueUrl: this.#url, ReceiptHandle: handle })
    assert.equal(answer.status, this.#fifo && expired ? 400 : 200)
    if (answer.status === 200 && !message.dead) message.deleted = true
  }

  #change(): void {
    const message = this.#pick()
    if (message === undefined || message.deleted || message.dead) return
    if (message.visibleAt <= this.#now) return
    const VisibilityTimeout = this.#random.uint32() % 2 === 0 ? 0 : this.#random.uint32() % 60
    const { handle: ReceiptHandle } = message
    const input = { QueueUrl: this.#url, ReceiptHandle, VisibilityTimeout }
    const now = this.#now
    assert.equal(this.#call('ChangeMessageVisibility', input).status, 200)
    message.visibleAt = now + VisibilityTimeout * 1000
    this.#bury()
  }

  #pick(): Message | undefined {
    const received = this.#messages.filter(({ handle }) => handle !== undefined)
    return received[this.#random.uint32() % Math.max(1, received.length)]
  }

  #advance(ms: number): void {
    this.history.push(`advance ${ms}`)
    this.#world.clock.advance(ms)
    this.#bury()
  }

  /** A message whose last receive has ended is dead. */
  #bury(): void {
    for (const message of this.#messages) {
      const { deleted, receives, visibleAt } = message
      if (!deleted && receives >= receivesMax && visibleAt <= this.#now) message.dead = true
    }
  }

  #receivedFrom(QueueUrl: string): readonly Received[] {
    const input = { QueueUrl, MaxNumberOfMessages: 10, AttributeNames: ['All'] }
    return (this.#call('ReceiveMessage', input).body['Messages'] ?? []) as readonly Received[]
  }

  #call(action: string, input: object): Answer {
    this.history.push(`${action} ${JSON.stringify(input)}`)
    if (action === this.#forgets) return { status: 200, body: {} }
    let answer: Answer | undefined
    const call: HttpCall = {
      method: 'POST',
      path: '/',
      headers: { host: 'sqs', 'x-amz-target': `AmazonSQS.${action}` },
      body: new TextEncoder().encode(JSON.stringify(input)),
      secure: false,
      aborted: false,
      onAborted: undefined,
      respond: (status, _headers, body) => {
        answer = { status, body: body === '' ? {} : JSON.parse(body) }
      },
    }
    this.#world.clock.advance(0)
    this.#server.handle(call)
    // The disk takes its time; the model's clock counts it, too.
    for (let waits = 0; answer === undefined && waits < 1000; waits++) this.#world.clock.step()
    assert.ok(answer !== undefined, `${action} is answered`)
    this.history.push(`  ${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`)
    this.#bury()
    return answer
  }
}
