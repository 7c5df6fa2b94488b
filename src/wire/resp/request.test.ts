import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, encodeUtf8 } from '../../base/bytes.ts'
import { SeededRandom } from '../../base/random.ts'
import { WireError } from '../schema/errors.ts'
import { Reply } from './reply.ts'
import { readReply } from './reply-reader.ts'
import { RequestReader, requestOf } from './request.ts'

function encode(words: readonly string[]): Uint8Array {
  const reply = new Reply(new ByteWriter())
  reply.bulks(words)
  return reply.out.take()
}

function requestsOf(pieces: Iterable<Uint8Array>, trusted = true): string[][] {
  const reader = new RequestReader()
  reader.trusted = trusted
  const requests: string[][] = []
  for (const piece of pieces) {
    reader.push(piece, request => {
      requests.push(Array.from({ length: request.count }, (_, at) => request.text(at)))
      return true
    })
  }
  return requests
}

const samples: readonly string[][] = [
  ['PING'],
  ['XADD', 'orders', '*', 'name', '', 'bytes', '\0\r\n\xff'],
  ['SET', 'k', 'x'.repeat(5000)],
  Array.from({ length: 40 }, (_, at) => `word ${at}`),
]

function stream(): Uint8Array {
  const writer = new ByteWriter()
  for (const words of samples) writer.raw(encode(words))
  writer.raw(encodeUtf8("set \"a\\x41\\n\" 'it\\'s'\r\nPING\n\r\n"))
  writer.raw(encode(['LAST']))
  return writer.take()
}

const expected = [...samples, ['set', 'aA\n', "it's"], ['PING'], ['LAST']]

test('requests survive a round trip, framed and inline', () => {
  deepEqual(requestsOf([stream()]), expected)
})

test('the same bytes cut at every index, and in pieces of any size, give the same requests', () => {
  const bytes = stream()
  for (let at = 0; at <= bytes.length; at += at > 300 && at < bytes.length - 400 ? 61 : 1) {
    deepEqual(requestsOf([bytes.slice(0, at), bytes.slice(at)]), expected, `cut at ${at}`)
  }
  for (const size of [1, 2, 3, 7, 64, 1000]) {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size))
    deepEqual(requestsOf(pieces), expected, `pieces of ${size}`)
  }
})

test('truncated and flipped requests are wire errors, or requests, and nothing else', () => {
  const bytes = stream()
  const random = new SeededRandom(7)
  for (let run = 0; run < 3000; run++) {
    const spoiled = bytes.slice(0, random.uint32() % bytes.length)
    for (let flips = 1 + (random.uint32() % 3); flips > 0 && spoiled.length > 0; flips--) {
      spoiled[random.uint32() % spoiled.length]! ^= 1 << (random.uint32() % 8)
    }
    try {
      requestsOf([spoiled])
    } catch (error) {
      ok(error instanceof WireError, String(error))
      ok(error.offset >= 0 && error.offset <= spoiled.length)
    }
  }
})

test('counts and lengths above the limits are refused, and allocate nothing', () => {
  const refuses = (text: string, message: RegExp, trusted = true) =>
    throws(() => requestsOf([encodeUtf8(text)], trusted), { name: 'WireError', message })
  refuses('*3000000000\r\n', /^invalid multibulk length$/)
  refuses('*1\r\n$2000000000\r\n', /^invalid bulk length$/)
  refuses('*1\r\n$-1\r\n', /^invalid bulk length$/)
  refuses('*1\r\nfoo\r\n', /^expected '\$', got 'f'$/)
  refuses('*11\r\n', /^unauthenticated multibulk length$/, false)
  refuses('*1\r\n$16385\r\n', /^unauthenticated bulk length$/, false)
  refuses(`${'x'.repeat(70_000)}`, /^too big inline request$/)
  refuses('set "a\r\n', /^unbalanced quotes in request$/)
  const before = process.memoryUsage().arrayBuffers
  const readers = Array.from({ length: 100 }, () => new RequestReader())
  for (const reader of readers) {
    reader.trusted = true
    reader.push(encodeUtf8('*1000000\r\n$536870912\r\nx'), () => true)
  }
  ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
})

test('who takes no more gets the rest later', () => {
  const reader = new RequestReader()
  const seen: string[] = []
  reader.push(encodeUtf8('a\r\nb\r\nc\r\n'), request => {
    seen.push(request.text(0))
    return false
  })
  deepEqual(seen, ['a'])
  reader.keep(encodeUtf8('d\r\n'))
  reader.resume(request => seen.push(request.text(0)) < 3)
  deepEqual(seen, ['a', 'b', 'c'])
  reader.resume(() => seen.push('d') > 0)
  equal(reader.waiting, 0)
  equal(requestOf(['x', 'yz']).copy().text(1), 'yz')
})

test('replies survive a round trip in both protocols, and every prefix is not whole', () => {
  for (const protocol of [2, 3] as const) {
    const reply = new Reply(new ByteWriter())
    reply.protocol = protocol
    const hole = reply.hole()
    reply.simple('OK')
    reply.error('ERR two\r\nlines')
    reply.integer(-12_345)
    reply.bulk('a\r\nb')
    reply.null()
    reply.nullArray()
    reply.double(1.5)
    reply.boolean(true)
    reply.map(1)
    reply.bulk('k')
    reply.set(0)
    reply.verbatim('text')
    reply.big(2n ** 63n)
    reply.patch(hole, 'array', 11)
    const bytes = reply.out.take()
    const whole = readReply(bytes)
    equal(whole?.end, bytes.length)
    for (let end = 0; end < bytes.length; end++) equal(readReply(bytes.subarray(0, end)), undefined)
  }
})
