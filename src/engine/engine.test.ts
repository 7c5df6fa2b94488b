/** The engine through its door, on a simulated machine. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeUtf8, encodeUtf8, noBytes } from '../base/bytes.ts'
import { type SimulatedWorld, simulatedWorld } from '../testing/testing.ts'
import type { LogInput } from './defining.ts'
import { type EngineDoor, openEngine } from './engine.ts'
import type { Delivery, RecordInput, Subscriber } from './model.ts'

function text(body: string, rest: Partial<RecordInput> = {}): RecordInput {
  return { format: 0, envelope: noBytes, body: encodeUtf8(body), ...rest }
}

function open(queues: Record<string, LogInput> = {}): {
  world: SimulatedWorld
  engine: EngineDoor
} {
  const world = simulatedWorld(7)
  const engine = openEngine(world)
  for (const [name, config] of Object.entries(queues)) {
    assert.equal(engine.createLog(name, config).ok, true)
  }
  world.clock.runUntilIdle(1)
  return { world, engine }
}

function bodies(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ record }) => decodeUtf8(record.body))
}

function lease(engine: EngineDoor, log: string, countMax = 100, holder = 'h'): Delivery[] {
  const outcome = engine.lease({ log }, { holder, countMax })
  assert.ok(outcome.ok)
  return outcome.value
}

function peeked(engine: EngineDoor, log: string): string[] {
  const outcome = engine.peek(log, { countMax: 1000 })
  assert.ok(outcome.ok)
  return outcome.value.map(record => decodeUtf8(record.body))
}

function subscriber(rest: Partial<Subscriber> & { got: string[] }): Subscriber {
  const { got, ...overrides } = rest
  return {
    holder: 'h',
    credit: Infinity,
    deliver: ({ record }) => got.push(decodeUtf8(record.body)),
    ended: reason => got.push(reason),
    ...overrides,
  }
}

/** Closes cleanly and opens again: what a restart leaves. */
function restart(world: SimulatedWorld, engine: EngineDoor): EngineDoor {
  let closed = false
  engine.close(() => {
    closed = true
  })
  world.clock.runUntilIdle(100)
  assert.ok(closed)
  return openEngine(world)
}

describe('a route that chooses', () => {
  const both = { q: { queue: {} }, r: { queue: {} } }

  it('peeks past so many, over gaps, levels and groups', () => {
    const { engine } = open({
      plain: { queue: { levels: 2 } },
      grouped: { queue: { ordering: 'group' } },
    })
    for (let index = 0; index < 6; index++) {
      engine.publish('', 'plain', text(`p${index}`, { priority: index === 5 ? 1 : 0 }))
      engine.publish('', 'grouped', text(`g${index}`, { group: index % 2 === 0 ? 'a' : 'b' }))
    }
    lease(engine, 'plain', 2)
    const after = (log: string, skip: number): string[] => {
      const outcome = engine.peek(log, { countMax: 2, skip })
      assert.ok(outcome.ok)
      return outcome.value.map(record => decodeUtf8(record.body))
    }
    assert.deepEqual(after('plain', 0), ['p1', 'p2'])
    assert.deepEqual(after('plain', 2), ['p3', 'p4'])
    assert.deepEqual(after('plain', 4), [])
    assert.deepEqual(after('grouped', 4), ['g4', 'g5'])
  })

  it('takes the same binding for the same key, in proportion to the weights', () => {
    const { engine } = open(both)
    engine.createRoute('h', { kind: 'hash' })
    engine.bind({ route: 'h', target: { kind: 'log', name: 'q' }, key: '', weight: 1 })
    engine.bind({ route: 'h', target: { kind: 'log', name: 'r' }, key: '', weight: 3 })
    for (let round = 0; round < 2; round++) {
      for (let key = 0; key < 1000; key++) {
        assert.equal(engine.publish('h', `key ${key}`, text('x')).routed, 1)
      }
    }
    const first = engine.log('q')!.count
    assert.equal(first % 2, 0)
    assert.ok(first > 400 && first < 600, `${first} of 2000`)
  })

  it('hashes an attribute when it is told to', () => {
    const { engine } = open(both)
    engine.createRoute('h', { kind: 'hash', attribute: 'user' })
    for (const name of ['q', 'r'])
      engine.bind({ route: 'h', target: { kind: 'log', name }, key: '' })
    for (let key = 0; key < 50; key++) {
      engine.publish('h', `key ${key}`, text('x'), () => new Map([['user', 7]]))
    }
    assert.deepEqual([engine.log('q')!.count, engine.log('r')!.count].sort(), [0, 50])
  })

  it('takes any binding at random', () => {
    const { engine } = open(both)
    engine.createRoute('any', { kind: 'random' })
    for (const name of ['q', 'r'])
      engine.bind({ route: 'any', target: { kind: 'log', name }, key: '' })
    for (let round = 0; round < 1000; round++) engine.publish('any', 'same key', text('x'))
    const first = engine.log('q')!.count
    assert.ok(first > 400 && first < 600, `${first} of 1000`)
  })
})

