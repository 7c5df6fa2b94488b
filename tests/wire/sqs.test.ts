import { ok } from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzSqs } from './sqs-fuzz.ts'

test('broken SQS requests, in both protocols, are answered in AWS’ words and harm nobody', () => {
  const { statuses, breaches } = fuzzSqs(1, 1000)
  ok((statuses.get(200) ?? 0) > 100, 'many are right enough')
  ok((statuses.get(400) ?? 0) > 100, 'many are refused')
  ok(breaches > 10, 'some are no HTTP')
})
