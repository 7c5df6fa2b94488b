import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../base/random.ts'
import { type Assignment, type Claimant, partitionKey, range, uniform } from './assignors.ts'

const none: ReadonlySet<string> = new Set()

function sizes(assignment: Assignment): number[] {
  return [...assignment.values()].map(({ size }) => size).sort((left, right) => left - right)
}

test('uniform: everything is given once, and counts differ by one at most', () => {
  const topics = [
    { id: 'a', partitions: 5 },
    { id: 'b', partitions: 2 },
  ]
  const claimants = ['x', 'y', 'z'].map(id => ({ id, topics, had: none }))
  const given = uniform(claimants)
  deepEqual(sizes(given), [2, 2, 3])
  equal(new Set([...given.values()].flatMap(keys => [...keys])).size, 7)
})

test('uniform: who stays keeps what he had, as far as a newcomer lets him', () => {
  const topics = [{ id: 'a', partitions: 6 }]
  const first = uniform([
    { id: 'x', topics, had: none },
    { id: 'y', topics, had: none },
  ])
  const had = (id: string) => first.get(id) ?? none
  const second = uniform(['x', 'y', 'z'].map(id => ({ id, topics, had: had(id) })))
  deepEqual(sizes(second), [2, 2, 2])
  for (const id of ['x', 'y']) ok([...second.get(id)!].every(key => had(id).has(key)))
})

test('uniform: with subscriptions of all kinds nobody gets what he did not ask for', () => {
  const random = new SeededRandom(4)
  for (let run = 0; run < 300; run++) {
    const all = ['a', 'b', 'c', 'd'].map(id => ({ id, partitions: random.between(1, 6) }))
    const claimants: Claimant[] = Array.from({ length: random.between(1, 5) }, (_, index) => ({
      id: `m${index}`,
      topics: all.filter(() => random.chance(0.6)),
      had: new Set(all.filter(() => random.chance(0.3)).map(({ id }) => partitionKey(id, 0))),
    }))
    const given = uniform(claimants)
    const seen = new Set<string>()
    for (const { id, topics } of claimants) {
      for (const key of given.get(id)!) {
        ok(!seen.has(key), 'nothing is given twice')
        seen.add(key)
        ok(topics.some(topic => key.startsWith(`${topic.id}:`)))
      }
    }
    const wanted = new Set(claimants.flatMap(({ topics }) => topics))
    equal(
      seen.size,
      [...wanted].reduce((sum, { partitions }) => sum + partitions, 0),
    )
  }
})

test('range: neighbours to neighbours, topic by topic', () => {
  const topics = [{ id: 'a', partitions: 3 }]
  const given = range(['y', 'x'].map(id => ({ id, topics, had: none })))
  deepEqual([...given.get('x')!], ['a:0', 'a:1'])
  deepEqual([...given.get('y')!], ['a:2'])
})
