/**
 * Field tables (AMQP 0-9-1, 4.2.5.5), in RabbitMQ's dialect of the value types.
 *
 * ```
 * table  ├ length u32 ┤├ entry ┤├ entry ┤ …          length counts the octets that follow it
 * entry  ├ name: length u8, octets ┤├ value ┤
 * value  ├ type u8 ┤├ by type ┤
 *          t bool u8     b i8    B u8    s i16   u u16   I i32   i u32   l i64
 *          f f32         d f64   D scale u8, digits u32          T seconds u64
 *          S, x  length u32, octets      A  length u32, values   F  a table       V nothing
 * ```
 *
 * A decoded table keeps the types, the order and the duplicates, so that encoding it again gives
 * the same bytes (but for a bool that is neither 0 nor 1, and the unused bits of a NaN). It owns
 * its memory: nothing in it is borrowed.
 */

import { assert } from '../../base/assert.ts'
import { type ByteReader, type ByteWriter, equalBytes, ShortInput } from '../../base/bytes.ts'
import type { SeededRandom } from '../../base/random.ts'
import { WireError } from '../schema/errors.ts'
import { decodeText, encodeText, isText } from './text.ts'

/** Tables and arrays inside each other; more is a 502. */
export const fieldDepthMax = 32

export type FieldType = keyof typeof fieldTypeNames

/** The types' names in RabbitMQ's error texts ("… of type 'signedint'"). */
export const fieldTypeNames = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  f: 'float',
  d: 'double',
  D: 'decimal',
  S: 'longstr',
  x: 'binary',
  A: 'array',
  T: 'timestamp',
  F: 'table',
  V: 'void',
} as const

/** A value with its type on the wire. An `S` that is not UTF-8 is kept as bytes. */
export type FieldValue =
  | { readonly type: 't'; readonly value: boolean }
  | { readonly type: 'b' | 'B' | 's' | 'u' | 'I' | 'i' | 'f' | 'd'; readonly value: number }
  | { readonly type: 'l' | 'T'; readonly value: bigint }
  | { readonly type: 'D'; readonly value: { readonly scale: number; readonly digits: number } }
  | { readonly type: 'S'; readonly value: string | Uint8Array }
  | { readonly type: 'x'; readonly value: Uint8Array }
  | { readonly type: 'A'; readonly value: readonly FieldValue[] }
  | { readonly type: 'F'; readonly value: FieldTable }
  | { readonly type: 'V'; readonly value: null }

/** Names and values in the order of the wire, duplicates included. */
export type FieldTable = readonly (readonly [name: string, value: FieldValue])[]

/** A value without its type on the wire. A table is an object without a prototype. */
export type Plain =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly Plain[]
  | { readonly [name: string]: Plain }

export const emptyTable: FieldTable = []

/** The first value of that name, as RabbitMQ looks names up. */
export function fieldOf(table: FieldTable, name: string): FieldValue | undefined {
  for (const entry of table) if (entry[0] === name) return entry[1]
  return undefined
}

/**
 * The value without its type: all integers and timestamps are numbers (a bigint beyond 2^53), a
 * decimal is a number, a table an object in which the first of two equal names wins.
 */
export function toPlain(field: FieldValue): Plain {
  switch (field.type) {
    case 'l':
    case 'T': {
      const number = Number(field.value)
      return Number.isSafeInteger(number) ? number : field.value
    }
    case 'D':
      return field.value.digits / 10 ** field.value.scale
    case 'A':
      return field.value.map(toPlain)
    case 'F':
      return tableToPlain(field.value)
    default:
      return field.value
  }
}

/** `toPlain` of a whole table. */
export function tableToPlain(table: FieldTable): { readonly [name: string]: Plain } {
  const plain: { [name: string]: Plain } = Object.create(null)
  for (const [name, field] of table) if (!(name in plain)) plain[name] = toPlain(field)
  return plain
}

/**
 * Whether two values mean the same: integers of any width are equal by value (clients choose widths
 * differently for the same program), `S` and `x` are not, tables are equal in any order.
 */
export function equalFields(left: FieldValue, right: FieldValue): boolean {
  if (isInteger(left) && isInteger(right)) return BigInt(left.value) === BigInt(right.value)
  if (isFloat(left) && isFloat(right)) return Object.is(left.value, right.value)
  if (left.type !== right.type) return false
  switch (left.type) {
    case 'D': {
      const other = right.value as { readonly scale: number; readonly digits: number }
      return left.value.scale === other.scale && left.value.digits === other.digits
    }
    case 'S':
    case 'x': {
      const other = right.value as string | Uint8Array
      if (typeof left.value === 'string' || typeof other === 'string') return left.value === other
      return equalBytes(left.value, other)
    }
    case 'A': {
      const other = right.value as readonly FieldValue[]
      return (
        left.value.length === other.length &&
        left.value.every((item, index) => equalFields(item, other[index]!))
      )
    }
    case 'F':
      return equalTables(left.value, right.value as FieldTable)
    default:
      return left.value === right.value
  }
}

