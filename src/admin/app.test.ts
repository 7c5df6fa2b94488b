import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openEngine } from '../engine/engine.ts'
import { defaultQueue } from '../engine/model.ts'
import { simulatedWorld } from '../testing/testing.ts'
import { isOwnHost } from './access.ts'
import { openAdmin } from './app.ts'
import type { LeaseResponse, Message, Overview, QueueDetail, QueuePage } from './contract.ts'
import { viewBody } from './views.ts'

interface Answer<T> {
  readonly status: number
  readonly body: T
}

interface Call {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: { readonly [name: string]: string }
}

function fixture(options: { readonly users?: boolean } = {}) {
  const world = simulatedWorld(7)
  const engine = openEngine(world)
  const reasons: string[] = []
  const closed: number[] = []
  const { app } = openAdmin({
    clock: world.clock,
    random: world.random,
    engine,
    connections: {
      list: () => [],
      close: id => {
        closed.push(id)
        return id === 1
      },
      totals: () => [{ protocol: 'amqp', accepted: 3, refused: 1 }],
    },
    about: {
      version: '1.2.3',
      node: '20.0.0',
      startedAt: world.clock.now(),
      durability: 'always',
      data: undefined,
      host: '127.0.0.1',
    },
    notReady: () => reasons,
    endpoints: () => [],
    diskFreeBytes: () => 1000,
    usage: () => ({ residentBytes: 1, heapUsedBytes: 1, processorMs: 1, uptimeMs: 1 }),
    ...(options.users === true
      ? { authenticate: async (name: string, password: string) => name + password === 'ab' }
      : {}),
  })
  /** Calls, and lets simulated time pass until there is an answer. */
  async function call<T = { error: { code: string } }>(path: string, options: Call = {}) {
    const { method = 'GET', body, headers = {} } = options
    let answer: Response | undefined
    const request = app.request(path, {
      method,
      headers: {
        host: '127.0.0.1:7420',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    void Promise.resolve(request).then(response => {
      answer = response
    })
    for (let turn = 0; answer === undefined && turn < 10_000; turn++) {
      await new Promise(resolve => setImmediate(resolve))
      world.clock.advance(1)
    }
    assert.ok(answer !== undefined, `${method} ${path} was never answered`)
    const text = await answer.text()
    const isJson = answer.headers.get('content-type')?.includes('json') === true
    return { status: answer.status, body: isJson ? JSON.parse(text) : text } as Answer<T>
  }
  const post = <T = { error: { code: string } }>(path: string, body: unknown) =>
    call<T>(path, { method: 'POST', body })
  engine.createLog('orders', { queue: defaultQueue })
  return { world, engine, reasons, closed, app, call, post }
}

test('what is sent is seen by peek, any number of times, as text or as base64', async () => {
  const { call, post } = fixture()
  const messages = [
    { body: 'Grüße', key: 'k' },
    { body: '/wA=', encoding: 'base64' },
  ]
  const sent = await post<{ messages: { position: number }[] }>('/api/queues/orders/messages', {
    messages,
  })
  assert.equal(sent.status, 200)
  assert.equal(sent.body.messages.length, 2)
  for (let round = 0; round < 2; round++) {
    const seen = await call<{ messages: Message[] }>('/api/queues/orders/peek')
    assert.deepEqual(
      seen.body.messages.map(({ key, body }) => [key, body.encoding, body.data, body.bytes]),
      [
        ['k', 'text', 'Grüße', 7],
        ['orders', 'base64', '/wA=', 2],
      ],
    )
  }
  const skipped = await call<{ messages: Message[] }>('/api/queues/orders/peek?skip=1&count=1')
  assert.equal(skipped.body.messages[0]?.body.data, '/wA=')
})

test('an answer waits until what it says is on the disk', async () => {
  const { world, app, engine } = fixture()
  let isAnswered = false
  const request = app.request('/api/queues/orders/messages', {
    method: 'POST',
    headers: { host: 'localhost', 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ body: 'x' }] }),
  })
  const answered = Promise.resolve(request).then(response => {
    isAnswered = true
    return response
  })
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  assert.equal(engine.log('orders')?.ready, 1)
  assert.equal(isAnswered, false)
  world.clock.advance(1000)
  assert.equal((await answered).status, 200)
})

