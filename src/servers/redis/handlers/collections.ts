/** What handlers of all collections share: the value made when it is missing, gone when empty. */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import { makeValue, type Values } from '../keyspace.ts'
import type { Session } from '../session.ts'
import { integer } from './words.ts'

type Collection = keyof typeof makeValue

/** The value, made when there is none; `save` afterwards. */
export function take<T extends Collection>(session: Session, key: string, type: T): Values[T] {
  return session.get(key, type) ?? (makeValue[type]() as Values[T])
}

/** What is empty is no key. */
export function save<T extends Collection>(
  session: Session,
  key: string,
  type: T,
  value: Values[T],
): void {
  const { broker, database } = session
  if (value.size > 0) {
    const { expiresAt } = broker.keys.find(database, key) ?? {}
    broker.keys.set(database, key, type, value, expiresAt)
  } else if (broker.keys.delete(database, key)) broker.notify('del', 'g', database, key)
}

export function write(session: Session, value: string | undefined): void {
  if (value === undefined) session.reply.null()
  else session.reply.bulk(value)
}

/** HDEL, SREM, ZREM. */
export function removeFrom(type: 'hash' | 'set' | 'zset') {
  const events = { hash: ['hdel', 'h'], set: ['srem', 's'], zset: ['zrem', 'z'] } as const
  return (session: Session, request: Request): void => {
    const key = request.text(1)
    const value = session.get(key, type)
    if (value === undefined) return session.reply.integer(0)
    let count = 0
    for (let at = 2; at < request.count; at++) if (value.delete(request.text(at))) count++
    if (count > 0) {
      session.broker.notify(events[type][0], events[type][1], session.database, key)
      save(session, key, type, value)
    }
    session.reply.integer(count)
  }
}

/** `numkeys key …` at a place; answers the keys and what comes after them. */
export function countedKeys(request: Request, at: number): { keys: string[]; next: number } {
  const text = 'ERR numkeys should be greater than 0'
  const count = integer(request.text(at), text)
  if (count < 1) fail(text)
  if (at + count >= request.count) fail(texts.syntax)
  const keys = Array.from({ length: count }, (_, index) => request.text(at + 1 + index))
  return { keys, next: at + 1 + count }
}
