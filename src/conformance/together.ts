/** Cases about what happens together or not at all, and about saying so before. */

import assert from 'node:assert/strict'
import { features, fixed, Reject, UnsupportedError } from '../client/client.ts'
import { numbered } from './shapes.ts'
import { arrayOf, type Case, type Item } from './trial.ts'

const transactions: readonly Case[] = [
  {
    name: 'a transaction sends all of it',
    run: async t => {
      const q = t.queue()
      const topic = t.topic()
      await t.needs(q, 'transaction')
      const ids = await t.bus.transaction(async tx => [
        ...(await tx.send(q, { n: 1 })),
        ...(await tx.publish(topic, { n: 2 })),
      ])
      assert.equal(ids.length, 2)
      const [waiting] = await t.bus.peek(q)
      assert.equal(waiting!.id, ids[0])
      const [event] = await arrayOf(t.bus.read(topic))
      assert.equal(event!.id, ids[1])
    },
  },
  {
    name: 'a transaction that throws sends nothing',
    run: async t => {
      const q = t.queue()
      await t.needs(q, 'transaction')
      const failing = t.bus.transaction(async tx => {
        await tx.send(q, { n: 1 })
        throw new RangeError('no')
      })
      await assert.rejects(failing, RangeError)
      assert.equal((await t.bus.depth(q)).ready, 0)
    },
  },
  {
    name: 'a wrong shape in a transaction: nothing is sent',
    run: async t => {
      const q = t.shaped(numbered)
      await t.needs(q, 'transaction')
      const failing = t.bus.transaction(async tx => {
        await tx.send(q, { n: 1 })
        await tx.send(q, { n: 'x' } as never)
      })
      await assert.rejects(failing, { code: 'SPILLWAY_V_SEND' })
      assert.equal((await t.bus.depth(q)).ready, 0)
    },
  },
  {
    name: 'an empty transaction is none',
    run: async t => {
      assert.equal(await t.bus.transaction(() => 'nothing'), 'nothing')
    },
  },
  {
    name: 'where there are no transactions, it says so before anything is sent',
    run: async t => {
      const q = t.queue()
      const rows = await t.bus.plan(q)
      const row = rows.find(({ feature }) => feature === 'transaction')!
      const running = t.bus.transaction(tx => tx.send(q, [{ n: 1 }, { n: 2 }]))
      if (row.how === 'impossible') await assert.rejects(running, UnsupportedError)
      else await running
      assert.equal((await t.bus.depth(q)).ready, row.how === 'impossible' ? 0 : 2)
    },
  },
  {
    name: 'effectively once: what follows is sent with the acknowledgement',
    run: async t => {
      const first = t.queue()
      const second = t.queue()
      await t.needs(first, 'effectively-once')
      const inbox = t.inbox<number>()
      const handler = async ({ n }: Item, message: Parameters<Handler>[1]) => {
        await message.send(second, { n: n * 2 })
        inbox.push((await t.bus.depth(second)).ready)
      }
      await t.work(first, handler, { guarantee: 'effectively-once' })
      await t.bus.send(first, { n: 21 })
      assert.deepEqual(await inbox.first(1), [0])
      await t.drained(first)
      const [follows] = await t.bus.peek(second)
      assert.deepEqual(follows!.body, { n: 42 })
    },
  },
  {
    name: 'effectively once: a call that fails has sent nothing',
    run: async t => {
      const first = t.queue({ retry: { attempts: 3, backoff: fixed(0) } })
      const second = t.queue()
      await t.needs(first, 'effectively-once')
      const handler = async ({ n }: Item, message: Parameters<Handler>[1]) => {
        await message.send(second, { n })
        if (message.attempt < 3) throw new Error('x')
      }
      await t.work(first, handler, { guarantee: 'effectively-once' })
      await t.bus.send(first, { n: 1 })
      await t.drained(first)
      await t.until('it is sent', async () => (await t.bus.depth(second)).ready > 0)
      assert.equal((await t.bus.depth(second)).ready, 1)
    },
  },
  {
    name: 'effectively once: what dies has sent nothing',
    run: async t => {
      const first = t.queue()
      const topic = t.topic()
      await t.needs(first, 'effectively-once')
      const handler = async ({ n }: Item, message: Parameters<Handler>[1]) => {
        await message.publish(topic, { n })
        throw new Reject('no')
      }
      await t.work(first, handler, { guarantee: 'effectively-once' })
      await t.bus.send(first, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(first).count()) === 1)
      assert.deepEqual(await arrayOf(t.bus.read(topic)), [])
    },
  },
  {
    name: 'at least once: what a failing call has sent is sent, each time',
    run: async t => {
      const first = t.queue({ retry: { attempts: 2, backoff: fixed(0) } })
      const second = t.queue()
      await t.work(first, async ({ n }, message) => {
        await message.send(second, { n })
        throw new Error('x')
      })
      await t.bus.send(first, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(first).count()) === 1)
      assert.equal((await t.bus.depth(second)).ready, 2)
    },
  },
  {
    name: 'a guarantee that is impossible is refused before anything is consumed',
    run: async t => {
      const q = t.queue()
      const rows = await t.bus.plan(q)
      const row = rows.find(({ feature }) => feature === 'effectively-once')!
      const consume = () => t.bus.consume(q, () => {}, { guarantee: 'effectively-once' })
      if (row.how === 'impossible') assert.throws(consume, { code: row.code })
      else await consume().drain()
    },
  },
]