test('a leased message is settled by its holder only, once', async () => {
  const { engine, post } = fixture()
  await post('/api/queues/orders/messages', { messages: [{ body: 'one' }, { body: 'two' }] })
  const leased = await post<LeaseResponse>('/api/queues/orders/lease', { count: 10 })
  assert.deepEqual(
    leased.body.messages.map(({ attempts, body }) => [attempts, body.data]),
    [
      [1, 'one'],
      [1, 'two'],
    ],
  )
  const positions = leased.body.messages.map(({ position }) => position)
  const foreign = { holder: 'somebody', positions, as: 'done' }
  assert.equal((await post('/api/queues/orders/settle', foreign)).status, 409)
  const own = { holder: leased.body.holder, positions, as: 'done' }
  assert.equal((await post('/api/queues/orders/settle', own)).status, 200)
  const again = await post('/api/queues/orders/settle', own)
  assert.deepEqual([again.status, again.body.error.code], [409, 'not-leased'])
  assert.equal(engine.log('orders')?.count, 0)
})

test('a lease call waits for a message, and no longer than it was told', async () => {
  const { world, engine, post } = fixture()
  const begun = world.clock.monotonic()
  const empty = await post<LeaseResponse>('/api/queues/orders/lease', { waitMs: 2000 })
  assert.deepEqual(empty.body.messages, [])
  assert.ok(world.clock.monotonic() - begun >= 2000)
  world.clock.schedule(500, () => {
    const bytes = new Uint8Array(3)
    engine.append('orders', [{ format: 0, envelope: new Uint8Array(0), body: bytes }])
  })
  const filled = await post<LeaseResponse>('/api/queues/orders/lease', { waitMs: 20_000 })
  assert.equal(filled.body.messages.length, 1)
})

test('a purge removes what is ready and says how much', async () => {
  const { call, post } = fixture()
  await post('/api/queues/orders/messages', { messages: [{ body: 'a' }, { body: 'b' }] })
  const purged = await call<{ count: number }>('/api/queues/orders/messages', { method: 'DELETE' })
  assert.deepEqual([purged.status, purged.body.count], [200, 2])
  const detail = await call<QueueDetail>('/api/queues/orders')
  assert.equal(detail.body.ready, 0)
})

test('the overview and the list count what is there', async () => {
  const { call, post } = fixture()
  await post('/api/queues/orders/messages', { messages: [{ body: 'a' }] })
  const { body } = await call<Overview>('/api/overview')
  assert.equal(body.counts.queues, 1)
  assert.equal(body.counts.ready, 1)
  assert.equal(body.totals.appended, 1)
  const list = await call<QueuePage>('/api/queues')
  assert.deepEqual(
    list.body.rows.map(({ name, kind, ready }) => [name, kind, ready]),
    [['orders', 'queue', 1]],
  )
})

test('a name with any characters is a path of its own', async () => {
  const { call, engine } = fixture()
  engine.createLog('a/b c%', { queue: defaultQueue })
  const { status, body } = await call<QueueDetail>(`/api/queues/${encodeURIComponent('a/b c%')}`)
  assert.deepEqual([status, body.name], [200, 'a/b c%'])
})

test('what is not there is a 404, what is not understood a 400, as JSON', async () => {
  const { call, post } = fixture()
  assert.equal((await call('/api/queues/none')).status, 404)
  assert.equal((await call('/api/queues/none/peek')).status, 404)
  assert.equal((await call('/nowhere')).body.error.code, 'no-such-path')
  assert.equal((await call('/api/queues/orders/peek?count=x')).status, 400)
  for (const body of [{}, { messages: [] }, { messages: [{ body: 1 }] }, [], 'x']) {
    assert.equal((await post('/api/queues/orders/messages', body)).status, 400)
  }
  assert.equal((await post('/api/queues/orders/settle', { positions: [1] })).status, 400)
  assert.equal((await post('/api/queues/orders/lease', { count: 0 })).status, 400)
  assert.equal((await call('/api/connections/5', { method: 'DELETE' })).status, 404)
})

