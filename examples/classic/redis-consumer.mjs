// A consumer of a group through ioredis: it first takes over what a dead one has left behind.

import { Redis } from 'ioredis'

const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')
const [stream, group, consumer] = ['orders', 'shipping', `consumer-${process.pid}`]

await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM').catch(error => {
  if (!error.message.startsWith('BUSYGROUP')) throw error
})

async function handle([id, fields]) {
  console.log(id, fields.join(' '))
  await redis.xack(stream, group, id)
}

const blockMs = Number(process.env.BLOCK_MS ?? 5000)
const idleMs = Number(process.env.IDLE_MS ?? 60_000)
const [, left] = await redis.xautoclaim(stream, group, consumer, idleMs, '0')
for (const entry of left) await handle(entry)

while (true) {
  const read = await redis.xreadgroup(
    ...['GROUP', group, consumer, 'COUNT', 10, 'BLOCK', blockMs, 'STREAMS', stream, '>'],
  )
  if (read === null) break
  for (const [, entries] of read) for (const entry of entries) await handle(entry)
}
await redis.quit()
