/**
 * Effectively once, on a backend: a service that books orders in PostgreSQL and passes them on
 * through its outbox is killed at each step of its way, and another one finishes the work. Each
 * effect is there one time.
 */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { connect } from '../../../src/client/client.ts'
import { pg } from '../../../src/client/outbox-postgres.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { contractsOf, places } from '../../client/crashing-service.ts'
import { openPool, type Pool, postgresMissing, startPostgres } from '../../harness/postgres.ts'
import type { Choice, Report } from '../suite.ts'

const service = fileURLToPath(new URL('../../client/crashing-service.js', import.meta.url))

export async function runGuarantees(
  report: Report,
  choice: Choice,
  { broker, url }: { readonly broker: string; readonly url: string },
): Promise<void> {
  const chosen = places.filter(place => `killed: ${place}`.includes(choice.only))
  if (chosen.length === 0) return
  const why = await postgresMissing()
  if (why !== undefined) {
    report.missing(`PostgreSQL, for guarantees on ${broker}`, why)
    return
  }
  const counts = { passed: 0, failed: 0 }
  const postgres = await startPostgres()
  const pool = await openPool(postgres.host)
  try {
    await pg(pool).prepare()
    await pool.query('create table bookings (order_id text)')
    await pool.query('create table shipped (order_id text)')
    const run = systemClock.now().toString(36)
    for (const [index, place] of chosen.entries()) {
      try {
        await pool.query('truncate spillway_inbox, spillway_outbox, bookings, shipped')
        await killAt(place, { url, host: postgres.host, pool, name: `${run}-${index}` })
        counts.passed++
      } catch (error) {
        counts.failed++
        report.failed(`killed: ${place}, on ${broker}`, (error as Error).message)
      }
    }
  } finally {
    await pool.end()
    await postgres.stop()
  }
  report.row({ broker, suite: 'client, effectively once', ...counts })
}

async function killAt(
  place: string,
  world: {
    readonly url: string
    readonly host: string
    readonly pool: Pool
    readonly name: string
  },
): Promise<void> {
  const { url, host, pool, name } = world
  const { orders, shipments } = contractsOf(name)
  const bus = await connect(url, { emulate: 'allow' })
  try {
    await bus.send(orders, { id: 'o-1' })
    const first = await runService([url, host, name, place])
    if (first.signal !== 'SIGKILL') throw new Error(`it was not killed: ${first.said}`)
    const second = await runService([url, host, name])
    if (second.code !== 0) throw new Error(`the second one failed: ${second.said}`)
    for (const [table, expected] of [
      ['bookings', 1],
      ['shipped', 1],
      ['spillway_outbox', 0],
    ] as const) {
      const { rows } = await pool.query(`select count(*)::int as count from ${table}`)
      const { count } = rows[0] as { count: number }
      if (count !== expected) throw new Error(`${table} has ${count} rows, not ${expected}`)
    }
  } finally {
    await bus.drop(orders)
    await bus.drop(shipments)
    await bus.close()
  }
}

function runService(args: readonly string[]) {
  const child = spawn(process.execPath, [service, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  return new Promise<{ code: number | null; signal: string | null; said: string }>(resolve => {
    child.once('exit', (code, signal) => resolve({ code, signal, said }))
  })
}
