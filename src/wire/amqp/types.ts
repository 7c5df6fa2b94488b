/**
 * The types of a method's arguments (AMQP 0-9-1, 4.2.5), and the table that a method is.
 *
 * ```
 * method frame's payload  ├ class u16 ┤├ method u16 ┤├ arguments … ┤
 * octet u8   short u16   long u32   longlong u64   timestamp: seconds u64
 * bit        up to eight neighbouring bits share an octet, the first in its lowest bit
 * shortstr   ├ length u8 ┤├ octets ┤
 * longstr    ├ length u32 ┤├ octets ┤
 * table      see field-table.ts
 * ```
 */

import { assert } from '../../base/assert.ts'
import { type ByteReader, type ByteWriter, noBytes, ShortInput } from '../../base/bytes.ts'
import type { SeededRandom } from '../../base/random.ts'
import type { Fields, Type, ValueOf } from '../schema/binary.ts'
import { WireError } from '../schema/errors.ts'
import {
  emptyTable,
  type FieldTable,
  readTable,
  sampleTable,
  sampleText,
  writeTable,
} from './field-table.ts'
import { decodeText, encodeText, isEscaped } from './text.ts'

export const octet: Type<number> = {
  shape: { name: 'octet', size: 1 },
  zero: 0,
  decode: reader => reader.u8(),
  encode: (writer, value) => writer.u8(value),
  sample: random => random.below(0x100),
}

export const short: Type<number> = {
  shape: { name: 'short', size: 2 },
  zero: 0,
  decode: reader => reader.u16(),
  encode: (writer, value) => writer.u16(value),
  sample: random => random.below(0x1_0000),
}

export const long: Type<number> = {
  shape: { name: 'long', size: 4 },
  zero: 0,
  decode: reader => reader.u32(),
  encode: (writer, value) => writer.u32(value),
  sample: random => random.below(0x1_0000_0000),
}

/**
 * An unsigned 64-bit integer as a number. Only delivery tags are of this type, and those that we
 * give are safe integers; of a larger one the low bits are lost, and it is as unknown as before.
 */
export const longLong: Type<number> = {
  shape: { name: 'longlong', size: 8 },
  zero: 0,
  decode: reader => reader.u64(),
  encode: (writer, value) => writer.u64(value),
  sample: random => random.below(0x20_0000) * 0x1_0000_0000 + random.uint32(),
}

/** The method compiler packs these; alone, a bit takes an octet. */
export const bit: Type<boolean> = {
  shape: { name: 'bit', size: 1 / 8 },
  zero: false,
  decode: reader => (reader.u8() & 1) === 1,
  encode: (writer, value) => writer.u8(value ? 1 : 0),
  sample: random => random.chance(0.5),
}

/** Up to 255 octets of UTF-8; what is not UTF-8 is a 502. */
export const shortString: Type<string> = {
  shape: { name: 'shortstr', size: 0 },
  zero: '',
  decode: reader => {
    const at = reader.at
    const text = decodeText(reader.raw(reader.u8()))
    if (isEscaped(text)) throw new WireError(502, 'a short string is not UTF-8', at)
    return text
  },
  encode: (writer, value) => {
    const at = writer.end
    writer.u8(0)
    const length = encodeText(writer, value)
    assert(length <= 0xff, 'a short string has at most 255 octets')
    writer.bytes[at] = length
  },
  sample: random => sampleText(random, 255),
}

/** A short string for people: what we send of it is cut to 255 octets, as RabbitMQ does. */
export const noteString: Type<string> = {
  ...shortString,
  encode: (writer, value) => {
    const at = writer.end
    writer.u8(0)
    let length = encodeText(writer, value)
    if (length > 0xff) {
      length = 0xff
      while ((writer.bytes[at + 1 + length]! & 0xc0) === 0x80) length--
      writer.end = at + 1 + length
    }
    writer.bytes[at] = length
  },
}

/** Octets of any kind. Decoding gives a borrowed view. */
export const longString: Type<Uint8Array> = {
  shape: { name: 'longstr', size: 0 },
  zero: noBytes,
  decode: reader => reader.raw(reader.u32()),
  encode: (writer, value) => {
    writer.u32(value.length)
    writer.raw(value)
  },
  sample: random => Uint8Array.from({ length: random.below(80) }, () => random.below(256)),
}

