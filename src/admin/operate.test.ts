/** What the operate pages ask: browsing, dead letters and their way back, definitions, sign-in. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeUtf8, noBytes } from '../base/bytes.ts'
import { openEngine } from '../engine/engine.ts'
import { simulatedWorld } from '../testing/testing.ts'
import { openAdmin } from './app.ts'
import type {
  Browse,
  DeadLetters,
  Definitions,
  History,
  ImportResult,
  MessageDetail,
  QueueDetail,
  QueuePage,
  Redrive,
  Session,
} from './contract.ts'
import type { AdminPorts } from './ports.ts'

interface Call {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: { readonly [name: string]: string }
}

function fixture(options: Partial<AdminPorts> = {}) {
  const world = simulatedWorld(13)
  const engine = openEngine(world)
  const { app, stop } = openAdmin({
    clock: world.clock,
    random: world.random,
    engine,
    connections: { list: () => [], close: () => false, totals: () => [] },
    about: {
      version: '1.2.3',
      node: '20.0.0',
      startedAt: world.clock.now(),
      durability: 'always',
      data: undefined,
      host: '127.0.0.1',
    },
    notReady: () => [],
    endpoints: () => [],
    diskFreeBytes: () => 1000,
    usage: () => ({ residentBytes: 1, heapUsedBytes: 1, processorMs: 1, uptimeMs: 1 }),
    ...options,
  })
  /** Calls, and lets simulated time pass until there is an answer. */
  async function call<T = { error: { code: string; message: string } }>(
    path: string,
    { method = 'GET', body, headers = {} }: Call = {},
  ) {
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
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as T }
  }
  const post = <T = { error: { code: string } }>(path: string, body: unknown = {}) =>
    call<T>(path, { method: 'POST', body })
  const send = (queue: string, ...bodies: string[]) => {
    for (const body of bodies) {
      engine.append(queue, [{ format: 0, envelope: noBytes, body: encodeUtf8(body) }])
    }
  }
  const bodies = async (path: string) => {
    const { body } = await call<Browse>(path)
    return body.messages.map(message => message.body.data)
  }
  return { world, engine, app, stop, call, post, send, bodies }
}

/** A queue whose rejected messages go to `dead`. */
function withDeadLetters(options: Partial<AdminPorts> = {}) {
  const all = fixture(options)
  const { engine, send } = all
  engine.createLog('dead', { queue: {} })
  engine.createLog('orders', { queue: { deadLetter: { route: '', key: 'dead' }, attemptsMax: 1 } })
  engine.createLog('mail', { queue: { deadLetter: { route: '', key: 'dead' } } })
  const kill = (queue: string, kind: 'reject' | 'return') => {
    const leased = engine.lease({ log: queue }, { holder: 'h', countMax: 100 })
    assert.ok(leased.ok)
    const positions = leased.value.map(({ record }) => record.position)
    assert.ok(engine.settle({ log: queue }, 'h', positions, { kind }).ok)
  }
  send('orders', 'a', 'b', 'c')
  kill('orders', 'reject')
  send('mail', 'm')
  kill('mail', 'reject')
  send('orders', 'late')
  kill('orders', 'return')
  assert.equal(engine.log('dead')?.ready, 5)
  return all
}

test('messages are browsed in both directions, page by page, in whatever state', async () => {
  const { engine, send, call, bodies } = fixture()
  engine.createLog('q', { queue: {} })
  send('q', ...Array.from({ length: 10 }, (_, index) => `m${index}`))
  engine.lease({ log: 'q' }, { holder: 'worker', countMax: 2 })
  const first = await call<Browse>('/api/queues/q/messages?limit=4')
  assert.deepEqual(
    first.body.messages.map(({ body, state, holder }) => [body.data, state, holder]),
    [
      ['m0', 'leased', 'worker'],
      ['m1', 'leased', 'worker'],
      ['m2', 'ready', null],
      ['m3', 'ready', null],
    ],
  )
  const next = `/api/queues/q/messages?limit=4&cursor=${first.body.cursor}`
  assert.deepEqual(await bodies(next), ['m4', 'm5', 'm6', 'm7'])
  assert.deepEqual(await bodies('/api/queues/q/messages?from=newest&limit=2'), ['m9', 'm8'])
  assert.deepEqual(await bodies('/api/queues/q/messages?state=leased'), ['m0', 'm1'])
  assert.equal((await call('/api/queues/none/messages')).status, 404)
  assert.equal((await call('/api/queues/q/messages?limit=0')).status, 400)
})