type Handler = (body: Item, message: import('../client/client.ts').Message<Item>) => unknown

const plans: readonly Case[] = [
  {
    name: 'a plan has a row for every feature of the contract’s kind, each with a way or a reason',
    run: async t => {
      const rows = await t.bus.plan(t.keyed(), t.topic(), t.rpc())
      const named = new Set(rows.map(({ feature }) => feature))
      for (const feature of Object.keys(features)) {
        assert.ok(named.has(feature as keyof typeof features), feature)
      }
      for (const row of rows) {
        if (row.how === 'native') continue
        assert.notEqual(row.why, '', row.feature)
        if (row.how === 'impossible') assert.match(row.code, /^SPILLWAY_U_/)
      }
    },
  },
  {
    name: 'a plan says which features the contract uses',
    run: async t => {
      const plain = await t.bus.plan(t.queue())
      const rich = await t.bus.plan(t.keyed({ dedupe: { id: ({ n }) => `${n}`, window: '1m' } }))
      const used = (rows: typeof plain, feature: string) =>
        rows.find(row => row.feature === feature)?.used
      assert.deepEqual([used(plain, 'key'), used(plain, 'dedupe')], [false, false])
      assert.deepEqual([used(rich, 'key'), used(rich, 'dedupe')], [true, true])
      assert.equal(used(plain, 'dead-letter'), true)
    },
  },
  {
    name: 'an option for another backend is in the plan',
    run: async t => {
      const backend = t.bus.backend === 'kafka' ? 'sqs' : 'kafka'
      const q = t.queue({ options: { [backend]: { partitions: 3 } } })
      const ignored = (await t.bus.plan(q)).filter(({ how }) => how === 'ignored')
      assert.equal(ignored.length, 1)
      assert.match(ignored[0]!.why, new RegExp(`options.${backend} .*partitions`))
    },
  },
  {
    name: 'what a contract uses and the backend cannot is refused at the first use',
    run: async t => {
      const everything = t.keyed({
        dedupe: { id: ({ n }) => `${n}`, window: '10m' },
        ttl: '1h',
        priorities: 3,
      })
      const rows = await t.bus.plan(everything)
      const impossible = rows.filter(({ how, used }) => how === 'impossible' && used)
      const sending = t.bus.send(everything, { n: 1, key: 'k' })
      if (impossible.length === 0) await sending
      else await assert.rejects(sending, UnsupportedError)
    },
  },
  {
    name: 'emulate: refuse turns what is emulated into an error',
    run: async t => {
      const q = t.queue()
      const rows = await t.bus.plan(q)
      const emulated = rows.some(({ how, used }) => how === 'emulated' && used)
      const strict = await t.open({ emulate: 'refuse' })
      const sending = strict.send(q, { n: 1 })
      if (emulated) await assert.rejects(sending, { code: 'SPILLWAY_P_EMULATED' })
      else await sending
    },
  },
  {
    name: 'emulate: warn says it once',
    run: async t => {
      const q = t.queue()
      const rows = await t.bus.plan(q)
      const emulated = rows.filter(({ how, used }) => how === 'emulated' && used).length
      const bus = await t.open({ emulate: 'warn' })
      for (let n = 0; n < 3; n++) await bus.send(q, { n })
      const warned = t.events.filter(({ kind }) => kind === 'emulated').length
      assert.equal(warned, emulated)
    },
  },
]

export const togetherCases: readonly Case[] = [...transactions, ...plans]
