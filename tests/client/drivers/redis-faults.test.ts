/** The driver for Redis Streams when things break: connections, consumers, the server's memory. */

import assert from 'node:assert/strict'
import { createServer, connect as dial, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { type Bus, type BusEvent, connect, queue, topic } from '../../../src/client/client.ts'
import { startBroker } from '../../../src/harness/testing.ts'
import { deferred, within } from '../../harness/wait.ts'

interface Item {
  readonly n: number
  readonly key?: string
}

const plain = queue<Item>('plain', { retry: { attempts: 3, backoff: { kind: 'fixed', ms: 0 } } })
const keyed = queue<Item>('keyed', { key: ({ key = '' }) => key })

async function open(url: string, events: BusEvent[] = []): Promise<Bus> {
  return connect(url, { emulate: 'allow', onEvent: event => events.push(event) })
}

/** Sends until it is confirmed, as an application would. */
async function sendSurely(bus: Bus, contract: typeof plain, item: Item): Promise<void> {
  for (;;) {
    try {
      await bus.send(contract, item)
      return
    } catch (error) {
      if ((error as { retryable?: boolean }).retryable !== true) throw error
    }
  }
}

/** A way to a server that can be closed for good. */
async function startProxy(port: number): Promise<{ readonly url: string; cut(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer(near => {
    const far = dial(port, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    url: `redis://127.0.0.1:${address.port}`,
    cut: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

describe('the Redis driver when connections break', { concurrency: true }, () => {
  for (const contract of [plain, keyed]) {
    it(`${contract.name}: nothing that was confirmed is lost`, { timeout: 30_000 }, async () => {
      await using broker = await startBroker({ protocols: ['redis'] })
      const events: BusEvent[] = []
      await using bus = await open(broker.urls.redis, events)
      const seen = new Set<number>()
      const all = deferred<undefined>()
      const count = 300
      const worker = bus.consume(
        contract,
        ({ n }) => {
          seen.add(n)
          if (seen.size === count) all.resolve(undefined)
        },
        { concurrency: 4, prefetch: 16 },
      )
      await worker.ready
      for (let n = 0; n < count; n++) {
        if (n % 60 === 30) broker.faults.dropConnections()
        await sendSurely(bus, contract, { n, key: `k${n % 7}` })
      }
      await within('all messages', all.promise)
      assert.ok(events.some(({ kind }) => kind === 'disconnected'))
      await worker.drain()
      const { ready, leased, delayed } = await bus.depth(contract)
      assert.deepEqual({ ready, leased, delayed }, { ready: 0, leased: 0, delayed: 0 })
    })
  }

  it('what is in hand while the connection breaks is settled afterwards', async () => {
    await using broker = await startBroker({ protocols: ['redis'] })
    await using bus = await open(broker.urls.redis)
    const began = deferred<undefined>()
    const gate = deferred<undefined>()
    let calls = 0
    const worker = bus.consume(plain, async () => {
      calls++
      began.resolve(undefined)
      await gate.promise
    })
    await worker.ready
    await bus.send(plain, { n: 1 })
    await within('the handler', began.promise)
    broker.faults.dropConnections()
    gate.resolve(undefined)
    await worker.drain()
    const { ready, leased } = await bus.depth(plain)
    assert.deepEqual({ calls, ready, leased }, { calls: 1, ready: 0, leased: 0 })
  })

  it('a reader of history goes on where it was', async () => {
    await using broker = await startBroker({ protocols: ['redis'] })
    await using bus = await open(broker.urls.redis)
    const events = topic<Item>('events')
    await bus.publish(events, [{ n: 1 }, { n: 2 }])
    const seen: number[] = []
    const abort = new AbortController()
    for await (const { body } of bus.read(events, { to: 'forever', signal: abort.signal })) {
      seen.push(body.n)
      if (body.n === 2) {
        broker.faults.dropConnections()
        for (;;) {
          const published = await bus.publish(events, { n: 3 }).catch(() => undefined)
          if (published !== undefined) break
        }
      }
      if (body.n === 3) abort.abort()
    }
    assert.deepEqual(seen, [1, 2, 3])
  })

  it('a bus closes although its server is gone', async () => {
    const broker = await startBroker({ protocols: ['redis'] })
    const bus = await open(broker.urls.redis)
    const worker = bus.consume(plain, () => {})
    const other = bus.consume(keyed, () => {})
    await Promise.all([worker.ready, other.ready])
    await broker.close()
    await within('the close', bus.close())
  })
})

describe('the Redis driver when a consumer is gone', { concurrency: true }, () => {
  for (const contract of [plain, keyed]) {
    it(`${contract.name}: its message comes to another, counted`, { timeout: 30_000 }, async () => {
      await using broker = await startBroker({ protocols: ['redis'] })
      const way = await startProxy(Number(new URL(broker.urls.redis).port))
      const lost = await open(way.url)
      await lost.send(contract, { n: 1, key: 'k' })
      const began = deferred<undefined>()
      const gate = deferred<undefined>()
      const first = lost.consume(
        contract,
        async () => {
          began.resolve(undefined)
          await gate.promise
        },
        { lease: '600ms' },
      )
      await first.ready
      await within('the first handler', began.promise)
      // As a crash does, it says nothing more to the server.
      way.cut()
      await using bus = await open(broker.urls.redis)
      const attempts = deferred<number>()
      const second = bus.consume(contract, (_, { attempt }) => attempts.resolve(attempt), {
        lease: '600ms',
      })
      await second.ready
      assert.equal(await within('the second handler', attempts.promise), 2)
      await second.drain()
      gate.resolve(undefined)
      await lost.close({ timeout: 0 })
    })
  }
})
