// What does the backend do with this contract, before the first message is sent?
// SPILLWAY_URL=kafka://127.0.0.1:9092 node plan.mjs

import { connect, exponential, queue } from 'spillway'

const orders = queue('orders', {
  key: order => order.customer,
  retry: { attempts: 5, backoff: exponential('1s', '1m') },
})

const bus = await connect(process.env.SPILLWAY_URL ?? 'memory:')
for (const { feature, how, why, used } of await bus.plan(orders)) {
  if (used) console.log(`${feature}: ${how}${why === '' ? '' : ` (${why})`}`)
}
await bus.close()
