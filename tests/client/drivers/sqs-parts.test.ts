/** The parts of the driver for SQS that need no server: addresses, names, envelopes, errors. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type QueueOptions, queue } from '../../../src/client/client.ts'
import type { Endpoint } from '../../../src/client/driver.ts'
import { parseUrl } from '../../../src/client/drivers/sqs/address.ts'
import { Batches } from '../../../src/client/drivers/sqs/batches.ts'
import { open, resealed, seal } from '../../../src/client/drivers/sqs/envelope.ts'
import { errorOf } from '../../../src/client/drivers/sqs/errors.ts'
import { isFifo, queueName, shortId } from '../../../src/client/drivers/sqs/names.ts'
import { queueEndpoint } from '../../../src/client/endpoints.ts'
import { systemClock } from '../../../src/platform/clock.ts'

function endpoint(name: string, options: QueueOptions<unknown> = {}): Endpoint {
  return queueEndpoint(queue(name, options))
}

const text = new TextEncoder()

describe('an address of SQS', () => {
  const endpoints: readonly (readonly [url: string, endpoint: string | undefined])[] = [
    ['sqs:', undefined],
    ['sqs:?region=eu-central-1', undefined],
    ['sqs://localhost', 'http://localhost'],
    ['sqs://localhost:9324?region=x', 'http://localhost:9324'],
    ['sqs://queues.example', 'https://queues.example'],
    ['sqs://queues.example:443', 'https://queues.example:443'],
    ['sqs://queues.example:9324/', 'http://queues.example:9324'],
    ['sqs://queues.example:9324?tls=true', 'https://queues.example:9324'],
    ['sqs://queues.example?tls=false', 'http://queues.example'],
    ['sqs://[::1]:4566', 'http://[::1]:4566'],
  ]
  for (const [url, expected] of endpoints) {
    it(`${url} is ${expected ?? 'AWS'}`, () => assert.equal(parseUrl(url).endpoint, expected))
  }

  it('has credentials, a region and a wait', () => {
    const { credentials, region, waitSeconds } = parseUrl('sqs://k%2Fx:s%40@h:1?region=r&wait=20')
    assert.deepEqual(credentials, { accessKeyId: 'k/x', secretAccessKey: 's@' })
    assert.equal(region, 'r')
    assert.equal(waitSeconds, 20)
  })

  it('of AWS names its region', () => {
    const { endpoint, region } = parseUrl('sqs://sqs.eu-west-1.amazonaws.com')
    assert.equal(endpoint, 'https://sqs.eu-west-1.amazonaws.com')
    assert.equal(region, 'eu-west-1')
  })

  for (const url of ['sqs://h?x=1', 'sqs://h/path', 'sqs://h?wait=21', 'sqs://h?tls=1']) {
    it(`${url} is refused`, () => assert.throws(() => parseUrl(url), { code: 'SPILLWAY_E_URL' }))
  }

  it('is refused without telling its secret', () => {
    assert.throws(
      () => parseUrl('sqs://key:secret@h?x=1'),
      error => !String(error).includes('secret'),
    )
  })
})

describe('names on SQS', () => {
  const names: readonly (readonly [Endpoint, string])[] = [
    [endpoint('orders'), 'orders'],
    [endpoint('order.placed'), 'order-placed'],
    [endpoint('orders', { key: () => 'k' }), 'orders.fifo'],
    [endpoint('orders.fifo', { key: () => 'k' }), 'orders.fifo'],
    [endpoint('orders', { dedupe: { id: () => 'i', window: '5m' } }), 'orders.fifo'],
    [endpoint('orders', { dedupe: { id: () => 'i', window: '1h' } }), 'orders'],
    [endpoint('orders', { options: { sqs: { name: 'Legacy_Orders' } } }), 'Legacy_Orders'],
    [{ ...endpoint('orders.dlq', { key: () => 'k' }), role: 'dead' }, 'orders-dlq'],
  ]
  for (const [of, expected] of names) {
    it(`${of.name} (${of.role}${of.keyed ? ', with keys' : ''}) is ${expected}`, () => {
      assert.equal(queueName(of), expected)
      assert.equal(isFifo(of), expected.endsWith('.fifo'))
    })
  }

  it('are cut where they are too long, and stay different', () => {
    const [a, b] = ['a', 'b'].map(end =>
      queueName(endpoint('x'.repeat(79) + end, { key: () => '' })),
    )
    assert.equal(a!.length, 80)
    assert.match(a!, /^[x0-9a-f-]+\.fifo$/)
    assert.notEqual(a, b)
  })

  it('of groups and duplicates are the text itself, or its digest', () => {
    assert.equal(shortId('customer/7'), 'customer/7')
    for (const odd of ['', 'with space', 'ž', 'x'.repeat(129)]) {
      assert.match(shortId(odd), /^sha256:[0-9a-f]{64}$/)
    }
  })
})

describe('an envelope of SQS', () => {
  const bodies: readonly (readonly [string, Uint8Array])[] = [
    ['text', text.encode('{"a":"ž 🐎"}')],
    ['nothing', new Uint8Array()],
    ['all bytes', Uint8Array.from({ length: 256 }, (_, byte) => byte)],
    ['a control character', text.encode('a\u0001b')],
    ['no character', text.encode('a\uffffb')],
    ['a byte order mark', text.encode('\ufeffx')],
  ]
  for (const [name, body] of bodies) {
    it(`keeps a body of ${name}`, () => {
      const { MessageBody, MessageAttributes } = seal(body, {})
      assert.notEqual(MessageBody, '')
      const opened = open({ Body: MessageBody, MessageAttributes })
      assert.deepEqual(opened.body, body)
    })
  }

  it('keeps any headers, in ten attributes at most', () => {
    const headers: { [name: string]: string } = {
      'spillway-id': 'i',
      empty: '',
      odd: 'a\u0000b\ud800',
      'a name with spaces': 'x',
      'aws.own': 'y',
      long: 'l'.repeat(5000),
    }
    for (let n = 0; n < 20; n++) headers[`h${n}`] = `ž${n}`
    const { MessageBody, MessageAttributes } = seal(text.encode('x'), headers)
    assert.equal(Object.keys(MessageAttributes).length, 10)
    for (const { StringValue } of Object.values(MessageAttributes)) {
      assert.match(StringValue!, /^[\u0020-\ud7ff]+$/)
    }
    assert.deepEqual(open({ Body: MessageBody, MessageAttributes }).headers, headers)
  })

  it('shows headers to others under their own names', () => {
    const { MessageAttributes } = seal(text.encode('x'), { tenant: 'ada', 'spillway-id': 'i' })
    assert.deepEqual(MessageAttributes['tenant'], { DataType: 'String', StringValue: 'ada' })
    assert.deepEqual(Object.keys(MessageAttributes), ['tenant', 'spillway'])
  })

  it('reads what others have written, and an attribute of our name that is not ours', () => {
    const MessageAttributes = {
      Tenant: { DataType: 'String', StringValue: 'ada' },
      count: { DataType: 'Number', StringValue: '7' },
      bytes: { DataType: 'Binary', BinaryValue: Uint8Array.of(1) },
      spillway: { DataType: 'String', StringValue: 'no JSON' },
    }
    const { headers, body } = open({ Body: 'hello', MessageAttributes })
    assert.deepEqual(headers, { tenant: 'ada', count: '7' })
    assert.deepEqual(body, text.encode('hello'))
  })

  it('takes notes, and none where there is no room', () => {
    const sealed = seal(text.encode('x'), { tenant: 'ada' }, { due: 5 })
    const again = resealed({ Body: 'x', ...sealed }, { attempts: 3 })!
    const { attempts, due, headers } = open({ Body: 'x', ...again })
    assert.deepEqual(
      { attempts, due, headers },
      { attempts: 3, due: 5, headers: { tenant: 'ada' } },
    )
    const full = Object.fromEntries(
      Array.from({ length: 10 }, (_, n) => [`h${n}`, { DataType: 'String', StringValue: 'x' }]),
    )
    assert.equal(resealed({ Body: 'x', MessageAttributes: full }, { attempts: 1 }), undefined)
  })
})

describe('errors of SQS', () => {
  const errors: readonly (readonly [object, code: string, retryable: boolean])[] = [
    [{ name: 'QueueDoesNotExist' }, 'SPILLWAY_E_NOT_FOUND', false],
    [{ name: 'AWS.SimpleQueueService.NonExistentQueue' }, 'SPILLWAY_E_NOT_FOUND', false],
    [{ name: 'ReceiptHandleIsInvalid' }, 'SPILLWAY_E_LOST', true],
    [
      { name: 'InvalidParameterValue', message: 'The receipt handle has expired' },
      'SPILLWAY_E_LOST',
      true,
    ],
    [{ name: 'RequestThrottled' }, 'SPILLWAY_E_OVERLOADED', true],
    [{ name: 'PurgeQueueInProgress' }, 'SPILLWAY_E_BUSY', true],
    [{ name: 'CredentialsProviderError' }, 'SPILLWAY_E_ACCESS', false],
    [{ name: 'X', $metadata: { httpStatusCode: 403 } }, 'SPILLWAY_E_ACCESS', false],
    [{ name: 'X', $metadata: { httpStatusCode: 500 } }, 'SPILLWAY_E_BACKEND', true],
    [{ name: 'X', $metadata: { httpStatusCode: 400 } }, 'SPILLWAY_E_REFUSED', false],
    [{ name: 'Error', code: 'ECONNRESET' }, 'SPILLWAY_E_CONNECTION', true],
    [{ name: 'QueueNameExists' }, 'SPILLWAY_P_CONFLICT', false],
  ]
  for (const [thrown, code, retryable] of errors) {
    it(`${JSON.stringify(thrown)} is ${code}`, () => {
      const error = errorOf(Object.assign(new Error('why'), thrown), 'orders: Send')
      assert.deepEqual([error.code, error.retryable, error.backend], [code, retryable, 'sqs'])
      assert.equal(error.cause instanceof Error, true)
    })
  }
})

describe('batches of SQS', () => {
  interface Item {
    readonly n: number
    readonly lane: string
    readonly size?: number
  }

  /** Requests under way, each ended by the test. */
  function gathered() {
    const requests: { readonly numbers: readonly number[]; end(): void }[] = []
    const batches = new Batches<Item, number>({
      soon: systemClock.soon,
      weigh: ({ size = 1 }) => size,
      laneOf: ({ lane }) => lane,
      run: items =>
        new Promise(resolve => {
          const numbers = items.map(({ n }) => n)
          requests.push({ numbers, end: () => resolve(numbers) })
        }),
    })
    return { requests, batches }
  }

  const turn = (): Promise<void> => new Promise(resolve => systemClock.soon(resolve))

  it('what is called in one turn goes together, up to ten', async () => {
    const { requests, batches } = gathered()
    const all = Array.from({ length: 12 }, (_, n) => batches.add({ n, lane: `${n}` }))
    await turn()
    assert.deepEqual(
      requests.map(({ numbers }) => numbers.length),
      [10, 2],
    )
    for (const { end } of requests) end()
    assert.deepEqual(
      await Promise.all(all),
      Array.from({ length: 12 }, (_, n) => n),
    )
  })

  it('a lane has one request at a time, and keeps its order', async () => {
    const { requests, batches } = gathered()
    const first = batches.add({ n: 1, lane: 'a' })
    await turn()
    const rest = [2, 3].map(n => batches.add({ n, lane: 'a' }))
    const other = batches.add({ n: 4, lane: 'b' })
    await turn()
    assert.deepEqual(
      requests.map(({ numbers }) => numbers),
      [[1], [4]],
    )
    for (const { end } of requests) end()
    await Promise.all([first, other])
    await turn()
    assert.deepEqual(requests[2]?.numbers, [2, 3])
    requests[2]!.end()
    await Promise.all(rest)
  })

  it('a request is no larger than servers take, and one that is larger goes alone', async () => {
    const { requests, batches } = gathered()
    const sizes = [200_000, 100_000, 1_000_000, 1]
    const all = sizes.map((size, n) => batches.add({ n, lane: `${n}`, size }))
    await turn()
    for (let sent = 0; sent < requests.length; sent++) {
      requests[sent]!.end()
      await turn()
    }
    await Promise.all(all)
    assert.deepEqual(
      requests.map(({ numbers }) => numbers),
      [[0], [1], [2], [3]],
    )
  })
})
