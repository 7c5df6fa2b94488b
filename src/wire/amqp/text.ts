/**
 * Text as AMQP carries it: octets that are meant to be UTF-8, but that nobody checks on the way
 * (AMQP 0-9-1, 4.2.5.3). Decoding keeps every octet: what is not UTF-8 becomes a string in which
 * each octet from 0x80 on stands as a lone surrogate U+DC80 … U+DCFF, which no UTF-8 yields, and
 * encoding turns it back. So two different names never become one.
 */

import type { ByteWriter } from '../../base/bytes.ts'

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of these octets, losslessly. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length <= 32) {
    let text = ''
    let index = 0
    for (; index < bytes.length; index++) {
      const code = bytes[index]!
      if (code > 0x7f) break
      text += String.fromCharCode(code)
    }
    if (index === bytes.length) return text
  }
  try {
    return strict.decode(bytes)
  } catch {
    return escaped(bytes)
  }
}

/** Whether these octets are UTF-8. */
export function isText(bytes: Uint8Array): boolean {
  let index = 0
  while (index < bytes.length && bytes[index]! < 0x80) index++
  if (index === bytes.length) return true
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Whether this text stands for octets that are not UTF-8. */
export function isEscaped(text: string): boolean {
  let escaped = false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x80) continue
    if (code < 0xdc80 || code > 0xdcff) return false
    escaped = true
  }
  return escaped
}

/** Appends the text's octets, without a length; returns how many. */
export function encodeText(writer: ByteWriter, text: string): number {
  if (!isEscaped(text)) return writer.utf8(text)
  writer.reserve(text.length)
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    writer.bytes[writer.end++] = code < 0x80 ? code : code - 0xdc00
  }
  return text.length
}

function escaped(bytes: Uint8Array): string {
  let text = ''
  for (const code of bytes) text += String.fromCharCode(code < 0x80 ? code : code + 0xdc00)
  return text
}
