// A consumer of a group through node-redis: it first takes over what a dead one has left behind.

import { createClient } from '@redis/client'

const redis = createClient({ url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' })
await redis.connect()
const [stream, group, consumer] = ['orders', 'shipping', `consumer-${process.pid}`]

await redis.xGroupCreate(stream, group, '0', { MKSTREAM: true }).catch(error => {
  if (!error.message.startsWith('BUSYGROUP')) throw error
})

async function handle({ id, message }) {
  console.log(id, Object.entries(message).flat().join(' '))
  await redis.xAck(stream, group, id)
}

const blockMs = Number(process.env.BLOCK_MS ?? 5000)
const idleMs = Number(process.env.IDLE_MS ?? 60_000)
const { messages } = await redis.xAutoClaim(stream, group, consumer, idleMs, '0')
for (const entry of messages) await handle(entry)

while (true) {
  const options = { COUNT: 10, BLOCK: blockMs }
  const read = await redis.xReadGroup(group, consumer, { key: stream, id: '>' }, options)
  if (read === null) break
  for (const { messages } of read) for (const entry of messages) await handle(entry)
}
await redis.close()
