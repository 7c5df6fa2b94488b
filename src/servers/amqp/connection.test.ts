/**
 * The server in process, over raw frames: real engine, simulated world, an outbox that shows what
 * may leave. What clients do with it is tested from outside, in tests/conformance.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter, encodeUtf8 } from '../../base/bytes.ts'
import { SeededRandom } from '../../base/random.ts'
import { type EngineDoor, openEngine } from '../../engine/engine.ts'
import { simulatedWorld } from '../../testing/testing.ts'
import { decodeProperties, encodeProperties, readContentHeader } from '../../wire/amqp/content.ts'
import { type FieldTable, tableOf, tableToPlain } from '../../wire/amqp/field-table.ts'
import { FrameReader, frameEnd, protocolHeader, writeMethodFrame } from '../../wire/amqp/frame.ts'
import * as wire from '../../wire/amqp/methods.ts'
import type { Outbox, ServerConnection } from '../connection.ts'
import type { AmqpServerOptions } from './broker.ts'
import { amqpServer, type ProfileName } from './server.ts'

interface Heard {
  readonly channel: number
  readonly name: string
  readonly value: { readonly [field: string]: unknown }
  properties?: Uint8Array
  body: string
}

/** Lets through what the engine has released, and keeps the rest. */
class TestOutbox implements Outbox {
  readonly writer = new ByteWriter()
  readonly #engine: EngineDoor
  readonly #held: { readonly gate: number; readonly bytes: Uint8Array }[] = []
  unread = 0
  left = 0
  congested = false
  ended = false
  destroyed = false

  constructor(engine: EngineDoor) {
    this.#engine = engine
  }

  get size(): number {
    return this.#held.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  hold(gate: number): void {
    if (this.writer.end > 0 && !this.ended) this.#held.push({ gate, bytes: this.writer.take() })
    this.writer.clear()
  }

  ahead(bytes: Uint8Array): void {
    this.#held.unshift({ gate: 0, bytes })
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
  }

  released(): Uint8Array[] {
    const bytes: Uint8Array[] = []
    while (this.#held.length > 0 && this.#held[0]!.gate <= this.#engine.released) {
      bytes.push(this.#held.shift()!.bytes)
    }
    return bytes
  }
}

class TestClient {
  readonly outbox: TestOutbox
  readonly connection: ServerConnection
  paused = false
  readonly #world: Broker
  readonly #reader = new FrameReader({ frameMax: 131_072 })
  readonly #heard: Heard[] = []

  constructor(world: Broker, address: string) {
    this.#world = world
    this.outbox = new TestOutbox(world.engine)
    this.connection = world.server.accept({
      outbox: this.outbox,
      peer: { address, port: 1, tls: false },
      local: { address, port: 5672 },
      pauseReading: paused => {
        this.paused = paused
      },
    })
  }

  push(bytes: Uint8Array): void {
    this.connection.receive(bytes)
  }

  send<T>(channel: number, table: wire.MethodTable<T>, value: T): void {
    const writer = new ByteWriter()
    writeMethodFrame(writer, channel, table, value)
    this.push(writer.take())
  }

  /** The frames of a publish, in pieces of `size`. */
  publish(channel: number, to: PublishTo, body = 'x', size = 1 << 20): void {
    this.push(publishBytes(channel, to, body, size))
  }

  /** What may leave now, without waiting for the disk. */
  now(): Heard[] {
    this.#take()
    return this.#heard.splice(0)
  }

  /** What has left when everything is on the disk. */
  hear(): Heard[] {
    this.#world.settle()
    return this.now()
  }

  names(): string[] {
    return this.hear().map(heard => heard.name)
  }

  #take(): void {
    for (const bytes of this.outbox.released()) {
      this.#reader.push(bytes, (type, channel, payload) => this.#frame(type, channel, payload))
    }
  }

