/**
 * What a guarantee is worth when the process is killed: at every step of handling a message, on a
 * folder. Effectively once: each effect one time. At least once: duplicates where the kill was
 * between the effect and the acknowledgement, and no loss. At most once: a loss, and no duplicate.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect, type Guarantee, queue } from '../../src/client/client.ts'

const child = fileURLToPath(new URL('./crash-child.js', import.meta.url))
const count = 6
const input = queue<{ n: number }>('in')
const output = queue<{ n: number }>('out')

interface Aftermath {
  /** The numbers that arrived in `out`, sorted. */
  readonly effects: readonly number[]
  /** Each call of the handler: `number/attempt`. */
  readonly calls: readonly string[]
  readonly deaths: readonly { readonly name: string; readonly n: number }[]
}

function runChild(folder: string, guarantee: Guarantee, step: string): Promise<string | null> {
  const running = spawn(process.execPath, [child, folder, guarantee, step, '3'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return new Promise(resolve => running.on('exit', (_, signal) => resolve(signal)))
}

/** Six messages; the first process dies at the step, at its third call; others finish the work. */
async function crash(guarantee: Guarantee, step: string, kills: number): Promise<Aftermath> {
  const base = mkdtempSync(join(tmpdir(), 'spillway-crash-'))
  const folder = join(base, 'data')
  try {
    await using before = await connect(`file:${folder}`)
    await before.send(
      input,
      Array.from({ length: count }, (_, n) => ({ n })),
    )
    await before.close()
    for (let kill = 0; kill < kills; kill++) {
      assert.equal(await runChild(folder, guarantee, step), 'SIGKILL')
    }
    const last = step === 'poison' ? 'poison' : 'none'
    assert.equal(await runChild(folder, guarantee, last), null)
    await using after = await connect(`file:${folder}`)
    const effects = (await after.peek(output)).map(({ body }) => (body as { n: number }).n)
    const deaths = []
    for await (const { error, body } of after.dlq(input).peek()) {
      deaths.push({ name: error.name, n: (body as { n: number }).n })
    }
    const calls = readFileSync(join(base, 'calls'), 'utf8').trim().split('\n')
    return { effects: effects.sort((a, b) => a - b), calls, deaths }
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}

const all = Array.from({ length: count }, (_, n) => n)
const steps = [
  'handler',
  'sent',
  'before-commit',
  'during-commit',
  'after-commit',
  'acknowledged',
] as const

describe('a kill on the embedded engine', { concurrency: 2 }, () => {
  for (const step of steps) {
    it(`effectively once, killed at ‘${step}’: each effect one time`, async () => {
      const { effects, deaths } = await crash('effectively-once', step, 1)
      assert.deepEqual(effects, all)
      assert.deepEqual(deaths, [])
    })
  }

  it('at least once, killed between the effect and its acknowledgement: one effect twice', async () => {
    const { effects } = await crash('at-least-once', 'sent', 1)
    assert.deepEqual([...new Set(effects)], all)
    assert.equal(effects.length, count + 1)
  })

  it('at most once, killed in the handler: one effect is lost, none comes twice', async () => {
    const { effects } = await crash('at-most-once', 'handler', 1)
    assert.equal(effects.length, count - 1)
    assert.equal(new Set(effects).size, count - 1)
  })

  it('a message that kills its process each time is dead after its three calls', async () => {
    const { effects, calls, deaths } = await crash('at-least-once', 'poison', 3)
    assert.deepEqual(deaths, [{ name: 'CrashedError', n: 3 }])
    assert.deepEqual(
      effects,
      all.filter(n => n !== 3),
    )
    const poisoned = calls.filter(call => call.startsWith('3/'))
    assert.deepEqual(poisoned, ['3/1', '3/2', '3/3'])
  })
})
