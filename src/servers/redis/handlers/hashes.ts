/** Hashes. Engine: the directory's table; a large one element by element. */

import { doubleText } from '../../../wire/resp/reply.ts'
import type { Request } from '../../../wire/resp/request.ts'
import { fail } from '../errors.ts'
import type { Session } from '../session.ts'
import { save, take, write } from './collections.ts'
import { float, integer64 } from './words.ts'

export function hset(session: Session, request: Request): void {
  const name = request.text(0).toLowerCase()
  if (request.count % 2 === 1) fail(`ERR wrong number of arguments for '${name}' command`)
  const key = request.text(1)
  const hash = take(session, key, 'hash')
  let added = 0
  for (let at = 2; at < request.count; at += 2) {
    if (!hash.has(request.text(at))) added++
    hash.set(request.text(at), request.text(at + 1))
  }
  save(session, key, 'hash', hash)
  session.broker.notify('hset', 'h', session.database, key)
  if (name === 'hmset') session.reply.ok()
  else session.reply.integer(added)
}

export function hsetNx(session: Session, request: Request): void {
  const key = request.text(1)
  const hash = take(session, key, 'hash')
  if (hash.has(request.text(2))) return session.reply.integer(0)
  hash.set(request.text(2), request.text(3))
  save(session, key, 'hash', hash)
  session.broker.notify('hset', 'h', session.database, key)
  session.reply.integer(1)
}

export function hget(session: Session, request: Request): void {
  write(session, session.get(request.text(1), 'hash')?.get(request.text(2)))
}

export function hmget(session: Session, request: Request): void {
  const hash = session.get(request.text(1), 'hash')
  session.reply.array(request.count - 2)
  for (let at = 2; at < request.count; at++) write(session, hash?.get(request.text(at)))
}

export function hgetAll(session: Session, request: Request): void {
  const hash = take(session, request.text(1), 'hash')
  session.reply.map(hash.size)
  for (const [field, value] of hash) {
    session.reply.bulk(field)
    session.reply.bulk(value)
  }
}

export function hkeys(session: Session, request: Request): void {
  session.reply.bulks([...(session.get(request.text(1), 'hash')?.keys() ?? [])])
}

export function hvals(session: Session, request: Request): void {
  session.reply.bulks([...(session.get(request.text(1), 'hash')?.values() ?? [])])
}

export function hlen(session: Session, request: Request): void {
  session.reply.integer(session.get(request.text(1), 'hash')?.size ?? 0)
}

export function hexists(session: Session, request: Request): void {
  session.reply.integer(session.get(request.text(1), 'hash')?.has(request.text(2)) ? 1 : 0)
}

export function hincrBy(session: Session, request: Request): void {
  const key = request.text(1)
  const hash = take(session, key, 'hash')
  const before = integer64(hash.get(request.text(2)) ?? '0', 'ERR hash value is not an integer')
  const value = before + integer64(request.text(3))
  if (BigInt.asIntN(64, value) !== value) fail('ERR increment or decrement would overflow')
  hash.set(request.text(2), String(value))
  save(session, key, 'hash', hash)
  session.broker.notify('hincrby', 'h', session.database, key)
  session.reply.big(value)
}

export function hincrByFloat(session: Session, request: Request): void {
  const key = request.text(1)
  const hash = take(session, key, 'hash')
  const before = float(hash.get(request.text(2)) ?? '0', 'ERR hash value is not a float')
  const value = before + float(request.text(3))
  if (!Number.isFinite(value)) fail('ERR increment would produce NaN or Infinity')
  hash.set(request.text(2), doubleText(value))
  save(session, key, 'hash', hash)
  session.broker.notify('hincrbyfloat', 'h', session.database, key)
  session.reply.bulk(doubleText(value))
}

export function hstrlen(session: Session, request: Request): void {
  const value = session.get(request.text(1), 'hash')?.get(request.text(2))
  session.reply.integer(value?.length ?? 0)
}
