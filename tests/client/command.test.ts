/** The commands on a folder, through the client: `send`, `consume`, `redrive`, `plan`. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { connect, fixed, queue } from '../../src/client/client.ts'

const command = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const client = fileURLToPath(new URL('../../src/client/client.js', import.meta.url))

function spillway(args: readonly string[], input = ''): { out: string; code: number | null } {
  const { stdout, status } = spawnSync(process.execPath, [command, ...args], {
    input,
    encoding: 'utf8',
  })
  return { out: stdout, code: status }
}

describe('the command on a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-command-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const url = `file:${folder}/data`

  it('sends what a handler gets, and consumes it', () => {
    assert.equal(spillway(['send', 'jobs', 'x', '--url', url]).code, 3, 'it is not there')
    assert.equal(spillway(['consume', 'jobs', '--url', url]).code, 3)
    assert.equal(spillway(['redrive', 'jobs', '--url', url]).code, 3)
    assert.equal(spillway(['send', 'jobs', '{"n":1}', '--create', '--url', url]).code, 0)
    assert.equal(spillway(['send', 'jobs', '--lines', '--url', url], 'two\nthree\n').code, 0)
    const { out, code } = spillway(['consume', 'jobs', '--count', '3', '--url', url])
    assert.deepEqual(out.trim().split('\n'), ['{"n":1}', 'two', 'three'])
    assert.equal(code, 0)
    const empty = ['consume', 'jobs', '--count', '1', '--timeout', '50ms', '--url', url]
    assert.equal(spillway(empty).code, 5)
  })

  it('redrives the dead letters that are chosen', async () => {
    const flaky = queue<number>('flaky', {
      retry: { attempts: 1, backoff: fixed(0) },
      dedupe: { id: n => `${n}`, window: '1h' },
    })
    const bus = await connect(url)
    const worker = bus.consume(flaky, n => {
      throw n === 1 ? new RangeError('x') : new TypeError('x')
    })
    await bus.send(flaky, [1, 2, 3])
    while ((await bus.dlq(flaky).count()) < 3) await new Promise(setImmediate)
    await worker.drain()
    await bus.close()
    const call = ['redrive', 'flaky', '--error', 'TypeError', '--url', url, '--json']
    const dry = JSON.parse(spillway([...call, '--dry-run']).out)
    assert.deepEqual(dry, { looked: 3, matched: 2, redriven: 0 })
    assert.deepEqual(JSON.parse(spillway(call).out), { looked: 3, matched: 2, redriven: 2 })
    const again = await connect(url)
    assert.equal(await again.dlq(flaky).count(), 1)
    assert.equal((await again.depth(flaky)).ready, 2)
    const [receipt] = await again.send(flaky, 1)
    assert.equal(receipt!.duplicate, true)
    await again.close()
  })

  it('prints a plan, and fails where the code would', () => {
    const contracts = join(folder, 'contracts.mjs')
    const text = `import { queue } from '${pathToFileURL(client).href}'
      export const good = queue('good', { key: body => body.k })\n`
    writeFileSync(contracts, text)
    const good = spillway(['plan', contracts, '--url', 'memory:', '--fail-on', 'emulated'])
    assert.match(good.out, /good\s+key\s+native/)
    assert.equal(good.code, 0)
    const bad = `export const bad = queue('bad', { key: body => body.k, priorities: 3 })\n`
    writeFileSync(contracts, text + bad)
    const { out, code } = spillway(['plan', contracts, '--url', 'memory:'])
    assert.match(out, /bad\s+priority\s+impossible/)
    assert.equal(code, 4)
  })

  it('tells an admin API from a backend', () => {
    assert.equal(spillway(['redrive', 'jobs', '--url', 'http://127.0.0.1:1']).code, 2)
    assert.equal(spillway(['send', 'jobs', 'x', '--url', 'nosuch://x']).code, 1)
    assert.equal(spillway(['move', 'jobs', '--from', 'memory:']).code, 2)
  })
})
