/**
 * The driver for Kafka on Spillway's Kafka port when processes are killed and connections break.
 * Kills at some of the requests; `npm run interop` kills at every one, here and on Apache Kafka.
 */

import { after, before, describe, it } from 'node:test'
import { type SpillwayBroker, startSpillway } from '../../harness/broker.ts'
import { type KafkaProxy, startKafkaProxy } from '../../harness/kafka-proxy.ts'
import { effectivelyOnce, Killer } from './kafka-crashes.ts'
import { faultCases } from './kafka-faults.ts'

const timeout = 150_000
const chosen = ['after produce', 'before endTransaction', 'after endTransaction']

let proxy: KafkaProxy
let broker: SpillwayBroker

async function start(folder?: string): Promise<void> {
  const args = ['--kafka-advertised', `127.0.0.1:${proxy.port}`]
  broker = await startSpillway(folder === undefined ? { args } : { args, folder })
  proxy.upstreamPort = broker.kafkaPort
}

async function restart(): Promise<void> {
  await broker.kill()
  await start(broker.folder)
}

before(async () => {
  proxy = await startKafkaProxy()
  await start()
})
after(async () => {
  await broker.stop()
  await proxy.close()
})

describe('a kill on Spillway over Kafka’s protocol', { concurrency: 4 }, () => {
  for (const one of effectivelyOnce.filter(({ name }) =>
    chosen.some(step => name.endsWith(step)),
  )) {
    it(one.name, { timeout }, () => one.run(proxy, killer()))
  }
})

let oneKiller: Killer | undefined
function killer(): Killer {
  oneKiller ??= new Killer(proxy)
  return oneKiller
}

describe('faults on Spillway over Kafka’s protocol', () => {
  for (const one of faultCases) it(one.name, { timeout }, () => one.run(proxy, { restart }))
})
