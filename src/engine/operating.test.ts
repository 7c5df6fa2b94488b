/** What a person does who looks after queues: looking back, pausing, moving by hand. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeUtf8, encodeUtf8, noBytes } from '../base/bytes.ts'
import { simulatedWorld } from '../testing/testing.ts'
import { openEngine } from './engine.ts'
import type { RecordInput, StoredRecord } from './model.ts'

const text = (body: string, rest: Partial<RecordInput> = {}): RecordInput => ({
  format: 0,
  envelope: noBytes,
  body: encodeUtf8(body),
  ...rest,
})

function opened() {
  const world = simulatedWorld(11)
  const engine = openEngine(world)
  engine.createLog('q', { queue: {} })
  const read = (from: Parameters<typeof engine.read>[1], countMax = 100): string[] => {
    const outcome = engine.read('q', from, { countMax, bytesMax: 1e6 })
    assert.ok(outcome.ok)
    return outcome.value.map((record: StoredRecord) => decodeUtf8(record.body))
  }
  return { world, engine, read }
}

test('reading backwards gives the newest record before a position first, over gaps', () => {
  const { engine, read } = opened()
  assert.deepEqual(read({ before: 5 }), [])
  for (let index = 0; index < 3000; index++) engine.append('q', [text(String(index))])
  const gone = Array.from({ length: 2000 }, (_, index) => index + 500)
  engine.trim('q', { positions: gone })
  assert.deepEqual(read({ before: 3000 }, 2), ['2999', '2998'])
  assert.deepEqual(read({ before: 2501 }, 3), ['2500', '499', '498'])
  assert.deepEqual(read({ before: 1 }), ['0'])
  assert.deepEqual(read({ before: 0 }), [])
  assert.equal(read({ before: Number.MAX_SAFE_INTEGER }, 5000).length, 1000)
})

test('a standing says who holds a record, how often it was tried, and until when', () => {
  const { world, engine } = opened()
  engine.append('q', [text('a'), text('b'), text('late', { dueAt: engine.now + 5000 })])
  engine.lease({ log: 'q' }, { holder: 'worker', countMax: 1, leaseMs: 1000 })
  const now = engine.now
  assert.deepEqual(
    engine
      .standings('q', [0, 1, 2, 3])
      .map(({ state, attempts, holder, until }) => [state, attempts, holder, until]),
    [
      ['leased', 1, 'worker', now + 1000],
      ['ready', 0, undefined, undefined],
      ['delayed', 0, undefined, now + 5000],
    ],
  )
  world.clock.runUntilIdle(1500)
  assert.deepEqual(
    engine.standings('q', [0]).map(({ state, attempts }) => [state, attempts]),
    [['ready', 1]],
  )
  assert.deepEqual(engine.standings('nowhere', [0]), [])
  engine.createLog('log', {})
  engine.append('log', [text('x')])
  assert.equal(engine.standings('log', [0])[0]?.state, 'kept')
})

test('a paused queue takes records and hands none out, until it is resumed', () => {
  const { world, engine } = opened()
  const got: string[] = []
  const subscribed = engine.subscribe('q', {
    holder: 'h',
    credit: 10,
    deliver: ({ record }) => got.push(decodeUtf8(record.body)),
    ended: () => {},
  })
  assert.ok(subscribed.ok)
  assert.ok(engine.pause('q', true).ok)
  engine.append('q', [text('a'), text('b')])
  world.clock.runUntilIdle(100)
  const leased = engine.lease({ log: 'q' }, { holder: 'other', countMax: 5 })
  assert.deepEqual(leased, { ok: true, value: [] })
  assert.deepEqual(got, [])
  const info = engine.log('q')!
  assert.deepEqual([info.paused, info.ready], [true, 2])
  assert.ok(engine.pause('q', false).ok)
  world.clock.runUntilIdle(100)
  assert.deepEqual(got, ['a', 'b'])
  engine.createLog('log', {})
  assert.equal(engine.pause('log', true).ok, false)
  assert.equal(engine.pause('nowhere', true).ok, false)
})

test('a record that is moved by hand keeps its history, over a restart too', () => {
  const { world, engine } = opened()
  const death = {
    queue: 'orders',
    reason: 'rejected',
    count: 2,
    time: 7,
    route: '',
    keys: ['orders'],
  } as const
  engine.append('q', [text('a', { deaths: [death] })])
  world.clock.runUntilIdle(1000)
  let isClosed = false
  engine.close(() => {
    isClosed = true
  })
  world.clock.runUntilIdle(1000)
  assert.ok(isClosed)
  const again = openEngine(world)
  const found = again.read('q', { position: 0 }, { countMax: 1, bytesMax: 1000 })
  assert.ok(found.ok)
  assert.deepEqual(found.value[0]?.deaths, [death])
})
