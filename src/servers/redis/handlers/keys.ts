/** Commands on keys of every type. Engine: the directory's table; a stream's log and table. */

import { BadPayload } from '../../../wire/resp/rdb.ts'
import type { Request } from '../../../wire/resp/request.ts'
import { dump, restore } from '../dump.ts'
import { fail, texts } from '../errors.ts'
import { matches } from '../glob.ts'
import { databaseCount, type Entry, type Values } from '../keyspace.ts'
import { binaryBytes } from '../mapping.ts'
import type { Session } from '../session.ts'
import { List } from '../values.ts'
import { float, has, integer, integer64 } from './words.ts'

export function del(session: Session, request: Request): void {
  let count = 0
  for (let at = 1; at < request.count; at++) {
    const key = request.text(at)
    if (session.broker.keys.find(session.database, key) === undefined) continue
    session.broker.keys.delete(session.database, key)
    session.broker.notify('del', 'g', session.database, key)
    count++
  }
  session.reply.integer(count)
}

export function exists(session: Session, request: Request): void {
  let count = 0
  for (let at = 1; at < request.count; at++) {
    if (session.broker.keys.find(session.database, request.text(at)) !== undefined) count++
  }
  session.reply.integer(count)
}

export function type(session: Session, request: Request): void {
  session.reply.simple(session.broker.keys.find(session.database, request.text(1))?.type ?? 'none')
}

function live(session: Session): string[] {
  const { keys } = session.broker
  const names = [...keys.databases[session.database]!.keys()]
  return names.filter(key => keys.find(session.database, key) !== undefined)
}

export function keys(session: Session, request: Request): void {
  const pattern = request.text(1)
  session.reply.bulks(live(session).filter(key => matches(pattern, key)))
}

export function randomKey(session: Session): void {
  const names = live(session)
  if (names.length === 0) return session.reply.null()
  session.reply.bulk(names[session.broker.options.random.uint32() % names.length]!)
}

export function rename(session: Session, request: Request): void {
  move(session, request, false)
}

export function renameNx(session: Session, request: Request): void {
  move(session, request, true)
}

function move(session: Session, request: Request, onlyNew: boolean): void {
  const [from, to] = [request.text(1), request.text(2)]
  const { broker, database } = session
  if (broker.keys.find(database, from) === undefined) fail(texts.noKey)
  if (onlyNew && broker.keys.find(database, to) !== undefined) return session.reply.integer(0)
  if (from !== to) {
    broker.keys.rename({ database, key: from }, { database, key: to })
    broker.notify('rename_from', 'g', database, from)
    broker.notify('rename_to', 'g', database, to)
  }
  if (onlyNew) session.reply.integer(1)
  else session.reply.ok()
}

export function moveKey(session: Session, request: Request): void {
  const key = request.text(1)
  const target = databaseIn(request.text(2))
  const { broker, database } = session
  if (target === database) fail('ERR source and destination objects are the same')
  const there = broker.keys.find(target, key)
  if (broker.keys.find(database, key) === undefined || there !== undefined) {
    return session.reply.integer(0)
  }
  broker.keys.rename({ database, key }, { database: target, key })
  session.reply.integer(1)
}

export function databaseIn(text: string): number {
  const database = integer(text)
  if (database < 0 || database >= databaseCount) fail('ERR DB index is out of range')
  return database
}

export function touch(session: Session, request: Request): void {
  exists(session, request)
}

export function flushDb(session: Session, request: Request): void {
  checkFlush(request)
  session.broker.keys.clear(session.database)
  session.reply.ok()
}

export function flushAll(session: Session, request: Request): void {
  checkFlush(request)
  for (let at = 0; at < databaseCount; at++) session.broker.keys.clear(at)
  session.reply.ok()
}

function checkFlush(request: Request): void {
  if (
    request.count > 2 ||
    (request.count === 2 && !request.is(1, 'SYNC') && !request.is(1, 'ASYNC'))
  ) {
    fail(texts.syntax)
  }
}

export function swapDb(session: Session, request: Request): void {
  session.broker.keys.swap(databaseIn(request.text(1)), databaseIn(request.text(2)))
  session.reply.ok()
}

export function dbSize(session: Session): void {
  session.reply.integer(live(session).length)
}

