/** DUMP, RESTORE, COPY and SORT: values leave and come back whole. */

import { deepEqual, equal, rejects } from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Redis } from 'ioredis'
import { crc64, readListpack, writeListpack } from '../../src/wire/resp/rdb.ts'
import { Serving } from './serving.ts'

let serving: Serving
let client: Redis
before(async () => {
  serving = await new Serving().start()
  client = new Redis(serving.port, '127.0.0.1')
})
after(async () => {
  client.disconnect()
  await serving.stop()
})
beforeEach(() => client.flushall())

test('a stream with groups, consumers and pending entries comes back whole', async () => {
  for (let n = 1; n <= 250; n++)
    await client.xadd('s', `${n}-${n}`, 'n', String(n), 'long', 'x'.repeat(n))
  await client.xdel('s', '7-7')
  await client.xadd('s', '300-0', 'body', 'one field')
  await client.xgroup('CREATE', 's', 'g', '0')
  await client.call('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '5', 'STREAMS', 's', '>')
  await client.call('XNACK', 's', 'g', 'FAIL', 'IDS', '1', '2-2')
  const payload = (await client.callBuffer('DUMP', 's')) as Buffer
  equal(await client.restore('copy', 0, payload), 'OK')
  deepEqual(await client.xrange('copy', '-', '+'), await client.xrange('s', '-', '+'))
  const times = /(radix-tree-keys|radix-tree-nodes|seen-time|active-time),\d+|\d{13}/g
  const full = async (key: string) =>
    String(await client.call('XINFO', 'STREAM', key, 'FULL')).replace(times, '*')
  equal(await full('copy'), await full('s'))
  await rejects(client.restore('copy', 0, payload), /BUSYKEY/)
  payload[20]! ^= 1
  await rejects(client.restore('other', 0, payload), /payload version or checksum are wrong/)
})

test('every other type, and COPY of each', async () => {
  await client.set('string', 'v\0\xff')
  await client.rpush('list', 'a', '', 'b'.repeat(20_000))
  await client.hset('hash', 'f', 'v')
  await client.sadd('set', 'm')
  await client.zadd('zset', '-inf', 'a', 1.5, 'b')
  for (const key of ['string', 'list', 'hash', 'set', 'zset']) {
    const payload = (await client.callBuffer('DUMP', key)) as Buffer
    equal(await client.restore(`${key}2`, 60_000, payload), 'OK')
    equal(await client.copy(key, `${key}3`), 1)
    equal(await client.copy(key, `${key}3`), 0)
    for (const copy of [`${key}2`, `${key}3`]) {
      deepEqual(await client.callBuffer('DUMP', copy), payload)
    }
  }
  equal(await client.ttl('set2'), 60)
  equal(await client.call('DUMP', 'nothing'), null)
})

test('what a Redis 6.2 has written is read: packed with LZF, counters worked out', async () => {
  // DUMP of a stream of one entry `1-0 a b` with a group, made by hand as that version writes it.
  const node = writeListpack([1n, 0n, 1n, 'a', 0n, 2n, 0n, 0n, 'b', 4n])
  const id = `${'\0'.repeat(7)}\x01${'\0'.repeat(8)}`
  const plain = `\x0f\x01\x10${id}${String.fromCharCode(node.length)}${node}\x01\x01\0\0`
  const body = Buffer.from(`${plain}\x09\0`, 'latin1')
  const sum = Buffer.alloc(8)
  sum.writeBigUInt64LE(crc64(body))
  equal(await client.restore('old', 0, Buffer.concat([body, sum])), 'OK')
  deepEqual(await client.xrange('old', '-', '+'), [['1-0', ['a', 'b']]])
  deepEqual(readListpack(writeListpack(['x'.repeat(100), -5n, 70_000n])), [
    'x'.repeat(100),
    -5n,
    70_000n,
  ])
})

test('items are sorted by number, by letter, and kept', async () => {
  await client.rpush('l', '3', '1', '2', '10')
  deepEqual(await client.sort('l'), ['1', '2', '3', '10'])
  deepEqual(await client.sort('l', 'LIMIT', 0, 2, 'ALPHA', 'DESC'), ['3', '2'])
  equal(await client.sort('l', 'STORE', 'sorted'), 4)
  deepEqual(await client.lrange('sorted', 0, -1), ['1', '2', '3', '10'])
  await client.rpush('words', 'b', 'a')
  await rejects(client.sort('words'), /can't be converted into double/)
})
