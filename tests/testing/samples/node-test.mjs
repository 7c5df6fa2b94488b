/** Run by fixtures.test.ts: two of these tests fail on purpose, and must be explained. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { queue, topic } from 'spillway'
import { useBroker } from 'spillway/node-test'

const orders = queue('orders', { retry: { attempts: 2, backoff: { kind: 'fixed', ms: 0 } } })

describe('a broker per test', () => {
  const broker = useBroker({ protocols: ['amqp'], clock: 'manual' })
  const urls = new Set()

  for (const time of ['first', 'second']) {
    test(`${time}: it is new, and empty`, async () => {
      const bus = await broker.connect()
      assert.equal((await bus.depth(orders)).ready, 0)
      await bus.send(orders, { n: 1 })
      urls.add(broker.urls.amqp)
      assert.match(broker.urls.amqp, /^amqp:/)
    })
  }

  test('they were two', () => assert.equal(urls.size, 2))

  test('fails on purpose', async () => {
    const bus = await broker.connect()
    const worker = bus.consume(orders, () => {
      throw new Error('the gateway said no')
    })
    await bus.send(orders, { n: 1 }, { id: 'order-1' })
    while ((await bus.dlq(orders).count()) === 0) await new Promise(setImmediate)
    await worker.drain()
    assert.fail('on purpose')
  })
})

describe('a broker per file', () => {
  const broker = useBroker({ protocols: [], per: 'file' })
  const placed = topic('placed')

  test('has what it is given', async () => {
    const bus = await broker.connect()
    await bus.publish(placed, { n: 1 })
  })

  test('keeps it for the next test', async () => {
    const bus = await broker.connect()
    assert.equal((await bus.depth(placed)).ready, 1)
  })

  test('fails on purpose, too', async () => {
    const bus = await broker.connect()
    await bus.send(orders, { n: 2 }, { id: 'order-2' })
    assert.fail('on purpose')
  })
})

describe('tests at the same time', { concurrency: true }, () => {
  const broker = useBroker({ protocols: [] })
  for (const n of [1, 2]) test(`cannot share it ${n}`, () => broker.connect())
})