export function expireWith(unitMs: number, isAbsolute: boolean) {
  return (session: Session, request: Request): void => {
    const key = request.text(1)
    const given = integer64(request.text(2))
    const at = Number(given) * unitMs + (isAbsolute ? 0 : session.now)
    if (Math.abs(at) > 2 ** 53) {
      fail(`ERR invalid expire time in '${request.text(0).toLowerCase()}' command`)
    }
    const entry = session.broker.keys.find(session.database, key)
    if (entry === undefined || !mayExpire(request, entry, at)) return session.reply.integer(0)
    const { broker, database } = session
    if (at <= session.now) {
      broker.keys.delete(database, key)
      broker.notify('del', 'g', database, key)
    } else {
      entry.expiresAt = at
      broker.keys.changed(database, key)
      broker.notify('expire', 'g', database, key)
    }
    session.reply.integer(1)
  }
}

function mayExpire(request: Request, { expiresAt }: Entry, at: number): boolean {
  for (let word = 3; word < request.count; word++) {
    if (request.is(word, 'NX')) {
      if (expiresAt !== undefined) return false
    } else if (request.is(word, 'XX')) {
      if (expiresAt === undefined) return false
    } else if (request.is(word, 'GT')) {
      if (expiresAt === undefined || at <= expiresAt) return false
    } else if (request.is(word, 'LT')) {
      if (expiresAt !== undefined && at >= expiresAt) return false
    } else fail(`ERR Unsupported option ${request.text(word)}`)
  }
  return true
}

export function ttlWith(unitMs: number, isAbsolute: boolean) {
  return (session: Session, request: Request): void => {
    const entry = session.broker.keys.find(session.database, request.text(1))
    if (entry === undefined) return session.reply.integer(-2)
    if (entry.expiresAt === undefined) return session.reply.integer(-1)
    const ms = entry.expiresAt - (isAbsolute ? 0 : session.now)
    session.reply.integer(unitMs === 1 ? ms : Math.floor((ms + 500) / 1000))
  }
}

export function persist(session: Session, request: Request): void {
  const entry = session.broker.keys.find(session.database, request.text(1))
  if (entry?.expiresAt === undefined) return session.reply.integer(0)
  entry.expiresAt = undefined
  session.broker.keys.changed(session.database, request.text(1))
  session.broker.notify('persist', 'g', session.database, request.text(1))
  session.reply.integer(1)
}

const intMax = 2n ** 63n

function encodingOf({ type, value }: Entry): string {
  switch (type) {
    case 'stream':
      return 'stream'
    case 'string': {
      const text = value as string
      const isInt = /^(0|-?[1-9]\d{0,18})$/.test(text)
      if (isInt && BigInt(text) < intMax && BigInt(text) >= -intMax) return 'int'
      return text.length <= 44 ? 'embstr' : 'raw'
    }
    case 'list':
      return (value as Values['list']).size > 128 ? 'quicklist' : 'listpack'
    case 'set': {
      const members = value as Values['set']
      const isInts = [...members.keys()].every(member => /^-?\d{1,18}$/.test(member))
      if (isInts && members.size <= 512) return 'intset'
      return members.size > 128 ? 'hashtable' : 'listpack'
    }
    case 'hash':
      return (value as Values['hash']).size > 128 ? 'hashtable' : 'listpack'
    case 'zset':
      return (value as Values['zset']).size > 128 ? 'skiplist' : 'listpack'
  }
}

export function objectEncoding(session: Session, request: Request): void {
  const entry = session.broker.keys.find(session.database, request.text(2))
  if (entry === undefined) return session.reply.null()
  session.reply.bulk(encodingOf(entry))
}

/** OBJECT REFCOUNT, IDLETIME: the same for every key that is there. */
export function objectNumber(value: number) {
  return (session: Session, request: Request): void => {
    const entry = session.broker.keys.find(session.database, request.text(2))
    if (entry === undefined) session.reply.null()
    else session.reply.integer(value)
  }
}

export function objectFreq(session: Session, request: Request): void {
  if (session.broker.keys.find(session.database, request.text(2)) === undefined) {
    return session.reply.null()
  }
  fail(
    'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
  )
}

export function dumpKey(session: Session, request: Request): void {
  const entry = session.broker.keys.find(session.database, request.text(1))
  if (entry === undefined) session.reply.null()
  else session.reply.bulk(dump(entry, session.broker.minor))
}

/** RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]. */
export function restoreKey(session: Session, request: Request): void {
  const key = request.text(1)
  let [replace, absolute] = [false, false]
  for (let at = 4; at < request.count; at++) {
    if (request.is(at, 'REPLACE')) replace = true
    else if (request.is(at, 'ABSTTL')) absolute = true
    else if (has(request, at, 'IDLETIME', 1) || has(request, at, 'FREQ', 1)) {
      integer(request.text(++at))
    } else fail(texts.syntax)
  }
  const { broker, database, now } = session
  if (!replace && broker.keys.find(database, key) !== undefined) {
    fail('BUSYKEY Target key name already exists.')
  }
  const ttl = integer(request.text(2))
  if (ttl < 0) fail('ERR Invalid TTL value, must be >= 0')
  const expiresAt = ttl === 0 ? undefined : ttl + (absolute ? 0 : now)
  try {
    restore(broker.keys, { database, key, expiresAt }, request.word(3))
  } catch (error) {
    if (!(error instanceof BadPayload)) throw error
    const isFooter = error.message === 'version' || error.message === 'checksum'
    fail(`ERR ${isFooter ? 'DUMP payload version or checksum are wrong' : 'Bad data format'}`)
  }
  broker.notify('restore', 'g', database, key)
  session.reply.ok()
}

/** COPY source destination [DB database] [REPLACE]. */
export function copy(session: Session, request: Request): void {
  const [from, to] = [request.text(1), request.text(2)]
  let [target, replace] = [session.database, false]
  for (let at = 3; at < request.count; at++) {
    if (request.is(at, 'REPLACE')) replace = true
    else if (has(request, at, 'DB', 1)) target = databaseIn(request.text(++at))
    else fail(texts.syntax)
  }
  if (target === session.database && from === to) {
    fail('ERR source and destination objects are the same')
  }
  const { keys } = session.broker
  const entry = keys.find(session.database, from)
  if (entry === undefined) return session.reply.integer(0)
  if (!replace && keys.find(target, to) !== undefined) return session.reply.integer(0)
  const { expiresAt } = entry
  restore(
    keys,
    { database: target, key: to, expiresAt },
    binaryBytes(dump(entry, session.broker.minor)),
  )
  session.broker.notify('copy_to', 'g', target, to)
  session.reply.integer(1)
}

/** SORT key [BY nosort] [LIMIT offset count] [ASC | DESC] [ALPHA] [STORE key]. */
export function sort(session: Session, request: Request): void {
  let [descending, alpha, sorts, offset, count] = [false, false, true, 0, -1]
  let target: string | undefined
  for (let at = 2; at < request.count; at++) {
    if (request.is(at, 'ASC')) descending = false
    else if (request.is(at, 'DESC')) descending = true
    else if (request.is(at, 'ALPHA')) alpha = true
    else if (has(request, at, 'LIMIT', 2)) {
      offset = Math.max(0, integer(request.text(++at)))
      count = integer(request.text(++at))
    } else if (has(request, at, 'STORE', 1) && !request.is(0, 'SORT_RO')) {
      target = request.text(++at)
    } else if (has(request, at, 'BY', 1)) {
      if (request.text(++at).includes('*')) fail('ERR BY with a pattern of keys is not served')
      sorts = false
    } else if (has(request, at, 'GET', 1)) fail('ERR GET is not served')
    else fail(texts.syntax)
  }
  let items = itemsOf(session, request.text(1))
  if (sorts && alpha) items.sort((left, right) => (left < right ? -1 : left > right ? 1 : 0))
  else if (sorts) {
    const message = "ERR One or more scores can't be converted into double"
    const scores = new Map(items.map(item => [item, float(item, message)]))
    items.sort((left, right) => scores.get(left)! - scores.get(right)! || (left < right ? -1 : 1))
  }
  if (descending) items.reverse()
  items = items.slice(offset, count < 0 ? undefined : offset + count)
  if (target === undefined) return session.reply.bulks(items)
  const { broker, database } = session
  if (items.length > 0) broker.keys.set(database, target, 'list', new List(items))
  else if (broker.keys.delete(database, target)) broker.notify('del', 'g', database, target)
  session.reply.integer(items.length)
}

function itemsOf(session: Session, key: string): string[] {
  const entry = session.broker.keys.find(session.database, key)
  switch (entry?.type) {
    case undefined:
      return []
    case 'list':
      return [...(entry!.value as Values['list']).items]
    case 'set':
      return [...(entry!.value as Values['set']).keys()]
    case 'zset':
      return [...(entry!.value as Values['zset'])]
        .sort(([left, a], [right, b]) => a - b || (left < right ? -1 : 1))
        .map(([member]) => member)
    default:
      return fail(texts.wrongType)
  }
}
