/** The classic first programs, unchanged, in processes of their own. */

import { deepEqual, equal } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { repositoryFolder } from '../harness/broker.ts'
import { Serving } from './serving.ts'

const runFile = promisify(execFile)

for (const library of ['redis', 'node-redis'] as const) {
  const name = library === 'redis' ? 'ioredis' : library
  test(`through ${name}: a producer, a consumer that dies, and one that takes over`, async () => {
    const serving = await new Serving().start()
    const url = `redis://127.0.0.1:${serving.port}`
    const env = { ...process.env, REDIS_URL: url, IDLE_MS: '0', BLOCK_MS: '50' }
    const run = async (program: string): Promise<string[]> => {
      const file = join(repositoryFolder(), 'examples/classic', `${library}-${program}.mjs`)
      const { stdout } = await runFile(process.execPath, [file], { env })
      return stdout.trim().split('\n')
    }
    const client = new Redis(url)
    try {
      const ids = await run('producer')
      equal(ids.length, 10)
      await client.xgroup('CREATE', 'orders', 'shipping', '0')
      // It read four and never came back.
      await client.xreadgroup('GROUP', 'shipping', 'dead', 'COUNT', 4, 'STREAMS', 'orders', '>')
      deepEqual(
        await run('consumer'),
        ids.map((id, index) => `${id} number ${index + 1} item tea`),
      )
      deepEqual(await client.xpending('orders', 'shipping'), [0, null, null, null])
    } finally {
      client.disconnect()
      await serving.stop()
    }
  })
}
