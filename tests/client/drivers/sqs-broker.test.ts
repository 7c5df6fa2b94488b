/** The driver for SQS where things go wrong, and what it shares with other programs. */

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import {
  type Bus,
  type BusEvent,
  type ConnectOptions,
  connect,
  fixed,
  type Message,
  queue,
} from '../../../src/client/client.ts'
import { ManualClock, startBroker, type TestBroker } from '../../../src/harness/testing.ts'
import { startProxy } from '../../harness/proxy.ts'
import { lossCases } from './losses.ts'
import { sqsUrl } from './sqs-broker.ts'

interface Item {
  readonly n: number
}

/** Buses on one broker, and what happened to them. */
class Place implements AsyncDisposable {
  readonly broker: TestBroker
  readonly events: BusEvent[] = []
  readonly #buses: Bus[] = []

  constructor(broker: TestBroker) {
    this.broker = broker
  }

  async open(options: ConnectOptions = {}): Promise<Bus> {
    const onEvent = (event: BusEvent) => this.events.push(event)
    const bus = await connect(sqsUrl(this.broker), { emulate: 'allow', onEvent, ...options })
    this.#buses.push(bus)
    return bus
  }

  /** Another program. */
  client(): SQSClient {
    const credentials = { accessKeyId: 'k', secretAccessKey: 's' }
    return new SQSClient({ endpoint: this.broker.urls.sqs, region: 'eu-central-1', credentials })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#buses.map(bus => bus.close({ timeout: 0 })))
    await this.broker.close()
  }
}

async function place(options: { readonly clock?: 'manual' } = {}): Promise<Place> {
  return new Place(await startBroker({ protocols: ['sqs'], ...options }))
}

/** Handles messages until there were `count`. */
function received(
  bus: Bus,
  contract: Parameters<typeof bus.consume<Item, Item>>[0],
  count: number,
): Promise<Message<Item>[]> {
  return new Promise((resolve, reject) => {
    const messages: Message<Item>[] = []
    const worker = bus.consume(contract, (_, message) => {
      messages.push(message)
      if (messages.length === count) resolve(messages)
    })
    worker.ended.catch(reject)
  })
}

async function arrayOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('the driver for SQS when connections break', { concurrency: 8 }, () => {
  it('a consumer comes back with its credit, and nothing is lost', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<Item>('q')
    const all = received(bus, q, 3)
    await bus.send(q, { n: 1 })
    at.broker.faults.dropConnections()
    const other = await at.open()
    await other.send(q, [{ n: 2 }, { n: 3 }])
    assert.deepEqual((await all).map(({ body }) => body.n).sort(), [1, 2, 3])
    const told = at.events.map(({ kind }) => kind)
    assert.deepEqual(told.filter(kind => kind !== 'emulated').slice(0, 2), [
      'disconnected',
      'connected',
    ])
  })

  it('a send whose answer is lost rejects, because it may be there, and a repeat would be two', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<Item>('q')
    await bus.prepare(q)
    at.broker.faults.loseNextConfirm()
    const sending = bus.send(q, { n: 1 })
    await assert.rejects(sending, { code: 'SPILLWAY_E_CONNECTION', retryable: true })
    assert.equal((await bus.depth(q)).ready, 1)
  })

  it('in a FIFO queue it is sent again, and is one', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<Item>('q', { key: () => 'k' })
    await bus.prepare(q)
    at.broker.faults.loseNextConfirm()
    await bus.send(q, { n: 1 })
    assert.equal((await bus.depth(q)).ready, 1)
  })

  it('where nobody listens, that is said, and a send has not been made', async () => {
    const broker = await startBroker({ protocols: ['sqs'] })
    const url = sqsUrl(broker)
    await broker.close()
    await using bus = await connect(url)
    const sending = bus.send(queue<Item>('q'), { n: 1 })
    await assert.rejects(sending, { code: 'SPILLWAY_E_CONNECTION', retryable: true })
  })

  it('a queue that is deleted ends its consumers', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<Item>('q')
    const worker = bus.consume(q, () => {})
    await worker.ready
    const other = await at.open()
    await other.drop(q)
    await assert.rejects(worker.ended, { code: 'SPILLWAY_E_DELETED' })
  })
})

