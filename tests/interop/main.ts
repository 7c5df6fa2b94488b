/**
 * `npm run interop -- [--broker rabbitmq|spillway] [--only WORDS]`
 *
 * The conformance cases and the transcripts on the real RabbitMQ and on Spillway. On RabbitMQ they
 * check the tests; on Spillway they check Spillway.
 */

import { parseArgs } from 'node:util'
import { amqpCases } from '../conformance/amqp-cases/all.ts'
import { RestartableBroker, type RunningBroker, startSpillway } from '../harness/broker.ts'
import { temporaryFolder } from '../harness/process.ts'
import { formatTable } from '../harness/statistics.ts'
import { within } from '../harness/wait.ts'
import { compareScenario } from '../transcripts/compare.ts'
import { scenarios } from '../transcripts/scenarios.ts'
import { fetchRabbitmq, startRabbitmq } from './peers/rabbitmq.ts'

interface Subject {
  readonly name: 'RabbitMQ' | 'Spillway'
  start(): Promise<RunningBroker>
}

const { values: flags } = parseArgs({
  options: { broker: { type: 'string' }, only: { type: 'string', default: '' } },
})
const rows: string[][] = []
let failed = 0

for (const subject of subjects()) {
  const broker = await RestartableBroker.start(subject.start)
  const name = `${subject.name} ${broker.running.version}`
  try {
    rows.push([name, 'conformance', ...(await runCases(name, broker))])
    if (subject.name === 'Spillway') {
      rows.push([name, 'transcripts', ...(await replayTranscripts(name, broker))])
    }
  } finally {
    await broker.stop()
  }
}
console.log(formatTable(['broker', 'suite', 'passed', 'failed'], rows))
process.exit(failed > 0 ? 1 : 0)

function subjects(): Subject[] {
  const all: Subject[] = []
  const folders = { rabbitmq: temporaryFolder('rabbitmq'), spillway: temporaryFolder('data') }
  const missing = flags.broker === 'spillway' ? 'not asked for' : fetchRabbitmq()
  if (missing === undefined) {
    all.push({ name: 'RabbitMQ', start: () => startRabbitmq({ folder: folders.rabbitmq }) })
  } else {
    console.error(`RabbitMQ is MISSING: ${missing}`)
    if (flags.broker !== 'spillway') failed++
  }
  if (flags.broker !== 'rabbitmq') {
    all.push({ name: 'Spillway', start: () => startSpillway({ folder: folders.spillway }) })
  }
  return all
}

async function runCases(name: string, broker: RestartableBroker): Promise<string[]> {
  let passed = 0
  const cases = amqpCases.filter(each => each.name.includes(flags.only))
  for (const each of cases) {
    try {
      await within(each.name, each.run(broker), 60_000)
      passed++
    } catch (error) {
      failed++
      console.error(`${name}: FAILED: ${each.name}\n${(error as Error).stack}\n`)
    }
  }
  return [String(passed), String(cases.length - passed)]
}

async function replayTranscripts(name: string, broker: RestartableBroker): Promise<string[]> {
  const chosen = scenarios.filter(each => each.name.includes(flags.only))
  let passed = 0
  for (const scenario of chosen) {
    const mismatches = await compareScenario(scenario, broker.running)
    if (mismatches.length === 0) passed++
    else console.error(`${name}: DIFFERS: ${scenario.name}\n${mismatches.join('\n')}\n`)
  }
  failed += chosen.length - passed
  return [String(passed), String(chosen.length - passed)]
}
