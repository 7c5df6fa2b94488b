/**
 * The words of an inline request: separated by white space, with quotes as in a shell.
 *
 *     SET key "a\x00b\n"      escapes in double quotes: \xHH \n \r \t \b \a, and any other sign
 *     SET key 'it\'s'         in single quotes only \'
 */

import type { Request } from './request.ts'

const escapes: { readonly [letter: string]: number } = { n: 10, r: 13, t: 9, b: 8, a: 7 }

/**
 * Decodes in place, since words only shrink: the request's places then lie in the line itself.
 * False when a quote is not closed, or not followed by a space.
 */
export function splitLine(bytes: Uint8Array, request: Request): boolean {
  const end = bytes.length
  let at = 0
  let to = 0
  request.count = 0
  while (true) {
    while (at < end && isSpace(bytes[at]!)) at++
    if (at >= end) return true
    const first = to
    let quote = 0
    while (at < end || quote !== 0) {
      if (at >= end) return false
      const byte = bytes[at]!
      if (quote === 0x22 && byte === 0x5c && at + 1 < end) {
        const hex = bytes[at + 1] === 0x78 && at + 3 < end ? hexAt(bytes, at + 2) : -1
        if (hex >= 0) {
          bytes[to++] = hex
          at += 4
          continue
        }
        const letter = String.fromCharCode(bytes[at + 1]!)
        bytes[to++] = escapes[letter] ?? bytes[at + 1]!
        at += 2
      } else if (quote === 0x27 && byte === 0x5c && bytes[at + 1] === 0x27 && at + 1 < end) {
        bytes[to++] = 0x27
        at += 2
      } else if (quote !== 0) {
        at++
        if (byte !== quote) {
          bytes[to++] = byte
          continue
        }
        if (at < end && !isSpace(bytes[at]!)) return false
        break
      } else if (isSpace(byte)) {
        break
      } else if (byte === 0x22 || byte === 0x27) {
        quote = byte
        at++
      } else {
        bytes[to++] = byte
        at++
      }
    }
    request.add(first, to)
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 9 && byte <= 13) || byte === 0
}

function hexAt(bytes: Uint8Array, at: number): number {
  const high = hexDigit(bytes[at]!)
  const low = hexDigit(bytes[at + 1]!)
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