test('a queue that was made here is altered: set, cleared, kept, and others say who decides', async () => {
  const { engine, post } = fixture()
  engine.createLog('q', { queue: { ttlMs: 5000, attemptsMax: 3 } })
  engine.createLog('log', {})
  const answer = await post<QueueDetail>('/api/queues/q/settings', { ttlMs: null, countMax: 10 })
  assert.equal(answer.status, 200)
  const { ttlMs, countMax, attemptsMax } = engine.log('q')!.config.queue!
  assert.deepEqual([ttlMs, countMax, attemptsMax], [undefined, 10, 3])
  assert.equal((await post('/api/queues/q/settings', { ttlMs: 'soon' })).status, 400)
  assert.equal((await post('/api/queues/q/settings', { overflow: 'flood' })).status, 400)
  assert.equal((await post('/api/queues/log/settings', { ttlMs: 1 })).status, 409)
  assert.equal((await post('/api/queues/none/settings', {})).status, 404)
})

test('browsing leaves every counter as it was', async () => {
  const { engine, send, call } = fixture()
  engine.createLog('q', { queue: {} })
  send('q', 'a', 'b')
  const before = JSON.stringify(engine.log('q'))
  const print = engine.fingerprint()
  await call('/api/queues/q/messages')
  await call('/api/queues/q/messages?from=newest&search=a')
  await call('/api/queues/q/messages/0')
  await call('/api/queues/q/peek')
  await call('/api/queues/q')
  assert.equal(JSON.stringify(engine.log('q')), before)
  assert.equal(engine.fingerprint(), print)
})

test('a search looks where it is told to, whatever the case, and goes on from its cursor', async () => {
  const { engine, bodies, call } = fixture()
  engine.createLog('log', {})
  for (let index = 0; index < 500; index++) {
    const key = encodeUtf8(index % 100 === 0 ? 'Needle' : `k${index}`)
    const body = encodeUtf8(index === 250 ? 'a NEEDLE in the hay' : 'hay')
    engine.append('log', [{ format: 0, envelope: noBytes, body, key }])
  }
  assert.equal((await bodies('/api/queues/log/messages?search=needle')).length, 6)
  assert.equal((await bodies('/api/queues/log/messages?search=needle&in=key')).length, 5)
  const found = await call<Browse>('/api/queues/log/messages?search=needle&in=body&limit=1')
  assert.deepEqual(
    found.body.messages.map(({ position }) => position),
    [250],
  )
  assert.equal(found.body.cursor, 251)
})

test('the way of a dead letter tells where it came from, why it died, and who has it', async () => {
  const { call, engine } = withDeadLetters()
  engine.lease({ log: 'dead' }, { holder: 'anna', countMax: 1 })
  const { body } = await call<MessageDetail>('/api/queues/dead/messages/0')
  assert.deepEqual(
    body.way.map(({ what }) => what),
    ['published', 'routed', 'died', 'routed', 'leased'],
  )
  assert.match(body.way[2]!.text, /Rejected in “orders”/)
  assert.match(body.way[4]!.text, /anna/)
  assert.equal((await call('/api/queues/dead/messages/99')).status, 404)
})

test('dead letters are grouped by where and why they died', async () => {
  const { call } = withDeadLetters()
  const { body } = await call<DeadLetters[]>('/api/dead-letters')
  assert.equal(body.length, 1)
  const [dead] = body
  assert.deepEqual([dead?.queue, dead?.count, dead?.scanned], ['dead', 5, 5])
  assert.deepEqual(
    dead?.reasons.map(({ from, reason, count }) => [from, reason, count]),
    [
      ['orders', 'rejected', 3],
      ['mail', 'rejected', 1],
      ['orders', 'attempts', 1],
    ],
  )
})