/** Whether both have the same names with equal values, in any order. */
export function equalTables(left: FieldTable, right: FieldTable): boolean {
  if (left.length !== right.length) return false
  return left.every(([name, field]) => {
    const other = fieldOf(right, name)
    return other !== undefined && equalFields(field, other)
  })
}

/**
 * A field from a plain value. Integers become `I` when they fit and `l` when not, as RabbitMQ's own
 * tables have them; other numbers `d`; strings `S`; bytes `x`.
 */
export function fromPlain(plain: Plain): FieldValue {
  switch (typeof plain) {
    case 'string':
      return { type: 'S', value: plain }
    case 'boolean':
      return { type: 't', value: plain }
    case 'bigint':
      return { type: 'l', value: plain }
    case 'number':
      if (!Number.isSafeInteger(plain)) return { type: 'd', value: plain }
      if ((plain | 0) === plain) return { type: 'I', value: plain }
      return { type: 'l', value: BigInt(plain) }
  }
  if (plain === null) return { type: 'V', value: null }
  if (plain instanceof Uint8Array) return { type: 'x', value: plain }
  if (Array.isArray(plain)) return { type: 'A', value: plain.map(fromPlain) }
  return { type: 'F', value: tableOf(plain as { readonly [name: string]: Plain }) }
}

/**
 * A table from a plain object.
 *
 * ```ts
 * tableOf({ product: 'Spillway', capabilities: { publisher_confirms: true } })
 * ```
 */
export function tableOf(plain: { readonly [name: string]: Plain }): FieldTable {
  return Object.entries(plain).map(([name, value]) => [name, fromPlain(value)])
}

/** Reads a table with its length. Throws `WireError` 502, nothing else. */
export function readTable(reader: ByteReader): FieldTable {
  try {
    return readNested(reader, 0)
  } catch (error) {
    if (!(error instanceof ShortInput)) throw error
    throw new WireError(502, 'a table ends early', error.offset)
  }
}

function readNested(reader: ByteReader, depth: number): FieldTable {
  const end = endOf(reader, depth)
  if (reader.at === end) return emptyTable
  const table: [string, FieldValue][] = []
  while (reader.at < end) {
    const name = decodeText(reader.raw(reader.u8()))
    table.push([name, readField(reader, depth)])
  }
  if (reader.at !== end) throw new WireError(502, 'an entry passes the end of its table', end)
  return table
}

/** Writes a table with its length. */
export function writeTable(writer: ByteWriter, table: FieldTable): void {
  writer.u32(0)
  const start = writer.end
  for (const [name, field] of table) {
    writeShort(writer, name)
    writeField(writer, field)
  }
  writer.view.setUint32(start - 4, writer.end - start)
}

/** Reads one value with its type. Throws `ShortInput`, or `WireError` 502. */
export function readField(reader: ByteReader, depth = 0): FieldValue {
  const at = reader.at
  switch (reader.u8()) {
    case 0x74:
      return { type: 't', value: reader.u8() !== 0 }
    case 0x62:
      return { type: 'b', value: (reader.u8() << 24) >> 24 }
    case 0x42:
      return { type: 'B', value: reader.u8() }
    case 0x73:
      return { type: 's', value: (reader.u16() << 16) >> 16 }
    case 0x75:
      return { type: 'u', value: reader.u16() }
    case 0x49:
      return { type: 'I', value: reader.u32() | 0 }
    case 0x69:
      return { type: 'i', value: reader.u32() }
    case 0x6c:
      return { type: 'l', value: reader.i64() }
    case 0x66:
      return { type: 'f', value: reader.f32() }
    case 0x64:
      return { type: 'd', value: reader.f64() }
    case 0x44:
      return { type: 'D', value: { scale: reader.u8(), digits: reader.u32() } }
    case 0x53: {
      const bytes = reader.raw(reader.u32())
      return { type: 'S', value: isText(bytes) ? decodeText(bytes) : Uint8Array.from(bytes) }
    }
    case 0x78:
      return { type: 'x', value: Uint8Array.from(reader.raw(reader.u32())) }
    case 0x41:
      return { type: 'A', value: readArray(reader, depth + 1) }
    case 0x54:
      return { type: 'T', value: BigInt.asUintN(64, reader.i64()) }
    case 0x46:
      return { type: 'F', value: readNested(reader, depth + 1) }
    case 0x56:
      return voidField
    default:
      throw new WireError(502, `field type ${reader.bytes[at]} is unknown`, at)
  }
}

