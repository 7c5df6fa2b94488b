/**
 * A private RabbitMQ node: its own name, ports, folders, cookie and port mapper, loopback only, no
 * plugins. Nothing is installed or started by importing this file.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunningBroker } from '../../harness/broker.ts'
import { type Child, freePort, startChild, temporaryFolder } from '../../harness/process.ts'
import { deferred, within } from '../../harness/wait.ts'

// Debian's /usr/sbin wrapper changes the user; the script behind it runs as whoever calls it.
const serverScript = '/usr/lib/rabbitmq/bin/rabbitmq-server'

export function isRabbitmqInstalled(): boolean {
  return existsSync(serverScript)
}

export function rabbitmqVersion(): string {
  const [, version] = execFileSync('dpkg-query', ['-W', 'rabbitmq-server']).toString().split('\t')
  return version?.split('-')[0] ?? 'unknown'
}

/**
 * Installs the Debian package when it is missing, without starting the node that the package would
 * start. Returns why the peer is missing, or undefined when it is there.
 */
export function fetchRabbitmq(): string | undefined {
  if (isRabbitmqInstalled()) return undefined
  if (process.getuid?.() !== 0)
    return 'rabbitmq-server is not installed, and only root can install it'
  // RUNLEVEL=1 keeps the package's script from starting a node on the standard port.
  const env = { ...process.env, RUNLEVEL: '1', DEBIAN_FRONTEND: 'noninteractive' }
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  try {
    execFileSync('apt-get', [...wait, 'update', '-qq'], { env, stdio: 'ignore' })
    const install = [...wait, 'install', '-y', '-qq', 'rabbitmq-server']
    execFileSync('apt-get', install, { env, stdio: 'ignore' })
  } catch (error) {
    return `rabbitmq-server cannot be installed: ${(error as Error).message}`
  }
  return isRabbitmqInstalled() ? undefined : `${serverScript} is missing after the installation`
}

export interface RabbitmqOptions {
  /** Lines for rabbitmq.conf. */
  readonly config?: readonly string[]
  /** The node's folder, for a second start on what the first one left; a new one unless given. */
  readonly folder?: string
}

export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<RunningBroker> {
  const folder = options.folder ?? temporaryFolder('rabbitmq')
  const ports = { amqp: await freePort(), distribution: await freePort(), mapper: await freePort() }
  const mapper = await startPortMapper(ports.mapper)
  const startedAt = performance.now()
  const child = startChild(serverScript, [], {
    cwd: folder,
    env: nodeEnvironment(folder, ports, options),
  })
  await waitUntilBooted(child)
  const readyMs = performance.now() - startedAt
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await child.kill(signal)
    await mapper.kill('SIGTERM')
  }
  return {
    name: 'RabbitMQ',
    version: rabbitmqVersion(),
    host: '127.0.0.1',
    amqpPort: ports.amqp,
    url: `amqp://127.0.0.1:${ports.amqp}`,
    pid: child.pid,
    readyMs,
    exited: child.exited,
    output: child.output,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

/** Erlang nodes find each other through a mapper; with our own, no other node is touched. */
async function startPortMapper(port: number): Promise<Child> {
  const mapper = startChild(
    'epmd',
    ['-d', '-d', '-port', String(port), '-address', '127.0.0.1'],
    {},
  )
  const listening = deferred<undefined>()
  mapper.process.stderr?.on('data', () => {
    if (mapper.output().includes('entering the main select() loop')) listening.resolve(undefined)
  })
  void mapper.exited.then(how => listening.reject(new Error(`epmd ended: ${how}`)))
  await within('the port mapper', listening.promise)
  return mapper
}

function nodeEnvironment(
  folder: string,
  ports: { amqp: number; distribution: number; mapper: number },
  options: RabbitmqOptions,
): NodeJS.ProcessEnv {
  for (const name of ['home', 'mnesia', 'log', 'config']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  writeFileSync(join(folder, 'enabled_plugins'), '[].\n')
  const config = ['loopback_users.guest = false', 'log.console = false', ...(options.config ?? [])]
  writeFileSync(join(folder, 'rabbitmq.conf'), `${config.join('\n')}\n`)
  writeFileSync(join(folder, 'environment'), '')
  return {
    PATH: process.env['PATH'],
    LANG: 'C.UTF-8',
    HOME: join(folder, 'home'),
    // Makes the script become the node, so that the child's pid is the node's.
    RUNNING_UNDER_SYSTEMD: 'true',
    ERL_EPMD_PORT: String(ports.mapper),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_CONF_ENV_FILE: join(folder, 'environment'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_NODENAME: 'spillway-peer@localhost',
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(ports.amqp),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  }
}

async function waitUntilBooted(child: Child): Promise<void> {
  const booted = deferred<undefined>()
  child.process.stdout?.on('data', () => {
    if (/completed with \d+ plugins/.test(child.output())) booted.resolve(undefined)
  })
  void child.exited.then(how => {
    booted.reject(new Error(`RabbitMQ ended before it was ready (${how}):\n${child.output()}`))
  })
  try {
    await within('RabbitMQ to be ready', booted.promise, 300_000)
  } catch (error) {
    await child.kill('SIGKILL')
    throw error
  }
}
