/**
 * Records that another protocol wrote, as SQS messages.
 *
 * The body is text when it is valid UTF-8 in the characters that SQS allows, else base64. Of AMQP's
 * properties (`formats.amqpProperties`) content-type, correlation-id, reply-to, message-id and type
 * become attributes of those names, headers attributes of theirs: text String, integers Number,
 * booleans String. At most ten, and only names that SQS allows; the rest is left out.
 *
 *     property octets: flags u16 │ values in the order of their bits, the highest first
 */

import { ByteReader, ShortInput } from '../../base/bytes.ts'
import { formats, type StoredRecord } from '../../engine/model.ts'
import type { AttributeValue } from '../../wire/sqs/digest.ts'
import type { Envelope } from '../../wire/sqs/envelope.ts'
import { limits } from './limits.ts'

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const forbidden = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u

export function textOfBody(body: Uint8Array): string {
  try {
    const text = strict.decode(body)
    if (!forbidden.test(text)) return text
  } catch {
    // It is not text; it goes out as base64.
  }
  return Buffer.from(body).toString('base64')
}

export function foreignEnvelope(record: StoredRecord, id: Uint8Array): Envelope {
  const attributes =
    record.format === formats.amqpProperties ? propertiesOf(record.envelope) : new Map()
  return { id, bodyMd5: new Uint8Array(16), attributes, system: new Map() }
}

/** Name and kind of each property, by its bit from 15 downwards. */
const properties: readonly (readonly [string, 'text' | 'table' | 'octet' | 'time'])[] = [
  ['content-type', 'text'],
  ['content-encoding', 'text'],
  ['headers', 'table'],
  ['delivery-mode', 'octet'],
  ['priority', 'octet'],
  ['correlation-id', 'text'],
  ['reply-to', 'text'],
  ['expiration', 'text'],
  ['message-id', 'text'],
  ['timestamp', 'time'],
  ['type', 'text'],
  ['user-id', 'text'],
  ['app-id', 'text'],
  ['cluster-id', 'text'],
]

const shown = ['content-type', 'correlation-id', 'reply-to', 'message-id', 'type']

function propertiesOf(bytes: Uint8Array): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>()
  const reader = new ByteReader(bytes)
  try {
    const flags = reader.u16()
    properties.forEach(([name, kind], index) => {
      if ((flags & (1 << (15 - index))) === 0) return
      if (kind === 'octet') reader.u8()
      else if (kind === 'time') reader.raw(8)
      else if (kind === 'table') readTable(new ByteReader(reader.raw(reader.u32())), attributes)
      else put(attributes, shown.includes(name) ? name : '', 'String', reader.utf8(reader.u8()))
    })
  } catch (error) {
    // What can be read is shown; the message is not withheld for the rest.
    if (!(error instanceof ShortInput)) throw error
  }
  return attributes
}

/** Only the types that clients use for headers; anything else ends the reading of the table. */
function readTable(reader: ByteReader, attributes: Map<string, AttributeValue>): void {
  while (reader.left > 0) {
    const name = reader.utf8(reader.u8())
    const type = String.fromCharCode(reader.u8())
    const number = (value: number | bigint) => put(attributes, name, 'Number', String(value))
    if (type === 'S') put(attributes, name, 'String', reader.utf8(reader.u32()))
    else if (type === 't') put(attributes, name, 'String', reader.u8() === 0 ? 'false' : 'true')
    else if (type === 'I') number(reader.view.getInt32(reader.need(4)))
    else if (type === 'b') number(reader.view.getInt8(reader.need(1)))
    else if (type === 'B') number(reader.u8())
    else if (type === 's') number(reader.view.getInt16(reader.need(2)))
    else if (type === 'u') number(reader.u16())
    else if (type === 'i') number(reader.u32())
    else if (type === 'l' || type === 'T') number(reader.i64())
    else if (type === 'd') number(reader.view.getFloat64(reader.need(8)))
    else if (type === 'f') number(reader.view.getFloat32(reader.need(4)))
    else if (type === 'F' || type === 'A' || type === 'x') reader.raw(reader.u32())
    else if (type !== 'V') return
  }
}

function put(
  attributes: Map<string, AttributeValue>,
  name: string,
  type: string,
  value: string,
): void {
  const allowed = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(name) && name.length <= 256
  if (!allowed || value === '' || forbidden.test(value)) return
  if (attributes.size < limits.attributesMax) attributes.set(name, { type, value })
}
