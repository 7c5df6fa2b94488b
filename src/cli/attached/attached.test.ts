/** A studio that looks at another backend: what it shows, what it refuses, what it leaves alone. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveApp } from '../../admin/http.ts'
import { type Bus, connect, queue, topic } from '../../client/client.ts'
import { systemClock } from '../../platform/clock.ts'
import { systemRandom } from '../../platform/random.ts'
import { attachedApp } from './app.ts'
import { AttachedBackend } from './backend.ts'
import type {
  Ability,
  Attached,
  AttachedLetter,
  AttachedListing,
  AttachedMessage,
} from './contract.ts'

interface Answer<T> {
  readonly status: number
  readonly body: T
}

interface Refusal {
  readonly error: { readonly code: string; readonly message: string }
}

async function withStudio(
  run: (
    bus: Bus,
    call: <T = Refusal>(method: string, path: string, body?: unknown) => Promise<Answer<T>>,
    backend: AttachedBackend,
    app: ReturnType<typeof attachedApp>,
  ) => Promise<void>,
  readOnly = false,
): Promise<void> {
  const bus = await connect('memory:', { telemetry: false })
  const url = 'amqp://me:secret@host/?management=http://me:secret@host:15672'
  const backend = new AttachedBackend(bus, { url, readOnly })
  const about = {
    version: '1',
    node: '20',
    startedAt: 0,
    durability: '',
    data: undefined,
    host: '127.0.0.1',
  }
  const ports = { clock: systemClock, random: systemRandom, about, endpoints: () => [], readOnly }
  const app = attachedApp(ports, backend)
  const call = async <T>(method: string, path: string, body?: unknown): Promise<Answer<T>> => {
    const response = await app.request(path, {
      method,
      headers: { host: '127.0.0.1:7420', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as T }
  }
  try {
    await run(bus, call, backend, app)
  } finally {
    await bus.close()
  }
}

const orders = queue<{ id: number }>('orders', { retry: { attempts: 1 } })

test('what is watched is shown with its depth, and looking makes nothing', async () => {
  await withStudio(async (bus, call) => {
    await bus.send(orders, [{ id: 1 }, { id: 2 }])
    const missing = await call('POST', '/api/attached', { name: 'nobody', kind: 'queue' })
    assert.equal(missing.status, 503)
    assert.match(missing.body.error.message, /not-found/)
    const again = await call('POST', '/api/attached', { name: 'nobody', kind: 'queue' })
    assert.equal(again.status, 503, 'the first look has made none')
    await call('POST', '/api/attached', { name: 'orders', kind: 'queue' })
    const { body } = await call<Attached>('GET', '/api/attached')
    const shown = 'amqp://me@host/?management=http://me@host:15672'
    assert.equal(body.url, shown, 'passwords are not shown')
    const [row] = body.watched
    assert.deepEqual(row?.depth, { ready: 2, leased: 0, delayed: 0, approximate: false })
  })
})

test('messages are looked at without an effect, sent, and purged', async () => {
  await withStudio(async (bus, call) => {
    await bus.send(orders, { id: 7 })
    await call('POST', '/api/attached', { name: 'orders', kind: 'queue' })
    const path = '/api/attached/orders/messages'
    assert.equal((await call('POST', path, { body: '{"id":8}' })).status, 200)
    for (let look = 0; look < 2; look++) {
      const { body } = await call<AttachedMessage[]>('GET', path)
      assert.deepEqual(
        body.map(message => message.body.data),
        ['{"id":7}', '{"id":8}'],
      )
    }
    assert.deepEqual((await call<object>('DELETE', path)).body, { count: 2 })
  })
})

test('dead letters are shown with their errors, and the chosen ones are sent back', async () => {
  await withStudio(async (bus, call) => {
    const seen: number[] = []
    let isBroken = true
    const worker = bus.consume(orders, ({ id }) => {
      if (isBroken) throw id === 1 ? new TypeError('odd') : new RangeError('far')
      seen.push(id)
    })
    await bus.send(orders, [{ id: 1 }, { id: 2 }])
    await call('POST', '/api/attached', { name: 'orders', kind: 'queue' })
    const letters = async () => {
      const { body } = await call<AttachedLetter[]>('GET', '/api/attached/orders/dead')
      return Array.isArray(body) ? body : []
    }
    while ((await letters()).length < 2) await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual((await letters()).map(({ error }) => error.name).sort(), [
      'RangeError',
      'TypeError',
    ])
    isBroken = false
    const path = '/api/attached/orders/redrive'
    const dry = await call<object>('POST', path, { error: 'TypeError', dryRun: true })
    assert.deepEqual(dry.body, { looked: 2, matched: 1, redriven: 0 })
    const real = await call<{ redriven: number }>('POST', path, { error: 'TypeError' })
    assert.equal(real.body.redriven, 1)
    while (seen.length === 0) await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(seen, [1])
    assert.equal((await letters()).length, 1)
    await worker.drain()
  })
})

test('what is there is listed, and one with keys is watched as it is', async () => {
  await withStudio(async (bus, call) => {
    const keyed = queue<{ id: number }>('by-key', { key: ({ id }) => String(id) })
    await bus.send(keyed, { id: 7 })
    await bus.publish(topic<number>('events'), 1)
    const { body } = await call<AttachedListing>('GET', '/api/attached-listing')
    assert.deepEqual(body, {
      found: [
        { name: 'by-key', kind: 'queue' },
        { name: 'events', kind: 'topic' },
      ],
      notes: [],
    })
    await call('POST', '/api/attached', { name: 'by-key', kind: 'queue' })
    await call('POST', '/api/attached/by-key/messages', { body: '{}', key: '8' })
    const messages = await call<AttachedMessage[]>('GET', '/api/attached/by-key/messages')
    assert.deepEqual(
      messages.body.map(({ key }) => key),
      ['7', '8'],
    )
  })
})

test('what a backend cannot do is said in the words of its driver', async () => {
  await withStudio(async (bus, call) => {
    await bus.send(orders, { id: 1 })
    await call('POST', '/api/attached', { name: 'orders', kind: 'queue' })
    const { body } = await call<Ability[]>('GET', '/api/attached/orders/abilities')
    const send = body.find(({ feature }) => feature === 'send')
    assert.equal(send?.how, 'native')
    assert.match(send?.why ?? '', /gone with the process/)
    const overview = await call('GET', '/api/overview')
    assert.equal(overview.status, 404)
    assert.match(overview.body.error.message, /client's driver/)
  })
})

test('a read-only studio changes nothing there, and other sites nothing at all', async () => {
  await withStudio(async (bus, call, backend) => {
    await bus.send(orders, { id: 1 })
    await backend.watch({ name: 'orders', kind: 'queue' })
    const path = '/api/attached/orders/messages'
    assert.equal((await call('DELETE', path)).body.error.code, 'read-only')
    assert.equal((await call('POST', path, { body: 'x' })).body.error.code, 'read-only')
    assert.equal((await call<AttachedMessage[]>('GET', path)).body.length, 1)
  }, true)
})

test('over a socket: a request without a body is taken, one of unknown length is not', async () => {
  await withStudio(async (bus, _call, backend, app) => {
    await bus.send(orders, { id: 1 })
    await backend.watch({ name: 'orders', kind: 'queue' })
    const open = () => Promise.resolve({ app, stop: () => undefined })
    const server = await serveApp(open, systemClock, { host: '127.0.0.1', port: 0 })
    const url = `http://127.0.0.1:${server.port}/api/attached/orders/messages`
    const headers = { 'content-type': 'application/json' }
    try {
      const chunked = await fetch(url, {
        method: 'POST',
        headers,
        body: new Blob(['{"body":"x"}']).stream(),
        duplex: 'half',
      })
      assert.equal(chunked.status, 411)
      const long = await fetch(url, { method: 'POST', headers, body: 'x'.repeat(33 * 1024 * 1024) })
      assert.equal(long.status, 413)
      const purged = await fetch(url, { method: 'DELETE', headers })
      assert.deepEqual(await purged.json(), { count: 1 })
    } finally {
      server.close(() => undefined)
      server.destroy()
    }
  })
})
