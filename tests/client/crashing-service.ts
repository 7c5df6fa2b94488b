/**
 * A service that is killed where it is told to: it consumes orders from any backend, books them in
 * PostgreSQL, and passes them on through the outbox; another part of it ships them. Without a place
 * to die it works until everything is done, and exits.
 *
 *     node crashing-service.js URL PG-HOST NAME [PLACE]
 */

import {
  connect,
  fixed,
  type InboxStore,
  type OutboxStore,
  queue,
} from '../../src/client/client.ts'
import { type PgQueryable, pg } from '../../src/client/outbox-postgres.ts'
import { openPool } from '../harness/postgres.ts'

/** In the order of a message's way. */
export const places = [
  'handler begins',
  'effect written',
  'message written',
  'before commit',
  'after commit',
  'acknowledged',
  'relay has read',
  'relay has sent',
  'relay has deleted',
  'second effect written',
  'second before commit',
  'second after commit',
] as const

export type Place = (typeof places)[number]

/** `name` is part of every name, so that two runs on one broker do not meet. */
export function contractsOf(name: string) {
  const retry = { attempts: 20, backoff: fixed('20ms') }
  return {
    orders: queue<{ id: string }>(`${name}.orders`, { retry }),
    shipments: queue<{ id: string }>(`${name}.shipments`, { retry }),
  }
}

const [url, host, name, place] = process.argv.slice(2)
const isProgram = process.argv[1]?.endsWith('crashing-service.js') === true
if (isProgram && url !== undefined && host !== undefined && name !== undefined) {
  await serve(url, host, name)
}

/** The process is gone at once: nothing is flushed, nobody is told. */
function dieAt(here: Place): void {
  if (here === place) process.kill(process.pid, 'SIGKILL')
}

async function serve(at: string, database: string, run: string): Promise<void> {
  const { orders, shipments } = contractsOf(run)
  const pool = await openPool(database)
  const real = pg(pool)
  const bus = await connect(at, {
    name: 'shop',
    emulate: 'allow',
    onEvent: event => {
      if ('error' in event) process.stderr.write(`${event.kind}: ${event.error.message}\n`)
    },
  })
  const countOf = async (table: string): Promise<number> => {
    const { rows } = await pool.query(`select count(*)::int as count from ${table}`)
    return (rows[0] as { count: number }).count
  }
  const store: InboxStore<PgQueryable> & OutboxStore<PgQueryable> = {
    prepare: () => real.prepare(),
    claim: async (claim, work) => {
      const isFirst = claim.consumer === orders.name
      const outcome = await real.claim(claim, async tx => {
        await work(tx)
        dieAt(isFirst ? 'before commit' : 'second before commit')
      })
      dieAt(isFirst ? 'after commit' : 'second after commit')
      return outcome
    },
    insert: (tx, rows) => real.insert(tx, rows),
    relay: async (countMax, send) => {
      const isOurs = await real.relay(countMax, async rows => {
        if (rows.length > 0) dieAt('relay has read')
        const outcome = await send(rows)
        if (rows.length > 0) dieAt('relay has sent')
        return outcome
      })
      if ((await countOf('spillway_outbox')) === 0 && (await countOf('bookings')) > 0) {
        dieAt('relay has deleted')
      }
      return isOurs
    },
  }
  bus.outbox(store, { every: '20ms' })
  // What the killed one had in hand comes again when its lease is over.
  const taking = { inbox: store, lease: '2s' } as const
  const booking = bus.consume(
    orders,
    async (order, message) => {
      dieAt('handler begins')
      await message.tx.query('insert into bookings (order_id) values ($1)', [order.id])
      dieAt('effect written')
      await message.send(shipments, order)
      dieAt('message written')
    },
    taking,
  )
  const shipping = bus.consume(
    shipments,
    async (order, { tx }) => {
      await tx.query('insert into shipped (order_id) values ($1)', [order.id])
      dieAt('second effect written')
    },
    taking,
  )
  await booking.ready
  await shipping.ready
  for (let tries = 0; ; tries++) {
    if (tries > 1500) throw new Error('the order was not shipped')
    if ((await countOf('bookings')) > 0 && (await bus.depth(orders)).leased === 0) {
      dieAt('acknowledged')
    }
    if ((await countOf('shipped')) > 0) break
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  await booking.drain()
  await bus.outbox(store).flush()
  await shipping.drain()
  await bus.close()
  await pool.end()
}