  #frame(type: number, channel: number, payload: Uint8Array): void {
    const last = this.#heard[this.#heard.length - 1]
    if (type === 1) {
      const reader = new ByteReader(payload)
      const table = wire.readMethodTable(reader)
      const value = table.decode(reader) as Heard['value']
      this.#heard.push({ channel, name: table.name, value: { ...value }, body: '' })
    } else if (type === 2) last!.properties = readContentHeader(payload).properties.slice()
    else if (type === 3) last!.body += new TextDecoder().decode(payload)
    else this.#heard.push({ channel, name: 'heartbeat', value: {}, body: '' })
  }
}

interface PublishTo {
  readonly exchange?: string
  readonly routingKey: string
  readonly mandatory?: boolean
  readonly properties?: Uint8Array
}

function publishBytes(channel: number, to: PublishTo, body: string, size = 1 << 20): Uint8Array {
  const writer = new ByteWriter()
  writeMethodFrame(writer, channel, wire.BasicPublish, {
    exchange: to.exchange ?? '',
    routingKey: to.routingKey,
    mandatory: to.mandatory === true,
    immediate: false,
  })
  const bytes = encodeUtf8(body)
  const properties = to.properties ?? encodeProperties({ deliveryMode: 2 })
  frame(writer, 2, channel, inner => {
    inner.u16(60)
    inner.u16(0)
    inner.u64(bytes.length)
    inner.raw(properties)
  })
  for (let at = 0; at < bytes.length; at += size) {
    frame(writer, 3, channel, inner => inner.raw(bytes.subarray(at, at + size)))
  }
  return writer.take()
}

function frame(writer: ByteWriter, type: number, channel: number, fill: (w: ByteWriter) => void) {
  writer.u8(type)
  writer.u16(channel)
  writer.u32(0)
  const start = writer.end
  fill(writer)
  writer.view.setUint32(start - 4, writer.end - start)
  writer.u8(frameEnd)
}

interface Broker {
  readonly engine: EngineDoor
  readonly server: ReturnType<typeof amqpServer>
  settle(): void
}

function newBroker(seed: number, options: Partial<AmqpServerOptions> = {}, capacity?: number) {
  const world = simulatedWorld(seed, capacity === undefined ? {} : { capacity })
  const engine = openEngine(world, { fileBytes: 1 << 20 })
  const server = amqpServer({
    engine,
    random: world.random,
    authenticate: (user, password) => user === password,
    ...options,
  })
  const settle = () => world.clock.advance(1000)
  return { world, engine, server, settle }
}

const allCapabilities: FieldTable = tableOf({
  capabilities: {
    consumer_cancel_notify: true,
    'connection.blocked': true,
    authentication_failure_close: true,
  },
})

function connect(broker: Broker, vhost = '/', heartbeat = 0): TestClient {
  const client = new TestClient(broker, '127.0.0.1')
  client.push(protocolHeader)
  client.send(0, wire.ConnectionStartOk, {
    clientProperties: allCapabilities,
    mechanism: 'PLAIN',
    response: encodeUtf8('\0guest\0guest'),
    locale: 'en_US',
  })
  client.send(0, wire.ConnectionTuneOk, { channelMax: 100, frameMax: 8192, heartbeat })
  client.send(0, wire.ConnectionOpen, { virtualHost: vhost })
  client.send(1, wire.ChannelOpen, {})
  assert.deepEqual(client.names(), [
    'connection.start',
    'connection.tune',
    'connection.open-ok',
    'channel.open-ok',
  ])
  return client
}

function declare(client: TestClient, queue: string, table: FieldTable = [], change = {}): void {
  client.send(1, wire.QueueDeclare, {
    queue,
    passive: false,
    durable: true,
    exclusive: false,
    autoDelete: false,
    noWait: false,
    arguments: table,
    ...change,
  })
}

function consume(
  client: TestClient,
  queue: string,
  consumerTag: string,
  noAck = false,
  table: FieldTable = [],
): void {
  client.send(1, wire.BasicConsume, {
    queue,
    consumerTag,
    noLocal: false,
    noAck,
    exclusive: false,
    noWait: false,
    arguments: table,
  })
}

