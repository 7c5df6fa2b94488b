/** Moving a queue from one folder to another, by a process that is killed on the way. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect, move, queue } from '../../src/client/client.ts'

const command = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const count = 5000
const orders = queue<{ n: number }>('orders', { key: ({ n }) => `k${n % 7}` })

/** Ends when the process has ended; killed when it has told of so many. */
function runMove(folder: string, killAt: number): Promise<{ signal: string | null; text: string }> {
  const urls = ['--from', `file:${folder}/from`, '--to', `file:${folder}/to`]
  const running = spawn(process.execPath, [command, 'move', 'orders', '--keyed', ...urls])
  let text = ''
  running.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    const told = /moved (\d+)[^\n]*\n$/.exec(text)?.[1]
    if (told !== undefined && Number(told) >= killAt) running.kill('SIGKILL')
  })
  return new Promise(resolve => {
    running.on('close', (_, signal) => resolve({ signal, text }))
  })
}

it('a move that is killed twice loses nothing, and sends nothing twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-move-'))
  try {
    const from = await connect(`file:${folder}/from`)
    const items = Array.from({ length: count }, (_, n) => ({ n }))
    await from.send(orders, items)
    await from.close()
    assert.equal((await runMove(folder, 500)).signal, 'SIGKILL')
    assert.equal((await runMove(folder, 1000)).signal, 'SIGKILL')
    const last = await runMove(folder, Number.POSITIVE_INFINITY)
    assert.match(last.text, /nothing is left/)
    const to = await connect(`file:${folder}/to`)
    const found = await to.peek(orders, { limit: count * 2 })
    const numbers = found.map(({ body }) => (body as { n: number }).n)
    assert.equal(numbers.length, count)
    for (let key = 0; key < 7; key++) {
      const ofKey = numbers.filter(n => n % 7 === key)
      assert.deepEqual(
        ofKey,
        items.map(({ n }) => n).filter(n => n % 7 === key),
      )
    }
    await to.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

it('a move keeps id, key, headers and body, and leaves the settings of a queue alone', async () => {
  const from = await connect('memory:')
  const to = await connect('memory:')
  const deduped = queue<{ n: number }>('target', {
    dedupe: { id: ({ n }) => `${n}`, window: '1h' },
  })
  const plain = queue<{ n: number }>('source')
  await to.prepare(deduped)
  const options = { id: 'mine', headers: { tenant: 'ada' } }
  await from.send(plain, { n: 1 }, options)
  const target = { bus: to, queue: queue('target') }
  const result = await move({ bus: from, queue: plain }, target)
  assert.deepEqual(result, { moved: 1, alreadyThere: 0, possiblyTwice: 0 })
  const [message] = await to.peek(deduped)
  assert.equal(message!.id, 'mine')
  assert.equal(message!.headers['tenant'], 'ada')
  assert.deepEqual(message!.body, { n: 1 })
  assert.equal((await from.depth(plain)).ready, 0)
  await to.send(deduped, { n: 5 })
  const [again] = await to.send(deduped, { n: 5 })
  assert.equal(again!.duplicate, true)
  await from.close()
  await to.close()
})

it('a move says what is not to be had yet', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-move-'))
  try {
    const from = await connect(`file:${folder}/from`)
    await from.send(orders, { n: 1 })
    await from.send(orders, { n: 2 }, { delay: '1h' })
    await from.close()
    const { text } = await runMove(folder, Number.POSITIVE_INFINITY)
    assert.match(text, /moved 1 from orders.*nothing is left to take, but 1 are held or delayed/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
