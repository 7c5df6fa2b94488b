/** Run by fixtures.test.ts: two of these tests fail on purpose, and must be explained. */

import { queue, topic } from 'spillway'
import { brokerPerFile, brokerPerTest } from 'spillway/vitest'
import { test as base, describe, expect } from 'vitest'

const orders = queue('orders', { retry: { attempts: 2, backoff: { kind: 'fixed', ms: 0 } } })

const fileTest = base.extend(brokerPerFile({ protocols: [] }))

describe.concurrent('a broker per test', () => {
  const test = base.extend(brokerPerTest({ protocols: ['amqp'], clock: 'manual' }))
  const urls = new Set()

  for (const time of ['first', 'second']) {
    test(`${time}: it is new, and empty`, async ({ broker }) => {
      const bus = await broker.connect()
      expect((await bus.depth(orders)).ready).toBe(0)
      await bus.send(orders, { n: 1 })
      expect(broker.urls.amqp).toMatch(/^amqp:/)
      expect(urls).not.toContain(broker.urls.amqp)
      urls.add(broker.urls.amqp)
    })
  }

  test('who does not ask for one has none', ({ task }) => {
    expect(task.name).toContain('who')
  })

  test('fails on purpose', async ({ broker }) => {
    const bus = await broker.connect()
    const worker = bus.consume(orders, () => {
      throw new Error('the gateway said no')
    })
    await bus.send(orders, { n: 1 }, { id: 'order-1' })
    while ((await bus.dlq(orders).count()) === 0) await new Promise(setImmediate)
    await worker.drain()
    expect.fail('on purpose')
  })
})

describe('a broker per file', () => {
  const placed = topic('placed')

  fileTest('has what it is given', async ({ broker }) => {
    const bus = await broker.connect()
    await bus.publish(placed, { n: 1 })
  })

  fileTest('keeps it for the next test', async ({ broker }) => {
    const bus = await broker.connect()
    expect((await bus.depth(placed)).ready).toBe(1)
  })

  fileTest('fails on purpose, too', async ({ broker }) => {
    const bus = await broker.connect()
    await bus.send(orders, { n: 2 }, { id: 'order-2' })
    expect.fail('on purpose')
  })
})
