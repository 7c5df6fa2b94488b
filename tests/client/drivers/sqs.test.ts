/** The driver for SQS on Spillway's own SQS port: the whole suite. */

import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { connect } from '../../../src/client/client.ts'
import { conformanceCases, runCase, type Subject } from '../../../src/conformance/conformance.ts'
import { startBroker } from '../../../src/harness/testing.ts'
import { systemClock } from '../../../src/platform/clock.ts'

function urlOf(sqs: string, waitSeconds: number): string {
  return `${sqs.replace('http://', 'sqs://key:secret@')}?region=eu-central-1&wait=${waitSeconds}`
}

describe('conformance on sqs:', { concurrency: 16 }, () => {
  const broker = startBroker({ protocols: ['sqs'] })
  after(async () => (await broker).close())
  for (const [number, one] of conformanceCases.entries()) {
    it(one.name, { timeout: 60_000 }, async t => {
      // A poll is waited for when a consumer stops; in two hundred cases longer ones add up.
      const url = urlOf((await broker).urls.sqs, 1)
      const subject: Subject = {
        url,
        connect,
        clock: systemClock,
        run: 'c',
        unitMs: 100,
        patienceMs: 30_000,
      }
      const outcome = await runCase(one, number, subject)
      if (outcome.kind === 'skipped') t.skip(outcome.reason)
      else assert.equal(outcome.kind, 'passed')
    })
  }
})
