/**
 * Requests that are right in form and mad in content, and such that are not even that, against a
 * broker on a simulated machine: nothing that a peer can send is an exception, and somebody else
 * does not notice.
 */

import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { openEngine } from '../../src/engine/engine.ts'
import { Broker } from '../../src/servers/kafka/broker.ts'
import { servedBy } from '../../src/servers/kafka/commands.ts'
import { Connection } from '../../src/servers/kafka/connection.ts'
import { simulatedWorld } from '../../src/testing/testing.ts'
import { type AnyApi, apis } from '../../src/wire/kafka/apis.ts'
import { Metadata } from '../../src/wire/kafka/messages/cluster.ts'
import { encodeBatch } from '../../src/wire/kafka/record-batch.ts'

function start(seed: number, profile: '4.2' | '2.4') {
  const world = simulatedWorld(seed)
  const { clock, random } = world
  const broker = new Broker({ engine: openEngine(world), clock, random, profile })
  const served = servedBy(profile)
  /** A connection, and what it has been answered. */
  const connect = () => {
    const writer = new ByteWriter()
    let isOpen = true
    const outbox = {
      writer,
      size: 0,
      unread: 0,
      left: 0,
      congested: false,
      hold: () => {},
      ahead: () => {},
      end: () => {
        isOpen = false
      },
      destroy: () => {
        isOpen = false
      },
    }
    const peer = { address: '127.0.0.1', port: 1, tls: false }
    const local = { address: '127.0.0.1', port: 9092 }
    const context = { outbox, peer, local, pauseReading: () => {} }
    const connection = new Connection(context, { broker, served, authenticate: undefined })
    return { connection, writer, isOpen: () => isOpen }
  }
  return { world, broker, connect, served }
}

/** Values that mean something, mixed into the samples: else nothing is ever found. */
const meaningful = ['t', 'g', 'kafka-cluster', 'User:a', 'range', 'uniform', 'retention.ms', '0']

function enrich(value: unknown, random: SeededRandom): unknown {
  if (typeof value === 'string') return random.chance(0.6) ? random.pick(meaningful) : value
  if (typeof value === 'number') {
    return random.chance(0.5) ? random.pick([0, 1, 2, -1, 5, 10_000]) : value
  }
  if (value instanceof Uint8Array) {
    const batch = () => encodeBatch([{ timestamp: 1, key: null, value: Uint8Array.of(1) }])
    return random.chance(0.5) ? batch() : value
  }
  if (Array.isArray(value)) return value.map(each => enrich(each, random))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, enrich(each, random)]),
  )
}

function requestOf(api: AnyApi, version: number, random: SeededRandom): Uint8Array {
  const writer = new ByteWriter()
  writer.u32(0)
  writer.u16(api.key)
  writer.u16(version)
  writer.u32(random.uint32())
  writer.u16(0xffff)
  if (api.isFlexible(version)) writer.u8(0)
  const layout = { version, flexible: api.isFlexible(version) }
  const sample = api.requestType.sample(random, layout)
  try {
    api.request(version).encode(writer, enrich(sample, random))
  } catch {
    // A number that is too large for its field, or a text that is no uuid: the sample as it was.
    api.request(version).encode(writer, sample)
  }
  writer.view.setUint32(0, writer.end - 4)
  return writer.take()
}

function isServed(part: ReturnType<typeof start>): boolean {
  const { connection, writer } = part.connect()
  const request = new ByteWriter()
  request.u32(0)
  request.u16(Metadata.key)
  request.u16(1)
  request.u32(7)
  request.u16(0xffff)
  Metadata.request(1).encode(request, { topics: [] })
  request.view.setUint32(0, request.end - 4)
  connection.receive(request.take())
  connection.closed()
  return writer.end > 8 && new ByteReader(writer.bytes, 4).u32() === 7
}

for (const profile of ['4.2', '2.4'] as const) {
  test(`mad requests are answered, or end the connection: profile ${profile}`, () => {
    let answered = 0
    for (let seed = 1; seed <= 12; seed++) {
      const part = start(seed, profile)
      const random = new SeededRandom(seed)
      part.broker.createTopic('t', 2, {})
      for (let run = 0; run < 120; run++) {
        const { connection, writer, isOpen } = part.connect()
        for (let count = 0; count < 5 && isOpen(); count++) {
          const api = random.pick([...apis.values()])
          const version = random.between(api.first, api.last)
          const request = requestOf(api, version, random)
          if (random.chance(0.2))
            request[random.between(4, request.length - 1)]! ^= 1 << random.below(8)
          const at = random.below(request.length)
          connection.receive(request.subarray(0, at))
          connection.receive(request.subarray(at))
          part.world.clock.runUntilIdle(1)
        }
        if (writer.end > 0) answered++
        if (random.chance(0.3)) part.world.clock.advance(random.between(1, 50_000))
        connection.tick()
        connection.closed()
      }
      ok(isServed(part), `seed ${seed}`)
    }
    ok(answered > 300, `${answered} connections were answered`)
  })
}

test('lengths that lie, and bytes that are no request at all', () => {
  const part = start(3, '4.2')
  const random = new SeededRandom(9)
  const lies = [0x7fff_ffff, 0xffff_ffff, 100 * 1024 * 1024, 0x8000_0000]
  for (const size of lies) {
    const { connection, isOpen } = part.connect()
    const writer = new ByteWriter()
    writer.u32(size)
    connection.receive(writer.take())
    equal(isOpen(), size === 100 * 1024 * 1024)
    connection.closed()
  }
  for (let run = 0; run < 300; run++) {
    const { connection } = part.connect()
    const bytes = Uint8Array.from({ length: random.between(1, 200) }, () => random.below(256))
    if (bytes.length >= 4 && random.chance(0.8)) bytes.set([0, 0, 0, bytes.length - 4])
    connection.receive(bytes)
    connection.closed()
  }
  ok(isServed(part))
})