describe('one record appended alone', () => {
  it('is what append makes of a list of one, in every kind of log', () => {
    const configs: Record<string, LogInput> = {
      plain: {},
      full: { queue: { countMax: 1, overflow: 'reject' } },
      shedding: { queue: { countMax: 1, overflow: 'drop-head' } },
      once: { dedupeWindowMs: 1000 },
    }
    const [listed, alone] = [open(configs), open(configs)]
    for (const name of [...Object.keys(configs), 'missing']) {
      for (const body of ['a', 'b', 'c']) {
        const record = text(body, { key: encodeUtf8(body), dedupeId: 'same' })
        const outcome = listed.engine.append(name, [record])
        const expected = outcome.ok ? outcome.value[0]!.position : outcome.error
        assert.equal(alone.engine.appendOne(name, record), expected)
      }
      assert.deepEqual(alone.engine.log(name), listed.engine.log(name))
    }
    const again = restart(alone.world, alone.engine)
    assert.deepEqual(peeked(again, 'plain'), ['a', 'b', 'c'])
  })
})

describe('a queue', () => {
  it('hands records out in order, once each, and forgets what is done', () => {
    const { engine } = open({ q: { queue: {} } })
    for (const body of ['a', 'b', 'c']) assert.equal(engine.publish('', 'q', text(body)).routed, 1)
    const got = lease(engine, 'q')
    assert.deepEqual(bodies(got), ['a', 'b', 'c'])
    assert.deepEqual(lease(engine, 'q'), [])
    assert.ok(engine.settle({ log: 'q' }, 'h', [0, 1, 2], { kind: 'done' }).ok)
    assert.equal(engine.log('q')?.count, 0)
    assert.equal(engine.settle({ log: 'q' }, 'h', [1], { kind: 'done' }).ok, false)
  })

  it('puts returned records back to their places and counts the attempts', () => {
    const { engine } = open({ q: { queue: {} } })
    for (const body of ['a', 'b', 'c']) engine.publish('', 'q', text(body))
    lease(engine, 'q', 2)
    engine.settle({ log: 'q' }, 'h', [1, 0], { kind: 'return' })
    const again = lease(engine, 'q')
    assert.deepEqual(bodies(again), ['a', 'b', 'c'])
    assert.deepEqual(
      again.map(({ attempts }) => attempts),
      [2, 2, 1],
    )
  })

  it('lets two levels take turns, and neither starve', () => {
    const turns = { priority: 5, upper: 2 }
    const { engine } = open({ q: { queue: { levels: 2, turns } } })
    for (const [index, priority] of [0, 4, 5, 9, 5, 255, 0].entries()) {
      engine.publish('', 'q', text(`${index}p${priority}`, { priority }))
    }
    assert.deepEqual(bodies(lease(engine, 'q', 4)), ['2p5', '3p9', '0p0', '4p5'])
    engine.settle({ log: 'q' }, 'h', [2], { kind: 'return' })
    assert.deepEqual(bodies(lease(engine, 'q', 3)), ['2p5', '1p4', '5p255'])
    assert.deepEqual(bodies(lease(engine, 'q')), ['6p0'])
    assert.equal(engine.createLog('three', { queue: { levels: 3, turns } }).ok, false)
    assert.equal(engine.alter('q', { queue: { levels: 3 } }).ok, false)
  })

  it('counts as a turn what is handed over for good', () => {
    const { engine } = open({ q: { queue: { levels: 2, turns: { priority: 5, upper: 1 } } } })
    for (const priority of [0, 0, 9, 9]) engine.publish('', 'q', text(`p${priority}`, { priority }))
    const settled = { holder: 'h', countMax: 4, settled: true }
    const got = engine.lease({ log: 'q' }, settled)
    assert.deepEqual(bodies(got.ok ? got.value : []), ['p9', 'p0', 'p9', 'p0'])
  })

  it('asks of a change that the outcome holds together', () => {
    const { engine } = open({ g: { queue: { ordering: 'group' } } })
    assert.equal(engine.alter('g', { queue: { levels: 2 } }).ok, false)
    assert.equal(engine.alter('g', { queue: { levels: 1 } }).ok, true)
  })

  it('lets returned records wait longer each time, in steps when asked', () => {
    const retry = { minMs: 100, maxMs: 250, factor: 2, linear: true }
    const { engine, world } = open({ q: { queue: { retry } } })
    engine.publish('', 'q', text('a'))
    for (const waitMs of [100, 200, 250, 250]) {
      assert.equal(lease(engine, 'q').length, 1)
      engine.settle({ log: 'q' }, 'h', [0], { kind: 'return' })
      world.clock.advance(waitMs - 1)
      assert.equal(lease(engine, 'q').length, 0)
      world.clock.advance(1)
    }
  })

  it('says of a delivery whether its record is on the disk, where nothing else must be', () => {
    const { world, engine } = open({ q: { queue: {} }, once: { queue: {} } })
    const stored: (boolean | undefined)[] = []
    const note = { got: [], deliver: (delivery: Delivery) => stored.push(delivery.stored) }
    for (const log of ['q', 'once']) engine.publish('', log, text('old'))
    world.clock.advance(1000)
    engine.subscribe('q', subscriber(note))
    // The next record makes the disk busy: the old one does not wait for it.
    engine.publish('', 'once', text('new'))
    world.clock.runUntilIdle(1)
    assert.deepEqual(stored.splice(0), [true])
    engine.publish('', 'q', text('new'))
    world.clock.runUntilIdle(1)
    assert.deepEqual(stored.splice(0), [false])
    engine.subscribe('once', subscriber({ ...note, settled: true }))
    world.clock.advance(1000)
    assert.deepEqual(stored, [false, false])
  })

  it('says it of what is leased on request, too', () => {
    const { world, engine } = open({ q: { queue: {} } })
    engine.publish('', 'q', text('old'))
    world.clock.advance(1000)
    engine.publish('', 'q', text('new'))
    const leased = engine.lease({ log: 'q' }, { holder: 'h', countMax: 2 })
    assert.deepEqual(leased.ok && leased.value.map(({ stored }) => stored), [true, false])
  })

  it('gives a record without time to live to who waits for it, once', () => {
    const { world, engine } = open({ q: { queue: { ttlMs: 0 } } })
    engine.publish('', 'q', text('nobody waits'))
    world.clock.advance(1)
    assert.deepEqual(lease(engine, 'q'), [])
    const got: string[] = []
    engine.subscribe('q', subscriber({ got }))
    engine.publish('', 'q', text('somebody waits'))
    world.clock.advance(1)
    assert.deepEqual(got, ['somebody waits'])
    assert.equal(engine.settle({ log: 'q' }, 'h', [1], { kind: 'return' }).ok, true)
    world.clock.advance(1)
    assert.deepEqual(got, ['somebody waits'])
    assert.equal(engine.log('q')?.count, 0)
  })

  it('serves subscribers before the turn when somebody is about to take what is left', () => {
    const { engine } = open({ q: { queue: {} } })
    const got: string[] = []
    engine.subscribe('q', subscriber({ got, credit: 1 }))
    engine.publish('', 'q', text('for the subscriber'))
    engine.publish('', 'q', text('left'))
    engine.serve('q')
    assert.deepEqual(got, ['for the subscriber'])
    assert.deepEqual(bodies(lease(engine, 'q', 1, 'other')), ['left'])
  })

  it('takes all keys along from route to route', () => {
    const { engine } = open({ q: { queue: {} } })
    engine.createRoute('first', { kind: 'direct' })
    engine.createRoute('second', { kind: 'pattern' })
    engine.bind({ route: 'first', target: { kind: 'route', name: 'second' }, key: 'one' })
    engine.bind({ route: 'second', target: { kind: 'log', name: 'q' }, key: 'two' })
    assert.equal(engine.publish('first', 'two', text('no')).routed, 0)
    assert.equal(engine.publish('first', ['one', 'two'], text('yes')).routed, 1)
  })

  it('puts records to the tail when asked', () => {
    const { engine } = open({ q: { queue: {} } })
    for (const body of ['a', 'b', 'c']) engine.publish('', 'q', text(body))
    lease(engine, 'q', 1)
    engine.settle({ log: 'q' }, 'h', [0], { kind: 'return', to: 'tail' })
    const got = lease(engine, 'q')
    assert.deepEqual(bodies(got), ['b', 'c', 'a'])
    assert.equal(got[2]?.attempts, 2)
  })

  it('serves higher levels first', () => {
    const { engine } = open({ q: { queue: { levels: 10 } } })
    engine.publish('', 'q', text('low', { priority: 1 }))
    engine.publish('', 'q', text('high', { priority: 99 }))
    engine.publish('', 'q', text('none'))
    assert.deepEqual(bodies(lease(engine, 'q')), ['high', 'low', 'none'])
  })

  it('holds delayed records back until they are due', () => {
    const { world, engine } = open({ q: { queue: {} } })
    engine.publish('', 'q', text('later', { dueAt: world.clock.now() + 500 }))
    engine.publish('', 'q', text('now'))
    assert.deepEqual(bodies(lease(engine, 'q')), ['now'])
    assert.equal(engine.log('q')?.delayed, 1)
    world.clock.advance(499)
    assert.deepEqual(lease(engine, 'q'), [])
    world.clock.advance(2)
    assert.deepEqual(bodies(lease(engine, 'q')), ['later'])
  })

  it('takes back a lease that has run out', () => {
    const { world, engine } = open({ q: { queue: { leaseMs: 1000 } } })
    engine.publish('', 'q', text('a'))
    lease(engine, 'q')
    world.clock.advance(1001)
    const again = lease(engine, 'q')
    assert.equal(again[0]?.attempts, 2)
    assert.equal(engine.settle({ log: 'q' }, 'other', [0], { kind: 'done' }).ok, false)
  })

  it('buries expired records where dead letters go, with the reason', () => {
    const { world, engine } = open({
      q: { queue: { ttlMs: 100, deadLetter: { route: '', key: 'dead' } } },
      dead: { queue: {} },
    })
    engine.publish('', 'q', text('a', { key: encodeUtf8('q') }))
    world.clock.advance(150)
    assert.equal(engine.log('q')?.count, 0)
    const [letter] = lease(engine, 'dead')
    assert.equal(letter?.record.deaths[0]?.reason, 'expired')
    assert.equal(letter?.record.deaths[0]?.queue, 'q')
    assert.deepEqual(letter?.record.deaths[0]?.keys, ['q'])
  })

  it('counts the same death again and drops what goes in circles by itself', () => {
    const { world, engine } = open({
      q: { queue: { ttlMs: 10, deadLetter: { route: '', key: 'q' } } },
    })
    engine.publish('', 'q', text('a'))
    world.clock.advance(100)
    assert.equal(engine.log('q')?.count, 0)
    engine.alter('q', { queue: { ttlMs: undefined } })
    engine.publish('', 'q', text('b'))
    for (let round = 1; round <= 3; round++) {
      const [one] = lease(engine, 'q')
      assert.equal(one?.record.deaths[0]?.count ?? 0, round - 1)
      engine.settle({ log: 'q' }, 'h', [one!.record.position], { kind: 'reject' })
    }
  })

  it('makes a dead letter of a record that was handed out too often', () => {
    const { engine } = open({
      q: { queue: { attemptsMax: 2, deadLetter: { route: '', key: 'dead' } } },
      dead: { queue: {} },
    })
    engine.publish('', 'q', text('a'))
    for (let attempt = 0; attempt < 2; attempt++) {
      lease(engine, 'q')
      engine.settle({ log: 'q' }, 'h', [0], { kind: 'return' })
    }
    assert.equal(engine.log('q')?.count, 0)
    assert.equal(lease(engine, 'dead')[0]?.record.deaths[0]?.reason, 'attempts')
  })

  it('keeps to its length limit in each of the three ways', () => {
    const limited = { countMax: 2, deadLetter: { route: '', key: 'dead' } }
    const { engine } = open({
      head: { queue: { ...limited } },
      reject: { queue: { ...limited, overflow: 'reject' } },
      letter: { queue: { ...limited, overflow: 'reject-dead-letter' } },
      dead: { queue: {} },
    })
    for (const body of ['a', 'b', 'c']) {
      const rejected = body === 'c' ? 1 : 0
      assert.equal(engine.publish('', 'head', text(body)).rejected, 0)
      assert.equal(engine.publish('', 'reject', text(body)).rejected, rejected)
      assert.equal(engine.publish('', 'letter', text(body)).rejected, rejected)
    }
    assert.deepEqual(peeked(engine, 'head'), ['b', 'c'])
    assert.deepEqual(peeked(engine, 'reject'), ['a', 'b'])
    assert.deepEqual(peeked(engine, 'letter'), ['a', 'b'])
    assert.deepEqual(peeked(engine, 'dead'), ['a', 'c'])
  })

  it('takes an id once within its window, even when the first one is gone and after a restart', () => {
    const { world, engine } = open({ q: { queue: {}, dedupeWindowMs: 1000 } })
    engine.publish('', 'q', text('a', { dedupeId: '1' }))
    engine.settle(
      { log: 'q' },
      'h',
      lease(engine, 'q').map(({ record }) => record.position),
      { kind: 'done' },
    )
    const again = restart(world, engine)
    assert.equal(again.publish('', 'q', text('b', { dedupeId: '1' })).routed, 1)
    assert.equal(again.log('q')?.count, 0)
    world.clock.advance(1001)
    again.publish('', 'q', text('c', { dedupeId: '1' }))
    assert.deepEqual(peeked(again, 'q'), ['c'])
  })

  it('leases one group at a time, each in order', () => {
    const { engine } = open({ q: { queue: { ordering: 'group' } } })
    for (const body of ['x1', 'y1', 'x2', 'y2']) {
      engine.publish('', 'q', text(body, { group: body.slice(0, 1) }))
    }
    assert.deepEqual(bodies(lease(engine, 'q', 1, 'one')), ['x1'])
    assert.deepEqual(bodies(lease(engine, 'q', 10, 'two')), ['y1', 'y2'])
    assert.deepEqual(lease(engine, 'q', 10, 'three'), [])
    engine.settle({ log: 'q' }, 'one', [0], { kind: 'done' })
    assert.deepEqual(bodies(lease(engine, 'q', 10, 'three')), ['x2'])
    engine.settle({ log: 'q' }, 'two', [1], { kind: 'return' })
    assert.deepEqual(lease(engine, 'q', 10, 'four'), [])
    engine.settle({ log: 'q' }, 'two', [3], { kind: 'return' })
    assert.deepEqual(bodies(lease(engine, 'q', 10, 'four')), ['y1', 'y2'])
  })

  it('orders a group by prefix: a record waits only for the earlier ones of its group', () => {
    const { engine } = open({ q: { queue: { ordering: 'group-prefix' } } })
    for (const body of ['a', 'b', 'c']) engine.publish('', 'q', text(body, { group: 'g' }))
    assert.deepEqual(bodies(lease(engine, 'q', 10, 'one')), ['a', 'b', 'c'])
    engine.settle({ log: 'q' }, 'one', [2], { kind: 'return' })
    assert.deepEqual(lease(engine, 'q', 10, 'two'), [])
    engine.settle({ log: 'q' }, 'one', [0], { kind: 'return' })
    assert.deepEqual(bodies(lease(engine, 'q', 10, 'two')), ['a'])
    engine.settle({ log: 'q' }, 'one', [1], { kind: 'done' })
    assert.deepEqual(lease(engine, 'q', 10, 'two'), [])
    engine.settle({ log: 'q' }, 'two', [0], { kind: 'done' })
    assert.deepEqual(bodies(lease(engine, 'q', 10, 'two')), ['c'])
  })

  it('serves a group that got a record back after the groups that were ready then', () => {
    const { engine } = open({ q: { queue: { ordering: 'group-prefix' } } })
    const send = (body: string) => engine.publish('', 'q', text(body, { group: body.slice(0, 1) }))
    for (const body of ['x1', 'x2', 'y1', 'z1']) send(body)
    assert.deepEqual(bodies(lease(engine, 'q', 3, 'one')), ['x1', 'x2', 'y1'])
    engine.settle({ log: 'q' }, 'one', [2], { kind: 'return' })
    engine.settle({ log: 'q' }, 'one', [0, 1], { kind: 'return' })
    send('w1')
    assert.deepEqual(bodies(lease(engine, 'q', 10, 'two')), ['z1', 'y1', 'x1', 'x2', 'w1'])
    const back = { kind: 'return', counted: false } as const
    engine.settle({ log: 'q' }, 'two', [0, 1, 2, 3, 4], back)
    const again = bodies(lease(engine, 'q', 10, 'three'))
    assert.deepEqual(again, ['x1', 'x2', 'y1', 'z1', 'w1'], 'they were never handed out')
    engine.settle({ log: 'q' }, 'three', [0], { kind: 'done' })
    engine.settle({ log: 'q' }, 'three', [1], { kind: 'return' })
    engine.settle({ log: 'q' }, 'three', [2], { kind: 'return' })
    assert.deepEqual(bodies(lease(engine, 'q', 1, 'four')), ['x2'])
  })

  it('wakes those who watch for something to hand out, in turn and only while there is some', () => {
    const { world, engine } = open({ q: { queue: { leaseMs: 1000 } } })
    const woken: string[] = []
    for (const name of ['one', 'two']) {
      engine.watch('q', 'ready', () => woken.push(name + lease(engine, 'q', 1, name).length))
    }
    engine.publish('', 'q', text('a', { dueAt: world.clock.now() + 500 }))
    world.clock.advance(499)
    assert.deepEqual(woken, [])
    world.clock.advance(1)
    assert.deepEqual(woken, ['one1'])
    const found = engine.pending({ log: 'q' }, { positions: [0, 7] })
    assert.deepEqual(
      found.map(one => one.holder),
      ['one'],
    )
    world.clock.advance(1000)
    assert.deepEqual(woken, ['one1', 'two1'])
  })

  it('a dead letter may be only for some deaths, and keep its age and attempts', () => {
    const deadLetter = {
      route: '',
      key: 'dead',
      reasons: ['attempts'],
      keeps: ['time', 'attempts'],
    } as const
    const queue = { ttlMs: 1000, attemptsMax: 1, deadLetter }
    const { world, engine } = open({ q: { queue }, dead: { queue: {} } })
    const sentAt = world.clock.now()
    engine.publish('', 'q', text('a'))
    lease(engine, 'q')
    world.clock.advance(10)
    engine.settle({ log: 'q' }, 'h', [0], { kind: 'return' })
    engine.publish('', 'q', text('b'))
    world.clock.advance(2000)
    const [first] = lease(engine, 'dead', 10)
    assert.equal(engine.log('dead')?.count, 1)
    assert.equal(first?.record.time, sentAt)
    assert.equal(first?.attempts, 2)
  })

  it('delays a returned record longer each time', () => {
    const { world, engine } = open({
      q: { queue: { retry: { minMs: 100, maxMs: 300, factor: 2 } } },
    })
    engine.publish('', 'q', text('a'))
    for (const delay of [100, 200, 300, 300]) {
      assert.equal(lease(engine, 'q').length, 1)
      engine.settle({ log: 'q' }, 'h', [0], { kind: 'return' })
      world.clock.advance(delay - 1)
      assert.equal(lease(engine, 'q').length, 0)
      world.clock.advance(2)
    }
  })
})

