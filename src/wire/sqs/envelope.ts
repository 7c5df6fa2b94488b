/**
 * What is stored beside a message's body: `formats.sqsAttributes`.
 *
 *     ┌────────────┬──────────────┬──────────────┬───────┬─────────────────────────────┐
 *     │ version u8 │ id  16 bytes │ MD5 of body  │ count │ count × attribute           │
 *     │ = 1        │              │     16 bytes │ u8    │                             │
 *     └────────────┴──────────────┴──────────────┴───────┴─────────────────────────────┘
 *     attribute: role u8 │ length u16 │ name │ length u16 │ data type │ kind u8 │ length u32 │
 * value
 *
 * Role 0 is the sender's own attribute; 1 a system attribute (AWSTraceHeader, SenderId,
 * MessageDeduplicationId). Kind 1 is text, kind 2 bytes. All numbers are big endian, all text
 * UTF-8. The body is the message's text in UTF-8.
 */

import { ByteReader, ByteWriter, ShortInput } from '../../base/bytes.ts'
import { WireError } from '../schema/errors.ts'
import type { AttributeValue } from './digest.ts'

export interface Envelope {
  /** 16 bytes. */
  readonly id: Uint8Array
  /** 16 bytes. */
  readonly bodyMd5: Uint8Array
  readonly attributes: ReadonlyMap<string, AttributeValue>
  readonly system: ReadonlyMap<string, AttributeValue>
}

const version = 1
const none: ReadonlyMap<string, AttributeValue> = new Map()

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { id, bodyMd5, attributes, system } = envelope
  const count = attributes.size + system.size
  if (count === 0) {
    const bytes = new Uint8Array(34)
    bytes[0] = version
    bytes.set(id, 1)
    bytes.set(bodyMd5, 17)
    return bytes
  }
  writer.clear()
  writer.u8(version)
  writer.raw(id)
  writer.raw(bodyMd5)
  writer.u8(count)
  for (const [name, attribute] of attributes) put(0, name, attribute)
  for (const [name, attribute] of system) put(1, name, attribute)
  const bytes = writer.take()
  if (bytes.length > writerBytesMax) writer = new ByteWriter(1024)
  return bytes
}

/** Used again for each envelope; a large one is not kept. */
let writer = new ByteWriter(1024)
const writerBytesMax = 64 * 1024

function put(role: number, name: string, attribute: AttributeValue): void {
  writer.u8(role)
  putShort(name)
  putShort(attribute.type)
  const { value } = attribute
  writer.u8(typeof value === 'string' ? 1 : 2)
  const at = writer.end
  writer.u32(0)
  if (typeof value === 'string') writer.utf8(value)
  else writer.raw(value)
  writer.view.setUint32(at, writer.end - at - 4)
}

function putShort(text: string): void {
  const at = writer.end
  writer.u16(0)
  writer.utf8(text)
  writer.view.setUint16(at, writer.end - at - 2)
}

/**
 * The parts that every receive shows, borrowed. Throws `WireError` for bytes that are no envelope.
 */
export function identityIn(bytes: Uint8Array): Pick<Envelope, 'id' | 'bodyMd5'> {
  if (bytes.length < 34 || bytes[0] !== version) {
    throw new WireError(1, 'an envelope of another version', 0)
  }
  return { id: bytes.subarray(1, 17), bodyMd5: bytes.subarray(17, 33) }
}

/** Throws `WireError` for bytes that are no envelope. Views are copied. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const reader = new ByteReader(bytes)
  try {
    if (reader.u8() !== version) throw new WireError(1, 'an envelope of another version', 0)
    const id = reader.raw(16).slice()
    const bodyMd5 = reader.raw(16).slice()
    let left = reader.u8()
    if (left === 0) return { id, bodyMd5, attributes: none, system: none }
    const attributes = new Map<string, AttributeValue>()
    const system = new Map<string, AttributeValue>()
    for (; left > 0; left--) {
      const role = reader.u8()
      const name = reader.utf8(reader.u16())
      const type = reader.utf8(reader.u16())
      const kind = reader.u8()
      const length = reader.u32()
      const value = kind === 1 ? reader.utf8(length) : reader.raw(length).slice()
      const into = role === 0 ? attributes : system
      into.set(name, { type, value })
    }
    return { id, bodyMd5, attributes, system }
  } catch (error) {
    if (error instanceof ShortInput) throw new WireError(1, 'an envelope ends early', error.offset)
    throw error
  }
}
