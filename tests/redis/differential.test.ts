/** REDIS_PORT is a real Redis 7.0, which is flushed; SEED and COMMANDS choose the run. */

import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from './differential.ts'
import { Serving } from './serving.ts'

const port = process.env['REDIS_PORT']
const skip = port === undefined ? 'REDIS_PORT names no real Redis 7.0' : false

test('random commands have the replies of the real Redis', { skip }, async context => {
  const serving = await new Serving('7.0').start()
  const seed = Number(process.env['SEED'] ?? 1)
  const commands = Number(process.env['COMMANDS'] ?? 20_000)
  context.diagnostic(`seed ${seed}, ${commands} commands`)
  const ports = { ours: serving.port, theirs: Number(port) }
  const difference = await compare(ports, { seed, commands }).finally(() => serving.stop())
  equal(JSON.stringify(difference, undefined, 1), undefined)
})
