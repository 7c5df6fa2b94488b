/** The client's driver for SQS, on ElasticMQ; `npm test` has it on Spillway's SQS port. */

import { elasticmqVersion, fetchElasticmq, startElasticmq } from '../peers/elasticmq.ts'
import type { Choice, Report, Suite } from '../suite.ts'
import { runGuarantees } from './guarantees.ts'
import { runConformance, runLosses } from './suite.ts'

export const sqsClient: Suite = { name: 'client/sqs', run }

const urlOf = (port: number): string => `sqs://key:secret@127.0.0.1:${port}?region=elastic&wait=1`

/** ElasticMQ keeps its messages in memory, so a restart would show nothing. */
async function run(report: Report, choice: Choice): Promise<void> {
  if (!choice.peers) return
  report.missing('Amazon SQS', 'it is a service, and cannot be installed')
  const why = fetchElasticmq()
  if (why !== undefined) {
    report.missing('ElasticMQ', why)
    return
  }
  const { sqsPort: port, stop } = await startElasticmq()
  const broker = `ElasticMQ ${elasticmqVersion}`
  try {
    const url = urlOf(port)
    const subject = { row: 'elasticmq', broker, url, unitMs: 100, atATime: 16 } as const
    await runConformance(report, choice, subject)
    if (choice.record) return
    await runLosses(report, choice, { broker, port, url: urlOf, hasTimedLeases: true })
    await runGuarantees(report, choice, { broker, url })
  } finally {
    await stop()
  }
}
