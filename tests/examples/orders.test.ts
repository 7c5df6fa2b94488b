/** The order story plays to its end, and its books balance: in each of its forms. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { startBroker } from '../../src/harness/testing.ts'
import { repositoryFolder } from '../harness/broker.ts'
import { openPool, postgresMissing, startPostgres } from '../harness/postgres.ts'

const run = promisify(execFile)
const demo = join(repositoryFolder(), 'examples/orders/demo.mjs')
const missing = await postgresMissing()
if (missing !== undefined) console.log(`the order story with a database is not tested: ${missing}`)

const few = ['202', '--scale=0.03'] as const

async function play(
  settings: { readonly [name: string]: string },
  count = '671',
  how = '--quick',
): Promise<string> {
  const env: NodeJS.ProcessEnv = { ...process.env, DATABASE_URL: undefined, ...settings }
  const { stdout } = await run(process.execPath, [demo, how], { env })
  const end = stdout.slice(-800)
  assert.match(end, new RegExp(`The books balance: ${count} orders, all settled`))
  assert.match(end, /Dead letter: order \S+, at attempt \d: an order cannot cost less/)
  return stdout
}

describe('the order story settles every order through a spike, faults and crashes', {
  concurrency: 2,
}, () => {
  it('in one process, in memory', async () => {
    const said = await play({ SPILLWAY_URL: 'memory:' })
    assert.match(said, /Orders are kept in memory; the five messages of one are sent in one/)
  })

  // Where there is a database, the next one does this and more.
  if (missing !== undefined) {
    it('on a broker, with services that are killed', async () => {
      await using broker = await startBroker({ protocols: ['redis'] })
      const said = await play({ SPILLWAY_URL: broker.urls.redis }, ...few)
      assert.match(said, /Orders are kept in memory/)
      assert.match(said, /to crash means SIGKILL/)
    })
  }

  it('with PostgreSQL: no effect is written twice', { skip: missing ?? false }, async () => {
    const postgres = await startPostgres()
    try {
      const pool = await openPool(postgres.host)
      // Shops on two brokers need an outbox each: what one writes is not for the other's broker.
      await pool.query('create database killed')
      const database = (name: string) => `postgres:///${name}?host=${postgres.host}&user=postgres`
      await using broker = await startBroker({ protocols: ['redis'] })
      const [here, there] = await Promise.all([
        play({ SPILLWAY_URL: 'memory:', DATABASE_URL: database('postgres') }, ...few),
        play({ SPILLWAY_URL: broker.urls.redis, DATABASE_URL: database('killed') }, ...few),
      ])
      for (const said of [here, there]) {
        assert.match(said, /Orders are kept in PostgreSQL; their messages go through its outbox/)
        assert.match(said, /no effect was written twice/)
      }
      assert.match(there, /to crash means SIGKILL/)
      await pool.end()
    } finally {
      await postgres.stop()
    }
  })
})
