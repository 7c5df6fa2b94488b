/** Cases about the way out: workers, settling, draining, pulling, shapes that do not fit. */

import assert from 'node:assert/strict'
import { type Message, Reject } from '../client/client.ts'
import { numbered } from './shapes.ts'
import { arrayOf, type Case, type Item } from './trial.ts'

/** Each second settlement of a message is refused, whatever the two are. */
const twice: readonly Case[] = (['ack', 'retry', 'reject', 'release'] as const).map(second => ({
  name: `settling twice is refused: ack, then ${second}`,
  run: async t => {
    const q = t.queue()
    const inbox = t.inbox<unknown>()
    await t.work(q, async (_, message) => {
      await message.ack()
      await message[second]().catch(error => inbox.push(error.code))
    })
    await t.bus.send(q, { n: 1 })
    assert.deepEqual(await inbox.first(1), ['SPILLWAY_E_SETTLED'])
    await t.drained(q)
  },
}))

export const consumingCases: readonly Case[] = [
  ...twice,
  {
    name: 'a handler that returns has acknowledged',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(q, { n: 1 })
      assert.deepEqual(await inbox.first(1), [1])
      await t.drained(q)
      assert.equal(await t.bus.dlq(q).count(), 0)
    },
  },
  {
    name: 'workers of one bus share the work, each message once',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      for (let worker = 0; worker < 3; worker++) await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(
        q,
        Array.from({ length: 60 }, (_, n) => ({ n })),
      )
      await inbox.first(60)
      await t.drained(q)
      assert.equal(new Set(inbox.all).size, 60)
      assert.equal(inbox.all.length, 60)
    },
  },
  {
    name: 'two applications share the work',
    run: async t => {
      const q = t.queue()
      const gate = t.gate()
      const arrived = t.inbox<string>()
      const hold = (name: string) => async () => {
        arrived.push(name)
        await gate.opened
      }
      const other = await t.open()
      await t.work(q, hold('a'))
      await t.work(q, hold('b'), { bus: other })
      await t.bus.send(
        q,
        Array.from({ length: 8 }, (_, n) => ({ n })),
      )
      assert.deepEqual((await arrived.first(2)).sort(), ['a', 'b'])
      gate.open()
      await arrived.first(8)
      await t.drained(q)
    },
  },
  {
    name: 'as many handlers run at a time as `concurrency` says, and no more',
    run: async t => {
      const q = t.queue()
      const gate = t.gate()
      const arrived = t.inbox<number>()
      const handler = async ({ n }: Item) => {
        arrived.push(n)
        await gate.opened
      }
      await t.work(q, handler, { concurrency: 4 })
      await t.bus.send(
        q,
        Array.from({ length: 10 }, (_, n) => ({ n })),
      )
      await arrived.first(4)
      await t.pass(t.unitMs)
      assert.equal(arrived.all.length, 4)
      gate.open()
      await arrived.first(10)
    },
  },
  {
    name: 'one handler at a time unless more are asked for',
    run: async t => {
      const q = t.queue()
      let running = 0
      let most = 0
      const inbox = t.inbox<number>()
      await t.work(q, async ({ n }) => {
        most = Math.max(most, ++running)
        await t.pass(1)
        running--
        inbox.push(n)
      })
      await t.bus.send(
        q,
        Array.from({ length: 6 }, (_, n) => ({ n })),
      )
      await inbox.first(6)
      assert.equal(most, 1)
    },
  },
  {
    name: 'a message says when it was stored, where it lies, and which attempt it is',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<Message<Item>>()
      const before = t.now
      await t.bus.send(q, { n: 1 })
      await t.work(q, (_, message) => inbox.push(message))
      const [message] = await inbox.first(1)
      assert.equal(message!.attempt, 1)
      assert.equal(message!.attempts, 3)
      assert.equal(message!.key, undefined)
      assert.ok(Math.abs(message!.time - before) < 60_000)
      assert.equal(typeof message!.position, 'string')
    },
  },
  {
    name: 'an early ack is the ack; the handler may go on',
    run: async t => {
      const q = t.queue()
      const gate = t.gate()
      const inbox = t.inbox<boolean>()
      await t.work(q, async (_, message) => {
        await message.ack()
        inbox.push(message.isSettled)
        await gate.opened
      })
      await t.bus.send(q, { n: 1 })
      assert.deepEqual(await inbox.first(1), [true])
      await t.drained(q)
      gate.open()
    },
  },
  {
    name: 'a failure after the ack changes nothing, and is reported',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      await t.work(q, async ({ n }, message) => {
        await message.ack()
        inbox.push(n)
        throw new Error('too late')
      })
      await t.bus.send(q, { n: 1 })
      await inbox.first(1)
      await t.drained(q)
      await t.until('it is reported', () => t.events.some(({ kind }) => kind === 'error'))
      assert.equal(inbox.all.length, 1)
    },
  },
  {
    name: 'a release gives it back at once, and does not count',
    run: async t => {
      const q = t.queue({ retry: { attempts: 2 } })
      const inbox = t.inbox<number>()
      await t.work(q, async (_, message) => {
        inbox.push(message.attempt)
        if (inbox.all.length <= 4) await message.release()
      })
      await t.bus.send(q, { n: 1 })
      assert.deepEqual(await inbox.first(5), [1, 1, 1, 1, 1])
      await t.drained(q)
      assert.equal(await t.bus.dlq(q).count(), 0)
    },
  },
  {
    name: 'a drain finishes what is in hand',
    run: async t => {
      const q = t.queue()
      const gate = t.gate()
      const inbox = t.inbox<string>()
      const worker = await t.work(q, async () => {
        inbox.push('began')
        await gate.opened
        inbox.push('ended')
      })
      await t.bus.send(q, { n: 1 })
      await inbox.first(1)
      const draining = worker.drain()
      gate.open()
      await draining
      assert.deepEqual(inbox.all, ['began', 'ended'])
      await t.drained(q)
    },
  },
  {
    name: 'a drain gives back what is not in hand, uncounted',
    run: async t => {
      const q = t.queue()
      const gate = t.gate()
      const inbox = t.inbox<number>()
      const handler = async ({ n }: Item) => {
        inbox.push(n)
        await gate.opened
      }
      const worker = await t.work(q, handler, { prefetch: 10 })
      await t.bus.send(
        q,
        Array.from({ length: 5 }, (_, n) => ({ n })),
      )
      await inbox.first(1)
      const draining = worker.drain()
      gate.open()
      await draining
      assert.equal(inbox.all.length, 1)
      const rest = t.inbox<number>()
      await t.work(q, (_, { attempt }) => rest.push(attempt))
      assert.deepEqual(await rest.first(4), [1, 1, 1, 1])
    },
  },
  {
    name: 'a drain that waited long enough aborts, and gives back',
    run: async t => {
      const q = t.queue()
      const gate = t.gate()
      const inbox = t.inbox<string>()
      const worker = await t.work(q, async (_, { signal }) => {
        inbox.push('began')
        signal.addEventListener('abort', () => inbox.push('aborted'))
        await gate.opened
      })
      await t.bus.send(q, { n: 1 })
      await inbox.first(1)
      await worker.drain({ timeout: t.unitMs })
      assert.deepEqual(await inbox.first(2), ['began', 'aborted'])
      gate.open()
      const rest = t.inbox<number>()
      await t.work(q, ({ n }) => rest.push(n))
      assert.deepEqual(await rest.first(1), [1])
    },
  },
  {
    name: 'a bus that closes drains its workers',
    run: async t => {
      const q = t.queue()
      const bus = await t.open()
      const inbox = t.inbox<number>()
      const worker = await t.work(q, ({ n }) => inbox.push(n), { bus })
      await bus.send(q, { n: 1 })
      await inbox.first(1)
      await bus.close()
      await worker.ended
    },
  },
  {
    name: 'what a worker left, the next one gets',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      const worker = await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(q, { n: 1 })
      await inbox.first(1)
      await worker.drain()
      await t.bus.send(q, { n: 2 })
      await t.work(q, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(2), [1, 2])
    },
  },
  ...[0, -1, 1.5, Number.NaN].map(
    (concurrency): Case => ({
      name: `a concurrency of ${concurrency} is refused`,
      run: async t => {
        const consume = () => t.bus.consume(t.queue(), () => {}, { concurrency })
        assert.throws(consume, { code: 'SPILLWAY_E_OPTION' })
      },
    }),
  ),
  {
    name: 'what does not fit the consumer’s shape is a dead letter at once, with its place',
    run: async t => {
      const q = t.queue()
      const strict = t.alias(q, numbered)
      const inbox = t.inbox<number>()
      await t.bus.send(q, { n: 'no number' as never })
      await t.bus.send(q, { n: 2 })
      await t.work(strict, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(1), [2])
      await t.drained(q)
      const [letter] = await arrayOf(t.bus.dlq(q).peek())
      assert.equal(letter!.error.name, 'ValidationError')
      assert.equal(letter!.error.reason, 'schema')
      assert.equal(letter!.error.issues[0]!.path, 'n')
      assert.equal(letter!.attempt, 1)
    },
  },
  {
    name: 'a body that is no JSON is a dead letter at once',
    run: async t => {
      const q = t.queue()
      const headers = { 'content-type': 'application/json' }
      const broken = new TextEncoder().encode('{"n":')
      await t.bus.send(q, broken as never, { headers })
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      assert.deepEqual(inbox.all, [])
    },
  },
  {
    name: 'pulling: each message once, and acknowledged',
    run: async t => {
      const q = t.queue()
      await t.bus.send(q, [{ n: 1 }, { n: 2 }, { n: 3 }])
      const got: number[] = []
      for await (const message of t.bus.messages(q)) {
        got.push(message.body.n)
        await message.ack()
        if (got.length === 3) break
      }
      assert.deepEqual(got.sort(), [1, 2, 3])
      await t.drained(q)
    },
  },
  {
    name: 'pulling: what is not settled at the end of its scope goes back, uncounted',
    run: async t => {
      const q = t.queue()
      await t.bus.send(q, { n: 1 })
      const attempts: number[] = []
      for await (const message of t.bus.messages(q)) {
        await using scoped = message
        attempts.push(scoped.attempt)
        if (attempts.length === 3) {
          await scoped.ack()
          break
        }
      }
      assert.deepEqual(attempts, [1, 1, 1])
      await t.drained(q)
    },
  },
  {
    name: 'pulling: leaving the loop gives back what was fetched',
    run: async t => {
      const q = t.queue()
      await t.bus.send(q, [{ n: 1 }, { n: 2 }, { n: 3 }])
      for await (const message of t.bus.messages(q, { prefetch: 3 })) {
        assert.equal(message.attempt, 1)
        break
      }
      const inbox = t.inbox<number>()
      await t.work(q, (_, { attempt }) => inbox.push(attempt))
      assert.deepEqual(await inbox.first(3), [1, 1, 1])
    },
  },
  {
    name: 'pulling: several may be open at a time, as `prefetch` says',
    run: async t => {
      const q = t.queue()
      await t.bus.send(q, [{ n: 1 }, { n: 2 }, { n: 3 }])
      const open: Message<Item>[] = []
      for await (const message of t.bus.messages(q, { prefetch: 3 })) {
        open.push(message)
        if (open.length < 3) continue
        for (const one of open) await one.ack()
        break
      }
      await t.drained(q)
    },
  },
  {
    name: 'pulling: the signal ends it quietly',
    run: async t => {
      const q = t.queue()
      const abort = new AbortController()
      const pulling = arrayOf(t.bus.messages(q, { signal: abort.signal }))
      await t.pass(t.unitMs)
      abort.abort()
      assert.deepEqual(await pulling, [])
      const over = t.bus.messages(q, { signal: AbortSignal.abort() })
      assert.deepEqual(await arrayOf(over), [])
    },
  },
  {
    name: 'pulling: retry and reject are as in a handler',
    run: async t => {
      const q = t.queue()
      await t.bus.send(q, { n: 1 })
      const attempts: number[] = []
      for await (const message of t.bus.messages(q)) {
        attempts.push(message.attempt)
        if (message.attempt === 1) {
          await message.retry()
          continue
        }
        await message.reject('not this one')
        break
      }
      assert.deepEqual(attempts, [1, 2])
      const [letter] = await arrayOf(t.bus.dlq(q).peek())
      assert.equal(letter!.error.message, 'not this one')
    },
  },
  {
    name: 'pulling: what is held too long is taken back, and counts',
    run: async t => {
      const q = t.queue()
      await t.bus.send(q, { n: 1 })
      const attempts: number[] = []
      for await (const message of t.bus.messages(q, { timeout: t.unitMs })) {
        attempts.push(message.attempt)
        if (message.attempt === 2) {
          await message.ack()
          break
        }
        await new Promise(resolve => message.signal.addEventListener('abort', resolve))
      }
      assert.deepEqual(attempts, [1, 2])
      await t.drained(q)
    },
  },
  {
    name: 'pulling and handling share the work',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      await t.bus.send(
        q,
        Array.from({ length: 10 }, (_, n) => ({ n })),
      )
      for await (const message of t.bus.messages(q)) {
        inbox.push(message.body.n)
        await message.ack()
        if (inbox.all.length === 5) break
      }
      await t.work(q, ({ n }) => inbox.push(n))
      assert.equal(new Set(await inbox.first(10)).size, 10)
    },
  },
  {
    name: 'what follows from a message carries its trace, and its id as the cause',
    run: async t => {
      const first = t.queue()
      const second = t.queue()
      const inbox = t.inbox<{ readonly [name: string]: string }>()
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
      await t.work(first, ({ n }, message) => message.send(second, { n: n + 1 }))
      await t.work(second, (_, { headers }) => inbox.push(headers))
      const [receipt] = await t.bus.send(first, { n: 1 }, { headers: { traceparent } })
      const [headers] = await inbox.first(1)
      assert.equal(headers!['traceparent'], traceparent)
      assert.equal(headers!['spillway-causation'], receipt!.id)
    },
  },
  {
    name: 'at most once: acknowledged before the handler, so a failure is not tried again',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'at-most-once')
      const inbox = t.inbox<number>()
      const handler = async ({ n }: Item) => {
        await t.drained(q)
        inbox.push(n)
        throw new Error('lost')
      }
      await t.work(q, handler, { guarantee: 'at-most-once' })
      await t.bus.send(q, { n: 1 })
      await inbox.first(1)
      await t.until('it is reported', () =>
        t.events.some(event => event.kind === 'failed' && event.outcome === 'dropped'),
      )
      assert.equal(await t.bus.dlq(q).count(), 0)
      assert.equal(inbox.all.length, 1)
    },
  },
  {
    name: 'at most once: there is nothing left to settle, and a timeout only aborts',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'at-most-once')
      const inbox = t.inbox<string>()
      const handler = async (_: Item, message: Message<Item>) => {
        await message.retry().catch(error => inbox.push(error.code))
        await message.reject().catch(error => inbox.push(error.code))
        await new Promise(resolve => message.signal.addEventListener('abort', resolve))
        inbox.push(message.signal.reason.name)
      }
      await t.work(q, handler, { guarantee: 'at-most-once', timeout: t.unitMs })
      await t.bus.send(q, { n: 1 })
      const told = await inbox.first(3)
      assert.deepEqual(told, ['SPILLWAY_E_SETTLED', 'SPILLWAY_E_SETTLED', 'TimeoutError'])
      await t.drained(q)
      assert.equal(await t.bus.dlq(q).count(), 0)
      const errors = t.events.filter(({ kind }) => kind === 'error')
      assert.deepEqual(errors, [])
    },
  },
  {
    name: 'at most once: pulled messages are gone when they are handed over',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'at-most-once')
      await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      const got: number[] = []
      for await (const message of t.bus.messages(q, { guarantee: 'at-most-once' })) {
        await using scoped = message
        got.push(scoped.body.n)
        if (got.length === 2) break
      }
      await t.drained(q)
      assert.deepEqual(got.sort(), [1, 2])
    },
  },
  {
    name: 'pulling: a bus that closes ends it, and gives back what was open',
    run: async t => {
      const q = t.queue()
      const bus = await t.open()
      await bus.send(q, { n: 1 })
      const inbox = t.inbox<number>()
      const pulling = (async () => {
        for await (const message of bus.messages(q)) inbox.push(message.attempt)
      })()
      await inbox.first(1)
      await bus.close()
      await pulling
      await t.work(q, (_, { attempt }) => inbox.push(attempt))
      assert.deepEqual(await inbox.first(2), [1, 1])
    },
  },
  {
    name: 'at most once: a reject is a loss, too',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'at-most-once')
      const inbox = t.inbox<number>()
      const handler = ({ n }: Item) => {
        inbox.push(n)
        throw new Reject('no')
      }
      await t.work(q, handler, { guarantee: 'at-most-once' })
      await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      await inbox.first(2)
      await t.drained(q)
      assert.equal(await t.bus.dlq(q).count(), 0)
    },
  },
]