test('a confirm leaves only when the record is on the disk', () => {
  const broker = newBroker(1)
  const client = connect(broker)
  declare(client, 'q')
  client.send(1, wire.ConfirmSelect, { noWait: false })
  client.hear()
  client.publish(1, { routingKey: 'q' })
  assert.deepEqual(client.now(), [])
  const [ack] = client.hear()
  assert.equal(ack?.name, 'basic.ack')
  assert.deepEqual(ack?.value, { deliveryTag: 1, multiple: false })
})

test('publishes of one chunk are confirmed by one frame, a return comes before it', () => {
  const broker = newBroker(2)
  const client = connect(broker)
  declare(client, 'q')
  client.send(1, wire.ConfirmSelect, { noWait: true })
  client.hear()
  const writer = new ByteWriter()
  for (let index = 0; index < 5; index++) writer.raw(publishBytes(1, { routingKey: 'q' }, 'x'))
  writer.raw(publishBytes(1, { routingKey: 'nowhere', mandatory: true }, 'back'))
  client.push(writer.take())
  const [returned, ack, ...rest] = client.hear()
  assert.equal(returned?.name, 'basic.return')
  assert.equal(returned?.value.replyText, 'NO_ROUTE')
  assert.equal(returned?.body, 'back')
  assert.deepEqual(ack?.value, { deliveryTag: 6, multiple: true })
  assert.deepEqual(rest, [])
})

test('what a full queue rejects is a nack between the acks', () => {
  const broker = newBroker(3)
  const client = connect(broker)
  declare(client, 'q', tableOf({ 'x-max-length': 1, 'x-overflow': 'reject-publish' }))
  client.send(1, wire.ConfirmSelect, { noWait: true })
  client.hear()
  const writer = new ByteWriter()
  writer.raw(publishBytes(1, { routingKey: 'q' }, '1'))
  writer.raw(publishBytes(1, { routingKey: 'q' }, '2'))
  writer.raw(publishBytes(1, { routingKey: 'nowhere' }, '3'))
  client.push(writer.take())
  const heard = client.hear().map(({ name, value }) => `${name} ${value.deliveryTag}`)
  assert.deepEqual(heard, ['basic.ack 1', 'basic.nack 2', 'basic.ack 3'])
})

test('bytes may be cut anywhere: one at a time they do the same', () => {
  const broker = newBroker(4)
  const client = connect(broker)
  declare(client, 'q')
  client.send(1, wire.ConfirmSelect, { noWait: true })
  consume(client, 'q', 'c', true)
  client.hear()
  const properties = encodeProperties({ contentType: 'a/b', headers: tableOf({ h: 'v' }) })
  const bytes = publishBytes(1, { routingKey: 'q', properties }, 'hello world', 4)
  for (let at = 0; at < bytes.length; at++) client.push(bytes.subarray(at, at + 1))
  const heard = client.hear()
  const delivery = heard.find(({ name }) => name === 'basic.deliver')
  assert.equal(delivery?.body, 'hello world')
  assert.deepEqual(delivery?.properties, properties)
  assert.ok(heard.some(({ name }) => name === 'basic.ack'))
})

test('a delivery says where it came by, and an acknowledgement makes room for the next one', () => {
  const broker = newBroker(5)
  const client = connect(broker)
  declare(client, 'q')
  client.send(1, wire.BasicQos, { prefetchSize: 0, prefetchCount: 2, global: false })
  for (const body of ['a', 'b', 'c', 'd']) client.publish(1, { routingKey: 'q' }, body)
  consume(client, 'q', 'me')
  const deliveries = client.hear().filter(({ name }) => name === 'basic.deliver')
  assert.deepEqual(
    deliveries.map(({ body }) => body),
    ['a', 'b'],
  )
  const { exchange, routingKey, consumerTag, deliveryTag } = deliveries[1]!.value
  assert.deepEqual(
    { exchange, routingKey, consumerTag, deliveryTag },
    {
      exchange: '',
      routingKey: 'q',
      consumerTag: 'me',
      deliveryTag: 2,
    },
  )
  client.send(1, wire.BasicAck, { deliveryTag: 2, multiple: true })
  assert.deepEqual(
    client.hear().map(({ body }) => body),
    ['c', 'd'],
  )
  client.send(1, wire.BasicAck, { deliveryTag: 2, multiple: false })
  const [close] = client.hear()
  assert.equal(close?.name, 'channel.close')
  assert.equal(close?.value.replyText, 'PRECONDITION_FAILED - unknown delivery tag 2')
})

