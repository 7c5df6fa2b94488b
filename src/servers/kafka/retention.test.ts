/** Retention by age on a simulated machine: nobody is connected, time is moved by hand. */

import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { noBytes } from '../../base/bytes.ts'
import { type EngineDoor, openEngine } from '../../engine/engine.ts'
import { formats } from '../../engine/model.ts'
import { type SimulatedWorld, simulatedWorld } from '../../testing/testing.ts'
import { Broker } from './broker.ts'
import { limits } from './limits.ts'

const day = 86_400_000
const checkMs = limits.retentionCheckMs

function start(world: SimulatedWorld = simulatedWorld(3), engine: EngineDoor = openEngine(world)) {
  const broker = new Broker({ engine, clock: world.clock, random: world.random })
  /** Some time, and every engine turn on the way. */
  const pass = (ms: number): void => {
    world.clock.advance(ms)
    world.clock.runUntilIdle(1)
  }
  /** A batch of two records that is so old; nobody looks into it. */
  const append = (log: string, ageMs: number, bytes = 1): void => {
    const time = world.clock.now() - ageMs
    const body = new Uint8Array(bytes)
    const record = { format: formats.kafkaBatch, envelope: noBytes, body, time, span: 2 }
    equal(engine.append(log, [record]).ok, true)
    world.clock.runUntilIdle(1)
  }
  const kept = (log: string): [first: number, count: number] => {
    const info = engine.log(log)!
    return [info.first, info.count]
  }
  return { world, engine, broker, pass, append, kept }
}

test('old batches stay until the sweep, and the newest one after it', () => {
  const { broker, pass, append, kept } = start()
  broker.createTopic('t', 2, {})
  for (const log of ['t', 't/1']) for (const _ of [1, 2, 3]) append(log, 30 * day)
  pass(1000)
  pass(checkMs - 2000)
  deepEqual(
    [kept('t'), kept('t/1')],
    [
      [0, 3],
      [0, 3],
    ],
  )
  pass(1000)
  deepEqual(
    [kept('t'), kept('t/1')],
    [
      [4, 1],
      [4, 1],
    ],
  )
  append('t', 30 * day)
  pass(checkMs - 1000)
  deepEqual(kept('t'), [4, 2])
  pass(1000)
  deepEqual(kept('t'), [6, 1])
})

test('the sweep ends at the first batch that is young enough', () => {
  const { broker, pass, append, kept } = start()
  broker.createTopic('t', 1, { 'retention.ms': String(day) })
  for (const age of [3 * day, 2 * day, 0, 5 * day, 0]) append('t', age)
  pass(checkMs)
  deepEqual(kept('t'), [4, 3])
})

test('what the configuration keeps stays', () => {
  const { broker, pass, append, kept } = start()
  broker.createTopic('endless', 1, { 'retention.ms': '-1' })
  broker.createTopic('compacted', 1, { 'cleanup.policy': 'compact', 'retention.ms': '1' })
  broker.createTopic('both', 1, { 'cleanup.policy': 'compact,delete', 'retention.ms': '1' })
  const logs = ['endless', 'compacted', 'both']
  for (const log of logs) for (const _ of [1, 2]) append(log, day)
  pass(checkMs)
  deepEqual(logs.map(kept), [
    [0, 2],
    [0, 2],
    [2, 1],
  ])
})

test('what an open transaction has written stays', () => {
  const { broker, pass, append, kept } = start()
  broker.createTopic('t', 1, {})
  const who = broker.transactions.begin('id', 900_000, undefined)
  broker.transactions.addPartitions('id', who, ['t'])
  append('t', 30 * day)
  broker.transactions.note('t', who.producerId, 2)
  append('t', 30 * day)
  append('t', 30 * day)
  pass(checkMs)
  deepEqual(kept('t'), [2, 2])
})

test('a sweep does a bounded piece of the work, and rests', () => {
  const { broker, pass, append, kept } = start()
  broker.createTopic('t', 1, {})
  const bytes = 5 * 1024 * 1024
  const total = 20
  for (let count = 0; count < total; count++) append('t', 30 * day, bytes)
  pass(checkMs)
  const gone = total - kept('t')[1]
  equal(gone > 0 && gone * bytes <= limits.sweepBytesMax, true, `${gone} are gone`)
  for (let ticks = 0; ticks < 20; ticks++) pass(1000)
  equal(kept('t')[1], 1)
})

test('a sweep goes on when topics go and come meanwhile', () => {
  const { broker, engine, pass, append, kept } = start()
  for (const name of ['a', 'b', 'c']) {
    broker.createTopic(name, 1, {})
    for (let count = 0; count < 8; count++) append(name, 30 * day, 5 * 1024 * 1024)
  }
  pass(checkMs)
  broker.removeTopic(broker.topics.find('b')!)
  engine.createLog('b', { queue: {} })
  for (let ticks = 0; ticks < 20; ticks++) pass(1000)
  deepEqual([kept('a')[1], kept('c')[1]], [1, 1])
})

test('a log of another protocol keeps to its rules until retention.ms is set', () => {
  const { broker, engine, pass, append, kept } = start()
  const retention = { ageMs: 90 * day, bytes: undefined, count: undefined }
  engine.createLog('stream', { retention, labels: { other: 'x' } })
  broker.topics.list()
  for (const _ of [1, 2]) append('stream', 30 * day)
  pass(checkMs)
  deepEqual(kept('stream'), [0, 2])
  const configure = (configs: { [name: string]: string }) =>
    broker.topics.configure(broker.topics.find('stream')!, configs)
  configure({ 'max.message.bytes': '1000' })
  equal(engine.log('stream')?.config.retention.ageMs, 90 * day)
  configure({ 'retention.ms': String(day) })
  equal(engine.log('stream')?.config.retention.ageMs, undefined)
  pass(checkMs)
  deepEqual(kept('stream'), [2, 1])
})

test('logs of before lose the age that the engine knew, those of others keep theirs', () => {
  const { world, engine } = start()
  const age = (ageMs: number | undefined) => ({ ageMs, bytes: 5, count: undefined })
  engine.createLog('auto', { retention: age(7 * day) })
  engine.createLog('made', { retention: age(9 * day) })
  engine.createLog('made/1', { retention: age(9 * day) })
  engine.createLog('stream', { retention: age(7 * day), labels: { other: 'x' } })
  engine.createLog('plain', { retention: age(undefined) })
  engine.createTable('kafka.topics')
  const row = (partitions: number, configs: object) =>
    new TextEncoder().encode(JSON.stringify({ id: `${partitions}`, partitions, configs }))
  engine.put('kafka.topics', [
    ['auto', row(1, {})],
    ['made', row(2, { 'retention.ms': String(9 * day) })],
    ['stream', row(1, {})],
    ['plain', row(1, {})],
  ])
  // The second start finds what the first one has decided, though the ages are gone.
  for (const _ of [1, 2]) {
    const { broker } = start(world, engine)
    const retentions = ['auto', 'made', 'made/1', 'stream'].map(
      log => engine.log(log)?.config.retention,
    )
    deepEqual(retentions, [age(undefined), age(undefined), age(undefined), age(7 * day)])
    const isAdopted = ['auto', 'made', 'stream', 'plain'].map(
      name => broker.topics.known(name)?.isAdopted,
    )
    deepEqual(isAdopted, [false, false, true, true])
  }
})
