/** The commands that look, replay, measure and compare, by `--url`. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hidePassword } from '../../src/cli/bench.ts'
import { measure, percentiles } from '../../src/cli/measuring.ts'
import { parseFlags, resolveOptions } from '../../src/cli/options.ts'
import { type Output, standardOutput } from '../../src/cli/output.ts'
import { progressLine } from '../../src/cli/progress.ts'
import { tail } from '../../src/cli/tail.ts'
import { connect, queue, topic } from '../../src/client/client.ts'
import { startBroker } from '../../src/harness/testing.ts'

const command = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

interface Ended {
  readonly out: string
  readonly said: string
  readonly code: number | null
}

/** Not waited for: what it says is in the promise. */
function spillway(args: readonly string[], onOut: (out: string) => void = () => {}) {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let said = ''
  child.stdout.on('data', chunk => {
    out += String(chunk)
    onOut(out)
  })
  child.stderr.on('data', chunk => {
    said += String(chunk)
  })
  const ended = new Promise<Ended>(resolve => {
    child.once('close', code => resolve({ out, said, code }))
  })
  return { ended, stop: () => child.kill('SIGINT') }
}

const linesOf = (text: string): string[] => text.split('\n').filter(line => line !== '')

describe('commands by --url', { concurrency: 2 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-tools-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('replay a topic for a group, and count before', async () => {
    const url = `file:${folder}/replay`
    const placed = topic<{ id: string }>('placed', { key: ({ id }) => id })
    {
      await using bus = await connect(url)
      const got: string[] = []
      for (const group of ['billing', 'other']) {
        await bus.subscribe(placed, { group }, ({ id }) => got.push(id)).ready
      }
      await bus.publish(placed, [{ id: 'a' }, { id: 'b' }])
      while (got.length < 4) await new Promise(setImmediate)
    }
    const call = ['replay', 'placed', '--group', 'billing', '--url', url, '--json']
    const dry = await spillway([...call, '--dry-run']).ended
    assert.equal(JSON.parse(dry.out).matched, 2)
    const { out, said, code } = await spillway([...call, '--since', '1h', '--key', 'b']).ended
    assert.equal(JSON.parse(out).replayed, 1)
    assert.match(said, /looked at 2 events of placed; replayed 1 for billing/)
    assert.equal(code, 0)
    const { position } = JSON.parse(out)
    const again = await spillway([...call, '--position', position, '--new-ids']).ended
    assert.equal(JSON.parse(again.out).replayed, 1)
    await using bus = await connect(url)
    assert.equal((await bus.depth(placed, 'billing')).ready, 2)
    assert.equal((await bus.depth(placed, 'other')).ready, 0)
  })

  it('replay says what is missing, and makes nothing', async () => {
    const url = `file:${folder}/none`
    const missing = await spillway(['replay', 'placd', '--group', 'g', '--url', url]).ended
    assert.equal(missing.code, 3)
    assert.match(missing.said, /SPILLWAY_E_NOT_FOUND: there is no topic placd/)
    const both = ['--since', '1h', '--position', '1', '--group', 'g', '--url', url]
    assert.equal((await spillway(['replay', 'placed', ...both]).ended).code, 2)
    const wrong = await spillway(['replay', 'placed', '--since', 'yesterday', '--url', url]).ended
    assert.equal(wrong.code, 2)
    assert.match(wrong.said, /--since expects a time such as/)
  })

  it('tail a topic from a time on, until a count', async () => {
    const url = `file:${folder}/tail`
    {
      await using bus = await connect(url)
      await bus.publish(topic('placed'), [{ n: 1 }, { n: 2 }])
    }
    const call = ['tail', 'placed', '--url', url, '--since', '1h', '--count', '2']
    const { out, code } = await spillway(call).ended
    assert.deepEqual(linesOf(out), ['{"n":1}', '{"n":2}'])
    assert.equal(code, 0)
    const more = ['--count', '3', '--timeout', '500ms', '--json']
    const late = await spillway([...call.slice(0, 6), ...more]).ended
    assert.equal(late.code, 5, 'fewer came than were asked for')
    assert.deepEqual(
      linesOf(late.out).map(line => JSON.parse(line).body),
      [{ n: 1 }, { n: 2 }],
    )
    assert.equal((await spillway(['tail', 'nosuch', '--url', url]).ended).code, 3)
  })

  it('measure a backend, and say what was measured', async () => {
    const call = ['bench', '--url', 'memory:', '--count', '40', '--in-flight', '8']
    const { out, said, code } = await spillway(call).ended
    assert.equal(code, 0, said)
    for (const what of [
      /sends +[\d,]+\/s/,
      /confirm, p99 +[\d.]+ ms/,
      /consumes/,
      /latency, max/,
    ]) {
      assert.match(out, what)
    }
    assert.match(said, /40 messages of 1000 bytes, 8 on their way at a time/)
    const { figures } = JSON.parse((await spillway([...call, '--json']).ended).out)
    assert.ok(figures.sendsPerSecond > 0 && figures.latencyMs.p50 > 0)
    assert.equal(figures.duplicates, 0)
  })

  it('compare two backends, in plan and figures', async () => {
    const urls = ['--url', 'memory:', '--url', `file:${folder}/compare`]
    const { out, code } = await spillway(['compare', ...urls, '--count', '20']).ended
    assert.equal(code, 0)
    assert.match(out, /both do the same for queue, queue-by-key/)
    assert.match(out, /sends +[\d,]+\/s +[\d,]+\/s/)
    const all = await spillway(['compare', ...urls, '--plan-only', '--all']).ended
    assert.match(all.out, /queue-by-key +priority +impossible: .+impossible/)
    assert.equal((await spillway(['compare', '--url', 'memory:']).ended).code, 2)
    assert.equal((await spillway(['bench', ...urls]).ended).code, 2)
  })
})

