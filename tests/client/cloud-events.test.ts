/** CloudEvents of producers that know nothing of our headers, on the embedded engine. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Bus } from '../../src/client/bus.ts'
import { connect, type Headers, queue, Reject, topic } from '../../src/client/client.ts'
import { queueEndpoint, topicEndpoint } from '../../src/client/endpoints.ts'
import { plainOutgoing } from '../../src/client/sending.ts'

interface Order {
  readonly total: number
}

const orders = queue<Order>('orders')
const placed = topic<Order>('placed')

/** As another program would send it: below the client, with its own headers alone. */
async function sendForeign(bus: Bus, contract: typeof orders | typeof placed, headers: Headers) {
  const to = contract.kind === 'queue' ? queueEndpoint(contract) : topicEndpoint(contract)
  const { driver } = Bus.sessionOf(bus)
  await bus.prepare(contract)
  const body = new TextEncoder().encode('{"total":-1}')
  const all = { 'content-type': 'application/json', ...headers }
  await driver.send([{ ...plainOutgoing, to, id: '', key: undefined, body, headers: all }])
}

const prefixes = ['ce_', 'ce-', 'cloudevents_', 'cloudevents:']

function event(prefix: string): Headers {
  const attributes = { specversion: '1.0', id: 'e-1', source: '/legacy', type: 'placed' }
  const named = { ...attributes, partitionkey: 'ada' }
  return Object.fromEntries(Object.entries(named).map(([name, text]) => [prefix + name, text]))
}

describe('CloudEvents', () => {
  for (const prefix of prefixes) {
    it(`are read with the prefix ${prefix}, and settled as any message`, async () => {
      await using plain = await connect(`memory:${prefix.replace(':', '.')}`)
      await sendForeign(plain, orders, event(prefix))
      const url = `memory:${prefix.replace(':', '.')}`
      await using bus = await connect(url, { headers: 'cloudevents' })
      assert.equal((await bus.peek(orders))[0]?.id, 'e-1')
      const got: unknown[] = []
      const worker = bus.consume(orders, (order, { id, key, headers }) => {
        got.push(id, key, headers['spillway-type'], headers[`${prefix}source`])
        if (order.total < 0) throw new Reject('negative')
      })
      while ((await bus.dlq(orders).count()) === 0) await new Promise(setImmediate)
      await worker.drain()
      assert.deepEqual(got, ['e-1', 'ada', 'placed', '/legacy'])
      for await (const letter of bus.dlq(orders).peek()) {
        assert.equal(letter.id, 'e-1')
        assert.equal(letter.headers[`${prefix}source`], '/legacy', 'it stays what it was')
      }
    })
  }

  it('are handled effectively once, and read from history', async () => {
    await using plain = await connect('memory:once')
    await sendForeign(plain, orders, event('ce-'))
    await sendForeign(plain, placed, event('ce-'))
    await using bus = await connect('memory:once', { headers: 'cloudevents' })
    const follows = queue<Order>('follows')
    const options = { guarantee: 'effectively-once' } as const
    bus.consume(orders, (order, message) => message.send(follows, order), options)
    await bus.prepare(follows)
    while ((await bus.depth(follows)).ready === 0) await new Promise(setImmediate)
    const [next] = await bus.peek(follows)
    assert.equal(next?.headers['spillway-causation'], 'e-1')
    const events: string[] = []
    for await (const { id, key } of bus.read(placed)) events.push(`${id} ${key}`)
    assert.deepEqual(events, ['e-1 ada'])
  })

  it('are not looked for without the option', async () => {
    await using bus = await connect('memory:')
    await sendForeign(bus, orders, event('ce-'))
    assert.notEqual((await bus.peek(orders))[0]?.id, 'e-1')
  })
})
