/** The driver for Redis Streams on Spillway's own Redis port: the suite, and what breaks. */

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { connect, queue } from '../../../src/client/client.ts'
import { startBroker } from '../../../src/harness/testing.ts'
import { startProxy } from '../../harness/proxy.ts'
import { deferred, within } from '../../harness/wait.ts'
import { lossCases } from './losses.ts'
import { driverSuite } from './suite.ts'

driverSuite({
  name: 'Spillway over Redis',
  unitMs: 40,
  atATime: 8,
  // Only a time to live for each message is impossible.
  skipped: 3,
  start: async () => {
    const broker = await startBroker({ protocols: ['redis'] })
    return { url: broker.urls.redis, stop: async () => broker[Symbol.asyncDispose]() }
  },
})

const plain = queue<{ key: string }>('plain')
const keyed = queue<{ key: string }>('keyed', { key: ({ key }) => key })

function urlOf(port: number): string {
  return `redis://127.0.0.1:${port}`
}

describe('lost connections to Spillway over Redis', { concurrency: 4 }, () => {
  const started = startBroker({ protocols: ['redis'] })
  const portOf = async () => Number(new URL((await started).urls.redis).port)
  after(async () => (await started).close())

  for (const one of lossCases) {
    // A lease outlives a connection here, so what is in hand is not lost with it: see below.
    if (one.bound) continue
    it(one.name, { timeout: 60_000 }, async () => {
      const proxy = await startProxy(await portOf())
      try {
        await one.run({ url: urlOf(proxy.port), run: 'l', cut: () => proxy.cut() })
      } finally {
        await proxy.close()
      }
    })
  }

  it('cut with a message in hand: it is settled when there is a connection again', async () => {
    const proxy = await startProxy(await portOf())
    const bus = await connect(urlOf(proxy.port), { emulate: 'allow' })
    const q = { ...plain, name: 'in-hand' }
    await bus.send(q, { key: 'k' })
    const attempts: number[] = []
    const handled = deferred<undefined>()
    const worker = bus.consume(q, async (_, { attempt }) => {
      attempts.push(attempt)
      proxy.cut()
      // The loss is noticed before the handler returns.
      await assert.rejects(bus.send(q, { key: 'lost' }), { code: 'SPILLWAY_E_DISCONNECTED' })
      handled.resolve(undefined)
    })
    await within('the handler', handled.promise)
    await worker.drain()
    const { leased } = await bus.depth(q)
    assert.deepEqual({ attempts, leased }, { attempts: [1], leased: 0 })
    await bus.close()
    await proxy.close()
  })

  it('a bus closes although its server is gone', { timeout: 60_000 }, async () => {
    const proxy = await startProxy(await portOf())
    const bus = await connect(urlOf(proxy.port), { emulate: 'allow' })
    await bus.consume(plain, () => {}).ready
    await bus.consume(keyed, () => {}).ready
    await proxy.close()
    await within('the close', bus.close())
    await using other = await connect((await started).urls.redis)
    await other.drop(plain)
    await other.drop(keyed)
  })

  for (const contract of [plain, keyed]) {
    const name = `a consumer that says nothing more loses its message of ${contract.name}, counted`
    it(name, { timeout: 60_000 }, async () => {
      const q = { ...contract, name: `${contract.name}-left` }
      const proxy = await startProxy(await portOf())
      const lost = await connect(urlOf(proxy.port), { emulate: 'allow' })
      await lost.send(q, { key: 'k' })
      const began = deferred<undefined>()
      const gate = deferred<undefined>()
      const first = lost.consume(
        q,
        async () => {
          began.resolve(undefined)
          await gate.promise
        },
        { lease: '600ms' },
      )
      await first.ready
      await within('the first handler', began.promise)
      await proxy.close()
      await using bus = await connect((await started).urls.redis, { emulate: 'allow' })
      const attempts = deferred<number>()
      const handler = (_: unknown, { attempt }: { readonly attempt: number }) => {
        attempts.resolve(attempt)
      }
      const second = bus.consume(q, handler, { lease: '600ms' })
      await second.ready
      assert.equal(await within('the second handler', attempts.promise), 2)
      await second.drain()
      gate.resolve(undefined)
      await lost.close({ timeout: 0 })
    })
  }
})
