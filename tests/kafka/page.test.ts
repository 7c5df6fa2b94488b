import { equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { repositoryFolder } from '../harness/broker.ts'
import { kafkaPage } from './page.ts'

test('the page about Kafka says what the table says', () => {
  const path = join(repositoryFolder(), 'docs/compatibility/kafka.md')
  equal(readFileSync(path, 'utf8'), kafkaPage())
})