describe('subscribers', () => {
  it('are served in turn, higher priorities first, within their credit', () => {
    const { world, engine } = open({ q: { queue: {} } })
    const first: string[] = []
    const second: string[] = []
    const top: string[] = []
    engine.subscribe('q', subscriber({ holder: '1', got: first }))
    engine.subscribe('q', subscriber({ holder: '2', got: second }))
    engine.subscribe('q', subscriber({ holder: '3', got: top, credit: 1, priority: 5 }))
    for (const body of ['a', 'b', 'c', 'd', 'e']) engine.publish('', 'q', text(body))
    world.clock.runSoon()
    assert.deepEqual(top, ['a'])
    assert.deepEqual(
      [first, second],
      [
        ['b', 'd'],
        ['c', 'e'],
      ],
    )
  })

  it('get nothing while paused or without credit', () => {
    const { world, engine } = open({ q: { queue: {} } })
    const got: string[] = []
    const outcome = engine.subscribe('q', subscriber({ got, credit: 1 }))
    assert.ok(outcome.ok)
    for (const body of ['a', 'b', 'c']) engine.publish('', 'q', text(body))
    world.clock.runSoon()
    assert.deepEqual(got, ['a'])
    outcome.value.pause()
    outcome.value.grant(2)
    world.clock.runSoon()
    assert.deepEqual(got, ['a'])
    outcome.value.resume()
    world.clock.runSoon()
    assert.deepEqual(got, ['a', 'b', 'c'])
  })

  it('do not get the rest of a batch after they have paused in the middle of it', () => {
    const { world, engine } = open({ q: { queue: {} } })
    const got: string[] = []
    const outcome = engine.subscribe(
      'q',
      subscriber({
        got,
        deliver: ({ record }) => {
          got.push(decodeUtf8(record.body))
          if (got.length === 2 && outcome.ok) outcome.value.pause()
        },
      }),
    )
    for (const body of ['a', 'b', 'c', 'd']) engine.publish('', 'q', text(body))
    world.clock.runSoon()
    assert.deepEqual(got, ['a', 'b'])
    assert.equal(engine.log('q')?.ready, 2)
    assert.deepEqual(
      lease(engine, 'q').map(({ attempts }) => attempts),
      [1, 1],
    )
  })

  it('take over from the single active one when it leaves', () => {
    const { world, engine } = open({ q: { queue: { singleActive: true } } })
    const first: string[] = []
    const second: string[] = []
    const one = engine.subscribe('q', subscriber({ holder: '1', got: first }))
    const two = engine.subscribe('q', subscriber({ holder: '2', got: second }))
    assert.ok(one.ok && two.ok)
    engine.publish('', 'q', text('a'))
    world.clock.runSoon()
    assert.deepEqual([one.value.active, two.value.active], [true, false])
    one.value.cancel()
    engine.publish('', 'q', text('b'))
    world.clock.runSoon()
    assert.deepEqual([first, second], [['a'], ['b']])
  })

  it('are told when their queue is dropped', () => {
    const { engine } = open({ q: { queue: {} } })
    const got: string[] = []
    engine.subscribe('q', subscriber({ got }))
    assert.equal(engine.dropLog('q', { used: true }).ok, false)
    engine.dropLog('q')
    assert.deepEqual(got, ['dropped'])
  })
})

