import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashPassword, parseUsers } from './users.ts'
import { scramKeysOf } from './users-hash.ts'

const file = (users: unknown) => JSON.stringify({ users })

test('a user comes in with the right password only', () => {
  const users = parseUsers(file([{ name: 'alice', hash: hashPassword('secret') }]), 'users.json')
  assert.equal(users.verify('alice', 'wrong'), false)
  assert.equal(users.verify('alice', 'secret'), true)
  // What is remembered answers the same.
  assert.equal(users.verify('alice', 'wrong'), false)
  assert.equal(users.verify('alice', 'secret'), true)
  assert.equal(users.verify('bob', 'secret'), false)
  assert.equal(users.verify('', ''), false)
})

test('keys for SCRAM are there for the mechanism that they were made for', () => {
  const scram = scramKeysOf('secret')
  const hash = hashPassword('secret')
  const users = parseUsers(file([{ name: 'alice', hash, scram: scram.slice(0, 1) }]), 'users.json')
  assert.equal(users.scram('alice', 'SCRAM-SHA-256')?.iterations, 16_384)
  assert.equal(users.scram('alice', 'SCRAM-SHA-256')?.storedKey.length, 32)
  assert.equal(users.scram('alice', 'SCRAM-SHA-512'), undefined)
  assert.equal(users.scram('bob', 'SCRAM-SHA-256'), undefined)
  assert.ok(scram.every(text => !text.includes('secret')))
})

test('guest is a user like any other once there is a users file', () => {
  const users = parseUsers(file([{ name: 'alice', hash: hashPassword('secret') }]), 'users.json')
  assert.equal(users.verify('guest', 'guest'), false)
})

test('two hashes of one password differ, and neither contains it', () => {
  const [first, second] = [hashPassword('secret'), hashPassword('secret')]
  assert.notEqual(first, second)
  assert.match(first, /^scrypt:16384:8:1:[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$/)
})

test('a file that is wrong is refused with the place of the mistake', () => {
  const wrong = (content: string, message: RegExp) =>
    assert.throws(() => parseUsers(content, 'users.json'), { message, exitCode: 2 })
  wrong('{', /users\.json is not JSON/)
  wrong('{"alice":"x"}', /must be \{ "users"/)
  wrong(file([{ hash: 'x' }]), /user 1 has no name/)
  wrong(file([{ name: 'alice', hash: 'secret' }]), /alice has no scrypt hash/)
  wrong(file([{ name: 'alice', hash: 'scrypt:3:8:1:AAAAAAAAAAA=:AAAA' }]), /no scrypt hash/)
  const hash = hashPassword('secret')
  wrong(file([{ name: 'alice', hash, scram: ['x'] }]), /alice has SCRAM keys that are none/)
  const short = 'scram-sha-512:4096:AAAAAAAAAAA=:AAAA:AAAA'
  wrong(file([{ name: 'alice', hash, scram: [short] }]), /alice has SCRAM keys that are none/)
  wrong(
    file([
      { name: 'alice', hash },
      { name: 'alice', hash },
    ]),
    /alice is there twice/,
  )
})
