/** Record batches of the driver for Kafka, against the npm package's own reader and writer. */

import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { crc32c, createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka'
import {
  decodeBatches,
  encodeBatch,
  outRecord,
  sizeOf,
} from '../../../src/client/drivers/kafka/batches.ts'
import { recordsOf } from '../../../src/client/drivers/kafka/records.ts'

const place = { topic: 't', partition: 0 }
const messages = [
  { key: undefined, body: new Uint8Array(), headers: {} },
  { key: '', body: Uint8Array.of(1, 2, 3), headers: { a: '' } },
  {
    key: 'žluťoučký 🐎',
    body: new Uint8Array(300).fill(7),
    headers: { 'x-ž': 'kůň', b: 'x'.repeat(200) },
  },
  ...Array.from({ length: 100 }, (_, n) => ({
    key: `k${n}`,
    body: new Uint8Array(n),
    headers: {},
  })),
]
const head = {
  producerId: 2n ** 40n + 5n,
  producerEpoch: 3,
  sequence: 17,
  isTransactional: false,
  time: 1_795_000_000_123,
}
const batch = encodeBatch(
  messages.map(message => outRecord(message, place)),
  head,
)

function framed(...batches: readonly Buffer[]): Buffer {
  return Buffer.concat(batches)
}

describe('a record batch', () => {
  it('is what the package reads', () => {
    const read = readRecordsBatch(Reader.from(Buffer.from(batch)))
    assert.equal(read.crc, crc32c(batch.subarray(21)))
    assert.equal(read.producerId, head.producerId)
    assert.equal(read.producerEpoch, head.producerEpoch)
    assert.equal(read.firstSequence, head.sequence)
    assert.equal(Number(read.firstTimestamp), head.time)
    assert.equal(read.lastOffsetDelta, messages.length - 1)
    assert.equal(read.length, batch.length - 12)
    const found = read.records.map(({ key, value, headers }) => ({
      key: key === null ? undefined : key.toString(),
      body: new Uint8Array(value ?? []),
      headers: Object.fromEntries(headers.map(([name, text]) => [`${name}`, `${text}`])),
    }))
    assert.deepEqual(found, messages)
  })

  it('is read back', () => {
    const [read] = [...decodeBatches(Buffer.from(batch))]
    const found = read!.records()
    assert.deepEqual(
      found.map(({ key, body, headers }) => ({ key, body, headers })),
      messages,
    )
    assert.deepEqual([found[0]!.offset, found[0]!.time], [0, head.time])
  })

  it('of the package is read, compressed ones too', () => {
    for (const compression of ['none', 'gzip'] as const) {
      const text = Buffer.from('hello')
      const headers = new Map([[Buffer.from('a'), Buffer.from('b')]])
      const message = { ...place, key: Buffer.from('k'), value: text, headers, timestamp: 5000n }
      const written = createRecordsBatch([message, { ...message, timestamp: 5003n }], {
        compression,
      })
      const [read] = [...decodeBatches(Buffer.from(written.buffer))]
      assert.deepEqual(
        read!.records().map(({ time, key, body, headers: own }) => ({ time, key, body, own })),
        [5000, 5003].map(time => ({ time, key: 'k', body: new Uint8Array(text), own: { a: 'b' } })),
      )
    }
  })

  it('takes no more than its records say', () => {
    const sum = messages.reduce((total, message) => total + sizeOf(outRecord(message, place)), 0)
    assert.ok(batch.length <= sum + 61)
  })

  it('that was cut off is left for the next fetch', () => {
    const whole = framed(batch, batch)
    for (const length of [0, 1, 60, batch.length - 1, batch.length, whole.length - 1]) {
      const count = [...decodeBatches(whole.subarray(0, length))].length
      assert.equal(count, length < batch.length ? 0 : 1, `${length}`)
    }
  })
})

/** A batch at an offset; the marker of a transaction when it has no records. */
function at(
  offset: number,
  producerId: number,
  kind: 'data' | 'commit' | 'abort' | 'plain',
): Buffer {
  const isData = kind === 'data' || kind === 'plain'
  const key = isData ? 'k' : `\0\0\0${kind === 'commit' ? '\x01' : '\0'}`
  const record = outRecord({ key, body: Uint8Array.of(offset), headers: {} }, place)
  const about = { ...head, producerId: BigInt(producerId), isTransactional: kind !== 'plain' }
  const bytes = encodeBatch([record], about)
  bytes.writeBigInt64BE(BigInt(offset), 0)
  if (!isData) bytes.writeInt16BE(16 | 32, 21)
  return bytes
}

describe('what is fetched', () => {
  it('has nothing of transactions that were aborted, and everything of others', () => {
    const log = framed(
      at(0, 1, 'data'),
      at(1, 2, 'data'),
      at(2, 3, 'plain'),
      at(3, 1, 'abort'),
      at(4, 1, 'data'),
      at(5, 2, 'commit'),
      at(6, 1, 'commit'),
    )
    const aborted = [{ producerId: 1, firstOffset: 0 }]
    const { records, next } = recordsOf({ ...place, from: 0 }, log, aborted)
    assert.deepEqual(
      records.map(({ offset }) => offset),
      [1, 2, 4],
    )
    assert.equal(next, 7)
  })

  it('begins where it was asked to, inside of a batch, too', () => {
    const bytes = Buffer.from(batch)
    const { records, next } = recordsOf({ ...place, from: 100 }, bytes, [])
    assert.deepEqual(
      records.map(({ offset }) => offset),
      [100, 101, 102],
    )
    assert.equal(next, 103)
  })
})
