/** The client's driver for RabbitMQ, on RabbitMQ; `npm test` has it on Spillway's AMQP. */

import { temporaryFolder } from '../../harness/process.ts'
import { fetchRabbitmq, startRabbitmq } from '../peers/rabbitmq.ts'
import type { Choice, Report, Suite } from '../suite.ts'
import { runGuarantees } from './guarantees.ts'
import { runConformance, runLosses, runRestart } from './suite.ts'

export const rabbitmqClient: Suite = { name: 'client/rabbitmq', run }

const urlOf = (port: number): string => `amqp://127.0.0.1:${port}`

async function run(report: Report, choice: Choice): Promise<void> {
  if (!choice.peers) return
  const why = fetchRabbitmq()
  if (why !== undefined) {
    report.missing('RabbitMQ', why)
    return
  }
  const running = await startRabbitmq()
  const broker = `RabbitMQ ${running.version}`
  try {
    const url = urlOf(running.amqpPort)
    const subject = { row: 'rabbitmq', broker, url, unitMs: 60, atATime: 4 } as const
    await runConformance(report, choice, subject)
    if (choice.record) return
    await runLosses(report, choice, { broker, port: running.amqpPort, url: urlOf })
    await runGuarantees(report, choice, { broker, url })
  } finally {
    await running.stop()
  }
  if (!'a restart'.includes(choice.only)) return
  const folder = temporaryFolder('rabbitmq')
  await runRestart(report, {
    broker,
    url: urlOf,
    start: async () => {
      const { amqpPort, stop } = await startRabbitmq({ folder })
      return { port: amqpPort, stop }
    },
  })
}
