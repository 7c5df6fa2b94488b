/** Parts of the driver for Kafka that need no broker: progress in a partition, and assignments. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../../src/base/random.ts'
import {
  assign,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type Member,
} from '../../../src/client/drivers/kafka/assignment.ts'
import { Progress } from '../../../src/client/drivers/kafka/progress.ts'
import { parseUrl } from '../../../src/client/drivers/kafka/url.ts'

/** What `Progress` says, offset by offset. */
function look(progress: Progress, end: number): unknown[] {
  const seen: unknown[] = []
  for (let offset = 0; offset < end; offset++) {
    seen.push(progress.isSettled(offset) ? 'settled' : (progress.held(offset) ?? 'waits'))
  }
  return seen
}

describe('progress in a partition', () => {
  it('is what was settled and held, however it came about, and survives a commit', () => {
    const end = 60
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed)
      const below = (limit: number) => random.uint32() % limit
      let progress = new Progress(0)
      const expected: unknown[] = Array.from({ length: end }, () => 'waits')
      for (let step = 0; step < 120; step++) {
        const offset = below(end)
        const isSettled = expected[offset] === 'settled'
        switch (below(6)) {
          case 0: {
            const count = Math.min(1 + below(4), end - offset)
            progress.settle(offset, count)
            expected.fill('settled', offset, offset + count)
            break
          }
          case 1:
          case 2: {
            const isOut = below(2) === 0
            const held = { attempt: 1 + below(3), isOut, dueAt: isOut ? 0 : below(5) * 1e12 }
            progress.hold(offset, held)
            if (!isSettled) expected[offset] = held
            break
          }
          case 3:
            progress.release(offset)
            if (!isSettled) expected[offset] = 'waits'
            break
          case 4: {
            const held = { attempt: 2, isOut: true, dueAt: 0 }
            progress.unsettle(offset, held)
            if (isSettled) expected[offset] = held
            break
          }
          default:
            progress = Progress.decode(progress.watermark, progress.encode())
        }
        assert.deepEqual(look(progress, end), expected, `seed ${seed}, step ${step}`)
      }
      const waiting = expected.filter(state => state !== 'settled').length
      assert.equal(progress.unsettledTo(end), waiting, `seed ${seed}`)
    }
  })

  it('has the watermark at the first that is not settled', () => {
    const progress = new Progress(5)
    progress.settle(7)
    assert.equal(progress.watermark, 5)
    progress.settle(5)
    assert.equal(progress.watermark, 6)
    progress.settle(6)
    assert.equal(progress.watermark, 8)
    assert.equal(progress.encode(), '')
  })

  it('costs a successor an attempt of what was in somebody’s hands, and of nothing else', () => {
    const progress = new Progress(0)
    progress.hold(0, { attempt: 1, isOut: true, dueAt: 0 })
    progress.hold(1, { attempt: 2, isOut: false, dueAt: 99 })
    const successor = Progress.decode(0, progress.encode())
    successor.takeOver()
    assert.deepEqual(successor.held(0), { attempt: 2, isOut: false, dueAt: 0 })
    assert.deepEqual(successor.held(1), { attempt: 2, isOut: false, dueAt: 99 })
    assert.equal(successor.held(2), undefined)
  })

  it('takes a stranger’s metadata for none', () => {
    for (const metadata of [null, '', 'noop', '1', '9;1.1;', '1;x;y', '1;-1.5;0*-1:2']) {
      const progress = Progress.decode(10, metadata)
      assert.equal(progress.watermark, 10, `${metadata}`)
      assert.equal(progress.isSettled(11), false, `${metadata}`)
    }
  })

  it('of a thousand neighbours in hand is short', () => {
    const progress = new Progress(0)
    for (let n = 0; n < 1000; n++) progress.hold(n, { attempt: 1, isOut: true, dueAt: 0 })
    assert.equal(progress.encode(), '1;;0*rs')
  })
})

const member = (id: string, topics: string[], owned: [string, number[]][] = []): Member => {
  return { id, topics, owned: new Map(owned) }
}

describe('assignment', () => {
  it('gives every partition to one member, in even shares', () => {
    for (let members = 1; members <= 5; members++) {
      for (let count = 1; count <= 9; count++) {
        const all = Array.from({ length: members }, (_, n) => member(`m${n}`, ['t']))
        const given = [...assign(all, new Map([['t', count]])).values()].map(
          topics => topics.get('t') ?? [],
        )
        const partitions = given.flat().sort((a, b) => a - b)
        assert.deepEqual(partitions, [...new Array(count).keys()])
        const sizes = given.map(({ length }) => length)
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `${members} of ${count}`)
      }
    }
  })

  it('lets each keep what it has, as far as the shares allow', () => {
    const all = [member('a', ['t'], [['t', [0, 1, 2, 3]]]), member('b', ['t'])]
    const given = assign(all, new Map([['t', 4]]))
    assert.deepEqual(given.get('a')!.get('t'), [0, 1])
    assert.deepEqual(given.get('b')!.get('t'), [2, 3])
    const again = assign(
      [...given].map(([id, topics]) => member(id, ['t'], [...topics])),
      new Map([['t', 4]]),
    )
    assert.deepEqual(again, given)
  })

  it('gives a topic to those who want it', () => {
    const all = [member('a', ['t', 'u']), member('b', ['u'])]
    const given = assign(
      all,
      new Map([
        ['t', 2],
        ['u', 2],
        ['v', 2],
      ]),
    )
    assert.deepEqual(given.get('a')!.get('t'), [0, 1])
    assert.equal(given.get('b')!.get('t'), undefined)
    assert.equal(given.get('b')!.get('v'), undefined)
    assert.equal(given.get('b')!.get('u')!.length, 1)
  })

  it('is read back from its bytes', () => {
    const owned = new Map([['ž', [1, 2]]])
    const read = decodeSubscription('m', encodeSubscription(['ž', 'u'], owned))
    assert.deepEqual(read, { id: 'm', topics: ['ž', 'u'], owned })
    assert.deepEqual(decodeAssignment(encodeAssignment(owned)), owned)
    assert.deepEqual(decodeAssignment(null), new Map())
  })
})

describe('the URL', () => {
  it('has brokers, credentials and how to be in groups', () => {
    const target = parseUrl('kafkas://ada:p%40ss@a:1,b?session=6s&sasl=scram-sha-256')
    assert.deepEqual(target.brokers, [
      { host: 'a', port: 1 },
      { host: 'b', port: 9092 },
    ])
    assert.equal(target.sessionMs, 6000)
    assert.deepEqual(target.connection.sasl, {
      mechanism: 'SCRAM-SHA-256',
      username: 'ada',
      password: 'p@ss',
    })
    assert.deepEqual(target.connection.tls, {})
  })

  it('is refused with what is wrong, and without the password', () => {
    for (const url of [
      'kafka:',
      'kafka://a:1?sessoin=6s',
      'kafka://a:1?session=6',
      'kafka://u:secret@a:x',
      'kafka://u:secret@a?sasl=none',
    ]) {
      assert.throws(
        () => parseUrl(url),
        (error: Error & { code?: string }) => {
          return error.code === 'SPILLWAY_E_URL' && !error.message.includes('secret')
        },
        url,
      )
    }
  })
})
