/** The brokers that AMQP's suites run on: Spillway, and RabbitMQ where it is installed. */

import { RestartableBroker, type RunningBroker, startSpillway } from '../../harness/broker.ts'
import { temporaryFolder } from '../../harness/process.ts'
import { fetchRabbitmq, startRabbitmq } from '../peers/rabbitmq.ts'
import type { Choice, Report } from '../suite.ts'

export interface Subject {
  readonly isSpillway: boolean
  /** With its version, for the table. */
  readonly name: string
  readonly broker: RestartableBroker
}

/** Hands one broker after the other to `run`, started for it alone. */
export async function onEachBroker(
  report: Report,
  choice: Choice,
  run: (subject: Subject) => Promise<void>,
): Promise<void> {
  for (const { isSpillway, start } of chosen(report, choice)) {
    const broker = await RestartableBroker.start(start)
    const { name, version } = broker.running
    try {
      await run({ isSpillway, name: `${name} ${version}`, broker })
    } finally {
      await broker.stop()
    }
  }
}

interface Startable {
  readonly isSpillway: boolean
  start(): Promise<RunningBroker>
}

function chosen(report: Report, choice: Choice): Startable[] {
  const all: Startable[] = []
  if (choice.peers) {
    const why = fetchRabbitmq()
    const folder = temporaryFolder('rabbitmq')
    if (why === undefined) all.push({ isSpillway: false, start: () => startRabbitmq({ folder }) })
    else report.missing('RabbitMQ', why)
  }
  if (choice.spillway) {
    const folder = temporaryFolder('data')
    all.push({ isSpillway: true, start: () => startSpillway({ folder }) })
  }
  return all
}
