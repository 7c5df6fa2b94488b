/** Cases about handlers that take several messages at a time. */

import assert from 'node:assert/strict'
import { fixed, type Message } from '../client/client.ts'
import { numbered } from './shapes.ts'
import type { Case, Item } from './trial.ts'

const never = '1h'

function numbers(batch: readonly Message<Item>[]): number[] {
  return batch.map(({ body }) => body.n).sort((a, b) => a - b)
}

export const batchCases: readonly Case[] = [
  {
    name: 'a batch begins when it is full',
    run: async t => {
      const q = t.queue()
      const batches = t.inbox<number[]>()
      const options = { size: 3, wait: never }
      await t.started(t.bus.consumeBatch(q, batch => batches.push(numbers(batch)), options))
      await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      await t.pass(t.unitMs)
      assert.deepEqual(batches.all, [])
      await t.bus.send(q, { n: 3 })
      assert.deepEqual(await batches.first(1), [[1, 2, 3]])
      await t.drained(q)
    },
  },
  {
    name: 'a batch begins when its first message has waited for so long',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      const handler = (batch: readonly Message<Item>[]) => {
        for (const { body } of batch) inbox.push(body.n)
      }
      await t.started(t.bus.consumeBatch(q, handler, { size: 100, wait: t.unitMs }))
      await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      assert.deepEqual([...(await inbox.first(2))].sort(), [1, 2])
      await t.drained(q)
    },
  },
  {
    name: 'a batch is never larger than its size, and everything is in one',
    run: async t => {
      const q = t.queue()
      const inbox = t.inbox<number>()
      let largest = 0
      const handler = (batch: readonly Message<Item>[]) => {
        largest = Math.max(largest, batch.length)
        for (const { body } of batch) inbox.push(body.n)
      }
      await t.started(t.bus.consumeBatch(q, handler, { size: 4, wait: t.unitMs, concurrency: 2 }))
      await t.bus.send(
        q,
        Array.from({ length: 30 }, (_, n) => ({ n })),
      )
      assert.equal(new Set(await inbox.first(30)).size, 30)
      assert.ok(largest <= 4 && largest > 1, `batches of up to ${largest}`)
      await t.drained(q)
    },
  },
  {
    name: 'a batch that throws is tried again, each message by its own count',
    run: async t => {
      const q = t.queue({ retry: { attempts: 3, backoff: fixed(0) } })
      const calls = t.inbox<string>()
      const handler = (batch: readonly Message<Item>[]) => {
        for (const { body, attempt } of batch) calls.push(`${body.n}/${attempt}`)
        if (batch.some(({ attempt }) => attempt < 3)) throw new Error('x')
      }
      await t.started(t.bus.consumeBatch(q, handler, { size: 2, wait: t.unitMs }))
      await t.bus.send(q, { n: 1 })
      assert.deepEqual(await calls.first(3), ['1/1', '1/2', '1/3'])
      await t.drained(q)
      assert.equal(await t.bus.dlq(q).count(), 0)
    },
  },
  {
    name: 'in a batch, the one that fails is tried again alone',
    run: async t => {
      const q = t.queue({ retry: { attempts: 3, backoff: fixed(0) } })
      const calls = t.inbox<string>()
      const handler = (batch: readonly Message<Item>[]) =>
        Promise.allSettled(
          batch.map(async ({ body, attempt }) => {
            calls.push(`${body.n}/${attempt}`)
            if (body.n === 2 && attempt < 3) throw new Error('not yet')
          }),
        )
      await t.started(t.bus.consumeBatch(q, handler, { size: 3, wait: t.unitMs }))
      await t.bus.send(q, [{ n: 1 }, { n: 2 }, { n: 3 }])
      const all = await calls.first(5)
      assert.deepEqual([...all].sort(), ['1/1', '2/1', '2/2', '2/3', '3/1'])
      await t.drained(q)
    },
  },
  {
    name: 'in a batch, the one that fails for the last time is dead, with its error',
    run: async t => {
      const q = t.queue({ retry: { attempts: 2, backoff: fixed(0) } })
      const handler = (batch: readonly Message<Item>[]) =>
        Promise.allSettled(
          batch.map(async ({ body }) => {
            if (body.n === 2) throw new RangeError('two is too many')
          }),
        )
      await t.started(t.bus.consumeBatch(q, handler, { size: 3, wait: t.unitMs }))
      await t.bus.send(q, [{ n: 1 }, { n: 2 }, { n: 3 }])
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      await t.drained(q)
      const dead = []
      for await (const { body, error, attempt } of t.bus.dlq(q).peek()) {
        dead.push({ body, name: error.name, attempt })
      }
      assert.deepEqual(dead, [{ body: { n: 2 }, name: 'RangeError', attempt: 2 }])
    },
  },
  {
    name: 'in a batch, a message has the fate that the handler gives it, whatever else is thrown',
    run: async t => {
      const q = t.queue({ retry: { attempts: 5, backoff: fixed(0) } })
      const calls = t.inbox<string>()
      const handler = async (batch: readonly Message<Item>[]) => {
        for (const message of batch) {
          calls.push(`${message.body.n}/${message.attempt}`)
          if (message.attempt > 1) continue
          if (message.body.n === 1) await message.ack()
          if (message.body.n === 2) await message.reject('no')
          if (message.body.n === 3) await message.retry({ delay: 0 })
        }
        if (batch.some(({ attempt }) => attempt === 1)) throw new Error('x')
      }
      await t.started(t.bus.consumeBatch(q, handler, { size: 4, wait: never, prefetch: 4 }))
      await t.bus.send(q, [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }])
      await calls.first(4)
      await t.bus.send(q, [{ n: 5 }, { n: 6 }])
      const later = (await calls.first(8)).slice(4)
      assert.ok(later.includes('3/2') && later.includes('4/2'), later.join())
      assert.ok(!later.some(call => call.startsWith('1/') || call.startsWith('2/')))
      assert.equal(await t.bus.dlq(q).count(), 1)
    },
  },
  {
    name: 'in a batch, a wrong shape dies alone, and is not handed to the handler',
    run: async t => {
      const strict = t.shaped(numbered)
      const loose = t.alias(strict, {
        '~standard': { version: 1, vendor: 'test', validate: value => ({ value }) },
      })
      const inbox = t.inbox<number>()
      await t.started(
        t.bus.consumeBatch(
          strict,
          batch => {
            for (const { body } of batch) inbox.push(body.n)
          },
          { size: 3, wait: t.unitMs },
        ),
      )
      await t.bus.send(loose, [{ n: 1 }, { n: 'two' }, { n: 3 }])
      assert.deepEqual([...(await inbox.first(2))].sort(), [1, 3])
      await t.until('it is dead', async () => (await t.bus.dlq(strict).count()) === 1)
      assert.equal(inbox.all.length, 2)
    },
  },
  {
    name: 'a batch has one message of a key, at most, and keeps its order over failures',
    run: async t => {
      const q = t.keyed({ retry: { attempts: 3, backoff: fixed(0) } })
      await t.needs(q, 'key')
      const done = t.inbox<string>()
      const crowds: string[] = []
      const handler = (batch: readonly Message<Item>[]) => {
        const keys = batch.map(({ key }) => key)
        if (new Set(keys).size < keys.length) crowds.push(keys.join())
        return Promise.allSettled(
          batch.map(async ({ body, key, attempt }) => {
            if (body.n === 1 && attempt < 3) throw new Error('not yet')
            done.push(`${key}${body.n}`)
          }),
        )
      }
      await t.started(t.bus.consumeBatch(q, handler, { size: 3, wait: t.unitMs }))
      const items = ['a', 'b'].flatMap(key => [1, 2, 3].map(n => ({ n, key })))
      await t.bus.send(q, items)
      const all = await done.first(6)
      assert.deepEqual(crowds, [])
      for (const key of ['a', 'b']) {
        const ofKey = all.filter(name => name.startsWith(key))
        assert.deepEqual(ofKey, [`${key}1`, `${key}2`, `${key}3`])
      }
    },
  },
  {
    name: 'a drain gives back what waits for its batch, uncounted',
    run: async t => {
      const q = t.queue()
      const batches: number[][] = []
      const options = { size: 3, wait: never }
      const worker = await t.started(
        t.bus.consumeBatch(q, batch => batches.push(numbers(batch)), options),
      )
      await t.bus.send(q, [{ n: 1 }, { n: 2 }])
      await t.pass(t.unitMs)
      await worker.drain()
      const got = t.inbox<string>()
      await t.work(q, ({ n }, { attempt }) => got.push(`${n}/${attempt}`))
      assert.deepEqual([...(await got.first(2))].sort(), ['1/1', '2/1'])
      assert.deepEqual(batches, [])
    },
  },
  {
    name: 'each group of a topic has its batches',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups')
      const inbox = t.inbox<string>()
      for (const group of ['a', 'b']) {
        const options = { group, size: 2, wait: never }
        await t.started(
          t.bus.subscribeBatch(topic, options, batch => {
            inbox.push(`${group} ${numbers(batch)}`)
          }),
        )
      }
      await t.bus.publish(topic, [{ n: 1 }, { n: 2 }])
      assert.deepEqual([...(await inbox.first(2))].sort(), ['a 1,2', 'b 1,2'])
    },
  },
  {
    name: 'a size of a batch that is none is refused',
    run: async t => {
      const q = t.queue()
      for (const size of [0, 1.5, Number.NaN]) {
        assert.throws(() => t.bus.consumeBatch(q, () => {}, { size }), {
          code: 'SPILLWAY_E_OPTION',
        })
      }
    },
  },
]
