/** The page about backends is what the drivers say. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { backendsPage } from './page.ts'

it('the page of backends is what the plans say', async () => {
  assert.equal(readFileSync('docs/compatibility/backends.md', 'utf8'), await backendsPage())
})
