/** `spillway/node-test` and `spillway/vitest`, run by their runners, with tests that fail. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const samples = fileURLToPath(new URL('../../../tests/testing/samples', import.meta.url))
const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url))
const missing = existsSync(vitest) ? false : 'vitest is not installed (npm install)'
if (missing !== false) console.log(`the fixtures for vitest are not tested: ${missing}`)

function run(args: readonly string[]): Promise<{ readonly said: string; readonly code: unknown }> {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' }
  // A test runner inside of a test runner would report to it, and not to us.
  delete env['NODE_TEST_CONTEXT']
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      said += String(chunk)
    })
  }
  return new Promise(resolve => child.once('close', code => resolve({ said, code })))
}

describe('fixtures', { concurrency: 2 }, () => {
  it('of Node’s runner: a broker for each test or for all, and the lives of those that failed', async () => {
    const { said, code } = await run(['--test-reporter=tap', `${samples}/node-test.mjs`])
    assert.equal(code, 1, said)
    const titles = [...said.matchAll(/^ +(ok|not ok) \d+ - (.*)$/gm)].map(([, ok, title]) => {
      return `${ok} ${title}`
    })
    assert.deepEqual(titles, [
      'ok first: it is new, and empty',
      'ok second: it is new, and empty',
      'ok they were two',
      'not ok fails on purpose',
      'ok has what it is given',
      'ok keeps it for the next test',
      'not ok fails on purpose, too',
      'not ok cannot share it 1',
      'not ok cannot share it 2',
    ])
    assert.match(said, /# order-1:\n +# +\+0 ms {2}orders@0 {2}handed out, attempt 1/)
    assert.match(said, /# order-2:\n +# +nobody has had it/)
    assert.match(said, /tests that share useBroker\(\) run one after the other/)
  })

  it('of vitest: the same, and side by side', { skip: missing }, async () => {
    const { said, code } = await run([vitest, 'run', '--root', samples])
    assert.equal(code, 1, said)
    assert.match(said, /Tests +2 failed \| 5 passed \(7\)/)
    assert.match(said, /fails on purpose: what became of its messages\norders: 0 ready, 0 in hand/)
    assert.match(said, /order-1:\n {2}\+0 ms {2}orders@0 {2}handed out, attempt 1/)
    assert.match(said, /order-2:\n {2}nobody has had it/)
  })
})
