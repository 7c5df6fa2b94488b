/** Redis and Spillway beside each other, both with every write on the disk before its reply. */

import { type RunningBroker, startSpillway } from '../tests/harness/broker.ts'
import { fetchRedis, startRedis } from '../tests/interop/peers/redis.ts'
import type { Contender } from './peers.ts'

/** The peer first: ratios are ours over theirs. */
export function redisContenders(only: string | undefined): Contender[] {
  const all: Contender[] = []
  if (only === undefined || only === 'redis') {
    const missing = fetchRedis()
    if (missing === undefined) all.push({ name: 'Redis', start: () => startRedis() })
    else console.error(`Redis is MISSING, so there is nothing to compare with: ${missing}`)
  }
  if (only === undefined || only === 'spillway') {
    all.push({ name: 'Spillway', start: () => startSpillway() })
  }
  return all
}

export function redisPortOf(broker: RunningBroker): number {
  if ('redisPort' in broker && typeof broker.redisPort === 'number') return broker.redisPort
  throw new Error(`${broker.name} has no port for Redis' clients`)
}

const warm = new Set<string>()

/** A broker's first run of a case is not measured: it compiles what the others run. */
export async function whenWarm<T>(broker: RunningBroker, name: string, run: () => Promise<T>) {
  const key = `${broker.pid} ${name}`
  if (!warm.has(key)) await run()
  warm.add(key)
  return await run()
}
