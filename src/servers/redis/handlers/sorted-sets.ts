/** Sorted sets. Engine: the directory's table; a large one element by element. */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import type { Session } from '../session.ts'
import { countedKeys, save, take } from './collections.ts'
import { bounds } from './strings.ts'
import { float, has, integer, seconds } from './words.ts'

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
  const zset = take(session, key, 'zset')
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
  if (added + changed > 0) {
    save(session, key, 'zset', zset)
    session.broker.notify(flags.has('INCR') ? 'zincr' : 'zadd', 'z', session.database, key)
  }
  if (!flags.has('INCR')) session.reply.integer(flags.has('CH') ? added + changed : added)
  else if (last === undefined) session.reply.null()
  else session.reply.double(last)
}

export function zincrBy(session: Session, request: Request): void {
  const key = request.text(1)
  const zset = take(session, key, 'zset')
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

export function zrankFrom(end: 'lowest' | 'highest') {
  return (session: Session, request: Request): void => {
    const items = ordered(session.get(request.text(1), 'zset'))
    if (end === 'highest') items.reverse()
    const at = items.findIndex(([member]) => member === request.text(2))
    if (at < 0) session.reply.null()
    else session.reply.integer(at)
  }
}

export function zmscore(session: Session, request: Request): void {
  const zset = session.get(request.text(1), 'zset')
  session.reply.array(request.count - 2)
  for (let at = 2; at < request.count; at++) {
    const score = zset?.get(request.text(at))
    if (score === undefined) session.reply.null()
    else session.reply.double(score)
  }
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

/** Takes the first or the last ones out of the key's set. */
function popFrom(session: Session, key: string, end: 'min' | 'max', count: number) {
  const zset = session.get(key, 'zset')
  if (zset === undefined) return []
  const items = ordered(zset)
  const taken = (end === 'min' ? items : items.reverse()).slice(0, count)
  if (taken.length === 0) return taken
  for (const [member] of taken) zset.delete(member)
  session.broker.notify(`zpop${end}`, 'z', session.database, key)
  save(session, key, 'zset', zset)
  return taken
}

export function zpopWith(end: 'min' | 'max') {
  return (session: Session, request: Request): void => {
    const hasCount = request.count > 2
    const count = hasCount ? integer(request.text(2)) : 1
    if (count < 0) fail('ERR value is out of range, must be positive')
    const taken = popFrom(session, request.text(1), end, count)
    if (hasCount || session.reply.protocol === 2) return writeScored(session, taken, true)
    session.reply.array(taken.length * 2)
    for (const [member, score] of taken) {
      session.reply.bulk(member)
      session.reply.double(score)
    }
  }
}

/** BZPOPMIN, BZPOPMAX. */
export function blockingZpop(end: 'min' | 'max') {
  return (session: Session, request: Request): void => {
    const timeoutMs = seconds(request.text(request.count - 1))
    const keys = Array.from({ length: request.count - 2 }, (_, at) => request.text(at + 1))
    for (const key of keys) {
      const [taken] = popFrom(session, key, end, 1)
      if (taken === undefined) continue
      session.reply.array(3)
      session.reply.bulk(key)
      session.reply.bulk(taken[0])
      return session.reply.double(taken[1])
    }
    session.block(request, {
      keys,
      types: ['zset'],
      timeoutMs,
      onTimeout: reply => reply.nullArray(),
    })
  }
}

/** ZMPOP numkeys key … MIN | MAX [COUNT count], and BZMPOP with a time-out before them. */
export function zmpop(session: Session, request: Request): void {
  const isBlocking = request.is(0, 'BZMPOP')
  const timeoutMs = isBlocking ? seconds(request.text(1)) : 0
  const { keys, next } = countedKeys(request, isBlocking ? 2 : 1)
  const end = request.is(next, 'MIN') ? 'min' : request.is(next, 'MAX') ? 'max' : fail(texts.syntax)
  let count = 1
  if (request.count > next + 1) {
    if (!has(request, next + 1, 'COUNT', 1) || request.count > next + 3) fail(texts.syntax)
    count = integer(request.text(next + 2), 'ERR count should be greater than 0')
    if (count < 1) fail('ERR count should be greater than 0')
  }
  for (const key of keys) {
    const taken = popFrom(session, key, end, count)
    if (taken.length === 0) continue
    session.reply.array(2)
    session.reply.bulk(key)
    session.reply.array(taken.length)
    for (const [member, score] of taken) {
      session.reply.array(2)
      session.reply.bulk(member)
      session.reply.double(score)
    }
    return
  }
  if (!isBlocking) return session.reply.nullArray()
  const options = { keys, types: ['zset'], timeoutMs } as const
  session.block(request, { ...options, onTimeout: reply => reply.nullArray() })
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