test('a page of another site changes nothing', async () => {
  const { call, closed } = fixture()
  const path = '/api/connections/1'
  const method = 'DELETE'
  const foreign = await call(path, { method, headers: { origin: 'http://example.com' } })
  assert.deepEqual([foreign.status, foreign.body.error.code], [403, 'foreign-origin'])
  const site = await call(path, { method, headers: { 'sec-fetch-site': 'cross-site' } })
  assert.equal(site.status, 403)
  assert.deepEqual(closed, [])
  const own = await call(path, { method, headers: { origin: 'http://127.0.0.1:7420' } })
  assert.equal(own.status, 200)
  const form = { 'content-type': 'text/plain' }
  const plain = await call('/api/queues/orders/messages', { method: 'POST', headers: form })
  assert.equal(plain.status, 415)
})

test('a foreign name that points here reads nothing', async () => {
  const { call } = fixture()
  const rebound = await call('/api/queues', { headers: { host: 'rebound.example:7420' } })
  assert.deepEqual([rebound.status, rebound.body.error.code], [403, 'foreign-host'])
  assert.equal(isOwnHost('[::1]:7420', '127.0.0.1'), true)
  assert.equal(isOwnHost('localhost:7420', '127.0.0.1'), true)
  assert.equal(isOwnHost('127.0.0.1.example.com', '127.0.0.1'), false)
})

test('with users, everything but the health checks wants one', async () => {
  const { call } = fixture({ users: true })
  const basic = (text: string) => ({
    authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  })
  assert.equal((await call('/readyz')).status, 200)
  assert.equal((await call('/api/queues')).status, 401)
  assert.equal((await call('/metrics')).status, 401)
  assert.equal((await call('/api/queues', { headers: basic('a:c') })).status, 401)
  const host = 'broker.example'
  assert.equal((await call('/api/queues', { headers: { ...basic('a:b'), host } })).status, 200)
})

test('it is live while it stops, but not ready', async () => {
  const { call, reasons } = fixture()
  assert.equal((await call('/readyz')).status, 200)
  reasons.push('stopping')
  const { status, body } = await call<{ reasons: string[] }>('/readyz')
  assert.deepEqual([status, body.reasons], [503, ['stopping']])
  assert.equal((await call('/livez')).status, 200)
})

test('metrics have base units, and a queue that is dropped takes nothing off the sums', async () => {
  const { call, post, engine } = fixture()
  await post('/api/queues/orders/messages', { messages: [{ body: 'a' }, { body: 'b' }] })
  const before = (await call<string>('/metrics')).body
  assert.match(before, /^spillway_queue_records\{queue="orders",state="ready"\} 2$/m)
  assert.match(before, /^spillway_records_appended_total 2$/m)
  assert.match(before, /^spillway_connections_accepted_total\{protocol="amqp"\} 3$/m)
  assert.match(before, /^spillway_build_info\{version="1\.2\.3",node="20\.0\.0"\} 1$/m)
  assert.match(before, /^process_resident_memory_bytes /m)
  engine.dropLog('orders')
  const after = (await call<string>('/metrics')).body
  assert.match(after, /^spillway_records_appended_total 2$/m)
  assert.doesNotMatch(after, /queue="orders"/)
})

test('a long body is cut between characters', () => {
  const bytes = Buffer.from('aäöü')
  const { encoding, data, truncated } = viewBody(bytes, 4)
  assert.deepEqual([encoding, data, truncated], ['text', 'aä', true])
  assert.equal(viewBody(bytes, 7).data, 'aäöü')
})