describe('routes', () => {
  it('match patterns by words', () => {
    const { engine } = open({ all: {}, one: {}, exact: {} })
    engine.createRoute('r', { kind: 'pattern' })
    const bind = (log: string, key: string) =>
      engine.bind({ route: 'r', target: { kind: 'log', name: log }, key })
    bind('all', '#')
    bind('one', 'a.*')
    bind('exact', 'a.#.z')
    const routed = (key: string) => engine.publish('r', key, text('x')).routed
    assert.deepEqual(['', 'a', 'a.b', 'a.z', 'a.b.c.z'].map(routed), [1, 1, 2, 3, 2])
  })

  it('lead on to other routes, once to each queue, and to the alternate when nothing matches', () => {
    const { engine } = open({ q: {}, spare: {} })
    engine.createRoute('rest', { kind: 'fan-out' })
    engine.createRoute('in', { kind: 'direct', alternate: 'rest' })
    engine.createRoute('mid', { kind: 'fan-out' })
    engine.bind({ route: 'rest', target: { kind: 'log', name: 'spare' }, key: '' })
    engine.bind({ route: 'in', target: { kind: 'route', name: 'mid' }, key: 'k' })
    engine.bind({ route: 'in', target: { kind: 'log', name: 'q' }, key: 'k' })
    engine.bind({ route: 'mid', target: { kind: 'log', name: 'q' }, key: '' })
    engine.bind({ route: 'mid', target: { kind: 'route', name: 'in' }, key: '' })
    assert.equal(engine.publish('in', 'k', text('a')).routed, 1)
    assert.equal(engine.publish('in', 'other', text('b')).routed, 1)
    assert.equal(engine.log('spare')?.count, 1)
    assert.equal(engine.publish('nowhere', 'k', text('c')).error, 'not-found')
  })

  it('compare attributes, all or any of them', () => {
    const { engine } = open({ all: {}, any: {} })
    engine.createRoute('h', { kind: 'attributes' })
    const match = { a: 1, b: 'x' }
    engine.bind({
      route: 'h',
      target: { kind: 'log', name: 'all' },
      key: '',
      attributes: { mode: 'all', match },
    })
    engine.bind({
      route: 'h',
      target: { kind: 'log', name: 'any' },
      key: '',
      attributes: { mode: 'any', match },
    })
    const routed = (entries: [string, string | bigint][]) =>
      engine.publish('h', '', text('x'), () => new Map(entries)).routed
    assert.equal(
      routed([
        ['a', 1n],
        ['b', 'x'],
      ]),
      2,
    )
    assert.equal(routed([['a', 1n]]), 1)
    assert.equal(routed([['a', 2n]]), 0)
  })
})

