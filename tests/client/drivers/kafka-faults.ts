/**
 * The driver for Kafka when connections break, answers are lost and the broker goes away for a
 * moment: what was confirmed is there once, and consumers go on. For any broker behind the proxy.
 */

import { deepEqual, equal, rejects } from 'node:assert/strict'
import {
  type BusEvent,
  connect,
  type Message,
  queue,
  type Worker,
} from '../../../src/client/client.ts'
import { apiKeys, type KafkaProxy } from '../../harness/kafka-proxy.ts'
import { deferred, eventually, within } from '../../harness/wait.ts'

interface Item {
  readonly n: number
}

export interface FaultCase {
  readonly name: string
  run(proxy: KafkaProxy, broker: { restart(): Promise<void> }): Promise<void>
}

const patienceMs = 60_000

function urlOf(proxy: KafkaProxy): string {
  return `kafka://127.0.0.1:${proxy.port}?session=6s&heartbeat=200ms&partitions=2`
}

function numbered(count: number): Item[] {
  return Array.from({ length: count }, (_, n) => ({ n }))
}

/** Loses an answer now and then, and the connection with it; only to clients of this name. */
function loseAnswers(proxy: KafkaProxy, name: string, apiKey: number, every: number): () => number {
  let seen = 0
  let lost = 0
  proxy.fate = request => {
    const isIt = request.clientId === name && request.apiKey === apiKey
    if (!isIt || ++seen % every !== 0) return 'pass'
    lost++
    return 'lose-answer'
  }
  proxy.lost = request => request.cut()
  return () => lost
}

async function handledOnce(items: readonly number[], count: number): Promise<void> {
  await eventually('all is handled', () => new Set(items).size === count, patienceMs)
  deepEqual(
    [...items].sort((a, b) => a - b),
    numbered(count).map(({ n }) => n),
  )
}

