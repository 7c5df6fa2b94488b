import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSpillway } from '../harness/broker.ts'
import { Chance } from '../harness/chance.ts'
import { temporaryFolder } from '../harness/process.ts'
import { runKafkaRounds } from './kafka.ts'

test('killed under Kafka clients: nothing acknowledged is lost, no offset is reused, transactions are whole', async () => {
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
  const folder = temporaryFolder('crash-kafka')
  const { counts, details } = await runKafkaRounds({
    rounds: 3,
    chance: new Chance(5),
    producers: 2,
    // On a machine with much else to do a transaction may take a second.
    killMsMax: 2500,
    start: () => startSpillway({ folder }),
  })
  assert.deepEqual(details, [])
  assert.ok(counts.acknowledged > 0, 'something was acknowledged')
  assert.ok(counts.committed > 0, 'something was committed')
})
