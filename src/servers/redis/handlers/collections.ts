/** Hashes, lists, sets and sorted sets. Engine: the directory's table, one value a key. */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import type { Type, Values } from '../keyspace.ts'
import type { Session } from '../session.ts'
import { bounds } from './strings.ts'
import { float, has, integer, integer64, seconds } from './words.ts'

/** The value, made when there is none; `save` afterwards. */
function take<T extends Type>(session: Session, key: string, type: T, make: () => Values[T]) {
  return session.get(key, type) ?? make()
}

/** What is empty is no key. */
function save<T extends Type>(session: Session, key: string, type: T, value: Values[T]): void {
  const { keys } = session.broker
  const size = Array.isArray(value) ? value.length : (value as Map<string, string>).size
  if (size === 0) keys.delete(session.database, key)
  else {
    const { expiresAt } = keys.find(session.database, key) ?? {}
    keys.set(session.database, key, type, value, expiresAt)
  }
}

// Hashes

export function hset(session: Session, request: Request): void {
  const name = request.text(0).toLowerCase()
  if (request.count % 2 === 1) fail(`ERR wrong number of arguments for '${name}' command`)
  const key = request.text(1)
  const hash = take(session, key, 'hash', () => new Map<string, string>())
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
  const hash = take(session, key, 'hash', () => new Map<string, string>())
  if (hash.has(request.text(2))) return session.reply.integer(0)
  hash.set(request.text(2), request.text(3))
  save(session, key, 'hash', hash)
  session.reply.integer(1)
}

