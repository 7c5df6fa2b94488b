/**
 * `npm run bench -- [question …] [--cases WORDS] [--runs N] [--quick] [--json FILE]
 * [--only spillway|rabbitmq|kafka|…]`
 *
 * Each question is asked of Spillway and of the real peer in the same run, in turn. Without a name:
 * all questions but the ones that need many gigabytes. `--cases` chooses the cases whose name has
 * the words.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import type { RunningBroker } from '../tests/harness/broker.ts'
import { alternate, formatSeries, type Series } from './alternate.ts'
import { amqpBacklog } from './amqp-backlog.ts'
import { amqpConsume } from './amqp-consume.ts'
import { amqpCosts } from './amqp-costs.ts'
import { amqpFanout } from './amqp-fanout.ts'
import { amqpLatency } from './amqp-latency.ts'
import { amqpPublish } from './amqp-publish.ts'
import { backlog10m } from './backlog-10m.ts'
import { client } from './client.ts'
import { engine } from './engine.ts'
import { kafkaConsume } from './kafka-consume.ts'
import { kafkaLatency } from './kafka-latency.ts'
import { kafkaProduce, kafkaProduceFlushed } from './kafka-produce.ts'
import { kafkaTransactions } from './kafka-transactions.ts'
import { contenders } from './peers.ts'
import type { AloneQuestion, Question } from './question.ts'
import { redisGroup } from './redis-group.ts'
import { redisXadd } from './redis-xadd.ts'
import { sqs } from './sqs.ts'
import { start } from './start.ts'
import { studio } from './studio.ts'
import { studioPage } from './studio-page.ts'

const questions: readonly (Question | AloneQuestion)[] = [
  amqpPublish,
  amqpConsume,
  amqpLatency,
  amqpFanout,
  amqpBacklog,
  amqpCosts,
  kafkaProduce,
  kafkaProduceFlushed,
  kafkaConsume,
  kafkaTransactions,
  kafkaLatency,
  redisXadd,
  redisGroup,
  sqs,
  start,
  engine,
  client,
  studio,
  studioPage,
  backlog10m,
]

// Where it is set, any Node process reads all certificates before its own first line: 85 ms of what
// would be called the broker's start.
delete process.env['NODE_EXTRA_CA_CERTS']

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    cases: { type: 'string', default: '' },
    json: { type: 'string' },
  },
})

for (const name of positionals) {
  if (questions.some(question => question.name === name)) continue
  const known = questions.map(question => question.name).join(', ')
  console.error(`There is no question ${name}. Known: ${known}.`)
  process.exit(2)
}
const asked = questions.filter(question =>
  positionals.length > 0
    ? positionals.includes(question.name)
    : !('onlyByName' in question && question.onlyByName),
)

const all: Series[] = []
const versions: { readonly name: string; readonly version: string }[] = []
/** Questions of one kind share their brokers; the next kind has the machine to itself. */
let brokers: RunningBroker[] = []
let startedFor: Question['contenders'] | 'nobody' = 'nobody'
try {
  for (const question of asked) {
    if ('cases' in question) await provide(question)
    const options = { runs: Number(flags.runs), quick: flags.quick, brokers, words: flags.cases }
    const series = await alternate(question, options)
    all.push(...series)
    const names = 'aloneCases' in question ? ['Spillway'] : brokers.map(broker => broker.name)
    console.log(`\n${question.name}: ${question.title}\n\n${formatSeries(series, names)}`)
  }
} finally {
  await stopAll()
}

async function provide({ contenders: own }: Question): Promise<void> {
  if (startedFor === own) return
  await stopAll()
  startedFor = own
  for (const contender of (own ?? contenders)(flags.only)) brokers.push(await contender.start())
  console.log(`\n${brokers.map(({ name, version }) => `${name} ${version}`).join(' beside ')}`)
  for (const { name, version } of brokers) {
    if (!versions.some(each => each.name === name)) versions.push({ name, version })
  }
}

async function stopAll(): Promise<void> {
  const stopping = brokers
  brokers = []
  await Promise.all(stopping.map(broker => broker.stop()))
}

const file = flags.json ?? `.cache/bench/${asked.map(question => question.name).join('+')}.json`
mkdirSync(dirname(file), { recursive: true })
const machine = { processors: cpus().length, model: cpus()[0]?.model, kernel: release() }
const report = { at: new Date().toISOString(), machine, node: process.version, versions }
writeFileSync(file, `${JSON.stringify({ ...report, ...flags, series: all }, null, 2)}\n`)
console.log(`\nraw figures: ${file}`)
