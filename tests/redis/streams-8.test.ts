/** What came to streams with Redis 8: references, claims while reading, giving back, IDMP. */

import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import type { ProfileName } from '../../src/servers/redis/server.ts'
import { Serving } from './serving.ts'

let serving: Serving
let client: Redis
before(async () => {
  serving = await new Serving('8.10').start()
  client = new Redis(serving.port, '127.0.0.1')
})
after(async () => {
  client.disconnect()
  await serving.stop()
})
beforeEach(() => client.flushall())

/** A command in words, as one would type it. */
function say(line: string, on = client): Promise<unknown> {
  const [name = '', ...rest] = line.split(' ')
  return on.call(name, ...rest)
}

async function all(...lines: string[]): Promise<unknown[]> {
  const answers: unknown[] = []
  for (const line of lines) answers.push(await say(line))
  return answers
}

/** Entries 1-0 to count-0 in `s`, groups `g` and `h`; `g` has read them all for `c`. */
async function readBy(count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await say(`XADD s ${n}-0 n ${n}`)
  await all('XGROUP CREATE s g 0', 'XGROUP CREATE s h 0')
  await say('XREADGROUP GROUP g c STREAMS s >')
}

describe('deleting what groups refer to', () => {
  test('KEEPREF leaves pending entries, DELREF takes them out, ACKED waits for all groups', async () => {
    await readBy(4)
    deepEqual(await say('XDELEX s KEEPREF IDS 1 1-0'), [1])
    deepEqual(await say('XDELEX s DELREF IDS 2 2-0 9-0'), [1, -1])
    deepEqual(await say('XDELEX s ACKED IDS 1 3-0'), [2])
    deepEqual(await say('XPENDING s g'), [3, '1-0', '4-0', [['c', '3']]])
    await all('XREADGROUP GROUP h c STREAMS s >', 'XACK s g 3-0')
    deepEqual(await say('XDELEX s ACKED IDS 1 3-0'), [2])
    await say('XACK s h 3-0')
    deepEqual(await say('XDELEX s ACKED IDS 1 3-0'), [1])
    deepEqual(await say('XDELEX nothing IDS 2 1-0 2-0'), [-1, -1])
  })

  test('XACKDEL acknowledges, and deletes what the policy lets go', async () => {
    await readBy(3)
    deepEqual(await say('XACKDEL s g IDS 2 1-0 9-0'), [1, -1])
    deepEqual(await say('XACKDEL s g ACKED IDS 1 2-0'), [2])
    deepEqual(await say('XACKDEL s g IDS 1 2-0'), [-1])
    equal(await say('XLEN s'), 2)
    deepEqual(await say('XPENDING s g'), [1, '3-0', '3-0', [['c', '1']]])
  })

  test('its words are wrong in Redis’ words', async () => {
    await readBy(1)
    await rejects(say('XDELEX s IDS 0 1-0'), /ERR Number of IDs must be a positive integer/)
    await rejects(say('XDELEX s IDS 2 1-0'), /ERR The `numids` parameter must match the number/)
    await rejects(say('XDELEX s KEEPREF DELREF IDS 1 1-0'), /ERR syntax error/)
    await rejects(say('XACKDEL s g KEEPREF ACKED 1-0'), /ERR syntax error/)
    await rejects(say('XDELEX s IDS 1 bad'), /ERR Invalid stream ID/)
  })

  test('trimming by references goes entry by entry', async () => {
    await readBy(10)
    await say('XACK s g 1-0 2-0 4-0')
    equal(await say('XTRIM s MAXLEN 0 ACKED'), 0)
    await say('XGROUP DESTROY s h')
    equal(await say('XTRIM s MAXLEN 0 ACKED'), 3)
    equal(await say('XTRIM s MAXLEN = 3 DELREF'), 4)
    deepEqual(await say('XPENDING s g'), [3, '8-0', '10-0', [['c', '3']]])
    equal(await say('XTRIM s MINID 9 KEEPREF'), 1)
    equal(((await say('XPENDING s g')) as unknown[])[0], 3)
  })
})

describe('reading with CLAIM', () => {
  test('what was idle comes first, with its idle time and its deliveries, then what is new', async () => {
    await readBy(2)
    await say('XADD s 3-0 n 3')
    const [[, entries]] = (await say('XREADGROUP GROUP g d CLAIM 0 STREAMS s >')) as [
      [string, [string, string[], number, number][]],
    ]
    deepEqual(
      entries.map(([id, fields, , count]) => [id, fields, count]),
      [
        ['1-0', ['n', '1'], 1],
        ['2-0', ['n', '2'], 1],
        ['3-0', ['n', '3'], 0],
      ],
    )
    equal(entries[2]![2], 0)
    deepEqual(await say('XPENDING s g'), [3, '1-0', '3-0', [['d', '3']]])
    equal(await say('XREADGROUP GROUP g e CLAIM 100000 STREAMS s >'), null)
    await rejects(say('XREAD CLAIM 0 STREAMS s 0'), /The CLAIM option is only supported/)
  })

  test('who waits is woken when something has become idle', async () => {
    await readBy(1)
    const other = new Redis(serving.port, '127.0.0.1')
    const answer = (await say(
      'XREADGROUP GROUP g d BLOCK 0 CLAIM 30 STREAMS s >',
      other,
    )) as unknown[][]
    match(JSON.stringify(answer), /^\[\["s",\[\["1-0",\["n","1"\],\d+,1\]\]\]\]$/)
    other.disconnect()
  })

  test('MAXCOUNT and MAXSIZE bound the whole answer', async () => {
    await readBy(3)
    await all('XADD t 1-0 n 1', 'XADD t 2-0 n 2')
    const counted = (await say('XREAD MAXCOUNT 4 STREAMS s t 0 0')) as [string, unknown[]][]
    deepEqual(
      counted.map(([key, entries]) => [key, entries.length]),
      [
        ['s', 3],
        ['t', 1],
      ],
    )
    const sized = (await say('XREAD MAXSIZE 1 STREAMS s t 0 0')) as [string, unknown[]][]
    deepEqual(
      sized.map(([key, entries]) => [key, entries.length]),
      [['s', 1]],
    )
  })
})

