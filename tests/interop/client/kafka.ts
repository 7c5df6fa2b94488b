/**
 * The client's driver for Kafka, on Apache Kafka: the conformance suite. There and on Spillway:
 * kills at every request of a settlement, and broken connections.
 */

import { effectivelyOnce, Killer, otherGuarantees } from '../../client/drivers/kafka-crashes.ts'
import { faultCases } from '../../client/drivers/kafka-faults.ts'
import { type RunningBroker, startSpillway } from '../../harness/broker.ts'
import { type KafkaProxy, startKafkaProxy } from '../../harness/kafka-proxy.ts'
import { freePort, temporaryFolder } from '../../harness/process.ts'
import { fetchKafka, startKafkaPeer } from '../peers/kafka.ts'
import type { Choice, Report, Suite } from '../suite.ts'
import { runGuarantees } from './guarantees.ts'
import { runConformance } from './suite.ts'

export const kafkaClient: Suite = { name: 'client/kafka', run }

const atATime = 8

async function run(report: Report, choice: Choice): Promise<void> {
  const why = choice.peers ? fetchKafka() : undefined
  if (why !== undefined) report.missing('Kafka', why)
  if (choice.peers && why === undefined) {
    const peer = await startKafkaPeer()
    try {
      const broker = `Apache Kafka ${peer.version}`
      const subject = { row: 'kafka', broker, url: peer.url, unitMs: 100, atATime } as const
      await runConformance(report, choice, subject)
      if (!choice.record) await runGuarantees(report, choice, { broker, url: peer.url })
    } finally {
      await peer.stop()
    }
    if (choice.record) return
    await runCrashes(report, choice, behindKafka)
  }
  if (choice.spillway && !choice.record) await runCrashes(report, choice, behindSpillway)
}

async function runCrashes(report: Report, choice: Choice, start: Proxied): Promise<void> {
  const proxy = await startKafkaProxy()
  const { broker, restart } = await start(proxy)
  const name = `${broker.name} ${broker.version}`
  const isChosen = (one: { readonly name: string }) => one.name.includes(choice.only)
  const counts = { passed: 0, failed: 0 }
  const attempt = async (what: string, run: () => Promise<void>): Promise<void> => {
    try {
      await run()
      counts.passed++
    } catch (error) {
      counts.failed++
      report.failed(`${what} on ${name}`, (error as Error).message)
    }
  }
  const killer = new Killer(proxy)
  const rest = [...effectivelyOnce, ...otherGuarantees].filter(isChosen)
  const worker = async (): Promise<void> => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) {
      const { run } = one
      await attempt(one.name, () => run(proxy, killer))
    }
  }
  await Promise.all(Array.from({ length: atATime }, worker))
  for (const one of faultCases.filter(isChosen)) {
    await attempt(one.name, () => one.run(proxy, { restart }))
    proxy.fate = () => 'pass'
  }
  await broker.stop()
  await proxy.close()
  report.row({ broker: name, suite: 'kills and broken connections', ...counts })
}

type Proxied = (
  proxy: KafkaProxy,
) => Promise<{ readonly broker: RunningBroker; restart(): Promise<void> }>

async function behindKafka(proxy: KafkaProxy): ReturnType<Proxied> {
  const options = {
    port: await freePort(),
    advertisedPort: proxy.port,
    folder: temporaryFolder('kafka-peer'),
  }
  proxy.upstreamPort = options.port
  const soon = 'transaction.abort.timed.out.transaction.cleanup.interval.ms=500'
  let broker = await startKafkaPeer({ ...options, properties: [soon] })
  return {
    get broker() {
      return broker
    },
    restart: async () => {
      await broker.kill()
      broker = await startKafkaPeer({ ...options, properties: [soon] })
    },
  }
}

async function behindSpillway(proxy: KafkaProxy): ReturnType<Proxied> {
  const folder = temporaryFolder('data')
  const args = ['--kafka-advertised', `127.0.0.1:${proxy.port}`]
  const start = async () => {
    const started = await startSpillway({ folder, args })
    proxy.upstreamPort = started.kafkaPort
    return started
  }
  let broker = await start()
  return {
    get broker() {
      return broker
    },
    restart: async () => {
      await broker.kill()
      broker = await start()
    },
  }
}
