import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Heap } from './heap.ts'
import { SeededRandom } from './random.ts'

describe('Heap', () => {
  it('is empty at first', () => {
    const heap = new Heap<string>()
    assert.equal(heap.size, 0)
    assert.equal(heap.pop(), undefined)
    assert.equal(heap.peek(), undefined)
    assert.equal(heap.peekKey(), Number.POSITIVE_INFINITY)
  })

  it('gives equal keys by their ties', () => {
    const heap = new Heap<string>()
    heap.push(5, 2, 'second')
    heap.push(5, 3, 'third')
    heap.push(5, 1, 'first')
    heap.push(4, 9, 'least')
    assert.equal(heap.peek(), 'least')
    assert.equal(heap.peekTie(), 9)
    assert.deepEqual(
      [heap.pop(), heap.pop(), heap.pop(), heap.pop()],
      ['least', 'first', 'second', 'third'],
    )
  })

  it('does what a sorted list does', () => {
    const random = new SeededRandom(11)
    const heap = new Heap<number>()
    const model: { key: number; tie: number }[] = []
    for (let turn = 0; turn < 5000; turn++) {
      if (random.chance(0.55)) {
        const key = random.below(50)
        heap.push(key, turn, turn)
        model.push({ key, tie: turn })
      } else {
        model.sort((left, right) => left.key - right.key || left.tie - right.tie)
        assert.equal(heap.peekKey(), model[0]?.key ?? Number.POSITIVE_INFINITY)
        assert.equal(heap.pop(), model.shift()?.tie)
      }
      assert.equal(heap.size, model.length)
    }
  })

  it('is empty after clear', () => {
    const heap = new Heap<number>()
    heap.push(1, 1, 1)
    heap.clear()
    assert.equal(heap.size, 0)
    assert.equal(heap.pop(), undefined)
  })
})
