/**
 * `npm run interop -- [--suite NAME] [--broker peers|spillway] [--only WORDS | --record]`
 *
 * Other people's programs against Spillway, and against the real brokers where they are installed:
 * there they check the programs. What cannot be had on this machine is named in the output. Exits
 * with 1 when something failed, or when nothing ran.
 *
 * `--record` runs the client's conformance suite alone, and keeps what it found in
 * docs/compatibility: `npm run interop -- --suite client/ --record`.
 */

import { parseArgs } from 'node:util'
import { formatTable } from '../harness/statistics.ts'
import type { Row } from './suite.ts'
import { suites } from './suites.ts'

const { values: flags } = parseArgs({
  options: {
    suite: { type: 'string', default: '' },
    broker: { type: 'string' },
    only: { type: 'string', default: '' },
    record: { type: 'boolean', default: false },
  },
})
if (flags.record && flags.only !== '') throw new Error('--record keeps all cases: not with --only')
const rows: Row[] = []
const missing: string[] = []
const report = {
  row: (row: Row) => rows.push(row),
  failed: (what: string, why: string) => console.error(`FAILED: ${what}\n${why}\n`),
  missing: (what: string, why: string) => {
    const line = `MISSING: ${what}: ${why}`
    console.error(line)
    missing.push(line)
  },
}
const choice = {
  spillway: flags.broker !== 'peers',
  peers: flags.broker !== 'spillway',
  only: flags.only,
  record: flags.record,
}
for (const suite of suites) {
  if (!suite.name.includes(flags.suite)) continue
  if (choice.record && !suite.name.startsWith('client/')) continue
  await suite.run(report, choice)
}
const cells = rows.map(({ broker, suite, passed, failed }) => {
  return [broker, suite, String(passed), String(failed)]
})
console.log(formatTable(['broker', 'suite', 'passed', 'failed'], cells))
for (const line of missing) console.log(line)
const ran = rows.reduce((sum, { passed }) => sum + passed, 0)
process.exit(ran === 0 || rows.some(({ failed }) => failed > 0) ? 1 : 0)
