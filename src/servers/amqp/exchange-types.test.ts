import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../base/random.ts'
import { openEngine } from '../../engine/engine.ts'
import { simulatedWorld } from '../../testing/testing.ts'
import { tableOf } from '../../wire/amqp/field-table.ts'
import { isNew } from './deduplication.ts'
import {
  checkExchangeArguments,
  deduplicationOf,
  delayed,
  delayOf,
  hashedBy,
  idIn,
  routeKindOf,
  weightOf,
} from './exchange-types.ts'
import { limits } from './limits.ts'

test('a delayed exchange routes as the type that it wraps', () => {
  const table = tableOf({ 'x-delayed-type': 'topic' })
  assert.equal(routeKindOf('x-delayed-message', table), 'pattern')
  for (const wrong of [[], tableOf({ 'x-delayed-type': 'x-random' })]) {
    assert.throws(() => checkExchangeArguments('x-delayed-message', wrong), /x-delayed-type/)
  }
  assert.equal(routeKindOf('toString', []), undefined)
})

test('a delay is a whole number of milliseconds; what is none delays nothing', () => {
  const delay = (value: unknown) => delayOf(tableOf({ 'x-delay': value as number }))
  assert.deepEqual([delay(5), delay('70'), delay(2 ** 40)], [5, 70, limits.expiryMs])
  for (const none of [0, -5, 'soon', true]) assert.equal(delay(none), undefined)
  assert.deepEqual(delayed(tableOf({ 'x-delay': 5 }), 5), [['x-delay', { type: 'l', value: -5n }]])
})

test('a consistent hash goes by a header or a property, and weighs by the binding key', () => {
  const type = 'x-consistent-hash'
  assert.equal(hashedBy(type, []), undefined)
  assert.equal(hashedBy(type, tableOf({ 'hash-header': 'user' })), 'user')
  assert.equal(hashedBy(type, tableOf({ 'hash-property': 'message_id' })), '\u0000message_id')
  const both = tableOf({ 'hash-header': 'a', 'hash-property': 'message_id' })
  assert.throws(() => checkExchangeArguments(type, both), /mutually exclusive/)
  assert.throws(
    () => checkExchangeArguments(type, tableOf({ 'hash-property': 'x' })),
    /Unsupported/,
  )
  assert.equal(weightOf(type, '3'), 3)
  assert.throws(() => weightOf(type, 'heavy'), /must be an integer/)
  assert.throws(() => weightOf(type, '0'), /greater than 0/)
})

test('an exchange knows as many ids again as it may, for as long as it may', () => {
  const world = simulatedWorld(new SeededRandom(1).uint32())
  const engine = openEngine(world)
  const table = tableOf({ 'x-cache-size': 2, 'x-cache-ttl': 1000 })
  const by = deduplicationOf('x-message-deduplication', table)!
  const see = (id: string) => isNew(engine, 'e', by, { id, ttlMs: undefined })
  assert.deepEqual(
    [see('a'), see('a'), see('b'), see('c'), see('a')],
    [true, false, true, true, true],
  )
  world.clock.advance(1001)
  assert.equal(see('a'), true)
  assert.equal(deduplicationOf('direct', []), undefined)
  assert.equal(idIn(tableOf({ id: 7 }), 'id'), '7')
})
