/** Processes that are killed at their settlements, over Spillway's own Redis port. */

import { after, describe, it } from 'node:test'
import { startBroker } from '../../../src/harness/testing.ts'
import { crashCases } from './redis-crashes.ts'

describe('a kill over Redis', { concurrency: 4 }, () => {
  const started = startBroker({ protocols: ['redis'] })
  after(async () => (await started).close())
  for (const [index, one] of crashCases.entries()) {
    if (!one.isInTests) continue
    it(one.name, { timeout: 60_000 }, async () => {
      await one.run(Number(new URL((await started).urls.redis).port), `crash-${index}`)
    })
  }
})
