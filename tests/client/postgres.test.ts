/** Inbox and outbox in a real PostgreSQL, with services that are killed at every step. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Bus } from '../../src/client/bus.ts'
import {
  type BusEvent,
  connect,
  type Driver,
  fixed,
  type InboxMessage,
  type InboxStore,
  type OutboxStore,
  type Outgoing,
  queue,
  Reject,
  type SendResult,
  topic,
} from '../../src/client/client.ts'
import { Outbox } from '../../src/client/outbox.ts'
import { type PgQueryable, pg } from '../../src/client/outbox-postgres.ts'
import { Session } from '../../src/client/session.ts'
import {
  openPool,
  type Pool,
  type Postgres,
  postgresMissing,
  startPostgres,
} from '../harness/postgres.ts'
import { contractsOf, places } from './crashing-service.ts'

const missing = await postgresMissing()
if (missing !== undefined) console.log(`inbox and outbox are not tested: ${missing}`)

interface Order {
  readonly id: string
}

const orders = queue<Order>('orders', { retry: { attempts: 4, backoff: fixed('1ms') } })

describe('inbox and outbox in PostgreSQL', { skip: missing ?? false }, () => {
  let postgres: Postgres
  let pool: Pool

  before(async () => {
    postgres = await startPostgres()
    pool = await openPool(postgres.host)
    await pg(pool).prepare()
    await pool.query('create table bookings (order_id text)')
    await pool.query('create table shipped (order_id text)')
  })

  after(async () => {
    await pool?.end()
    await postgres?.stop()
  })

  beforeEach(async () => {
    const tables = 'spillway_inbox, spillway_outbox, bookings, shipped'
    await pool.query(`truncate ${tables}`)
  })

  const count = async (table: string): Promise<number> => {
    const { rows } = await pool.query(`select count(*)::int as count from ${table}`)
    return (rows[0] as { count: number }).count
  }

  const insert = (tx: PgQueryable, order: Order) =>
    tx.query('insert into bookings (order_id) values ($1)', [order.id])

  const settled = async (bus: Awaited<ReturnType<typeof connect>>, calls: () => boolean) => {
    for (let tries = 0; !calls() && tries < 2000; tries++) await wait(5)
    await bus.close()
    assert.ok(calls(), 'it happens within seconds')
  }

  it('make the tables once, whoever comes at the same time, and need no right to where they are', async () => {
    await pool.query('drop table spillway_inbox, spillway_outbox')
    await Promise.all([1, 2, 3, 4].map(() => pg(pool).prepare()))
    assert.equal(await count('spillway_inbox'), 0)
    await pool.query('revoke create on schema public from public')
    await pool.query('create role guest login')
    await pool.query('grant all on spillway_inbox, spillway_outbox to guest')
    const guests = await openPool(postgres.host, 'guest')
    await pg(guests).prepare()
    await guests.end()
  })

  it('keep apart what is in different schemas', async () => {
    await pool.query('create schema "Shop"')
    const shop = pg(pool, { schema: 'Shop' })
    await shop.prepare()
    const bus = await connect('memory:')
    await using outbox = bus.outbox(shop, { every: '1h' })
    await outbox.send(pool, orders, { id: 'o-1' })
    assert.equal(await count('"Shop".spillway_outbox'), 1)
    assert.equal(await count('spillway_outbox'), 0)
    await outbox.flush()
    assert.equal(await count('"Shop".spillway_outbox'), 0)
    assert.equal((await bus.depth(orders)).ready, 1)
    await bus.close()
  })

  it('do not take a failed attempt for a duplicate of itself', async () => {
    const bus = await connect('memory:')
    let calls = 0
    bus.consume(
      orders,
      async (order, { tx }) => {
        calls++
        await insert(tx, order)
        if (calls < 3) throw new Error('the gateway said no')
      },
      { inbox: pg(pool) },
    )
    await bus.send(orders, { id: 'o-1' })
    await settled(bus, () => calls === 3)
    assert.equal(await count('bookings'), 1, 'the effects of what failed are gone')
    assert.equal(await count('spillway_inbox'), 1)
  })

  it('keep the retry of a message that was rescheduled by a handler that then returned', async () => {
    const bus = await connect('memory:')
    const attempts: number[] = []
    bus.consume(
      orders,
      async (order, message) => {
        attempts.push(message.attempt)
        await insert(message.tx, order)
        if (attempts.length === 1) await message.retry({ delay: '1ms' })
      },
      { inbox: pg(pool) },
    )
    await bus.send(orders, { id: 'o-1' })
    await settled(bus, () => attempts.length === 2)
    assert.deepEqual(attempts, [1, 2])
    assert.equal(await count('bookings'), 1)
  })

  it('handle a batch as one transaction, and what it has handled before not again', async () => {
    const bus = await connect('memory:')
    const later = queue<Order>('later')
    const sent: string[] = []
    bus.consume(later, ({ id }) => void sent.push(id))
    const batches: { readonly ids: readonly string[]; readonly attempts: readonly number[] }[] = []
    bus.consumeBatch(
      orders,
      async (messages, tx) => {
        const ids = messages.map(({ body }) => body.id)
        batches.push({ ids, attempts: messages.map(({ attempt }) => attempt) })
        for (const message of messages) {
          await insert(tx, message.body)
          await message.send(later, message.body)
        }
        if (batches.length === 1) throw new Error('the gateway said no')
        const rejected = messages.find(({ body }) => body.id === 'o-2')
        if (rejected === undefined) return
        await tx.query("delete from bookings where order_id = 'o-2'")
        await rejected.reject('not this one')
      },
      { inbox: pg(pool), size: 3, wait: '10s' },
    )
    for (const id of ['o-1', 'o-2', 'o-3']) await bus.send(orders, { id }, { id })
    await settled(bus, () => batches.length === 2 && sent.length === 3)
    const ids = ['o-1', 'o-2', 'o-3']
    assert.deepEqual(batches, [
      { ids, attempts: [1, 1, 1] },
      { ids, attempts: [2, 2, 2] },
    ])
    assert.equal(await count('bookings'), 2, 'the effects of what failed are gone')
    assert.equal(await count('spillway_inbox'), 2, 'a redrive of o-2 is no duplicate')
  })

  it('hand a batch over without what was handled, or came twice in it', async () => {
    const bus = await connect('memory:')
    const handled: string[] = []
    const worker = bus.consumeBatch(
      orders,
      async (messages, tx) => {
        for (const { body } of messages) {
          await insert(tx, body)
          handled.push(body.id)
        }
      },
      { inbox: pg(pool), size: 4, wait: '50ms' },
    )
    await worker.ready
    await bus.send(orders, { id: 'o-1' }, { id: 'o-1' })
    for (let tries = 0; handled.length < 1 && tries < 2000; tries++) await wait(5)
    for (const id of ['o-1', 'o-2', 'o-2', 'o-3']) await bus.send(orders, { id }, { id })
    await settled(bus, () => handled.length === 3)
    assert.deepEqual(handled, ['o-1', 'o-2', 'o-3'])
    assert.equal(await count('bookings'), 3)
  })

  it('leave nothing of a message that was rejected', async () => {
    const bus = await connect('memory:')
    let calls = 0
    bus.consume(
      orders,
      async (order, message) => {
        await insert(message.tx, order)
        await message.send(orders, { id: 'never' })
        calls++
        throw new Reject('negative total')
      },
      { inbox: pg(pool) },
    )
    await bus.send(orders, { id: 'o-1' })
    await settled(bus, () => calls === 1)
    assert.equal(await count('bookings'), 0)
    assert.equal(await count('spillway_outbox'), 0)
    assert.equal(await count('spillway_inbox'), 0, 'a redrive is no duplicate')
  })

  it('handle one id once for each consumer, however often it comes', async () => {
    const bus = await connect('memory:')
    let comes = 0
    const store = pg(pool)
    const counting: InboxStore<PgQueryable> = {
      prepare: () => store.prepare(),
      claim: async (...claim) => {
        const outcome = await store.claim(...claim)
        comes++
        return outcome
      },
    }
    const options = { inbox: counting, concurrency: 4 }
    bus.consume(orders, (order, { tx }) => insert(tx, order), options)
    for (let time = 0; time < 4; time++) await bus.send(orders, { id: 'o-1' }, { id: 'same' })
    await settled(bus, () => comes === 4)
    assert.equal(await count('bookings'), 1)
    const other = await store.claim({ consumer: 'shipping', id: 'same' }, async () => {})
    assert.equal(other.isDuplicate, false, 'another consumer has claims of its own')
  })

  it('give each group of a topic its own claim', async () => {
    const bus = await connect('memory:')
    const placed = topic<Order>('placed')
    const store = pg(pool)
    for (const group of ['booking', 'shipping']) {
      const options = { group, inbox: store }
      await bus.subscribe(placed, options, (order, { tx }) => insert(tx, order)).ready
    }
    for (let time = 0; time < 2; time++) await bus.publish(placed, { id: 'o-1' }, { id: 'same' })
    await until(async () => (await bus.depth(placed, 'shipping')).ready === 0)
    await bus.close()
    assert.equal(await count('bookings'), 2)
    const { rows } = await pool.query('select consumer from spillway_inbox order by consumer')
    assert.deepEqual(rows, [{ consumer: 'placed/booking' }, { consumer: 'placed/shipping' }])
  })

  it('send what a handler sends with its transaction, in order, and its cause', async () => {
    const bus = await connect('memory:')
    const next = queue<Order>('next')
    const placed = topic<Order>('placed')
    const got: string[] = []
    bus.subscribe(placed, { group: 'g', from: 'earliest' }, ({ id }, { headers }) => {
      got.push(`${id} after ${headers['spillway-causation']}`)
    })
    bus.consume(next, ({ id }, { headers }) => {
      got.push(`${id} after ${headers['spillway-causation']}`)
    })
    let calls = 0
    bus.consume(
      orders,
      async (order, message) => {
        calls++
        await message.send(next, order)
        const [receipt] = await message.publish(placed, { id: 'event' })
        assert.equal(receipt!.duplicate, false)
        assert.equal((await bus.depth(next)).ready, 0)
        if (calls === 1) throw new Error('once more')
      },
      { inbox: pg(pool) },
    )
    await bus.send(orders, { id: 'o-1' }, { id: 'cause' })
    await settled(bus, () => got.length === 2)
    assert.deepEqual(got.sort(), ['event after cause', 'o-1 after cause'])
  })

  it('say so where what a handler sends has no place in its transaction', async () => {
    const bus = await connect('memory:')
    const store = pg(pool)
    const inbox: InboxStore<PgQueryable> = {
      prepare: () => store.prepare(),
      claim: (...claim) => store.claim(...claim),
    }
    let code = ''
    const handler = async (order: Order, message: InboxMessage<Order, PgQueryable>) => {
      code = await message.send(orders, order).then(
        () => 'sent',
        error => error.code,
      )
    }
    bus.consume(orders, handler, { inbox })
    await bus.send(orders, { id: 'o-1' })
    await settled(bus, () => code !== '')
    assert.equal(code, 'SPILLWAY_E_INBOX')
  })

  it('make effectively once where the backend has none, and refuse another guarantee', async () => {
    const bus = await connect('memory:')
    const inbox = pg(pool)
    const [row] = (await bus.planFor([orders], { inbox: true })).filter(
      ({ feature }) => feature === 'effectively-once',
    )
    assert.equal(row!.how, 'emulated')
    assert.match(row!.why, /one database transaction/)
    await bus.consume(orders, () => {}, { inbox, guarantee: 'effectively-once' }).ready
    assert.throws(() => bus.consume(orders, () => {}, { inbox, guarantee: 'at-most-once' }), {
      code: 'SPILLWAY_E_OPTION',
    })
    await bus.close()
  })

  it('take over the claim of a connection that broke', async () => {
    const store = pg(pool)
    const claim = { consumer: 'booking', id: 'o-1' }
    const broken = store.claim(claim, async tx => {
      await insert(tx, { id: 'o-1' })
      const { rows } = await tx.query('select pg_backend_pid() as pid')
      const { pid } = rows[0] as { pid: number }
      await pool.query('select pg_terminate_backend($1)', [pid])
      await tx.query('select 1')
    })
    await assert.rejects(broken)
    const again = await store.claim(claim, async tx => {
      await insert(tx, { id: 'o-1' })
    })
    assert.equal(again.isDuplicate, false)
    assert.equal(await count('bookings'), 1)
  })

  it('refuse an acknowledgement before the commit', async () => {
    const bus = await connect('memory:')
    let code = ''
    bus.consume(
      orders,
      async (_, message) => {
        try {
          await (message as unknown as { ack(): Promise<void> }).ack()
        } catch (error) {
          code = (error as { code: string }).code
        }
      },
      { inbox: pg(pool) },
    )
    await bus.send(orders, { id: 'o-1' })
    await settled(bus, () => code !== '')
    assert.equal(code, 'SPILLWAY_E_INBOX')
  })

  it('send what is committed, in order, and nothing of what is rolled back', async () => {
    const bus = await connect('memory:')
    const outbox = bus.outbox(pg(pool), { every: '1h', batch: 3 })
    const connection = await pool.connect()
    await connection.query('begin')
    await outbox.send(connection, orders, [{ id: 'never' }])
    await connection.query('rollback')
    await connection.query('begin')
    const many = Array.from({ length: 25 }, (_, at) => ({ id: `o-${at}` }))
    const ids = await outbox.send(connection, orders, many)
    await outbox.flush()
    assert.equal((await bus.depth(orders)).ready, 0, 'nothing is seen before the commit')
    await connection.query('commit')
    connection.release()
    await outbox.flush()
    const sent = await bus.peek(orders)
    assert.deepEqual(
      sent.map(({ body }) => body),
      many,
    )
    assert.deepEqual(
      sent.map(({ id }) => id),
      ids,
    )
    await bus.close()
    assert.equal(await count('spillway_outbox'), 0)
  })

  it('keep keys, headers, delays, priorities, bytes and deduplication', async () => {
    const bus = await connect('memory:')
    const outbox = bus.outbox(pg(pool), { every: '1h' })
    const keyed = queue<Order>('keyed', {
      key: ({ id }) => `key of ${id}`,
      dedupe: { id: ({ id }) => id, window: '1m' },
    })
    const urgent = queue<Uint8Array>('urgent', { priorities: 3 })
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
    await outbox.send(pool, keyed, { id: 'a' }, { headers: { tenant: 'x' } })
    await outbox.send(pool, keyed, { id: 'a' })
    await outbox.send(pool, urgent, new Uint8Array([1]))
    await outbox.send(pool, urgent, bytes, { priority: 2 })
    await outbox.send(pool, orders, { id: 'later' }, { delay: '1h' })
    await outbox.flush()
    const [first, ...others] = await bus.peek(keyed)
    assert.equal(first!.key, 'key of a')
    assert.equal(first!.headers['tenant'], 'x')
    assert.deepEqual(others, [], 'the second is a duplicate')
    assert.equal((await bus.depth(orders)).delayed, 1)
    const got: Uint8Array[] = []
    bus.consume(urgent, body => got.push(body))
    await settled(bus, () => got.length === 2)
    assert.deepEqual(got, [bytes, new Uint8Array([1])])
  })

  it('write nothing that has the wrong shape, or that the backend cannot do', async () => {
    const bus = await connect('memory:')
    const strict = queue('strict', {
      schema: {
        '~standard': {
          version: 1 as const,
          vendor: 'test',
          validate: () => ({ issues: [{ message: 'no', path: ['total'] }] }),
        },
      },
    })
    const outbox = bus.outbox(pg(pool), { every: '1h' })
    await assert.rejects(outbox.send(pool, strict, {}), { code: 'SPILLWAY_V_SEND' })
    const urgent = outbox.send(pool, orders, { id: 'o-1' }, { priority: 7 })
    await assert.rejects(urgent, { code: 'SPILLWAY_E_PRIORITY' })
    assert.equal(await count('spillway_outbox'), 0)
    await bus.close()
  })

  it('send what another process has written, which knew other contracts', async () => {
    const store = pg(pool)
    const writing = await connect('memory:writing')
    await writing.outbox(store, { every: '1h' }).send(pool, orders, { id: 'o-1' })
    await writing.close()
    const bus = await connect('memory:')
    await bus.outbox(pg(pool), { every: '1h' }).flush()
    assert.deepEqual((await bus.peek(orders))[0]?.body, { id: 'o-1' })
    await bus.close()
  })

  it('set aside what is refused for good, and go on with the rest', async () => {
    const bus = await connect('memory:')
    const store = pg(pool)
    const outbox = bus.outbox(store, { every: '1h' })
    await outbox.send(pool, orders, { id: 'o-1' })
    await pool.query("update spillway_outbox set message = '{}'")
    await outbox.send(pool, orders, { id: 'o-2' })
    await outbox.flush()
    const refused = await store.refused()
    assert.equal(refused.length, 1)
    assert.match(refused[0]!.why, /version undefined, and this client reads 1/)
    assert.deepEqual((await bus.peek(orders))[0]?.body, { id: 'o-2' })
    await bus.close()
  })

  it('keep the order of a key when its first message is not confirmed', async () => {
    const bus = await connect('memory:', { confirmTimeout: '5s' })
    const session = Bus.sessionOf(bus)
    const { send } = session.driver
    let isFailing = true
    const flaky = async (messages: readonly Outgoing[]): Promise<readonly SendResult[]> => {
      const error = new Error('no confirm')
      const results: SendResult[] = []
      for (const message of messages) {
        if (isFailing && message.key === 'ada') results.push({ ok: false, error })
        else results.push(...(await send.call(session.driver, [message])))
      }
      return results
    }
    const flakyDriver: Driver = new Proxy(session.driver, {
      get: (driver, name) => {
        const value: unknown = name === 'send' ? flaky : Reflect.get(driver, name)
        return typeof value === 'function' ? value.bind(driver) : value
      },
    })
    const through = new Session(flakyDriver, session.context, session.settings, undefined)
    const store = pg(pool)
    await store.prepare()
    const outbox = new Outbox(through, store, { every: '1h' })
    const keyed = queue<Order>('by-key', { key: ({ id }) => id.slice(0, 3) })
    const ids = ['ada-1', 'bob-1', 'ada-2', 'bob-2'].map(id => ({ id }))
    await outbox.send(pool, keyed, ids)
    await assert.rejects(outbox.flush(), /no confirm/)
    assert.deepEqual(
      (await bus.peek(keyed)).map(({ body }) => body),
      [{ id: 'bob-1' }],
    )
    isFailing = false
    await outbox.flush()
    await outbox.close()
    const all = (await bus.peek(keyed)).map(({ body }) => (body as Order).id)
    assert.deepEqual(
      all.filter(id => id.startsWith('ada')),
      ['ada-1', 'ada-2'],
    )
    assert.deepEqual(
      all.filter(id => id.startsWith('bob')),
      ['bob-1', 'bob-2'],
    )
    await bus.close()
  })

  it('relay from one place at a time', async () => {
    const bus = await connect('memory:')
    const store = pg(pool)
    const outbox = bus.outbox(store, { every: '1h' })
    await outbox.send(pool, orders, { id: 'o-1' })
    let other: boolean | undefined
    await store.relay(10, async rows => {
      other = await store.relay(10, async () => ({ sent: [], refused: [] }))
      return { sent: rows.map(({ sequence }) => sequence), refused: [] }
    })
    assert.equal(other, false)
    await bus.close()
  })

  it('go on by themselves when the database comes back', async () => {
    const events: BusEvent[] = []
    const bus = await connect('memory:', { onEvent: event => events.push(event) })
    const real = pg(pool)
    let isGone = true
    const store: OutboxStore<PgQueryable> = {
      prepare: () => real.prepare(),
      insert: (tx, rows) => real.insert(tx, rows),
      relay: (...step) => {
        if (isGone) return Promise.reject(new Error('the database is gone'))
        return real.relay(...step)
      },
    }
    const outbox = bus.outbox(store, { every: '2ms' })
    await outbox.send(pool, orders, { id: 'o-1' })
    await until(() => events.length >= 2)
    isGone = false
    await until(async () => (await bus.depth(orders)).ready === 1)
    await bus.close()
  })

  it('forget old claims', async () => {
    const store = pg(pool)
    await store.claim({ consumer: 'booking', id: 'new' }, async () => {})
    await pool.query(
      "insert into spillway_inbox values ('booking', 'old', now() - interval '8 days')",
    )
    assert.equal(await store.forget({ olderThanDays: 7 }), 1)
    assert.equal(await count('spillway_inbox'), 1)
  })

  for (const place of places) {
    it(`have each effect one time when the service is killed: ${place}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'spillway-inbox-'))
      try {
        const url = `file:${folder}`
        const bus = await connect(url)
        await bus.send(contractsOf('s').orders, { id: 'o-1' })
        await bus.close()
        const first = await run(url, postgres.host, place)
        assert.equal(first.signal, 'SIGKILL', `it died where it was told to: ${first.said}`)
        const second = await run(url, postgres.host)
        assert.equal(second.code, 0, second.said)
        assert.equal(await count('bookings'), 1, 'booked once')
        assert.equal(await count('shipped'), 1, 'shipped once')
        assert.equal(await count('spillway_outbox'), 0, 'nothing is left to be sent')
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    assert.ok(tries < 2000, 'it happens within seconds')
    await wait(5)
  }
}

function run(url: string, host: string, place?: string) {
  const script = fileURLToPath(new URL('./crashing-service.js', import.meta.url))
  const child = spawn(
    process.execPath,
    [script, url, host, 's', ...(place === undefined ? [] : [place])],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let said = ''
  child.stderr?.on('data', chunk => {
    said += String(chunk)
  })
  return new Promise<{ code: number | null; signal: string | null; said: string }>(resolve =>
    child.once('exit', (code, signal) => resolve({ code, signal, said })),
  )
}