test('the window of a channel holds across consumers, and nothing is redelivered for it', () => {
  const broker = newBroker(6)
  const client = connect(broker)
  client.send(1, wire.BasicQos, { prefetchSize: 0, prefetchCount: 3, global: true })
  for (const queue of ['a', 'b']) {
    declare(client, queue)
    for (let index = 0; index < 10; index++)
      client.publish(1, { routingKey: queue }, `${queue}${index}`)
    consume(client, queue, queue)
  }
  const bodies: string[] = []
  for (let round = 0; round < 20 && bodies.length < 20; round++) {
    const heard = client.hear().filter(({ name }) => name === 'basic.deliver')
    assert.ok(heard.length > 0 && heard.length <= 3)
    for (const { body, value } of heard) {
      assert.equal(value.redelivered, false)
      bodies.push(body)
    }
    client.send(1, wire.BasicAck, { deliveryTag: 0, multiple: true })
  }
  for (const queue of ['a', 'b']) {
    const own = bodies.filter(body => body.startsWith(queue))
    assert.deepEqual(
      own,
      Array.from({ length: 10 }, (_, index) => `${queue}${index}`),
    )
  }
})

test('what a gone connection held comes again, marked, and its exclusive queue is gone', () => {
  const broker = newBroker(7)
  const first = connect(broker)
  declare(first, 'q')
  declare(first, 'mine', [], { exclusive: true })
  first.publish(1, { routingKey: 'q' }, 'a')
  consume(first, 'q', 'c')
  assert.ok(first.hear().some(({ name }) => name === 'basic.deliver'))
  const second = connect(broker)
  declare(second, 'mine', [], { exclusive: true })
  assert.match(String(second.hear()[0]?.value.replyText), /^RESOURCE_LOCKED - cannot obtain/)
  first.connection.closed()
  assert.equal(broker.engine.log('mine'), undefined)
  second.send(1, wire.ChannelCloseOk, {})
  second.send(1, wire.ChannelOpen, {})
  second.send(1, wire.BasicGet, { queue: 'q', noAck: true })
  const got = second.hear().find(({ name }) => name === 'basic.get-ok')
  assert.equal(got?.value.redelivered, true)
  assert.equal(got?.value.messageCount, 0)
})

test('after channel.close nothing is heard on that channel until close-ok', () => {
  const broker = newBroker(8)
  const client = connect(broker)
  client.publish(1, { exchange: 'nope', routingKey: 'k' })
  client.publish(1, { exchange: 'nope', routingKey: 'k' })
  declare(client, 'q')
  assert.deepEqual(client.names(), ['channel.close'])
  assert.equal(broker.engine.log('q'), undefined)
  client.send(1, wire.ChannelCloseOk, {})
  client.send(1, wire.ChannelOpen, {})
  declare(client, 'q')
  assert.deepEqual(client.names(), ['channel.open-ok', 'queue.declare-ok'])
})

