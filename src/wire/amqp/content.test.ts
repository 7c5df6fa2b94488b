import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter, decodeUtf8, encodeUtf8 } from '../../base/bytes.ts'
import { SeededRandom } from '../../base/random.ts'
import { WireError } from '../schema/errors.ts'
import {
  decodeAck,
  decodeProperties,
  decodePublish,
  encodeProperties,
  newAckScan,
  newPropertyScan,
  newPublishScan,
  noProperties,
  type Properties,
  readContentHeader,
  sampleProperties,
  scanProperties,
  writeAck,
  writeDeliver,
  writeGetOk,
  writeReturn,
} from './content.ts'
import { readTable, tableOf } from './field-table.ts'
import { FrameReader, writeMethodFrame } from './frame.ts'
import {
  BasicAck,
  BasicDeliver,
  BasicGetOk,
  BasicPublish,
  BasicReturn,
  readMethodTable,
} from './methods.ts'

const everything: Properties = {
  contentType: 'text/plain',
  contentEncoding: 'utf-8',
  headers: tableOf({ 'x-match': 'all', n: 1 }),
  deliveryMode: 2,
  priority: 5,
  correlationId: 'c-1',
  replyTo: 'amq.rabbitmq.reply-to',
  expiration: '60000',
  messageId: 'm-1',
  timestamp: 1_700_000_000,
  type: 'order',
  userId: 'guest',
  appId: 'shop',
  clusterId: 'east',
}

const names = Object.keys(everything) as (keyof Properties)[]

function subset(mask: number): Properties {
  const chosen = names.filter((_, index) => (mask & (1 << index)) !== 0)
  return Object.fromEntries(chosen.map(name => [name, everything[name]]))
}

interface Seen {
  readonly type: number
  readonly channel: number
  readonly payload: Uint8Array
}

function frames(writer: ByteWriter, frameMax: number): Seen[] {
  const seen: Seen[] = []
  const reader = new FrameReader({ frameMax })
  reader.push(writer.take(), (type, channel, payload) =>
    seen.push({ type, channel, payload: payload.slice() }),
  )
  return seen
}

function methodOf(payload: Uint8Array): { name: string; value: object } {
  const reader = new ByteReader(payload)
  const table = readMethodTable(reader)
  return { name: table.name, value: table.decode(reader) }
}

test('every subset of the properties survives a round trip, and the scan agrees', () => {
  const scan = newPropertyScan()
  for (let mask = 0; mask < 1 << names.length; mask++) {
    const properties = subset(mask)
    const bytes = encodeProperties(properties)
    deepEqual(decodeProperties(bytes), properties)
    scanProperties(bytes, scan)
    const range = (start: number, end: number) =>
      start < 0 ? undefined : decodeUtf8(bytes.subarray(start, end))
    equal(scan.deliveryMode, properties.deliveryMode ?? 0)
    equal(scan.priority, properties.priority ?? 0)
    equal(scan.expiration, properties.expiration)
    equal(range(scan.replyToStart, scan.replyToEnd), properties.replyTo)
    equal(range(scan.userIdStart, scan.userIdEnd), properties.userId)
    equal(range(scan.clusterIdStart, scan.clusterIdEnd), properties.clusterId)
    const headers =
      scan.headersStart < 0
        ? undefined
        : readTable(new ByteReader(bytes, scan.headersStart, scan.headersEnd))
    deepEqual(headers, properties.headers)
  }
})

test('the flags are the bits of the specification', () => {
  for (const [index, name] of names.entries()) {
    const bytes = encodeProperties({ [name]: everything[name] })
    equal((bytes[0]! << 8) | bytes[1]!, 0x8000 >> index, name)
  }
  deepEqual(encodeProperties({}), noProperties)
})

test('properties cut short, too long, or with flags of no property are a 502', () => {
  const bytes = encodeProperties(everything)
  const scan = newPropertyScan()
  const refused = (input: Uint8Array) => {
    for (const read of [decodeProperties, (from: Uint8Array) => scanProperties(from, scan)]) {
      throws(
        () => read(input),
        (error: Error) =>
          error instanceof WireError && error.code === 502 && error.offset <= input.length,
      )
    }
  }
  for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length))
  refused(Uint8Array.of(...bytes, 0))
  refused(Uint8Array.of(0, 1))
  refused(Uint8Array.of(0, 2))
  refused(Uint8Array.of(0x20, 0, 0xff, 0xff, 0xff, 0xff))
})

test('a content header gives the body size, and the properties as they came', () => {
  const writer = new ByteWriter()
  const properties = encodeProperties(everything)
  const body = new Uint8Array(5)
  writeReturn(writer, 3, 312, 'NO_ROUTE', new Uint8Array(0), body, properties, body, 4096)
  const header = readContentHeader(frames(writer, 4096)[1]!.payload)
  equal(header.bodySize, 5)
  deepEqual(header.properties, properties)
})

