/** Lists. Engine: the directory's table; a large one element by element. */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import type { Session } from '../session.ts'
import type { List } from '../values.ts'
import { countedKeys, save, take, write } from './collections.ts'
import { bounds } from './strings.ts'
import { has, integer, seconds } from './words.ts'

type End = 'left' | 'right'

const letter = { left: 'l', right: 'r' } as const

export function pushWith(end: End, onlyOld: boolean) {
  return (session: Session, request: Request): void => {
    const key = request.text(1)
    const known = session.get(key, 'list')
    if (known === undefined && onlyOld) return session.reply.integer(0)
    const list = known ?? take(session, key, 'list')
    for (let at = 2; at < request.count; at++) list.push(end, request.text(at))
    save(session, key, 'list', list)
    session.broker.notify(`${letter[end]}push`, 'l', session.database, key)
    session.reply.integer(list.size)
  }
}

/** Takes up to `count` items off an end. */
function popFrom(session: Session, key: string, end: End, count: number): string[] {
  const list = session.get(key, 'list')
  if (list === undefined || count === 0) return []
  const taken: string[] = []
  while (taken.length < count && list.size > 0) taken.push(list.pop(end)!)
  session.broker.notify(`${letter[end]}pop`, 'l', session.database, key)
  save(session, key, 'list', list)
  return taken
}

export function popWith(end: End) {
  return (session: Session, request: Request): void => {
    const key = request.text(1)
    const isMany = request.count > 2
    if (request.count > 3) {
      fail(`ERR wrong number of arguments for '${request.text(0).toLowerCase()}' command`)
    }
    const text = 'ERR value is out of range, must be positive'
    const count = isMany ? integer(request.text(2), text) : 1
    if (count < 0) fail(text)
    if (session.get(key, 'list') === undefined) {
      return isMany ? session.reply.nullArray() : session.reply.null()
    }
    const taken = popFrom(session, key, end, count)
    if (isMany) session.reply.bulks(taken)
    else session.reply.bulk(taken[0]!)
  }
}

export function blockingPop(end: End) {
  return (session: Session, request: Request): void => {
    const timeoutMs = seconds(request.text(request.count - 1))
    const keys = Array.from({ length: request.count - 2 }, (_, at) => request.text(at + 1))
    for (const key of keys) {
      const [value] = popFrom(session, key, end, 1)
      if (value !== undefined) return session.reply.bulks([key, value])
    }
    session.block(request, {
      keys,
      types: ['list'],
      timeoutMs,
      onTimeout: reply => reply.nullArray(),
    })
  }
}

function endAt(request: Request, at: number): End {
  if (request.is(at, 'LEFT')) return 'left'
  return request.is(at, 'RIGHT') ? 'right' : fail(texts.syntax)
}

/** From the one list to the other; false: there is nothing. */
function move(session: Session, request: Request, ends: readonly [from: End, to: End]): boolean {
  const [from, to] = [request.text(1), request.text(2)]
  const source = session.get(from, 'list')
  if (source === undefined) return false
  const target = from === to ? source : take(session, to, 'list')
  const value = source.pop(ends[0])!
  target.push(ends[1], value)
  save(session, to, 'list', target)
  session.broker.notify(`${letter[ends[0]]}pop`, 'l', session.database, from)
  if (source !== target) save(session, from, 'list', source)
  session.broker.notify(`${letter[ends[1]]}push`, 'l', session.database, to)
  session.reply.bulk(value)
  return true
}

export function lmove(session: Session, request: Request): void {
  if (!move(session, request, [endAt(request, 3), endAt(request, 4)])) session.reply.null()
}

export function rpoplpush(session: Session, request: Request): void {
  if (!move(session, request, ['right', 'left'])) session.reply.null()
}

function blockingMove(
  session: Session,
  request: Request,
  ends: readonly [from: End, to: End],
  timeoutMs: number,
): void {
  if (move(session, request, ends)) return
  session.block(request, {
    keys: [request.text(1)],
    types: ['list'],
    timeoutMs,
    onTimeout: reply => reply.null(),
  })
}

export function blmove(session: Session, request: Request): void {
  const ends = [endAt(request, 3), endAt(request, 4)] as const
  blockingMove(session, request, ends, seconds(request.text(5)))
}

export function brpoplpush(session: Session, request: Request): void {
  blockingMove(session, request, ['right', 'left'], seconds(request.text(3)))
}

