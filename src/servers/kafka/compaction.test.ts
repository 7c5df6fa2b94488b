import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { encodeUtf8, noBytes } from '../../base/bytes.ts'
import { SeededRandom } from '../../base/random.ts'
import { openEngine } from '../../engine/engine.ts'
import { formats } from '../../engine/model.ts'
import { simulatedWorld } from '../../testing/testing.ts'
import { BatchView, decodeRecords, encodeBatch } from '../../wire/kafka/record-batch.ts'
import { Broker } from './broker.ts'
import { limits } from './limits.ts'

type Pair = readonly [key: string, value: string | null]

function start(configs: { readonly [name: string]: string } = {}) {
  const world = simulatedWorld(3)
  const engine = openEngine(world)
  const broker = new Broker({ engine, clock: world.clock, random: world.random })
  broker.createTopic('t', 1, { 'cleanup.policy': 'compact', ...configs })
  const append = (...pairs: readonly Pair[]): void => {
    const timestamp = world.clock.now()
    const records = pairs.map(([key, value]) => ({
      timestamp,
      key: encodeUtf8(key),
      value: value === null ? null : encodeUtf8(value),
    }))
    const body = encodeBatch(records)
    new BatchView().over(body).place(engine.log('t')!.next, 0)
    const format = formats.kafkaBatch
    const outcome = engine.append('t', [{ format, envelope: noBytes, body, span: pairs.length }])
    equal(outcome.ok, true)
    world.clock.runUntilIdle(1)
  }
  const sweep = (): void => {
    world.clock.advance(limits.retentionCheckMs)
    world.clock.runUntilIdle(1)
    world.clock.advance(limits.sweepRestMs * 10)
    world.clock.runUntilIdle(1)
  }
  /** What is left, with the offsets. */
  const left = (): string[] => {
    const outcome = engine.read('t', { position: 0 }, { countMax: 10_000, bytesMax: 1e9 })
    const all = outcome.ok ? outcome.value : []
    return all.flatMap(({ position, body }) =>
      decodeRecords(body, 1e6)!.map(({ key, value }, index) => {
        const text = value === null ? 'null' : new TextDecoder().decode(value)
        return `${position + index} ${new TextDecoder().decode(key!)}=${text}`
      }),
    )
  }
  return { world, broker, engine, append, sweep, left }
}

test('a batch goes when all of its records have newer ones; offsets stay', () => {
  const { append, sweep, left } = start()
  append(['a', '1'])
  append(['a', '2'], ['b', '1'])
  append(['a', '3'])
  append(['c', '1'])
  sweep()
  deepEqual(left(), ['1 a=2', '2 b=1', '3 a=3', '4 c=1'])
  append(['b', '2'], ['a', '4'])
  append(['c', '2'])
  append(['d', '1'])
  sweep()
  deepEqual(left(), ['5 b=2', '6 a=4', '7 c=2', '8 d=1'])
})

test('a tombstone stays for as long as it must be heard', () => {
  const { world, append, sweep, left } = start({ 'delete.retention.ms': '600000' })
  append(['a', '1'])
  append(['a', null])
  append(['b', '1'])
  sweep()
  deepEqual(left(), ['1 a=null', '2 b=1'])
  world.clock.advance(700_000)
  append(['c', '1'])
  append(['d', '1'])
  append(['e', '1'])
  sweep()
  deepEqual(left(), ['2 b=1', '3 c=1', '4 d=1', '5 e=1'])
})

test('what an open transaction has written is not compacted, nor what an aborted one has', () => {
  const { broker, append, sweep, left } = start()
  append(['a', '1'])
  const who = broker.transactions.begin('id', 600_000, undefined)
  broker.transactions.addPartitions('id', who, ['t'])
  append(['a', '2'])
  broker.transactions.note('t', who.producerId, 1)
  append(['a', '3'])
  append(['b', '1'])
  sweep()
  equal(left().length, 4)
})

test('nothing is lost, whatever is written: the newest record of each key is there', () => {
  const random = new SeededRandom(8)
  const { append, sweep, left } = start()
  const newest = new Map<string, string>()
  let serial = 0
  for (let round = 0; round < 8; round++) {
    for (let count = random.between(20, 60); count > 0; count--) {
      const pairs = Array.from({ length: random.between(1, 3) }, (): Pair => {
        const key = random.pick(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
        const value = String(++serial)
        newest.set(key, value)
        return [key, value]
      })
      append(...pairs)
    }
    sweep()
    const found = new Map(left().map(line => line.split(' ')[1]!.split('=') as [string, string]))
    deepEqual([...found].sort(), [...newest].sort())
  }
  equal(left().length < 120, true)
})
