/** Valid conversations, and how they are spoiled. */

import {
  encodeFrame,
  encodeHeader,
  encodeMethod,
  encodePublish,
  frameType,
  methodNames,
} from '../harness/amqp-codec.ts'
import type { Chance } from '../harness/chance.ts'

/** Frames that a client may send on an open channel 1. */
export function validFrames(queue: string): Buffer[] {
  const named = (name: string, fields: object = {}): Buffer => encodeMethod(1, name, { ...fields })
  return [
    named('queue.declare', { queue, durable: true, arguments: { 'x-max-length': 100 } }),
    named('queue.bind', {
      queue,
      exchange: 'amq.topic',
      routingKey: 'a.#',
      arguments: { n: [1, 's'] },
    }),
    named('exchange.declare', { exchange: `${queue}-x`, type: 'headers', arguments: {} }),
    named('basic.consume', { queue, consumerTag: 'tag' }),
    named('basic.cancel', { consumerTag: 'tag' }),
    named('basic.get', { queue }),
    named('basic.ack', { deliveryTag: 1, multiple: true }),
    named('basic.nack', { deliveryTag: 1, multiple: true, requeue: true }),
    named('basic.qos', { prefetchCount: 10 }),
    named('confirm.select'),
    encodePublish(1, { exchange: '', routingKey: queue }, { headers: { a: 1 } }, Buffer.alloc(300)),
    encodePublish(
      1,
      { exchange: 'amq.headers', routingKey: '' },
      { headers: { b: ['x', null] } },
      Buffer.from('b'),
    ),
    encodeHeader(1, 2 ** 40, { contentType: 'text/plain' }),
    encodeFrame(frameType.body, 1, Buffer.alloc(50)),
    encodeFrame(frameType.heartbeat, 0, Buffer.alloc(0)),
    ...methodNames().map(encodeEmpty),
  ]
}

/** Every method there is, the broker's own included, with nothing after its name. */
function encodeEmpty(name: string): Buffer {
  try {
    return encodeMethod(1, name, {})
  } catch {
    return encodeMethod(1, 'channel.open', {})
  }
}

export function mutate(frame: Buffer, chance: Chance): Buffer {
  const bytes = Buffer.from(frame)
  const at = chance.between(0, bytes.length - 1)
  switch (chance.between(0, 6)) {
    case 0:
      bytes[at] = bytes[at]! ^ (1 << chance.between(0, 7))
      return bytes
    case 1:
      bytes[at] = chance.between(0, 255)
      return bytes
    case 2:
      return bytes.subarray(0, at)
    case 3:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(chance), bytes.subarray(at)])
    case 4:
      // A length out of proportion.
      bytes.writeUInt32BE(chance.pick([0, 1, 0x7fffffff, 0xffffffff, 0x20000]), 3)
      return bytes
    case 5:
      bytes.writeUInt16BE(chance.pick([0, 1, 2, 2047, 2048, 65_535]), 1)
      return bytes
    default:
      return withinPayload(bytes, chance)
  }
}

/** The frame stays well-formed, so that what is inside reaches the method's decoder. */
function withinPayload(bytes: Buffer, chance: Chance): Buffer {
  if (bytes.length <= 8) return bytes
  for (let count = chance.between(1, 4); count > 0; count--) {
    bytes[chance.between(7, bytes.length - 2)] = chance.pick([
      0,
      1,
      127,
      128,
      255,
      chance.between(0, 255),
    ])
  }
  return bytes
}

function randomBytes(chance: Chance): Buffer {
  return Buffer.from(Array.from({ length: chance.between(1, 20) }, () => chance.between(0, 255)))
}
