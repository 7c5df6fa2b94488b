import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type RunningBroker, startSpillway } from '../harness/broker.ts'
import { compareScenario } from '../transcripts/compare.ts'
import { scenarios } from '../transcripts/scenarios.ts'

describe('the broker says what RabbitMQ said when it was recorded', () => {
  let broker: RunningBroker
  before(async () => {
    broker = await startSpillway()
  })
  after(() => broker?.stop())
  for (const scenario of scenarios) {
    test(scenario.name, async () => {
      assert.deepEqual(await compareScenario(scenario, broker), [])
    })
  }
})
