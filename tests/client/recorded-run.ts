/**
 * A run of the conformance suite without a test runner, whose outcome can be kept:
 * `dist/tests/client/run.js` does it for any URL, `npm run interop` for the brokers that it starts.
 */

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from '../../src/client/client.ts'
import {
  conformanceCases,
  type Outcome,
  runCase,
  type Subject,
} from '../../src/conformance/conformance.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { backendsPage } from './page.ts'
import { planOf, Recording, type Results, type RowName, writeResults } from './results.ts'

export interface SuiteRun {
  readonly url: string
  /** As the table says it: name and version. */
  readonly server: string
  /** The shortest wait that the backend can tell from none, in milliseconds. */
  readonly unitMs: number
  readonly patienceMs: number
  /** Cases that run side by side. */
  readonly atATime: number
  /** Words that the name of a case must have; empty: all. */
  readonly only: string
}

/** Every case, each told of as it ends. */
export async function runSuite(
  { url, server, unitMs, patienceMs, atATime, only }: SuiteRun,
  heard: {
    readonly skipped?: (name: string, reason: string) => void
    readonly failed: (name: string, why: string) => void
  },
): Promise<Results> {
  const run = `c${systemClock.now().toString(36)}`
  const subject: Subject = { url, connect, clock: systemClock, run, unitMs, patienceMs }
  const recording = new Recording()
  const waiting = [...conformanceCases.entries()].filter(([, { name }]) => name.includes(only))
  const note = (name: string, outcome: Outcome): void => {
    recording.add(name, outcome)
    if (outcome.kind === 'skipped') heard.skipped?.(name, outcome.reason)
  }
  // Held open, so that an embedded engine is not closed and opened again between two cases.
  const holding = await connect(url, { emulate: 'allow' })
  const workers = Array.from({ length: atATime }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [number, one] = next
      try {
        note(one.name, await runCase(one, number, subject))
      } catch (error) {
        recording.add(one.name, { kind: 'failed' })
        heard.failed(one.name, (error as Error).message)
      }
    }
  })
  await Promise.all(workers)
  const plan = await planOf(holding)
  await holding.close()
  const date = new Date(systemClock.now()).toISOString().slice(0, 10)
  return recording.results({ server, date, commit: commitOf(), unitMs, plan })
}

/** Keeps the outcome of all cases, and prints docs/compatibility/backends.md again. */
export async function record(name: RowName, results: Results): Promise<void> {
  writeResults(name, results)
  writeFileSync('docs/compatibility/backends.md', await backendsPage())
}

/** The commit that runs; `+` says that the code was not all in it. */
function commitOf(): string {
  const git = (...args: string[]): string => execFileSync('git', args).toString().trim()
  const commit = git('rev-parse', '--short=9', 'HEAD')
  const isClean = git('status', '--porcelain', '--', 'src', 'tests') === ''
  return isClean ? commit : `${commit}+`
}
