/** Cases about events: groups, their places, their failures, and history. */

import assert from 'node:assert/strict'
import { fixed, type Topic } from '../client/client.ts'
import { arrayOf, type Case, type Item, type Trial } from './trial.ts'

async function numbers(t: Trial, topic: Topic<Item>, options: object = {}): Promise<number[]> {
  const events = await arrayOf(t.bus.read(topic, options))
  return events.map(({ body }) => body.n)
}

const groups: readonly Case[] = [
  {
    name: 'each group sees every event',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups')
      const a = t.inbox<number>()
      const b = t.inbox<number>()
      await t.follow(topic, { group: 'a', from: 'earliest' }, ({ n }) => a.push(n))
      await t.follow(topic, { group: 'b', from: 'earliest' }, ({ n }) => b.push(n))
      await t.bus.publish(topic, [{ n: 1 }, { n: 2 }])
      assert.deepEqual((await a.first(2)).sort(), [1, 2])
      assert.deepEqual((await b.first(2)).sort(), [1, 2])
    },
  },
  {
    name: 'within a group, each event once',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups')
      const inbox = t.inbox<number>()
      const other = await t.open()
      const from = 'earliest'
      await t.follow(topic, { group: 'a', from }, ({ n }) => inbox.push(n))
      await t.follow(topic, { group: 'a', from, bus: other }, ({ n }) => inbox.push(n))
      const items = Array.from({ length: 30 }, (_, n) => ({ n }))
      await t.bus.publish(topic, items)
      await inbox.first(30)
      await t.until('none is left', async () => {
        const { ready, leased } = await t.bus.depth(topic, 'a')
        return ready + leased === 0
      })
      assert.equal(new Set(inbox.all).size, 30)
      assert.equal(inbox.all.length, 30)
    },
  },
  {
    name: 'a new group from `earliest` begins with what is there',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups', 'history')
      await t.bus.publish(topic, [{ n: 1 }, { n: 2 }])
      const inbox = t.inbox<number>()
      await t.follow(topic, { group: 'late', from: 'earliest' }, ({ n }) => inbox.push(n))
      await t.bus.publish(topic, { n: 3 })
      assert.deepEqual(await inbox.first(3), [1, 2, 3])
    },
  },
  {
    name: 'a new group from `latest`, the default, begins with what comes',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups')
      await t.bus.publish(topic, { n: 1 })
      const inbox = t.inbox<number>()
      await t.follow(topic, { group: 'late' }, ({ n }) => inbox.push(n))
      await t.bus.publish(topic, { n: 2 })
      assert.deepEqual(await inbox.first(1), [2])
    },
  },
  {
    name: 'a new group may begin at a time',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups', 'history')
      await t.bus.publish(topic, { n: 1 })
      await t.pass(t.unitMs)
      const timestamp = t.now
      await t.pass(t.unitMs)
      await t.bus.publish(topic, { n: 2 })
      const inbox = t.inbox<number>()
      await t.follow(topic, { group: 'g', from: { timestamp } }, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(1), [2])
    },
  },
  {
    name: 'a new group may begin at a position',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups', 'history')
      const receipts = await t.bus.publish(topic, [{ n: 1 }, { n: 2 }, { n: 3 }])
      const position = receipts[1]!.position!
      const inbox = t.inbox<number>()
      await t.follow(topic, { group: 'g', from: { position } }, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(2), [2, 3])
    },
  },
  {
    name: 'a group keeps its place while nobody is there',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups')
      const inbox = t.inbox<number>()
      const worker = await t.follow(topic, { group: 'g' }, ({ n }) => inbox.push(n))
      await t.bus.publish(topic, { n: 1 })
      await inbox.first(1)
      await worker.drain()
      await t.bus.publish(topic, { n: 2 })
      await t.follow(topic, { group: 'g', from: 'latest' }, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(2), [1, 2])
    },
  },
  {
    name: 'what fails in one group is no matter of the others',
    run: async t => {
      const topic = t.topic({ retry: { attempts: 3, backoff: fixed(0) } })
      await t.needs(topic, 'groups', 'retry')
      const bad = t.inbox<number>()
      const good = t.inbox<number>()
      await t.follow(topic, { group: 'bad' }, (_, { attempt }) => {
        bad.push(attempt)
        throw new Error('x')
      })
      await t.follow(topic, { group: 'good' }, (_, { attempt }) => good.push(attempt))
      await t.bus.publish(topic, { n: 1 })
      assert.deepEqual(await bad.first(3), [1, 2, 3])
      assert.deepEqual(await good.first(1), [1])
      await t.until('it is dead', async () => (await t.bus.dlq(topic, 'bad').count()) === 1)
      assert.equal(await t.bus.dlq(topic, 'good').count(), 0)
      const [letter] = await arrayOf(t.bus.dlq(topic, 'bad').peek())
      assert.equal(letter!.source, `${topic.name}/bad`)
      assert.equal(letter!.attempt, 3)
    },
  },
  {
    name: 'a redrive of a group’s dead letters is seen by that group alone',
    run: async t => {
      const topic = t.topic({ retry: { attempts: 1 } })
      await t.needs(topic, 'groups', 'dead-letter')
      let isMended = false
      const bad = t.inbox<number>()
      const good = t.inbox<number>()
      await t.follow(topic, { group: 'bad' }, ({ n }) => {
        if (!isMended) throw new Error('x')
        bad.push(n)
      })
      await t.follow(topic, { group: 'good' }, ({ n }) => good.push(n))
      await t.bus.publish(topic, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(topic, 'bad').count()) === 1)
      isMended = true
      await t.bus.dlq(topic, 'bad').redrive()
      assert.deepEqual(await bad.first(1), [1])
      await t.bus.publish(topic, { n: 2 })
      assert.deepEqual(await good.first(2), [1, 2])
    },
  },
  {
    name: 'a group keeps the order of each key',
    run: async t => {
      const topic = t.topic({ key: ({ key = '' }) => key })
      await t.needs(topic, 'groups', 'key')
      const inbox = t.inbox<Item>()
      const options = { group: 'g', from: 'earliest', concurrency: 4 } as const
      await t.follow(topic, options, item => inbox.push(item))
      for (let n = 0; n < 20; n++) await t.bus.publish(topic, { n, key: `k${n % 2}` })
      const all = await inbox.first(20)
      for (const key of ['k0', 'k1']) {
        const got = all.filter(item => item.key === key).map(({ n }) => n)
        assert.deepEqual(
          got,
          [...got].sort((a, b) => a - b),
        )
      }
    },
  },
  {
    name: 'a group that begins with history keeps the order of each key across the seam',
    run: async t => {
      const topic = t.topic({ key: ({ key = '' }) => key })
      await t.needs(topic, 'groups', 'key', 'history')
      for (let n = 0; n < 10; n++) await t.bus.publish(topic, { n, key: 'k' })
      const inbox = t.inbox<number>()
      const options = { group: 'g', from: 'earliest', concurrency: 4 } as const
      await t.follow(topic, options, ({ n }) => inbox.push(n))
      for (let n = 10; n < 20; n++) await t.bus.publish(topic, { n, key: 'k' })
      assert.deepEqual(
        await inbox.first(20),
        Array.from({ length: 20 }, (_, n) => n),
      )
    },
  },
  {
    name: 'duplicates of an event are found, for all groups',
    run: async t => {
      const topic = t.topic({ dedupe: { id: ({ n }) => `${n}`, window: '10m' } })
      await t.needs(topic, 'groups', 'dedupe')
      const inbox = t.inbox<number>()
      await t.follow(topic, { group: 'g', from: 'earliest' }, ({ n }) => inbox.push(n))
      await t.bus.publish(topic, { n: 1 })
      const [again] = await t.bus.publish(topic, { n: 1 })
      assert.equal(again!.duplicate, true)
      await t.bus.publish(topic, { n: 2 })
      assert.deepEqual(await inbox.first(2), [1, 2])
    },
  },
  {
    name: 'a group that came late does not get a duplicate either',
    run: async t => {
      const topic = t.topic({ dedupe: { id: ({ n }) => `${n}`, window: '10m' } })
      await t.needs(topic, 'groups', 'dedupe')
      await t.bus.publish(topic, { n: 1 })
      const inbox = t.inbox<number>()
      await t.follow(topic, { group: 'late', from: 'latest' }, ({ n }) => inbox.push(n))
      await t.bus.publish(topic, { n: 1 })
      await t.bus.publish(topic, { n: 2 })
      assert.deepEqual(await inbox.first(1), [2])
    },
  },
  {
    name: 'an event without a group is no error',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'send')
      const [receipt] = await t.bus.publish(topic, { n: 1 })
      assert.equal(receipt!.duplicate, false)
    },
  },
]

