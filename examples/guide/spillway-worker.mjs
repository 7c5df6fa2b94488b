// The same worker with Spillway's own client: the URL decides which broker it is.
// SPILLWAY_URL=memory: node spillway-worker.mjs

import { connect, exponential, queue } from 'spillway'

const orders = queue('orders', {
  retry: { attempts: 5, backoff: exponential('500ms', '1m') },
  dlq: 'orders.dead',
})

const bus = await connect(process.env.SPILLWAY_URL ?? 'memory:')
const worker = bus.consume(orders, charge, { prefetch: 1, concurrency: 1 })

await bus.send(orders, { number: 1 })
await bus.send(orders, { number: 2, poison: true })
console.log('ready')

process.once('SIGINT', async () => {
  await worker.drain({ timeout: '5s' })
  await bus.close()
})

async function charge(order) {
  if (order.poison) {
    console.log('failed', order.number)
    throw new Error(`order ${order.number} cannot be charged`)
  }
  console.log('charged', order.number)
}
