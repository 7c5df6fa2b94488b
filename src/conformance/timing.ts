/** Cases about delays, expiry, duplicates and priorities, and about what lies there. */

import assert from 'node:assert/strict'
import { arrayOf, type Case } from './trial.ts'

const delays: readonly Case[] = [
  {
    name: 'a delayed message comes when its delay is over, and not before',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'delay')
      const inbox = t.inbox<number>()
      await t.work(q, () => inbox.push(t.monotonic))
      const before = t.monotonic
      await t.bus.send(q, { n: 1 }, { delay: t.unitMs * 2 })
      const [at] = await inbox.first(1)
      assert.ok(at! - before >= t.unitMs * 2 - 2)
    },
  },
  {
    name: 'a delayed message does not hold up others',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'delay')
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(q, { n: 1 }, { delay: '10m' })
      await t.bus.send(q, { n: 2 })
      assert.deepEqual(await inbox.first(1), [2])
    },
  },
  {
    name: 'delayed messages come in the order in which they are due',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'delay')
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(q, { n: 2 }, { delay: t.unitMs * 20 })
      await t.bus.send(q, { n: 1 }, { delay: t.unitMs * 2 })
      assert.deepEqual(await inbox.first(2), [1, 2])
    },
  },
  {
    name: 'a whole batch can be delayed',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'delay')
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(q, [{ n: 1 }, { n: 2 }], { delay: t.unitMs })
      assert.equal((await inbox.first(2)).length, 2)
    },
  },
  {
    name: 'no delay is no delay',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(q, { n: 1 }, { delay: 0 })
      assert.deepEqual(await inbox.first(1), [1])
    },
  },
  ...['soon', '5', '-1s', -5, Number.NaN].map(
    (delay): Case => ({
      name: `a delay of ${JSON.stringify(delay)} is no duration`,
      run: async t => {
        const sending = t.bus.send(t.queue(), { n: 1 }, { delay })
        await assert.rejects(sending, { code: 'SPILLWAY_E_DURATION' })
      },
    }),
  ),
  {
    name: 'a delay of three days is taken, or refused before anything is sent, with a way out',
    run: async t => {
      const q = t.queue()
      const rows = await t.bus.plan(q)
      const row = rows.find(({ feature }) => feature === 'long-delay')!
      const sending = t.bus.send(q, { n: 1 }, { delay: '3d' })
      if (row.how === 'impossible') {
        await assert.rejects(sending, { name: 'UnsupportedError', code: row.code })
        assert.equal((await t.bus.depth(q)).ready, 0)
        return
      }
      await sending
      assert.equal((await t.bus.depth(q)).ready, 0)
    },
  },
  {
    name: 'a delayed message can be taken back',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'delay', 'cancel')
      const [receipt] = await t.bus.send(q, { n: 1 }, { delay: '10m' })
      assert.equal((await t.bus.depth(q)).delayed, 1)
      assert.equal(await t.bus.cancel(q, receipt!), true)
      assert.equal(await t.bus.cancel(q, receipt!), false)
      await t.drained(q)
    },
  },
  {
    name: 'a delayed message of a key can be taken back',
    run: async t => {
      const q = t.keyed()
      await t.needs(q, 'delay', 'cancel', 'key')
      const [receipt] = await t.bus.send(q, { n: 1, key: 'k' }, { delay: '1h' })
      assert.equal(await t.bus.cancel(q, receipt!), true)
      await t.drained(q)
    },
  },
  {
    name: 'what was handled cannot be taken back',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'cancel')
      const inbox = t.inbox<number>()
      const [receipt] = await t.bus.send(q, { n: 1 })
      await t.work(q, ({ n }) => inbox.push(n))
      await inbox.first(1)
      await t.drained(q)
      assert.equal(await t.bus.cancel(q, receipt!), false)
    },
  },
]

/** Five minutes is the one window that every backend with windows has. */
const byNumber = { id: ({ n }: { readonly n: number }) => `n-${n}`, window: '5m' } as const

