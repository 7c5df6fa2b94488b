/** Cases about dead letters: looking, choosing, mending, sending back. */

import assert from 'node:assert/strict'
import { fixed, type Queue } from '../client/client.ts'
import { numbered } from './shapes.ts'
import { arrayOf, type Case, type Item, type Trial } from './trial.ts'

/** A queue with dead letters n = 0 … count − 1; the even ones died of a RangeError. */
async function withDead(t: Trial, count: number, q: Queue<Item> = t.queue()): Promise<Queue<Item>> {
  const worker = await t.work(q, ({ n }, message) => {
    const error = n % 2 === 0 ? new RangeError(`${n}`) : new TypeError(`${n}`)
    if (message.attempt < message.attempts) return message.retry({ delay: 0 })
    throw error
  })
  for (let n = 0; n < count; n++) await t.bus.send(q, { n, key: 'k' })
  await t.until('all are dead', async () => (await t.bus.dlq(q).count()) === count)
  await worker.drain()
  return q
}

async function lettersOf(t: Trial, q: Queue<Item>): Promise<number[]> {
  const letters = await arrayOf(t.bus.dlq(q).peek())
  return letters.map(({ body }) => (body as Item).n).sort()
}

export const deadLetterCases: readonly Case[] = [
  {
    name: 'peek changes nothing',
    run: async t => {
      const q = await withDead(t, 3)
      await t.needs(q, 'peek')
      assert.deepEqual(await lettersOf(t, q), [0, 1, 2])
      assert.deepEqual(await lettersOf(t, q), [0, 1, 2])
      assert.equal(await t.bus.dlq(q).count(), 3)
    },
  },
  {
    name: 'peek looks at no more than its limit',
    run: async t => {
      const q = await withDead(t, 4)
      await t.needs(q, 'peek')
      assert.equal((await arrayOf(t.bus.dlq(q).peek({ limit: 2 }))).length, 2)
    },
  },
  {
    name: 'there is nothing to see where nothing died',
    run: async t => {
      const q = t.queue()
      assert.deepEqual(await lettersOf(t, q), [])
      assert.equal(await t.bus.dlq(q).count(), 0)
      assert.deepEqual(await t.bus.dlq(q).redrive(), { looked: 0, matched: 0, redriven: 0 })
    },
  },
  {
    name: 'a redrive sends all back, to a first attempt',
    run: async t => {
      const q = await withDead(t, 3)
      assert.equal((await t.bus.dlq(q).redrive()).redriven, 3)
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }, { attempt }) => inbox.push(n * 10 + attempt))
      assert.deepEqual((await inbox.first(3)).sort(), [1, 11, 21].sort())
      assert.equal(await t.bus.dlq(q).count(), 0)
    },
  },
  {
    name: 'a redrive sends back what was chosen, and leaves the rest',
    run: async t => {
      const q = await withDead(t, 4)
      const result = await t.bus
        .dlq(q)
        .redrive({ where: ({ error }) => error.name === 'TypeError' })
      assert.deepEqual(result, { looked: 4, matched: 2, redriven: 2 })
      assert.deepEqual(await lettersOf(t, q), [0, 2])
      assert.equal((await t.bus.depth(q)).ready, 2)
    },
  },
  {
    name: 'a dry run only counts',
    run: async t => {
      const q = await withDead(t, 4)
      await t.needs(q, 'peek')
      const result = await t.bus.dlq(q).redrive({
        where: ({ error }) => error.name === 'RangeError',
        dryRun: true,
      })
      assert.deepEqual(result, { looked: 4, matched: 2, redriven: 0 })
      assert.equal(await t.bus.dlq(q).count(), 4)
      assert.equal((await t.bus.depth(q)).ready, 0)
    },
  },
  {
    name: 'a redrive stops at its limit',
    run: async t => {
      const q = await withDead(t, 4)
      assert.equal((await t.bus.dlq(q).redrive({ limit: 1 })).redriven, 1)
      assert.equal(await t.bus.dlq(q).count(), 3)
    },
  },
  {
    name: 'a redrive keeps its pace',
    run: async t => {
      const q = await withDead(t, 3)
      const before = t.monotonic
      await t.bus.dlq(q).redrive({ ratePerSecond: 50 })
      assert.ok(t.monotonic - before >= 58)
      const slow = t.bus.dlq(q).redrive({ ratePerSecond: 0 })
      assert.deepEqual(await slow, { looked: 0, matched: 0, redriven: 0 })
    },
  },
  {
    name: 'a letter can be mended on its way back',
    run: async t => {
      const q = await withDead(t, 1)
      const edit = (body: unknown) => ({ ...(body as Item), n: 42 })
      await t.bus.dlq(q).redrive({ edit })
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(1), [42])
    },
  },
  {
    name: 'a letter that is mended badly stays',
    run: async t => {
      const q = t.shaped(numbered)
      await t.work(q, (_, message) => message.reject())
      await t.bus.send(q, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      const redriving = t.bus.dlq(q).redrive({ edit: () => ({ n: 'x' }) })
      await assert.rejects(redriving, { code: 'SPILLWAY_V_SEND' })
      assert.equal(await t.bus.dlq(q).count(), 1)
    },
  },
  {
    name: 'what is sent back has its id, key and headers, and none of its death',
    run: async t => {
      const q = t.keyed({ retry: { attempts: 2, backoff: fixed(0) } })
      const inbox = t.inbox<{ readonly [name: string]: string }>()
      let isMended = false
      const before = new Set<string>()
      await t.work(q, (_, { headers }) => {
        if (isMended) return void inbox.push(headers)
        for (const name of Object.keys(headers)) before.add(name)
        throw new Error('x')
      })
      await t.bus.send(q, { n: 1, key: 'k' }, { id: 'mine', headers: { tenant: 'ada' } })
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      isMended = true
      await t.bus.dlq(q).redrive()
      const [headers] = await inbox.first(1)
      assert.equal(headers!['spillway-id'], 'mine')
      assert.equal(headers!['spillway-key'], 'k')
      assert.equal(headers!['tenant'], 'ada')
      assert.deepEqual(Object.keys(headers!).sort(), [...before].sort())
    },
  },
  {
    name: 'a letter that dies again does not go round',
    run: async t => {
      const q = await withDead(t, 2)
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }, message) => {
        inbox.push(n)
        return message.reject('again')
      })
      assert.equal((await t.bus.dlq(q).redrive()).redriven, 2)
      await t.until('they are dead again', async () => (await t.bus.dlq(q).count()) === 2)
      assert.equal(inbox.all.length, 2)
    },
  },
  {
    name: 'a redrive is no duplicate',
    run: async t => {
      const contract = t.queue({ dedupe: { id: ({ n }) => `${n}`, window: '5m' } })
      await t.needs(contract, 'dedupe')
      const q = await withDead(t, 2, contract)
      await t.bus.dlq(q).redrive()
      const inbox = t.inbox<number>()
      await t.work(q, ({ n }) => inbox.push(n))
      assert.deepEqual((await inbox.first(2)).sort(), [0, 1])
    },
  },
  {
    name: 'dead letters can be deleted',
    run: async t => {
      const q = await withDead(t, 2)
      await t.bus.dlq(q).purge()
      assert.equal(await t.bus.dlq(q).count(), 0)
    },
  },
]
