import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from '../testing/clock.ts'
import { Deadlines } from './deadlines.ts'

describe('deadlines of one length', () => {
  it('are due in their order, each at its own time, on one timer', () => {
    const clock = new SimulatedClock()
    const deadlines = new Deadlines(clock, 10)
    const late: string[] = []
    deadlines.begin(() => late.push('a'))
    const met = deadlines.begin(() => late.push('b'))
    clock.advance(4)
    deadlines.begin(() => late.push('c'))
    met.cancel()
    met.cancel()
    clock.advance(6)
    assert.deepEqual(late, ['a'])
    clock.advance(3)
    assert.deepEqual(late, ['a'])
    clock.advance(1)
    assert.deepEqual(late, ['a', 'c'])
  })

  it('leave no timer behind when all are met', () => {
    const clock = new SimulatedClock()
    const deadlines = new Deadlines(clock, 10)
    const both = [deadlines.begin(assert.fail), deadlines.begin(assert.fail)]
    for (const deadline of both) deadline.cancel()
    assert.equal(clock.untilNext(), Number.POSITIVE_INFINITY)
  })

  it('may be begun and met by what is called when one is due', () => {
    const clock = new SimulatedClock()
    const deadlines = new Deadlines(clock, 10)
    const late: string[] = []
    deadlines.begin(() => {
      late.push('a')
      second.cancel()
      deadlines.begin(() => late.push('d'))
    })
    const second = deadlines.begin(() => late.push('b'))
    clock.advance(5)
    deadlines.begin(() => late.push('c'))
    clock.advance(5)
    assert.deepEqual(late, ['a'])
    clock.advance(5)
    assert.deepEqual(late, ['a', 'c'])
    clock.advance(5)
    assert.deepEqual(late, ['a', 'c', 'd'])
    assert.equal(clock.untilNext(), Number.POSITIVE_INFINITY)
  })
})
