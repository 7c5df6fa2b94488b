/**
 * A PostgreSQL of our own in a temporary folder, reached by a socket in it: where the machine has
 * the program. It refuses to run as root, so there it runs as nobody.
 */

import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

/** As `pg` has it; loaded by name, so that nothing here needs it to compile. */
export interface Pool {
  connect(): Promise<{
    query(
      text: string,
      values?: unknown[],
    ): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
    release(broken?: boolean): void
  }>
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
  end(): Promise<void>
}

export interface Postgres {
  /** The folder of the socket: `host`, for clients. */
  readonly host: string
  stop(): Promise<void>
}

const nobody = 65_534

/** Why there is none here; undefined: there is. */
export async function postgresMissing(): Promise<string | undefined> {
  if (binaries() === undefined) return 'PostgreSQL is not installed (initdb was not found)'
  const name: string = 'pg'
  return import(name).then(
    () => undefined,
    () => 'the package pg is not installed',
  )
}

function binaries(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian)
    ? readdirSync(debian).map(name => join(debian, name, 'bin'))
    : []
  const folders = [...versions, ...(process.env['PATH'] ?? '').split(delimiter)]
  return folders.find(folder => existsSync(join(folder, 'initdb')))
}

export async function startPostgres(): Promise<Postgres> {
  const folder = binaries()!
  const host = mkdtempSync(join(tmpdir(), 'spillway-pg-'))
  const isRoot = process.getuid?.() === 0
  const who = isRoot ? { uid: nobody, gid: nobody } : {}
  if (isRoot) chownSync(host, nobody, nobody)
  const data = join(host, 'data')
  const made = spawnSync(
    join(folder, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '--no-instructions'],
    { ...who, cwd: host, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
  const settings = ['-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'max_connections=100']
  const server = spawn(join(folder, 'postgres'), ['-D', data, '-k', host, ...settings], {
    ...who,
    cwd: host,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  server.stderr?.on('data', chunk => {
    said += String(chunk)
  })
  const gone = new Promise<void>(resolve => server.once('exit', () => resolve()))
  for (let tries = 0; !said.includes('ready to accept connections'); tries++) {
    if (server.exitCode !== null || tries > 600) throw new Error(`postgres: ${said}`)
    await wait(20)
  }
  return {
    host,
    stop: async () => {
      server.kill('SIGQUIT')
      await gone
      rmSync(host, { recursive: true, force: true })
    },
  }
}

export async function openPool(host: string, user = 'postgres'): Promise<Pool> {
  const name: string = 'pg'
  const { default: pg } = await import(name)
  const pool = new pg.Pool({ host, user, database: 'postgres', max: 10 })
  // When the server is stopped, idle connections break, and that is all.
  pool.on('error', () => {})
  return pool as Pool
}
