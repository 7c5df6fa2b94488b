/** What may be done by whom, and what a policy makes of arguments: without a network. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { SeededRandom } from '../../base/random.ts'
import { openEngine } from '../../engine/engine.ts'
import { simulatedWorld } from '../../testing/testing.ts'
import { tableOf, tableToPlain } from '../../wire/amqp/field-table.ts'
import { Access, type Digest, everything } from './access.ts'
import { mergeArguments } from './policies.ts'
import { policyOf } from './policy-keys.ts'
import { Registry } from './registry.ts'

const digest: Digest = (name, data) => createHash(name).update(data).digest()
const peer = { address: '127.0.0.1', port: 1, tls: false }

function open(authenticate?: (user: string, password: string) => boolean) {
  const engine = openEngine(simulatedWorld(1))
  const registry = new Registry(engine)
  const random = new SeededRandom(1)
  const access = new Access({ registry, engine, random, authenticate, digest })
  access.seed(['/'])
  return { engine, registry, access }
}

test('a first start has guest, with everything; where others know the users it has not', () => {
  const alone = open().access
  assert.equal(alone.login('guest', 'guest', peer), true)
  assert.equal(alone.login('guest', 'wrong', peer), false)
  assert.equal(alone.login('alice', '', peer), false)
  assert.equal(alone.grants('/', 'guest').unrestricted, true)
  assert.equal(alone.mayEnter('/', 'alice'), false)

  const { access } = open((user, password) => user === 'alice' && password === 'a')
  assert.equal(access.login('guest', 'guest', peer), false)
  assert.equal(access.login('alice', 'a', peer), true)
  assert.deepEqual(access.tagsOf('alice'), ['administrator'])
  assert.equal(access.grants('/', 'alice').unrestricted, true)
})

test('hashes of RabbitMQ open with their passwords, an empty one with none', () => {
  const { registry, access } = open()
  const salt = Uint8Array.of(1, 2, 3, 4)
  const hash = Buffer.concat([salt, createHash('sha512').update(salt).update('pass').digest()])
  const algorithm = 'rabbit_password_hashing_sha512'
  registry.put('user', ['x'], { passwordHash: hash.toString('base64'), algorithm, tags: [] })
  registry.put('user', ['y'], { passwordHash: '', algorithm, tags: [] })
  assert.equal(access.login('x', 'pass', peer), true)
  assert.equal(access.login('x', 'past', peer), false)
  assert.equal(access.login('y', '', peer), false)
})

test('grants follow what is permitted now; an empty pattern permits nothing', () => {
  const { registry, access } = open()
  registry.put('user', ['u'], { ...access.hashed('p'), tags: [] })
  registry.put('permission', ['/', 'u'], { configure: '', write: '^b', read: '.*' })
  const grants = access.grants('/', 'u')
  assert.throws(() => grants.check('configure', 'queue', 'a'), {
    message: "configure access to queue 'a' in vhost '/' refused for user 'u'",
  })
  assert.throws(() => grants.checkPublish('', 'a'), {
    message: "write access to exchange 'amq.default' in vhost '/' refused for user 'u'",
  })
  grants.check('write', 'exchange', 'bcd')
  grants.check('read', 'queue', 'anything')
  registry.put('permission', ['/', 'u'], everything)
  grants.check('configure', 'queue', 'a')
  assert.equal(grants.unrestricted, true)
})

test('of two numbers the smaller one counts, of two texts the argument', () => {
  const own = tableOf({ 'x-max-length': 5, 'x-overflow': 'drop-head', other: 1 })
  const policy = { 'max-length': 9, 'message-ttl': 7, overflow: 'reject-publish' }
  assert.deepEqual(
    { ...tableToPlain(mergeArguments(own, policy)) },
    { 'x-max-length': 5, 'x-overflow': 'drop-head', other: 1, 'x-message-ttl': 7 },
  )
  assert.equal(tableToPlain(mergeArguments(own, { 'max-length': 3 }))['x-max-length'], 3)
})

test('a policy that makes no sense is told why', () => {
  assert.equal(policyOf({ pattern: 'a', definition: {} }, false), 'no policy provided')
  assert.equal(
    policyOf({ pattern: 'a', definition: { bogus: [1, { a: 'b' }] } }, false),
    '[{<<"bogus">>,[1,[{<<"a">>,<<"b">>}]]}] are not recognised policy settings',
  )
  const right = policyOf({ pattern: 'a', definition: { expires: 1 }, priority: 2 }, true)
  assert.deepEqual(right, {
    pattern: 'a',
    priority: 2,
    applyTo: 'all',
    definition: { expires: 1 },
  })
})
