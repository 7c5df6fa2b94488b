/**
 * What must hold when connections break, for any driver whose broker is reached over the network:
 * nothing that was confirmed is lost, consumers come back with their credit, and what a consumer
 * had comes again, as its next attempt.
 */

import assert from 'node:assert/strict'
import {
  type Bus,
  type BusEvent,
  connect,
  fixed,
  type Message,
  queue,
  rpc,
  topic,
} from '../../../src/client/client.ts'

export interface LossSubject {
  /** Leads over what `cut` breaks. */
  readonly url: string
  /** Part of every name. */
  readonly run: string
  cut(): void
}

export interface LossCase {
  readonly name: string
  /** A message in hand is lost with the connection: not so where its lease ends with its time. */
  readonly bound: boolean
  readonly run: (subject: LossSubject) => Promise<void>
}

interface Item {
  readonly n: number
  readonly key?: string
}

const patienceMs = 30_000

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMs
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`never: ${what}`)
    await pass(5)
  }
}

function pass(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

interface World {
  readonly bus: Bus
  readonly events: BusEvent[]
  readonly subject: LossSubject
}

function lossCase(
  name: string,
  run: (world: World, queueName: string) => Promise<void>,
  bound: 'bound' | 'free' = 'free',
): LossCase {
  return {
    name,
    bound: bound === 'bound',
    run: async subject => {
      const events: BusEvent[] = []
      const bus = await connect(subject.url, {
        emulate: 'allow',
        onEvent: event => events.push(event),
      })
      try {
        await run({ bus, events, subject }, `${subject.run}-${name.replaceAll(/[^a-z]+/g, '-')}`)
      } finally {
        await bus.close({ timeout: 0 })
      }
    },
  }
}

/** Sends until it is confirmed, as an application does that must not lose it. */
async function sendSurely(bus: Bus, contract: ReturnType<typeof plain>, item: Item): Promise<void> {
  for (;;) {
    try {
      await bus.send(contract, item)
      return
    } catch (error) {
      assert.equal((error as { retryable?: boolean }).retryable, true, String(error))
      await pass(20)
    }
  }
}

function plain(name: string) {
  return queue<Item>(name, { retry: { attempts: 20, backoff: fixed(0) } })
}

function keyed(name: string) {
  const retry = { attempts: 20, backoff: fixed(0) }
  return queue<Item>(name, { key: ({ key = '' }) => key, retry })
}

const deadByLoss: readonly LossCase[] = (
  [
    ['without a key', {}, 'attempts'],
    ['with a key', { key: () => 'k' }, 'key'],
  ] as const
).map(([what, options, feature]) =>
  lossCase(
    `a message ${what} that loses each consumer is dead`,
    async (world, name) => {
      const { bus } = world
      const q = queue<Item>(name, { ...options, retry: { attempts: 3, backoff: fixed(0) } })
      const rows = await bus.plan(q)
      if (rows.some(row => row.feature === feature && row.how === 'impossible')) return
      await bus.send(q, { n: 1 })
      const attempts: number[] = []
      const worker = bus.consume(q, async (_: Item, message: Message<Item>) => {
        attempts.push(message.attempt)
        await cutSurely(world)
      })
      await until('it is dead', async () => {
        const count = await bus
          .dlq(q)
          .count()
          .catch(() => 0)
        return count === 1
      })
      assert.deepEqual(attempts, [1, 2, 3])
      for await (const letter of bus.dlq(q).peek()) assert.equal(letter.error.name, 'CrashedError')
      await worker.drain()
      await bus.drop(q)
    },
    'bound',
  ),
)

export const lossCases: readonly LossCase[] = [
  lossCase('cut while sending: what was confirmed is there', async ({ bus, subject }, name) => {
    const q = plain(name)
    await bus.prepare(q)
    const confirmed: number[] = []
    const sending = (async () => {
      for (let n = 0; n < 300; n++) {
        await sendSurely(bus, q, { n })
        confirmed.push(n)
      }
    })()
    for (const at of [40, 120, 200]) {
      await until(`${at} are sent`, () => confirmed.length >= at)
      subject.cut()
    }
    await sending
    const got = new Set<number>()
    const worker = bus.consume(q, ({ n }) => void got.add(n), { concurrency: 20 })
    await until('all have come', () => got.size === 300)
    await worker.drain()
    await bus.drop(q)
  }),
  lossCase('cut while consuming: each is handled, and work goes on', async (world, name) => {
    const { bus, subject, events } = world
    const q = plain(name)
    const items = Array.from({ length: 200 }, (_, n) => ({ n }))
    await bus.send(q, items)
    const got = new Set<number>()
    const worker = bus.consume(
      q,
      async ({ n }) => {
        await pass(2)
        got.add(n)
      },
      { concurrency: 8, prefetch: 24 },
    )
    for (const at of [30, 90, 150]) {
      await until(`${at} have come`, () => got.size >= at)
      subject.cut()
    }
    await until('all have come', () => got.size === 200)
    assert.ok(events.some(({ kind }) => kind === 'disconnected'))
    // Its credit has come back with it: as many again are handled.
    await until(
      'it is connected',
      async () => (await bus.depth(q).catch(() => undefined)) !== undefined,
    )
    await bus.send(
      q,
      items.map(({ n }) => ({ n: n + 1000 })),
    )
    await until('the others have come, too', () => got.size === 400)
    await worker.drain()
    await bus.drop(q)
  }),
  lossCase(
    'cut with a message in hand: settling is lost, and it is the next attempt',
    async (world, name) => {
      const { bus } = world
      const q = plain(name)
      await bus.send(q, { n: 1 })
      const attempts: number[] = []
      let outcome: unknown
      for await (const message of bus.messages(q)) {
        attempts.push(message.attempt)
        if (attempts.length === 1) {
          await cutSurely(world)
          outcome = await message.ack().catch(error => error)
          continue
        }
        await message.ack()
        break
      }
      assert.equal((outcome as { code?: string }).code, 'SPILLWAY_E_LOST')
      assert.equal((outcome as { retryable?: boolean }).retryable, true)
      assert.deepEqual(attempts, [1, 2])
      await bus.drop(q)
    },
    'bound',
  ),
  ...deadByLoss,
  lossCase('cut with keys: each key stays in order', async ({ bus, subject }, name) => {
    const q = keyed(name)
    const items = Array.from({ length: 120 }, (_, n) => ({ n, key: `k${n % 6}` }))
    await bus.send(q, items)
    const got: Item[] = []
    const worker = bus.consume(
      q,
      async item => {
        await pass(2)
        got.push(item)
      },
      { concurrency: 6, prefetch: 20 },
    )
    for (const at of [20, 60]) {
      await until(`${at} have come`, () => got.length >= at)
      subject.cut()
    }
    await until('all have come', () => new Set(got.map(({ n }) => n)).size === 120)
    for (const key of new Set(items.map(item => item.key))) {
      // What was handled and not acknowledged comes again; the first times are in order.
      const firsts = [...new Set(got.filter(item => item.key === key).map(({ n }) => n))]
      assert.deepEqual(
        firsts,
        [...firsts].sort((a, b) => a - b),
      )
    }
    await worker.drain()
    await bus.drop(q)
  }),
  lossCase('cut between requests: the next one is answered', async ({ bus, subject }, name) => {
    const double = rpc<number, number>(name)
    const worker = bus.respond(double, n => n * 2)
    assert.equal(await bus.request(double, 21, { timeout: '10s' }), 42)
    subject.cut()
    let answer: number | undefined
    await until('it is answered', async () => {
      answer = await bus.request(double, 4, { timeout: '1s' }).catch(() => undefined)
      return answer !== undefined
    })
    assert.equal(answer, 8)
    await worker.drain()
    await bus.drop(double)
  }),
  lossCase(
    'cut while events are read: none is missed, and none comes twice',
    async (world, name) => {
      const { bus } = world
      const events = topic<Item>(name, { key: () => 'k' })
      const rows = await bus.plan(events)
      if (rows.some(({ feature, how }) => feature === 'history' && how === 'impossible')) return
      await bus.publish(
        events,
        Array.from({ length: 50 }, (_, n) => ({ n })),
      )
      const abort = new AbortController()
      const got: number[] = []
      const reading = (async () => {
        const options = { to: 'forever', signal: abort.signal } as const
        for await (const { body } of bus.read(events, options)) got.push(body.n)
      })()
      await until('the first have come', () => got.length === 50)
      await cutSurely(world)
      await until('one more is published', async () => {
        return bus.publish(events, { n: 50 }).then(
          () => true,
          () => false,
        )
      })
      await until('it has come', () => got.includes(50))
      abort.abort()
      await reading
      assert.deepEqual(
        got.slice(0, 50),
        Array.from({ length: 50 }, (_, n) => n),
      )
      await bus.drop(events)
    },
  ),
]

/** Returns when the loss has been noticed. */
async function cutSurely({ events, subject }: World): Promise<void> {
  const losses = (): number => events.filter(({ kind }) => kind === 'disconnected').length
  const before = losses()
  subject.cut()
  await until('the loss is noticed', () => losses() > before)
}
