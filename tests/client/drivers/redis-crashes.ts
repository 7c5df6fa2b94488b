/**
 * What a guarantee is worth on Redis when the process is killed: in its handler, and at a
 * settlement, before the server has seen it and after it has done it. For any server that speaks
 * Redis' protocol.
 */

import { deepEqual, equal } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { connect, fixed, type Guarantee, type Queue, queue } from '../../../src/client/client.ts'

const childFile = fileURLToPath(new URL('./redis-crash-child.js', import.meta.url))
const count = 6
const all = Array.from({ length: count }, (_, n) => n)

interface Item {
  readonly n: number
}

export function inputOf(name: string, isKeyed: boolean): Queue<Item> {
  const retry = { attempts: 3, backoff: fixed(0) }
  return queue<Item>(name, { retry, ...(isKeyed ? { key: ({ n }) => `k${n % 2}` } : {}) })
}

export function outputOf(name: string): Queue<Item> {
  return queue<Item>(`${name}.out`)
}

/** Where the process is killed, at the third call or settlement. */
type Place = 'handler' | 'poison' | 'before' | 'after'

interface Crash {
  readonly guarantee: Guarantee
  readonly place: Place
  readonly isKeyed: boolean
  readonly kills: number
}

interface Aftermath {
  /** The numbers that arrived, sorted. */
  readonly effects: readonly number[]
  /** Each call of the handler: `number/attempt`. */
  readonly calls: readonly string[]
  readonly deaths: readonly { readonly name: string; readonly n: number }[]
}

export interface CrashCase {
  readonly name: string
  /** Part of `npm test`; the others, which start as many processes, run on Redis itself. */
  readonly isInTests: boolean
  run(port: number, queueName: string): Promise<void>
}

/** Leads to a server until a settlement comes by at which the process is to be killed. */
async function startTrap(target: number, place: Place, kill: () => void) {
  let settlements = 0
  let isSprung = false
  const sockets = new Set<Socket>()
  const spring = (): void => {
    isSprung = true
    kill()
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer(near => {
    const far = dial(target, '127.0.0.1')
    let isTrapped = false
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    near.on('data', chunk => {
      if (chunk.includes('XACK')) isTrapped = ++settlements === 3
      if (isTrapped && place === 'before') spring()
      else if (!isSprung) far.write(chunk)
    })
    far.on('data', chunk => {
      if (isTrapped && place === 'after') spring()
      else if (!isSprung) near.write(chunk)
    })
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

function urlOf(port: number): string {
  return `redis://127.0.0.1:${port}`
}

async function runChild(
  port: number,
  name: string,
  { guarantee, place, isKeyed }: Crash,
): Promise<{ readonly signal: string | null; readonly calls: readonly string[] }> {
  let running: ChildProcess | undefined
  const trap = await startTrap(port, place, () => running?.kill('SIGKILL'))
  const args = [urlOf(trap.port), name, guarantee, place, isKeyed ? 'keyed' : 'plain']
  running = spawn(process.execPath, [childFile, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  running.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const signal = await new Promise<string | null>(resolve => {
    running?.on('close', (_, by) => resolve(by))
  })
  trap.close()
  return { signal, calls: text.trim().split('\n') }
}

/** Six messages; processes die where they are told to; another one finishes the work. */
async function crash(port: number, name: string, how: Crash): Promise<Aftermath> {
  const input = inputOf(name, how.isKeyed)
  const output = outputOf(name)
  await using bus = await connect(urlOf(port), { emulate: 'allow' })
  await bus.prepare(input, output)
  await bus.send(
    input,
    all.map(n => ({ n })),
  )
  const calls: string[] = []
  for (let kill = 0; kill < how.kills; kill++) {
    const end = await runChild(port, name, how)
    equal(end.signal, 'SIGKILL')
    calls.push(...end.calls)
  }
  const rest = how.place === 'poison' ? how.place : 'none'
  const last = await runChild(port, name, { ...how, place: rest as Place })
  equal(last.signal, null)
  calls.push(...last.calls)
  const effects = (await bus.peek(output)).map(({ body }) => (body as Item).n)
  const deaths = []
  for await (const { error, body } of bus.dlq(input).peek()) {
    deaths.push({ name: error.name, n: (body as Item).n })
  }
  await bus.drop(input)
  await bus.drop(output)
  return { effects: effects.sort((a, b) => a - b), calls, deaths }
}

const once = (['before', 'after'] as const).flatMap(place =>
  [false, true].map((isKeyed): CrashCase => {
    const where = `killed ${place} a settlement is done`
    return {
      isInTests: isKeyed === (place === 'after'),
      name: `effectively once${isKeyed ? ', with keys' : ''}, ${where}: each effect one time`,
      run: async (port, name) => {
        const how = { guarantee: 'effectively-once', place, isKeyed, kills: 1 } as const
        const { effects, deaths } = await crash(port, name, how)
        deepEqual({ effects, deaths }, { effects: all, deaths: [] })
      },
    }
  }),
)

export const crashCases: readonly CrashCase[] = [
  ...once,
  {
    isInTests: false,
    name: 'at least once, killed before the settlement is done: one effect twice, none lost',
    run: async (port, name) => {
      const how = { guarantee: 'at-least-once', place: 'before', isKeyed: false, kills: 1 } as const
      const { effects } = await crash(port, name, how)
      deepEqual([...new Set(effects)], all)
      equal(effects.length, count + 1)
    },
  },
  {
    isInTests: false,
    name: 'at most once, killed in the handler: one effect is lost, none comes twice',
    run: async (port, name) => {
      const how = { guarantee: 'at-most-once', place: 'handler', isKeyed: false, kills: 1 } as const
      const { effects } = await crash(port, name, how)
      equal(effects.length, count - 1)
      equal(new Set(effects).size, count - 1)
    },
  },
  ...[false, true].map(
    (isKeyed): CrashCase => ({
      isInTests: isKeyed,
      name: `a message${isKeyed ? ' of a key' : ''} that kills its process is dead after three calls`,
      run: async (port, name) => {
        const how = { guarantee: 'at-least-once', place: 'poison', isKeyed, kills: 3 } as const
        const { effects, calls, deaths } = await crash(port, name, how)
        deepEqual(deaths, [{ name: 'CrashedError', n: 3 }])
        deepEqual([...new Set(effects)], [0, 1, 2, 4, 5])
        const poisoned = calls.filter(call => call.startsWith('3/'))
        deepEqual(poisoned, ['3/1', '3/2', '3/3'])
      },
    }),
  ),
]
