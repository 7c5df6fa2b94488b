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

import { backendsPage } from './page.ts'
import { record, runSuite } from './recorded-run.ts'
import { isRecordable, type RowName, recordable } from './results.ts'

const [url = 'memory:conformance', ...rest] = process.argv.slice(2)

function option(name: string): string | undefined {
  const at = rest.indexOf(`--${name}`)
  return at < 0 ? undefined : rest[at + 1]
}

async function runAll(): Promise<void> {
  const name = rowToRecord()
  const results = await runSuite(
    {
      url,
      server: option('server') ?? url,
      unitMs: Number(option('unit') ?? 20),
      patienceMs: Number(option('patience') ?? 30_000),
      atATime: Number(option('at-a-time') ?? 4),
      only: option('only') ?? '',
    },
    {
      skipped: (name, reason) => console.log(`skip  ${name}\n      ${reason}`),
      failed: (name, why) => {
        console.log(`FAIL  ${name}\n      ${why.replaceAll('\n', '\n      ')}`)
      },
    },
  )
  const { passed, skipped, failed } = results
  console.log(`${url}: ${passed} passed, ${skipped.length} skipped, ${failed.length} failed`)
  process.exitCode = failed.length === 0 ? 0 : 1
  if (name !== undefined) await record(name, results)
}

/** Before anything runs: a record of a part, or of an unnamed server, would say nothing. */
function rowToRecord(): RowName | undefined {
  const name = option('record')
  if (name === undefined) return undefined
  if (!isRecordable(name)) {
    throw new Error(`--record is one of ${recordable.join(', ')}, not ${name}`)
  }
  if (option('only') !== undefined) throw new Error('--record keeps all cases: not with --only')
  if (option('server') === undefined) throw new Error('--record needs --server "name and version"')
  return name
}

if (url === '--page') process.stdout.write(await backendsPage())
else await runAll()
