/**
 * A private Redis: its own port and folder, loopback only, every write on the disk before its reply
 * unless told otherwise. Nothing is installed or started by importing this file.
 */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { RunningBroker } from '../../harness/broker.ts'
import { type Child, freePort, startChild, temporaryFolder } from '../../harness/process.ts'
import { deferred, within } from '../../harness/wait.ts'

const serverFile = '/usr/bin/redis-server'
/** Redis' own load generator, from the same packages. */
export const redisBenchmarkFile = '/usr/bin/redis-benchmark'

export interface RunningRedis extends RunningBroker {
  readonly redisPort: number
}

/** Installs the Debian packages when they are missing; answers why Redis is, or undefined. */
export function fetchRedis(): string | undefined {
  if (existsSync(serverFile) && existsSync(redisBenchmarkFile)) return undefined
  if (process.getuid?.() !== 0) return 'redis-server is not installed, and only root can install it'
  // RUNLEVEL=1 keeps the package's script from starting a server on the standard port.
  const env = { ...process.env, RUNLEVEL: '1', DEBIAN_FRONTEND: 'noninteractive' }
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  try {
    execFileSync('apt-get', [...wait, 'update', '-qq'], { env, stdio: 'ignore' })
    const install = [...wait, 'install', '-y', '-qq', 'redis-server', 'redis-tools']
    execFileSync('apt-get', install, { env, stdio: 'ignore' })
  } catch (error) {
    return `redis-server cannot be installed: ${(error as Error).message}`
  }
  return existsSync(serverFile) ? undefined : `${serverFile} is missing after the installation`
}

export async function startRedis(
  options: {
    readonly sync?: 'always' | 'everysec'
    /** Of one that ran before: it begins with what that had. */
    readonly folder?: string
    /** In memory only: what is started again is empty. */
    readonly isForgetful?: boolean
  } = {},
): Promise<RunningRedis> {
  const port = await freePort()
  const { sync = 'always', folder = temporaryFolder('redis'), isForgetful = false } = options
  const startedAt = performance.now()
  const child = startChild(
    serverFile,
    [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
      ...['--save', '', '--appendonly', isForgetful ? 'no' : 'yes', '--appendfsync', sync],
    ],
    {},
  )
  await waitUntilReady(child)
  const readyMs = performance.now() - startedAt
  const version = execFileSync(serverFile, ['--version']).toString()
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await child.kill(signal)
  }
  return {
    name: 'Redis',
    version: /v=([\d.]+)/.exec(version)?.[1] ?? 'unknown',
    host: '127.0.0.1',
    amqpPort: 0,
    redisPort: port,
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    readyMs,
    exited: child.exited,
    output: child.output,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

async function waitUntilReady(child: Child): Promise<void> {
  const ready = deferred<undefined>()
  child.process.stdout?.on('data', () => {
    if (child.output().includes('Ready to accept connections')) ready.resolve(undefined)
  })
  void child.exited.then(how => ready.reject(new Error(`Redis ended: ${how}\n${child.output()}`)))
  await within('Redis to be ready', ready.promise)
}
