/**
 * SCAN, HSCAN, SSCAN and ZSCAN. The cursor is a place among the hashes of all names, not in a list:
 * whoever deletes what it has been given finds the rest where it was, and a name that is there from
 * the first call to the last is given. Nothing is remembered between calls.
 */

import { doubleText } from '../../../wire/resp/reply.ts'
import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import { matches } from '../glob.ts'
import type { Session } from '../session.ts'
import { has, integer } from './words.ts'

/** A collection of up to so many elements is given whole, as Redis gives what it has packed. */
const packedMax = 128
const hashes = 2 ** 32

function cursorIn(request: Request, at: number): number {
  if (!/^\d{1,20}$/.test(request.text(at))) fail('ERR invalid cursor')
  return Number(request.text(at))
}

interface Choice {
  readonly pattern: string
  readonly count: number
  readonly type: string
  readonly noValues: boolean
}

function choiceIn(session: Session, request: Request, from: number): Choice {
  let [pattern, count, type, noValues] = ['*', 10, '', false]
  const isOfHash = request.is(0, 'HSCAN') && session.broker.since('7.4')
  for (let at = from; at < request.count; at += 2) {
    if (has(request, at, 'MATCH', 1)) pattern = request.text(at + 1)
    else if (has(request, at, 'COUNT', 1)) count = integer(request.text(at + 1))
    else if (request.is(0, 'SCAN') && has(request, at, 'TYPE', 1)) {
      type = request.text(at + 1).toLowerCase()
    } else if (isOfHash && request.is(at, 'NOVALUES')) {
      noValues = true
      at--
    } else fail(texts.syntax)
  }
  if (count < 1) fail(texts.syntax)
  return { pattern, count, type, noValues }
}

/** FNV-1a, finished so that names that are alike lie apart. */
function hashOf(name: string): number {
  let hash = 0x811c_9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/**
 * At least `count` names from the cursor on, where there are as many, and where to go on (0: that
 * was all). Names whose hashes are equal come together.
 */
export function scanned(
  names: readonly string[],
  cursor: number,
  count: number,
): { readonly part: string[]; readonly next: number } {
  const hashed = names.map(name => ({ name, hash: hashOf(name) }))
  // Only those in a window are put in order: it holds twice as many as are wanted, most likely.
  let end = cursor + Math.ceil((hashes * 2 * count) / Math.max(1, names.length))
  let found = hashed.filter(({ hash }) => hash >= cursor && hash < end)
  while (found.length < count && end < hashes) {
    end = cursor + (end - cursor) * 2
    found = hashed.filter(({ hash }) => hash >= cursor && hash < end)
  }
  found.sort((left, right) => left.hash - right.hash)
  let taken = Math.min(count, found.length)
  while (taken < found.length && found[taken]!.hash === found[taken - 1]!.hash) taken++
  const isEnd = taken === found.length && end >= hashes
  const part = found.slice(0, taken).map(({ name }) => name)
  return { part, next: isEnd ? 0 : found[taken - 1]!.hash + 1 }
}

export function scan(session: Session, request: Request): void {
  const cursor = cursorIn(request, 1)
  const { pattern, count, type } = choiceIn(session, request, 2)
  const { keys } = session.broker
  const { database, reply } = session
  const { part, next } = scanned([...keys.databases[database]!.keys()], cursor, count)
  const fitting = part.filter(key => {
    const entry = keys.find(database, key)
    return entry !== undefined && matches(pattern, key) && (type === '' || entry.type === type)
  })
  reply.array(2)
  reply.bulk(String(next))
  reply.bulks(fitting)
}

/** HSCAN, SSCAN, ZSCAN: names, and what belongs to each. */
export function scanOf(type: 'hash' | 'set' | 'zset') {
  return (session: Session, request: Request): void => {
    const { reply } = session
    const cursor = cursorIn(request, 2)
    const value = session.get(request.text(1), type)
    if (value === undefined) {
      reply.array(2)
      reply.bulk('0')
      return reply.array(0)
    }
    const { pattern, count, noValues } = choiceIn(session, request, 3)
    const names = [...value.keys()]
    const isWhole = names.length <= packedMax
    const { part, next } = isWhole ? { part: names, next: 0 } : scanned(names, cursor, count)
    const fitting = part.filter(name => matches(pattern, name))
    reply.array(2)
    reply.bulk(String(next))
    if (type === 'set' || noValues) return reply.bulks(fitting)
    reply.array(fitting.length * 2)
    for (const name of fitting) {
      const held = value.get(name)
      reply.bulk(name)
      reply.bulk(typeof held === 'number' ? doubleText(held) : String(held))
    }
  }
}
