/** Sets. Engine: the directory's table; a large one element by element. */

import type { Request } from '../../../wire/resp/request.ts'
import { makeValue } from '../keyspace.ts'
import type { Session } from '../session.ts'
import { save, take, write } from './collections.ts'
import { integer } from './words.ts'

export function sadd(session: Session, request: Request): void {
  const key = request.text(1)
  const set = take(session, key, 'set')
  const before = set.size
  for (let at = 2; at < request.count; at++) set.set(request.text(at), true)
  if (set.size > before) {
    save(session, key, 'set', set)
    session.broker.notify('sadd', 's', session.database, key)
  }
  session.reply.integer(set.size - before)
}

export function smembers(session: Session, request: Request): void {
  const set = take(session, request.text(1), 'set')
  session.reply.set(set.size)
  for (const member of set.keys()) session.reply.bulk(member)
}

export function sismember(session: Session, request: Request): void {
  session.reply.integer(session.get(request.text(1), 'set')?.has(request.text(2)) ? 1 : 0)
}

export function scard(session: Session, request: Request): void {
  session.reply.integer(session.get(request.text(1), 'set')?.size ?? 0)
}

export function spop(session: Session, request: Request): void {
  const set = session.get(request.text(1), 'set')
  if (set === undefined) return request.count > 2 ? session.reply.set(0) : session.reply.null()
  const count = request.count > 2 ? integer(request.text(2)) : 1
  const members = [...set.keys()]
  const taken: string[] = []
  while (taken.length < count && members.length > 0) {
    const at = session.broker.options.random.uint32() % members.length
    taken.push(...members.splice(at, 1))
  }
  for (const member of taken) set.delete(member)
  save(session, request.text(1), 'set', set)
  if (request.count === 2) return session.reply.bulk(taken[0]!)
  session.reply.set(taken.length)
  for (const member of taken) session.reply.bulk(member)
}

export function srandmember(session: Session, request: Request): void {
  const members = [...(session.get(request.text(1), 'set')?.keys() ?? [])]
  const { random } = session.broker.options
  if (request.count === 2) {
    return write(session, members[members.length === 0 ? 0 : random.uint32() % members.length])
  }
  const count = integer(request.text(2))
  if (count >= 0) return session.reply.bulks(members.slice(0, count))
  if (members.length === 0) return session.reply.array(0)
  const picked = Array.from({ length: -count }, () => members[random.uint32() % members.length]!)
  session.reply.bulks(picked)
}

export function smismember(session: Session, request: Request): void {
  const set = session.get(request.text(1), 'set')
  session.reply.array(request.count - 2)
  for (let at = 2; at < request.count; at++) {
    session.reply.integer(set?.has(request.text(at)) ? 1 : 0)
  }
}

export function smove(session: Session, request: Request): void {
  const [from, to, member] = [request.text(1), request.text(2), request.text(3)]
  const source = session.get(from, 'set')
  const target = take(session, to, 'set')
  if (source?.has(member) !== true) return session.reply.integer(0)
  if (source !== target) {
    source.delete(member)
    save(session, from, 'set', source)
    target.set(member, true)
    save(session, to, 'set', target)
  }
  session.reply.integer(1)
}

/** SINTER, SUNION, SDIFF; with `store` their forms that keep the outcome. */
export function combine(how: 'inter' | 'union' | 'diff', store: boolean) {
  return (session: Session, request: Request): void => {
    const keys: string[] = []
    for (let at = store ? 2 : 1; at < request.count; at++) keys.push(request.text(at))
    const sets = keys.map(key => session.get(key, 'set'))
    const [first, ...rest] = sets
    const members = new Set(first?.keys())
    for (const set of rest) {
      if (how === 'union') for (const member of set?.keys() ?? []) members.add(member)
      else {
        const stays = (member: string) => (set?.has(member) ?? false) === (how === 'inter')
        for (const member of members) if (!stays(member)) members.delete(member)
      }
    }
    if (!store) {
      session.reply.set(members.size)
      for (const member of members) session.reply.bulk(member)
      return
    }
    const value = makeValue.set()
    for (const member of members) value.set(member, true)
    save(session, request.text(1), 'set', value)
    session.reply.integer(value.size)
  }
}
