import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeUtf8 } from './bytes.ts'
import { Hash, hashBytes } from './hash.ts'

describe('Hash', () => {
  it('is stable and sixteen digits long', () => {
    assert.match(hashBytes(encodeUtf8('spillway')), /^[0-9a-f]{16}$/)
    assert.equal(hashBytes(encodeUtf8('spillway')), hashBytes(encodeUtf8('spillway')))
  })

  it('tells apart what differs in one bit, in length or in order', () => {
    const seen = new Set<string>()
    let count = 0
    for (let length = 0; length < 64; length++) {
      const bytes = new Uint8Array(length)
      seen.add(hashBytes(bytes))
      count++
      for (let bit = 0; bit < length * 8; bit++) {
        const flipped = bytes.slice()
        flipped[bit >>> 3] = 1 << (bit & 7)
        seen.add(hashBytes(flipped))
        count++
      }
    }
    assert.equal(seen.size, count)
    assert.notEqual(new Hash().text('ab').text('c').hex(), new Hash().text('a').text('bc').hex())
    assert.notEqual(new Hash().number(1).hex(), new Hash().number(2 ** 32 + 1).hex())
    assert.notEqual(new Hash().number(0.5).hex(), new Hash().number(0).hex())
  })
})
