/** How fast are entries added to a stream, each on the disk before its reply? */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { redisBenchmarkFile } from '../tests/interop/peers/redis.ts'
import { type Case, perSecond, type Question } from './question.ts'
import { redisContenders, redisPortOf, whenWarm } from './redis-peers.ts'

const clients = 50
const value = 'x'.repeat(20)
const runFile = promisify(execFile)

function addCase(pipeline: number, entries: number): Case {
  const name = `redis-benchmark, ${clients} clients, pipeline ${pipeline}`
  return {
    name,
    figures: [perSecond],
    measure: broker =>
      whenWarm(broker, name, async () => ({
        values: [await rate(redisPortOf(broker), pipeline, entries)],
      })),
  }
}

async function rate(port: number, pipeline: number, entries: number): Promise<number> {
  const load = ['-p', String(port), '-c', String(clients), '-P', String(pipeline)]
  const command = ['XADD', 'bench', '*', 'field', value]
  const args = [...load, '-n', String(entries), '--csv', ...command]
  const { stdout } = await runFile(redisBenchmarkFile, args)
  await runFile(redisBenchmarkFile, ['-p', String(port), '-n', '1', '-c', '1', 'DEL', 'bench'])
  const line = stdout.trim().split('\n').at(-1) ?? ''
  return Number(line.split('","')[1]?.replaceAll('"', ''))
}

export const redisXadd: Question = {
  name: 'redis-xadd',
  title: `XADD of one field of ${value.length} bytes, synced to the disk before each reply`,
  contenders: redisContenders,
  cases: ({ quick }) => {
    const times = quick ? 0.1 : 1
    return [
      addCase(1, 100_000 * times),
      addCase(16, 800_000 * times),
      addCase(64, 1_000_000 * times),
    ]
  },
}
