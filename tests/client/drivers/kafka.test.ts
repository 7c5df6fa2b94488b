/** The driver for Kafka on Spillway's own Kafka port: the whole conformance suite. */

import { startBroker } from '../../../src/harness/testing.ts'
import { driverSuite } from './suite.ts'

driverSuite({
  name: 'Spillway over Kafka’s protocol',
  unitMs: 40,
  atATime: 8,
  skipped: 21,
  start: async () => {
    const broker = await startBroker({ protocols: ['kafka'] })
    return { url: `${broker.urls.kafka}?heartbeat=50ms`, stop: () => broker.close() }
  },
})
