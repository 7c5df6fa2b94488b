import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSpillway } from '../harness/broker.ts'
import { Chance } from '../harness/chance.ts'
import { temporaryFolder } from '../harness/process.ts'
import { runRedisRounds } from './redis.ts'

test('killed under XADD and XACK, nothing answered is lost and nothing acknowledged comes back', async () => {
  const folder = temporaryFolder('crash-redis')
  const { ledger } = await runRedisRounds({
    rounds: 3,
    chance: new Chance(11),
    producers: 2,
    killMsMax: 1200,
    start: () => startSpillway({ folder }),
  })
  assert.ok(ledger.counts.confirmed > 0, 'something was confirmed')
  assert.ok(ledger.counts.settled > 0, 'something was acknowledged')
  assert.ok(ledger.kept, ledger.details.join('\n'))
})
