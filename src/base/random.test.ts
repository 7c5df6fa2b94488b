import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from './random.ts'

describe('SeededRandom', () => {
  it('gives the same sequence for the same seed, and another for another', () => {
    const first = new SeededRandom(42)
    const same = new SeededRandom(42)
    const other = new SeededRandom(43)
    const take = (random: SeededRandom) => Array.from({ length: 20 }, () => random.uint32())
    const sequence = take(first)
    assert.deepEqual(take(same), sequence)
    assert.notDeepEqual(take(other), sequence)
    assert.notDeepEqual(take(new SeededRandom(42 + 2 ** 40)), sequence)
    // Written down, so that a change of the sequence (and with it of every seed) is noticed.
    assert.deepEqual(sequence.slice(0, 3), [1_849_552_023, 4_223_452_576, 118_919_111])
  })

  it('spreads evenly', () => {
    const random = new SeededRandom(1)
    const seen = new Array<number>(10).fill(0)
    for (let turn = 0; turn < 100_000; turn++) seen[random.below(10)]!++
    for (const count of seen) assert.ok(count > 9500 && count < 10_500, `${seen}`)
  })

  it('weighs', () => {
    const random = new SeededRandom(2)
    const seen = [0, 0, 0, 0]
    for (let turn = 0; turn < 40_000; turn++) seen[random.weighted([1, 0, 3, 0])]!++
    assert.equal(seen[1], 0)
    assert.equal(seen[3], 0)
    assert.ok(Math.abs(seen[2]! / seen[0]! - 3) < 0.2, `${seen}`)
  })

  it('stays between its bounds', () => {
    const random = new SeededRandom(9)
    for (let turn = 0; turn < 1000; turn++) {
      const value = random.between(-2, 2)
      assert.ok(value >= -2 && value <= 2)
      const fraction = random.fork().float()
      assert.ok(fraction >= 0 && fraction < 1)
      assert.ok(['a', 'b'].includes(random.pick(['a', 'b'])))
    }
    assert.equal(random.chance(0), false)
    assert.equal(random.chance(1), true)
  })
})
