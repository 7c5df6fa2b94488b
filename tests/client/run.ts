/**
 * The conformance suite against any URL, without a test runner:
 *
 *     node dist/tests/client/run.js amqp://127.0.0.1:5672 --unit 100 --only key
 *
 * `--unit` is the shortest wait that the backend can tell from none, in milliseconds; `--at-a-time`
 * how many cases run side by side (default 4). Ends with 1 when a case failed.
 *
 * `--record NAME --server "RabbitMQ 3.10.8"` keeps the outcome of all cases in
 * docs/compatibility/results/NAME.json, and prints docs/compatibility/backends.md again. With
 * `--page` alone that page goes to the standard output instead.
 */

import { writeFileSync } from 'node:fs'
import { connect } from '../../src/client/client.ts'
import {
  type Case,
  conformanceCases,
  runCase,
  type Subject,
} from '../../src/conformance/conformance.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { backendsPage } from './page.ts'
import { planOf, Recording, writeResults } from './results.ts'

const [url = 'memory:conformance', ...rest] = process.argv.slice(2)
const subject: Subject = {
  url,
  connect,
  clock: systemClock,
  run: `c${systemClock.now().toString(36)}`,
  unitMs: Number(option('unit') ?? 20),
  patienceMs: Number(option('patience') ?? 30_000),
}
const only = option('only') ?? ''
const chosen = [...conformanceCases.entries()].filter(([, { name }]) => name.includes(only))
const recording = new Recording()

function option(name: string): string | undefined {
  const at = rest.indexOf(`--${name}`)
  return at < 0 ? undefined : rest[at + 1]
}

async function runOne(number: number, one: Case): Promise<void> {
  try {
    const outcome = await runCase(one, number, subject)
    recording.add(one.name, outcome)
    if (outcome.kind === 'skipped') console.log(`skip  ${one.name}\n      ${outcome.reason}`)
  } catch (error) {
    recording.add(one.name, { kind: 'failed' })
    console.log(`FAIL  ${one.name}\n      ${(error as Error).message.replaceAll('\n', '\n      ')}`)
  }
}

async function runAll(): Promise<void> {
  const holding = await connect(url, { emulate: 'allow' })
  const workers = Array.from({ length: Number(option('at-a-time') ?? 4) }, async () => {
    for (let next = chosen.shift(); next !== undefined; next = chosen.shift()) {
      await runOne(...next)
    }
  })
  await Promise.all(workers)
  const plan = await planOf(holding)
  await holding.close()
  const { unitMs } = subject
  const date = new Date(systemClock.now()).toISOString().slice(0, 10)
  const results = recording.results({ server: option('server') ?? url, date, unitMs, plan })
  const { passed, skipped, failed } = results
  console.log(`${url}: ${passed} passed, ${skipped.length} skipped, ${failed.length} failed`)
  process.exitCode = failed.length === 0 ? 0 : 1
  const record = option('record')
  if (record === undefined) return
  writeResults(record, results)
  writeFileSync('docs/compatibility/backends.md', await backendsPage())
}

/** Before anything runs: a record of a part, or of an unnamed server, would say nothing. */
function checkOptions(): void {
  if (option('record') === undefined) return
  if (only !== '') throw new Error('--record keeps all cases: not with --only')
  if (option('server') === undefined) throw new Error('--record needs --server "name and version"')
}

checkOptions()
if (url === '--page') process.stdout.write(await backendsPage())
else await runAll()
