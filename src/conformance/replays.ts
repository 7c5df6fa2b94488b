/** Cases about a topic's history that is replayed for a group. */

import assert from 'node:assert/strict'
import { UnsupportedError } from '../client/client.ts'
import { arrayOf, type Case, type Item, type Trial } from './trial.ts'

/** A topic with some events, and groups that have handled them. */
async function history(t: Trial, groups: readonly string[]) {
  const topic = t.topic({ key: ({ key = 'k' }: Item) => key })
  await t.needs(topic, 'history', 'groups')
  const got = t.inbox<string>()
  for (const group of groups) {
    await t.follow(topic, { group, from: 'earliest' }, ({ n }) => got.push(`${group}${n}`))
  }
  const items = [1, 2, 3, 4].map(n => ({ n, key: n % 2 === 0 ? 'even' : 'odd' }))
  await t.bus.publish(topic, items)
  await got.first(4 * groups.length)
  return { topic, got }
}

export const replayCases: readonly Case[] = [
  {
    name: 'a replay is for one group, and the others hear nothing',
    run: async t => {
      const { topic, got } = await history(t, ['a', 'b'])
      const result = await t.bus.replay(topic, { group: 'a' })
      assert.equal(result.replayed, 4)
      assert.equal(result.looked, 4)
      const again = (await got.first(12)).slice(8)
      assert.deepEqual([...again].sort(), ['a1', 'a2', 'a3', 'a4'])
      await t.bus.publish(topic, { n: 5, key: 'odd' })
      const later = (await got.first(14)).slice(12)
      assert.deepEqual([...later].sort(), ['a5', 'b5'], 'both go on where they were')
      assert.equal(got.all.length, 14)
    },
  },
  {
    name: 'a replay begins where it is told to, and takes what is chosen',
    run: async t => {
      const { topic, got } = await history(t, ['a'])
      const events = await arrayOf(t.bus.read(topic))
      const { position } = events.find(({ body }) => body.n === 2)!
      const some = {
        group: 'a',
        from: { position },
        where: (event: { readonly body: unknown }) => (event.body as Item).n !== 3,
      }
      const result = await t.bus.replay(topic, some)
      assert.equal(result.replayed, 2)
      assert.deepEqual([...(await got.first(6)).slice(4)].sort(), ['a2', 'a4'])
      const odd = await t.bus.replay(topic, { group: 'a', key: 'odd', limit: 1 })
      assert.equal(odd.replayed, 1)
      assert.deepEqual((await got.first(7)).slice(6), ['a1'])
      assert.equal(odd.position, events.find(({ body }) => body.n === 1)!.position)
    },
  },
  {
    name: 'a replay that is only counted sends nothing',
    run: async t => {
      const { topic, got } = await history(t, ['a'])
      const result = await t.bus.replay(topic, { group: 'a', key: 'even', dryRun: true })
      assert.deepEqual(result, { looked: 4, matched: 2, replayed: 0, position: undefined })
      await t.bus.replay(topic, { group: 'a', limit: 1 })
      assert.deepEqual((await got.first(5)).slice(4), ['a1'])
      assert.equal(got.all.length, 5)
    },
  },
  {
    name: 'an event that is replayed keeps its id, or has a new one and names the old',
    run: async t => {
      const topic = t.topic()
      await t.needs(topic, 'history', 'groups')
      const got = t.inbox<readonly [id: string, cause: string | undefined, attempt: number]>()
      await t.follow(topic, { group: 'a', from: 'earliest' }, (_, { id, headers, attempt }) =>
        got.push([id, headers['spillway-causation'], attempt]),
      )
      const [receipt] = await t.bus.publish(topic, { n: 1 })
      await got.first(1)
      await t.bus.replay(topic, { group: 'a' })
      assert.deepEqual((await got.first(2))[1], [receipt!.id, undefined, 1])
      await t.bus.replay(topic, { group: 'a', newIds: true })
      const [id, cause] = (await got.first(3))[2]!
      assert.notEqual(id, receipt!.id)
      assert.equal(cause, receipt!.id)
    },
  },
  {
    name: 'where history is forgotten, a replay says so',
    run: async t => {
      const topic = t.topic()
      const rows = await t.bus.plan(topic)
      const isPossible = ['history', 'groups'].every(
        name => rows.find(({ feature }) => feature === name)!.how !== 'impossible',
      )
      if (isPossible) {
        await t.follow(topic, { group: 'a' }, () => {})
        assert.equal((await t.bus.replay(topic, { group: 'a' })).replayed, 0)
      } else {
        await assert.rejects(t.bus.replay(topic, { group: 'a' }), UnsupportedError)
      }
    },
  },
]