describe('a group', () => {
  it('reads each record once, keeps what is pending, and lets another claim it', () => {
    const { world, engine } = open({ log: {} })
    for (const body of ['a', 'b', 'c']) engine.append('log', [text(body)])
    assert.ok(engine.createGroup('log', 'g', 'first').ok)
    const target = { log: 'log', group: 'g' }
    const got = engine.lease(target, { holder: 'one', countMax: 2 })
    assert.ok(got.ok)
    assert.deepEqual(bodies(got.value), ['a', 'b'])
    engine.settle(target, 'one', [0], { kind: 'done' })
    world.clock.advance(60)
    const claimed = engine.extend(target, [1], { holder: 'two', counted: true, idleMinMs: 50 })
    assert.ok(claimed.ok)
    assert.equal(claimed.value[0]?.attempts, 2)
    assert.deepEqual(
      engine.pending(target).map(({ position, holder }) => [position, holder]),
      [[1, 'two']],
    )
    const again = restart(world, engine)
    assert.deepEqual(
      again.pending(target).map(({ holder }) => holder),
      ['two'],
    )
    assert.equal(again.group('log', 'g')?.cursor, 2)
  })
})

describe('a table', () => {
  it('keeps its fields through a restart and a crash, and forgets what was taken out', () => {
    const { world, engine } = open()
    assert.ok(engine.createTable('t').ok)
    engine.createTable('volatile', { durable: false })
    engine.put('t', [
      ['a', encodeUtf8('1')],
      ['b', encodeUtf8('2')],
    ])
    engine.put('t', [
      ['a', undefined],
      ['ü', noBytes],
    ])
    world.clock.runUntilIdle(100)
    world.crash()
    const again = restart(world, openEngine(world))
    const fields = [...(again.table('t') ?? [])].map(([field, value]) => [field, decodeUtf8(value)])
    assert.deepEqual(fields, [
      ['b', '2'],
      ['ü', ''],
    ])
    assert.equal(again.table('volatile'), undefined)
  })
})