test('a redrive moves exactly the selected, and its undo brings them back as they were', async () => {
  const { call, post, engine, bodies, world } = withDeadLetters()
  const path = '/api/dead-letters/dead/redrive'
  const dry = await post<Redrive>(path, { positions: [0, 2, 3], dryRun: true })
  assert.deepEqual([dry.body.planned, dry.body.targets], [3, { orders: 2, mail: 1 }])
  assert.equal(engine.log('dead')?.ready, 5)

  const before = await call<Browse>('/api/queues/dead/messages')
  const moved = await post<Redrive>(path, { positions: [0, 2, 3] })
  assert.deepEqual([moved.body.state, moved.body.moved], ['done', 3])
  assert.deepEqual(await bodies('/api/queues/orders/messages'), ['a', 'c'])
  assert.deepEqual(await bodies('/api/queues/mail/messages'), ['m'])
  assert.deepEqual(await bodies('/api/queues/dead/messages'), ['b', 'late'])

  // One of them is being worked on by now: it stays where it is.
  engine.lease({ log: 'mail' }, { holder: 'worker', countMax: 1 })
  world.clock.advance(10)
  const undone = await post<Redrive>(`/api/redrives/${moved.body.id}/undo`)
  assert.deepEqual([undone.body.state, undone.body.undone], ['undone', 2])
  const after = await call<Browse>('/api/queues/dead/messages')
  const strip = (found: Browse) =>
    found.messages
      .map(({ body, deaths, time, key }) => ({ data: body.data, deaths, time, key }))
      .sort((left, right) => (left.data < right.data ? -1 : 1))
  assert.deepEqual(
    strip(after.body),
    strip(before.body).filter(({ data }) => data !== 'm'),
  )
  assert.equal(engine.log('orders')?.ready, 0)
  assert.equal((await post(`/api/redrives/${moved.body.id}/undo`)).status, 404)
})

test('a redrive takes what matches only, and passes over what somebody holds', async () => {
  const { post, engine, bodies } = withDeadLetters()
  engine.lease({ log: 'dead' }, { holder: 'worker', countMax: 1 })
  const path = '/api/dead-letters/dead/redrive'
  const some = await post<Redrive>(path, { from: 'orders', reason: 'rejected' })
  assert.deepEqual([some.body.moved, some.body.skipped], [2, 1])
  assert.deepEqual(await bodies('/api/queues/orders/messages'), ['b', 'c'])
  const found = await post<Redrive>(path, { search: 'LATE', to: 'mail' })
  assert.deepEqual([found.body.moved, found.body.targets], [1, { mail: 1 }])
  assert.deepEqual(await bodies('/api/queues/mail/messages'), ['late'])
  const nowhere = await post<Redrive>(path, { to: 'nowhere' })
  assert.deepEqual([nowhere.body.state, nowhere.body.moved], ['failed', 0])
  assert.match(nowhere.body.failure ?? '', /nowhere/)
})

test('a redrive keeps to its rate, and can be cancelled', async () => {
  const { call, post, engine, world } = withDeadLetters()
  const begun = await post<Redrive>('/api/dead-letters/dead/redrive', { rate: 2 })
  assert.deepEqual([begun.body.state, begun.body.moved], ['running', 1])
  world.clock.advance(520)
  const later = await call<Redrive>(`/api/redrives/${begun.body.id}`)
  assert.equal(later.body.moved, 2)
  const ended = await post<Redrive>(`/api/redrives/${begun.body.id}/cancel`)
  assert.equal(ended.body.state, 'cancelled')
  world.clock.advance(5000)
  assert.equal(engine.log('dead')?.ready, 3)
})

test('a copy is sent as it is, or with another body, and the original stays', async () => {
  const { engine, send, post, bodies } = fixture()
  engine.createLog('q', { queue: {} })
  engine.createLog('other', { queue: {} })
  send('q', 'first')
  assert.equal((await post('/api/queues/q/resend', { position: 0 })).status, 200)
  const edited = { position: 0, body: 'edited', to: 'other' }
  assert.equal((await post('/api/queues/q/resend', edited)).status, 200)
  assert.deepEqual(await bodies('/api/queues/q/messages'), ['first', 'first'])
  assert.deepEqual(await bodies('/api/queues/other/messages'), ['edited'])
  assert.equal((await post('/api/queues/q/resend', { position: 9 })).status, 404)
  engine.lease({ log: 'q' }, { holder: 'h', countMax: 1 })
  const deleted = await post<{ count: number }>('/api/queues/q/delete-messages', {
    positions: [0, 1],
  })
  assert.equal(deleted.body.count, 1)
})

