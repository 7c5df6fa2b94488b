/**
 * `node dist/tests/transcripts/record.js`: performs every scenario on the real RabbitMQ and stores
 * what it said. The files are part of the repository; a test performs the same on Spillway.
 */

import { fetchRabbitmq, startRabbitmq } from '../interop/peers/rabbitmq.ts'
import { perform } from './perform.ts'
import { scenarios } from './scenarios.ts'
import { type Transcript, writeTranscripts } from './store.ts'

const missing = fetchRabbitmq()
if (missing !== undefined) {
  console.error(`RabbitMQ is MISSING: ${missing}`)
  process.exit(1)
}
const broker = await startRabbitmq()
const transcripts: Transcript[] = []
for (const scenario of scenarios) {
  const exchanges = await perform(scenario, broker)
  transcripts.push({ scenario: scenario.name, exchanges })
  const silent = exchanges.filter(({ answers }) => answers.includes('nothing'))
  for (const { sent } of silent) console.error(`${scenario.name}: no answer to ${sent}`)
}
await broker.stop()
writeTranscripts(`RabbitMQ ${broker.version}`, transcripts)
console.log(`${transcripts.length} scenarios recorded from RabbitMQ ${broker.version}`)
