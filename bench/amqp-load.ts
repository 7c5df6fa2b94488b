/**
 * The load generator, a process of its own: it takes a load as JSON in its first argument, and
 * prints the result as JSON.
 */

import { amqplibConsume, amqplibPublish } from './load/amqplib-loads.ts'
import { rawConsume, rawFanout, rawLatency, rawPublish } from './load/raw-loads.ts'
import type { Load, LoadResult } from './load/specification.ts'

function run(load: Load): Promise<LoadResult> {
  switch (load.kind) {
    case 'publish':
      return load.client === 'raw' ? rawPublish(load) : amqplibPublish(load)
    case 'consume':
      return load.client === 'raw' ? rawConsume(load) : amqplibConsume(load)
    case 'latency':
      return rawLatency(load)
    case 'fanout':
      return rawFanout(load)
  }
}

const load: Load = JSON.parse(process.argv[2] ?? '{}')
console.log(JSON.stringify(await run(load)))
