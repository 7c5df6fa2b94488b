/** Starts a load generator and waits for its answer; declares and removes the queues around it. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Fields } from '../tests/harness/amqp-codec.ts'
import { RawClient } from '../tests/harness/raw-client.ts'
import type { Load, LoadAddress, LoadResult } from './load/specification.ts'

const loadFile = fileURLToPath(new URL('./amqp-load.js', import.meta.url))

export function runLoad(load: Load): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [loadFile], (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout))
      else reject(new Error(`the load generator failed: ${stderr || error.message}`))
    })
    child.stdin?.end(JSON.stringify(load))
  })
}

/** Runs `measure` with these durable queues there and empty, and removes them afterwards. */
export async function withQueues<T>(
  address: LoadAddress,
  queues: readonly string[],
  measure: (client: RawClient) => Promise<T>,
  queueArguments: Fields = {},
): Promise<T> {
  const client = await RawClient.open(address)
  await client.call(1, 'channel.open')
  await forEachQueue(address, queues, async (helper, queue) => {
    await helper.call(1, 'queue.delete', { queue })
    await helper.call(1, 'queue.declare', { queue, durable: true, arguments: queueArguments })
  })
  try {
    return await measure(client)
  } finally {
    await forEachQueue(address, queues, async (helper, queue) => {
      await helper.call(1, 'queue.delete', { queue })
    })
    await client.close()
  }
}

/** Many queues over several connections: RabbitMQ takes minutes for 10,000 one after the other. */
async function forEachQueue(
  address: LoadAddress,
  queues: readonly string[],
  run: (client: RawClient, queue: string) => Promise<void>,
): Promise<void> {
  const connections = Math.min(setupConnectionsMax, Math.ceil(queues.length / queuesEach))
  const parts = Array.from({ length: connections }, (_, index) =>
    queues.filter((_queue, at) => at % connections === index),
  )
  await Promise.all(
    parts.map(async part => {
      const client = await RawClient.open(address)
      await client.call(1, 'channel.open')
      for (const queue of part) await run(client, queue)
      await client.close()
    }),
  )
}

const setupConnectionsMax = 32
const queuesEach = 50

export function queueNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `bench-${index}`)
}
