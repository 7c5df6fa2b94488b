/** The frames of a publish, in the only order in which they may come: method, header, body. */

import type { PublishScan } from '../../wire/amqp/content.ts'
import { decodePublish, newPublishScan, readContentHeader } from '../../wire/amqp/content.ts'
import { frameBody, frameHeader } from '../../wire/amqp/frame.ts'
import { BasicPublish } from '../../wire/amqp/methods.ts'
import { AmqpError } from './errors.ts'
import type { Channel } from './session.ts'

export const noMethod = { classId: 0, methodId: 0 }

const scan: PublishScan = newPublishScan()

/** The payload of a basic.publish frame. */
export function beginPublish(channel: Channel, payload: Uint8Array): void {
  decodePublish(payload, scan)
  const { content, host } = channel
  content.exchange = host.names.find(payload, scan.exchangeStart, scan.exchangeEnd)
  content.routingKey = host.names.find(payload, scan.routingKeyStart, scan.routingKeyEnd)
  content.mandatory = scan.mandatory
  content.immediate = scan.immediate
  content.begin()
}

/** A header or body frame; true when the message is whole. */
export function takeContent(channel: Channel, type: number, payload: Uint8Array): boolean {
  const { content } = channel
  if (content.stage === 'method') {
    throw new AmqpError(505, 'expected method frame, got non method frame instead', noMethod)
  }
  if (content.stage === 'header') {
    if (type !== frameHeader) throw unexpectedFrame(channel)
    takeHeader(channel, payload)
    return content.whole
  }
  if (type !== frameBody) throw unexpectedFrame(channel)
  if (payload.length > content.missing) {
    const text = `body is ${payload.length - content.missing} octets longer than declared`
    throw new AmqpError(501, text, BasicPublish)
  }
  return content.part(payload)
}

/** Something else came in the middle of a message. */
export function unexpectedFrame(channel: Channel): AmqpError {
  const text =
    channel.content.stage === 'header'
      ? 'expected content header for class 60, got non content header frame instead'
      : 'expected content body, got non content body frame instead'
  return new AmqpError(505, text, BasicPublish)
}

function takeHeader(channel: Channel, payload: Uint8Array): void {
  if (payload.length >= 2 && (payload[0] !== 0 || payload[1] !== 60)) {
    const classId = (payload[0]! << 8) | payload[1]!
    const text = `expected content header for class 60, got one for class ${classId} instead`
    throw new AmqpError(505, text, BasicPublish)
  }
  const header = readContentHeader(payload)
  const max = channel.host.broker.messageBytesMax
  if (header.bodySize > max) {
    const text = `message size ${header.bodySize} is larger than configured max size ${max}`
    throw new AmqpError(406, text, BasicPublish)
  }
  channel.content.header(header.bodySize, header.properties)
}
