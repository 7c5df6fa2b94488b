import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, encodeUtf8 } from '../../base/bytes.ts'
import { SeededRandom } from '../../base/random.ts'
import { decodeText, encodeText, isEscaped, isText } from './text.ts'

function encoded(text: string): Uint8Array {
  const writer = new ByteWriter(1)
  equal(encodeText(writer, text), writer.end)
  return writer.take()
}

test('text that is UTF-8 decodes as such, a byte order mark included', () => {
  for (const text of ['', 'plain', 'grün €', '\u{1f407}'.repeat(40), '\ufeffmark', 'a\0b']) {
    const bytes = encodeUtf8(text)
    equal(decodeText(bytes), text)
    equal(isText(bytes), true)
    equal(isEscaped(text), false)
    deepEqual(encoded(text), bytes)
  }
})

test('any octets survive a round trip', () => {
  const random = new SeededRandom(7)
  for (let run = 0; run < 5000; run++) {
    const bytes = Uint8Array.from({ length: random.below(70) }, () =>
      random.chance(0.7) ? random.below(0x80) : random.below(0x100),
    )
    const text = decodeText(bytes)
    deepEqual(encoded(text), bytes)
    equal(isEscaped(text), !isText(bytes))
  }
})

test('octets that are not UTF-8 give different texts', () => {
  equal(decodeText(Uint8Array.of(0xff)) === decodeText(Uint8Array.of(0xfe)), false)
})

test('a lone surrogate that stands for no octet is written as U+FFFD', () => {
  deepEqual(encoded('é\udc80'), encodeUtf8('é\ufffd'))
  deepEqual(encoded('\ud800'), encodeUtf8('\ufffd'))
})
