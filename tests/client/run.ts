/**
 * The conformance suite against any URL, without a test runner:
 *
 *     node dist/tests/client/run.js amqp://127.0.0.1:5672 --unit 100 --only key
 *
 * `--unit` is the shortest wait that the backend can tell from none, in milliseconds; `--at-a-time`
 * how many cases run side by side (default 4). Ends with 1 when a case failed. With `--page` alone
 * it prints docs/compatibility/backends.md instead.
 */

import { connect } from '../../src/client/client.ts'
import {
  type Case,
  conformanceCases,
  runCase,
  type Subject,
} from '../../src/conformance/conformance.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { backendsPage } from './page.ts'

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
const counts = { passed: 0, skipped: 0, failed: 0 }

function option(name: string): string | undefined {
  const at = rest.indexOf(`--${name}`)
  return at < 0 ? undefined : rest[at + 1]
}

async function runOne(number: number, one: Case): Promise<void> {
  try {
    const outcome = await runCase(one, number, subject)
    counts[outcome.kind]++
    if (outcome.kind === 'skipped') console.log(`skip  ${one.name}\n      ${outcome.reason}`)
  } catch (error) {
    counts.failed++
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
  await holding.close()
  const { passed, skipped, failed } = counts
  console.log(`${url}: ${passed} passed, ${skipped} skipped, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

if (url === '--page') process.stdout.write(await backendsPage())
else await runAll()
