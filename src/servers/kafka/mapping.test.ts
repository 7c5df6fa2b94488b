import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { ageLimitOf, isTopicName, logConfigOf, logName, partitionOf } from './mapping.ts'

test('a partition and its log name each other', () => {
  for (const topic of ['t', 'a.b_c-d', 'x'.repeat(249)]) {
    for (const partition of [0, 1, 9999]) {
      deepEqual(partitionOf(logName(topic, partition)), { topic, partition })
    }
  }
  for (const log of ['t/0', 't/x', 't/01', 'a b', '', '.', 't/1/2'])
    equal(partitionOf(log), undefined)
})

test('what cannot be a name is refused', () => {
  for (const name of ['', '.', '..', 'a/b', 'ä', 'x'.repeat(250)]) equal(isTopicName(name), false)
})

test('retention and compaction are the policy of the log', () => {
  const byDefault = logConfigOf({})
  deepEqual([byDefault.compact, byDefault.retention.ageMs], [false, undefined])
  const compacted = logConfigOf({ 'cleanup.policy': 'compact', 'retention.ms': '1000' })
  deepEqual([compacted.compact, compacted.retention.ageMs], [true, undefined])
  const both = logConfigOf({ 'cleanup.policy': 'compact,delete', 'retention.bytes': '10' })
  deepEqual([both.compact, both.retention.bytes], [true, 10])
})

test('age is a limit where the policy deletes', () => {
  equal(ageLimitOf({}), 604_800_000)
  equal(ageLimitOf({ 'retention.ms': '0' }), 0)
  equal(ageLimitOf({ 'retention.ms': '-1' }), undefined)
  equal(ageLimitOf({ 'cleanup.policy': 'compact', 'retention.ms': '1000' }), undefined)
  equal(ageLimitOf({ 'cleanup.policy': 'compact, delete', 'retention.ms': '1000' }), 1000)
})
