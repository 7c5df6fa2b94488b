/**
 * Apache Kafka as one node (KRaft), and its own command-line tools, from Maven Central. Nothing is
 * downloaded or started by importing this file.
 */

import { execFile, execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { RunningBroker } from '../../harness/broker.ts'
import { freePort, startChild, temporaryFolder } from '../../harness/process.ts'
import { deferred, within } from '../../harness/wait.ts'
import { fetchJars, jarsFolder } from './maven.ts'

export const kafkaVersion = '4.2.0'

const jars = `kafka-${kafkaVersion}`

/** Downloads Kafka unless it is there. Returns why it is missing, or undefined. */
export function fetchKafka(): string | undefined {
  return fetchJars(jars, [
    { group: 'org.apache.kafka', name: 'kafka_2.13', version: kafkaVersion },
    { group: 'org.apache.kafka', name: 'kafka-tools', version: kafkaVersion },
    { group: 'org.slf4j', name: 'slf4j-nop', version: '1.7.36' },
  ])
}

/** What a program of Kafka's has printed, and the processor time that it took. */
export interface JavaOutput {
  readonly text: string
  readonly processorMs: number
}

/** Runs one of Kafka's programs, named by its class. Rejects with its output when it fails. */
export async function runKafkaTool(
  className: string,
  args: readonly string[],
): Promise<JavaOutput> {
  // The shell's own `times` says what its children took.
  const script = 'java -Xmx512m -cp "$0" "$@"; code=$?; times; exit $code'
  const run = promisify(execFile)
  const { stdout, stderr } = await run('sh', ['-c', script, classpath(), className, ...args], {
    maxBuffer: 16 * 1024 * 1024,
  })
  const lines = stdout.trimEnd().split('\n')
  return { text: `${lines.slice(0, -2).join('\n')}\n${stderr}`, processorMs: timesOf(lines.at(-1)) }
}

function timesOf(line = ''): number {
  let ms = 0
  for (const [, minutes, seconds] of line.matchAll(/(\d+)m([\d.]+)s/g)) {
    ms += Number(minutes) * 60_000 + Number(seconds) * 1000
  }
  return ms
}

function classpath(): string {
  return join(jarsFolder(jars), '*')
}

export interface KafkaPeer extends RunningBroker {
  readonly kafkaPort: number
}

export interface KafkaPeerOptions {
  readonly name?: string
  /** Default: any that is free. */
  readonly port?: number
  /** What clients are told to connect to: that of a proxy. Default: its own port. */
  readonly advertisedPort?: number
  /** The data folder; formatted unless it is already. Default: a new temporary one. */
  readonly folder?: string
  /** Further lines of server.properties. */
  readonly properties?: readonly string[]
}

export async function startKafkaPeer(options: KafkaPeerOptions = {}): Promise<KafkaPeer> {
  const folder = options.folder ?? temporaryFolder('kafka-peer')
  const [port, controller] = [options.port ?? (await freePort()), await freePort()]
  const file = join(folder, 'server.properties')
  writeFileSync(file, `${propertiesOf(folder, port, controller, options).join('\n')}\n`)
  const format = ['format', '--ignore-formatted', '-t', 'c3BpbGx3YXktcGVlci1pZA', '-c', file]
  const tool = ['-cp', classpath(), 'kafka.tools.StorageTool', ...format]
  execFileSync('java', tool, { stdio: 'ignore' })
  const startedAt = performance.now()
  const args = ['-Xmx1g', '-cp', classpath(), 'kafka.Kafka', file]
  const child = startChild('java', args, { cwd: folder })
  await Promise.race([
    waitUntilServing(port),
    child.exited.then(how => {
      throw new Error(`Kafka ended before it was ready (${how}):\n${child.output()}`)
    }),
  ])
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await child.kill(signal)
  }
  return {
    name: options.name ?? 'Kafka',
    version: kafkaVersion,
    host: '127.0.0.1',
    amqpPort: 0,
    kafkaPort: port,
    url: `kafka://127.0.0.1:${port}`,
    pid: child.pid,
    readyMs: performance.now() - startedAt,
    exited: child.exited,
    output: child.output,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

function propertiesOf(
  folder: string,
  port: number,
  controller: number,
  options: KafkaPeerOptions,
): string[] {
  return [
    'process.roles=broker,controller',
    'node.id=0',
    `controller.quorum.voters=0@127.0.0.1:${controller}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${options.advertisedPort ?? port}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    `log.dirs=${join(folder, 'logs')}`,
    'offsets.topic.replication.factor=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    ...(options.properties ?? []),
  ]
}

/** A node is ready when it answers, which it does after its controller has been elected. */
async function waitUntilServing(port: number): Promise<void> {
  const { Kafka, logLevel } = await import('kafkajs')
  const retry = { retries: 240, initialRetryTime: 250, maxRetryTime: 500 }
  const kafka = new Kafka({
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    retry,
  })
  const admin = kafka.admin()
  const ready = deferred<undefined>()
  admin
    .connect()
    .then(() => admin.listTopics())
    .then(() => ready.resolve(undefined), ready.reject)
  await within('Kafka to answer', ready.promise, 60_000)
  await admin.disconnect()
}
