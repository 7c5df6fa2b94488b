/** Inbox and outbox in a real PostgreSQL, with services that are killed at every step. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, fixed, queue, Reject } from '../../src/client/client.ts'
import { once, outbox, type PgQueryable, pg } from '../../src/client/outbox-postgres.ts'
import {
  openPool,
  type Pool,
  type Postgres,
  postgresMissing,
  startPostgres,
} from '../harness/postgres.ts'
import { places, orders as served } from './crashing-service.ts'

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

  it('make the tables once, whoever comes at the same time', async () => {
    await pool.query('drop table spillway_inbox, spillway_outbox')
    await Promise.all([1, 2, 3, 4].map(() => pg(pool).prepare()))
    assert.equal(await count('spillway_inbox'), 0)
  })

  it('do not take a failed attempt for a duplicate of itself', async () => {
    const bus = await connect('memory:')
    let calls = 0
    const handler = once<Order, PgQueryable>(
      { store: pg(pool), consumer: 'booking' },
      async (order, _, tx) => {
        calls++
        await insert(tx, order)
        if (calls < 3) throw new Error('the gateway said no')
      },
    )
    bus.consume(orders, handler)
    await bus.send(orders, { id: 'o-1' })
    await settled(bus, () => calls === 3)
    assert.equal(await count('bookings'), 1, 'the effects of what failed are gone')
    assert.equal(await count('spillway_inbox'), 1)
  })

  it('keep the retry of a message that was rescheduled by a handler that then returned', async () => {
    const bus = await connect('memory:')
    const attempts: number[] = []
    const handler = once<Order, PgQueryable>(
      { store: pg(pool), consumer: 'booking' },
      async (order, message, tx) => {
        attempts.push(message.attempt)
        await insert(tx, order)
        if (attempts.length === 1) await message.retry({ delay: '1ms' })
      },
    )
    bus.consume(orders, handler)
    await bus.send(orders, { id: 'o-1' })
    await settled(bus, () => attempts.length === 2)
    assert.deepEqual(attempts, [1, 2])
    assert.equal(await count('bookings'), 1)
  })

  it('leave nothing of a message that was rejected', async () => {
    const bus = await connect('memory:')
    let calls = 0
    const handler = once<Order, PgQueryable>(
      { store: pg(pool), consumer: 'booking' },
      async (order, _, tx) => {
        await insert(tx, order)
        calls++
        throw new Reject('negative total')
      },
    )
    bus.consume(orders, handler)
    await bus.send(orders, { id: 'o-1' })
    await settled(bus, () => calls === 1)
    assert.equal(await count('bookings'), 0)
    assert.equal(await count('spillway_inbox'), 0, 'a redrive is no duplicate')
  })

  it('handle one id once for each consumer, however often it comes', async () => {
    const bus = await connect('memory:')
    let comes = 0
    const store = pg(pool)
    const counting = {
      claim: async (...claim: Parameters<typeof store.claim>) => {
        const outcome = await store.claim(...claim)
        comes++
        return outcome
      },
    }
    const handler = once<Order, PgQueryable>(
      { store: counting, consumer: 'booking' },
      async (order, _, tx) => {
        await insert(tx, order)
      },
    )
    bus.consume(orders, handler, { concurrency: 4 })
    for (let time = 0; time < 4; time++) await bus.send(orders, { id: 'o-1' }, { id: 'same' })
    await settled(bus, () => comes === 4)
    assert.equal(await count('bookings'), 1)
    const other = await store.claim({ consumer: 'shipping', id: 'same' }, async () => {})
    assert.equal(other.isDuplicate, false, 'another consumer has claims of its own')
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
    const handler = once<Order, PgQueryable>(
      { store: pg(pool), consumer: 'booking' },
      async (_, message) => {
        try {
          await (message as unknown as { ack(): Promise<void> }).ack()
        } catch (error) {
          code = (error as { code: string }).code
        }
      },
    )
    bus.consume(orders, handler)
    await bus.send(orders, { id: 'o-1' })
    await settled(bus, () => code !== '')
    assert.equal(code, 'SPILLWAY_E_INBOX')
  })

  it('send what is committed, in order, and nothing of what is rolled back', async () => {
    const bus = await connect('memory:')
    const box = outbox(bus, { store: pg(pool), contracts: [orders], every: '1h', batch: 3 })
    const connection = await pool.connect()
    await connection.query('begin')
    await box.send(connection, orders, [{ id: 'never' }])
    await connection.query('rollback')
    await connection.query('begin')
    await box.send(
      connection,
      orders,
      Array.from({ length: 8 }, (_, at) => ({ id: `o-${at}` })),
    )
    await box.flush()
    assert.equal(await count('spillway_outbox'), 0, 'nothing is seen before the commit')
    await connection.query('commit')
    connection.release()
    const got: string[] = []
    bus.consume(orders, order => got.push(order.id))
    await box.flush()
    await box.close()
    await settled(bus, () => got.length === 8)
    assert.deepEqual(got, ['o-0', 'o-1', 'o-2', 'o-3', 'o-4', 'o-5', 'o-6', 'o-7'])
    assert.equal(await count('spillway_outbox'), 0)
  })

  it('write nothing that has the wrong shape, and know their contracts', async () => {
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
    const box = outbox(bus, { store: pg(pool), contracts: [strict], every: '1h' })
    const connection = await pool.connect()
    await assert.rejects(box.send(connection, strict, {}), { code: 'SPILLWAY_V_SEND' })
    const unknown = box.send(connection, orders, { id: 'o-1' })
    await assert.rejects(unknown, { code: 'SPILLWAY_E_CONTRACT' })
    connection.release()
    assert.equal(await count('spillway_outbox'), 0)
    await box.close()
    await bus.close()
  })

  it('set aside what is refused for good, and go on with the rest', async () => {
    const bus = await connect('memory:')
    const store = pg(pool)
    const box = outbox(bus, { store, contracts: [orders], every: '1h' })
    const connection = await pool.connect()
    await box.send(connection, orders, { id: 'o-1' }, { priority: 7 })
    await box.send(connection, orders, { id: 'o-2' })
    connection.release()
    await box.flush()
    const refused = await store.refused()
    assert.equal(refused.length, 1)
    assert.match(refused[0]!.why, /priority 7 is not between 0 and 0/)
    const got: string[] = []
    bus.consume(orders, order => got.push(order.id))
    await box.close()
    await settled(bus, () => got.length === 1)
    assert.deepEqual(got, ['o-2'])
  })

  it('relay from one place at a time', async () => {
    const bus = await connect('memory:')
    const store = pg(pool)
    const box = outbox(bus, { store, contracts: [orders], every: '1h' })
    await box.send(await freeConnection(pool), orders, { id: 'o-1' })
    let other: boolean | undefined
    await store.relay(10, async rows => {
      other = await store.relay(10, async () => ({ sent: [], refused: [] }))
      return { sent: rows.map(({ sequence }) => sequence), refused: [] }
    })
    assert.equal(other, false)
    await box.close()
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
        const bus = await connect(`file:${folder}`)
        await bus.send(served, { id: 'o-1' })
        await bus.close()
        const first = await run(folder, postgres.host, place)
        assert.equal(first.signal, 'SIGKILL', `it died where it was told to: ${first.said}`)
        const second = await run(folder, postgres.host)
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

/** Autocommit: for what needs no transaction of its own. */
async function freeConnection(pool: Pool): Promise<PgQueryable> {
  return {
    query: (text, values) =>
      pool.query(text, values).then(({ rows }) => ({ rows, rowCount: rows.length })),
  }
}

function run(folder: string, host: string, place?: string) {
  const script = fileURLToPath(new URL('./crashing-service.js', import.meta.url))
  const child = spawn(
    process.execPath,
    [script, folder, host, ...(place === undefined ? [] : [place])],
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
