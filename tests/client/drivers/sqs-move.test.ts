/** Moving a queue with keys to SQS and back, by processes that are killed on the way. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect, queue } from '../../../src/client/client.ts'
import { startBroker } from '../../../src/harness/testing.ts'
import { sqsUrl } from './sqs-broker.ts'

const command = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const count = 700
const keys = 35
const orders = queue<{ n: number }>('orders', { key: ({ n }) => `k${n % keys}` })

interface Run {
  readonly signal: string | null
  readonly text: string
}

/** Ends when the process has ended; it is killed when it has told of so many. */
function runMove(from: string, to: string, killAt = Number.POSITIVE_INFINITY): Promise<Run> {
  const args = [command, 'move', 'orders', '--keyed', '--from', from, '--to', to]
  const running = spawn(process.execPath, args)
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

it('a move to SQS and back loses nothing and keeps each key in order, whatever is killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-sqs-move-'))
  const broker = await startBroker({ protocols: ['sqs'], clock: 'manual' })
  try {
    const url = sqsUrl(broker)
    const from = await connect(`file:${folder}/from`)
    await from.send(
      orders,
      Array.from({ length: count }, (_, n) => ({ n })),
    )
    await from.close()
    const first = await runMove(`file:${folder}/from`, url, 1)
    assert.equal(first.signal, 'SIGKILL', first.text)
    const second = await runMove(`file:${folder}/from`, url)
    assert.match(second.text, /nothing is left/)
    const third = await runMove(url, `file:${folder}/to`, 1)
    assert.equal(third.signal, 'SIGKILL', third.text)
    // What the killed one had in hand is hidden until its lease is over.
    await broker.clock.advance('61s')
    const last = await runMove(url, `file:${folder}/to`)
    assert.match(last.text, /nothing is left/)
    const to = await connect(`file:${folder}/to`)
    const found = await to.peek(orders, { limit: count * 2 })
    await to.close()
    const numbers = found.map(({ body }) => (body as { n: number }).n)
    assert.equal(numbers.length, count)
    for (let key = 0; key < keys; key++) {
      const ofKey = numbers.filter(n => n % keys === key)
      assert.deepEqual(
        ofKey,
        Array.from({ length: count / keys }, (_, index) => index * keys + key),
      )
    }
  } finally {
    await broker.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
