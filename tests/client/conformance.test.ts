/** The conformance suite on the embedded engine, in memory and in a folder: no case is skipped. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { connect } from '../../src/client/client.ts'
import { conformanceCases, runCase, type Subject } from '../../src/conformance/conformance.ts'
import { systemClock } from '../../src/platform/clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'spillway-client-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const common = { connect, clock: systemClock, run: 'c', unitMs: 20, patienceMs: 10_000 }
const subjects: readonly Subject[] = [
  { ...common, url: 'memory:conformance' },
  { ...common, url: `file:${folder}` },
]

for (const subject of subjects) {
  describe(`conformance on ${subject.url.replace(/:.*/, ':')}`, { concurrency: 8 }, () => {
    // Held open, so that the engine is not closed and opened again between two cases.
    const holding = connect(subject.url)
    after(async () => (await holding).close())
    for (const [number, one] of conformanceCases.entries()) {
      it(one.name, { timeout: 30_000 }, async () => {
        assert.deepEqual(await runCase(one, number, subject), { kind: 'passed' })
      })
    }
  })
}
