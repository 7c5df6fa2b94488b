/** The conformance cases and the transcripts, which on RabbitMQ check themselves. */

import { amqpCases as cases } from '../../conformance/amqp-cases/all.ts'
import { within } from '../../harness/wait.ts'
import { compareScenario } from '../../transcripts/compare.ts'
import { scenarios } from '../../transcripts/scenarios.ts'
import type { Choice, Report, Suite } from '../suite.ts'
import { onEachBroker, type Subject } from './subjects.ts'

export const amqpCases: Suite = {
  name: 'amqp/cases',
  run: (report, choice) =>
    onEachBroker(report, choice, async subject => {
      await runCases(report, choice, subject)
      if (subject.isSpillway) await replayTranscripts(report, choice, subject)
    }),
}

async function runCases(report: Report, { only }: Choice, subject: Subject): Promise<void> {
  const chosen = cases.filter(each => each.name.includes(only))
  let passed = 0
  for (const each of chosen) {
    try {
      await within(each.name, each.run(subject.broker), 60_000)
      passed++
    } catch (error) {
      report.failed(`${subject.name}: ${each.name}`, String((error as Error).stack))
    }
  }
  const failed = chosen.length - passed
  report.row({ broker: subject.name, suite: 'amqp conformance cases', passed, failed })
}

async function replayTranscripts(report: Report, { only }: Choice, subject: Subject) {
  const chosen = scenarios.filter(each => each.name.includes(only))
  let passed = 0
  for (const scenario of chosen) {
    const mismatches = await compareScenario(scenario, subject.broker.running)
    if (mismatches.length === 0) passed++
    else report.failed(`${subject.name}: ${scenario.name}`, mismatches.join('\n'))
  }
  const failed = chosen.length - passed
  report.row({ broker: subject.name, suite: 'amqp transcripts', passed, failed })
}
