/** Reading words of requests as Redis reads them, with its errors. */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import { type Id, nextId, parseId, previousId } from '../mapping.ts'

/** A signed 64-bit integer; beyond 2^53 not exact. */
export function integer(text: string, message: string = texts.notInteger): number {
  return Number(integer64(text, message))
}

export function integer64(text: string, message: string = texts.notInteger): bigint {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) fail(message)
  const value = BigInt(text)
  if (BigInt.asIntN(64, value) !== value) fail(message)
  return value
}

export function float(text: string, message: string = texts.notFloat): number {
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) fail(message)
  return Number(text)
}

/** BLOCK's milliseconds. */
export function milliseconds(text: string): number {
  const value = integer(text, 'ERR timeout is not an integer or out of range')
  if (value < 0) fail('ERR timeout is negative')
  return value
}

/** Seconds with a fraction, in milliseconds. */
export function seconds(text: string): number {
  const value = float(text, 'ERR timeout is not a float or out of range')
  if (value < 0) fail('ERR timeout is negative')
  if (!Number.isFinite(value)) fail('ERR timeout is out of range')
  return Math.ceil(value * 1000)
}

export function id(text: string): Id {
  return parseId(text) ?? fail(texts.badId)
}

/** `-`, `+`, an id, or `(` and an id; the answer is inclusive. */
export function rangeId(text: string, end: 'start' | 'end'): Id {
  const missing = end === 'start' ? 'zero' : 'max'
  if (text === '-') return '\0'.repeat(16)
  if (text === '+') return '\xff'.repeat(16)
  if (!text.startsWith('(')) return parseId(text, missing) ?? fail(texts.badId)
  const given = parseId(text.slice(1), missing) ?? fail(texts.badId)
  const inner = end === 'start' ? nextId(given) : previousId(given)
  return inner ?? fail(`ERR invalid ${end} ID for the interval`)
}

export function has(request: Request, at: number, upper: string, more = 0): boolean {
  return request.is(at, upper) && request.count - 1 - at >= more
}