test('a transaction is all or nothing, and a rollback gives back what was acknowledged', () => {
  const broker = newBroker(9)
  const client = connect(broker)
  declare(client, 'q')
  client.send(1, wire.TxSelect, {})
  client.publish(1, { routingKey: 'q' }, 'a')
  client.hear()
  assert.equal(broker.engine.log('q')?.ready, 0)
  client.send(1, wire.TxRollback, {})
  client.publish(1, { routingKey: 'q' }, 'b')
  client.send(1, wire.TxCommit, {})
  assert.deepEqual(client.names(), ['tx.rollback-ok', 'tx.commit-ok'])
  client.send(1, wire.BasicGet, { queue: 'q', noAck: false })
  client.hear()
  client.send(1, wire.BasicAck, { deliveryTag: 1, multiple: false })
  client.send(1, wire.TxRollback, {})
  client.send(1, wire.BasicAck, { deliveryTag: 1, multiple: false })
  client.send(1, wire.TxCommit, {})
  assert.deepEqual(client.names(), ['tx.rollback-ok', 'tx.commit-ok'])
  assert.equal(broker.engine.log('q')?.count, 0)
})

test('a direct reply reaches the consumer that asked, and nobody else', () => {
  const broker = newBroker(10)
  const asker = connect(broker)
  const answerer = connect(broker)
  consume(asker, 'amq.rabbitmq.reply-to', 'r', true)
  declare(asker, 'rpc')
  const properties = encodeProperties({ replyTo: 'amq.rabbitmq.reply-to', correlationId: '7' })
  asker.publish(1, { routingKey: 'rpc', properties }, 'question')
  asker.hear()
  answerer.send(1, wire.BasicGet, { queue: 'rpc', noAck: true })
  const request = answerer.hear()[0]!
  const text = new TextDecoder().decode(request.properties)
  const replyTo = /amq\.rabbitmq\.reply-to\.[\w-]{22}/.exec(text)![0]
  answerer.publish(1, { routingKey: replyTo }, 'answer')
  const reply = asker.hear()[0]
  assert.equal(reply?.body, 'answer')
  assert.equal(reply?.value.consumerTag, 'r')
  asker.send(1, wire.BasicCancel, { consumerTag: 'r', noWait: true })
  answerer.publish(1, { routingKey: replyTo, mandatory: true }, 'late')
  assert.deepEqual(answerer.names(), ['basic.return'])
})

test('virtual hosts do not see each other, and messages do not show the prefix', () => {
  const broker = newBroker(11, { vhosts: ['/', 'other'] })
  const here = connect(broker)
  const there = connect(broker, 'other')
  declare(here, 'q')
  declare(there, 'q')
  there.send(1, wire.QueueBind, {
    queue: 'q',
    exchange: 'amq.topic',
    routingKey: 'a.#',
    noWait: true,
    arguments: [],
  })
  there.publish(1, { routingKey: 'q' }, 'one')
  there.publish(1, { exchange: 'amq.topic', routingKey: 'a.b' }, 'two')
  consume(there, 'q', 'c', true)
  const heard = there.hear().filter(({ name }) => name === 'basic.deliver')
  assert.deepEqual(
    heard.map(({ value, body }) => [value.exchange, value.routingKey, body]),
    [
      ['', 'q', 'one'],
      ['amq.topic', 'a.b', 'two'],
    ],
  )
  assert.equal(broker.engine.log('q')?.count, 0)
})

test('a silent peer is given up after two heartbeats, and hears ours', () => {
  const broker = newBroker(12)
  const client = connect(broker, '/', 10)
  let now = 1000
  const ticks = (count: number) => {
    for (let index = 0; index < count; index++) {
      now += 1000
      client.connection.tick(now)
    }
  }
  ticks(15)
  assert.ok(client.names().includes('heartbeat'))
  client.push(Uint8Array.of(8, 0, 0, 0, 0, 0, 0, frameEnd))
  ticks(15)
  assert.equal(client.outbox.destroyed, false)
  ticks(10)
  assert.equal(client.outbox.destroyed, true)
})

