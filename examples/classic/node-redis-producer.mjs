// XADD through node-redis: every id that is printed is on the disk.

import { createClient } from '@redis/client'

const redis = createClient({ url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' })
await redis.connect()
for (let number = 1; number <= 10; number++) {
  console.log(await redis.xAdd('orders', '*', { number: String(number), item: 'tea' }))
}
await redis.close()
