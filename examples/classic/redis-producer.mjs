// XADD through ioredis: every id that is printed is on the disk.

import { Redis } from 'ioredis'

const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')
for (let number = 1; number <= 10; number++) {
  console.log(await redis.xadd('orders', '*', 'number', number, 'item', 'tea'))
}
await redis.quit()