test('a content header of another class, with a weight, or cut short is refused', () => {
  const good = Uint8Array.of(0, 60, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0)
  deepEqual(readContentHeader(good), { bodySize: 2 ** 32 + 2, properties: noProperties })
  const refused = (bytes: Uint8Array, code: number) =>
    throws(
      () => readContentHeader(bytes),
      (error: Error) => error instanceof WireError && error.code === code,
    )
  for (let length = 0; length < good.length; length++) refused(good.subarray(0, length), 502)
  refused(good.with(1, 50), 505)
  refused(good.with(3, 1), 505)
})

test('a delivery is split to the frame size, and reads back', () => {
  const random = new SeededRandom(3)
  for (const size of [0, 1, 4087, 4088, 4089, 8176, 8177, 20_000]) {
    const body = Uint8Array.from({ length: size }, () => random.below(256))
    const properties = encodeProperties(sampleProperties(random))
    const exchange = encodeUtf8('e'.repeat(random.below(256)))
    const routingKey = encodeUtf8('k'.repeat(random.below(256)))
    const tag = Uint8Array.of(3, 0x61, 0x62, 0x63)
    const writer = new ByteWriter(16)
    writeDeliver(writer, 500, tag, 2 ** 40 + 7, true, exchange, routingKey, properties, body, 4096)
    const [first, second, ...rest] = frames(writer, 4096)
    deepEqual(methodOf(first!.payload), {
      name: BasicDeliver.name,
      value: {
        consumerTag: 'abc',
        deliveryTag: 2 ** 40 + 7,
        redelivered: true,
        exchange: decodeUtf8(exchange),
        routingKey: decodeUtf8(routingKey),
      },
    })
    deepEqual(readContentHeader(second!.payload), { bodySize: size, properties })
    equal(rest.length, Math.ceil(size / 4088))
    ok(rest.every(frame => frame.type === 3 && frame.channel === 500))
    deepEqual(Buffer.concat(rest.map(frame => frame.payload)), Buffer.from(body))
  }
})

test('get-ok and return read back', () => {
  const writer = new ByteWriter(1)
  const exchange = encodeUtf8('logs')
  const key = encodeUtf8('a.b')
  const body = encodeUtf8('body')
  writeGetOk(writer, 1, 9, false, exchange, key, 12, noProperties, body, 4096)
  writeReturn(writer, 2, 312, 'NO_ROUTE', exchange, key, noProperties, body, 4096)
  const seen = frames(writer, 4096)
  deepEqual(
    seen.map(frame => [frame.type, frame.channel]),
    [
      [1, 1],
      [2, 1],
      [3, 1],
      [1, 2],
      [2, 2],
      [3, 2],
    ],
  )
  deepEqual(methodOf(seen[0]!.payload), {
    name: BasicGetOk.name,
    value: {
      deliveryTag: 9,
      redelivered: false,
      exchange: 'logs',
      routingKey: 'a.b',
      messageCount: 12,
    },
  })
  deepEqual(methodOf(seen[3]!.payload), {
    name: BasicReturn.name,
    value: { replyCode: 312, replyText: 'NO_ROUTE', exchange: 'logs', routingKey: 'a.b' },
  })
})

test('the written ack is the table’s, and the hot decoder agrees with it', () => {
  const scan = newAckScan()
  for (const deliveryTag of [0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    for (const multiple of [false, true]) {
      const lean = new ByteWriter(1)
      writeAck(lean, 65535, deliveryTag, multiple)
      const plain = new ByteWriter()
      writeMethodFrame(plain, 65535, BasicAck, { deliveryTag, multiple })
      deepEqual(lean.take(), plain.take())
      decodeAck(frames(plain, 4096)[0]!.payload, scan)
      deepEqual(scan, { deliveryTag, multiple })
    }
  }
  throws(() => decodeAck(new Uint8Array(12), scan), WireError)
  throws(() => decodeAck(new Uint8Array(14), scan), WireError)
})

test('the hot decoder of publish agrees with the table, and refuses what it refuses', () => {
  const random = new SeededRandom(5)
  const scan = newPublishScan()
  for (let run = 0; run < 500; run++) {
    const value = BasicPublish.sample(random)
    const writer = new ByteWriter()
    writeMethodFrame(writer, 1, BasicPublish, value)
    const { payload } = frames(writer, 4096)[0]!
    decodePublish(payload, scan)
    equal(decodeUtf8(payload.subarray(scan.exchangeStart, scan.exchangeEnd)), value.exchange)
    equal(decodeUtf8(payload.subarray(scan.routingKeyStart, scan.routingKeyEnd)), value.routingKey)
    equal(scan.mandatory, value.mandatory)
    equal(scan.immediate, value.immediate)
    for (let length = 0; length < payload.length; length++) {
      throws(() => decodePublish(payload.subarray(0, length), scan), WireError)
    }
    throws(() => decodePublish(Uint8Array.of(...payload, 0), scan), WireError)
  }
})