describe('the driver for SQS when connections break, whatever the driver', {
  concurrency: 8,
}, () => {
  const started = startBroker({ protocols: ['sqs'] })
  after(async () => (await started).close())
  for (const one of lossCases.filter(({ bound }) => !bound)) {
    it(one.name, { timeout: 60_000 }, async () => {
      const proxy = await startProxy(Number(new URL((await started).urls.sqs).port))
      try {
        const url = `sqs://k:s@127.0.0.1:${proxy.port}?region=eu-central-1&wait=1`
        await one.run({ url, run: 'l', cut: () => proxy.cut() })
      } finally {
        await proxy.close()
      }
    })
  }
})

describe('leases of the driver for SQS', { concurrency: 8 }, () => {
  it('a message in hand is ours over a lost connection', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<Item>('q')
    await bus.send(q, { n: 1 })
    for await (const message of bus.messages(q)) {
      at.broker.faults.dropConnections()
      await message.ack()
      break
    }
    const { ready, leased } = await bus.depth(q)
    assert.equal(ready + leased, 0)
  })

  it('a message of a consumer that is gone comes again, as the next attempt', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<Item>('q')
    await bus.send(q, { n: 1 })
    const proxy = await startProxy(Number(new URL(at.broker.urls.sqs).port))
    const url = `sqs://k:s@127.0.0.1:${proxy.port}?region=eu-central-1&wait=1`
    const other = await connect(url)
    const first = new Promise<number>(resolve => {
      const hold = async (_: Item, { attempt, signal }: Message<Item>) => {
        resolve(attempt)
        await new Promise(over => signal.addEventListener('abort', over))
      }
      other.consume(q, hold, { lease: '2s' })
    })
    assert.equal(await first, 1)
    await proxy.close()
    const [second] = await received(bus, q, 1)
    assert.equal(second!.attempt, 2)
    await other.close({ timeout: 0 })
  })
})

describe('the driver for SQS and its limits', { concurrency: 8 }, () => {
  it('of a batch, what is too large fails alone', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<string>('q')
    const sending = bus.send(q, ['a', 'x'.repeat(1_100_000), 'b'])
    await assert.rejects(sending, (error: { errors: ({ code: string } | undefined)[] }) => {
      assert.deepEqual(
        error.errors.map(one => one?.code),
        [undefined, 'SPILLWAY_E_TOO_LARGE', undefined],
      )
      return true
    })
    assert.equal((await bus.depth(q)).ready, 2)
  })

  it('a message that leaves no room for its error is a dead letter with a shorter one', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<string>('q', { retry: { attempts: 1 } })
    await bus.send(q, 'x'.repeat(1_047_000))
    bus.consume(q, () => {
      throw new Error('why '.repeat(500))
    })
    for (;;) {
      const [letter] = await arrayOf(bus.dlq(q).peek())
      if (letter === undefined) continue
      assert.match(letter.error.message, /^(why ){25}…$/)
      break
    }
  })

  it('a delay of hours is made of hops, and counts no attempt', async () => {
    await using at = await place({ clock: 'manual' })
    const { clock } = at.broker
    assert.ok(clock instanceof ManualClock)
    const bus = await at.open({ clock })
    const q = queue<Item>('q')
    await bus.send(q, { n: 1 }, { delay: '2h' })
    let attempt: number | undefined
    const sentAt = clock.now()
    let at2h = 0
    bus.consume(q, (_, message) => {
      attempt = message.attempt
      at2h = clock.now() - sentAt
    })
    for (let minutes = 0; minutes < 200 && attempt === undefined; minutes++) {
      await clock.advance('1m')
    }
    assert.equal(attempt, 1)
    assert.ok(at2h >= 2 * 3_600_000, `${at2h} ms`)
  })

  it('attempts are counted across applications, and what was given back is none', async () => {
    await using at = await place()
    const q = queue<Item>('q', { retry: { attempts: 9, backoff: fixed(0) } })
    const attempts: number[] = []
    for (const outcome of ['release', 'retry', 'release', 'release', 'retry', 'done']) {
      const bus = await at.open()
      if (outcome === 'release' && attempts.length === 0) await bus.send(q, { n: 1 })
      for await (const message of bus.messages(q)) {
        attempts.push(message.attempt)
        if (outcome === 'retry') await message.retry()
        else if (outcome === 'release') await message.release()
        else await message.ack()
        break
      }
      await bus.close()
    }
    assert.deepEqual(attempts, [1, 1, 2, 2, 2, 3])
  })
})

