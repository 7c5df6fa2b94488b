import { equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { redisPage } from './page.ts'

test('the compatibility page is what the table says', () => {
  equal(readFileSync('docs/compatibility/redis.md', 'utf8'), redisPage())
})
