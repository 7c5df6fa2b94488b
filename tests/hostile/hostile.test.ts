import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSpillway } from '../harness/broker.ts'
import { Chance } from '../harness/chance.ts'
import { runAttacks } from './run.ts'
import { quickSizes } from './sizes.ts'

test('a hostile peer hurts only itself', async () => {
  const broker = await startSpillway()
  const results = await runAttacks(broker, { chance: new Chance(3), sizes: quickSizes })
  await broker.stop()
  assert.deepEqual(
    results.filter(({ failure }) => failure !== undefined),
    [],
  )
})
