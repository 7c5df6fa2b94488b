/**
 * What must not compile does not: each `@ts-expect-error` is an error of the build when the line
 * under it is accepted. And the types that are inferred are the expected ones.
 */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Bus, queue, rpc, type StandardSchema, topic } from '../../src/client/client.ts'

interface Order {
  readonly id: string
  readonly total: number
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function same<A, B>(_: Same<A, B>): void {}

declare const dated: StandardSchema<{ at: string }, { at: Date }>

/** Compiled, never run. */
async function neverRun(bus: Bus): Promise<void> {
  const orders = queue<Order>('orders', { key: order => order.id })
  const placed = topic<Order>('placed')
  const quote = rpc<{ sku: string }, { price: number }>('quote')
  const events = queue('events', { schema: dated, key: ({ at }) => at.toISOString() })
  const order = { id: 'o-1', total: 42 }

  await bus.send(orders, order)
  await bus.send(orders, [order, order])
  // @ts-expect-error a wrong shape
  await bus.send(orders, { id: 1, total: 42 })
  // @ts-expect-error a shape that lacks something
  await bus.send(orders, { id: 'o-1' })
  // @ts-expect-error one wrong shape among several
  await bus.send(orders, [order, { id: 'o-2' }])
  bus.consumeBatch(orders, batch => same<(typeof batch)[number]['body'], Order>(true), { size: 9 })
  // @ts-expect-error a batch has a size
  bus.consumeBatch(orders, () => {}, {})
  // @ts-expect-error a queue is consumed, a topic subscribed to
  bus.consumeBatch(placed, () => {}, { size: 9 })
  // @ts-expect-error a topic is published to
  await bus.send(placed, order)
  // @ts-expect-error a queue is sent to
  await bus.publish(orders, order)
  // @ts-expect-error a queue is consumed, a topic subscribed to
  bus.consume(placed, () => {})
  // @ts-expect-error a queue has no groups
  bus.subscribe(orders, { group: 'g' }, () => {})
  // @ts-expect-error a subscription has a group
  bus.subscribe(placed, {}, () => {})
  // @ts-expect-error a queue has no history
  bus.read(orders)
  // @ts-expect-error an event has no delay
  await bus.publish(placed, order, { delay: '1s' })
  // @ts-expect-error no such option
  await bus.send(orders, order, { dely: '1s' })
  // @ts-expect-error no such guarantee: the words do not appear
  bus.consume(orders, () => {}, { guarantee: 'exactly-once' })
  // @ts-expect-error no such property of the body
  bus.consume(orders, body => body.customer)
  // @ts-expect-error the dead letters of a topic are a group's
  bus.dlq(placed)
  // @ts-expect-error a request has a deadline
  await bus.request(quote, { sku: 'A-1' })
  // @ts-expect-error a wrong question
  await bus.request(quote, { sku: 1 }, { timeout: '2s' })
  // @ts-expect-error a wrong answer
  bus.respond(quote, () => ({ price: 'free' }))
  // @ts-expect-error a queue is not asked
  await bus.request(orders, order, { timeout: '2s' })
  // @ts-expect-error a key is text
  queue<Order>('orders', { key: ({ total }) => total })

  bus.consume(orders, body => same<typeof body, Order>(true))
  bus.consume(events, body => same<typeof body, { at: Date }>(true))
  await bus.send(events, { at: '2026-11-01' })
  // @ts-expect-error producers write what goes in, not what comes out
  await bus.send(events, { at: new Date() })
  bus.respond(quote, body => {
    same<typeof body, { sku: string }>(true)
    return { price: 1 }
  })
  same<Awaited<ReturnType<typeof ask>>, { price: number }>(true)
  const ask = () => bus.request(quote, { sku: 'A-1' }, { timeout: '2s' })
}

it('contracts are typed from end to end: the build has checked it', () => {
  assert.equal(typeof neverRun, 'function')
})
