import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { encodeUtf8 } from '../../base/bytes.ts'
import { crc32c } from './crc32c.ts'
import { BatchView, decodeRecords, encodeBatch, encodeMarker } from './record-batch.ts'

const records = ['a', 'b', 'c'].map((text, index) => ({
  timestamp: 1_700_000_000_000 + index,
  key: index === 1 ? null : encodeUtf8(text),
  value: encodeUtf8(text.repeat(100)),
  headers: [{ key: 'h', value: encodeUtf8(text) }],
}))

test('the checksum has the value that its definition gives for the digits', () => {
  equal(crc32c(encodeUtf8('123456789')), 0xe306_9283)
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index * 7)
  for (const start of [0, 1, 15, 16, 17]) {
    equal(crc32c(bytes, start, 900), crc32c(bytes.slice(start, 900)))
  }
})

test('a batch gives back its records', () => {
  const bytes = encodeBatch(records)
  equal(new BatchView().over(bytes).fault(), undefined)
  deepEqual(
    (decodeRecords(bytes, 1_000_000) ?? []).map(({ value, ...rest }) => ({
      ...rest,
      value: value?.slice(),
    })),
    records.map(({ value, ...rest }) => ({ ...rest, value })),
  )
})

test('a batch that is given its place is still whole', () => {
  const bytes = encodeBatch(records)
  const view = new BatchView().over(bytes)
  view.place(5_000_000_000, 7)
  equal(view.baseOffset, 5_000_000_000)
  equal(crc32c(bytes, 21), view.checksum)
})

test('every flipped bit after the header is noticed', () => {
  for (let at = 17; at < 200; at++) {
    const bytes = encodeBatch(records)
    bytes[at]! ^= 1 << (at % 8)
    equal(new BatchView().over(bytes).fault() !== undefined, true, `octet ${at}`)
  }
})

test('a batch that is cut short is corrupt, whatever its length says', () => {
  const whole = encodeBatch(records)
  for (let end = 0; end < whole.length; end++) {
    equal(new BatchView().over(whole.slice(0, end)).fault(), 'corrupt')
  }
})

test('two batches, a marker, and an older format are refused', () => {
  const one = encodeBatch(records)
  const two = Uint8Array.from([...one, ...one])
  equal(new BatchView().over(two).fault(), 'invalid')
  const marker = encodeMarker(true, { producerId: 1, producerEpoch: 0, time: 1 })
  equal(new BatchView().over(marker).fault(), 'invalid')
  one[16] = 1
  equal(new BatchView().over(one).fault(), 'format')
})