export const faultCases: readonly FaultCase[] = [
  {
    name: 'sends whose answers are lost are stored once',
    run: async proxy => {
      const name = 'fault-answers'
      const q = queue<Item>(name)
      await using bus = await connect(urlOf(proxy), {
        name,
        emulate: 'allow',
        confirmTimeout: '60s',
      })
      await bus.prepare(q)
      const lost = loseAnswers(proxy, name, apiKeys.produce, 3)
      const rounds = 10
      for (let round = 0; round < rounds; round++) await bus.send(q, numbered(20))
      proxy.fate = () => 'pass'
      equal(lost() > 2, true)
      equal((await bus.depth(q)).ready, rounds * 20)
    },
  },
  {
    name: 'settlements whose answers are lost are settlements',
    run: async proxy => {
      const name = 'fault-commits'
      const q = queue<Item>(name)
      await using bus = await connect(urlOf(proxy), { name, emulate: 'allow' })
      await bus.send(q, numbered(60))
      const lost = loseAnswers(proxy, name, apiKeys.offsetCommit, 4)
      const items: number[] = []
      await using worker = bus.consume(q, ({ n }) => items.push(n), { concurrency: 4 })
      await worker.ready
      await handledOnce(items, 60)
      await eventually('all is settled', async () => (await bus.depth(q)).ready === 0, patienceMs)
      proxy.fate = () => 'pass'
      equal(lost() > 2, true)
      equal(items.length, 60)
    },
  },
  {
    name: 'transactions whose end is not answered happen once',
    run: async proxy => {
      const name = 'fault-ends'
      const [first, second] = [queue<Item>(name), queue<Item>(`${name}.out`)]
      await using bus = await connect(urlOf(proxy), { name, emulate: 'allow' })
      await bus.prepare(second)
      await bus.send(first, numbered(30))
      const lost = loseAnswers(proxy, name, apiKeys.endTransaction, 3)
      const handler = async ({ n }: Item, message: Message<Item>) => {
        await message.send(second, { n })
      }
      await using worker = bus.consume(first, handler, { guarantee: 'effectively-once' })
      await worker.ready
      await eventually(
        'all is handled',
        async () => (await bus.depth(first)).ready === 0,
        patienceMs,
      )
      await eventually(
        'all is sent',
        async () => (await bus.depth(second)).ready === 30,
        patienceMs,
      )
      proxy.fate = () => 'pass'
      equal(lost() > 2, true)
    },
  },
  {
    name: 'consumers go on when all connections break, and say so',
    run: async proxy => {
      const name = 'fault-cuts'
      const q = queue<Item>(name)
      const events: BusEvent[] = []
      await using bus = await connect(urlOf(proxy), {
        name,
        emulate: 'allow',
        confirmTimeout: '60s',
        onEvent: event => events.push(event),
      })
      const items: number[] = []
      await using worker = bus.consume(q, ({ n }) => items.push(n), { concurrency: 4 })
      await worker.ready
      for (let round = 0; round < 5; round++) {
        const sending = bus.send(
          q,
          [...Array(20).keys()].map(n => ({ n: round * 20 + n })),
        )
        if (round % 2 === 1) proxy.cutAll()
        await sending
      }
      await handledOnce(items, 100)
      const isMended = () =>
        events.findLast(({ kind }) => kind.includes('connected'))?.kind !== 'disconnected'
      await eventually('it is connected', isMended, patienceMs)
    },
  },
  {
    name: 'a handler that outlives its place in the group has lost its message, which comes again',
    run: async proxy => {
      const name = 'fault-lost'
      const q = queue<Item>(name)
      const events: BusEvent[] = []
      const url = urlOf(proxy)
      const options = {
        name,
        emulate: 'allow',
        onEvent: (event: BusEvent) => events.push(event),
      } as const
      await using bus = await connect(url, options)
      const began = deferred<undefined>()
      const mayEnd = deferred<undefined>()
      await bus.send(q, { n: 1 })
      const attempts: number[] = []
      await using worker: Worker = bus.consume(q, async (_, { attempt }) => {
        attempts.push(attempt)
        if (attempts.length > 1) return
        began.resolve(undefined)
        await mayEnd.promise
      })
      await within('the first call', began.promise, patienceMs)
      // Silence for longer than a session: the group gives the partition up.
      proxy.fate = request => (request.clientId === name ? 'lose' : 'pass')
      proxy.lost = request => request.cut()
      await using other = await connect(url, { name: `${name}-other`, emulate: 'allow' })
      const again = deferred<number>()
      await using rescuer = other.consume(q, (_, { attempt }) => again.resolve(attempt))
      await rescuer.ready
      equal(await within('it comes again', again.promise, patienceMs), 2)
      proxy.fate = () => 'pass'
      mayEnd.resolve(undefined)
      const isTold = () =>
        events.some(
          event =>
            event.kind === 'error' &&
            'code' in event.error &&
            event.error.code === 'SPILLWAY_E_LOST',
        )
      await eventually('the first is told', isTold, patienceMs)
      await worker.ready
    },
  },
  {
    name: 'a broker that restarts has everything, and its clients come back',
    run: async (proxy, broker) => {
      const name = 'fault-restart'
      const q = queue<Item>(name)
      await using bus = await connect(urlOf(proxy), {
        name,
        emulate: 'allow',
        confirmTimeout: '60s',
      })
      const items: number[] = []
      await using worker = bus.consume(q, ({ n }) => items.push(n), { concurrency: 2 })
      await worker.ready
      await bus.send(q, numbered(10))
      const isSettled = async () => items.length === 10 && (await bus.depth(q)).leased === 0
      await eventually('the first are settled', isSettled, patienceMs)
      await broker.restart()
      await bus.send(
        q,
        numbered(10).map(({ n }) => ({ n: n + 10 })),
      )
      await handledOnce(items, 20)
    },
  },
  {
    name: 'a broker that is not there is an error at once',
    run: async () => {
      const nowhere = connect('kafka://127.0.0.1:1', { emulate: 'allow' })
      await rejects(nowhere, { code: 'SPILLWAY_E_CONNECTION', retryable: true })
    },
  },
]
