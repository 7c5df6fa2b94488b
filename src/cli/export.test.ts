/** Messages out to lines of JSON and in again, cut off in between; and what shells complete. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect, queue } from '../client/client.ts'
import { completion, shells } from './completion.ts'
import { exportMessages } from './export.ts'
import { importMessages } from './import.ts'
import { commandNames } from './option.ts'
import { resolveOptions } from './options.ts'
import type { Output } from './output.ts'

const folder = mkdtempSync(join(tmpdir(), 'spillway-export-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function call(words: readonly string[], flags: { readonly [name: string]: string } = {}) {
  const lines: string[] = []
  const output: Output = {
    data: line => void lines.push(line),
    json: value => void lines.push(JSON.stringify(value)),
    note: () => undefined,
    error: () => undefined,
    status: () => undefined,
    paint: (_, text) => text,
    isTerminal: false,
    columns: 100,
  }
  return {
    lines,
    ...resolveOptions({ flags, environment: {}, file: undefined }),
    words,
    urls: [],
    output,
  }
}

const orders = queue<unknown>('orders', { key: order => String((order as { id: number }).id % 3) })
const binary = new Uint8Array([0, 255, 1, 254])

async function fill(url: string): Promise<void> {
  const bus = await connect(url, { telemetry: false })
  await bus.send(
    orders,
    Array.from({ length: 7 }, (_, id) => ({ id })),
    { headers: { tenant: 'blue' } },
  )
  await bus.close()
}

async function contents(url: string) {
  const bus = await connect(url, { telemetry: false })
  const call_ = call(['orders'], { url, keyed: 'true' })
  await bus.close()
  await exportMessages(call_)
  return call_.lines.map(line => JSON.parse(line))
}

test('what goes out comes in elsewhere: bodies, keys, headers, ids, order', async () => {
  const [from, to] = [`file:${join(folder, 'a')}`, `file:${join(folder, 'b')}`]
  const file = join(folder, 'a.jsonl')
  await fill(from)
  await exportMessages(call(['orders', file], { url: from, keyed: 'true' }))
  await importMessages(call(['orders', file], { url: to, keyed: 'true' }))
  const plain = (line: { id: string; key: string; body: string; headers: object }) => {
    const { id, key, body, headers } = line
    return { id, key, body, headers }
  }
  assert.deepEqual((await contents(to)).map(plain), (await contents(from)).map(plain))
  assert.equal((await contents(from)).length, 7, 'nothing was taken')
  assert.ok(!existsSync(`${file}.orders.imported`), 'what is whole leaves no mark')
})

test('an export that was cut off in a line goes on there, without a message twice', async () => {
  const url = `file:${join(folder, 'c')}`
  const file = join(folder, 'c.jsonl')
  await fill(url)
  await exportMessages(call(['orders', file], { url, keyed: 'true', count: '3' }))
  appendFileSync(file, '{"position":"3","id":"ha')
  await exportMessages(call(['orders', file], { url, keyed: 'true' }))
  const bodies = readFileSync(file, 'utf8').trimEnd().split('\n')
  assert.deepEqual(
    bodies.map(line => JSON.parse(JSON.parse(line).body).id),
    [0, 1, 2, 3, 4, 5, 6],
  )
})

test('an import that was stopped goes on after what it has sent', async () => {
  const [from, to] = [`file:${join(folder, 'd')}`, `file:${join(folder, 'e')}`]
  const file = join(folder, 'd.jsonl')
  await fill(from)
  await exportMessages(call(['orders', file], { url: from, keyed: 'true' }))
  await importMessages(call(['orders', file], { url: to, keyed: 'true', count: '4' }))
  assert.equal(readFileSync(`${file}.orders.imported`, 'utf8'), '4')
  await importMessages(call(['orders', file], { url: to, keyed: 'true' }))
  const ids = (await contents(to)).map(({ body }) => JSON.parse(body).id)
  assert.deepEqual(ids, [0, 1, 2, 3, 4, 5, 6])
})

test('bytes that are no text go out as base64; a line that is none is named', async () => {
  const [from, to] = [`file:${join(folder, 'f')}`, `file:${join(folder, 'g')}`]
  const file = join(folder, 'f.jsonl')
  const bus = await connect(from, { telemetry: false })
  await bus.send(queue<unknown>('raw'), binary)
  await bus.close()
  await exportMessages(call(['raw', file], { url: from }))
  await importMessages(call(['raw', file], { url: to }))
  const seen = call(['raw'], { url: to })
  await exportMessages(seen)
  const line = JSON.parse(seen.lines[0]!)
  assert.equal(line.encoding, 'base64')
  assert.deepEqual(new Uint8Array(Buffer.from(line.body, 'base64')), binary)
  writeFileSync(file, '{"body":"a"}\nno json\n')
  await assert.rejects(importMessages(call(['raw', file], { url: to })), /line 2 is no JSON/)
})

test('a queue that is not there is not made by exporting it', async () => {
  const url = `file:${join(folder, 'h')}`
  for (let round = 0; round < 2; round++) {
    await assert.rejects(exportMessages(call(['nobody'], { url })), /not-found/)
  }
})

test('each shell is told every command and its options, in a script that it can read', async t => {
  for (const shell of shells) {
    const printed = call([shell])
    await completion(printed)
    const script = printed.lines.join('\n')
    for (const name of commandNames) assert.ok(script.includes(name), `${shell}: ${name}`)
    assert.match(script, /port-offset/)
    try {
      execFileSync(shell, ['-n'], { input: script, stdio: ['pipe', 'pipe', 'pipe'] })
    } catch (error) {
      const { code, stderr } = error as { code?: string; stderr?: Buffer }
      if (code !== 'ENOENT') throw new Error(String(stderr))
      t.diagnostic(`no ${shell} on this machine: its script was not parsed by it`)
    }
  }
  await assert.rejects(async () => completion(call(['csh'])), /bash, zsh, fish/)
})
