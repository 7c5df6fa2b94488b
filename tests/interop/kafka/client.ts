/**
 * The client's driver for Kafka, on Apache Kafka and on Spillway: the conformance suite, kills at
 * every request of a settlement, and broken connections.
 */

import { connect } from '../../../src/client/client.ts'
import { type Case, conformanceCases, runCase } from '../../../src/conformance/conformance.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { effectivelyOnce, Killer, otherGuarantees } from '../../client/drivers/kafka-crashes.ts'
import { faultCases } from '../../client/drivers/kafka-faults.ts'
import { type RunningBroker, startSpillway } from '../../harness/broker.ts'
import { type KafkaProxy, startKafkaProxy } from '../../harness/kafka-proxy.ts'
import { freePort, temporaryFolder } from '../../harness/process.ts'
import { fetchKafka, startKafkaPeer } from '../peers/kafka.ts'
import type { Choice, Report, Suite } from '../suite.ts'

export const kafkaClient: Suite = { name: 'kafka/client', run }

const atATime = 8
/** A broker and a suite on a busy machine: what takes longer than this has hung. */
const patienceMs = 30_000

async function run(report: Report, choice: Choice): Promise<void> {
  const cases = [...conformanceCases.entries()].filter(([, { name }]) => name.includes(choice.only))
  for (const start of subjects(report, choice)) {
    const broker = await start()
    const name = `${broker.name} ${broker.version}`
    const url = `kafka://127.0.0.1:${broker.kafkaPort}`
    const counts = { passed: 0, failed: 0 }
    const rest = [...cases]
    const worker = async (): Promise<void> => {
      for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
        const why = await runOne(url, ...next)
        if (why !== undefined) report.failed(`${next[1].name} on ${name}`, why)
        counts[why === undefined ? 'passed' : 'failed']++
      }
    }
    try {
      await Promise.all(Array.from({ length: atATime }, worker))
    } finally {
      await broker.stop()
    }
    report.row({ broker: name, suite: 'the client’s conformance suite', ...counts })
  }
  for (const start of proxied(choice)) await runCrashes(report, choice, start)
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

function proxied(choice: Choice): Proxied[] {
  const all: Proxied[] = []
  if (choice.peers && fetchKafka() === undefined) all.push(behindKafka)
  if (choice.spillway) all.push(behindSpillway)
  return all
}

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

/** Why it failed; a case that the plan calls impossible has not. */
async function runOne(url: string, number: number, one: Case): Promise<string | undefined> {
  const subject = { url, connect, clock: systemClock, run: 'c', unitMs: 100, patienceMs }
  try {
    await runCase(one, number, subject)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function subjects(report: Report, choice: Choice) {
  const all = []
  const why = choice.peers ? fetchKafka() : undefined
  if (why !== undefined) report.missing('Kafka', why)
  if (choice.peers && why === undefined) all.push(() => startKafkaPeer())
  if (choice.spillway) all.push(() => startSpillway({ folder: temporaryFolder('data') }))
  return all
}