const duplicates: readonly Case[] = [
  {
    name: 'the same deduplication id twice is one message, and the second receipt says so',
    run: async t => {
      const q = t.queue({ dedupe: byNumber })
      await t.needs(q, 'dedupe')
      const [first] = await t.bus.send(q, { n: 1 })
      const [second] = await t.bus.send(q, { n: 1 })
      assert.deepEqual([first!.duplicate, second!.duplicate], [false, true])
      await t.until('it is there', async () => (await t.bus.depth(q)).ready === 1)
    },
  },
  {
    name: 'other ids are other messages',
    run: async t => {
      const q = t.queue({ dedupe: byNumber })
      await t.needs(q, 'dedupe')
      const receipts = await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      assert.deepEqual(
        receipts.map(({ duplicate }) => duplicate),
        [false, false],
      )
    },
  },
  {
    name: 'duplicates in one batch are found',
    run: async t => {
      const q = t.queue({ dedupe: byNumber })
      await t.needs(q, 'dedupe')
      const receipts = await t.bus.send(q, [{ n: 1 }, { n: 1 }, { n: 2 }])
      assert.deepEqual(
        receipts.map(({ duplicate }) => duplicate),
        [false, true, false],
      )
    },
  },
  {
    name: 'a message that was handled is still known',
    run: async t => {
      const q = t.queue({ dedupe: byNumber })
      await t.needs(q, 'dedupe')
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(q, { n: 1 })
      await inbox.first(1)
      await t.drained(q)
      const [again] = await t.bus.send(q, { n: 1 })
      assert.equal(again!.duplicate, true)
    },
  },
  {
    name: 'a duplicate from another application is one, too',
    run: async t => {
      const q = t.queue({ dedupe: byNumber })
      await t.needs(q, 'dedupe')
      const other = await t.open()
      await t.bus.send(q, { n: 1 })
      await other.send(q, { n: 1 })
      await other.send(q, { n: 2 })
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await inbox.first(2)
      await t.drained(q)
      assert.deepEqual(inbox.all.sort(), [1, 2])
    },
  },
  {
    name: 'after the window it is a new message',
    run: async t => {
      const q = t.queue({ dedupe: { id: ({ n }) => `${n}`, window: t.unitMs } })
      await t.needs(q, 'dedupe')
      await t.bus.send(q, { n: 1 })
      await t.pass(t.unitMs * 2)
      const [again] = await t.bus.send(q, { n: 1 })
      assert.equal(again!.duplicate, false)
    },
  },
  {
    name: 'a retry is no duplicate of itself',
    run: async t => {
      const q = t.queue({ dedupe: byNumber })
      await t.needs(q, 'dedupe')
      const inbox = t.inbox<number>()
      await t.work(q, (_, { attempt }) => {
        inbox.push(attempt)
        if (attempt === 1) throw new Error('x')
      })
      await t.bus.send(q, { n: 1 })
      assert.deepEqual(await inbox.first(2), [1, 2])
    },
  },
  {
    name: 'delayed or not, with a key or not, a duplicate is found',
    run: async t => {
      const q = t.keyed({ dedupe: byNumber })
      await t.needs(q, 'dedupe', 'delay', 'key')
      const item = { n: 1, key: 'k' }
      const [first] = await t.bus.send(q, item, { delay: t.unitMs })
      const [second] = await t.bus.send(q, item)
      const [third] = await t.bus.send(q, item, { delay: t.unitMs })
      const found = [first, second, third].map(receipt => receipt!.duplicate)
      assert.deepEqual(found, [false, true, true])
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await inbox.first(1)
      await t.drained(q)
      assert.equal(inbox.all.length, 1)
    },
  },
  {
    name: 'a deduplication id may be long',
    run: async t => {
      const q = t.queue({ dedupe: { id: ({ n }) => 'x'.repeat(500) + n, window: '5m' } })
      await t.needs(q, 'dedupe')
      const receipts = await t.bus.send(q, [{ n: 1 }, { n: 2 }, { n: 1 }])
      assert.deepEqual(
        receipts.map(({ duplicate }) => duplicate),
        [false, false, true],
      )
    },
  },
]

