/**
 * A service that is killed where it is told to: it consumes orders from the embedded engine in a
 * folder, books them in PostgreSQL, and passes them on through the outbox. Without a place to die
 * it works until everything is done, and exits.
 *
 *     node crashing-service.js FOLDER PG-HOST [PLACE]
 */

import { connect, queue } from '../../src/client/client.ts'
import {
  type InboxStore,
  type OutboxStore,
  once,
  outbox,
  type PgQueryable,
  pg,
} from '../../src/client/outbox-postgres.ts'
import { openPool } from '../harness/postgres.ts'

/** In the order of a message's way. */
export const places = [
  'handler begins',
  'effect written',
  'before commit',
  'after commit',
  'relay has sent',
  'relay has deleted',
] as const

export const orders = queue<{ id: string }>('orders', { retry: { attempts: 20 } })
export const shipments = queue<{ id: string }>('shipments', { retry: { attempts: 20 } })

const [folder, host, place] = process.argv.slice(2)
if (folder !== undefined && host !== undefined) await serve(folder, host)

/** The process is gone at once: nothing is flushed, nobody is told. */
function dieAt(here: (typeof places)[number]): void {
  if (here === place) process.kill(process.pid, 'SIGKILL')
}

async function serve(folder: string, host: string): Promise<void> {
  const pool = await openPool(host)
  const real = pg(pool)
  await real.prepare()
  const bus = await connect(`file:${folder}`)
  const store: InboxStore<PgQueryable> & OutboxStore<PgQueryable> = {
    claim: async (claim, work) => {
      const outcome = await real.claim(claim, async tx => {
        await work(tx)
        dieAt('before commit')
      })
      dieAt('after commit')
      return outcome
    },
    insert: (tx, rows) => real.insert(tx, rows),
    relay: async (countMax, send) => {
      const isOurs = await real.relay(countMax, async rows => {
        const outcome = await send(rows)
        if (rows.length > 0) dieAt('relay has sent')
        return outcome
      })
      const { rows } = await pool.query('select count(*)::int as waiting from spillway_outbox')
      const { rows: booked } = await pool.query('select count(*)::int as count from bookings')
      const isDone = (rows[0] as { waiting: number }).waiting === 0
      if (isDone && (booked[0] as { count: number }).count > 0) dieAt('relay has deleted')
      return isOurs
    },
  }
  const box = outbox(bus, { store, contracts: [shipments], every: '20ms' })
  const book = once<{ id: string }, PgQueryable>(
    { store, consumer: 'booking' },
    async (order, _, tx) => {
      dieAt('handler begins')
      await tx.query('insert into bookings (order_id) values ($1)', [order.id])
      await box.send(tx, shipments, order)
      dieAt('effect written')
    },
  )
  const ship = once<{ id: string }, PgQueryable>(
    { store: real, consumer: 'shipping' },
    async (order, _, tx) => {
      await tx.query('insert into shipped (order_id) values ($1)', [order.id])
    },
  )
  const booking = bus.consume(orders, book)
  const shipping = bus.consume(shipments, ship)
  for (let tries = 0; ; tries++) {
    if (tries > 1500) throw new Error('the order was not shipped')
    const { rows } = await pool.query('select count(*)::int as count from shipped')
    if ((rows[0] as { count: number }).count > 0) break
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  await booking.drain()
  await box.flush()
  await box.close()
  await shipping.drain()
  await bus.close()
  await pool.end()
}