test('who acknowledges nothing for too long loses the channel, or in 4.3 its place', () => {
  const expired = (profile: ProfileName, type: string, own = {}) => {
    const broker = newBroker(31, { profile, acknowledgeMs: 60_000 })
    const client = connect(broker)
    declare(client, 'q', tableOf({ 'x-queue-type': type, ...own }), { durable: true })
    consume(client, 'q', 'slow')
    client.publish(1, { routingKey: 'q' })
    client.hear()
    for (let now = 1000; now < 70_000; now += 1000) client.connection.tick(now)
    const heard = client.names().join()
    return `${heard}, ${broker.engine.log('q')?.ready} ready`
  }
  assert.equal(expired('4.2', 'classic'), 'channel.close, 1 ready')
  assert.equal(expired('4.2', 'classic', { 'x-consumer-timeout': 90_000 }), ', 0 ready')
  assert.equal(expired('4.2', 'quorum', { 'x-consumer-timeout': 2000 }), 'channel.close, 1 ready')
  assert.equal(expired('4.3', 'classic'), ', 0 ready')
  assert.equal(expired('4.3', 'quorum'), 'basic.cancel, 1 ready')
})

test('a handshake that stands still is given up', () => {
  const broker = newBroker(13)
  const client = new TestClient(broker, '127.0.0.1')
  client.push(protocolHeader)
  client.connection.tick(5)
  client.connection.tick(10_004)
  assert.equal(client.outbox.destroyed, false)
  client.connection.tick(10_006)
  assert.equal(client.outbox.destroyed, true)
})

test('guest comes in from loopback only, and hears why not', () => {
  const broker = newBroker(14)
  const client = new TestClient(broker, '192.0.2.1')
  client.push(protocolHeader)
  client.send(0, wire.ConnectionStartOk, {
    clientProperties: allCapabilities,
    mechanism: 'PLAIN',
    response: encodeUtf8('\0guest\0guest'),
    locale: 'en_US',
  })
  const [, close] = client.hear()
  assert.equal(close?.value.replyCode, 403)
  assert.match(String(close?.value.replyText), /^ACCESS_REFUSED - Login was refused using/)
})

test('a full disk stops publishers, who hear of it past held confirms, and go on afterwards', () => {
  const broker = newBroker(15)
  let alarm: EngineDoor['alarm']
  let releasedMax = Number.POSITIVE_INFINITY
  let sound: () => void = () => {}
  // The door with an alarm that the test rings.
  const engine: EngineDoor = Object.create(broker.engine, {
    alarm: { get: () => alarm },
    released: { get: () => Math.min(releasedMax, broker.engine.released) },
    onAlarm: { value: (callback: () => void) => (sound = callback) },
    ...Object.fromEntries(doorVerbs(broker.engine)),
  })
  const server = amqpServer({
    engine,
    random: broker.world.random,
    authenticate: () => true,
  })
  const client = connect({ ...broker, engine, server })
  declare(client, 'q')
  client.send(1, wire.ConfirmSelect, { noWait: false })
  client.hear()
  releasedMax = broker.engine.released
  client.publish(1, { routingKey: 'q' }, 'a')
  assert.deepEqual(client.names(), [])
  alarm = 'disk'
  sound()
  client.publish(1, { routingKey: 'q' }, 'b')
  declare(client, 'later')
  assert.ok(client.paused)
  assert.deepEqual(client.names(), ['connection.blocked'])
  assert.equal(broker.engine.log('q')?.count, 1)
  alarm = undefined
  sound()
  assert.ok(!client.paused)
  assert.deepEqual(client.names(), ['connection.unblocked'])
  releasedMax = Number.POSITIVE_INFINITY
  assert.deepEqual(client.names(), ['basic.ack', 'basic.ack', 'queue.declare-ok'])
  assert.equal(broker.engine.log('q')?.count, 2)
})

