import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from './random.ts'
import { Ring } from './ring.ts'

describe('Ring', () => {
  it('does what an array does', () => {
    const random = new SeededRandom(3)
    const ring = new Ring<number>()
    const model: number[] = []
    for (let turn = 0; turn < 60_000; turn++) {
      const isGrowing = turn % 20_000 < 10_000
      const action = random.weighted(isGrowing ? [5, 2, 2, 1] : [1, 1, 5, 3])
      if (action === 0) {
        ring.push(turn)
        model.push(turn)
      } else if (action === 1 && model.length < 2000) {
        ring.unshift(turn)
        model.unshift(turn)
      } else if (action === 2) assert.equal(ring.shift(), model.shift())
      else assert.equal(ring.pop(), model.pop())
      assert.equal(ring.length, model.length)
      const index = random.below(model.length + 2) - 1
      assert.equal(ring.at(index), index < 0 ? undefined : model[index])
    }
    assert.deepEqual([...ring], model)
    ring.clear()
    assert.equal(ring.length, 0)
    assert.equal(ring.shift(), undefined)
  })
})
