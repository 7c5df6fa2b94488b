/** Not everybody compiles: who calls without types hears of the same mistakes at run time. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Bus, connect, type Message, queue, rpc, topic } from '../../src/client/client.ts'
import type { Outbox, PgQueryable, PostgresStore } from '../../src/client/outbox-postgres.ts'

/** The caller without types. */
type Untyped = { send(contract: unknown, body: unknown): Promise<unknown> }

interface Order {
  readonly id: string
  readonly total: number
}

/** Compiled, never run: the doors beside the bus refuse what the bus refuses. */
export function neverRun(parts: {
  readonly bus: Bus
  readonly store: PostgresStore
  readonly box: Outbox<PgQueryable>
  readonly tx: PgQueryable
  readonly message: Message<Order>
}) {
  const { bus, store, box, tx, message } = parts
  const orders = queue<Order>('orders')
  const placed = topic<Order>('placed')
  const order: Order = { id: 'o-1', total: 42 }
  void message.send(orders, order)
  // @ts-expect-error what follows from a message has its shape, too
  void message.send(orders, { id: 1 })
  // @ts-expect-error a topic is published to
  void message.send(placed, order)
  void box.send(tx, orders, [order, order])
  // @ts-expect-error a wrong shape in the outbox
  void box.send(tx, orders, { id: 'o-1' })
  // @ts-expect-error one wrong shape among several
  void box.send(tx, orders, [order, { id: 'o-2' }])
  void box.publish(tx, placed, order)
  // @ts-expect-error a topic is published to
  void box.send(tx, placed, order)
  // @ts-expect-error a queue is sent to
  void box.publish(tx, orders, order)
  bus.consume(
    orders,
    async (body, inside) => {
      await inside.tx.query('select $1', [body.total])
      // @ts-expect-error it is acknowledged after the commit
      await inside.ack()
      // @ts-expect-error no such property of the body
      return body.customer
    },
    { inbox: store, concurrency: 4 },
  )
  // @ts-expect-error without an inbox there is no transaction
  bus.consume(orders, (_, outside) => outside.tx.query('select 1'))
  bus.subscribe(placed, { group: 'g', inbox: store }, (body, { tx: work }) =>
    work.query('select $1', [body.total]),
  )
  // @ts-expect-error this is no inbox
  bus.consume(orders, () => {}, { inbox: {} })
}

describe('a caller without types', () => {
  for (const contract of [rpc('quote'), { kind: 'exchange', name: 'orders' }]) {
    it(`hears that a contract of kind ${contract.kind} is not sent to`, async () => {
      await using bus = await connect('memory:')
      const sending = (bus as unknown as Untyped).send(contract, {})
      await assert.rejects(sending, { code: 'SPILLWAY_E_CONTRACT' })
    })
  }

  it('hears that attempts, names and priorities have bounds', () => {
    for (const make of [
      () => queue('a', { retry: { attempts: 0 } }),
      () => queue('a b'),
      () => queue('a', { priorities: 1000 }),
      () => topic(''),
    ]) {
      assert.throws(make, { code: 'SPILLWAY_E_CONTRACT' })
    }
  })
})
