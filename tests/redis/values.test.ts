/** Lists, hashes, sets and sorted sets: waiting, moving, counting, and what a change costs. */

import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { Serving } from './serving.ts'

let serving: Serving
let client: Redis
let other: Redis
before(async () => {
  serving = await new Serving().start()
  client = new Redis(serving.port, '127.0.0.1')
  other = new Redis(serving.port, '127.0.0.1')
})
after(async () => {
  client.disconnect()
  other.disconnect()
  await serving.stop()
})
beforeEach(() => client.flushall())

async function whenWaiting(): Promise<void> {
  while (!/blocked_clients:1/.test(await client.info('clients')));
}

describe('maxmemory', () => {
  const refused = /^OOM command not allowed when used memory > 'maxmemory'\.$/
  const limit = (text: string) => other.config('SET', 'maxmemory', text)
  afterEach(() => limit('0'))

  test('refuses what needs more memory, and nothing else', async () => {
    await client.set('key', 'value')
    await limit('999kb')
    deepEqual(await client.config('GET', 'maxmemory'), ['maxmemory', '1022976'])
    equal(await client.set('key', 'below'), 'OK')
    await limit('999k')
    await rejects(client.set('key', 'above'), { message: refused })
    await rejects(client.xadd('stream', '*', 'a', 'b'), { message: refused })
    await rejects(client.xgroup('CREATE', 'stream', 'group', '$', 'MKSTREAM'), { message: refused })
    equal(await client.get('key'), 'below')
    equal(await client.del('key'), 1)
    await rejects(limit('much'), /argument must be a memory value/)
    match(await client.info('memory'), /used_memory:1000000\r\n(.*\r\n)*maxmemory:999000/)
    await limit('0')
    equal(await client.set('key', 'again'), 'OK')
  })

  test('a transaction is refused where it grows, and can always be left', async () => {
    await client.call('MULTI')
    await client.call('SET', 'key', 'value')
    await limit('1')
    await rejects(client.call('GET', 'key') as Promise<unknown>, { message: refused })
    const aborted = /^EXECABORT Transaction discarded because of: OOM command not allowed/
    await rejects(client.call('EXEC') as Promise<unknown>, { message: aborted })
    equal(await client.exists('key'), 0)
    await client.call('MULTI')
    equal(await client.call('DISCARD'), 'OK')
  })
})

describe('SET', () => {
  test('compares before it sets, if it is asked to', async () => {
    const set = (...words: string[]) => client.call('SET', 'lock', ...words)
    equal(await set('a', 'IFEQ', 'b'), null)
    equal(await client.exists('lock'), 0)
    equal(await set('a', 'IFNE', 'b'), 'OK')
    equal(await set('b', 'IFEQ', 'a', 'PX', '60000'), 'OK')
    ok((await client.pttl('lock')) > 0)
    equal(await set('c', 'IFNE', 'b'), null)
    equal(await set('c', 'IFEQ', 'x', 'GET'), 'b')
    equal(await client.get('lock'), 'b')
    await rejects(set('c', 'NX', 'IFEQ', 'b'), /syntax error/)
    await rejects(set('c', 'IFEQ'), /syntax error/)
    await client.rpush('list', '1')
    await rejects(client.call('SET', 'list', 'a', 'IFNE', 'b'), /WRONGTYPE/)
  })
})

describe('scanning', () => {
  /** Calls with cursors until there is none; what `each` does lies between the calls. */
  async function walk(command: string[], each: (part: string[]) => unknown): Promise<void> {
    const [name = '', ...words] = command
    for (let cursor = '0'; ; ) {
      const given = words.map(word => (word === '#' ? cursor : word))
      const [next, part] = (await client.call(name, ...given)) as [string, string[]]
      await each(part)
      if (next === '0') return
      cursor = next
    }
  }

  test('whoever deletes what SCAN gives deletes everything', async () => {
    const names = Array.from({ length: 1000 }, (_, n) => `key:${n}`)
    await client.mset(names.flatMap(name => [name, '1']))
    let calls = 0
    await walk(['SCAN', '#', 'COUNT', '20'], async part => {
      calls++
      if (part.length > 0) await client.del(part)
    })
    equal(await client.dbsize(), 0)
    ok(calls >= 40 && calls <= 60)
  })

  test('a large collection comes in parts, each element once, a small one at once', async () => {
    const names = Array.from({ length: 500 }, (_, n) => `n${n}`)
    await client.hset('hash', ...names.flatMap(name => [name, `of ${name}`]))
    await client.sadd('set', ...names)
    await client.zadd('zset', ...names.flatMap((name, n) => [n / 2, name]))
    for (const [command, step] of [
      ['HSCAN hash', 2],
      ['SSCAN set', 1],
      ['ZSCAN zset', 2],
    ] as const) {
      const seen: string[] = []
      await walk([...command.split(' '), '#', 'COUNT', '7'], part => {
        ok(part.length < 30 * step)
        seen.push(...part.filter((_, at) => at % step === 0))
      })
      deepEqual(seen.sort(), [...names].sort(), command)
    }
    const [, scores] = await client.zscan('zset', 0, 'MATCH', 'n499', 'COUNT', 1000)
    deepEqual(scores, ['n499', '249.5'])
    deepEqual(await client.hscan('hash', 0, 'MATCH', 'n7', 'COUNT', 1000), ['0', ['n7', 'of n7']])
    const bare = await client.call('HSCAN', 'hash', '0', 'NOVALUES', 'COUNT', '1000', 'MATCH', 'n8')
    deepEqual(bare, ['0', ['n8']])
    await client.sadd('few', 'a', 'b', 'c')
    deepEqual(await client.sscan('few', 0, 'COUNT', 1), ['0', ['a', 'b', 'c']])
  })

  test('what is missing is empty, and what is wrong is told', async () => {
    deepEqual(await client.hscan('nothing', 0), ['0', []])
    await client.sadd('set', 'a')
    await rejects(client.call('SSCAN', 'set', 'x'), /invalid cursor/)
    await rejects(client.call('SSCAN', 'set', '0', 'NOVALUES'), /syntax error/)
    await rejects(client.call('SSCAN', 'set', '0', 'COUNT', '0'), /syntax error/)
    await rejects(client.call('HSCAN', 'set', '0'), /WRONGTYPE/)
  })
})

