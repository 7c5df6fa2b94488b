import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('./main.js', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'spillway-cli-'))
const running = new Set<ChildProcess>()
after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
})

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [main, ...args], { cwd: scratch })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

interface Finished {
  readonly code: number | null
  readonly out: string
  readonly error: string
}

function finish(child: ChildProcess, input = ''): Promise<Finished> {
  const texts = { out: '', error: '' }
  child.stdout!.on('data', chunk => {
    texts.out += chunk
  })
  child.stderr!.on('data', chunk => {
    texts.error += chunk
  })
  child.stdin!.end(input)
  return new Promise(resolve => child.once('close', code => resolve({ code, ...texts })))
}

const run = (args: readonly string[], input?: string) => finish(start(args), input)

/** A broker on free ports; resolves when it says on standard output that it is ready. */
async function serve(args: readonly string[] = ['--memory']) {
  const child = start([
    'serve',
    '--amqp=0',
    '--kafka=0',
    '--redis=0',
    '--sqs=0',
    '--http=0',
    '--json',
    ...args,
  ])
  const finished = finish(child)
  const ready = await new Promise<{ ports: { amqp: number; http: number } }>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', line => resolve(JSON.parse(line)))
    void finished.then(({ error }) => reject(new Error(`it ended: ${error}`)))
  })
  const url = `http://127.0.0.1:${ready.ports.http}`
  return { child, finished, ports: ready.ports, url }
}

test('what is sent is peeked and consumed, and the exit codes tell what happened', async () => {
  const { child, finished, url } = await serve()
  const missing = await run(['send', 'orders', 'x', '--url', url])
  assert.deepEqual([missing.code, missing.error.split(':')[0]], [3, 'SPILLWAY_E_NOT_FOUND'])
  assert.equal(
    (await run(['send', 'orders', '--create', '--lines', '--url', url], 'a\nb\n')).code,
    0,
  )

  const peeked = await run(['peek', 'orders', '--json', '--url', url])
  const bodies = peeked.out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line).body.data)
  assert.deepEqual(bodies, ['a', 'b'])

  const consumed = await run(['consume', 'orders', '--count', '2', '--url', url])
  assert.deepEqual([consumed.code, consumed.out], [0, 'a\nb\n'])
  const none = await run(['consume', 'orders', '--count', '1', '--timeout', '50ms', '--url', url])
  assert.deepEqual([none.code, none.out], [5, ''])

  const listed = await run(['queues', '--url', url])
  assert.match(listed.out, /^orders +engine +queue +yes +0 +0 +0 +0 +0 B +2 +2$/m)
  child.kill('SIGTERM')
  assert.equal((await finished).code, 0)
})

test('what was confirmed is there after a restart', async () => {
  const first = await serve(['--data', 'restarted'])
  await run(['send', 'orders', 'kept', '--create', '--url', first.url])
  first.child.kill('SIGKILL')
  await first.finished
  const second = await serve(['--data', 'restarted'])
  assert.match((await run(['peek', 'orders', '--url', second.url])).out, /kept/)
  second.child.kill('SIGINT')
  assert.equal((await second.finished).code, 0)
  const checked = await run(['doctor', '--data', 'restarted'])
  assert.deepEqual([checked.code, /every checksum is right/.test(checked.out)], [0, true])
})

test('a folder and a port belong to one broker', async () => {
  const { child, finished, ports } = await serve(['--data', 'held'])
  const folder = await run([
    '--data',
    'held',
    '--amqp=0',
    '--kafka=0',
    '--redis=0',
    '--sqs=0',
    '--http=0',
  ])
  assert.deepEqual([folder.code, folder.error.split(':')[0]], [1, 'SPILLWAY_E_LOCKED'])
  const port = await run([
    '--memory',
    `--amqp=${ports.amqp}`,
    '--kafka=0',
    '--redis=0',
    '--sqs=0',
    '--http=0',
  ])
  assert.equal(port.code, 1)
  const advice = `SPILLWAY_E_PORT: ${ports.amqp} is in use. Use --amqp=${ports.amqp + 1}`
  assert.ok(port.error.startsWith(advice), port.error)
  child.kill('SIGTERM')
  await finished
})

test('a public address wants users', async () => {
  const { code, error } = await run(['--host', '0.0.0.0', '--memory'])
  assert.deepEqual([code, error.split(':')[0]], [2, 'SPILLWAY_E_PUBLIC'])
})

test('with a users file, the admin API wants a user', async () => {
  const entry = JSON.parse((await run(['users', 'hash', 'alice'], 'secret\n')).out)
  writeFileSync(join(scratch, 'users.json'), JSON.stringify({ users: [entry] }))
  const { child, finished, url } = await serve(['--memory', '--users', 'users.json'])
  const refused = await run(['queues', '--url', url])
  assert.deepEqual([refused.code, refused.error.split(':')[0]], [1, 'SPILLWAY_E_UNAUTHORIZED'])
  const own = url.replace('http://', 'http://alice:secret@')
  assert.equal((await run(['queues', '--url', own])).code, 0)
  child.kill('SIGTERM')
  await finished
})

test('a connected peer hears the goodbye, and the ready file goes with the broker', async () => {
  const file = join(scratch, 'ready.json')
  const { child, finished, ports } = await serve(['--memory', '--ready-file', file])
  assert.equal(existsSync(file), true)
  const socket = createConnection(ports.amqp, '127.0.0.1')
  const isClosed = new Promise(resolve => socket.once('close', resolve))
  await new Promise(resolve => socket.once('connect', resolve))
  child.kill('SIGTERM')
  await isClosed
  assert.equal((await finished).code, 0)
  assert.equal(existsSync(file), false)
})