test('the list is sorted, filtered and paged by the server', async () => {
  const { engine, send, call } = fixture()
  for (let index = 0; index < 25; index++) engine.createLog(`q${index}`, { queue: {} })
  engine.createLog('a-log', {})
  send('q7', 'x', 'y')
  send('q3', 'x')
  const names = async (query: string) => {
    const { body } = await call<QueuePage>(`/api/queues?${query}`)
    return [body.total, body.rows.map(({ name }) => name)]
  }
  assert.deepEqual(await names('sort=ready&order=desc&limit=3'), [26, ['q7', 'q3', 'a-log']])
  assert.deepEqual(await names('search=Q2&limit=2&offset=1'), [6, ['q20', 'q21']])
  assert.deepEqual(await names('kind=log'), [1, ['a-log']])
  assert.equal((await call('/api/queues?sort=nonsense')).status, 400)
})

test('a paused queue hands nothing out, and says so', async () => {
  const { engine, send, post, call } = fixture()
  engine.createLog('q', { queue: {} })
  send('q', 'a')
  await post('/api/queues/q/pause')
  const leased = await post<{ messages: unknown[] }>('/api/queues/q/lease', { count: 1 })
  assert.equal(leased.body.messages.length, 0)
  assert.equal((await call<{ paused: boolean }>('/api/queues/q')).body.paused, true)
  await post('/api/queues/q/resume')
  const again = await post<{ messages: unknown[] }>('/api/queues/q/lease', { count: 1 })
  assert.equal(again.body.messages.length, 1)
})

test('definitions go out and into another broker; what is there stays as it is', async () => {
  const one = withDeadLetters()
  one.engine.createRoute('events', { kind: 'pattern' })
  one.engine.bind({ route: 'events', target: { kind: 'log', name: 'orders' }, key: 'order.#' })
  const { body: definitions } = await one.call<Definitions>('/api/definitions')
  const two = fixture()
  two.engine.createLog('mail', { queue: { ttlMs: 5 } })
  const { body } = await two.post<ImportResult>('/api/definitions', definitions)
  assert.deepEqual(body, { made: 4, kept: 1, failed: [] })
  assert.equal(two.engine.log('orders')?.config.queue?.deadLetter?.key, 'dead')
  assert.equal(two.engine.log('mail')?.config.queue?.ttlMs, 5)
  assert.equal(two.engine.route('events')?.bindings[0]?.key, 'order.#')
  const again = await two.post<ImportResult>('/api/definitions', definitions)
  assert.deepEqual(again.body, { made: 0, kept: 5, failed: [] })
  const wrong: unknown[] = [
    {},
    { spillway: 2 },
    { spillway: 1, queues: 7 },
    { spillway: 1, queues: [{ name: 'x', config: { queue: { levels: 'many' } } }] },
    { spillway: 1, bindings: [{ route: 'events' }] },
    { spillway: 1, topics: [null] },
  ]
  for (const value of wrong) assert.equal((await two.post('/api/definitions', value)).status, 400)
  assert.equal(two.engine.log('x'), undefined)
})

test('routes are listed, altered, unbound and deleted; those of the broker itself stay', async () => {
  const { call, engine } = fixture()
  engine.createLog('orders', { queue: {} })
  for (const name of ['events', 'other', 'amq.topic']) {
    assert.equal((await call(`/api/routes/${name}`, { method: 'PUT', body: {} })).status, 200)
  }
  const binding = { route: 'events', target: { kind: 'log', name: 'orders' }, key: 'order' }
  await call('/api/bindings', { method: 'POST', body: binding })
  const { body: routes } = await call<{ name: string; bindings: object[] }[]>('/api/routes')
  assert.deepEqual(
    routes.map(({ name, bindings }) => [name, bindings.length]),
    [
      ['events', 1],
      ['other', 0],
      ['amq.topic', 0],
    ],
  )
  const change = { method: 'POST', body: { alternate: 'other' } }
  assert.equal((await call('/api/routes/events/alter', change)).status, 200)
  assert.equal(engine.route('events')?.config.alternate, 'other')
  const used = await call('/api/routes/events?unless=used', { method: 'DELETE' })
  assert.equal(used.body.error.code, 'in-use')
  const wrong = { method: 'POST', body: { ...binding, key: 'else' } }
  assert.equal((await call('/api/bindings/remove', wrong)).status, 404)
  const removed = await call<object>('/api/bindings/remove', { method: 'POST', body: binding })
  assert.deepEqual(removed.body, { removed: 1 })
  assert.equal(engine.bindingsOf({ kind: 'log', name: 'orders' }).length, 0)
  assert.equal((await call('/api/routes/events?unless=used', { method: 'DELETE' })).status, 200)
  assert.equal(engine.route('events'), undefined)
  assert.equal((await call('/api/routes/amq.topic', { method: 'DELETE' })).status, 409)
})