describe('lists', () => {
  test('items move from list to list, and who waits gets them', async () => {
    await client.rpush('a', '1', '2', '3')
    equal(await client.lmove('a', 'b', 'LEFT', 'RIGHT'), '1')
    equal(await client.rpoplpush('a', 'b'), '3')
    deepEqual(await client.lrange('b', 0, -1), ['3', '1'])
    equal(await client.lmove('b', 'b', 'RIGHT', 'LEFT'), '1')
    deepEqual(await client.lrange('b', 0, -1), ['1', '3'])
    const moved = other.blmove('empty', 'b', 'LEFT', 'RIGHT', 0)
    await whenWaiting()
    await client.rpush('empty', 'x')
    equal(await moved, 'x')
    equal(await client.exists('empty'), 0)
    equal(await client.brpoplpush('nothing', 'b', 0.01), null)
  })

  test('several at once, from the first list that has some', async () => {
    await client.rpush('b', '1', '2', '3')
    deepEqual(await client.lmpop(2, 'a', 'b', 'RIGHT', 'COUNT', 2), ['b', ['3', '2']])
    equal(await client.lmpop(1, 'a', 'LEFT'), null)
    const taken = other.blmpop(0, 2, 'x', 'y', 'LEFT')
    await whenWaiting()
    await client.rpush('y', 'v')
    deepEqual(await taken, ['y', ['v']])
    await rejects(client.call('LMPOP', '0', 'a', 'LEFT'), /numkeys should be greater than 0/)
  })

  test('places are found, and filled', async () => {
    await client.rpush('l', 'a', 'b', 'a', 'c')
    equal(await client.linsert('l', 'BEFORE', 'b', 'x'), 5)
    equal(await client.linsert('l', 'AFTER', 'nothing', 'x'), -1)
    deepEqual(await client.lpos('l', 'a', 'COUNT', 0), [0, 3])
    equal(await client.lpos('l', 'a', 'RANK', -1), 3)
    deepEqual(await client.lrange('l', 0, -1), ['a', 'x', 'b', 'a', 'c'])
  })
})

describe('sorted sets', () => {
  test('who waits gets the lowest or the highest', async () => {
    const lowest = other.bzpopmin('z', 0)
    await whenWaiting()
    await client.zadd('z', 2, 'b', 1, 'a', 3, 'c')
    deepEqual(await lowest, ['z', 'a', '1'])
    deepEqual(await client.bzpopmax('z', 0), ['z', 'c', '3'])
    deepEqual(await client.zmpop(2, 'y', 'z', 'MIN', 'COUNT', 5), ['z', [['b', '2']]])
    equal(await client.exists('z'), 0)
  })
})

describe('sets and hashes', () => {
  test('sets are combined, and hashes count', async () => {
    await client.sadd('a', '1', '2', '3')
    await client.sadd('b', '2', '3', '4')
    deepEqual((await client.sinter('a', 'b')).sort(), ['2', '3'])
    deepEqual(await client.sdiff('a', 'b'), ['1'])
    equal(await client.sunionstore('c', 'a', 'b'), 4)
    equal(await client.smove('a', 'b', '1'), 1)
    deepEqual(await client.smismember('b', '1', '9'), [1, 0])
    equal(await client.hincrbyfloat('h', 'f', 1.5), '1.5')
    equal(await client.hstrlen('h', 'f'), 3)
  })
})

test('a change of a large collection writes that change, and all comes back after a restart', async () => {
  const own = await new Serving().start()
  let on = new Redis(own.port, '127.0.0.1')
  const fields = Array.from({ length: 5000 }, (_, n) => [`field ${n}`, `value ${n}`]).flat()
  await on.hset('h', ...fields)
  await on.rpush('l', ...fields)
  await on.zadd('z', ...fields.flatMap((field, n) => [n, field]))
  await on.sadd('s', ...fields)
  const before = own.storedBytes
  await on.hset('h', 'field 7', 'new')
  await on.hdel('h', 'field 8')
  await on.lpush('l', 'first')
  await on.lset('l', 2, 'second')
  await on.rpop('l')
  await on.zadd('z', -1, 'lowest')
  await on.srem('s', 'value 1')
  await on.rename('h', 'renamed')
  ok(own.storedBytes - before < 8000, `${own.storedBytes - before} bytes for eight changes`)
  on.disconnect()
  await own.stop()
  await own.start()
  on = new Redis(own.port, '127.0.0.1')
  equal(await on.hlen('renamed'), 4999)
  deepEqual(await on.hmget('renamed', 'field 7', 'field 8', 'field 9'), ['new', null, 'value 9'])
  deepEqual(await on.lrange('l', 0, 3), ['first', 'field 0', 'second', 'field 1'])
  equal(await on.llen('l'), 10_000)
  deepEqual(await on.zrange('z', 0, 1), ['lowest', 'field 0'])
  equal(await on.scard('s'), 9999)
  await on.del('renamed', 'l', 'z', 's')
  on.disconnect()
  await own.stop()
  await own.start()
  on = new Redis(own.port, '127.0.0.1')
  equal(await on.dbsize(), 0)
  on.disconnect()
  await own.stop()
})