describe('the driver for SQS and others', { concurrency: 8 }, () => {
  it('reads what another program has sent, whose headers are attributes', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<Item>('q')
    await bus.prepare(q)
    const MessageAttributes = Object.fromEntries(
      Array.from({ length: 10 }, (_, n) => [`H${n}`, { DataType: 'String', StringValue: `${n}` }]),
    )
    const QueueUrl = `${at.broker.urls.sqs}/000000000000/q`
    const client = at.client()
    await client.send(
      new SendMessageCommand({ QueueUrl, MessageBody: '{"n":7}', MessageAttributes }),
    )
    const seen: string[] = []
    for await (const message of bus.messages(q)) {
      seen.push(`${message.body.n} ${message.headers['h9']} ${message.attempt}`)
      if (seen.length === 2) {
        await message.ack()
        break
      }
      // There is no room for a note of its attempts; this process remembers them.
      await message.release()
    }
    assert.deepEqual(seen, ['7 9 1', '7 9 1'])
    client.destroy()
  })

  it('sends what another program reads as it is', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<Item>('q')
    const [receipt] = await bus.send(q, { n: 7 }, { headers: { tenant: 'ada' } })
    const client = at.client()
    const QueueUrl = `${at.broker.urls.sqs}/000000000000/q`
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ['All'] }),
    )
    const [message] = Messages
    assert.equal(message!.Body, '{"n":7}')
    assert.equal(message!.MessageAttributes!['tenant']!.StringValue, 'ada')
    assert.equal(message!.MessageId, receipt!.position)
    client.destroy()
  })

  it('drops a queue with what there is of it, and again', async () => {
    await using at = await place()
    const bus = await at.open()
    const q = queue<Item>('q')
    await bus.send(q, { n: 1 })
    await bus.drop(q)
    await bus.drop(q)
    assert.equal((await bus.depth(q)).ready, 0)
  })

  it('two contracts whose names come out as one are refused, across applications, too', async () => {
    await using at = await place()
    const bus = await at.open()
    await bus.prepare(queue('a.b'))
    const conflict = { name: 'PlanError', code: 'SPILLWAY_P_CONFLICT' }
    await assert.rejects(bus.prepare(queue('a-b')), conflict)
    const other = await at.open()
    await assert.rejects(other.prepare(queue('a-b')), conflict)
    await other.prepare(queue('a.b'))
  })

  it('options name a queue, its attributes, and nothing else', async () => {
    await using at = await place()
    const bus = await at.open()
    const attributes = { MessageRetentionPeriod: '3600' }
    const named = queue<Item>('q', { options: { sqs: { name: 'Legacy', attributes } } })
    await bus.send(named, { n: 1 })
    const other = queue<Item>('x', { options: { sqs: { name: 'Legacy' } } })
    assert.equal((await (await at.open()).depth(other)).ready, 1)
    const cautions = (await bus.plan(named)).filter(({ how }) => how === 'caution')
    assert.deepEqual(
      cautions.map(({ code }) => code),
      ['SPILLWAY_P_RETENTION'],
    )
    const wrong = queue<Item>('y', { options: { sqs: { retention: 1 } } })
    await assert.rejects(bus.prepare(wrong), { code: 'SPILLWAY_E_OPTION' })
    const absent = queue<Item>('z', { options: { sqs: { create: false } } })
    await assert.rejects(bus.prepare(absent), { code: 'SPILLWAY_E_NOT_FOUND' })
  })

  it('a redrive policy that would move a message before its attempts are over is in the plan', async () => {
    await using at = await place()
    const client = at.client()
    const RedrivePolicy = JSON.stringify({
      deadLetterTargetArn: 'arn:aws:sqs:eu-central-1:000000000000:graveyard',
      maxReceiveCount: 3,
    })
    await client.send(new CreateQueueCommand({ QueueName: 'graveyard' }))
    await client.send(new CreateQueueCommand({ QueueName: 'q', Attributes: { RedrivePolicy } }))
    const bus = await at.open()
    const rows = await bus.plan(queue('q', { retry: { attempts: 5 } }))
    assert.ok(rows.some(({ code }) => code === 'SPILLWAY_P_REDRIVE'))
    client.destroy()
  })
})
