import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../base/random.ts'
import { RecordIndex } from './record-index.ts'

describe('the index of records', () => {
  it('lists those of one file as looking each one up does, with gaps, copies and removals', () => {
    const random = new SeededRandom(11)
    const index = new RecordIndex()
    const taken = { file: 0, offset: 0, length: 0, body: 0 }
    let position = 0
    const positions: number[] = []
    for (let count = 0; count < 5_000; count++) {
      position += random.below(10) === 0 ? 1 + random.below(5) : 1
      positions.push(position)
      index.add(position, count < 2_000 ? 1 : 2, count * 100, 90, count % 7)
    }
    for (const each of positions) {
      if (random.below(4) === 0) index.remove(each, taken)
      else if (random.below(20) === 0) index.move(each, 3, each, 80)
    }
    for (const file of [1, 2, 3, 4]) {
      for (const from of [0, positions[1_500]!, positions[2_500]! + 1, position + 1]) {
        const listed: number[][] = []
        index.forEachInFile(from, file, (...entry) => listed.push(entry))
        const entry = { file: 0, offset: 0, length: 0, body: 0 }
        const expected = positions
          .filter(each => each >= from && index.find(each, entry) && entry.file === file)
          .map(each => {
            index.find(each, entry)
            return [each, entry.offset, entry.length, entry.body]
          })
        assert.deepEqual(listed, expected)
      }
    }
  })
})
