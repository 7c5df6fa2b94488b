/** The driver for Kafka, on Spillway's own Kafka port, in this process. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { connect } from '../../../src/client/client.ts'
import { conformanceCases, runCase } from '../../../src/conformance/conformance.ts'
import { startBroker, type TestBroker } from '../../../src/harness/testing.ts'
import { systemClock } from '../../../src/platform/clock.ts'

/** What Kafka cannot do, whatever a driver does; the suite skips these cases and no others. */
const impossible = new Set([
  'SPILLWAY_U_CANCEL',
  'SPILLWAY_U_DEDUPE',
  'SPILLWAY_U_PRIORITY',
  'SPILLWAY_U_REMOVE',
  'SPILLWAY_U_TTL',
])

describe('conformance on kafka:', { concurrency: 8 }, () => {
  let broker: TestBroker
  before(async () => {
    broker = await startBroker({ protocols: ['kafka'] })
  })
  after(() => broker.close())
  for (const [number, one] of conformanceCases.entries()) {
    it(one.name, { timeout: 30_000 }, async t => {
      const subject = {
        url: `${broker.urls.kafka}?heartbeat=50ms`,
        connect,
        clock: systemClock,
        run: 'c',
        unitMs: 40,
        patienceMs: 10_000,
      }
      const outcome = await runCase(one, number, subject)
      if (outcome.kind === 'passed') return
      const code = /SPILLWAY_U_\w+/.exec(outcome.reason)?.[0] ?? outcome.reason
      assert.ok(impossible.has(code), outcome.reason)
      t.skip(outcome.reason)
    })
  }
})