describe('a lazy change of a table', () => {
  it('is waited for by nobody, and rides along with the next write', () => {
    const { world, engine } = open()
    engine.createTable('t')
    world.clock.runUntilIdle(10)
    const gate = engine.gate
    engine.put('t', [['a', encodeUtf8('1')]], { lazy: true })
    assert.equal(engine.gate, gate)
    assert.deepEqual([...engine.table('t')!.keys()], ['a'])
    engine.put('t', [['b', encodeUtf8('2')]])
    assert.ok(engine.gate > gate)
    world.clock.runUntilIdle(10)
    world.crash()
    const again = openEngine(world)
    assert.deepEqual([...again.table('t')!.keys()], ['a', 'b'])
  })
})

describe('the journal', () => {
  it('gives the same state after a clean restart, small or large', () => {
    const { world, engine } = open({
      q: { queue: { levels: 3 } },
      log: { retention: { ageMs: undefined, bytes: undefined, count: 10 } },
    })
    for (let index = 0; index < 300; index++) {
      engine.publish('', 'q', text(`${index}`.repeat(50), { priority: index % 3 }))
      engine.append('log', [text('x')])
      if (index % 7 === 0) lease(engine, 'q', 1)
    }
    world.clock.runUntilIdle(100)
    assert.equal(engine.log('log')?.count, 10)
    for (const { position } of engine.pending({ log: 'q' })) {
      engine.settle({ log: 'q' }, 'h', [position], { kind: 'done' })
    }
    world.clock.runUntilIdle(100)
    const before = engine.fingerprint()
    const again = restart(world, engine)
    assert.equal(again.fingerprint(), before)
  })

  it('releases nothing before it is on the disk, and keeps everything that was released', () => {
    const { world, engine } = open({ q: { queue: {} } })
    engine.publish('', 'q', text('kept'))
    world.clock.runUntilIdle(10)
    assert.ok(engine.released >= engine.gate)
    engine.publish('', 'q', text('lost'))
    assert.ok(engine.released < engine.gate)
    world.crash()
    const again = openEngine(world)
    assert.equal(peeked(again, 'q')[0], 'kept')
  })

  it('remembers what a route was altered to, and routes by it at once', () => {
    const { world, engine } = open({ q: { queue: {} } })
    engine.createRoute('a', { kind: 'direct' })
    engine.createRoute('b', { kind: 'fan-out' })
    engine.bind({ route: 'b', target: { kind: 'log', name: 'q' }, key: '' })
    assert.equal(engine.publish('a', 'k', text('lost')).routed, 0)
    assert.ok(engine.alterRoute('a', { alternate: 'b' }).ok)
    assert.equal(engine.publish('a', 'k', text('kept')).routed, 1)
    const again = restart(world, engine)
    assert.equal(again.route('a')?.config.alternate, 'b')
    assert.ok(again.alterRoute('a', { alternate: undefined }).ok)
    assert.equal(again.publish('a', 'k', text('lost')).routed, 0)
    assert.equal(again.alterRoute('nope', {}).ok, false)
  })

  it('notices rot in the last block of a folder that was closed cleanly', () => {
    const { world, engine } = open({ q: { queue: {} } })
    engine.publish('', 'q', text('precious'))
    engine.close(() => undefined)
    world.clock.runUntilIdle(100)
    const name = world.storage.list().find(file => file.endsWith('.journal'))!
    const bytes = new Uint8Array(10_000)
    const length = world.storage.open(name).read(0, bytes)
    const offset = bytes
      .subarray(0, length)
      .findIndex((_, index) => decodeUtf8(bytes.subarray(index, index + 8)) === 'precious')
    assert.ok(offset > 0)
    world.storage.rot(name, offset, 3)
    assert.throws(() => openEngine(world), /damaged at byte/)
  })

  it('deletes files that nobody needs and copies survivors out of nearly dead ones', () => {
    const world = simulatedWorld(3)
    const engine = openEngine(world, { fileBytes: 64 * 1024, cacheBytes: 256 * 1024 })
    engine.createLog('q', { queue: {} })
    engine.createLog('keep', { queue: {} })
    for (let index = 0; index < 2000; index++) {
      engine.publish('', 'q', text('x'.repeat(1000)))
      if (index % 200 === 0) engine.publish('', 'keep', text(`keep ${index}`))
      const [one] = lease(engine, 'q', 1)
      engine.settle({ log: 'q' }, 'h', [one!.record.position], { kind: 'done' })
      if (index % 10 === 0) world.clock.runUntilIdle(100)
    }
    world.clock.runUntilIdle(60_000)
    assert.ok(engine.stats().files <= 6, `${engine.stats().files} files are left`)
    const before = engine.fingerprint()
    const again = restart(world, engine)
    assert.equal(again.fingerprint(), before)
    assert.equal(peeked(again, 'keep').length, 10)
    assert.equal(peeked(again, 'keep')[3], 'keep 600')
  })
})
