import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock, timerDelayMax } from './clock.ts'
import { systemRandom } from './random.ts'

describe('the system clock', () => {
  it('tells whole milliseconds and a rising monotonic time', () => {
    assert.ok(Number.isSafeInteger(systemClock.now()))
    const before = systemClock.monotonic()
    assert.ok(systemClock.monotonic() >= before)
  })

  // Which of the two comes first is Node's business: a turn that took a millisecond finds both due.
  it('runs what is due soon and what is scheduled after the current turn, once each', async () => {
    const seen: string[] = []
    await Promise.all([
      new Promise<void>(resolve => {
        systemClock.soon(() => resolve(void seen.push('soon')))
      }),
      new Promise<void>(resolve => {
        systemClock.schedule(1, () => resolve(void seen.push('scheduled')))
        systemClock.schedule(1, () => seen.push('cancelled')).cancel()
        seen.push('turn')
      }),
    ])
    assert.equal(seen[0], 'turn')
    assert.deepEqual(seen.slice(1).sort(), ['scheduled', 'soon'])
  })

  it('does not fire a far timer early', () => {
    const timer = systemClock.schedule(timerDelayMax * 3, () => assert.fail('fired'))
    timer.cancel()
  })
})

describe('the system random source', () => {
  it('gives unsigned 32-bit integers that differ', () => {
    const seen = new Set(Array.from({ length: 1000 }, () => systemRandom.uint32()))
    assert.ok(seen.size > 990)
    for (const value of seen) assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 32)
  })
})
