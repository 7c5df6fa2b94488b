import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseDuration, printDuration } from './duration.ts'

describe('durations', () => {
  it('are read', () => {
    assert.equal(parseDuration('500ms'), 500)
    assert.equal(parseDuration('30s'), 30_000)
    assert.equal(parseDuration('5m'), 300_000)
    assert.equal(parseDuration('7d'), 604_800_000)
    assert.equal(parseDuration('1h30m'), 5_400_000)
    assert.equal(parseDuration('1.5s'), 1500)
    assert.equal(parseDuration('0'), 0)
  })

  it('are refused when they are unclear', () => {
    for (const text of [
      '',
      '5',
      '-5s',
      's',
      '5 s',
      '5x',
      '5sx',
      'NaNs',
      '1e3s',
      `${'9'.repeat(30)}d`,
    ]) {
      assert.equal(parseDuration(text), undefined, text)
    }
  })

  it('are printed so that they are read back', () => {
    for (const ms of [0, 1, 999, 1000, 61_000, 5_400_000, 604_800_000, 123_456_789]) {
      assert.equal(parseDuration(printDuration(ms)), ms)
    }
    assert.equal(printDuration(5_400_000), '1h30m')
  })
})
