import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { SeededRandom } from '../../base/random.ts'
import { WireError } from '../schema/errors.ts'
import {
  equalFields,
  equalTables,
  type FieldTable,
  type FieldValue,
  fieldDepthMax,
  fieldOf,
  fieldTypeNames,
  fromPlain,
  readField,
  readTable,
  sampleTable,
  tableOf,
  tableToPlain,
  toPlain,
  writeField,
  writeTable,
} from './field-table.ts'

function encoded(table: FieldTable): Uint8Array {
  const writer = new ByteWriter(1)
  writeTable(writer, table)
  return writer.take()
}

function field(hex: string): FieldValue {
  const reader = new ByteReader(Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')))
  const value = readField(reader)
  equal(reader.left, 0)
  return value
}

test('each type decodes from its octets, and encodes to the same', () => {
  const cases: [hex: string, value: FieldValue][] = [
    ['74 01', { type: 't', value: true }],
    ['74 00', { type: 't', value: false }],
    ['62 ff', { type: 'b', value: -1 }],
    ['42 ff', { type: 'B', value: 255 }],
    ['73 8000', { type: 's', value: -32768 }],
    ['75 8000', { type: 'u', value: 32768 }],
    ['49 ffffffff', { type: 'I', value: -1 }],
    ['69 ffffffff', { type: 'i', value: 4294967295 }],
    ['6c 8000000000000000', { type: 'l', value: -(2n ** 63n) }],
    ['66 3fc00000', { type: 'f', value: 1.5 }],
    ['64 3ff8000000000000', { type: 'd', value: 1.5 }],
    ['44 02 0000007b', { type: 'D', value: { scale: 2, digits: 123 } }],
    ['54 ffffffffffffffff', { type: 'T', value: 2n ** 64n - 1n }],
    ['53 00000002 6869', { type: 'S', value: 'hi' }],
    ['53 00000001 ff', { type: 'S', value: Uint8Array.of(0xff) }],
    ['78 00000001 41', { type: 'x', value: Uint8Array.of(0x41) }],
    ['56', { type: 'V', value: null }],
    ['41 00000003 56 7401', { type: 'A', value: [field('56'), field('7401')] }],
    ['46 00000004 01 61 62 05', { type: 'F', value: [['a', { type: 'b', value: 5 }]] }],
  ]
  for (const [hex, value] of cases) {
    deepEqual(field(hex), value)
    const writer = new ByteWriter(1)
    writeField(writer, value)
    equal(Buffer.from(writer.take()).toString('hex'), hex.replaceAll(' ', ''))
  }
  const types = new Set(cases.map(([, value]) => value.type))
  deepEqual(types, new Set(Object.keys(fieldTypeNames)))
})

test('arbitrary tables survive a round trip, octet for octet', () => {
  const random = new SeededRandom(11)
  for (let run = 0; run < 2000; run++) {
    const bytes = encoded(sampleTable(random))
    const reader = new ByteReader(bytes)
    const table = readTable(reader)
    equal(reader.left, 0)
    deepEqual(encoded(table), bytes)
  }
})

test('order, duplicates and names that are not UTF-8 are kept', () => {
  const hex = '00000011 01 62 56  01 61 6201  01 61 6202  01 ff 56  00 56'
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  bytes[3] = bytes.length - 4
  const table = readTable(new ByteReader(bytes))
  deepEqual(
    table.map(([name]) => name),
    ['b', 'a', 'a', '\udcff', ''],
  )
  deepEqual(encoded(table), bytes)
  deepEqual(fieldOf(table, 'a'), { type: 'b', value: 1 })
  equal(tableToPlain(table)['a'], 1)
})

test('a decoded table owns its memory', () => {
  const bytes = encoded(tableOf({ text: 'text', bytes: Uint8Array.of(1, 2, 3) }))
  const table = readTable(new ByteReader(bytes))
  bytes.fill(0)
  deepEqual(tableToPlain(table)['bytes'], Uint8Array.of(1, 2, 3))
})

test('plain values forget the width of integers, and keep the rest', () => {
  equal(toPlain({ type: 'l', value: 5n }), 5)
  equal(toPlain({ type: 'l', value: 2n ** 60n }), 2n ** 60n)
  equal(toPlain({ type: 'T', value: 5n }), 5)
  equal(toPlain({ type: 'D', value: { scale: 2, digits: 123 } }), 1.23)
  const plain = { text: 'a', list: [1, null, true, { deep: 2.5 }], large: 2 ** 40, big: 2n ** 62n }
  deepEqual({ ...tableToPlain(tableOf(plain)) }.large, 2 ** 40)
  deepEqual(JSON.parse(JSON.stringify(toPlain(fromPlain({ a: [1, 'b', { c: null }] })))), {
    a: [1, 'b', { c: null }],
  })
  const odd = tableToPlain([['__proto__', { type: 't', value: true }]])
  deepEqual(Object.entries(odd), [['__proto__', true]])
})

test('integers are equal across widths, other types are not', () => {
  ok(equalFields({ type: 'b', value: 10 }, { type: 'l', value: 10n }))
  ok(equalFields({ type: 'i', value: 10 }, { type: 's', value: 10 }))
  ok(!equalFields({ type: 'b', value: 10 }, { type: 'l', value: 11n }))
  ok(!equalFields({ type: 'b', value: 10 }, { type: 'd', value: 10 }))
  ok(!equalFields({ type: 'b', value: 10 }, { type: 'T', value: 10n }))
  ok(equalFields({ type: 'f', value: 0.5 }, { type: 'd', value: 0.5 }))
  ok(!equalFields({ type: 'S', value: 'a' }, { type: 'x', value: Uint8Array.of(0x61) }))
  ok(equalFields({ type: 'x', value: Uint8Array.of(1) }, { type: 'x', value: Uint8Array.of(1) }))
  ok(equalFields(fromPlain([1, { a: 'b' }]), fromPlain([1, { a: 'b' }])))
  ok(!equalFields(fromPlain([1]), fromPlain([1, 2])))
})

test('tables are equal in any order, and not when one has more or another name', () => {
  ok(equalTables(tableOf({ a: 1, b: 2 }), tableOf({ b: 2, a: 1 })))
  ok(!equalTables(tableOf({ a: 1 }), tableOf({ a: 1, b: 2 })))
  ok(!equalTables(tableOf({ a: 1 }), tableOf({ b: 1 })))
  const twice: FieldTable = [...tableOf({ a: 1 }), ...tableOf({ a: 2 })]
  ok(!equalTables(twice, tableOf({ a: 1, b: 3 })))
  ok(!equalTables(tableOf({ a: 1, b: 3 }), twice))
})

test('a table or array that lies about its length is refused before it is read', () => {
  const cases = [
    'ffffffff',
    '00000005 01 61 56',
    '00000003 01 61 62 05',
    '00000006 01 61 41 ffffffff',
    '00000007 01 61 53 ffffffff',
    '00000003 01 61 5a',
    '00000001 05',
  ]
  for (const hex of cases) {
    const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    throws(() => readTable(new ByteReader(bytes)), WireError, hex)
  }
})

test('an unknown type is a 502 at its offset', () => {
  const bytes = Uint8Array.of(0, 0, 0, 3, 1, 0x61, 0x5a)
  throws(
    () => readTable(new ByteReader(bytes)),
    (error: Error) => error instanceof WireError && error.code === 502 && error.offset === 6,
  )
})

test('tables nest to the limit and no deeper', () => {
  const nested = (depth: number): FieldTable =>
    depth === 0 ? [] : [['t', { type: 'F', value: nested(depth - 1) }]]
  const deepest = encoded(nested(fieldDepthMax))
  deepEqual(readTable(new ByteReader(deepest)), nested(fieldDepthMax))
  throws(() => readTable(new ByteReader(encoded(nested(fieldDepthMax + 1)))), WireError)
})
