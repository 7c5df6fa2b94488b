/**
 * Reading replies, as a client does: for tests, benchmarks and the inspector. Text has one
 * character a byte. Every prefix of a reply is `undefined`, everything that is not a reply a
 * `WireError`.
 */

import { WireError } from '../schema/errors.ts'
import { binaryText } from './request.ts'

export type ReplyValue =
  | { readonly type: 'simple' | 'error' | 'bulk' | 'verbatim' | 'big'; readonly text: string }
  | { readonly type: 'integer' | 'double'; readonly value: number; readonly text: string }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'null' }
  | {
      readonly type: 'array' | 'set' | 'push' | 'map' | 'attribute'
      readonly items: readonly ReplyValue[]
    }

export const replyLimits = { itemsMax: 16 * 1024 * 1024, depthMax: 64, bulkMax: 512 * 1024 * 1024 }

/** The reply at `start`, and where the next one begins; undefined while it is not whole. */
export function readReply(
  bytes: Uint8Array,
  start = 0,
  depth = 0,
): { readonly value: ReplyValue; readonly end: number } | undefined {
  if (start >= bytes.length) return undefined
  const kind = String.fromCharCode(bytes[start]!)
  if (!'+-:$*_#,(%~>=|!'.includes(kind)) {
    throw new WireError(0, `a reply does not begin with '${kind}'`, start)
  }
  const lineEnd = endOfLine(bytes, start + 1)
  if (lineEnd < 0) return undefined
  const text = binaryText(bytes, start + 1, lineEnd)
  const end = lineEnd + 2
  switch (kind) {
    case '+':
      return { value: { type: 'simple', text }, end }
    case '-':
      return { value: { type: 'error', text }, end }
    case '(':
      return { value: { type: 'big', text }, end }
    case ':':
      if (!/^[+-]?\d+$/.test(text)) throw new WireError(0, 'no integer', start)
      return { value: { type: 'integer', value: Number(text), text }, end }
    case ',':
      return { value: { type: 'double', value: doubleOf(text), text }, end }
    case '#':
      if (text !== 't' && text !== 'f') throw new WireError(0, 'no boolean', start)
      return { value: { type: 'boolean', value: text === 't' }, end }
    case '_':
      if (text !== '') throw new WireError(0, 'no null', start)
      return { value: { type: 'null' }, end }
    case '$':
    case '!':
    case '=':
      return readBulk(bytes, { kind, start, end, count: countOf(text, start) })
    default:
      return readItems(bytes, { kind, start, end, depth, count: countOf(text, start) })
  }
}

function readBulk(
  bytes: Uint8Array,
  at: { kind: string; start: number; end: number; count: number },
): { value: ReplyValue; end: number } | undefined {
  if (at.count === -1 && at.kind === '$') return { value: { type: 'null' }, end: at.end }
  if (at.count < 0 || at.count > replyLimits.bulkMax) throw new WireError(0, 'no length', at.start)
  const end = at.end + at.count
  if (bytes.length < end + 2) return undefined
  if (bytes[end] !== 0x0d || bytes[end + 1] !== 0x0a) throw new WireError(0, 'no line end', end)
  const type = at.kind === '$' ? 'bulk' : at.kind === '=' ? 'verbatim' : 'error'
  return { value: { type, text: binaryText(bytes, at.end, end) }, end: end + 2 }
}

function readItems(
  bytes: Uint8Array,
  at: { kind: string; start: number; end: number; depth: number; count: number },
): { value: ReplyValue; end: number } | undefined {
  if (at.count === -1 && at.kind === '*') return { value: { type: 'null' }, end: at.end }
  if (at.count < 0 || at.count > replyLimits.itemsMax) throw new WireError(0, 'no count', at.start)
  if (at.depth > replyLimits.depthMax) throw new WireError(0, 'too deep', at.start)
  const count = at.kind === '%' || at.kind === '|' ? at.count * 2 : at.count
  const items: ReplyValue[] = []
  let end = at.end
  for (let index = 0; index < count; index++) {
    const item = readReply(bytes, end, at.depth + 1)
    if (item === undefined) return undefined
    items.push(item.value)
    end = item.end
  }
  const types = { '*': 'array', '~': 'set', '>': 'push', '%': 'map', '|': 'attribute' } as const
  return { value: { type: types[at.kind as keyof typeof types], items }, end }
}

function endOfLine(bytes: Uint8Array, start: number): number {
  for (let at = start; at + 1 < bytes.length; at++) {
    if (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) return at
  }
  return -1
}

function countOf(text: string, offset: number): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new WireError(0, 'no length', offset)
  return Number(text)
}

function doubleOf(text: string): number {
  return text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text)
}
