import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as zlib from 'node:zlib'
import { encodeUtf8 } from './bytes.ts'
import { crc32, crc32Of } from './checksum.ts'
import { SeededRandom } from './random.ts'

describe('crc32', () => {
  it('gives the check value of the standard', () => {
    assert.equal(crc32(encodeUtf8('123456789')), 0xcbf4_3926)
    assert.equal(crc32(new Uint8Array(0)), 0)
  })

  it('goes on from an earlier checksum', () => {
    const bytes = encodeUtf8('spillway and the water behind it')
    for (let cut = 0; cut <= bytes.length; cut++) {
      assert.equal(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut))), crc32(bytes))
    }
  })

  it('takes a part in place', () => {
    const bytes = encodeUtf8('spillway and the water behind it')
    for (let start = 0; start <= bytes.length; start++) {
      assert.equal(crc32Of(bytes, start, 30), crc32(bytes.subarray(start, 30)))
      assert.equal(crc32Of(bytes, 1, start), crc32(bytes.subarray(1, start)))
    }
  })

  it('agrees with zlib', {
    skip: zlib.crc32 === undefined && 'this Node has no zlib.crc32',
  }, () => {
    const random = new SeededRandom(5)
    for (let length = 0; length < 300; length++) {
      const bytes = Uint8Array.from({ length }, () => random.below(256))
      assert.equal(crc32(bytes), zlib.crc32(bytes))
    }
  })
})
