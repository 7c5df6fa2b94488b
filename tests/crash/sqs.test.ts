import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSpillway } from '../harness/broker.ts'
import { Chance } from '../harness/chance.ts'
import { temporaryFolder } from '../harness/process.ts'
import { runSqsRounds } from './sqs.ts'

test('killed under sends and deletes of SQS: nothing answered is lost, groups keep their order', async () => {
  const folder = temporaryFolder('crash-sqs')
  const { ledger } = await runSqsRounds({
    rounds: 3,
    chance: new Chance(7),
    producers: 2,
    killMsMax: 600,
    start: () => startSpillway({ folder }),
  })
  assert.ok(ledger.counts.confirmed > 0, 'something was confirmed')
  assert.ok(ledger.counts.settled > 0, 'something was deleted')
  assert.ok(ledger.kept, ledger.details.join('\n'))
})
