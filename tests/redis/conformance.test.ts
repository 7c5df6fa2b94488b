/** What clients see: ioredis, and node-redis in both protocols, against the server. */

import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { Serving } from './serving.ts'

let serving: Serving
before(async () => {
  serving = await new Serving().start()
})
after(() => serving.stop())

async function withClients<T>(
  count: number,
  run: (...clients: Redis[]) => Promise<T>,
  on = serving,
): Promise<T> {
  const clients = Array.from({ length: count }, () => new Redis(on.port, '127.0.0.1'))
  try {
    return await run(...clients)
  } finally {
    for (const client of clients) client.disconnect()
  }
}

describe('through ioredis', () => {
  test('a producer, a group, an acknowledgement, and a claim after a death', () =>
    withClients(2, async (one, two) => {
      const id = await one!.xadd('orders', '*', 'name', 'Ada')
      await one!.xgroup('CREATE', 'orders', 'g', '0', 'MKSTREAM')
      const read = await one!.xreadgroup(
        'GROUP',
        'g',
        'dead',
        'COUNT',
        10,
        'STREAMS',
        'orders',
        '>',
      )
      deepEqual(read, [['orders', [[id, ['name', 'Ada']]]]])
      deepEqual(await two!.xautoclaim('orders', 'g', 'alive', 0, '0'), [
        '0-0',
        [[id, ['name', 'Ada']]],
        [],
      ])
      equal(await two!.xack('orders', 'g', id!), 1)
      deepEqual(await two!.xpending('orders', 'g'), [0, null, null, null])
      await rejects(one!.xgroup('CREATE', 'orders', 'g', '0'), /^ReplyError: BUSYGROUP/)
    }))

  test('who waits is served in order, one entry to one consumer of a group', () =>
    withClients(3, async (one, two, producer) => {
      await producer!.xgroup('CREATE', 'fair', 'g', '$', 'MKSTREAM')
      const wait = (client: Redis, name: string) =>
        client.xreadgroup('GROUP', 'g', name, 'BLOCK', 0, 'STREAMS', 'fair', '>')
      const first = wait(one!, 'one')
      while (!/blocked_clients:1/.test(await producer!.info('clients')));
      const second = wait(two!, 'two')
      while (!/blocked_clients:2/.test(await producer!.info('clients')));
      const ids = [
        await producer!.xadd('fair', '*', 'n', '1'),
        await producer!.xadd('fair', '*', 'n', '2'),
      ]
      deepEqual(await first, [['fair', [[ids[0], ['n', '1']]]]])
      deepEqual(await second, [['fair', [[ids[1], ['n', '2']]]]])
    }))

  test('a wait ends with its time, and inside a transaction at once', () =>
    withClients(1, async client => {
      equal(await client!.xread('BLOCK', 1, 'STREAMS', 'nothing', '$'), null)
      const outcome = await client!.multi().xread('BLOCK', 0, 'STREAMS', 'nothing', '$').exec()
      deepEqual(outcome, [[null, null]])
    }))

  test('a node whose last entry was deleted still ends with its id, for trimming by nodes', () =>
    withClients(1, async client => {
      for (const id of ['1-0', '5-0']) await client!.xadd('node', id, 'n', '1')
      await client!.xdel('node', '5-0')
      equal(await client!.xtrim('node', 'MINID', '~', '3'), 0)
      equal(await client!.xtrim('node', 'MINID', '~', '6'), 1)
    }))

  test('a transaction is one effect, and a watched key that changed breaks it', () =>
    withClients(2, async (one, two) => {
      await one!.watch('counter')
      await two!.incr('counter')
      equal(await one!.multi().incr('counter').exec(), null)
      deepEqual(await one!.multi().incr('counter').xadd('log', '1-1', 'a', 'b').exec(), [
        [null, 2],
        [null, '1-1'],
      ])
    }))

  test('locks, counters, hashes, lists and delays', () =>
    withClients(1, async client => {
      equal(await client!.set('lock', 'me', 'PX', 60_000, 'NX'), 'OK')
      equal(await client!.set('lock', 'you', 'PX', 60_000, 'NX'), null)
      ok((await client!.pttl('lock')) > 0)
      equal(await client!.hset('h', 'a', '1', 'b', '2'), 2)
      deepEqual(await client!.hgetall('h'), { a: '1', b: '2' })
      equal(await client!.rpush('l', 'x', 'y'), 2)
      deepEqual(await client!.blpop('l', 0), ['l', 'x'])
      await client!.zadd('delayed', 5, 'late', 1, 'soon')
      deepEqual(await client!.zrangebyscore('delayed', '-inf', '3', 'WITHSCORES'), ['soon', '1'])
      equal(await client!.type('delayed'), 'zset')
      await rejects(client!.xadd('h', '*', 'a', 'b'), /WRONGTYPE/)
      await rejects(client!.eval('return 1', 0), /no Lua/)
    }))

  test('subscribers hear, and keyspace notifications tell of streams', () =>
    withClients(2, async (subscriber, client) => {
      const heard: string[] = []
      const done = new Promise<void>(resolve => {
        subscriber!.on('message', (channel, message) => {
          heard.push(`${channel} ${message}`)
          if (heard.length === 2) resolve()
        })
      })
      await client!.config('SET', 'notify-keyspace-events', 'KEt')
      await subscriber!.subscribe('news', '__keyspace@0__:told')
      equal(await client!.publish('news', 'hello'), 1)
      await client!.xadd('told', '*', 'a', 'b')
      await done
      await client!.config('SET', 'notify-keyspace-events', '')
      deepEqual(heard, ['news hello', '__keyspace@0__:told xadd'])
    }))
})

