/**
 * ElasticMQ, an SQS server that keeps its messages in memory, from Maven Central. Nothing is
 * downloaded or started by importing this file.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunningBroker } from '../../harness/broker.ts'
import { freePort, startChild, temporaryFolder } from '../../harness/process.ts'
import { pause, within } from '../../harness/wait.ts'
import { fetchJars, jarsFolder } from './maven.ts'

export const elasticmqVersion = '1.6.12'

/** It starts in some seconds; on a machine that builds something else, in more than thirty. */
const patienceMs = 180_000

const jars = `elasticmq-${elasticmqVersion}`

/** Returns why it is missing, or undefined. */
export function fetchElasticmq(): string | undefined {
  return fetchJars(jars, [
    { group: 'org.elasticmq', name: 'elasticmq-server_2.13', version: elasticmqVersion },
  ])
}

export interface RunningElasticmq extends RunningBroker {
  readonly sqsPort: number
}

export async function startElasticmq(): Promise<RunningElasticmq> {
  const port = await freePort()
  const file = join(temporaryFolder('elasticmq'), 'elasticmq.conf')
  writeFileSync(file, configurationOf(port))
  const startedAt = performance.now()
  const main = 'org.elasticmq.server.Main'
  const args = [`-Dconfig.file=${file}`, '-cp', join(jarsFolder(jars), '*'), main]
  const child = startChild('java', args, {})
  try {
    await Promise.race([
      within('ElasticMQ to be ready', untilServing(port), patienceMs),
      child.exited.then(how => {
        throw new Error(`ElasticMQ ended before it was ready (${how})`)
      }),
    ])
  } catch (error) {
    await child.kill('SIGKILL')
    throw new Error(`${(error as Error).message}; it said:\n${child.output() || 'nothing'}`)
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await child.kill(signal)
  }
  return {
    name: 'ElasticMQ',
    version: elasticmqVersion,
    host: '127.0.0.1',
    amqpPort: 0,
    sqsPort: port,
    url: `http://127.0.0.1:${port}`,
    pid: child.pid,
    readyMs: performance.now() - startedAt,
    exited: child.exited,
    output: child.output,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

function configurationOf(port: number): string {
  return `include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = ${port}, context-path = "" }
rest-sqs { enabled = true, bind-port = ${port}, bind-hostname = "127.0.0.1", sqs-limits = strict }
rest-stats { enabled = false }
`
}

async function untilServing(port: number): Promise<void> {
  for (;;) {
    const isServing = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
    if (isServing) return
    await pause(100)
  }
}
