/**
 * The load generator, a process of its own: it takes a load as JSON from its standard input, and
 * prints the result as JSON.
 */

import { text } from 'node:stream/consumers'
import { amqplibConsume, amqplibPublish } from './load/amqplib-loads.ts'
import { rawConsume, rawFanout, rawLatency, rawPublish, rawSpread } from './load/raw-loads.ts'
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
    case 'spread':
      return rawSpread(load)
  }
}

const load: Load = JSON.parse(await text(process.stdin))
console.log(JSON.stringify(await run(load)))