for (const RESP of [2, 3] as const) {
  test(`through node-redis in RESP${RESP}`, async () => {
    const client = createClient({ RESP, socket: { host: '127.0.0.1', port: serving.port } })
    await client.connect()
    try {
      const key = `node:${RESP}`
      const id = await client.xAdd(key, '*', { name: 'Ada' })
      await client.xGroupCreate(key, 'g', '0')
      const answer = await client.xReadGroup('g', 'me', { key, id: '>' })
      match(JSON.stringify(answer), new RegExp(`"${id}"`))
      equal(await client.xAck(key, 'g', id), 1)
      equal((await client.xInfoStream(key)).length, 1)
      equal(await client.xLen(key), 1)
      equal(await client.get('missing'), null)
    } finally {
      client.destroy()
    }
  })
}

test('everything that was answered is there after a restart', async () => {
  const own = await new Serving().start()
  const ids: string[] = []
  await withClients(
    1,
    async client => {
      for (let n = 0; n < 3; n++) ids.push((await client!.xadd('s', '*', 'n', String(n)))!)
      await client!.xgroup('CREATE', 's', 'g', '0')
      await client!.xreadgroup('GROUP', 'g', 'c', 'COUNT', 2, 'STREAMS', 's', '>')
      await client!.xack('s', 'g', ids[0]!)
      await client!.xdel('s', ids[2]!)
      await client!.set('k', 'v')
      await client!.rename('k', 'renamed')
    },
    own,
  )
  await own.stop()
  await own.start()
  await withClients(
    1,
    async client => {
      equal(await client!.xlen('s'), 2)
      const [count, first, last] = (await client!.xpending('s', 'g')) as unknown[]
      deepEqual([count, first, last], [1, ids[1], ids[1]])
      const info = (await client!.xinfo('STREAM', 's')) as unknown[]
      equal(info[info.indexOf('last-generated-id') + 1], ids[2])
      equal(info[info.indexOf('entries-added') + 1], 3)
      equal(await client!.get('renamed'), 'v')
      equal(await client!.exists('k'), 0)
    },
    own,
  )
  await own.stop()
})

test('what is no request is answered as Redis does, and closed', async () => {
  const socket = connect(serving.port, '127.0.0.1')
  let said = ''
  socket.on('data', bytes => {
    said += bytes
  })
  socket.write('PING\r\n*1\r\n$9999999999\r\n')
  await new Promise(resolve => socket.on('close', resolve))
  equal(said, '+PONG\r\n-ERR Protocol error: invalid bulk length\r\n')
})
