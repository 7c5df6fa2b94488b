/**
 * A message on SQS, which carries text and at most ten attributes.
 *
 * ```
 * MessageBody              the body's own text; with `encoding` below, base64 of its bytes
 * MessageAttributes
 *   tenant, traceparent …  headers as they are, as many as there is room for
 *   spillway               JSON, ASCII only: {
 *                            "headers":  the client's own, the content-type of JSON, and those that
 *                            no attribute can be
 *                            "encoding": "base64", where the bytes are no text that SQS takes
 *                            "attempts": those before this copy was made
 *                            "id", "time": the MessageId and SentTimestamp of the original
 *                            "due":      not before this time, wall-clock milliseconds
 *                          }
 * ```
 *
 * Whoever writes in another language may leave `spillway` out, or write each of its headers as an
 * attribute of its own: both are read.
 */

import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs'
import { encodeUtf8 } from '../../../base/bytes.ts'
import type { Headers } from '../../driver.ts'

export const packName = 'spillway'
const attributesMax = 10
const base64 = 'base64'
/** What stands for no body at all, which SQS does not take: base64 reads it as no byte. */
const noBody = '='

/** What only the driver knows of a message. All of it is optional, and most have none of it. */
export interface Notes {
  readonly attempts?: number | undefined
  readonly id?: string | undefined
  readonly time?: number | undefined
  readonly due?: number | undefined
}

export interface Envelope {
  readonly MessageBody: string
  readonly MessageAttributes: Record<string, MessageAttributeValue>
}

export interface Opened extends Notes {
  readonly body: Uint8Array
  readonly headers: Headers
}

interface Pack extends Notes {
  readonly headers?: Headers | undefined
  readonly encoding?: typeof base64 | undefined
}

export function seal(body: Uint8Array, headers: Headers, notes: Notes = {}): Envelope {
  const text = textOf(body)
  const attributes: Record<string, MessageAttributeValue> = {}
  const packed: { [name: string]: string } = {}
  let room = attributesMax - 1
  for (const [name, value] of Object.entries(headers)) {
    // Each attribute costs both sides as much as a body; of JSON nobody needs to be told.
    const isPlain = name === 'content-type' && value === 'application/json'
    const isOurs = isPlain || name.startsWith('spillway')
    if (room > 0 && !isOurs && canBeAttribute(name, value)) {
      attributes[name] = { DataType: 'String', StringValue: value }
      room--
    } else {
      packed[name] = value
    }
  }
  const encoding = text === undefined ? base64 : undefined
  attributes[packName] = packAttribute({ headers: packed, encoding, ...notes })
  return { MessageBody: text ?? (encodeBase64(body) || noBody), MessageAttributes: attributes }
}

/** The same message once more, with other notes; undefined when there is no room for them. */
export function resealed(message: Message, notes: Notes): Envelope | undefined {
  const attributes = { ...message.MessageAttributes }
  const pack = readPack(attributes[packName]?.StringValue)
  attributes[packName] = packAttribute({ ...pack, ...notes })
  if (Object.keys(attributes).length > attributesMax) return undefined
  return { MessageBody: message.Body ?? '', MessageAttributes: attributes }
}

export function open(message: Message): Opened {
  const { Body = '', MessageAttributes = {} } = message
  const pack = readPack(MessageAttributes[packName]?.StringValue)
  const headers: { [name: string]: string } = {}
  for (const [name, { StringValue }] of Object.entries(MessageAttributes)) {
    if (name !== packName && StringValue !== undefined) headers[name.toLowerCase()] = StringValue
  }
  Object.assign(headers, pack.headers)
  const body = pack.encoding === base64 ? decodeBase64(Body) : encodeUtf8(Body)
  const { attempts, id, time, due } = pack
  return { body, headers, attempts, id, time, due }
}

/** The size that SQS counts: body, and name, type and value of each attribute. */
export function sizeOf({ MessageBody, MessageAttributes }: Envelope): number {
  let size = Buffer.byteLength(MessageBody)
  for (const [name, { DataType = '', StringValue = '' }] of Object.entries(MessageAttributes)) {
    size += name.length + DataType.length + Buffer.byteLength(StringValue)
  }
  return size
}

function packAttribute(pack: Pack): MessageAttributeValue {
  return { DataType: 'String', StringValue: asciiOf(JSON.stringify(pack)) }
}

/** What is not our JSON is an attribute of somebody else's by the same name. */
function readPack(text: string | undefined): Pack {
  if (text === undefined) return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
  } catch {
    return {}
  }
}

/** JSON with every other character escaped: SQS takes no control characters and no surrogates. */
function asciiOf(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, character => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Anything but control characters, half a surrogate pair, and the two that are no character. */
const allowed = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]+$/u
const attributeName = /^(?!\.|aws\.|amazon\.)(?!.*\.\.)[a-z0-9_.-]{1,256}(?<!\.)$/i

function canBeAttribute(name: string, value: string): boolean {
  return attributeName.test(name) && value.length <= 1024 && allowed.test(value)
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The body as text that SQS takes, or undefined. */
function textOf(body: Uint8Array): string | undefined {
  try {
    const text = strictDecoder.decode(body)
    return allowed.test(text) ? text : undefined
  } catch {
    return undefined
  }
}

function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

/** Its own bytes: a pool that is shared must not be held by one message. */
function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'))
}
