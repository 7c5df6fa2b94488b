/** The Redis driver's parts: entries, names, what a plan says of a server, what does not fit. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClient } from '@redis/client'
import { connect, move, queue } from '../../../src/client/client.ts'
import { fieldsOf, readEntry } from '../../../src/client/drivers/redis/entry.ts'
import {
  compareIds,
  leaseOf,
  parsePosition,
  partitionOf,
} from '../../../src/client/drivers/redis/names.ts'
import { startBroker } from '../../../src/harness/testing.ts'

function entryOf(...fields: readonly (string | Buffer)[]) {
  const found = readEntry('orders', [Buffer.from('5-1'), fields.map(one => Buffer.from(one))])
  assert.ok(found !== undefined)
  return { ...found, body: Buffer.from(found.body).toString() }
}

describe('an entry', () => {
  it('has the body first, and leaves out what goes without saying', () => {
    const headers = { 'content-type': 'application/json', 'spillway-type': 'orders', tenant: 'ada' }
    const body = Buffer.from('{}')
    assert.deepEqual(fieldsOf('orders', { body, headers }), ['body', '{}', 'tenant', 'ada'])
    const read = entryOf('body', '{}', 'tenant', 'ada')
    assert.deepEqual(read.headers, headers)
    assert.deepEqual(read.past, { attempts: 0, time: 5 })
  })

  it('keeps a body that is no text as it is', () => {
    const body = Buffer.from([0xff, 0x00, 0xfe])
    const [, argument] = fieldsOf('orders', { body, headers: {} })
    assert.deepEqual(argument, body)
  })

  it('may have a header named body', () => {
    const fields = fieldsOf('orders', { body: Buffer.from('1'), headers: { body: '2' } })
    const read = entryOf(...fields)
    assert.deepEqual([read.body, read.headers['body']], ['1', '2'])
  })

  it('of somebody else is its fields as JSON', () => {
    const read = entryOf('customer', 'ada', 'total', '42')
    assert.deepEqual(JSON.parse(read.body), { customer: 'ada', total: '42' })
  })
})

it('names: partitions are FNV-1a, positions and leases are read back', () => {
  assert.deepEqual(
    ['', 'a', 'foobar'].map(key => partitionOf(key, 2 ** 32)),
    [0x811c9dc5, 0xe40c292c, 0xbf9cf968],
  )
  assert.deepEqual(parsePosition('g:billing:again:5-1'), { suffix: 'g:billing:again', id: '5-1' })
  assert.deepEqual(parsePosition('5-1'), { suffix: '', id: '5-1' })
  assert.equal(leaseOf('shop/abc/30000'), 30_000)
  assert.equal(leaseOf('somebody'), undefined)
  assert.ok(compareIds('5-10', '5-9') > 0)
})

it('a plan says how weak a server is set up', async () => {
  await using broker = await startBroker({ protocols: ['redis'] })
  await using bus = await connect(broker.urls.redis, { emulate: 'allow' })
  const cautions = async () => {
    const rows = await bus.plan(queue('planned'))
    return rows.filter(({ how }) => how === 'caution').map(({ code, why }) => `${code} ${why}`)
  }
  assert.deepEqual(await cautions(), [])
  const admin = createClient({ url: broker.urls.redis })
  await admin.connect()
  await admin.configSet('appendfsync', 'everysec')
  admin.destroy()
  assert.match((await cautions()).join(), /^SPILLWAY_P_WEAK redis appendfsync=everysec: up to 1 s/)
})

it('what was made otherwise is a conflict', async () => {
  await using broker = await startBroker({ protocols: ['redis'] })
  await using bus = await connect(broker.urls.redis, { emulate: 'allow' })
  const key = () => 'k'
  await bus.prepare(queue('plain'), queue('keyed', { key }))
  await using other = await connect(broker.urls.redis, { emulate: 'allow' })
  const conflict = { code: 'SPILLWAY_P_CONFLICT' }
  await assert.rejects(other.prepare(queue('plain', { key })), conflict)
  const options = { redis: { partitions: 3 } }
  await assert.rejects(other.prepare(queue('keyed', { key, options })), conflict)
  await other.prepare(queue('three', { key, options }))
})

it('what another program adds to a stream is a message, and a queue with keys can be moved', async () => {
  await using broker = await startBroker({ protocols: ['redis'] })
  await using bus = await connect(broker.urls.redis, { emulate: 'allow' })
  const other = createClient({ url: broker.urls.redis })
  await other.connect()
  await other.xAdd('theirs', '*', { body: '{"n":1}' })
  other.destroy()
  const [message] = await bus.peek(queue<{ n: number }>('theirs'))
  assert.deepEqual(message!.body, { n: 1 })
  const source = queue<{ n: number }>('source', { key: ({ n }) => `k${n % 3}` })
  const items = Array.from({ length: 60 }, (_, n) => ({ n }))
  await bus.send(source, items)
  const target = queue<{ n: number }>('target')
  const moved = await move({ bus, queue: source }, { bus, queue: target })
  assert.equal(moved.moved, 60)
  const found = await bus.peek(target, { limit: 100 })
  for (const rest of [0, 1, 2]) {
    const ofKey = found.map(({ body }) => (body as { n: number }).n).filter(n => n % 3 === rest)
    assert.deepEqual(
      ofKey,
      items.map(({ n }) => n).filter(n => n % 3 === rest),
    )
  }
})
