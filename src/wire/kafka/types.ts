/**
 * The table language of Kafka's messages. A message is one table for all its versions; a field says
 * since and until when it is there. From the table come, compiled once per version, its decoder and
 * encoder, and its static types, samples for tests and its shape as plain data.
 *
 *     string      int16 length, UTF-8             compact: uvarint length + 1, UTF-8
 *     bytes       int32 length, octets            compact: uvarint length + 1, octets
 *     array       int32 count, elements           compact: uvarint count + 1, elements
 *     nullable    length or count −1; compact: 0; structs: one octet, −1 or 1
 *     structs of flexible versions end with tagged fields: uvarint count × (tag, size, octets)
 *
 * What a version does not have is decoded as its default, and not encoded. Integers of 64 bits are
 * numbers: beyond 2^53 they lose their low bits, and no field that we act on is ever so large.
 */

import type { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { noBytes, ByteReader as Reader, ShortInput } from '../../base/bytes.ts'
import type { SeededRandom } from '../../base/random.ts'
import { WireError } from '../schema/errors.ts'
import { wireLimits } from './limits.ts'

/** What decides how a message is laid out; settled once, when it is compiled. */
export interface Layout {
  readonly version: number
  readonly flexible: boolean
}

/** A type as plain data, for pages and for the check against the official description. */
export type Shape =
  | { readonly kind: 'plain'; readonly name: string; readonly nullable: Range | undefined }
  | { readonly kind: 'array'; readonly of: Shape; readonly nullable: Range | undefined }
  | {
      readonly kind: 'struct'
      readonly fields: readonly FieldShape[]
      readonly nullable: Range | undefined
    }

export interface FieldShape extends Range {
  readonly name: string
  readonly shape: Shape
  readonly tag: number | undefined
}

/** Versions, both ends included. */
export interface Range {
  readonly since: number
  readonly until: number
}

export interface Codec<T, Input = T> {
  decode(reader: ByteReader): T
  encode(writer: ByteWriter, value: Input): void
}

/** `Input` is what an encoder takes: fields that have a default may be left out. */
export interface WireType<T, Input = T> {
  readonly shape: Shape
  readonly zero: T
  compile(layout: Layout): Codec<T, Input>
  sample(random: SeededRandom, layout: Layout): T
}

/** A field that is not in every version, or may be left out. */
export interface Field<T, Input = T> extends Range {
  readonly type: WireType<T, Input>
  readonly zero: T
  readonly tag: number | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: the one place where a table's fields are of any type
export type Fields = { readonly [name: string]: WireType<any, any> | Field<any, any> }

type DecodedOf<F> =
  F extends WireType<infer T, infer _> ? T : F extends Field<infer T, infer _> ? T : never
type InputOf<F> =
  F extends WireType<infer _, infer I> ? I : F extends Field<infer _, infer I> ? I : never
// biome-ignore lint/suspicious/noExplicitAny: as above
type Optional<F> = F extends Field<any, any> ? true : false

export type ValueOf<F extends Fields> = { readonly [Name in keyof F]: DecodedOf<F[Name]> }
export type GivenOf<F extends Fields> = {
  readonly [Name in keyof F as Optional<F[Name]> extends true ? never : Name]: InputOf<F[Name]>
} & {
  readonly [Name in keyof F as Optional<F[Name]> extends true ? Name : never]?:
    | InputOf<F[Name]>
    | undefined
}

/** The code of INVALID_REQUEST: what is said about bytes that break a message's format. */
const invalidRequest = 42

export function breach(message: string, offset: number): WireError {
  return new WireError(invalidRequest, message, offset)
}

// Variable-length integers

export function readUvarint(reader: ByteReader): number {
  let value = 0
  let factor = 1
  for (let count = 0; count < 5; count++) {
    const octet = reader.u8()
    value += (octet & 0x7f) * factor
    if (octet < 0x80) return value
    factor *= 128
  }
  throw breach('a variable-length integer has more than 5 octets', reader.at)
}

export function writeUvarint(writer: ByteWriter, value: number): void {
  while (value >= 0x80) {
    writer.u8((value & 0x7f) | 0x80)
    value = Math.floor(value / 128)
  }
  writer.u8(value)
}

/** A length or a count that was written plus one; −1 is null. */
function readLength(reader: ByteReader, layout: Layout, width: 16 | 32): number {
  if (layout.flexible) return readUvarint(reader) - 1
  if (width === 16) return (reader.u16() << 16) >> 16
  return reader.u32() | 0
}

function writeLength(writer: ByteWriter, layout: Layout, width: 16 | 32, length: number): void {
  if (layout.flexible) writeUvarint(writer, length + 1)
  else if (width === 16) writer.u16(length)
  else writer.u32(length)
}

// Numbers

function plain<T>(
  name: string,
  zero: T,
  codec: Codec<T>,
  sample: (random: SeededRandom) => T,
): WireType<T> {
  const shape = { kind: 'plain', name, nullable: undefined } as const
  return { shape, zero, compile: () => codec, sample }
}

function integer(
  name: string,
  codec: Codec<number>,
  sample: (random: SeededRandom) => number,
): WireType<number> {
  return plain(name, 0, codec, sample)
}

export const bool: WireType<boolean> = plain(
  'bool',
  false,
  {
    decode: reader => reader.u8() !== 0,
    encode: (writer, value) => writer.u8(value ? 1 : 0),
  },
  random => random.chance(0.5),
)

export const int8 = integer(
  'int8',
  {
    decode: reader => (reader.u8() << 24) >> 24,
    encode: (writer, value) => writer.u8(value & 0xff),
  },
  random => random.between(-128, 127),
)

export const int16 = integer(
  'int16',
  {
    decode: reader => (reader.u16() << 16) >> 16,
    encode: (writer, value) => writer.u16(value),
  },
  random => random.between(-0x8000, 0x7fff),
)

export const uint16 = integer(
  'uint16',
  {
    decode: reader => reader.u16(),
    encode: (writer, value) => writer.u16(value),
  },
  random => random.below(0x1_0000),
)

export const int32 = integer(
  'int32',
  {
    decode: reader => reader.u32() | 0,
    encode: (writer, value) => writer.u32(value),
  },
  random => random.uint32() | 0,
)

export const int64 = integer(
  'int64',
  {
    decode: reader => {
      const at = reader.need(8)
      return reader.view.getInt32(at) * 0x1_0000_0000 + reader.view.getUint32(at + 4)
    },
    encode: (writer, value) => writer.u64(value),
  },
  random => (random.chance(0.3) ? -random.uint32() : random.below(0x20_0000) * 0x1_0000_0000),
)

export const float64 = integer(
  'float64',
  {
    decode: reader => reader.f64(),
    encode: (writer, value) => writer.f64(value),
  },
  random => random.float(),
)

/** Every octet as two digits. */
const octets = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'))

/** 32 hexadecimal digits. */
export const noUuid = '0'.repeat(32)
export const uuid: WireType<string> = plain(
  'uuid',
  noUuid,
  {
    decode: reader => {
      const at = reader.need(16)
      let text = ''
      for (let index = at; index < at + 16; index++) text += octets[reader.bytes[index]!]!
      return text
    },
    encode: (writer, value) => {
      for (let index = 0; index < 32; index += 2) {
        writer.u8(Number.parseInt(value.slice(index, index + 2), 16))
      }
    },
  },
  random => Array.from({ length: 4 }, () => random.uint32().toString(16).padStart(8, '0')).join(''),
)

// Text and octets

const textShape = { kind: 'plain', name: 'string', nullable: undefined } as const

function readText(reader: ByteReader, layout: Layout): string | null {
  const length = readLength(reader, layout, 16)
  return length < 0 ? null : reader.utf8(length)
}

function writeText(writer: ByteWriter, layout: Layout, text: string): void {
  if (layout.flexible) {
    // Most texts are short, so the length that is written first is right: one octet.
    const at = writer.end
    writer.u8(0)
    const length = writer.utf8(text)
    if (length < 0x7f) {
      writer.bytes[at] = length + 1
      return
    }
    const bytes = writer.bytes.slice(at + 1, writer.end)
    writer.end = at
    writeUvarint(writer, length + 1)
    writer.raw(bytes)
    return
  }
  const at = writer.end
  writer.u16(0)
  // The view is another one when the text has made the buffer grow.
  const length = writer.utf8(text)
  writer.view.setUint16(at, length)
}

export const string: WireType<string> = {
  shape: textShape,
  zero: '',
  compile: layout => ({
    decode: reader => {
      const text = readText(reader, layout)
      if (text === null) throw breach('a text is null that must not be', reader.at)
      return text
    },
    encode: (writer, value) => writeText(writer, layout, value),
  }),
  sample: sampleText,
}

function sampleText(random: SeededRandom): string {
  const length = random.chance(0.05) ? random.between(120, 300) : random.below(12)
  return Array.from({ length }, () => random.pick(['a', 'Z', '0', '.', 'é', '€'])).join('')
}

export const bytes: WireType<Uint8Array> = {
  shape: { kind: 'plain', name: 'bytes', nullable: undefined },
  zero: noBytes,
  compile: layout => ({
    decode: reader => {
      const length = readLength(reader, layout, 32)
      if (length < 0) throw breach('octets are null that must not be', reader.at)
      return reader.raw(length)
    },
    encode: (writer, value) => {
      writeLength(writer, layout, 32, value.length)
      writer.raw(value)
    },
  }),
  sample: random => Uint8Array.from({ length: random.below(9) }, () => random.below(256)),
}

/** Record batches, as they are; an encoder takes them in pieces, so that none is copied twice. */
export const records: WireType<Uint8Array | null, readonly Uint8Array[] | Uint8Array | null> = {
  shape: { kind: 'plain', name: 'records', nullable: { since: 0, until: Infinity } },
  zero: null,
  compile: layout => ({
    decode: reader => {
      const length = readLength(reader, layout, 32)
      return length < 0 ? null : reader.raw(length)
    },
    encode: (writer, value) => {
      if (value === null) return writeLength(writer, layout, 32, -1)
      const parts = value instanceof Uint8Array ? [value] : value
      let length = 0
      for (const part of parts) length += part.length
      writeLength(writer, layout, 32, length)
      for (const part of parts) writer.raw(part)
    },
  }),
  sample: random =>
    random.chance(0.2) ? null : bytes.sample(random, { version: 0, flexible: false }),
}

// What is made of others

/** Null is allowed; from some version on, or in a range of versions. */
export function nullable<T, Input>(
  type: WireType<T, Input>,
  range: Partial<Range> = {},
): WireType<T | null, Input | null> {
  const nullableIn = { since: range.since ?? 0, until: range.until ?? Infinity }
  return {
    shape: { ...type.shape, nullable: nullableIn },
    zero: null,
    compile: layout => {
      const codec = type.compile(layout)
      if (!covers(nullableIn, layout.version)) {
        return {
          decode: reader => codec.decode(reader),
          encode: (writer, value) => codec.encode(writer, value ?? (type.zero as unknown as Input)),
        }
      }
      return type.shape.kind === 'struct'
        ? nullableStruct(codec)
        : nullableSized(codec, layout, widthOf(type.shape))
    },
    sample: (random, layout) =>
      covers(nullableIn, layout.version) && random.chance(0.3) ? null : type.sample(random, layout),
  }
}

function widthOf(shape: Shape): 16 | 32 {
  return shape.kind === 'plain' && shape.name === 'string' ? 16 : 32
}

function nullableStruct<T, Input>(codec: Codec<T, Input>): Codec<T | null, Input | null> {
  return {
    decode: reader => (int8Of(reader) < 0 ? null : codec.decode(reader)),
    encode: (writer, value) => {
      writer.u8(value === null ? 0xff : 1)
      if (value !== null) codec.encode(writer, value)
    },
  }
}

function int8Of(reader: ByteReader): number {
  return (reader.u8() << 24) >> 24
}

function nullableSized<T, Input>(
  codec: Codec<T, Input>,
  layout: Layout,
  width: 16 | 32,
): Codec<T | null, Input | null> {
  return {
    decode: reader => {
      const { at } = reader
      if (readLength(reader, layout, width) < 0) return null
      reader.at = at
      return codec.decode(reader)
    },
    encode: (writer, value) => {
      if (value === null) writeLength(writer, layout, width, -1)
      else codec.encode(writer, value)
    },
  }
}

export function array<T, Input>(
  type: WireType<T, Input>,
): WireType<readonly T[], readonly Input[]> {
  return {
    shape: { kind: 'array', of: type.shape, nullable: undefined },
    zero: [],
    compile: layout => {
      const codec = type.compile(layout)
      return {
        decode: reader => {
          const count = readLength(reader, layout, 32)
          if (count < 0) throw breach('an array is null that must not be', reader.at)
          // Every element takes an octet at least, so nothing is allocated for a lie.
          if (count > reader.left) throw new ShortInput(reader.at)
          if (count > wireLimits.arrayElementsMax) {
            throw breach(`an array has ${count} elements`, reader.at)
          }
          const values: T[] = []
          for (let index = 0; index < count; index++) values.push(codec.decode(reader))
          return values
        },
        encode: (writer, values) => {
          writeLength(writer, layout, 32, values.length)
          for (const value of values) codec.encode(writer, value)
        },
      }
    },
    sample: (random, layout) =>
      Array.from({ length: random.below(4) }, () => type.sample(random, layout)),
  }
}

// Fields

function field<T, Input>(
  type: WireType<T, Input>,
  range: Partial<Range>,
  zero: T,
  tag?: number,
): Field<T, Input> {
  return { type, since: range.since ?? 0, until: range.until ?? Infinity, zero, tag }
}

export function since<T, Input>(
  version: number,
  type: WireType<T, Input>,
  zero: T = type.zero,
): Field<T, Input> {
  return field(type, { since: version }, zero)
}

export function until<T, Input>(
  version: number,
  type: WireType<T, Input>,
  zero: T = type.zero,
): Field<T, Input> {
  return field(type, { until: version }, zero)
}

export function between<T, Input>(
  first: number,
  last: number,
  type: WireType<T, Input>,
  zero: T = type.zero,
): Field<T, Input> {
  return field(type, { since: first, until: last }, zero)
}

/** In every version, and its default when it is left out. */
export function optional<T, Input>(type: WireType<T, Input>, zero: T = type.zero): Field<T, Input> {
  return field(type, {}, zero)
}

/** Sent only when it is not the default. */
export function tagged<T, Input>(
  tag: number,
  version: number,
  type: WireType<T, Input>,
  zero: T = type.zero,
): Field<T, Input> {
  return field(type, { since: version }, zero, tag)
}

function covers(range: Range, version: number): boolean {
  return version >= range.since && version <= range.until
}

function completeField(given: Fields[string]): Field<unknown, unknown> {
  return 'type' in given ? given : field(given, {}, given.zero)
}

// Structs

interface Member {
  readonly name: string
  readonly codec: Codec<unknown, unknown>
  readonly zero: unknown
  readonly tag: number
}

/** A record of named fields. */
export function struct<F extends Fields>(fields: F): WireType<ValueOf<F>, GivenOf<F>> {
  const all = Object.entries(fields).map(([name, given]) => ({ name, ...completeField(given) }))
  const zeros = Object.fromEntries(all.map(({ name, zero }) => [name, zero]))
  return {
    shape: {
      kind: 'struct',
      nullable: undefined,
      fields: all.map(({ name, since, until, tag, type }) => ({
        name,
        since,
        until,
        tag,
        shape: type.shape,
      })),
    },
    zero: zeros as ValueOf<F>,
    compile: layout => {
      const members = all
        .filter(each => covers(each, layout.version))
        .map(({ name, type, zero, tag = -1 }) => ({ name, codec: type.compile(layout), zero, tag }))
      return structCodec(zeros, members, layout) as unknown as Codec<ValueOf<F>, GivenOf<F>>
    },
    sample: (random, layout) => {
      const value: Record<string, unknown> = { ...zeros }
      for (const each of all) {
        if (covers(each, layout.version)) value[each.name] = each.type.sample(random, layout)
      }
      return value as ValueOf<F>
    },
  }
}

type Values = { [name: string]: unknown }

function structCodec(
  zeros: Values,
  members: readonly Member[],
  layout: Layout,
): Codec<Values, Values> {
  const inline = members.filter(({ tag }) => tag < 0)
  const tags = members.filter(({ tag }) => tag >= 0).sort((left, right) => left.tag - right.tag)
  return {
    decode: reader => {
      const value: Values = { ...zeros }
      for (let index = 0; index < inline.length; index++) {
        const { name, codec } = inline[index]!
        value[name] = codec.decode(reader)
      }
      if (layout.flexible) readTags(reader, tags, value)
      return value
    },
    encode: (writer, value) => {
      for (let index = 0; index < inline.length; index++) {
        const { name, codec, zero } = inline[index]!
        const given = value[name]
        codec.encode(writer, given === undefined ? zero : given)
      }
      if (layout.flexible) writeTags(writer, tags, value)
    },
  }
}

function readTags(reader: ByteReader, tags: readonly Member[], value: Values): void {
  const count = readUvarint(reader)
  for (let index = 0; index < count; index++) {
    const tag = readUvarint(reader)
    const size = readUvarint(reader)
    const start = reader.need(size)
    const member = tags.find(each => each.tag === tag)
    if (member === undefined) continue
    const inside = new Reader(reader.bytes, start, start + size)
    value[member.name] = member.codec.decode(inside)
    if (inside.left > 0) throw breach(`tag ${tag} is longer than its value`, inside.at)
  }
}

function writeTags(writer: ByteWriter, tags: readonly Member[], value: Values): void {
  const given = tags.filter(({ name, zero }) => value[name] !== undefined && value[name] !== zero)
  writeUvarint(writer, given.length)
  for (const { name, codec, tag } of given) {
    writeUvarint(writer, tag)
    const at = writer.end
    codec.encode(writer, value[name])
    const encoded = writer.bytes.slice(at, writer.end)
    writer.end = at
    writeUvarint(writer, encoded.length)
    writer.raw(encoded)
  }
}

/** Skips the tagged fields of a header. */
export function skipTags(reader: ByteReader): void {
  readTags(reader, [], {})
}
