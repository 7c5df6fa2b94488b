import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encodeUtf8 } from '../../base/bytes.ts'
import { SeededRandom } from '../../base/random.ts'
import { WireError } from '../schema/errors.ts'
import { codecs, decompress } from './compression.ts'

const text = encodeUtf8('abcabcabcabc, and abcabc again')
const most = 1000

function hex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g)!, pair => Number.parseInt(pair, 16))
}

// What other people's compressors (cramjam 2.14.0, lz4 4.4.5) make of a text that repeats.
const repeated = encodeUtf8('abcabcabcabc, and abcabc again. '.repeat(8))
const rawSnappy = hex(
  '8002086162631503142c20616e6420090f1820616761696e2e0d0e0914fe2000fe2000fe20004e2000',
)
const lz4Frame = hex(
  '04224d1868400001000000000000af26000000356162630300622c20616e64200f007320616761696e2e0e00' +
    '0214000f2000bc5061696e2e2000000000',
)
const lz4WithSums = hex(
  '04224d187440bd26000000356162630300622c20616e64200f007320616761696e2e0e000214000f2000bc50' +
    '61696e2e2053142473000000005e7ddaca',
)

test('what other compressors have made', () => {
  deepEqual(decompress(codecs.snappy, rawSnappy, most)!.slice(), repeated)
  deepEqual(decompress(codecs.lz4, lz4Frame, most)!.slice(), repeated)
  deepEqual(decompress(codecs.lz4, lz4WithSums, most)!.slice(), repeated)
})

test('gzip', () => {
  deepEqual(new Uint8Array(decompress(codecs.gzip, gzipSync(text), most)!), text)
})

test('snappy: literals, and copies that reach into themselves', () => {
  // “abc” as a literal, then 9 bytes from 3 back, then a literal of 18 bytes.
  const rest = text.subarray(12)
  const block = Uint8Array.of(text.length, 8, 97, 98, 99, ((9 - 4) << 2) | 1, 3)
  const whole = Uint8Array.of(...block, (rest.length - 1) << 2, ...rest)
  deepEqual(decompress(codecs.snappy, whole, most)!.slice(), text)
})

test("snappy in Java's stream, in two blocks", () => {
  const magic = hex('82534e415050590000000001' + '00000001')
  const block = (part: string) => {
    const bytes = encodeUtf8(part)
    return [0, 0, 0, bytes.length + 2, bytes.length, (bytes.length - 1) << 2, ...bytes]
  }
  const stream = Uint8Array.of(...magic, ...block('one'), ...block('two'))
  deepEqual(decompress(codecs.snappy, stream, most)!.slice(), encodeUtf8('onetwo'))
})

test('lz4: a frame with a stored block and a compressed one', () => {
  // “abc”, 9 bytes from 3 back; the last sequence has literals only.
  const rest = text.subarray(12)
  const last = [0xf0, rest.length - 15, ...rest]
  const packed = [0x35, 97, 98, 99, 3, 0, ...last]
  const frame = Uint8Array.of(
    ...[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82],
    ...[3, 0, 0, 0x80, 120, 121, 122],
    ...[packed.length, 0, 0, 0, ...packed],
    ...[0, 0, 0, 0],
  )
  deepEqual(
    decompress(codecs.lz4, frame, most)!.slice(),
    encodeUtf8(`xyz${'abc'.repeat(4)}, and abcabc again`),
  )
})

test('more than was allowed is a breach, and is not allocated', () => {
  const large = gzipSync(new Uint8Array(1_000_000))
  throws(() => decompress(codecs.gzip, large, most), WireError)
  // A copy of 64 bytes from 1 back, again and again.
  const bomb = Uint8Array.from({ length: 3000 }, (_, at) => [0xfe, 1, 0][at % 3]!)
  const block = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 97, ...bomb)
  throws(() => decompress(codecs.snappy, block, most), WireError)
})

test('whatever the bytes are, they are decoded or a breach', () => {
  const random = new SeededRandom(7)
  const samples = [rawSnappy, lz4Frame, lz4WithSums, gzipSync(text)]
  let breaches = 0
  for (let run = 0; run < 3000; run++) {
    const bytes = Uint8Array.from(random.pick(samples))
    for (let flips = random.between(1, 4); flips > 0; flips--) {
      bytes[random.below(bytes.length)] = random.below(256)
    }
    const cut = bytes.subarray(0, random.between(1, bytes.length))
    for (const codec of [codecs.gzip, codecs.snappy, codecs.lz4]) {
      try {
        const result = decompress(codec, cut, most)
        equal(result!.length <= most, true)
      } catch (error) {
        equal(error instanceof WireError, true, String(error))
        breaches++
      }
    }
  }
  equal(breaches > 1000, true)
})

test('zstd is not decoded here', () => {
  equal(decompress(codecs.zstd, text, most), undefined)
})
