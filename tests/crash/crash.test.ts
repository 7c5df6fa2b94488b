import assert from 'node:assert/strict'
import { test } from 'node:test'
import { launchSpillway, startSpillway } from '../harness/broker.ts'
import { Chance } from '../harness/chance.ts'
import { temporaryFolder } from '../harness/process.ts'
import { runRounds } from './rounds.ts'

test('a broker that is killed under load loses nothing confirmed and redelivers nothing settled', async () => {
  const folder = temporaryFolder('crash')
  const { ledger } = await runRounds({
    rounds: 3,
    chance: new Chance(7),
    publishers: 2,
    killMsMax: 1200,
    start: () => startSpillway({ folder }),
    launch: () => launchSpillway({ folder }),
  })
  assert.ok(ledger.counts.confirmed > 0, 'something was confirmed')
  assert.ok(ledger.kept, ledger.details.join('\n'))
})
