import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { repositoryFolder } from '../harness/broker.ts'
import { sqsPage } from './page.ts'

test('the page about SQS is that of the tables', () => {
  const file = join(repositoryFolder(), 'docs/compatibility/sqs.md')
  assert.equal(readFileSync(file, 'utf8'), sqsPage())
})