test('too much memory stops publishers alone, until it has gone down', () => {
  let high = false
  const broker = newBroker(44, { memoryHigh: () => high })
  assert.deepEqual(broker.server.broker.alarms, [])
  high = true
  assert.deepEqual(broker.server.broker.alarms, ['memory'])
  high = false
  const client = connect(broker)
  const consumer = connect(broker)
  declare(client, 'q')
  consume(consumer, 'q', 'tag')
  client.hear()
  high = true
  client.connection.tick(10_000)
  client.publish(1, { routingKey: 'q' }, 'late')
  assert.deepEqual([client.paused, consumer.paused], [true, false])
  assert.deepEqual(client.names(), ['connection.blocked'])
  assert.deepEqual(broker.server.broker.alarms, ['memory'])
  high = false
  // Another connection's tick is as good, and one that comes at once does not count.
  consumer.connection.tick(10_100)
  assert.ok(client.paused)
  consumer.connection.tick(11_000)
  assert.ok(!client.paused)
  assert.deepEqual(client.names(), ['connection.unblocked'])
  assert.deepEqual(consumer.names().slice(-1), ['basic.deliver'])
})

test('who deletes the queue of his own consumer hears of its end after the answer', () => {
  const broker = newBroker(46)
  const client = connect(broker)
  declare(client, 'q')
  consume(client, 'q', 'tag')
  client.hear()
  client.send(1, wire.QueueDelete, { queue: 'q', ifUnused: false, ifEmpty: false, noWait: false })
  assert.deepEqual(client.now(), [])
  assert.deepEqual(client.names(), ['queue.delete-ok', 'basic.cancel'])
})

test('a peer that reads nothing is left alone after a while, however alive it says it is', () => {
  const broker = newBroker(47)
  const client = connect(broker, '/', 10)
  declare(client, 'q')
  consume(client, 'q', 'tag')
  client.publish(1, { routingKey: 'q' })
  client.hear()
  const tick = (nowMs: number) => {
    client.push(Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0xce))
    client.connection.tick(nowMs)
    return client.outbox.destroyed
  }
  client.outbox.unread = 64 * 1024
  assert.deepEqual([0, 9000, 14_000].map(tick), [false, false, false])
  // It has read something.
  client.outbox.left = 1
  assert.deepEqual([16_000, 24_000, 31_500].map(tick), [false, false, false])
  assert.ok(tick(32_500))
})

test('what is published and delivered in a traced virtual host goes to the firehose, once', () => {
  const broker = newBroker(45)
  const client = connect(broker)
  declare(client, 'q')
  declare(client, 'seen')
  client.send(1, wire.QueueBind, {
    queue: 'seen',
    exchange: 'amq.rabbitmq.trace',
    routingKey: '#',
    noWait: true,
    arguments: [],
  })
  const get = (queue: string) => client.send(1, wire.BasicGet, { queue, noAck: true })
  const properties = encodeProperties({ correlationId: 'c', timestamp: 7 })
  client.publish(1, { routingKey: 'q', properties }, 'unseen')
  broker.server.broker.firehose.trace('/', true)
  client.publish(1, { routingKey: 'q', properties }, 'seen')
  get('q')
  get('q')
  broker.server.broker.firehose.trace('/', false)
  client.publish(1, { routingKey: 'q' }, 'unseen')
  client.hear()
  for (let count = 0; count < 4; count++) get('seen')
  const copies = client.hear().filter(({ name }) => name === 'basic.get-ok')
  assert.deepEqual(
    copies.map(({ value, body }) => `${value.routingKey}|${body}`),
    ['publish.|seen', 'deliver.q|unseen', 'deliver.q|seen'],
  )
  const [first] = copies
  const headers = tableToPlain(decodeProperties(first!.properties!).headers!)
  assert.deepEqual(JSON.parse(JSON.stringify(headers)), {
    exchange_name: '',
    routing_keys: ['q'],
    properties: { correlation_id: 'c', timestamp: 7 },
    node: 'spillway@localhost',
    vhost: '/',
    connection: '127.0.0.1:1 -> 127.0.0.1:5672',
    channel: 1,
    user: 'guest',
  })
})

/** The engine's methods and getters, bound to it. */
function doorVerbs(engine: EngineDoor): [string, PropertyDescriptor][] {
  const entries = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(engine)))
  return entries
    .filter(([name]) => !['constructor', 'alarm', 'onAlarm', 'released'].includes(name))
    .map(([name, { get, value }]) => [
      name,
      get === undefined ? { value: value.bind(engine) } : { get: get.bind(engine) },
    ])
}