const lifetimes: readonly Case[] = [
  {
    name: 'what nobody took in its time is gone',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'ttl')
      await t.bus.send(q, { n: 1 }, { ttl: t.unitMs })
      await t.pass(t.unitMs * 2)
      await t.bus.send(q, { n: 2 })
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(1), [2])
      await t.drained(q)
    },
  },
  {
    name: 'what is taken in its time is delivered',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'ttl')
      await t.bus.send(q, { n: 1 }, { ttl: '1h' })
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(1), [1])
    },
  },
  {
    name: 'a contract may give all its messages a time to live',
    run: async t => {
      const q = t.queue({ ttl: t.unitMs })
      await t.needs(q, 'ttl')
      await t.bus.send(q, { n: 1 })
      await t.until('it is gone', async () => (await t.bus.depth(q)).ready === 0)
    },
  },
]

const priorities: readonly Case[] = [
  {
    name: 'the urgent ones come first, equals in order',
    run: async t => {
      const q = t.queue({ priorities: 3 })
      await t.needs(q, 'priority')
      for (const [n, priority] of [0, 2, 1, 2, 0].entries()) {
        await t.bus.send(q, { n }, { priority })
      }
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n), { prefetch: 1 })
      assert.deepEqual(await inbox.first(5), [1, 3, 2, 0, 4])
    },
  },
  {
    name: 'no priority is the lowest',
    run: async t => {
      const q = t.queue({ priorities: 2 })
      await t.needs(q, 'priority')
      await t.bus.send(q, { n: 0 })
      await t.bus.send(q, { n: 1 }, { priority: 1 })
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n), { prefetch: 1 })
      assert.deepEqual(await inbox.first(2), [1, 0])
    },
  },
  ...[-1, 3, 1.5].map(
    (priority): Case => ({
      name: `of three levels, ${priority} is none`,
      run: async t => {
        const q = t.queue({ priorities: 3 })
        const sending = t.bus.send(q, { n: 1 }, { priority })
        await assert.rejects(sending, { code: 'SPILLWAY_E_PRIORITY' })
      },
    }),
  ),
]

const looking: readonly Case[] = [
  {
    name: 'a peek at a queue shows what waits, and changes nothing',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'peek')
      const receipts = await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      for (let look = 0; look < 2; look++) {
        const seen = await t.bus.peek(q)
        assert.deepEqual(
          seen.map(({ id }) => id),
          receipts.map(({ id }) => id),
        )
      }
      const inbox = t.inbox<number>()
      await t.work(q, (_, { attempt }) => inbox.push(attempt))
      assert.deepEqual(await inbox.first(2), [1, 1])
    },
  },
  {
    name: 'one message can be deleted',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'peek', 'remove')
      await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      const [first] = await t.bus.peek(q)
      assert.equal(await t.bus.remove(q, first!.position), true)
      assert.equal(await t.bus.remove(q, first!.position), false)
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(1), [2])
    },
  },
  {
    name: 'a purge deletes what waits',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'purge')
      await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      const count = await t.bus.purge(q)
      assert.ok(count === undefined || count === 2)
      await t.until('it is empty', async () => (await t.bus.depth(q)).ready === 0)
    },
  },
  {
    name: 'the depth counts what waits, what is in hand, and what is delayed',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'depth', 'delay')
      const gate = t.gate()
      const inbox = t.inbox<number>()
      await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      await t.bus.send(q, { n: 3 }, { delay: '1h' })
      const isSo = async () => {
        const { ready, leased, delayed } = await t.bus.depth(q)
        return ready === 2 && leased === 0 && delayed === 1
      }
      await t.until('two wait and one is delayed', isSo)
      const handler = async ({ n }: { readonly n: number }) => {
        inbox.push(n)
        await gate.opened
      }
      await t.work(q, handler, { concurrency: 2 })
      await inbox.first(2)
      await t.until('two are in hand', async () => (await t.bus.depth(q)).leased === 2)
      gate.open()
    },
  },
  {
    name: 'an endless wait for nothing ends with its signal',
    run: async t => {
      const signal = AbortSignal.timeout(t.unitMs)
      assert.deepEqual(await arrayOf(t.bus.messages(t.queue(), { signal })), [])
    },
  },
]

export const timingCases: readonly Case[] = [
  ...delays,
  ...duplicates,
  ...lifetimes,
  ...priorities,
  ...looking,
]