/** A long string that holds text. */
export const longText: Type<string> = {
  shape: { name: 'longstr', size: 0 },
  zero: '',
  decode: reader => decodeText(reader.raw(reader.u32())),
  encode: (writer, value) => {
    writer.u32(0)
    const start = writer.end
    encodeText(writer, value)
    writer.view.setUint32(start - 4, writer.end - start)
  },
  sample: random => sampleText(random, 400),
}

export const table: Type<FieldTable> = {
  shape: { name: 'table', size: 0 },
  zero: emptyTable,
  decode: reader => readTable(reader),
  encode: (writer, value) => writeTable(writer, value),
  sample: random => sampleTable(random),
}

/** One method of the protocol: what it is called, what it carries, and how that is written. */
export interface MethodTable<T = object> {
  readonly classId: number
  readonly methodId: number
  /** `classId << 16 | methodId`, the first four octets of its frame's payload. */
  readonly id: number
  /** As the specification writes it: `basic.publish`. */
  readonly name: string
  readonly fields: Fields
  /** Whether a content header and body follow. */
  readonly content: boolean
  /** Reads the arguments up to the reader's end. Throws `WireError` 502, nothing else. */
  decode(reader: ByteReader): T
  /** Appends the arguments. A value that does not fit its type is a failed assertion. */
  encode(writer: ByteWriter, value: T): void
  /** Arbitrary arguments for tests. */
  sample(random: SeededRandom): T
}

/**
 * Defines a method.
 *
 * ```ts
 * const BasicAck = method(60, 80, 'basic.ack', { deliveryTag: longLong, multiple: bit })
 * BasicAck.encode(writer, { deliveryTag: 7, multiple: true })
 * ```
 */
export function method<const F extends Fields>(
  classId: number,
  methodId: number,
  name: string,
  fields: F,
  options: { readonly content: boolean } = { content: false },
): MethodTable<ValueOf<F>> {
  const steps = compile(fields)
  return {
    classId,
    methodId,
    id: (classId << 16) | methodId,
    name,
    fields,
    content: options.content,
    decode(reader) {
      const value: Values = {}
      try {
        for (const step of steps) step.decode(reader, value)
      } catch (error) {
        if (!(error instanceof ShortInput)) throw error
        throw new WireError(502, `${name} ends early`, error.offset)
      }
      if (reader.left > 0) throw new WireError(502, `${name} is too long`, reader.at)
      return value as ValueOf<F>
    },
    encode(writer, value) {
      for (const step of steps) step.encode(writer, value as Values)
    },
    sample(random) {
      const value: Values = {}
      for (const [field, type] of Object.entries(fields)) value[field] = type.sample(random)
      return value as ValueOf<F>
    },
  }
}

interface Values {
  [field: string]: unknown
}

/** A field, or a run of bits that share an octet. */
interface Step {
  decode(reader: ByteReader, into: Values): void
  encode(writer: ByteWriter, value: Values): void
}

function compile(fields: Fields): readonly Step[] {
  const steps: Step[] = []
  let bits: string[] = []
  for (const [name, type] of Object.entries(fields)) {
    if (type !== bit) {
      bits = []
      steps.push(fieldStep(name, type))
      continue
    }
    if (bits.length === 0 || bits.length === 8) {
      bits = []
      steps.push(bitsStep(bits))
    }
    bits.push(name)
  }
  return steps
}

function fieldStep(name: string, type: Type<unknown>): Step {
  return {
    decode(reader, into) {
      into[name] = type.decode(reader)
    },
    encode(writer, value) {
      const field = value[name]
      type.encode(writer, field === undefined ? type.zero : field)
    },
  }
}

function bitsStep(names: readonly string[]): Step {
  return {
    decode(reader, into) {
      const octet = reader.u8()
      for (let index = 0; index < names.length; index++) {
        into[names[index]!] = (octet & (1 << index)) !== 0
      }
    },
    encode(writer, value) {
      let octet = 0
      for (let index = 0; index < names.length; index++) {
        if (value[names[index]!] === true) octet |= 1 << index
      }
      writer.u8(octet)
    },
  }
}
