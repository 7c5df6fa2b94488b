import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../src/base/random.ts'
import { SqsModel } from './model.ts'

const seeds = Array.from({ length: 40 }, (_, index) => index + 1)

describe('SQS beside a naive model, on a simulated clock', () => {
  for (const fifo of [false, true]) {
    it(`${fifo ? 'FIFO' : 'standard'} queues: order, duplicates, receive counts, nothing lost`, () => {
      for (const seed of seeds) {
        const model = new SqsModel({ random: new SeededRandom(seed), fifo })
        try {
          for (let step = 0; step < 150; step++) model.step()
          model.drain()
        } catch (error) {
          assert.fail(`seed ${seed}: ${(error as Error).stack}\n${model.history.join('\n')}`)
        }
      }
    })
  }

  for (const forgets of ['DeleteMessage', 'ChangeMessageVisibility']) {
    it(`notices a server that forgets ${forgets}`, () => {
      const notices = (seed: number): boolean => {
        const model = new SqsModel({ random: new SeededRandom(seed), fifo: true, forgets })
        try {
          for (let step = 0; step < 150; step++) model.step()
          model.drain()
          return false
        } catch {
          return true
        }
      }
      assert.ok(seeds.slice(0, 5).every(notices))
    })
  }
})
