/** The driver for SQS, on Spillway's own SQS port, in this process. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { connect } from '../../../src/client/client.ts'
import { conformanceCases, runCase } from '../../../src/conformance/conformance.ts'
import { startBroker, type TestBroker } from '../../../src/harness/testing.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { sqsUrl } from './sqs-broker.ts'

/** What SQS cannot do, whatever a driver does; the suite skips these cases and no others. */
const impossible = new Set([
  'SPILLWAY_U_DEDUPE',
  'SPILLWAY_U_DELAY',
  'SPILLWAY_U_ONCE',
  'SPILLWAY_U_PEEK',
  'SPILLWAY_U_PRIORITY',
  'SPILLWAY_U_REMOVE',
  'SPILLWAY_U_TOPIC',
  'SPILLWAY_U_TTL',
  'SPILLWAY_U_TXN',
])

describe('conformance on sqs:', { concurrency: 16 }, () => {
  let broker: TestBroker
  before(async () => {
    broker = await startBroker({ protocols: ['sqs'] })
  })
  after(() => broker.close())
  for (const [number, one] of conformanceCases.entries()) {
    it(one.name, { timeout: 60_000 }, async t => {
      const subject = {
        url: sqsUrl(broker),
        connect,
        clock: systemClock,
        run: 'c',
        unitMs: 100,
        patienceMs: 30_000,
      }
      const outcome = await runCase(one, number, subject)
      if (outcome.kind === 'passed') return
      const code = /SPILLWAY_U_\w+/.exec(outcome.reason)?.[0] ?? outcome.reason
      assert.ok(impossible.has(code), outcome.reason)
      t.skip(outcome.reason)
    })
  }
})
