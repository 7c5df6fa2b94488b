import { after, before, describe, test } from 'node:test'
import { RestartableBroker, startSpillway } from '../harness/broker.ts'
import { temporaryFolder } from '../harness/process.ts'
import { amqpCases } from './amqp-cases/all.ts'

describe('the broker, seen through amqplib', () => {
  let broker: RestartableBroker
  before(async () => {
    const folder = temporaryFolder('conformance')
    broker = await RestartableBroker.start(() => startSpillway({ folder }))
  })
  after(() => broker?.stop())
  for (const each of amqpCases) test(each.name, () => each.run(broker))
})
