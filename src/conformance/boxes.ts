/** Cases about inbox and outbox, with a small database in memory: on every backend the same. */

import assert from 'node:assert/strict'
import {
  fixed,
  type InboxStore,
  type OutboxRow,
  type OutboxStore,
  Reject,
  type RelayStep,
} from '../client/client.ts'
import type { Case, Item } from './trial.ts'

/** What a transaction writes; it is there after the commit. */
interface Tx {
  readonly effects: number[]
  readonly rows: Omit<OutboxRow, 'sequence'>[]
}

class Database implements InboxStore<Tx>, OutboxStore<Tx> {
  readonly effects: number[] = []
  /** How often a message came. */
  claims = 0
  readonly #claimed = new Set<string>()
  #rows: OutboxRow[] = []
  #sequence = 0

  async prepare(): Promise<void> {}

  async transaction(work: (tx: Tx) => Promise<void>): Promise<void> {
    const tx: Tx = { effects: [], rows: [] }
    await work(tx)
    this.effects.push(...tx.effects)
    for (const row of tx.rows) this.#rows.push({ ...row, sequence: String(++this.#sequence) })
  }

  async claim(
    { consumer, id }: { readonly consumer: string; readonly id: string },
    work: (tx: Tx) => Promise<void>,
  ): Promise<{ readonly isDuplicate: boolean }> {
    this.claims++
    const place = `${consumer} ${id}`
    if (this.#claimed.has(place)) return { isDuplicate: true }
    await this.transaction(work)
    this.#claimed.add(place)
    return { isDuplicate: false }
  }

  async insert(tx: Tx, rows: readonly Omit<OutboxRow, 'sequence'>[]): Promise<void> {
    tx.rows.push(...rows)
  }

  async relay(
    countMax: number,
    send: (rows: readonly OutboxRow[]) => Promise<RelayStep>,
  ): Promise<boolean> {
    const { sent, refused } = await send(this.#rows.slice(0, countMax))
    const gone = new Set([...sent, ...refused.map(({ sequence }) => sequence)])
    this.#rows = this.#rows.filter(({ sequence }) => !gone.has(sequence))
    return true
  }
}

export const boxCases: readonly Case[] = [
  {
    name: 'an inbox: a message that comes twice has one effect',
    run: async t => {
      const q = t.queue()
      const inbox = new Database()
      await t.started(t.bus.consume(q, ({ n }, { tx }) => tx.effects.push(n), { inbox }))
      await t.bus.send(q, { n: 1 }, { id: `${q.name}-same` })
      await t.bus.send(q, { n: 1 }, { id: `${q.name}-same` })
      await t.until('both have come', () => inbox.claims >= 2)
      assert.deepEqual(inbox.effects, [1])
    },
  },
  {
    name: 'an inbox: calls that fail leave nothing, and the last one its effect',
    run: async t => {
      const q = t.queue({ retry: { attempts: 3, backoff: fixed(0) } })
      const inbox = new Database()
      const attempts: number[] = []
      await t.started(
        t.bus.consume(
          q,
          ({ n }, message) => {
            attempts.push(message.attempt)
            message.tx.effects.push(n)
            if (message.attempt < 3) throw new Error('x')
          },
          { inbox },
        ),
      )
      await t.bus.send(q, { n: 7 })
      await t.until('it is through', () => inbox.effects.length > 0)
      assert.deepEqual(attempts, [1, 2, 3])
      assert.deepEqual(inbox.effects, [7])
    },
  },
  {
    name: 'an inbox: what a handler sends goes out with its transaction, and names its cause',
    run: async t => {
      const first = t.queue({ retry: { attempts: 3, backoff: fixed(0) } })
      const second = t.queue()
      const inbox = new Database()
      const follows = t.inbox<string | undefined>()
      t.bus.outbox(inbox, { every: 5 })
      await t.work(second, (_, { headers }) => follows.push(headers['spillway-causation']))
      await t.started(
        t.bus.consume(
          first,
          async ({ n }, message) => {
            await message.send(second, { n })
            if (message.attempt < 2) throw new Error('x')
          },
          { inbox },
        ),
      )
      const [receipt] = await t.bus.send(first, { n: 1 })
      assert.deepEqual(await follows.first(1), [receipt!.id])
      await t.drained(first)
      assert.equal(follows.all.length, 1)
    },
  },
  {
    name: 'an inbox: what is rejected has no effect, and its letter is there',
    run: async t => {
      const q = t.queue()
      const inbox = new Database()
      await t.started(
        t.bus.consume(
          q,
          async ({ n }, message) => {
            message.tx.effects.push(n)
            await message.send(q, { n: 2 })
            throw new Reject('no')
          },
          { inbox },
        ),
      )
      await t.bus.send(q, { n: 1 })
      await t.until('it is dead', async () => (await t.bus.dlq(q).count()) === 1)
      assert.deepEqual(inbox.effects, [])
      assert.equal(inbox.claims, 1)
    },
  },
  {
    name: 'an inbox: groups of a topic have claims of their own',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups')
      const inbox = new Database()
      for (const group of ['a', 'b']) {
        await t.started(
          t.bus.subscribe(topic, { group, inbox }, ({ n }, { tx }) => tx.effects.push(n)),
        )
      }
      await t.bus.publish(topic, { n: 1 }, { id: `${topic.name}-same` })
      await t.bus.publish(topic, { n: 1 }, { id: `${topic.name}-same` })
      await t.until('all have come', () => inbox.claims >= 4)
      assert.deepEqual(inbox.effects, [1, 1])
    },
  },
  {
    name: 'an outbox sends what is committed, in order for each key, and nothing else',
    run: async t => {
      const q = t.keyed()
      const database = new Database()
      const outbox = t.bus.outbox(database, { every: 5, batch: 4 })
      const rolledBack = database.transaction(async tx => {
        await outbox.send(tx, q, { n: -1, key: 'a' })
        throw new RangeError('no')
      })
      await assert.rejects(rolledBack, RangeError)
      const items = Array.from({ length: 10 }, (_, n) => ({ n, key: n % 2 === 0 ? 'a' : 'b' }))
      let ids: string[] = []
      await database.transaction(async tx => {
        ids = await outbox.send(tx, q, items)
      })
      const inbox = t.inbox<{ readonly item: Item; readonly id: string }>()
      await t.work(q, (item, { id }) => inbox.push({ item, id }))
      const got = await inbox.first(10)
      for (const key of ['a', 'b']) {
        const ofKey = got.filter(({ item }) => item.key === key)
        assert.deepEqual(
          ofKey.map(({ item }) => item),
          items.filter(item => item.key === key),
        )
        assert.deepEqual(
          ofKey.map(({ id }) => id),
          ids.filter((_, at) => items[at]!.key === key),
        )
      }
    },
  },
  {
    name: 'an outbox publishes events, and refuses a wrong shape before it writes',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'groups')
      const database = new Database()
      const outbox = t.bus.outbox(database, { every: 5 })
      const inbox = t.inbox<number>()
      await t.follow(topic, { group: 'g', from: 'earliest' }, ({ n }) => inbox.push(n))
      await database.transaction(async tx => {
        await outbox.publish(tx, topic, [{ n: 1 }, { n: 2 }])
        const priority = outbox.send(tx, t.queue(), { n: 3 }, { priority: 9 })
        await assert.rejects(priority, { code: 'SPILLWAY_E_PRIORITY' })
        assert.equal(tx.rows.length, 2)
      })
      const got = await inbox.first(2)
      assert.deepEqual([...got].sort(), [1, 2])
    },
  },
]
