/**
 * Messages as AMQP carries them. `content-type` and `spillway-id` are the properties of that
 * meaning, all other headers are the table of headers; what is only the driver's own begins with
 * `x-spillway-` and is shown to nobody.
 */

import { Buffer } from 'node:buffer'
import type { AsyncMessage, Envelope as LibraryEnvelope, SyncMessage } from 'rabbitmq-client'
import { encodeUtf8 } from '../../../base/bytes.ts'
import type { Clock } from '../../../engine/ports.ts'
import type { Headers, Outgoing, Stored } from '../../driver.ts'

export type Envelope = LibraryEnvelope
export type Incoming = AsyncMessage | SyncMessage

/** One message on its way out. */
export interface Publication {
  readonly envelope: Envelope
  readonly body: Uint8Array
}

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

/** What a message's way adds to it. */
export type Way = Pick<
  Envelope,
  'exchange' | 'routingKey' | 'mandatory' | 'priority' | 'expiration'
>

/** On the way of every message: one object, made once. */
export function envelopeOf(
  message: Pick<Outgoing, 'id' | 'headers'>,
  now: number,
  way: Way,
): Envelope {
  const { id, headers } = message
  const table: { [name: string]: unknown } = {}
  let contentType: string | undefined
  for (const name in headers) {
    const value = headers[name]!
    if (name === 'content-type' && isShort(value)) contentType = value
    else if (name !== 'spillway-id' || value !== id || !isShort(value)) table[name] = value
  }
  table[ownHeaders.time] = now
  const envelope = {
    exchange: way.exchange,
    routingKey: way.routingKey,
    mandatory: way.mandatory,
    priority: way.priority,
    expiration: way.expiration,
    deliveryMode: persistent,
    contentType,
    messageId: isShort(id) ? id : undefined,
    timestamp: Math.floor(now / 1000),
    headers: table,
  }
  return envelope as Envelope
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
export function headersOf(message: Incoming): Headers {
  const decoded: { [name: string]: string } = {}
  const contentType = contentTypeOf(message)
  if (contentType !== undefined) decoded['content-type'] = contentType
  if (message.messageId !== undefined) decoded['spillway-id'] = message.messageId
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    if (typeof value === 'string' && !isHidden(name)) decoded[name] = value
  }
  return decoded
}

/** What only the driver or the broker itself has to do with. */
function isHidden(name: string): boolean {
  return name.startsWith('x-spillway-') || isBrokers(name)
}

function isShort(text: string): boolean {
  return text.length <= shortTextMax / 3 || encodeUtf8(text).length <= shortTextMax
}

interface HeaderFrame {
  readonly fields: {
    contentType?: string | undefined
    /** Where the content type is kept, out of the library's sight. */
    keptType?: string | undefined
  }
}

/** What the library keeps of a message while its frames arrive. */
interface Arriving {
  readonly methodFrame: { readonly methodId: number; readonly params: Incoming }
  readonly headerFrame: { readonly fields: Incoming } | undefined
  readonly chunks: Buffer[] | undefined
  received: number
}

interface Insides {
  _onHeader?: (frame: HeaderFrame) => void
  _onBody?: (frame?: { readonly payload: Buffer }) => void
  readonly _state?: {
    incoming: Arriving | undefined
    readonly consumers: Map<string, (message: Incoming) => void>
  }
}

const basicDeliver = 0x003c003c

/**
 * The library parses bodies that say that they are JSON, and a parsed body is not what was sent:
 * numbers lose digits. So it is not told. Where a later version of it is built otherwise, bodies
 * are written as JSON again, which is the same for all that JSON can hold.
 */
export function keepBytes(channel: object): void {
  const internals = channel as Insides
  const receive = internals._onHeader
  if (typeof receive !== 'function') return
  internals._onHeader = frame => {
    const { fields } = frame
    if (fields.contentType !== undefined) {
      fields.keptType = fields.contentType
      fields.contentType = undefined
    }
    receive.call(channel, frame)
  }
}

/**
 * For a consumer's channel: what the library makes of a delivery, three objects, a copy of the body
 * and a task of its own for each, costs more than all else that happens to it. Those of one turn
 * are handed on together, in one. Where the library is built otherwise, it stays as it is.
 */
export function gatherDeliveries(channel: object, clock: Pick<Clock, 'soon'>): void {
  const internals = channel as Insides
  const { _onBody: receive, _state: state } = internals
  if (typeof receive !== 'function' || !(state?.consumers instanceof Map)) return
  let gathered: { readonly handle: (message: Incoming) => void; readonly message: Incoming }[] = []
  internals._onBody = frame => {
    const { incoming } = state
    const handle =
      incoming?.methodFrame.methodId === basicDeliver
        ? state.consumers.get((incoming.methodFrame.params as AsyncMessage).consumerTag)
        : undefined
    if (incoming?.headerFrame === undefined || incoming.chunks === undefined || !handle) {
      receive.call(channel, frame)
      return
    }
    const { chunks } = incoming
    if (frame !== undefined) chunks[incoming.received++] = frame.payload
    if (incoming.received < chunks.length) return
    state.incoming = undefined
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    const message = delivered(incoming.methodFrame.params, incoming.headerFrame.fields, body)
    gathered.push({ handle, message })
    if (gathered.length > 1) return
    clock.soon(() => {
      const all = gathered
      gathered = []
      for (const one of all) one.handle(one.message)
    })
  }
}

/** All of one shape. */
function delivered(method: Incoming, fields: Incoming, body: Buffer): Incoming {
  const { consumerTag, deliveryTag, redelivered, exchange, routingKey } = method as AsyncMessage
  const { appId, contentEncoding, correlationId, expiration, headers, messageId } = fields
  const { priority, replyTo, timestamp, type, userId } = fields
  const { keptType } = fields as HeaderFrame['fields']
  const message = {
    consumerTag,
    deliveryTag,
    redelivered,
    exchange,
    routingKey,
    appId,
    contentEncoding,
    contentType: keptType ?? fields.contentType,
    correlationId,
    expiration,
    headers,
    messageId,
    priority,
    replyTo,
    timestamp,
    type,
    userId,
    durable: (fields as { deliveryMode?: number }).deliveryMode === persistent,
    body,
  }
  return message as Incoming
}

export function contentTypeOf(message: Incoming): string | undefined {
  return (message as HeaderFrame['fields']).keptType ?? message.contentType
}

export function bodyOf({ body }: Incoming): Uint8Array {
  if (body instanceof Uint8Array) return body
  return encodeUtf8(typeof body === 'string' ? body : JSON.stringify(body))
}
