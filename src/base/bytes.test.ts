import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeUtf8, encodeUtf8, utf8Bytes, writeUtf8 } from './bytes.ts'

describe('text in UTF-8', () => {
  it('is the same bytes by every way, whatever its length and letters', () => {
    for (const part of ['a', '~', '\u007f', '\u0080', 'é', '߿', 'ࠀ', '€', '😀', '\ud800', '\0']) {
      for (const length of [0, 1, 2, 31, 47, 63, 64, 65, 200]) {
        for (const text of [part.repeat(length), `${'x'.repeat(length)}${part}`]) {
          const expected = new Uint8Array(Buffer.from(text))
          assert.deepEqual(encodeUtf8(text), expected)
          assert.equal(utf8Bytes(text), expected.length)
          const into = new Uint8Array(expected.length + 1)
          assert.equal(writeUtf8(into, text, 1), into.length)
          assert.deepEqual(into.subarray(1), expected)
          assert.equal(decodeUtf8(expected), Buffer.from(text).toString())
        }
      }
    }
  })
})
