/**
 * The client's conformance suite on Spillway itself: the embedded engine, in memory and in a
 * folder, and the drivers on the four ports of a broker that is a process of its own. `npm test`
 * has the same in one process. Protocols share the names of queues, so each has its own broker.
 */

import { rmSync } from 'node:fs'
import type { RowName } from '../../client/results.ts'
import { readVersion, type SpillwayBroker, startSpillway } from '../../harness/broker.ts'
import { temporaryFolder } from '../../harness/process.ts'
import type { Choice, Report, Suite } from '../suite.ts'
import { runConformance } from './suite.ts'

export const spillwayClient: Suite = { name: 'client/spillway', run }

interface Door {
  readonly row: RowName
  readonly how: string
  readonly unitMs: number
  readonly atATime: number
  url(broker: SpillwayBroker): string
}

const doors: readonly Door[] = [
  {
    row: 'spillway-amqp',
    how: 'over AMQP',
    unitMs: 40,
    atATime: 8,
    url: ({ amqpPort }) => `amqp://127.0.0.1:${amqpPort}`,
  },
  {
    row: 'spillway-kafka',
    how: 'over Kafka’s protocol',
    unitMs: 40,
    atATime: 8,
    url: ({ kafkaPort }) => `kafka://127.0.0.1:${kafkaPort}?heartbeat=50ms`,
  },
  {
    row: 'spillway-sqs',
    how: 'over SQS',
    unitMs: 100,
    atATime: 16,
    url: ({ sqsPort }) => `sqs://key:secret@127.0.0.1:${sqsPort}?region=eu-central-1&wait=1`,
  },
  {
    row: 'spillway-redis',
    how: 'over Redis’ protocol',
    unitMs: 40,
    atATime: 8,
    url: ({ redisPort }) => `redis://127.0.0.1:${redisPort}`,
  },
]

async function run(report: Report, choice: Choice): Promise<void> {
  if (!choice.spillway) return
  const version = readVersion()
  const near = { unitMs: 20, atATime: 8 }
  const memory = { row: 'embedded-memory', broker: `Spillway ${version}, in memory` } as const
  await runConformance(report, choice, { ...memory, ...near, url: 'memory:conformance' })
  const folder = temporaryFolder('conformance')
  const file = { row: 'embedded-file', broker: `Spillway ${version}, in a folder` } as const
  await runConformance(report, choice, { ...file, ...near, url: `file:${folder}` })
  rmSync(folder, { recursive: true, force: true })
  for (const { row, how, unitMs, atATime, url } of doors) {
    const started = await startSpillway()
    try {
      const broker = `${started.name} ${started.version} ${how}`
      await runConformance(report, choice, { row, broker, url: url(started), unitMs, atATime })
    } finally {
      await started.stop()
    }
  }
}