describe('giving back with XNACK', () => {
  test('nobody has it then, and it is the first to be claimed', async () => {
    await readBy(3)
    equal(await say('XNACK s g FAIL IDS 1 2-0'), 1)
    equal(await say('XNACK s g SILENT IDS 2 3-0 9-0'), 1)
    equal(await say('XNACK s g FAIL IDS 1 2-0'), 0)
    const pending = (await say('XPENDING s g - + 10')) as unknown[][]
    deepEqual(
      pending.map(([id, name, , count]) => [id, name, count]),
      [
        ['1-0', 'c', 1],
        ['2-0', '', 1],
        ['3-0', '', 0],
      ],
    )
    const read = (await say('XREADGROUP GROUP g d COUNT 1 CLAIM 60000 STREAMS s >')) as unknown[][]
    match(JSON.stringify(read), /^\[\["s",\[\["2-0",\["n","2"\],\d+,1\]\]\]\]$/)
    equal(await say('XNACK s g FATAL IDS 1 1-0'), 1)
    const fatal = (await say('XPENDING s g 1-0 1-0 1')) as unknown[][]
    ok(Number(fatal[0]![3]) >= 2 ** 63)
    await rejects(say('XNACK s g NO IDS 1 1-0'), /mode must be SILENT, FAIL, or FATAL/)
    await rejects(say('XNACK s nobody FAIL IDS 1 1-0'), /^ReplyError: NOGROUP/)
  })
})

describe('idempotent producers', () => {
  test('a message that is sent again is answered the id that it has', async () => {
    const first = await say('XADD s IDMP p m * n 1')
    equal(await say('XADD s IDMP p m * n other'), first)
    ok((await say('XADD s IDMP q m * n 1')) !== first)
    const made = await say('XADD s IDMPAUTO p * a 1 b 2')
    equal(await say('XADD s IDMPAUTO p * b 2 a 1'), made)
    equal(await say('XLEN s'), 3)
    const info = (await say('XINFO STREAM s')) as unknown[]
    const of = (name: string) => info[info.indexOf(name) + 1]
    deepEqual(
      ['pids-tracked', 'iids-tracked', 'iids-added', 'iids-duplicates'].map(of),
      [2, 3, 3, 2],
    )
    await rejects(say('XADD s IDMP p x 1-1 n 1'), /only with auto-generated IDs/)
    await rejects(say('XADD s IDMP p x IDMPAUTO p * n 1'), /specified multiple times/)
  })

  test('as many as XCFGSET says are remembered, and a change forgets', async () => {
    const [first] = await all('XADD s IDMP p 1 * n 1', 'XCFGSET s IDMP-MAXSIZE 1')
    ok((await say('XADD s IDMP p 1 * n 1')) !== first)
    const [second] = await all('XADD s IDMP p 2 * n 1', 'XADD s IDMP p 3 * n 1')
    ok((await say('XADD s IDMP p 2 * n 1')) !== second)
    await rejects(say('XCFGSET s'), /At least one parameter/)
    await rejects(say('XCFGSET s IDMP-DURATION 0'), /between 1 and 86400 seconds/)
    await rejects(say('XCFGSET nothing IDMP-MAXSIZE 1'), /no such key/)
  })
})

test('a restart keeps producers’ messages and what is nobody’s', async () => {
  const own = await new Serving('8.10').start()
  let on = new Redis(own.port, '127.0.0.1')
  const id = await say('XADD s IDMP p m * n 1', on)
  await say('XGROUP CREATE s g 0', on)
  await say('XREADGROUP GROUP g c STREAMS s >', on)
  await say(`XNACK s g FAIL IDS 1 ${id}`, on)
  // Something that waits for the disk, so that what came before it is there, too.
  await say('SET done 1', on)
  on.disconnect()
  await own.stop()
  await own.start()
  on = new Redis(own.port, '127.0.0.1')
  equal(await say('XADD s IDMP p m * n 1', on), id)
  deepEqual(((await say('XPENDING s g - + 10', on)) as unknown[][])[0]!.slice(0, 2), [id, ''])
  on.disconnect()
  await own.stop()
})

const firsts: readonly (readonly [ProfileName, ProfileName, string])[] = [
  ['8.0', '8.2', 'XDELEX s IDS 1 1-0'],
  ['8.2', '8.4', 'XREADGROUP GROUP g c CLAIM 0 STREAMS s >'],
  ['8.2', '8.4', 'SET lock a IFEQ b'],
  ['8.4', '8.6', 'XADD s IDMP p m * n 1'],
  ['8.6', '8.8', 'XNACK s g FAIL IDS 1 1-0'],
  ['8.8', '8.10', 'XREAD MAXCOUNT 1 STREAMS s 0'],
]
for (const [old, young, line] of firsts) {
  test(`Redis ${young} knows what ${old} does not: ${line}`, async () => {
    for (const profile of [old, young]) {
      const own = await new Serving(profile).start()
      const on = new Redis(own.port, '127.0.0.1')
      await say('XADD s 1-0 n 1', on)
      await say('XGROUP CREATE s g 0', on)
      if (profile === young) await say(line, on)
      else await rejects(say(line, on), /ERR/)
      on.disconnect()
      await own.stop()
    }
  })
}
