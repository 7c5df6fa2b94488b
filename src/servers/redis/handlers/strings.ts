/** Strings: locks, counters, deduplication. Engine: the directory's table. */

import { doubleText } from '../../../wire/resp/reply.ts'
import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import type { Session } from '../session.ts'
import { float, has, integer, integer64 } from './words.ts'

function store(session: Session, key: string, value: string, expiresAt?: number): void {
  session.broker.keys.set(session.database, key, 'string', value, expiresAt)
  session.broker.notify('set', '$', session.database, key)
}

function expiryOf(session: Session, request: Request, at: number): number | undefined {
  for (const [word, unit, isAbsolute] of [
    ['EX', 1000, false],
    ['PX', 1, false],
    ['EXAT', 1000, true],
    ['PXAT', 1, true],
  ] as const) {
    if (!has(request, at, word, 1)) continue
    const value = integer(request.text(at + 1))
    if (value <= 0 || value * unit > 2 ** 53) {
      fail(`ERR invalid expire time in '${request.text(0).toLowerCase()}' command`)
    }
    return value * unit + (isAbsolute ? 0 : session.now)
  }
  return undefined
}

type Condition = 'NX' | 'XX' | 'IFEQ' | 'IFNE'

/** What the key must be for SET to do something; the last two compare its value, since 8.4. */
function conditionOf(session: Session, request: Request, at: number): Condition | undefined {
  if (request.is(at, 'NX')) return 'NX'
  if (request.is(at, 'XX')) return 'XX'
  if (!session.broker.since('8.4')) return undefined
  if (has(request, at, 'IFEQ', 1)) return 'IFEQ'
  return has(request, at, 'IFNE', 1) ? 'IFNE' : undefined
}

function isMet(condition: Condition | undefined, old: unknown, operand: string): boolean {
  switch (condition) {
    case undefined:
      return true
    case 'NX':
      return old === undefined
    case 'XX':
      return old !== undefined
    case 'IFEQ':
      return old === operand
    case 'IFNE':
      return old !== operand
  }
}

export function set(session: Session, request: Request): void {
  const key = request.text(1)
  let [get, keep] = [false, false]
  let condition: Condition | undefined
  let operand = ''
  let expiresAt: number | undefined
  for (let at = 3; at < request.count; at++) {
    const given = conditionOf(session, request, at)
    if (given !== undefined) {
      const isAgain = condition === given && (given === 'NX' || given === 'XX')
      if (condition !== undefined && !isAgain) fail(texts.syntax)
      condition = given
      if (given === 'IFEQ' || given === 'IFNE') operand = request.text(++at)
    } else if (request.is(at, 'GET')) get = true
    else if (request.is(at, 'KEEPTTL') && expiresAt === undefined) keep = true
    else {
      const moment = keep || expiresAt !== undefined ? undefined : expiryOf(session, request, at)
      expiresAt = moment ?? fail(texts.syntax)
      at++
    }
  }
  const { reply } = session
  const before = session.broker.keys.find(session.database, key)
  const looks = get || condition === 'IFEQ' || condition === 'IFNE'
  if (looks && before !== undefined && before.type !== 'string') fail(texts.wrongType)
  const isRefused = !isMet(condition, before?.value, operand)
  const old = before?.value as string | undefined
  if (!isRefused) store(session, key, request.text(2), keep ? before?.expiresAt : expiresAt)
  if (get) {
    if (old === undefined) reply.null()
    else reply.bulk(old)
  } else if (isRefused) reply.null()
  else reply.ok()
}

export function setNx(session: Session, request: Request): void {
  const isThere = session.broker.keys.find(session.database, request.text(1)) !== undefined
  if (!isThere) store(session, request.text(1), request.text(2))
  session.reply.integer(isThere ? 0 : 1)
}

export function setExWith(unitMs: number) {
  return (session: Session, request: Request): void => {
    const time = integer(request.text(2))
    const name = request.text(0).toLowerCase()
    if (time <= 0) fail(`ERR invalid expire time in '${name}' command`)
    store(session, request.text(1), request.text(3), session.now + time * unitMs)
    session.reply.ok()
  }
}

export function get(session: Session, request: Request): void {
  const value = session.get(request.text(1), 'string')
  if (value === undefined) session.reply.null()
  else session.reply.bulk(value)
}

export function getDel(session: Session, request: Request): void {
  const value = session.get(request.text(1), 'string')
  get(session, request)
  if (value !== undefined) session.broker.keys.delete(session.database, request.text(1))
}

export function getSet(session: Session, request: Request): void {
  get(session, request)
  store(session, request.text(1), request.text(2))
}

export function mget(session: Session, request: Request): void {
  session.reply.array(request.count - 1)
  for (let at = 1; at < request.count; at++) {
    const entry = session.broker.keys.find(session.database, request.text(at))
    if (entry?.type === 'string') session.reply.bulk(entry.value as string)
    else session.reply.null()
  }
}

export function mset(session: Session, request: Request): void {
  if (request.count % 2 === 0) fail("ERR wrong number of arguments for 'mset' command")
  for (let at = 1; at < request.count; at += 2)
    store(session, request.text(at), request.text(at + 1))
  session.reply.ok()
}

export function strlen(session: Session, request: Request): void {
  session.reply.integer(session.get(request.text(1), 'string')?.length ?? 0)
}

export function append(session: Session, request: Request): void {
  const key = request.text(1)
  const value = (session.get(key, 'string') ?? '') + request.text(2)
  const { expiresAt } = session.broker.keys.find(session.database, key) ?? {}
  session.broker.keys.set(session.database, key, 'string', value, expiresAt)
  session.reply.integer(value.length)
}

export function getRange(session: Session, request: Request): void {
  const value = session.get(request.text(1), 'string') ?? ''
  const [from, to] = bounds(integer(request.text(2)), integer(request.text(3)), value.length)
  session.reply.bulk(value.slice(from, to + 1))
}

/** Redis' indices, negative from the end; inclusive. */
export function bounds(from: number, to: number, length: number): [number, number] {
  const start = from < 0 ? Math.max(0, length + from) : from
  const end = to < 0 ? length + to : Math.min(to, length - 1)
  return [start, end]
}

export function incrBy(sign: 1n | -1n, hasAmount: boolean) {
  return (session: Session, request: Request): void => {
    const key = request.text(1)
    const amount = hasAmount ? integer64(request.text(2)) : 1n
    const value = integer64(session.get(key, 'string') ?? '0') + amount * sign
    if (BigInt.asIntN(64, value) !== value) fail('ERR increment or decrement would overflow')
    const { expiresAt } = session.broker.keys.find(session.database, key) ?? {}
    session.broker.keys.set(session.database, key, 'string', String(value), expiresAt)
    session.broker.notify('incrby', '$', session.database, key)
    session.reply.big(value)
  }
}

export function incrByFloat(session: Session, request: Request): void {
  const key = request.text(1)
  const value = float(session.get(key, 'string') ?? '0') + float(request.text(2))
  if (!Number.isFinite(value)) fail('ERR increment would produce NaN or Infinity')
  const { expiresAt } = session.broker.keys.find(session.database, key) ?? {}
  session.broker.keys.set(session.database, key, 'string', doubleText(value), expiresAt)
  session.reply.bulk(doubleText(value))
}