function write(session: Session, value: string | undefined): void {
  if (value === undefined) session.reply.null()
  else session.reply.bulk(value)
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
  const hash = session.get(request.text(1), 'hash') ?? new Map<string, string>()
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

/** HDEL, SREM, ZREM. */
export function removeFrom(type: 'hash' | 'set' | 'zset') {
  return (session: Session, request: Request): void => {
    const key = request.text(1)
    const value = session.get(key, type)
    if (value === undefined) return session.reply.integer(0)
    let count = 0
    for (let at = 2; at < request.count; at++) if (value.delete(request.text(at))) count++
    if (count > 0) save(session, key, type, value)
    session.reply.integer(count)
  }
}

export function hincrBy(session: Session, request: Request): void {
  const key = request.text(1)
  const hash = take(session, key, 'hash', () => new Map<string, string>())
  const before = integer64(hash.get(request.text(2)) ?? '0', 'ERR hash value is not an integer')
  const value = before + integer64(request.text(3))
  if (BigInt.asIntN(64, value) !== value) fail('ERR increment or decrement would overflow')
  hash.set(request.text(2), String(value))
  save(session, key, 'hash', hash)
  session.reply.big(value)
}

// Lists

export function pushWith(end: 'left' | 'right', onlyOld: boolean) {
  return (session: Session, request: Request): void => {
    const key = request.text(1)
    const known = session.get(key, 'list')
    if (known === undefined && onlyOld) return session.reply.integer(0)
    const list = known ?? []
    for (let at = 2; at < request.count; at++) {
      if (end === 'left') list.unshift(request.text(at))
      else list.push(request.text(at))
    }
    save(session, key, 'list', list)
    session.broker.notify(end === 'left' ? 'lpush' : 'rpush', 'l', session.database, key)
    session.reply.integer(list.length)
  }
}

export function popWith(end: 'left' | 'right') {
  return (session: Session, request: Request): void => {
    const key = request.text(1)
    const isMany = request.count > 2
    const count = isMany ? integer(request.text(2)) : 1
    if (count < 0) fail('ERR value is out of range, must be positive')
    const list = session.get(key, 'list')
    if (list === undefined) return isMany ? session.reply.nullArray() : session.reply.null()
    const taken = end === 'left' ? list.splice(0, count) : list.splice(-count, count).reverse()
    if (count > 0) save(session, key, 'list', list)
    if (isMany) session.reply.bulks(taken)
    else session.reply.bulk(taken[0]!)
  }
}

export function blockingPop(end: 'left' | 'right') {
  return (session: Session, request: Request): void => {
    const timeoutMs = seconds(request.text(request.count - 1))
    const names = Array.from({ length: request.count - 2 }, (_, at) => request.text(at + 1))
    for (const key of names) {
      const list = session.get(key, 'list')
      if (list === undefined) continue
      const value = end === 'left' ? list.shift()! : list.pop()!
      save(session, key, 'list', list)
      return session.reply.bulks([key, value])
    }
    session.block(request, {
      keys: names,
      types: ['list'],
      timeoutMs,
      onTimeout: reply => reply.nullArray(),
    })
  }
}

export function lmove(session: Session, request: Request): void {
  const isOld = request.is(0, 'RPOPLPUSH')
  const fromLeft = !isOld && request.is(3, 'LEFT')
  const toLeft = isOld || request.is(4, 'LEFT')
  const [from, to] = [request.text(1), request.text(2)]
  const source = session.get(from, 'list')
  if (source === undefined) return session.reply.null()
  session.get(to, 'list')
  const value = fromLeft ? source.shift()! : source.pop()!
  save(session, from, 'list', source)
  const target = take(session, to, 'list', () => [])
  if (toLeft) target.unshift(value)
  else target.push(value)
  save(session, to, 'list', target)
  session.reply.bulk(value)
}

export function llen(session: Session, request: Request): void {
  session.reply.integer(session.get(request.text(1), 'list')?.length ?? 0)
}

export function lrange(session: Session, request: Request): void {
  const list = session.get(request.text(1), 'list') ?? []
  const [from, to] = bounds(integer(request.text(2)), integer(request.text(3)), list.length)
  session.reply.bulks(list.slice(from, to + 1))
}

export function ltrim(session: Session, request: Request): void {
  const list = session.get(request.text(1), 'list')
  const [from, to] = bounds(integer(request.text(2)), integer(request.text(3)), list?.length ?? 0)
  if (list !== undefined) save(session, request.text(1), 'list', list.slice(from, to + 1))
  session.reply.ok()
}

export function lindex(session: Session, request: Request): void {
  write(session, session.get(request.text(1), 'list')?.at(integer(request.text(2))))
}

export function lset(session: Session, request: Request): void {
  const list = session.get(request.text(1), 'list') ?? fail(texts.noKey)
  const index = integer(request.text(2))
  const at = index < 0 ? list.length + index : index
  if (at < 0 || at >= list.length) fail(texts.outOfRange)
  list[at] = request.text(3)
  save(session, request.text(1), 'list', list)
  session.reply.ok()
}

export function lrem(session: Session, request: Request): void {
  const list = session.get(request.text(1), 'list')
  const count = integer(request.text(2))
  if (list === undefined) return session.reply.integer(0)
  let left = count === 0 ? Infinity : Math.abs(count)
  const order = count < 0 ? [...list].reverse() : list
  const kept = order.filter(value => value !== request.text(3) || left-- <= 0)
  const removed = list.length - kept.length
  if (removed > 0) save(session, request.text(1), 'list', count < 0 ? kept.reverse() : kept)
  session.reply.integer(removed)
}

// Sets

export function sadd(session: Session, request: Request): void {
  const key = request.text(1)
  const set = take(session, key, 'set', () => new Set<string>())
  const before = set.size
  for (let at = 2; at < request.count; at++) set.add(request.text(at))
  if (set.size > before) save(session, key, 'set', set)
  session.reply.integer(set.size - before)
}

export function smembers(session: Session, request: Request): void {
  const set = session.get(request.text(1), 'set') ?? new Set<string>()
  session.reply.set(set.size)
  for (const member of set) session.reply.bulk(member)
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
  const members = [...set]
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
  const members = [...(session.get(request.text(1), 'set') ?? [])]
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

// Sorted sets

/** In order: by score, then by name. */
function ordered(zset: ReadonlyMap<string, number> | undefined): [string, number][] {
  return [...(zset ?? [])].sort(([left, a], [right, b]) => a - b || (left < right ? -1 : 1))
}

export function zadd(session: Session, request: Request): void {
  let at = 2
  const flags = new Set<string>()
  while (at < request.count && /^(NX|XX|GT|LT|CH|INCR)$/i.test(request.text(at))) {
    flags.add(request.text(at++).toUpperCase())
  }
  if ((request.count - at) % 2 !== 0 || at === request.count) fail(texts.syntax)
  const scores: number[] = []
  for (let word = at; word < request.count; word += 2) scores.push(float(request.text(word)))
  const key = request.text(1)
  const zset = take(session, key, 'zset', () => new Map<string, number>())
  let [added, changed] = [0, 0]
  let last: number | undefined
  scores.forEach((given, index) => {
    const member = request.text(at + index * 2 + 1)
    const before = zset.get(member)
    const score = flags.has('INCR') ? (before ?? 0) + given : given
    if (before === undefined ? flags.has('XX') : flags.has('NX')) return
    if (before !== undefined && flags.has('GT') && score <= before) return
    if (before !== undefined && flags.has('LT') && score >= before) return
    zset.set(member, score)
    last = score
    if (before === undefined) added++
    else if (before !== score) changed++
  })
  if (added + changed > 0) save(session, key, 'zset', zset)
  if (!flags.has('INCR')) session.reply.integer(flags.has('CH') ? added + changed : added)
  else if (last === undefined) session.reply.null()
  else session.reply.double(last)
}

export function zincrBy(session: Session, request: Request): void {
  const key = request.text(1)
  const zset = take(session, key, 'zset', () => new Map<string, number>())
  const score = (zset.get(request.text(3)) ?? 0) + float(request.text(2))
  zset.set(request.text(3), score)
  save(session, key, 'zset', zset)
  session.reply.double(score)
}

export function zscore(session: Session, request: Request): void {
  const score = session.get(request.text(1), 'zset')?.get(request.text(2))
  if (score === undefined) session.reply.null()
  else session.reply.double(score)
}

export function zcard(session: Session, request: Request): void {
  session.reply.integer(session.get(request.text(1), 'zset')?.size ?? 0)
}

export function zrank(session: Session, request: Request): void {
  const at = ordered(session.get(request.text(1), 'zset')).findIndex(
    ([member]) => member === request.text(2),
  )
  if (at < 0) session.reply.null()
  else session.reply.integer(at)
}

/** A bound of scores: inclusive, or exclusive with `(`. */
function within(fromText: string, toText: string): (score: number) => boolean {
  const text = 'ERR min or max is not a float'
  const read = (word: string): [number, boolean] =>
    word.startsWith('(') ? [float(word.slice(1), text), true] : [float(word, text), false]
  const [from, afterFrom] = read(fromText)
  const [to, beforeTo] = read(toText)
  return score =>
    (afterFrom ? score > from : score >= from) && (beforeTo ? score < to : score <= to)
}

function writeScored(session: Session, items: readonly [string, number][], scores: boolean): void {
  const { reply } = session
  const flat = scores && reply.protocol === 2
  reply.array(flat ? items.length * 2 : items.length)
  for (const [member, score] of items) {
    if (scores && !flat) reply.array(2)
    reply.bulk(member)
    if (scores) reply.double(score)
  }
}

export function zrangeWith(kind: 'any' | 'score' | 'reverse' | 'reverse-score') {
  return (session: Session, request: Request): void => {
    let [byScore, reverse, scores] = [kind.endsWith('score'), kind.startsWith('reverse'), false]
    let [offset, count] = [0, -1]
    for (let at = 4; at < request.count; at++) {
      if (request.is(at, 'BYSCORE')) byScore = true
      else if (request.is(at, 'REV')) reverse = true
      else if (request.is(at, 'WITHSCORES')) scores = true
      else if (has(request, at, 'LIMIT', 2)) {
        offset = integer(request.text(at + 1))
        count = integer(request.text(at + 2))
        at += 2
      } else fail(texts.syntax)
    }
    const [one, two] = [request.text(2), request.text(3)]
    let items = ordered(session.get(request.text(1), 'zset'))
    if (byScore) {
      const fits = within(reverse ? two : one, reverse ? one : two)
      items = items.filter(([, score]) => fits(score))
      if (reverse) items.reverse()
      items = items.slice(offset, count < 0 ? undefined : offset + count)
    } else {
      if (reverse) items.reverse()
      const [from, to] = bounds(integer(one), integer(two), items.length)
      items = items.slice(from, to + 1)
    }
    writeScored(session, items, scores)
  }
}

export function zcount(session: Session, request: Request): void {
  const fits = within(request.text(2), request.text(3))
  const scores = [...(session.get(request.text(1), 'zset')?.values() ?? [])]
  session.reply.integer(scores.filter(fits).length)
}

export function zpopWith(end: 'min' | 'max') {
  return (session: Session, request: Request): void => {
    const zset = session.get(request.text(1), 'zset')
    const count = request.count > 2 ? integer(request.text(2)) : 1
    const items = ordered(zset)
    const taken = end === 'min' ? items.slice(0, count) : items.reverse().slice(0, count)
    if (zset !== undefined && taken.length > 0) {
      for (const [member] of taken) zset.delete(member)
      save(session, request.text(1), 'zset', zset)
    }
    writeScored(session, taken, true)
  }
}

export function zremRangeBy(kind: 'score' | 'rank') {
  return (session: Session, request: Request): void => {
    const zset = session.get(request.text(1), 'zset')
    const items = ordered(zset)
    const [one, two] = [request.text(2), request.text(3)]
    let gone: [string, number][]
    if (kind === 'score') {
      const fits = within(one, two)
      gone = items.filter(([, score]) => fits(score))
    } else {
      const [from, to] = bounds(integer(one), integer(two), items.length)
      gone = items.slice(from, to + 1)
    }
    if (zset !== undefined && gone.length > 0) {
      for (const [member] of gone) zset.delete(member)
      save(session, request.text(1), 'zset', zset)
    }
    session.reply.integer(gone.length)
  }
}
