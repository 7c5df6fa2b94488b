// A worker in a consumer group: takes over what was left pending, and sets poison aside.
// REDIS_URL=redis://localhost:6379 node redis-worker.mjs

import { Redis } from 'ioredis'

const leaseMs = 30000
const attemptsMax = 5

const redis = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379')
const [stream, group, me] = ['orders', 'workers', `worker-${process.pid}`]
await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM').catch(error => {
  if (!error.message.startsWith('BUSYGROUP')) throw error
})
console.log('ready')

for (;;) {
  const idleMs = process.env.LEASE_MS ?? leaseMs
  const [, left] = await redis.xautoclaim(stream, group, me, idleMs, '0', 'COUNT', 10)
  const read = await redis.xreadgroup(
    ...['GROUP', group, me, 'COUNT', 1, 'BLOCK', 500, 'STREAMS', stream, '>'],
  )
  for (const [id, fields] of [...left, ...(read?.[0]?.[1] ?? [])]) await handle(id, fields)
}

async function handle(id, fields) {
  try {
    await charge(JSON.parse(fields[1]))
    await redis.xack(stream, group, id)
  } catch (error) {
    console.log('failed', error.message)
    const [[, , , attempts]] = await redis.xpending(stream, group, id, id, 1)
    if (attempts < attemptsMax) return
    await redis
      .multi()
      .xadd('orders.dead', '*', ...fields)
      .xack(stream, group, id)
      .exec()
    console.log('set aside')
  }
}

async function charge(order) {
  if (order.poison) throw new Error(`order ${order.number} cannot be charged`)
  console.log('charged', order.number)
}
