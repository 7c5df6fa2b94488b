/** The driver for RabbitMQ on Spillway's own AMQP: the whole conformance suite. */

import { startBroker } from '../../../src/harness/testing.ts'
import { driverSuite } from './suite.ts'

driverSuite({
  name: 'Spillway over AMQP',
  unitMs: 40,
  atATime: 8,
  skipped: 22,
  start: async () => {
    const broker = await startBroker({ protocols: ['amqp'] })
    return { url: broker.urls.amqp, stop: async () => broker[Symbol.asyncDispose]() }
  },
})
