/**
 * `npm run crash -- [--rounds 200] [--seed N] [--publishers 4] [--kill-ms 1500] [--broker spillway]
 * [--clients amqp|redis|kafka|sqs] [--json FILE]`
 *
 * Kills a broker under load, again and again, and shows from the books of its clients that nothing
 * confirmed was lost and nothing settled came back. What these words mean: tests/harness/ledger.ts.
 */

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { launchSpillway, startSpillway } from '../harness/broker.ts'
import { Chance } from '../harness/chance.ts'
import { breaches, type Ledger } from '../harness/ledger.ts'
import { temporaryFolder } from '../harness/process.ts'
import { formatTable } from '../harness/statistics.ts'
import { startRabbitmq } from '../interop/peers/rabbitmq.ts'
import { runKafkaRounds } from './kafka.ts'
import { runRedisRounds } from './redis.ts'
import { type CrashReport, runRounds } from './rounds.ts'
import { runSqsRounds } from './sqs.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    publishers: { type: 'string', default: '4' },
    'kill-ms': { type: 'string', default: '1500' },
    broker: { type: 'string', default: 'spillway' },
    clients: { type: 'string', default: 'amqp' },
    json: { type: 'string' },
  },
})

const rounds = Number(flags.rounds)
const folder = temporaryFolder('crash')
const startedAt = performance.now()
console.error(`${rounds} rounds on ${flags.broker}, seed ${flags.seed}`)

if (flags.clients === 'kafka') process.exit((await crashKafka()) ? 0 : 1)
const report = await (flags.clients === 'amqp' ? runAmqp() : runAnswered())
process.stderr.write('\n')
console.log(formatReport(report))
if (flags.json !== undefined) {
  const { ledger, ...rest } = report
  const { counts, broken, details } = ledger
  const content = {
    seed: flags.seed,
    rounds,
    broker: flags.broker,
    ...rest,
    counts,
    broken,
    details,
  }
  writeFileSync(flags.json, `${JSON.stringify(content, null, 2)}\n`)
}
if (!report.ledger.kept) {
  const again = `npm run crash -- --rounds ${rounds} --seed ${flags.seed}`
  console.error(`NOT KEPT. Again: ${again}\n${report.ledger.details.join('\n')}`)
  process.exit(1)
}

/** Kafka's book has other words: see kafka.ts. True: it was kept. */
async function crashKafka(): Promise<boolean> {
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
  const { counts, details } = await runKafkaRounds({
    rounds,
    chance: new Chance(Number(flags.seed)),
    producers: Number(flags.publishers),
    killMsMax: Number(flags['kill-ms']),
    start: () => startSpillway({ folder }),
  })
  const rows = Object.entries({ ...counts, breaches: details.length })
  console.log(
    formatTable(
      ['what', 'count'],
      rows.map(row => row.map(String)),
    ),
  )
  if (details.length > 0) console.error(`NOT KEPT, seed ${flags.seed}:\n${details.join('\n')}`)
  return details.length === 0
}

function runAmqp(): Promise<CrashReport> {
  return runRounds({
    rounds,
    chance: new Chance(Number(flags.seed)),
    publishers: Number(flags.publishers),
    killMsMax: Number(flags['kill-ms']),
    onRound: showProgress,
    ...brokerUnderTest(),
  })
}

/** Clients whose every request is answered: their books are the same. */
async function runAnswered(): Promise<CrashReport> {
  let readyMsMax = 0
  const run = flags.clients === 'redis' ? runRedisRounds : runSqsRounds
  const { ledger, drained } = await run({
    rounds,
    chance: new Chance(Number(flags.seed)),
    producers: Number(flags.publishers),
    killMsMax: Number(flags['kill-ms']),
    onRound: showProgress,
    start: async () => {
      const broker = await startSpillway({ folder })
      readyMsMax = Math.max(readyMsMax, broker.readyMs)
      return broker
    },
  })
  return { ledger, kills: rounds + 1, killsDuringRecovery: 0, drained, readyMsMax }
}

function brokerUnderTest() {
  if (flags.broker === 'rabbitmq') return { start: () => startRabbitmq({ folder }) }
  return { start: () => startSpillway({ folder }), launch: () => launchSpillway({ folder }) }
}

function showProgress(round: number, { counts, broken }: Ledger): void {
  const elapsedS = (performance.now() - startedAt) / 1000
  const leftS = Math.round((elapsedS / round) * (rounds - round))
  const bad = breaches.reduce((sum, breach) => sum + broken[breach], 0)
  const text = `round ${round} of ${rounds}, ${counts.confirmed} confirmed, ${counts.settled} settled, ${bad} breaches, ${leftS} s left`
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`)
}

function formatReport({ ledger, ...rest }: CrashReport): string {
  const rows = [
    ['kills under load', rest.kills],
    ['kills during recovery', rest.killsDuringRecovery],
    ['slowest start, ms', Math.round(rest.readyMsMax)],
    ['published', ledger.counts.published],
    ['confirmed', ledger.counts.confirmed],
    ['refused', ledger.counts.refused],
    ['deliveries', ledger.counts.deliveries],
    ['of them redeliveries', ledger.counts.redeliveries],
    ['acknowledged', ledger.counts.acked],
    ['rejected', ledger.counts.rejected],
    ['settled', ledger.counts.settled],
    ['left at the end, drained', rest.drained],
    ...breaches.map(breach => [breach.toUpperCase(), ledger.broken[breach]]),
  ]
  return formatTable(
    ['what', 'count'],
    rows.map(row => row.map(String)),
  )
}
