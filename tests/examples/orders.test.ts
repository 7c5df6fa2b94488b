/** The order story plays to its end, and its books balance. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { repositoryFolder } from '../harness/broker.ts'

const run = promisify(execFile)

test('the order story settles every order through a spike, faults and crashes', async () => {
  const demo = join(repositoryFolder(), 'examples/orders/demo.mjs')
  const env = { ...process.env, SPILLWAY_URL: 'memory:' }
  const { stdout } = await run(process.execPath, [demo, '--quick'], { env })
  assert.match(stdout, /The books balance: 671 orders, all settled/)
  assert.match(stdout, /Dead letter: order \S+, after 1 attempt: an order cannot cost less/)
})