test('a sign-in makes a session, and signing out ends it', async () => {
  const authenticate = async (name: string, password: string) => name === 'ada' && password === 'x'
  const { call } = fixture({ authenticate })
  const before = await call<Session>('/api/session')
  assert.deepEqual(before.body, { required: true, user: null, readOnly: false })
  const signIn = (password: string, headers = {}) =>
    call<Session>('/api/session', { method: 'POST', body: { name: 'ada', password }, headers })
  assert.equal((await signIn('wrong')).status, 401)
  assert.equal((await signIn('x', { origin: 'http://evil.example' })).status, 403)
  const signedIn = await signIn('x')
  const set = signedIn.headers.get('set-cookie') ?? ''
  assert.match(set, /HttpOnly; SameSite=Strict/)
  const headers = { cookie: set.split(';')[0]! }
  assert.equal((await call('/api/queues')).status, 401)
  assert.equal((await call('/api/queues', { headers })).status, 200)
  assert.equal((await call<Session>('/api/session', { headers })).body.user, 'ada')
  await call('/api/session', { method: 'DELETE', headers })
  assert.equal((await call('/api/queues', { headers })).status, 401)
})

test('too many wrong passwords are not tried any more, for a minute', async () => {
  let tried = 0
  const authenticate = async () => {
    tried++
    return false
  }
  const { call, world } = fixture({ authenticate })
  const attempt = () =>
    call('/api/session', { method: 'POST', body: { name: 'ada', password: 'x' } })
  for (let count = 0; count < 20; count++) assert.equal((await attempt()).status, 401)
  assert.equal((await attempt()).status, 429)
  assert.equal(tried, 20)
  world.clock.advance(61_000)
  assert.equal((await attempt()).status, 401)
})

test('a read-only studio changes nothing and shows everything', async () => {
  const { engine, send, call, post } = fixture({ readOnly: true })
  engine.createLog('q', { queue: {} })
  send('q', 'a')
  assert.equal((await post('/api/queues/q/messages', { messages: [{ body: 'x' }] })).status, 403)
  assert.equal((await call('/api/queues/q', { method: 'DELETE' })).status, 403)
  assert.equal((await post('/api/queues/q/pause')).status, 403)
  assert.equal((await call('/api/queues/q/messages')).status, 200)
  assert.equal((await call<Session>('/api/session')).body.readOnly, true)
})

test('the document lists every route, and every route of it is served', async () => {
  const { call } = fixture()
  const { body } = await call<{
    openapi: string
    paths: { [path: string]: { [method: string]: { summary: string } } }
  }>('/api/openapi.json')
  assert.equal(body.openapi, '3.1.0')
  const paths = Object.entries(body.paths)
  assert.ok(paths.length > 25)
  for (const [path, methods] of paths) {
    for (const [method, { summary }] of Object.entries(methods)) {
      assert.ok(summary.length > 8, `${method} ${path} says what it does`)
      if (method !== 'get' || path === '/api/events') continue
      const answer = await call(path.replaceAll(/\{\w+\}/g, 'nothing'))
      assert.notEqual(answer.body.error?.code, 'no-such-path', path)
    }
  }
})

test('rates and histories follow what happens, and memory does not grow with time', async () => {
  const { engine, send, world, call } = fixture()
  engine.createLog('q', { queue: {} })
  for (let second = 0; second < 30; second++) {
    send('q', ...Array.from({ length: 10 }, () => 'x'))
    world.clock.advance(1000)
  }
  const { body } = await call<QueuePage>('/api/queues')
  assert.ok(Math.abs(body.rows[0]!.rates.in - 10) < 1, `${body.rows[0]!.rates.in} a second`)
  const history = await call<History>('/api/history?span=20000&queue=q')
  assert.equal(history.body.stepMs, 1000)
  assert.equal(history.body.times.length, 20)
  assert.ok(history.body.series['ready']!.filter(value => value !== null).length >= 18)
  const day = await call<History>(`/api/history?span=${24 * 3_600_000}`)
  assert.equal(day.body.times.length, 720)
})

