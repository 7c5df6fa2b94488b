/** Parts of the driver for RabbitMQ that need no broker: names, waits, envelopes. */

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import type { AsyncMessage } from 'rabbitmq-client'
import { SeededRandom } from '../../../base/random.ts'
import { SimulatedClock } from '../../../testing/clock.ts'
import { attemptOf } from './delivery.ts'
import { FrameWriter, isEncodable } from './frames.ts'
import { endpointsOf, managementOf } from './listing.ts'
import {
  bodyOf,
  copyOf,
  envelopeOf,
  gatherDeliveries,
  keepBytes,
  ownHeaders,
  storedOf,
} from './messages.ts'
import { groupName, partOf } from './names.ts'
import { roundUp, waitMaxMs } from './waits.ts'

function incoming(fields: object): AsyncMessage {
  const body = Buffer.from('{}')
  return { deliveryTag: 1, redelivered: false, routingKey: 'q', body, ...fields } as AsyncMessage
}

describe('the RabbitMQ driver', () => {
  it('reads queues and topics out of the names of their queues', () => {
    const names = ['orders', 'orders~register', 'orders~wait.5000', 'mail~k0', 'mail~k1']
    const topic = ['events~log', 'events~register', 'events~g.audit']
    assert.deepEqual(endpointsOf([...topic, ...names]), [
      { kind: 'topic', name: 'events', keyed: false, options: {} },
      { kind: 'queue', name: 'mail', keyed: true, options: { rabbitmq: { partitions: 2 } } },
      { kind: 'queue', name: 'orders', keyed: false, options: {} },
    ])
  })

  it('asks for a list where the URL says, or beside the broker, and tells the broker nothing of it', () => {
    const beside = managementOf('amqps://me:secret@host/team')
    assert.deepEqual(beside.at, { url: 'https://me:secret@host:15671/', vhost: 'team' })
    const said = managementOf('amqp://host:5673/?management=http://him:it@other:8080/rabbit')
    assert.equal(said.broker, 'amqp://host:5673/')
    assert.deepEqual(said.at, { url: 'http://him:it@other:8080/rabbit', vhost: '/' })
  })

  it('rounds waits up, by a sixteenth at most, to few different ones', () => {
    const random = new SeededRandom(1)
    const found = new Set<number>()
    for (let turn = 0; turn < 10_000; turn++) {
      const ms = 1 + (random.uint32() % waitMaxMs)
      const rounded = roundUp(ms)
      assert.ok(rounded >= ms && rounded <= ms * (1 + 1 / 16) + 1, `${ms} became ${rounded}`)
      assert.equal(roundUp(rounded), rounded)
      found.add(rounded)
    }
    assert.ok(found.size <= 16 * 32)
  })

  it('puts a key always into the same part, and fills the parts', () => {
    const counts = [0, 0, 0, 0]
    for (let n = 0; n < 1000; n++) {
      const part = partOf(`key-${n}`, '', 4)
      assert.equal(partOf(`key-${n}`, 'another id', 4), part)
      counts[part]!++
    }
    for (const count of counts) assert.ok(count > 150, String(counts))
    // As FNV-1a says it, for those who write in other languages.
    assert.equal(partOf('a', '', 1 << 30), 0xe40c292c % (1 << 30))
  })

  it('gives a group with any name a queue', () => {
    assert.equal(groupName('t', 'billing'), 't~g.billing')
    assert.match(groupName('t', 'žlutý ~ kůň'), /^t~g\.sha256-[0-9a-f]{64}$/)
    assert.notEqual(groupName('t', 'a~b'), groupName('t', 'a b'))
  })

  it('adds up attempts: those before, those that the broker counts, and the corrections', () => {
    const counted = { 'x-delivery-count': 3, [ownHeaders.attempt]: 2 }
    const message = incoming({ headers: counted })
    assert.equal(attemptOf(incoming({}), undefined), 1)
    assert.equal(attemptOf(message, undefined), 5)
    assert.equal(attemptOf(message, { attempts: -2, dueAt: 0, at: 0 }), 3)
    assert.equal(attemptOf(message, { attempts: -9, dueAt: 0, at: 0 }), 2)
  })

  it('keeps a message as it was sent, and shows nothing of its own', () => {
    const headers = { 'content-type': 'text/plain', 'spillway-id': 'i', tenant: 'ada' }
    const envelope = envelopeOf({ id: 'i', headers }, 1234, { routingKey: 'q' })
    const stored = storedOf(incoming(envelope), 'p')
    assert.deepEqual(stored.headers, headers)
    assert.equal(stored.time, 1234)
    const long = { ...headers, 'spillway-id': 'x'.repeat(300) }
    const other = envelopeOf({ id: long['spillway-id'], headers: long }, 1, { routingKey: 'q' })
    assert.equal(other.messageId, undefined)
    assert.deepEqual(storedOf(incoming(other), 'p').headers, long)
  })

  it('writes the frames that the library writes, for one message behind another', () => {
    const { genContentFrames } = createRequire(import.meta.url)('rabbitmq-client/lib/codec.js')
    const plain = { 'content-type': 'application/json', 'spillway-id': 'i', tenant: 'žluťoučký' }
    const long = { ...plain, tenant: 'ž'.repeat(5000), 'spillway-id': 'x'.repeat(300) }
    const writer = new FrameWriter(7, 16_384)
    const expected: Buffer[] = []
    for (const [headers, size] of [
      [plain, 100],
      [plain, 0],
      [long, 300_000],
    ] as const) {
      const way = { exchange: '', routingKey: 'kůň', mandatory: true, expiration: '250' }
      const made = envelopeOf({ id: headers['spillway-id'], headers }, 1_795_000_000_123, way)
      const envelope = { ...made, priority: 3, correlationId: 'c', appId: 'a' }
      const body = Buffer.alloc(size, 'b')
      // The library leaves no room in its frames for what is around them; its own size is ours.
      expected.push(...genContentFrames(7, { ...envelope, rsvp1: 0 }, body, 16_384 - 8))
      writer.put({ envelope, body })
    }
    assert.deepEqual(writer.take(), Buffer.concat(expected))
    assert.equal(writer.take().length, 0)
  })

  it('writes nothing of a message that cannot be written', () => {
    const writer = new FrameWriter(1, 4096)
    const body = Buffer.from('{}')
    writer.put({ envelope: { routingKey: 'q' }, body })
    const { length } = writer
    assert.throws(() => writer.put({ envelope: { routingKey: 'ž'.repeat(200) }, body }), RangeError)
    const headers = { tenant: 'a'.repeat(5000) }
    assert.throws(() => writer.put({ envelope: { routingKey: 'q', headers }, body }), RangeError)
    assert.equal(writer.length, length)
    assert.equal(isEncodable({ headers: { mine: 1, tenant: 'ada' } }), true)
    assert.equal(isEncodable({ headers: { mine: [1] } }), false)
  })

  it('copies what others wrote, without what the broker wrote', () => {
    const headers = { 'x-death': [], 'x-delivery-count': 2, 'x-mine': 1, tenant: 'ada' }
    const message = incoming({ headers, correlationId: 'c', replyTo: 'r', type: 't' })
    const copy = copyOf(message, { routingKey: 'q', headers: { [ownHeaders.attempt]: 2 } })
    assert.deepEqual(copy.headers, { 'x-mine': 1, tenant: 'ada', [ownHeaders.attempt]: 2 })
    const { correlationId, replyTo, type, routingKey } = copy
    assert.deepEqual(
      { correlationId, replyTo, type, routingKey },
      {
        correlationId: 'c',
        replyTo: 'r',
        type: 't',
        routingKey: 'q',
      },
    )
  })

  it('hands on the deliveries of a turn together, in their order, with their bytes', () => {
    const clock = new SimulatedClock()
    const seen: string[] = []
    const state = {
      incoming: undefined as unknown,
      consumers: new Map([
        ['c', (message: AsyncMessage) => seen.push(`${message.deliveryTag} ${message.body}`)],
      ]),
    }
    let left = 0
    const channel = {
      _state: state,
      _onBody: (_frame?: { payload: Buffer }) => {
        left++
      },
    }
    gatherDeliveries(channel, clock)
    const arrive = (deliveryTag: number, parts: readonly string[], methodId = 0x003c003c): void => {
      const methodFrame = { methodId, params: { consumerTag: 'c', deliveryTag } }
      const chunks = new Array<Buffer>(parts.length)
      state.incoming = { methodFrame, headerFrame: { fields: {} }, chunks, received: 0 }
      if (parts.length === 0) channel._onBody()
      for (const part of parts) channel._onBody({ payload: Buffer.from(part) })
    }
    arrive(1, ['{"n":', '1}'])
    arrive(2, [])
    arrive(3, ['x'], 0x003c0047)
    assert.deepEqual([seen, left], [[], 1])
    clock.advance(0)
    assert.deepEqual(seen, ['1 {"n":1}', '2 '])
    gatherDeliveries({}, clock)
  })

  it('hides JSON from the library, and writes it again where that is impossible', () => {
    const fields: { contentType?: string | undefined } = { contentType: 'application/json' }
    let seen: unknown = 'nothing'
    const channel = {
      _onHeader: (frame: { fields: { contentType?: string | undefined } }) => {
        seen = frame.fields.contentType
      },
    }
    keepBytes(channel)
    channel._onHeader({ fields })
    assert.equal(seen, undefined)
    assert.equal(storedOf(incoming(fields), 'p').headers['content-type'], 'application/json')
    keepBytes({})
    const parsed = incoming({ body: { n: 1 } })
    assert.equal(new TextDecoder().decode(bodyOf(parsed)), '{"n":1}')
  })
})
