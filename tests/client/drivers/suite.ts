/**
 * The conformance suite as tests, for a driver's test file: a case that the backend cannot pass is
 * one that its plan calls impossible, and the number of those is part of the test.
 */

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { connect } from '../../../src/client/client.ts'
import { conformanceCases, runCase, type Subject } from '../../../src/conformance/conformance.ts'
import { systemClock } from '../../../src/platform/clock.ts'

export interface DriverSuite {
  readonly name: string
  /** Called once, before the first case. */
  readonly start: () => Promise<{ readonly url: string; stop(): Promise<void> }>
  /** The shortest wait that the backend can tell from none, in milliseconds. */
  readonly unitMs: number
  /** Cases that run side by side. */
  readonly atATime: number
  /** How many cases the backend cannot pass. */
  readonly skipped: number
}

export function driverSuite(suite: DriverSuite): void {
  const { name, unitMs } = suite
  describe(`conformance on ${name}`, { concurrency: suite.atATime }, () => {
    const started = suite.start()
    after(async () => (await started).stop())
    const reasons: string[] = []
    for (const [number, one] of conformanceCases.entries()) {
      it(one.name, { timeout: 60_000 }, async t => {
        const { url } = await started
        const clock = systemClock
        const subject: Subject = { url, connect, clock, run: 'c', unitMs, patienceMs: 20_000 }
        const outcome = await runCase(one, number, subject)
        if (outcome.kind === 'skipped') {
          reasons.push(outcome.reason)
          t.diagnostic(`not on ${name}: ${outcome.reason}`)
        }
      })
    }
    after(() => assert.equal(reasons.length, suite.skipped, reasons.join('\n')))
  })
}
