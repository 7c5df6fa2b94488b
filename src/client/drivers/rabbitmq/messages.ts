/**
 * Messages as AMQP carries them. `content-type` and `spillway-id` are the properties of that
 * meaning, all other headers are the table of headers; what is only the driver's own begins with
 * `x-spillway-` and is shown to nobody.
 */

import type { AsyncMessage, Envelope as LibraryEnvelope, SyncMessage } from 'rabbitmq-client'
import { encodeUtf8 } from '../../../base/bytes.ts'
import type { Headers, Outgoing, Stored } from '../../driver.ts'

export type Envelope = LibraryEnvelope
export type Incoming = AsyncMessage | SyncMessage

export const ownHeaders = {
  /** The attempt that the next call of the handler is. */
  attempt: 'x-spillway-attempt',
  /** Wall-clock milliseconds of when it was sent; AMQP's own time is in seconds. */
  time: 'x-spillway-time',
  /** Not to be delivered after that; a message that waits for its time cannot expire by itself. */
  expires: 'x-spillway-expires',
  /** No message: something the driver says to itself. */
  mark: 'x-spillway-mark',
} as const

const shortTextMax = 255
const persistent = 2

export function envelopeOf(
  message: Pick<Outgoing, 'id' | 'headers'>,
  now: number,
  more: Envelope,
): Envelope {
  const table: { [name: string]: unknown } = {}
  for (const [name, value] of Object.entries(message.headers)) {
    if (name === 'content-type' && isShort(value)) continue
    if (name === 'spillway-id' && value === message.id && isShort(value)) continue
    table[name] = value
  }
  table[ownHeaders.time] = now
  const contentType = message.headers['content-type']
  return {
    ...more,
    deliveryMode: persistent,
    contentType: contentType !== undefined && isShort(contentType) ? contentType : undefined,
    messageId: isShort(message.id) ? message.id : undefined,
    timestamp: Math.floor(now / 1000),
    headers: { ...table, ...more.headers },
  } as Envelope
}

/** The same message again, for another queue: with all of its properties, known to us or not. */
export function copyOf(message: Incoming, more: Envelope): Envelope {
  const { appId, contentEncoding, correlationId, headers = {}, messageId, priority } = message
  const { replyTo, timestamp, type } = message
  const kept = Object.entries(headers).filter(([name]) => !isBrokers(name))
  return {
    appId,
    contentEncoding,
    correlationId,
    messageId,
    priority,
    replyTo,
    timestamp,
    type,
    deliveryMode: persistent,
    contentType: contentTypeOf(message),
    ...more,
    headers: { ...Object.fromEntries(kept), ...more.headers },
  } as Envelope
}

/** What the broker itself wrote on a message is not carried over. */
function isBrokers(name: string): boolean {
  return name.startsWith('x-') && (name.includes('death') || name === 'x-delivery-count')
}

export function storedOf(message: Incoming, position: string): Stored {
  const headers = headersOf(message)
  return {
    id: headers['spillway-id'] ?? position,
    position,
    time: timeOf(message),
    key: headers['spillway-key'],
    body: bodyOf(message),
    headers,
  }
}

/** Its identity, where it has one that lasts. */
export function idOf({ headers, messageId }: Incoming): string | undefined {
  const id: unknown = messageId ?? headers?.['spillway-id']
  return typeof id === 'string' ? id : undefined
}

export function timeOf({ headers, timestamp = 0 }: Incoming): number {
  const exact = headers?.[ownHeaders.time]
  return typeof exact === 'number' ? exact : timestamp * 1000
}

export function numberOf(message: Incoming, header: string): number | undefined {
  const value: unknown = message.headers?.[header]
  return typeof value === 'number' ? value : undefined
}

/** The headers that are text; those of other types are not the client's. */
function headersOf(message: Incoming): Headers {
  const decoded: { [name: string]: string } = {}
  const contentType = contentTypeOf(message)
  if (contentType !== undefined) decoded['content-type'] = contentType
  if (message.messageId !== undefined) decoded['spillway-id'] = message.messageId
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    if (typeof value === 'string' && !name.startsWith('x-spillway-')) decoded[name] = value
  }
  return decoded
}

function isShort(text: string): boolean {
  return text.length * 3 <= shortTextMax || encodeUtf8(text).length <= shortTextMax
}

/** Where the content type is kept, out of the library's sight. */
const keptType = Symbol('content type')

interface HeaderFrame {
  readonly fields: { contentType?: string | undefined; [keptType]?: string | undefined }
}

/**
 * The library parses bodies that say that they are JSON, and a parsed body is not what was sent:
 * numbers lose digits. So it is not told. Where a later version of it is built otherwise, bodies
 * are written as JSON again, which is the same for all that JSON can hold.
 */
export function keepBytes(channel: object): void {
  const internals = channel as { _onHeader?: (frame: HeaderFrame) => void }
  const receive = internals._onHeader
  if (typeof receive !== 'function') return
  internals._onHeader = frame => {
    const { fields } = frame
    if (fields.contentType !== undefined) {
      fields[keptType] = fields.contentType
      fields.contentType = undefined
    }
    receive.call(channel, frame)
  }
}

function contentTypeOf(message: Incoming): string | undefined {
  return (message as HeaderFrame['fields'])[keptType] ?? message.contentType
}

export function bodyOf({ body }: Incoming): Uint8Array {
  if (body instanceof Uint8Array) return body
  return encodeUtf8(typeof body === 'string' ? body : JSON.stringify(body))
}
