/**
 * Where the shop keeps its orders, and each service what it has done: in PostgreSQL when there is a
 * DATABASE_URL, otherwise in memory.
 *
 * In PostgreSQL an order and the messages that must follow it are one transaction, through the
 * outbox; and what a service does about an order is one transaction with the claim of its message,
 * through the inbox. So nothing is lost or done twice, whatever is killed, on any broker. In memory
 * the messages are sent together where the broker can do that, and effects are noted under the
 * order's id, so that doing one twice shows, and changes nothing.
 *
 * Both have: `place(order)`, `consume(name, work)`, `done()`, `ledger()`, `close()`.
 */

import { pg } from 'spillway/outbox-postgres'
import * as contracts from './contracts.mjs'
import { Ledger } from './ledger.mjs'

const targets = Object.values(contracts.all)
// What a killed service had in hand comes again when its lease is over.
const limits = { concurrency: 16, prefetch: 64, timeout: '10s', lease: '2s' }

/** @param {string} run the beginning of the ids of this run's orders */
export async function openBooks(bus, run) {
  const url = process.env.DATABASE_URL
  return url === undefined ? memoryBooks(bus, run) : postgresBooks(bus, run, url)
}

async function memoryBooks(bus, run) {
  const ledger = new Ledger()
  const plan = await bus.plan(...targets)
  const canSendTogether = plan.every(
    ({ feature, how }) => feature !== 'transaction' || how === 'native',
  )
  const note = (name, order) => {
    if (order.id.startsWith(run)) ledger.note(name, order)
  }
  return {
    where: canSendTogether
      ? 'Orders are kept in memory; the five messages of one are sent in one transaction.'
      : // A crash in between would leave an order that some services know.
        'Orders are kept in memory; the five messages of one are sent one by one.',
    isExact: false,
    note,
    async place(order) {
      if (canSendTogether) {
        await bus.transaction(async tx => {
          for (const target of targets) await tx.send(target, order)
        })
      } else {
        await Promise.all(targets.map(target => bus.send(target, order)))
      }
      ledger.ordered(order)
    },
    consume: (name, work) => consumeAndNote(bus, name, work, note),
    async done() {
      return Object.fromEntries(Object.keys(contracts.all).map(name => [name, ledger.done(name)]))
    },
    async ledger() {
      return ledger
    },
    async close() {},
  }
}

/** For a service whose ledger is elsewhere: it is told, and has answered, before the message is done. */
export function consumeAndNote(bus, name, work, note) {
  const handler = async (order, message) => {
    await work(order, message)
    await note(name, order)
  }
  return bus.consume(contracts.all[name], handler, limits)
}

async function postgresBooks(bus, run, url) {
  const { default: postgres } = await import('pg')
  // Six processes have one each, of the hundred connections that PostgreSQL allows by itself.
  const pool = new postgres.Pool({ connectionString: url, max: 8 })
  // A connection that breaks while nobody uses it is replaced.
  pool.on('error', () => {})
  await pool.query(`
    select pg_advisory_lock(72);
    create table if not exists shop_orders (
      id text primary key, customer text not null, total int not null
    );
    create table if not exists shop_effects (
      service text not null, order_id text not null, amount int not null
    );
    create index if not exists shop_effects_order on shop_effects (order_id text_pattern_ops);
    select pg_advisory_unlock(72);
  `)
  const store = pg(pool)
  const outbox = bus.outbox(store, { every: '20ms', batch: 500 })
  await outbox.ready
  return {
    where: 'Orders are kept in PostgreSQL; their messages go through its outbox.',
    isExact: true,
    async place(order) {
      const tx = await pool.connect()
      try {
        await tx.query('begin')
        await tx.query('insert into shop_orders (id, customer, total) values ($1, $2, $3)', [
          order.id,
          order.customer,
          order.total,
        ])
        for (const target of targets) await outbox.send(tx, target, order)
        await tx.query('commit')
      } catch (error) {
        await tx.query('rollback')
        throw error
      } finally {
        tx.release()
      }
    },
    consume(name, work) {
      const handler = async (order, message) => {
        await work(order, message)
        await message.tx.query(
          'insert into shop_effects (service, order_id, amount) values ($1, $2, $3)',
          [name, order.id, order.total],
        )
      }
      return bus.consume(contracts.all[name], handler, { ...limits, inbox: store })
    },
    async done() {
      const { rows } = await pool.query(
        `select service, count(*)::int as count from shop_effects
         where order_id like $1 group by service`,
        [`${run}-%`],
      )
      return Object.fromEntries(rows.map(({ service, count }) => [service, count]))
    },
    /** Read when all is over: the tables are the books. */
    async ledger() {
      const ledger = new Ledger()
      const orders = await pool.query('select * from shop_orders where id like $1', [`${run}-%`])
      for (const order of orders.rows) ledger.ordered(order)
      const effects = await pool.query('select * from shop_effects where order_id like $1', [
        `${run}-%`,
      ])
      for (const { service, order_id: id, amount } of effects.rows) {
        ledger.note(service, { id, total: amount })
      }
      return ledger
    },
    close: () => pool.end(),
  }
}
