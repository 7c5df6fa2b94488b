/** What does a deep backlog cost? Ten million records of 1 KB: 11 GB in a temporary folder. */

import { rmSync } from 'node:fs'
import { type SpillwayBroker, startSpillway } from '../tests/harness/broker.ts'
import { residentBytes, temporaryFolder } from '../tests/harness/process.ts'
import { RawClient } from '../tests/harness/raw-client.ts'
import type { AloneQuestion, Figure, Measurement } from './question.ts'
import { runLoad } from './run-load.ts'

const figures: readonly Figure[] = [
  { name: 'filled', unit: 'messages/s', better: 'higher' },
  { name: 'resident, filled', unit: 'MB', better: 'lower' },
  { name: 'ready after kill -9', unit: 'ms', better: 'lower' },
  { name: 'resident, restarted', unit: 'MB', better: 'lower' },
  { name: 'drained', unit: 'messages/s', better: 'higher' },
  { name: 'resident, drained', unit: 'MB', better: 'lower' },
]

const queue = 'bench-deep'

async function measureBacklog(messages: number): Promise<Measurement> {
  const folder = temporaryFolder('backlog')
  let broker = await startSpillway({ folder })
  try {
    await declare(broker)
    const load = { client: 'raw', bodyBytes: 1024, messages, queues: [queue] } as const
    const address = addressOf(broker)
    const filled = await runLoad({ ...load, kind: 'publish', address, window: 5000 })
    const residentFilled = residentMb(broker)
    await broker.kill()
    broker = await startSpillway({ folder, readyMsMax: 600_000 })
    const { readyMs } = broker
    const residentRestarted = residentMb(broker)
    const again = addressOf(broker)
    const drained = await runLoad({ ...load, kind: 'consume', address: again, prefetch: 1000 })
    const rates = [filled, drained].map(each => (each.messages / each.elapsedMs) * 1000)
    const [fillRate = Number.NaN, drainRate = Number.NaN] = rates
    return {
      values: [
        ...[fillRate, residentFilled, readyMs, residentRestarted],
        ...[drainRate, residentMb(broker)],
      ],
      loadShare: drained.processorShare,
    }
  } finally {
    await broker.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

function addressOf({ host, amqpPort }: SpillwayBroker): { host: string; amqpPort: number } {
  return { host, amqpPort }
}

function residentMb(broker: SpillwayBroker): number {
  return (residentBytes(broker.pid) ?? Number.NaN) / 1e6
}

async function declare(broker: SpillwayBroker): Promise<void> {
  const client = await RawClient.open(broker)
  await client.call(1, 'channel.open')
  await client.call(1, 'queue.declare', { queue, durable: true })
  await client.close()
}

export const backlog10m: AloneQuestion = {
  name: 'backlog-10m',
  title: 'a deep backlog: persistent messages of 1 KB in one durable queue, one consumer',
  onlyByName: true,
  aloneCases: ({ quick }) => {
    const messages = quick ? 200_000 : 10_000_000
    return [
      {
        name: `${messages.toLocaleString('en-GB')} messages`,
        figures,
        measure: () => measureBacklog(messages),
      },
    ]
  },
}
