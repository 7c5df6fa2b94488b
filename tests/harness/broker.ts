/**
 * The broker under test, as a child process, reached over sockets only. `RunningBroker` is also
 * what a real peer looks like, so that one program measures and checks both.
 */

import { existsSync, mkdirSync, readFileSync, rmSync, watch } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Child, startChild, temporaryFolder } from './process.ts'
import { deferred, within } from './wait.ts'

export interface RunningBroker {
  readonly name: string
  readonly version: string
  readonly host: string
  readonly amqpPort: number
  /** Undefined: it does not speak Kafka's protocol. */
  readonly kafkaPort?: number
  /** The URL that clients connect to. */
  readonly url: string
  readonly pid: number
  /** From the start of the process until it said that it is ready. */
  readonly readyMs: number
  /** Settles when the process is gone, for whatever reason. */
  readonly exited: Promise<string>
  output(): string
  /** An orderly stop; resolves when the process is gone. */
  stop(): Promise<void>
  /** The power is pulled: SIGKILL. */
  kill(): Promise<void>
}

export interface SpillwayBroker extends RunningBroker {
  readonly httpPort: number
  readonly kafkaPort: number
  readonly redisPort: number
  readonly sqsPort: number
  readonly folder: string
}

export interface SpillwayOptions {
  /** The data folder; a new temporary one unless given. */
  readonly folder?: string
  readonly amqpPort?: number
  readonly args?: readonly string[]
  readonly readyMsMax?: number
}

const mainFile = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** A broker that has been started and is not ready yet: it can be killed before it is. */
export interface LaunchedBroker {
  readonly child: Child
  /** Rejects when the process ends before it is ready. */
  readonly ready: Promise<SpillwayBroker>
}

export async function startSpillway(options: SpillwayOptions = {}): Promise<SpillwayBroker> {
  return await launchSpillway(options).ready
}

export function launchSpillway(options: SpillwayOptions = {}): LaunchedBroker {
  const folder = options.folder ?? temporaryFolder('data')
  mkdirSync(folder, { recursive: true })
  const readyFolder = temporaryFolder('ready')
  const readyFile = join(readyFolder, 'ready.json')
  const args = [
    ...[mainFile, 'serve', '--data', folder, '--ready-file', readyFile, '--log-level', 'warn'],
    ...[
      `--amqp=${options.amqpPort ?? 0}`,
      '--http=0',
      '--kafka=0',
      '--redis=0',
      '--sqs=0',
      ...(options.args ?? []),
    ],
  ]
  const startedAt = performance.now()
  const child = startChild(process.execPath, args, { env: { ...process.env, NO_COLOR: '1' } })
  const ready = waitForReadyFile(child, readyFolder, readyFile, options.readyMsMax)
    .then(ports => describe(child, ports, { folder, readyMs: performance.now() - startedAt }))
    .finally(() => rmSync(readyFolder, { recursive: true, force: true }))
  return { child, ready }
}

function describe(
  child: Child,
  ports: BoundPorts,
  { folder, readyMs }: { folder: string; readyMs: number },
): SpillwayBroker {
  return {
    name: 'Spillway',
    version: readVersion(),
    host: '127.0.0.1',
    amqpPort: ports.amqp,
    httpPort: ports.http,
    kafkaPort: ports.kafka,
    redisPort: ports.redis,
    sqsPort: ports.sqs,
    url: `amqp://127.0.0.1:${ports.amqp}`,
    folder,
    pid: child.pid,
    readyMs,
    exited: child.exited,
    output: child.output,
    stop: async () => {
      await child.kill('SIGTERM')
    },
    kill: async () => {
      await child.kill('SIGKILL')
    },
  }
}

interface BoundPorts {
  readonly amqp: number
  readonly http: number
  readonly kafka: number
  readonly redis: number
  readonly sqs: number
}

async function waitForReadyFile(
  child: Child,
  folder: string,
  file: string,
  ms?: number,
): Promise<BoundPorts> {
  const ready = deferred<BoundPorts>()
  const look = (): void => {
    const ports = readPorts(file)
    if (ports !== undefined) ready.resolve(ports)
  }
  const watcher = watch(folder, look)
  void child.exited.then(how => {
    ready.reject(new Error(`the broker ended before it was ready (${how}):\n${child.output()}`))
  })
  look()
  try {
    return await within('the broker to be ready', ready.promise, ms)
  } catch (error) {
    await child.kill('SIGKILL')
    throw error
  } finally {
    watcher.close()
  }
}

/** The file may be seen before all of it is written. */
function readPorts(file: string): BoundPorts | undefined {
  try {
    const content: { ports?: unknown } = JSON.parse(readFileSync(file, 'utf8'))
    const ports = (content.ports ?? content) as Partial<BoundPorts>
    if (typeof ports.amqp !== 'number') return undefined
    const { amqp, http = 0, kafka = 0, redis = 0, sqs = 0 } = ports
    return { amqp, http, kafka, redis, sqs }
  } catch {
    return undefined
  }
}

export function readVersion(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(join(repositoryFolder(), 'package.json'), 'utf8'),
  )
  return version
}

/** Compiled programs lie at different depths below the repository. */
export function repositoryFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

/** A broker whose process can be replaced, on the same data, while a test goes on. */
export class RestartableBroker {
  readonly #start: () => Promise<RunningBroker>
  #running: RunningBroker

  private constructor(start: () => Promise<RunningBroker>, running: RunningBroker) {
    this.#start = start
    this.#running = running
  }

  static async start(start: () => Promise<RunningBroker>): Promise<RestartableBroker> {
    return new RestartableBroker(start, await start())
  }

  get running(): RunningBroker {
    return this.#running
  }

  /** Changes with a restart: the port is another one. */
  get url(): string {
    return this.#running.url
  }

  async killAndRestart(): Promise<void> {
    await this.#running.kill()
    this.#running = await this.#start()
  }

  async stop(): Promise<void> {
    await this.#running.stop()
  }
}