describe('tail', () => {
  it('shows what arrives in a queue of a running broker, and of a backend', async () => {
    const options = ['--amqp=0', '--kafka=off', '--redis=off', '--sqs=off', '--http=0', '--json']
    let started = (_: { readonly ports: { readonly amqp: number; readonly http: number } }) => {}
    const ready = new Promise<Parameters<typeof started>[0]>(resolve => {
      started = resolve
    })
    const broker = spillway(['serve', '--memory', ...options], out => {
      if (out.includes('\n')) started(JSON.parse(out.split('\n')[0]!))
    })
    try {
      const { ports } = await ready
      const url = `http://127.0.0.1:${ports.http}`
      const send = async (body: string) => {
        const { code, said } = await spillway(['send', 'q', body, '--create', '--url', url]).ended
        assert.equal(code, 0, said)
      }
      await send('before')
      assert.equal((await spillway(['tail', 'nosuch', '--url', url]).ended).code, 3)
      const tail = spillway(['tail', 'q', '--url', url, '--count', '1'])
      let isOver = false
      void tail.ended.then(() => {
        isOver = true
      })
      // It shows what comes after it has begun, and does not say when that is.
      while (!isOver) await send('after')
      const { out, code } = await tail.ended
      assert.equal(out, 'after\n')
      assert.equal(code, 0)
    } finally {
      broker.stop()
      await broker.ended
    }
  })
})

it('tail --queue shows what waits in a queue, and was not there before', async () => {
  await using bus = await connect('memory:tailed')
  const jobs = queue<string>('jobs')
  await bus.send(jobs, 'before')
  const { flags, words, urls } = parseFlags([
    'jobs',
    '--queue',
    '--url',
    'memory:tailed',
    '-n',
    '2',
  ])
  const parsed = resolveOptions({ flags, environment: {}, file: undefined })
  const shown: string[] = []
  let isLooking = false
  const output: Output = {
    ...standardOutput(true),
    data: line => shown.push(line),
    note: () => {
      isLooking = true
    },
  }
  const tailing = tail({ ...parsed, words, urls, output })
  while (!isLooking) await new Promise(setImmediate)
  let isOver = false
  const ended = tailing.finally(() => {
    isOver = true
  })
  for (let n = 0; !isOver; n++) {
    await bus.send(jobs, `after ${n}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  assert.equal(await ended, 0)
  assert.equal(shown.length, 2)
  assert.ok(
    shown.every(line => line.startsWith('after')),
    shown.join(),
  )
})

describe('measuring', () => {
  it('leaves no queue behind, not even when it is interrupted', async () => {
    await using broker = await startBroker({ protocols: [] })
    await using bus = await broker.connect()
    const load = { count: 50, size: 100, inFlight: 4, concurrency: 4 }
    const phases = new Set<string>()
    const signal = new AbortController().signal
    await measure(bus, load, { signal, onProgress: phase => phases.add(phase) })
    assert.deepEqual([...phases], ['send', 'consume', 'latency'])
    for (const when of ['send', 'consume', 'latency']) {
      const stop = new AbortController()
      const onProgress = (phase: string) => {
        if (phase === when) stop.abort()
      }
      await assert.rejects(measure(bus, load, { signal: stop.signal, onProgress }), {
        name: 'AbortError',
      })
    }
    const left = broker.engine.logs().filter(name => name.includes('spillway-bench'))
    assert.deepEqual(left, [])
  })

  it('has percentiles', () => {
    const values = Array.from({ length: 100 }, (_, at) => 100 - at)
    assert.deepEqual(percentiles(values), { p50: 51, p99: 100, max: 100 })
    assert.deepEqual(percentiles([]), { p50: 0, p99: 0, max: 0 })
  })

  it('hides the password of a URL', () => {
    assert.equal(hidePassword('amqp://ada:secret@host:5672/x'), 'amqp://ada:…@host:5672/x')
    assert.equal(hidePassword('memory:'), 'memory:')
  })
})

it('a progress line has rate and time left, where there is an end', () => {
  const line = progressLine({ label: 'sent', count: 2500, total: 10_000, elapsedMs: 5000 })
  assert.equal(
    line,
    `sent  ${'█'.repeat(6)}${'░'.repeat(18)}  25%  2,500 of 10,000  500/s  15 s left`,
  )
  const open = progressLine({ label: 'moved', count: 2500, total: undefined, elapsedMs: 5000 })
  assert.equal(open, 'moved  2,500  500/s')
})
