import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../base/random.ts'
import { Unacked } from './unacked.ts'

test('a ring of deliveries agrees with a plain map under any sequence', () => {
  const random = new SeededRandom(3)
  const ring = new Unacked<string>()
  const model = new Map<number, number>()
  const restorable: [number, number][] = []
  for (let step = 0; step < 20_000; step++) {
    const choice = random.below(10)
    if (choice < 4) {
      model.set(ring.add(step, 'holder'), step)
    } else if (choice === 4) {
      ring.skip()
    } else if (choice < 8) {
      const tag = random.below(ring.nextTag + 2)
      const taken = ring.take(tag, (position, _holder, at) => {
        assert.equal(at, tag)
        assert.equal(position, model.get(tag))
        restorable.push([tag, position])
      })
      assert.equal(taken, model.delete(tag))
    } else if (choice === 8 && random.chance(0.1)) {
      const last = random.below(ring.nextTag)
      const tags: number[] = []
      ring.takeThrough(last, (_position, _holder, tag) => tags.push(tag))
      assert.deepEqual(
        tags,
        [...model.keys()].filter(tag => tag <= last).sort((left, right) => left - right),
      )
      for (const tag of tags) model.delete(tag)
    } else if (restorable.length > 0) {
      const [tag, position] = restorable.pop()!
      if (ring.nextTag - tag > 1000) continue
      ring.restore(tag, position, 'holder')
      model.set(tag, position)
    }
    assert.equal(ring.size, model.size)
    const low = model.size === 0 ? ring.nextTag : Math.min(...model.keys())
    assert.equal(ring.lowTag, low)
  }
})

test('a tag waits once: what was taken is unknown afterwards', () => {
  const ring = new Unacked<string>()
  const tag = ring.add(9, 'holder')
  assert.equal(tag, 1)
  assert.ok(ring.has(tag))
  assert.ok(ring.take(tag, () => {}))
  assert.ok(!ring.has(tag))
  assert.ok(!ring.take(tag, () => {}))
  assert.ok(!ring.take(0, () => {}))
  assert.ok(!ring.take(Number.MAX_SAFE_INTEGER, () => {}))
})