/** Writes one value with its type. */
export function writeField(writer: ByteWriter, field: FieldValue): void {
  writer.u8(field.type.charCodeAt(0))
  switch (field.type) {
    case 't':
      writer.u8(field.value ? 1 : 0)
      break
    case 'b':
    case 'B':
      writer.u8(field.value)
      break
    case 's':
    case 'u':
      writer.u16(field.value)
      break
    case 'I':
    case 'i':
      writer.u32(field.value)
      break
    case 'l':
    case 'T':
      writer.i64(field.value)
      break
    case 'f':
      writer.f32(field.value)
      break
    case 'd':
      writer.f64(field.value)
      break
    case 'D':
      writer.u8(field.value.scale)
      writer.u32(field.value.digits)
      break
    case 'S':
    case 'x':
      writeLong(writer, field.value)
      break
    case 'A': {
      writer.u32(0)
      const start = writer.end
      for (const item of field.value) writeField(writer, item)
      writer.view.setUint32(start - 4, writer.end - start)
      break
    }
    case 'F':
      writeTable(writer, field.value)
      break
    case 'V':
      break
  }
}

/** An arbitrary table for tests. */
export function sampleTable(random: SeededRandom, depth = 0): FieldTable {
  const table: [string, FieldValue][] = []
  const count = random.below(5)
  for (let index = 0; index < count; index++) {
    table.push([sampleText(random, 20), sampleField(random, depth)])
  }
  return table
}

/** An arbitrary value for tests. */
export function sampleField(random: SeededRandom, depth = 0): FieldValue {
  const types = depth < 3 ? 'tbBsuIilfdDSxTVAF' : 'tbBsuIilfdDSxTV'
  const type = types[random.below(types.length)] as FieldType
  switch (type) {
    case 't':
      return { type, value: random.chance(0.5) }
    case 'b':
      return { type, value: random.below(0x100) - 0x80 }
    case 'B':
      return { type, value: random.below(0x100) }
    case 's':
      return { type, value: random.below(0x1_0000) - 0x8000 }
    case 'u':
      return { type, value: random.below(0x1_0000) }
    case 'I':
      return { type, value: random.below(0x1_0000_0000) | 0 }
    case 'i':
      return { type, value: random.below(0x1_0000_0000) }
    case 'l':
      return { type, value: BigInt.asIntN(64, sampleWord(random)) }
    case 'T':
      return { type, value: sampleWord(random) }
    case 'f':
      return { type, value: Math.fround(random.float() * 1000 - 500) }
    case 'd':
      return { type, value: random.float() * 1e9 - 5e8 }
    case 'D':
      return {
        type,
        value: { scale: random.below(0x100), digits: random.below(0x1_0000_0000) },
      }
    case 'S':
      return { type, value: sampleText(random, 60) }
    case 'x':
      return { type, value: Uint8Array.from({ length: random.below(40) }, () => random.below(256)) }
    case 'V':
      return voidField
    case 'A':
      return {
        type,
        value: Array.from({ length: random.below(4) }, () => sampleField(random, depth + 1)),
      }
    case 'F':
      return { type, value: sampleTable(random, depth + 1) }
  }
}

/** Arbitrary text of at most `limit` UTF-8 octets, for tests. */
export function sampleText(random: SeededRandom, limit: number): string {
  let text = ''
  for (let count = random.below(Math.floor(limit / 4) + 1); count > 0; count--) {
    text += random.pick(sampleLetters)
  }
  return text
}

const sampleLetters = [...'abcdefxyz019.-_#* /', 'é', '€', '\u{1f407}']

const voidField: FieldValue = { type: 'V', value: null }

function sampleWord(random: SeededRandom): bigint {
  return (BigInt(random.below(0x1_0000_0000)) << 32n) | BigInt(random.below(0x1_0000_0000))
}

function readArray(reader: ByteReader, depth: number): readonly FieldValue[] {
  const end = endOf(reader, depth)
  const items: FieldValue[] = []
  while (reader.at < end) items.push(readField(reader, depth))
  if (reader.at !== end) throw new WireError(502, 'an item passes the end of its array', end)
  return items
}

/** Reads the length of a table or array, and checks it before anything is read by it. */
function endOf(reader: ByteReader, depth: number): number {
  const at = reader.at
  if (depth > fieldDepthMax) {
    throw new WireError(502, `tables are nested deeper than ${fieldDepthMax}`, at)
  }
  const length = reader.u32()
  if (length > reader.left) throw new WireError(502, 'a table is longer than its frame', at)
  return reader.at + length
}

function writeShort(writer: ByteWriter, text: string): void {
  const at = writer.end
  writer.u8(0)
  const length = encodeText(writer, text)
  assert(length <= 0xff, 'a field name has at most 255 octets')
  writer.bytes[at] = length
}

function writeLong(writer: ByteWriter, value: string | Uint8Array): void {
  writer.u32(0)
  const start = writer.end
  if (typeof value === 'string') encodeText(writer, value)
  else writer.raw(value)
  writer.view.setUint32(start - 4, writer.end - start)
}

type NumberField = FieldValue & { readonly value: number | bigint }

function isInteger(field: FieldValue): field is NumberField {
  return 'bBsuIil'.includes(field.type)
}

function isFloat(field: FieldValue): field is NumberField {
  return field.type === 'f' || field.type === 'd'
}
