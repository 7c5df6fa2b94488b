/** What a broken or malicious peer may do. Each attack says what the broker must have answered. */

import { strict as assert } from 'node:assert'
import { encodeFrame, encodeMethod, encodePublish, protocolHeader } from '../harness/amqp-codec.ts'
import type { Chance } from '../harness/chance.ts'
import { type Address, type Arrival, RawClient } from '../harness/raw-client.ts'
import { deferred, within } from '../harness/wait.ts'
import { mutate, validFrames } from './mutation.ts'

export interface AttackContext {
  readonly address: Address
  readonly chance: Chance
  readonly sizes: AttackSizes
}

export interface AttackSizes {
  readonly mutatedFrames: number
  readonly silentConnections: number
  /** How much a peer that does not read is owed. */
  readonly unreadBytes: number
  /** How many queues one client declares. */
  readonly queues: number
}

export interface Attack {
  readonly name: string
  run(context: AttackContext): Promise<void>
}

/** Everything that the broker still says, up to the end of the connection. */
async function untilClosed(client: RawClient): Promise<Arrival[]> {
  const arrivals: Arrival[] = []
  for (;;) {
    const arrival = await client.next('the end of the connection')
    if (arrival.kind === 'closed') return arrivals
    arrivals.push(arrival)
    if (arrival.kind === 'method' && arrival.name === 'connection.close') {
      client.method(0, 'connection.close-ok')
    }
  }
}

/** The reply code with which the broker ends the connection, or undefined without one. */
async function closeCode(client: RawClient): Promise<unknown> {
  for (const arrival of await untilClosed(client)) {
    if (arrival.kind === 'method' && arrival.name === 'connection.close') {
      return arrival.fields['replyCode']
    }
  }
  return undefined
}

async function openChannel(address: Address): Promise<RawClient> {
  const client = await RawClient.open(address)
  await client.call(1, 'channel.open')
  return client
}

/** Bytes after the handshake, and the code that must come back. */
function closedWith(name: string, code: number, bytes: Buffer): Attack {
  return {
    name,
    run: async ({ address }) => {
      const client = await openChannel(address)
      client.send(bytes)
      assert.equal(await closeCode(client), code)
    },
  }
}

const wrongProtocol: Attack = {
  name: 'another protocol’s greeting is answered with ours, and the connection ends',
  run: async ({ address }) => {
    for (const greeting of [
      'GET / HTTP/1.1\r\n\r\n',
      'AMQP\x00\x01\x00\x00',
      'AMQP\x03\x01\x00\x00',
    ]) {
      const client = await RawClient.connect(address)
      client.send(Buffer.from(greeting, 'latin1'))
      const arrivals = await untilClosed(client)
      assert.equal(arrivals[0]?.kind, 'protocol-header', greeting)
    }
  },
}

const truncatedHandshakes: Attack = {
  name: 'a handshake that breaks off after any byte is forgotten',
  run: async ({ address }) => {
    const conversation = Buffer.concat([
      protocolHeader,
      encodeMethod(0, 'connection.start-ok', {
        clientProperties: {},
        mechanism: 'PLAIN',
        response: Buffer.from('\0guest\0guest'),
        locale: 'en_US',
      }),
      encodeMethod(0, 'connection.tune-ok', { channelMax: 0, frameMax: 131_072, heartbeat: 0 }),
      encodeMethod(0, 'connection.open', { virtualHost: '/' }),
    ])
    for (let length = 0; length < conversation.length; length++) {
      const client = await RawClient.connect(address)
      client.socket.end(conversation.subarray(0, length))
      await untilClosed(client)
    }
  },
}

const mutatedFrames: Attack = {
  name: 'spoiled frames end no more than their own connection',
  run: async ({ address, chance, sizes }) => {
    const parallel = 8
    const frames = validFrames('hostile')
    let left = sizes.mutatedFrames
    const attackOnce = async (): Promise<void> => {
      const client = await openChannel(address)
      const count = Math.min(left, chance.between(1, 40))
      left -= count
      const spoiled = Array.from({ length: count }, () => {
        const frame = chance.pick(frames)
        return chance.happens(0.5) ? mutate(frame, chance) : frame
      })
      client.takeOver(() => {})
      const closed = deferred<void>()
      client.socket.once('close', () => closed.resolve())
      client.socket.end(Buffer.concat(spoiled))
      await within('the end of a spoiled connection', closed.promise)
    }
    const worker = async (): Promise<void> => {
      while (left > 0) await attackOnce()
    }
    await Promise.all(Array.from({ length: parallel }, worker))
  },
}

const silentConnections: Attack = {
  name: 'connections that say nothing keep nobody else away',
  run: async ({ address, sizes }) => {
    const clients: RawClient[] = []
    for (let count = 0; count < sizes.silentConnections; count += 50) {
      const some = Array.from({ length: 50 }, () => RawClient.connect(address))
      // Over its limit the broker may refuse; that is an answer too.
      for (const result of await Promise.allSettled(some)) {
        if (result.status === 'fulfilled') clients.push(result.value)
      }
    }
    const decent = await openChannel(address)
    await decent.close()
    for (const client of clients) client.cut()
  },
}

