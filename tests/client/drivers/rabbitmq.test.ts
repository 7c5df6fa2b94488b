/** The driver for RabbitMQ on Spillway's own AMQP: the conformance suite, and lost connections. */

import { after, describe, it } from 'node:test'
import { startBroker } from '../../../src/harness/testing.ts'
import { startProxy } from '../../harness/proxy.ts'
import { lossCases } from './losses.ts'
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

describe('lost connections to Spillway over AMQP', () => {
  const started = startBroker({ protocols: ['amqp'] })
  after(async () => (await started).close())
  for (const one of lossCases) {
    it(one.name, { timeout: 60_000 }, async () => {
      const proxy = await startProxy(Number(new URL((await started).urls.amqp).port))
      try {
        const url = `amqp://guest:guest@127.0.0.1:${proxy.port}`
        await one.run({ url, run: 'l', cut: () => proxy.cut() })
      } finally {
        await proxy.close()
      }
    })
  }
})
