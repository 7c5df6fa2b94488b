/** The client's conformance suite over its driver for Kafka, on Apache Kafka and on Spillway. */

import { connect } from '../../../src/client/client.ts'
import { type Case, conformanceCases, runCase } from '../../../src/conformance/conformance.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { startSpillway } from '../../harness/broker.ts'
import { temporaryFolder } from '../../harness/process.ts'
import { fetchKafka, startKafkaPeer } from '../peers/kafka.ts'
import type { Choice, Report, Suite } from '../suite.ts'

export const kafkaClient: Suite = { name: 'kafka/client', run }

const atATime = 8
/** A broker and a suite on a busy machine: what takes longer than this has hung. */
const patienceMs = 30_000

async function run(report: Report, choice: Choice): Promise<void> {
  const cases = [...conformanceCases.entries()].filter(([, { name }]) => name.includes(choice.only))
  for (const start of subjects(report, choice)) {
    const broker = await start()
    const name = `${broker.name} ${broker.version}`
    const url = `kafka://127.0.0.1:${broker.kafkaPort}`
    const counts = { passed: 0, failed: 0 }
    const rest = [...cases]
    const worker = async (): Promise<void> => {
      for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
        const why = await runOne(url, ...next)
        if (why !== undefined) report.failed(`${next[1].name} on ${name}`, why)
        counts[why === undefined ? 'passed' : 'failed']++
      }
    }
    try {
      await Promise.all(Array.from({ length: atATime }, worker))
    } finally {
      await broker.stop()
    }
    report.row({ broker: name, suite: 'the client’s conformance suite', ...counts })
  }
}

/** Why it failed; a case that the plan calls impossible has not. */
async function runOne(url: string, number: number, one: Case): Promise<string | undefined> {
  const subject = { url, connect, clock: systemClock, run: 'c', unitMs: 100, patienceMs }
  try {
    await runCase(one, number, subject)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function subjects(report: Report, choice: Choice) {
  const all = []
  const why = choice.peers ? fetchKafka() : undefined
  if (why !== undefined) report.missing('Kafka', why)
  if (choice.peers && why === undefined) all.push(() => startKafkaPeer())
  if (choice.spillway) all.push(() => startSpillway({ folder: temporaryFolder('data') }))
  return all
}
