/** The driver for Redis Streams, on Spillway's own Redis port, in this process. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Bus, connect } from '../../../src/client/client.ts'
import { conformanceCases, runCase } from '../../../src/conformance/conformance.ts'
import { startBroker, type TestBroker } from '../../../src/harness/testing.ts'
import { systemClock } from '../../../src/platform/clock.ts'

/** What Redis cannot do, whatever a driver does; the suite skips these cases and no others. */
const impossible = new Set(['SPILLWAY_U_TTL', 'SPILLWAY_U_PRIORITY'])

describe('conformance on redis:', { concurrency: 8 }, () => {
  let broker: TestBroker
  let holding: Bus
  before(async () => {
    broker = await startBroker({ protocols: ['redis'] })
    holding = await connect(broker.urls.redis)
  })
  after(async () => {
    await holding.close()
    await broker.close()
  })
  for (const [number, one] of conformanceCases.entries()) {
    it(one.name, { timeout: 30_000 }, async t => {
      const subject = {
        url: broker.urls.redis,
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
