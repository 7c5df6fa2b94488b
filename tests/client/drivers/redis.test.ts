/** The driver for Redis Streams on Spillway's own Redis port: the whole conformance suite. */

import { startBroker } from '../../../src/harness/testing.ts'
import { driverSuite } from './suite.ts'

driverSuite({
  name: 'Spillway over Redis',
  unitMs: 40,
  atATime: 8,
  // Only a time to live for each message is impossible.
  skipped: 3,
  start: async () => {
    const broker = await startBroker({ protocols: ['redis'] })
    return { url: broker.urls.redis, stop: async () => broker[Symbol.asyncDispose]() }
  },
})
