/** Cases about order by key: within a key one after the other, across keys side by side. */

import assert from 'node:assert/strict'
import { fixed } from '../client/client.ts'
import type { Case, Item } from './trial.ts'

const oddKeys: readonly (readonly [name: string, key: string])[] = [
  ['empty', ''],
  ['beyond ASCII', 'žluťoučký 🐎'],
  ['300 characters long', 'k'.repeat(300)],
  ['with spaces and signs', ' a/b?c=d&e#f "g" '],
]

export const keyCases: readonly Case[] = [
  ...oddKeys.map(
    ([name, key]): Case => ({
      name: `any text is a key: ${name}`,
      run: async t => {
        const q = t.keyed()
        await t.needs(q, 'key')
        const inbox = t.inbox<number>()
        await t.work(q, ({ n }) => inbox.push(n), { concurrency: 4 })
        for (let n = 0; n < 5; n++) await t.bus.send(q, { n, key })
        const got = await inbox.first(5)
        if (key !== '') assert.deepEqual(got, [0, 1, 2, 3, 4])
      },
    }),
  ),
  {
    name: 'a key’s messages come in the order in which they were sent',
    run: async t => {
      const q = t.keyed()
      await t.needs(q, 'key')
      const inbox = t.inbox<Item>()
      await t.work(q, item => inbox.push(item), { concurrency: 8 })
      for (let n = 0; n < 30; n++) await t.bus.send(q, { n, key: `k${n % 3}` })
      const all = await inbox.first(30)
      for (const key of ['k0', 'k1', 'k2']) {
        const numbers = all.filter(item => item.key === key).map(({ n }) => n)
        assert.deepEqual(
          numbers,
          [...numbers].sort((a, b) => a - b),
        )
      }
    },
  },
  {
    name: 'so do those of one batch',
    run: async t => {
      const q = t.keyed()
      await t.needs(q, 'key')
      const inbox = t.inbox<number>()
      await t.bus.send(
        q,
        Array.from({ length: 20 }, (_, n) => ({ n, key: 'ada' })),
      )
      await t.work(q, ({ n }) => inbox.push(n), { concurrency: 4 })
      assert.deepEqual(
        await inbox.first(20),
        Array.from({ length: 20 }, (_, n) => n),
      )
    },
  },
  {
    name: 'one message of a key at a time, whatever the concurrency',
    run: async t => {
      const q = t.keyed()
      await t.needs(q, 'key')
      let running = 0
      let most = 0
      const inbox = t.inbox<number>()
      const handler = async ({ n }: Item) => {
        most = Math.max(most, ++running)
        await t.pass(1)
        running--
        inbox.push(n)
      }
      await t.work(q, handler, { concurrency: 8 })
      await t.bus.send(
        q,
        Array.from({ length: 12 }, (_, n) => ({ n, key: 'one' })),
      )
      await inbox.first(12)
      assert.equal(most, 1)
    },
  },
  {
    name: 'and across workers',
    run: async t => {
      const q = t.keyed()
      await t.needs(q, 'key')
      let running = 0
      let most = 0
      const inbox = t.inbox<number>()
      const handler = async ({ n }: Item) => {
        most = Math.max(most, ++running)
        await t.pass(1)
        running--
        inbox.push(n)
      }
      await t.work(q, handler, { concurrency: 4 })
      await t.work(q, handler, { concurrency: 4 })
      for (let n = 0; n < 12; n++) await t.bus.send(q, { n, key: 'one' })
      const got = await inbox.first(12)
      assert.equal(most, 1)
      assert.deepEqual(
        got,
        Array.from({ length: 12 }, (_, n) => n),
      )
    },
  },
  {
    name: 'a busy key does not hold up the others',
    run: async t => {
      const q = t.keyed()
      await t.needs(q, 'key')
      const gate = t.gate()
      const inbox = t.inbox<string>()
      const handler = async ({ n, key = '' }: Item) => {
        if (key === 'slow') await gate.opened
        inbox.push(`${key}${n}`)
      }
      await t.work(q, handler, { concurrency: 2, prefetch: 10 })
      await t.bus.send(q, { n: 1, key: 'slow' })
      await t.bus.send(q, { n: 2, key: 'slow' })
      for (let n = 1; n <= 3; n++) await t.bus.send(q, { n, key: 'fast' })
      assert.deepEqual(await inbox.first(3), ['fast1', 'fast2', 'fast3'])
      gate.open()
      assert.deepEqual((await inbox.first(5)).slice(3), ['slow1', 'slow2'])
    },
  },
  {
    name: 'a failing key is parked: what is behind waits, and other keys go on',
    run: async t => {
      const q = t.keyed({ retry: { attempts: 3, backoff: fixed(t.unitMs * 15) } })
      await t.needs(q, 'key')
      const inbox = t.inbox<string>()
      const handler = ({ n, key = '' }: Item, { attempt }: { readonly attempt: number }) => {
        inbox.push(`${key}${n}/${attempt}`)
        if (key === 'bad' && n === 1 && attempt < 3) throw new Error('x')
      }
      await t.work(q, handler, { concurrency: 4 })
      await t.bus.send(q, { n: 1, key: 'bad' })
      await t.bus.send(q, { n: 2, key: 'bad' })
      await t.bus.send(q, { n: 1, key: 'good' })
      const all = await inbox.first(5)
      const bad = all.filter(entry => entry.startsWith('bad'))
      assert.deepEqual(bad, ['bad1/1', 'bad1/2', 'bad1/3', 'bad2/1'])
      assert.ok(all.indexOf('good1/1') < all.indexOf('bad1/2'))
    },
  },
  {
    name: 'a key goes on when its failing message is dead',
    run: async t => {
      const q = t.keyed({ retry: { attempts: 2, backoff: fixed(0) } })
      await t.needs(q, 'key')
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => {
        if (n === 1) throw new Error('x')
        inbox.push(n)
      })
      for (const n of [1, 2, 3]) await t.bus.send(q, { n, key: 'k' })
      assert.deepEqual(await inbox.first(2), [2, 3])
      assert.equal(await t.bus.dlq(q).count(), 1)
    },
  },
  {
    name: 'onKeyFailure: dead-letter gives a failing message up at once, and the key goes on',
    run: async t => {
      const q = t.keyed({
        onKeyFailure: 'dead-letter',
        retry: { attempts: 5, backoff: fixed('1h') },
      })
      await t.needs(q, 'key')
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => {
        if (n === 1) throw new Error('x')
        inbox.push(n)
      })
      for (const n of [1, 2]) await t.bus.send(q, { n, key: 'k' })
      assert.deepEqual(await inbox.first(1), [2])
      assert.equal(await t.bus.dlq(q).count(), 1)
    },
  },
  {
    name: 'a delayed message does not hold up its key; it takes its place when it is due',
    run: async t => {
      const q = t.keyed()
      await t.needs(q, 'key', 'delay')
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      await t.bus.send(q, { n: 1, key: 'k' }, { delay: t.unitMs * 20 })
      await t.bus.send(q, { n: 2, key: 'k' })
      assert.deepEqual(await inbox.first(2), [2, 1])
      await t.drained(q)
    },
  },
  {
    name: 'a message that was delayed is handled alone in its key, too',
    run: async t => {
      const q = t.keyed()
      await t.needs(q, 'key', 'delay')
      const gate = t.gate()
      const inbox = t.inbox<number>()
      const handler = async ({ n }: Item) => {
        inbox.push(n)
        if (n === 2) await gate.opened
      }
      await t.work(q, handler, { concurrency: 4 })
      await t.bus.send(q, { n: 2, key: 'k' })
      await t.bus.send(q, { n: 1, key: 'k' }, { delay: t.unitMs })
      assert.deepEqual(await inbox.first(1), [2])
      await t.pass(t.unitMs * 3)
      assert.deepEqual(inbox.all, [2])
      gate.open()
      assert.deepEqual(await inbox.first(2), [2, 1])
    },
  },
  {
    name: 'a released message keeps its place in its key',
    run: async t => {
      const q = t.keyed()
      await t.needs(q, 'key')
      const inbox = t.inbox<number>()
      await t.work(q, async ({ n }, message) => {
        inbox.push(n)
        if (inbox.all.length === 1) await message.release()
      })
      await t.bus.send(
        q,
        [1, 2].map(n => ({ n, key: 'k' })),
      )
      assert.deepEqual(await inbox.first(3), [1, 1, 2])
    },
  },
]