/** A queue with `bytes` of messages in it. */
async function fill(address: Address, queue: string, bytes: number): Promise<void> {
  const client = await openChannel(address)
  await client.call(1, 'queue.declare', { queue, durable: true })
  await client.call(1, 'confirm.select')
  const body = Buffer.alloc(10_000, 'x')
  const message = encodePublish(1, { exchange: '', routingKey: queue }, {}, body)
  const block = Buffer.concat(Array.from({ length: 500 }, () => message))
  let tag = 0
  for (let sent = 0; sent < bytes; sent += block.length) {
    client.send(block)
    for (const last = tag + 500; tag < last; ) {
      const { fields } = await client.expect('basic.ack')
      tag = fields['multiple'] === true ? Number(fields['deliveryTag']) : tag + 1
    }
  }
  await client.close()
}

const unreadDeliveries: Attack = {
  name: 'a consumer that never reads costs no memory, and its messages stay',
  run: async ({ address, sizes }) => {
    const queue = 'hostile-unread'
    await fill(address, queue, sizes.unreadBytes)
    const client = await openChannel(address)
    client.method(1, 'basic.consume', { queue, consumerTag: 'deaf' })
    await client.expect('basic.consume-ok')
    client.socket.pause()
    const other = await openChannel(address)
    await other.call(1, 'queue.declare', { queue, passive: true })
    client.cut()
    const { fields } = await other.call(1, 'queue.purge', { queue })
    assert.ok(Number(fields['messageCount']) > 0)
    await other.call(1, 'queue.delete', { queue })
    await other.close()
  },
}

const unreadReplies: Attack = {
  name: 'a client that asks and never reads the answers is made to wait',
  run: async ({ address, sizes }) => {
    const client = await openChannel(address)
    client.socket.pause()
    const question = encodeMethod(1, 'queue.declare', { queue: 'hostile-asked', exclusive: true })
    const many = Buffer.concat(Array.from({ length: 5000 }, () => question))
    let sent = 0
    while (sent < sizes.unreadBytes && client.socket.write(many)) sent += many.length
    const other = await openChannel(address)
    await other.close()
    client.cut()
  },
}

const everyChannel: Attack = {
  name: 'a client may have the agreed number of channels, and not one more',
  run: async ({ address }) => {
    const client = await openChannel(address)
    for (let channel = 2; channel <= 2047; channel++) client.method(channel, 'channel.open')
    for (let channel = 2; channel <= 2047; channel++) await client.expect('channel.open-ok')
    client.method(2048, 'channel.open')
    const { fields } = await client.expect('connection.close')
    assert.equal(fields['replyCode'], 530)
    client.cut()
  },
}

const manyQueues: Attack = {
  name: 'a client that declares queues without end gets them, and takes them along',
  run: async ({ address, sizes }) => {
    const client = await openChannel(address)
    const names = Array.from({ length: sizes.queues }, (_, index) => `hostile-many-${index}`)
    for (const queue of names) client.method(1, 'queue.declare', { queue, exclusive: true })
    for (const queue of names) {
      const { fields } = await client.expect('queue.declare-ok')
      assert.equal(fields['queue'], queue)
    }
    await client.close()
    const other = await openChannel(address)
    other.method(1, 'queue.declare', { queue: names[0], passive: true })
    const { fields } = await other.expect('channel.close')
    assert.equal(fields['replyCode'], 404)
    other.cut()
  },
}

const neverAcknowledges: Attack = {
  name: 'a consumer that takes everything and acknowledges nothing gives it all back',
  run: async ({ address, sizes }) => {
    const queue = 'hostile-unacknowledged'
    await fill(address, queue, sizes.unreadBytes)
    const client = await openChannel(address)
    const before = await client.call(1, 'queue.declare', { queue, passive: true })
    const count = Number(before.fields['messageCount'])
    client.method(1, 'basic.consume', { queue, consumerTag: 'greedy' })
    await client.expect('basic.consume-ok')
    for (let taken = 0; taken < count; ) {
      const arrival = await client.next('a delivery')
      if (arrival.kind === 'method' && arrival.name === 'basic.deliver') taken++
    }
    await client.close()
    const other = await openChannel(address)
    const { fields } = await other.call(1, 'queue.delete', { queue })
    assert.equal(fields['messageCount'], count)
    await other.close()
  },
}

const badEnd = encodeMethod(1, 'basic.qos', { prefetchCount: 1 })
badEnd[badEnd.length - 1] = 0

const hugeFrame = Buffer.from([1, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])

export const attacks: readonly Attack[] = [
  wrongProtocol,
  truncatedHandshakes,
  closedWith('a frame without its end octet is a FRAME_ERROR', 501, badEnd),
  closedWith('a frame of four gigabytes is a FRAME_ERROR before any of it is kept', 501, hugeFrame),
  closedWith(
    'a body without a method is an UNEXPECTED_FRAME',
    505,
    encodeFrame(3, 1, Buffer.from('body')),
  ),
  closedWith(
    'a channel that was never opened is a CHANNEL_ERROR',
    504,
    encodeMethod(9, 'basic.qos', { prefetchCount: 1 }),
  ),
  mutatedFrames,
  silentConnections,
  unreadDeliveries,
  unreadReplies,
  everyChannel,
  manyQueues,
  neverAcknowledges,
]