test('the event stream sends what changed, and a tail says what it skipped', async () => {
  const { engine, app, send, world, stop } = fixture()
  engine.createLog('q', { queue: {} })
  send('q', 'before')
  const response = await app.request('/api/events?topics=overview,queues&queue=q&tail=q', {
    headers: { host: 'localhost' },
  })
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  const pump = (async () => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += decoder.decode(value)
    }
  })()
  const pass = async (ms: number) => {
    for (let step = 0; step < ms; step += 10) {
      await new Promise(resolve => setImmediate(resolve))
      world.clock.advance(10)
    }
  }
  await pass(200)
  for (const name of ['overview', 'queues', 'queue']) {
    assert.ok(text.includes(`event: ${name}\n`), `${name} is sent at once`)
  }
  assert.ok(!text.includes('event: tail'), 'what came before is not news')
  send('q', ...Array.from({ length: 50 }, (_, index) => `news ${index}`))
  await pass(300)
  const tail = JSON.parse(/event: tail\ndata: (.*)\n/.exec(text)![1]!)
  assert.equal(tail.skipped, 30)
  assert.deepEqual(
    tail.messages.map((message: { body: { data: string } }) => message.body.data),
    Array.from({ length: 20 }, (_, index) => `news ${index + 30}`),
  )
  const quiet = text.length
  await pass(500)
  assert.ok(text.length - quiet < 4000, 'nothing is sent that has not changed')
  stop()
  await pass(100)
  await pump
})

test('a beat that costs much is followed by fewer: pages take a small part of the time', async () => {
  const { clock } = simulatedWorld(14)
  let looks = 0
  let lookMs = 0
  let spentMs = 0
  const countBeats = async (): Promise<number> => {
    looks = 0
    for (let step = 0; step < 1000; step++) {
      await new Promise(resolve => setImmediate(resolve))
      clock.advance(10)
      world.clock.advance(10)
    }
    return looks
  }
  const { app, engine, world, stop } = fixture({
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic() + spentMs,
      soon: run => clock.soon(run),
      schedule: (delayMs, run) => clock.schedule(delayMs, run),
    },
    protocolOf: () => {
      looks++
      spentMs += lookMs
      return 'engine'
    },
  })
  engine.createLog('q', { queue: {} })
  const response = await app.request('/api/events?queue=q', { headers: { host: 'localhost' } })
  const reading = response.text()
  const quick = await countBeats()
  assert.ok(quick >= 90, `ten a second while it costs nothing: ${quick} in ten seconds`)
  lookMs = 4
  const slow = await countBeats()
  assert.ok(slow <= 15, `about one a second when it costs 4 ms: ${slow} in ten seconds`)
  stop()
  await reading
})

test("the studio's files are served with a strict policy, and cached by what they are", async () => {
  const file = (text: string, type: string, immutable: boolean) => ({
    type,
    bytes: encodeUtf8(text),
    packed: { gzip: encodeUtf8('packed') },
    tag: '"t"',
    immutable,
  })
  const files: { readonly [path: string]: ReturnType<typeof file> } = {
    'index.html': file('<!doctype html>', 'text/html; charset=utf-8', false),
    'assets/a.js': file('1', 'text/javascript', true),
  }
  const { app } = fixture({ studio: path => files[path], authenticate: async () => false })
  const get = (path: string, headers: { readonly [name: string]: string } = {}) =>
    app.request(path, { headers: { host: 'localhost', ...headers } })
  const page = await get('/operate/queues/orders')
  assert.equal(await page.text(), '<!doctype html>')
  const policy = page.headers.get('content-security-policy') ?? ''
  assert.match(policy, /script-src 'self'(;|$)/)
  assert.doesNotMatch(policy, /unsafe/)
  assert.equal(page.headers.get('cache-control'), 'no-cache')
  const asset = await get('/assets/a.js', { 'accept-encoding': 'gzip, br' })
  assert.equal(asset.headers.get('content-encoding'), 'gzip')
  assert.match(asset.headers.get('cache-control') ?? '', /immutable/)
  assert.equal((await get('/assets/a.js', { 'if-none-match': '"t"' })).status, 304)
  assert.equal((await get('/assets/none.js')).status, 401)
  assert.equal(
    (await get('/', { accept: 'text/html' })).headers.get('content-type'),
    'text/html; charset=utf-8',
  )
  assert.equal((await get('/')).headers.get('content-type'), 'application/json')
})