/** LMPOP numkeys key … LEFT | RIGHT [COUNT count], and BLMPOP with a time-out before them. */
export function lmpop(session: Session, request: Request): void {
  const isBlocking = request.is(0, 'BLMPOP')
  const timeoutMs = isBlocking ? seconds(request.text(1)) : 0
  const { keys, next } = countedKeys(request, isBlocking ? 2 : 1)
  const end = endAt(request, next)
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
    return session.reply.bulks(taken)
  }
  if (!isBlocking) return session.reply.nullArray()
  const options = { keys, types: ['list'], timeoutMs } as const
  session.block(request, { ...options, onTimeout: reply => reply.nullArray() })
}

export function llen(session: Session, request: Request): void {
  session.reply.integer(session.get(request.text(1), 'list')?.size ?? 0)
}

function itemsOf(session: Session, request: Request): readonly string[] {
  return session.get(request.text(1), 'list')?.items ?? []
}

export function lrange(session: Session, request: Request): void {
  const items = itemsOf(session, request)
  const [from, to] = bounds(integer(request.text(2)), integer(request.text(3)), items.length)
  session.reply.bulks(items.slice(from, to + 1))
}

function change(session: Session, key: string, list: List, items: string[], event: string): void {
  list.replace(items)
  session.broker.notify(event, 'l', session.database, key)
  save(session, key, 'list', list)
}

export function ltrim(session: Session, request: Request): void {
  const key = request.text(1)
  const [from, to] = [integer(request.text(2)), integer(request.text(3))]
  const list = session.get(key, 'list')
  if (list !== undefined) {
    const [start, end] = bounds(from, to, list.size)
    change(session, key, list, list.items.slice(start, end + 1), 'ltrim')
  }
  session.reply.ok()
}

export function lindex(session: Session, request: Request): void {
  write(session, itemsOf(session, request).at(integer(request.text(2))))
}

export function lset(session: Session, request: Request): void {
  const list = session.get(request.text(1), 'list') ?? fail(texts.noKey)
  const index = integer(request.text(2))
  const at = index < 0 ? list.size + index : index
  if (at < 0 || at >= list.size) fail(texts.outOfRange)
  list.set(at, request.text(3))
  save(session, request.text(1), 'list', list)
  session.broker.notify('lset', 'l', session.database, request.text(1))
  session.reply.ok()
}

export function linsert(session: Session, request: Request): void {
  const isBefore = request.is(2, 'BEFORE')
  if (!isBefore && !request.is(2, 'AFTER')) fail(texts.syntax)
  const key = request.text(1)
  const list = session.get(key, 'list')
  if (list === undefined) return session.reply.integer(0)
  const at = list.items.indexOf(request.text(3))
  if (at < 0) return session.reply.integer(-1)
  const items = list.items.toSpliced(isBefore ? at : at + 1, 0, request.text(4))
  change(session, key, list, items, 'linsert')
  session.reply.integer(list.size)
}

export function lrem(session: Session, request: Request): void {
  const key = request.text(1)
  const list = session.get(key, 'list')
  const count = integer(request.text(2))
  if (list === undefined) return session.reply.integer(0)
  let left = count === 0 ? Infinity : Math.abs(count)
  const order = count < 0 ? list.items.toReversed() : list.items
  const kept = order.filter(value => value !== request.text(3) || left-- <= 0)
  const removed = list.size - kept.length
  if (removed > 0) change(session, key, list, count < 0 ? kept.reverse() : kept, 'lrem')
  session.reply.integer(removed)
}

/** LPOS key element [RANK rank] [COUNT count] [MAXLEN length]. */
export function lpos(session: Session, request: Request): void {
  let [rank, count, length] = [1, -1, 0]
  for (let at = 3; at < request.count; at += 2) {
    const value = () => integer(request.text(at + 1))
    if (has(request, at, 'RANK', 1)) {
      rank = value()
      if (rank === 0) {
        fail(
          "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        )
      }
    } else if (has(request, at, 'COUNT', 1)) {
      count = value()
      if (count < 0) fail("ERR COUNT can't be negative")
    } else if (has(request, at, 'MAXLEN', 1)) {
      length = value()
      if (length < 0) fail("ERR MAXLEN can't be negative")
    } else fail(texts.syntax)
  }
  const items = itemsOf(session, request)
  const found: number[] = []
  const wanted = count < 0 ? 1 : count === 0 ? Infinity : count
  const looks = length === 0 ? items.length : Math.min(length, items.length)
  for (let step = 0, skip = Math.abs(rank) - 1; step < looks && found.length < wanted; step++) {
    const index = rank > 0 ? step : items.length - 1 - step
    if (items[index] !== request.text(2)) continue
    if (skip-- <= 0) found.push(index)
  }
  if (count < 0) {
    if (found.length === 0) session.reply.null()
    else session.reply.integer(found[0]!)
    return
  }
  session.reply.array(found.length)
  for (const index of found) session.reply.integer(index)
}
