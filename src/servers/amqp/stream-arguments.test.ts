import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableOf } from '../../wire/amqp/field-table.ts'
import { ageOf } from './ages.ts'
import { passes, streamFilterOf, streamFromOf } from './stream-arguments.ts'

test('a length of time is a number and a unit', () => {
  assert.equal(ageOf('90s'), 90_000)
  assert.equal(ageOf('7D'), 7 * 24 * 3_600_000)
  for (const text of ['', '5', 's', '0s', '5x', '5 s', '5ms']) assert.equal(ageOf(text), undefined)
})

test('a reader begins at a word, an offset, a time or an age', () => {
  const from = (offset: unknown) =>
    streamFromOf('s', '/', tableOf({ 'x-stream-offset': offset as number }))
  assert.deepEqual(streamFromOf('s', '/', []), { at: 'next' })
  assert.deepEqual(from('first'), { at: 'first' })
  assert.deepEqual(from(7), { offset: 7 })
  assert.deepEqual(from('5m'), { ageMs: 300_000 })
  const time = [['x-stream-offset', { type: 'T', value: 60n }]] as const
  assert.deepEqual(streamFromOf('s', '/', time), { time: 60_000 })
  assert.throws(() => from('soon'), /failed consuming from stream queue 's'.*invalid_max_age/)
  assert.throws(() => from(-1), /invalid_offset_arg/)
})

test('a filter lets through what it names, and what nothing marks when asked', () => {
  const marked = (value: string) => tableOf({ 'x-stream-filter-value': value })
  const one = streamFilterOf(tableOf({ 'x-stream-filter': 'a' }))!
  assert.deepEqual(
    [passes(one, marked('a')), passes(one, marked('b')), passes(one, [])],
    [true, false, false],
  )
  const both = { 'x-stream-filter': ['a', 'b'], 'x-stream-match-unfiltered': true }
  const more = streamFilterOf(tableOf(both as never))!
  assert.deepEqual(
    [passes(more, marked('b')), passes(more, marked('c')), passes(more, [])],
    [true, false, true],
  )
  assert.equal(streamFilterOf([]), undefined)
})