const history: readonly Case[] = [
  {
    name: 'history can be read, and read again',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'history')
      await t.bus.publish(topic, [{ n: 1 }, { n: 2 }, { n: 3 }])
      assert.deepEqual(await numbers(t, topic), [1, 2, 3])
      assert.deepEqual(await numbers(t, topic, { from: 'earliest' }), [1, 2, 3])
    },
  },
  {
    name: 'an empty history is empty',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'history')
      assert.deepEqual(await numbers(t, topic), [])
      assert.deepEqual(await numbers(t, topic, { from: 'latest' }), [])
    },
  },
  {
    name: 'reading takes nothing from the groups',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'history', 'groups')
      await t.bus.publish(topic, [{ n: 1 }, { n: 2 }])
      await numbers(t, topic)
      const inbox = t.inbox<number>()
      await t.follow(topic, { group: 'g', from: 'earliest' }, ({ n }) => inbox.push(n))
      assert.deepEqual(await inbox.first(2), [1, 2])
      assert.deepEqual(await numbers(t, topic), [1, 2])
    },
  },
  {
    name: 'from a position, to a position, both included',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'history')
      const items = [1, 2, 3, 4, 5].map(n => ({ n }))
      const receipts = await t.bus.publish(topic, items)
      const from = { position: receipts[1]!.position! }
      const to = { position: receipts[3]!.position! }
      assert.deepEqual(await numbers(t, topic, { from, to }), [2, 3, 4])
    },
  },
  {
    name: 'from a time, to a time',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'history')
      const times: number[] = []
      for (let n = 1; n <= 3; n++) {
        await t.bus.publish(topic, { n })
        await t.pass(t.unitMs)
        times.push(t.now)
        await t.pass(t.unitMs)
      }
      const from = { timestamp: times[0]! }
      assert.deepEqual(await numbers(t, topic, { from }), [2, 3])
      assert.deepEqual(await numbers(t, topic, { from, to: { timestamp: times[1]! } }), [2])
    },
  },
  {
    name: 'a time may be written as text',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'history')
      await t.bus.publish(topic, { n: 1 })
      assert.deepEqual(await numbers(t, topic, { from: { timestamp: '2020-01-01' } }), [1])
      const future = { from: { timestamp: '2100-01-01' } }
      assert.deepEqual(await numbers(t, topic, future), [])
      const never = numbers(t, topic, { from: { timestamp: 'yesterday' } })
      await assert.rejects(never, { code: 'SPILLWAY_E_TIME' })
    },
  },
  {
    name: 'only one key',
    run: async t => {
      const topic = t.topic({ key: ({ key = '' }) => key })
      await t.needs(topic, 'history')
      const items = [1, 2, 3, 4].map(n => ({ n, key: n % 2 === 0 ? 'even' : 'odd' }))
      await t.bus.publish(topic, items)
      assert.deepEqual(await numbers(t, topic, { key: 'even' }), [2, 4])
      assert.deepEqual(await numbers(t, topic, { key: 'none' }), [])
    },
  },
  {
    name: 'a reader may wait for more, until its signal',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'history')
      await t.bus.publish(topic, { n: 1 })
      const abort = new AbortController()
      const inbox = t.inbox<number>()
      const reading = (async () => {
        const options = { to: 'forever', signal: abort.signal } as const
        for await (const { body } of t.bus.read(topic, options)) inbox.push(body.n)
      })()
      await inbox.first(1)
      await t.bus.publish(topic, { n: 2 })
      assert.deepEqual(await inbox.first(2), [1, 2])
      abort.abort()
      await reading
    },
  },
  {
    name: 'a reader who waits for more is told when the bus closes',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'history')
      const bus = await t.open()
      const reading = arrayOf(bus.read(topic, { to: 'forever' }))
      await t.bus.publish(topic, { n: 1 })
      await t.pass(t.unitMs)
      await bus.close()
      assert.ok((await reading).length <= 1)
    },
  },
  {
    name: 'an event says who, when, where',
    run: async t => {
      const topic = t.topic({ key: ({ key = '' }) => key })
      await t.needs(topic, 'history')
      const options = { headers: { tenant: 'ada' } }
      const [receipt] = await t.bus.publish(topic, { n: 1, key: 'k' }, options)
      const [event] = await arrayOf(t.bus.read(topic))
      assert.equal(event!.id, receipt!.id)
      assert.equal(event!.key, 'k')
      assert.equal(event!.headers['tenant'], 'ada')
      assert.ok(Math.abs(event!.time - t.now) < 60_000)
      if (receipt!.position !== undefined) assert.equal(event!.position, receipt!.position)
    },
  },
  {
    name: 'many events are read in order',
    run: async t => {
      const topic = t.topic({ key: () => 'k' })
      await t.needs(topic, 'history', 'key')
      const items = Array.from({ length: 700 }, (_, n) => ({ n }))
      await t.bus.publish(topic, items)
      assert.deepEqual(
        await numbers(t, topic),
        items.map(({ n }) => n),
      )
    },
  },
]

export const topicCases: readonly Case[] = [...groups, ...history]
