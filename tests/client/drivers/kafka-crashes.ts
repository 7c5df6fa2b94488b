/**
 * What a guarantee is worth on Kafka when the process is killed: at every request of handling a
 * message, before the broker has seen it and after it has done it. For any broker that tells its
 * clients the address of the proxy.
 */

import { deepEqual, equal } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { connect, fixed, type Guarantee, type Queue, queue } from '../../../src/client/client.ts'
import {
  apiKeys,
  type Fate,
  type KafkaProxy,
  type KafkaRequest,
} from '../../harness/kafka-proxy.ts'

const childFile = fileURLToPath(new URL('./kafka-crash-child.js', import.meta.url))
const count = 6
const all = Array.from({ length: count }, (_, n) => n)

interface Item {
  readonly n: number
}

export function inputOf(name: string): Queue<Item> {
  return queue<Item>(name, { retry: { attempts: 3, backoff: fixed(0) } })
}

export function outputOf(name: string): Queue<Item> {
  return queue<Item>(`${name}.out`)
}

/** The steps of a settlement, in their order. */
export const steps = [
  'offsetCommit',
  'initProducerId',
  'addPartitions',
  'produce',
  'addOffsets',
  'commitInTransaction',
  'endTransaction',
] as const

export interface CrashCase {
  readonly name: string
  run(proxy: KafkaProxy, killer: Killer): Promise<void>
}

/** Kills at requests, for all cases that run side by side on one proxy. */
export class Killer {
  readonly #plans = new Map<string, (request: KafkaRequest) => Fate>()
  readonly #victims = new Map<string, () => void>()

  constructor(proxy: KafkaProxy) {
    proxy.fate = request => this.#plans.get(request.clientId)?.(request) ?? 'pass'
    proxy.lost = ({ clientId }) => this.#victims.get(clientId)?.()
  }

  /** The request of this kind, at its third coming, is the end of the process. */
  plan(clientId: string, apiKey: number, fate: Fate, kill: () => void): void {
    // Only the first transaction asks for an identity.
    let left = apiKey === apiKeys.initProducerId ? 1 : 3
    this.#victims.set(clientId, kill)
    this.#plans.set(clientId, request => {
      return request.apiKey === apiKey && --left === 0 ? fate : 'pass'
    })
  }

  forget(clientId: string): void {
    this.#plans.delete(clientId)
  }
}

interface Child {
  readonly exited: Promise<{ readonly signal: string | null; readonly calls: readonly string[] }>
  kill(): void
}

function startChild(args: readonly string[]): Child {
  const running = spawn(process.execPath, [childFile, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  running.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return {
    exited: new Promise(resolve => {
      running.on('close', (_, signal) => resolve({ signal, calls: text.trim().split('\n') }))
    }),
    kill: () => running.kill('SIGKILL'),
  }
}

/**
 * A session as short as brokers allow; a transaction for longer than any case has, because a
 * successor ends what a process that is gone has begun.
 */
function urlOf(proxy: KafkaProxy): string {
  return `kafka://127.0.0.1:${proxy.port}?session=6s&transaction=60s&heartbeat=200ms&partitions=2`
}

interface Aftermath {
  /** The numbers that arrived, sorted. */
  readonly effects: readonly number[]
  readonly calls: readonly string[]
  readonly deaths: readonly { readonly name: string; readonly n: number }[]
}

async function crash(
  proxy: KafkaProxy,
  how: {
    readonly name: string
    readonly guarantee: Guarantee
    readonly kills: number
    readonly poison?: boolean
    plan(child: Child): void
    after(): void
  },
): Promise<Aftermath> {
  const url = urlOf(proxy)
  const { name, guarantee, kills, poison = false } = how
  const args = [url, name, guarantee, ...(poison ? ['poison'] : [])]
  const input = inputOf(name)
  await using bus = await connect(url, { name: `${name}-test`, emulate: 'allow' })
  await bus.prepare(input, outputOf(name))
  await bus.send(
    input,
    all.map(n => ({ n })),
  )
  const calls: string[] = []
  for (let kill = 0; kill < kills; kill++) {
    const child = startChild(args)
    how.plan(child)
    const end = await child.exited
    equal(end.signal, 'SIGKILL', `${name} was not killed`)
    calls.push(...end.calls)
  }
  how.after()
  const last = await startChild(args).exited
  equal(last.signal, null)
  calls.push(...last.calls)
  const effects = (await bus.peek(outputOf(name))).map(({ body }) => (body as Item).n)
  const deaths = []
  for await (const { error, body } of bus.dlq(input).peek()) {
    deaths.push({ name: error.name, n: (body as Item).n })
  }
  return { effects: effects.sort((a, b) => a - b), calls, deaths }
}

function atRequest(
  guarantee: Guarantee,
  step: (typeof steps)[number],
  fate: Exclude<Fate, 'pass'>,
  check: (aftermath: Aftermath) => void,
): CrashCase {
  const when = fate === 'lose' ? 'before' : 'after'
  return {
    name: `${guarantee}, killed ${when} ${step}`,
    run: async (proxy, killer) => {
      const name = `crash-${guarantee}-${when}-${step}`
      const aftermath = await crash(proxy, {
        name,
        guarantee,
        kills: 1,
        plan: child => killer.plan(name, apiKeys[step], fate, () => child.kill()),
        after: () => killer.forget(name),
      })
      check(aftermath)
    },
  }
}

function eachOnce({ effects, deaths }: Aftermath): void {
  deepEqual(effects, all)
  deepEqual(deaths, [])
}

/** Effectively once: at every request each effect one time, and nothing dead. */
export const effectivelyOnce: readonly CrashCase[] = steps.flatMap(step => [
  atRequest('effectively-once', step, 'lose', eachOnce),
  atRequest('effectively-once', step, 'lose-answer', eachOnce),
])

export const otherGuarantees: readonly CrashCase[] = [
  atRequest('at-least-once', 'offsetCommit', 'lose', ({ effects, deaths }) => {
    deepEqual([...new Set(effects)], all)
    deepEqual(deaths, [])
  }),
  atRequest('at-most-once', 'produce', 'lose', ({ effects }) => {
    equal(effects.length, count - 1)
    equal(new Set(effects).size, count - 1)
  }),
  {
    name: 'a message that kills its process each time is dead after its three calls',
    run: async proxy => {
      const { effects, calls, deaths } = await crash(proxy, {
        name: 'crash-poison',
        guarantee: 'at-least-once',
        kills: 3,
        poison: true,
        plan: () => {},
        after: () => {},
      })
      deepEqual(deaths, [{ name: 'CrashedError', n: 3 }])
      deepEqual(
        effects,
        all.filter(n => n !== 3),
      )
      deepEqual(
        calls.filter(call => call.startsWith('3/')),
        ['3/1', '3/2', '3/3'],
      )
    },
  },
]