test('a stream is read from where a reader asks, as far as its credit goes', () => {
  const broker = newBroker(40)
  const client = connect(broker)
  declare(client, 's', tableOf({ 'x-queue-type': 'stream' }))
  for (const body of ['a', 'b', 'c', 'd']) {
    const headers = tableOf({ 'x-stream-filter-value': body })
    client.publish(1, { routingKey: 's', properties: encodeProperties({ headers }) }, body)
  }
  client.send(1, wire.BasicQos, { prefetchSize: 0, prefetchCount: 2, global: false })
  client.hear()
  consume(client, 's', 'reader', false, tableOf({ 'x-stream-offset': 1 }))
  const bodies = () => client.hear().flatMap(({ name, body }) => (name.endsWith('er') ? body : []))
  assert.deepEqual(bodies(), ['b', 'c'])
  client.send(1, wire.BasicNack, { deliveryTag: 0, multiple: true, requeue: true })
  assert.deepEqual(bodies(), ['d'])
  const filter = tableOf({ 'x-stream-offset': 'first', 'x-stream-filter': 'b' })
  consume(client, 's', 'filtered', false, filter)
  assert.deepEqual(bodies(), ['b'])
})

test('of a stream with a single active consumer the next one goes on', () => {
  const broker = newBroker(41)
  const client = connect(broker)
  declare(client, 's', tableOf({ 'x-queue-type': 'stream', 'x-single-active-consumer': true }))
  client.send(1, wire.BasicQos, { prefetchSize: 0, prefetchCount: 9, global: false })
  consume(client, 's', 'one')
  consume(client, 's', 'two', false, tableOf({ 'x-stream-offset': 'first' }))
  client.publish(1, { routingKey: 's' })
  const tags = () =>
    client
      .hear()
      .map(({ name, value }) => `${name} ${value.consumerTag}`)
      .slice(-1)
  assert.deepEqual(tags(), ['basic.deliver one'])
  client.send(1, wire.BasicCancel, { consumerTag: 'one', noWait: true })
  assert.deepEqual(tags(), ['basic.deliver two'])
})

test('whatever bytes come, the server answers or hangs up, and never throws', () => {
  const random = new SeededRandom(16)
  const broker = newBroker(16)
  const good = new ByteWriter()
  writeMethodFrame(good, 1, wire.ChannelOpen, {})
  good.raw(publishBytes(1, { routingKey: 'q' }, 'hello'))
  const headers = encodeProperties({ headers: tableOf({ a: 1, CC: ['b'] }), expiration: '5' })
  good.raw(publishBytes(1, { exchange: 'amq.headers', routingKey: 'q', properties: headers }, 'x'))
  const queue = { queue: 'q', passive: false, durable: true, exclusive: false, autoDelete: false }
  writeMethodFrame(good, 1, wire.QueueDeclare, { ...queue, noWait: false, arguments: [] })
  const bytes = good.take()
  for (let round = 0; round < 1000; round++) {
    const client = connectQuietly(broker)
    const flipped = bytes.slice()
    for (let flips = 1 + random.below(3); flips > 0; flips--) {
      flipped[random.below(flipped.length)] = random.below(256)
    }
    client.push(flipped)
    client.connection.closed()
  }
  broker.settle()
  assert.equal(broker.engine.alarm, undefined)
})

function connectQuietly(broker: Broker): TestClient {
  const client = new TestClient(broker, '::1')
  client.push(protocolHeader)
  client.send(0, wire.ConnectionStartOk, {
    clientProperties: [],
    mechanism: 'PLAIN',
    response: encodeUtf8('\0a\0a'),
    locale: '',
  })
  client.send(0, wire.ConnectionTuneOk, { channelMax: 10, frameMax: 8192, heartbeat: 0 })
  client.send(0, wire.ConnectionOpen, { virtualHost: '/' })
  return client
}
