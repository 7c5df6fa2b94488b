import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from './clock.ts'

describe('the simulated clock', () => {
  it('stands still until it is moved', () => {
    const clock = new SimulatedClock(1000)
    clock.schedule(10, () => assert.fail('ran'))
    assert.equal(clock.now(), 1000)
    assert.equal(clock.monotonic(), 0)
    clock.advance(9.5)
    assert.equal(clock.now(), 1009)
    assert.equal(clock.untilNext(), 0.5)
  })

  it('runs what is due in order of time, then of asking, and what runs soon before that', () => {
    const clock = new SimulatedClock(0)
    const seen: string[] = []
    clock.schedule(5, () => {
      seen.push(`a${clock.now()}`)
      clock.soon(() => seen.push('soon after a'))
      clock.schedule(0, () => seen.push('at once after a'))
    })
    clock.schedule(5, () => seen.push('b'))
    clock.schedule(2, () => seen.push('c'))
    clock.schedule(3, () => seen.push('never')).cancel()
    clock.soon(() => seen.push('soon'))
    clock.advance(5)
    assert.deepEqual(seen, ['soon', 'c', 'a5', 'soon after a', 'b', 'at once after a'])
    assert.equal(clock.untilNext(), Number.POSITIVE_INFINITY)
    assert.equal(clock.step(), false)
  })

  it('steps the wall clock without moving the monotonic one', () => {
    const clock = new SimulatedClock(1_000_000)
    clock.stepWall(-5000)
    assert.equal(clock.now(), 995_000)
    assert.equal(clock.monotonic(), 0)
  })

  it('tells whether it became idle, and forgets when it is cleared', () => {
    const clock = new SimulatedClock()
    const again = () => clock.schedule(10, again)
    again()
    assert.equal(clock.runUntilIdle(100), false)
    clock.clear()
    assert.equal(clock.runUntilIdle(), true)
  })
})
