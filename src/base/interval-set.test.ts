import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IntervalSet } from './interval-set.ts'
import { SeededRandom } from './random.ts'

function same(set: IntervalSet, model: Set<number>): void {
  const sorted = [...model].sort((left, right) => left - right)
  const flat: number[] = []
  for (const position of sorted) {
    if (flat.length > 0 && flat[flat.length - 1] === position) flat[flat.length - 1] = position + 1
    else flat.push(position, position + 1)
  }
  assert.deepEqual([...set.toArray()], flat)
  assert.equal(set.count, model.size)
  assert.equal(set.intervals, flat.length / 2)
  assert.equal(set.isEmpty, model.size === 0)
  assert.equal(set.min(), sorted[0] ?? -1)
  assert.equal(set.max(), sorted[sorted.length - 1] ?? -1)
  const middle = sorted.length >> 1
  for (const rank of [0, middle, sorted.length - 1, sorted.length]) {
    if (rank >= 0) assert.equal(set.atRank(rank), sorted[rank] ?? -1)
  }
}

function step(set: IntervalSet, model: Set<number>, random: SeededRandom, space: number): void {
  const start = random.below(space)
  const length = random.chance(0.1) ? random.below(space) : random.below(12)
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      assert.equal(set.add(start), !model.has(start))
      model.add(start)
      break
    case 3:
      assert.equal(set.delete(start), model.delete(start))
      break
    case 4: {
      set.addRange(start, start + Math.min(length, 12))
      for (let p = start; p < start + Math.min(length, 12); p++) model.add(p)
      break
    }
    case 5: {
      let gone = 0
      for (let p = start; p < start + length; p++) if (model.delete(p)) gone++
      assert.equal(set.deleteRange(start, start + length), gone)
      break
    }
    case 6: {
      const least = model.size === 0 ? -1 : Math.min(...model)
      assert.equal(set.shift(), least)
      model.delete(least)
      break
    }
    default: {
      assert.equal(set.has(start), model.has(start))
      let next = start
      while (next < space * 3 && !model.has(next)) next++
      assert.equal(set.nextAtOrAfter(start), next < space * 3 ? next : -1)
    }
  }
}

describe('IntervalSet', () => {
  it('starts empty and says so', () => {
    const set = new IntervalSet()
    assert.equal(set.isEmpty, true)
    assert.equal(set.min(), -1)
    assert.equal(set.max(), -1)
    assert.equal(set.shift(), -1)
    assert.equal(set.nextAtOrAfter(0), -1)
    assert.equal(set.delete(3), false)
  })

  it('joins neighbours and splits where a hole is made', () => {
    const set = new IntervalSet()
    set.add(1)
    set.add(3)
    assert.deepEqual([...set.toArray()], [1, 2, 3, 4])
    set.add(2)
    assert.deepEqual([...set.toArray()], [1, 4])
    assert.equal(set.delete(2), true)
    assert.deepEqual([...set.toArray()], [1, 2, 3, 4])
  })

  for (const space of [20, 200, 3000]) {
    it(`does what a Set does, over ${space} positions`, () => {
      for (let seed = 1; seed <= 8; seed++) {
        const random = new SeededRandom(seed)
        const set = new IntervalSet()
        const model = new Set<number>()
        for (let turn = 0; turn < 800; turn++) {
          step(set, model, random, space)
          if (turn % 20 === 0 || space === 20) same(set, model)
        }
        same(set, model)
        same(IntervalSet.from(set.toArray()), model)
      }
    })
  }

  it('does what a Set does with thousands of intervals, through splits and merges', () => {
    const random = new SeededRandom(7)
    const set = new IntervalSet()
    const model = new Set<number>()
    for (let turn = 0; turn < 12_000; turn++) {
      const position = random.below(8000) * 2 + (random.chance(0.05) ? 1 : 0)
      assert.equal(set.add(position), !model.has(position))
      model.add(position)
    }
    same(set, model)
    for (let turn = 0; turn < 9000; turn++) {
      const position = random.below(16_000)
      assert.equal(set.delete(position), model.delete(position))
      if (turn % 1500 === 0) same(set, model)
    }
    for (let turn = 0; turn < 40; turn++) {
      const start = random.below(16_000)
      set.addRange(start, start + 700)
      for (let p = start; p < start + 700; p++) model.add(p)
      const cut = random.below(16_000)
      set.deleteRange(cut, cut + 900)
      for (let p = cut; p < cut + 900; p++) model.delete(p)
    }
    same(set, model)
    const sorted = [...model].sort((left, right) => left - right)
    for (const position of sorted) assert.equal(set.shift(), position)
    assert.equal(set.isEmpty, true)
  })

  it('works as a queue of positions with gaps', () => {
    const set = new IntervalSet()
    let next = 0
    let expected = 0
    for (let turn = 0; turn < 5000; turn++) {
      for (let add = 0; add < 3; add++) {
        set.add(next)
        next += 2
      }
      for (let take = 0; take < (turn < 2500 ? 2 : 4); take++) {
        if (set.isEmpty) break
        assert.equal(set.shift(), expected)
        expected += 2
      }
    }
    assert.equal(set.count, (next - expected) / 2)
  })

  it('holds positions beyond 32 bits', () => {
    const set = IntervalSet.from([2 ** 40, 2 ** 40 + 5, 2 ** 52, 2 ** 52 + 1])
    assert.equal(set.has(2 ** 40 + 4), true)
    assert.equal(set.nextAtOrAfter(2 ** 40 + 5), 2 ** 52)
    assert.equal(set.count, 6)
  })
})
