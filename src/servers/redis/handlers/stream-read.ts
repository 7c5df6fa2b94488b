/**
 * XRANGE, XREVRANGE, XREAD, XREADGROUP: what hands out entries.
 * Engine: read; what a group has been given is noted lazily in the stream's table, except NOACK.
 */

import type { StoredRecord } from '../../../engine/model.ts'
import type { Reply } from '../../../wire/resp/reply.ts'
import { type Request, requestOf } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import {
  type Id,
  idOfKey,
  idText,
  maxId,
  nextId,
  writeEntry,
  writeFields,
  zeroId,
} from '../mapping.ts'
import type { Consumer, Pending } from '../pending.ts'
import type { Session } from '../session.ts'
import type { Group, Stream } from '../stream.ts'
import { entriesReadAt } from './stream-counters.ts'
import { has, integer, milliseconds, rangeId, id as readId } from './words.ts'

export function xrange(session: Session, request: Request): void {
  range(session, request, false)
}

export function xrevrange(session: Session, request: Request): void {
  range(session, request, true)
}

function range(session: Session, request: Request, backwards: boolean): void {
  const from = rangeId(request.text(backwards ? 3 : 2), 'start')
  const to = rangeId(request.text(backwards ? 2 : 3), 'end')
  let count = -1
  for (let at = 4; at < request.count; at += 2) {
    if (!has(request, at, 'COUNT', 1)) fail(texts.syntax)
    count = Math.max(0, integer(request.text(at + 1)))
  }
  const { reply } = session
  const stream = session.get(request.text(1), 'stream')
  if (stream === undefined) return reply.array(0)
  if (count === 0) return reply.nullArray()
  const hole = reply.hole()
  let found = 0
  const visit = (record: Parameters<typeof writeEntry>[1]): boolean => {
    writeEntry(reply, record)
    return ++found !== count
  }
  if (backwards) stream.forEachBackwards(from, to, visit)
  else stream.forEach(from, to, visit)
  reply.patch(hole, 'array', found)
}

interface Reading {
  readonly keysAt: number
  readonly streams: number
  readonly count: number
  readonly blockMs: number
  readonly noAck: boolean
  readonly group: string | undefined
  readonly consumer: string
  /** Pending entries that are idle for so long come first; -1: they do not come. */
  readonly claimMs: number
  readonly budget: Budget
}

/** What may be answered in all, whatever the number of streams (8.10). */
interface Budget {
  entries: number
  bytes: number
}

/** Counts an entry that has been written; false: no further one. */
function spend(budget: Budget, record: StoredRecord): boolean {
  budget.entries--
  budget.bytes -= record.envelope.length + record.body.length
  return budget.entries > 0 && budget.bytes > 0
}

function readArguments(session: Session, request: Request, isGroup: boolean): Reading {
  const isNew = session.broker.since('7.2')
  const hasPlus = session.broker.since('7.4')
  const name = isGroup ? 'XREADGROUP' : 'XREAD'
  let [keysAt, count, blockMs, noAck, consumer] = [0, 0, -1, false, '']
  let group: string | undefined
  let claimMs = -1
  const budget: Budget = { entries: Infinity, bytes: Infinity }
  const claims = session.broker.since('8.4')
  const hasBudget = session.broker.since('8.10')
  for (let at = 1; at < request.count && keysAt === 0; at++) {
    if (has(request, at, 'BLOCK', 1)) blockMs = milliseconds(request.text(++at))
    else if (has(request, at, 'COUNT', 1)) count = Math.max(0, integer(request.text(++at)))
    else if (has(request, at, 'STREAMS', 1)) {
      keysAt = at + 1
      if ((request.count - keysAt) % 2 !== 0) {
        const which = isNew ? `'${name.toLowerCase()}'` : 'XREAD'
        const ids =
          isGroup && isNew ? "an ID or '>'" : hasPlus ? "an ID, '+', or '$'" : "an ID or '$'"
        fail(
          `ERR Unbalanced ${which} list of streams: for each stream key ${ids} must be specified.`,
        )
      }
    } else if (has(request, at, 'GROUP', 2)) {
      if (!isGroup) {
        fail('ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.')
      }
      group = request.text(at + 1)
      consumer = request.text(at + 2)
      at += 2
    } else if (claims && has(request, at, 'CLAIM', 1)) {
      if (!isGroup) {
        fail('ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.')
      }
      claimMs = integer(request.text(++at))
      if (claimMs < 0) fail('ERR min-idle-time must be a positive integer')
    } else if (hasBudget && has(request, at, 'MAXCOUNT', 1)) {
      budget.entries = positive(request.text(++at), 'MAXCOUNT')
    } else if (hasBudget && has(request, at, 'MAXSIZE', 1)) {
      budget.bytes = positive(request.text(++at), 'MAXSIZE')
    } else if (request.is(at, 'NOACK')) {
      if (!isGroup) {
        fail('ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.')
      }
      noAck = true
    } else fail(texts.syntax)
  }
  if (keysAt === 0) fail(texts.syntax)
  if (isGroup && group === undefined) fail('ERR Missing GROUP option for XREADGROUP')
  const streams = (request.count - keysAt) / 2
  return { keysAt, streams, count, blockMs, noAck, group, consumer, claimMs, budget }
}

function positive(text: string, name: string): number {
  const value = integer(text)
  if (value < 1) fail(`ERR ${name} must be a positive integer`)
  return value
}

export function xread(session: Session, request: Request): void {
  const reading = readArguments(session, request, false)
  const { keysAt, streams } = reading
  const after: Id[] = []
  const lasts: boolean[] = []
  for (let index = 0; index < streams; index++) {
    const stream = session.get(request.text(keysAt + index), 'stream')
    const word = request.text(keysAt + streams + index)
    lasts.push(word === '+' && session.broker.since('7.4'))
    if (word === '$') after.push(stream?.lastId ?? zeroId)
    else if (lasts[index]) after.push(stream === undefined ? zeroId : stream.lastId)
    else if (word === '>') {
      fail(
        'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
      )
    } else after.push(readId(word))
  }
  const { reply } = session
  const hole = reply.hole()
  let served = 0
  const count = reading.count === 0 && session.retrying ? 1000 : reading.count
  for (let index = 0; index < streams; index++) {
    const key = request.text(keysAt + index)
    const stream = session.get(key, 'stream')
    if (stream === undefined || stream.length === 0) continue
    if (!lasts[index] && !hasAfter(stream, after[index]!)) continue
    if (reading.budget.entries <= 0 || reading.budget.bytes <= 0) continue
    served++
    if (reply.protocol === 2) reply.array(2)
    reply.bulk(key)
    if (lasts[index]) writeLast(session, stream, reading.budget)
    else writeAfter(session, stream, after[index]!, { count, budget: reading.budget })
  }
  if (served > 0) return reply.patch(hole, reply.protocol === 2 ? 'array' : 'map', served)
  reply.out.end = hole
  if (reading.blockMs < 0) return reply.nullArray()
  const words: string[] = []
  for (let at = 0; at < request.count; at++) {
    words.push(at < keysAt + streams ? request.text(at) : idText(after[at - keysAt - streams]!))
  }
  session.block(session.retrying ? request : requestOf(words), {
    keys: words.slice(keysAt, keysAt + streams),
    types: ['stream'],
    timeoutMs: reading.blockMs,
    onTimeout: to => to.nullArray(),
  })
}

/** Whether there is an entry after the id; the last id alone does not say, it may be deleted. */
function hasAfter(stream: Stream, id: Id): boolean {
  if (id >= stream.lastId) return false
  const next = nextId(id)
  return next !== undefined && stream.positionOf(next) < stream.next
}

function writeLast(session: Session, stream: Stream, budget: Budget): void {
  session.reply.array(1)
  stream.forEachBackwards(zeroId, maxId, record => {
    writeEntry(session.reply, record)
    spend(budget, record)
    return false
  })
}

function writeAfter(
  session: Session,
  stream: Stream,
  id: Id,
  { count, budget }: { readonly count: number; readonly budget: Budget },
): void {
  const { reply } = session
  const hole = reply.hole()
  let found = 0
  stream.forEach(nextId(id)!, maxId, record => {
    writeEntry(reply, record)
    found++
    return spend(budget, record) && found !== count
  })
  reply.patch(hole, 'array', found)
}

export function xreadgroup(session: Session, request: Request): void {
  const reading = readArguments(session, request, true)
  if (readNew(session, request, reading)) return
  const { keysAt, streams } = reading
  const groups: Group[] = []
  const history: (Id | undefined)[] = []
  for (let index = 0; index < streams; index++) {
    const key = request.text(keysAt + index)
    const stream = session.get(key, 'stream')
    const group = stream?.groups.get(reading.group!)
    if (group === undefined) fail(noGroup(session, key, reading.group!))
    groups.push(group)
    const word = request.text(keysAt + streams + index)
    if (word === '$') {
      fail(
        'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
      )
    }
    history.push(word === '>' ? undefined : readId(word))
  }
  const { reply } = session
  const hole = reply.hole()
  let served = 0
  const count = reading.count === 0 && session.retrying ? 1000 : reading.count
  const { budget, claimMs } = reading
  let claimableIn = Infinity
  for (let index = 0; index < streams; index++) {
    const key = request.text(keysAt + index)
    const stream = session.get(key, 'stream')!
    const group = groups[index]!
    const from = history[index]
    const claimed =
      from === undefined && claimMs >= 0 ? untilClaim(session, stream, group, claimMs) : Infinity
    claimableIn = Math.min(claimableIn, claimed)
    const isServed = from !== undefined || claimed <= 0 || hasNew(stream, group)
    if (!isServed || budget.entries <= 0 || budget.bytes <= 0) {
      if (session.broker.since('7.2')) consumerOf(session, stream, group, reading.consumer, key)
      continue
    }
    served++
    if (reply.protocol === 2) reply.array(2)
    reply.bulk(key)
    const consumer = consumerOf(session, stream, group, reading.consumer, key)
    if (from !== undefined) {
      writeHistory(session, stream, group, consumer, { after: from, count, budget })
    } else deliver(session, stream, group, consumer, { ...reading, count })
  }
  if (served > 0) return reply.patch(hole, reply.protocol === 2 ? 'array' : 'map', served)
  reply.out.end = hole
  if (reading.blockMs < 0) return reply.nullArray()
  session.block(request, {
    keys: Array.from({ length: streams }, (_, index) => request.text(keysAt + index)),
    types: ['stream'],
    timeoutMs: reading.blockMs,
    whenGone: true,
    againInMs: claimMs < 0 ? undefined : Math.min(claimableIn, Math.max(1, claimMs)),
    onTimeout: to => to.nullArray(),
  })
}

/**
 * The common case: what is new in one stream, and there is something. How many there are is known
 * before they are written.
 */
function readNew(session: Session, request: Request, reading: Reading): boolean {
  const { keysAt, count, claimMs, budget } = reading
  if (reading.streams !== 1 || claimMs >= 0 || request.sign(keysAt + 1) !== 0x3e) return false
  if (count < 1 || count > 1024 || budget.entries !== Infinity || budget.bytes !== Infinity) {
    return false
  }
  const key = request.text(keysAt)
  const stream = session.get(key, 'stream')
  const group = stream?.groups.get(reading.group!)
  if (stream === undefined || group === undefined || !hasNew(stream, group)) return false
  const consumer = consumerOf(session, stream, group, reading.consumer, key)
  if (group.position < 0) group.position = stream.positionOf(nextId(group.lastId)!)
  const records = stream.read({ position: group.position }, count)
  const { reply, now } = session
  if (reply.protocol === 2) {
    reply.array(1)
    reply.array(2)
  } else reply.map(1)
  reply.bulk(key)
  reply.array(records.length)
  for (const record of records) {
    const { key: idBytes } = record
    const id = idOfKey(idBytes)
    reply.array(2)
    reply.id(idBytes)
    writeFields(reply, record)
    pass(stream, group, record, id)
    if (!reading.noAck) stream.deliver(group, id, { consumer, at: now, count: 1 })
  }
  consumer.activeAt = now
  stream.saveGroup(group, !reading.noAck)
  stream.saveConsumer(group, consumer, true)
  return true
}

/** The group has been given the record. */
function pass(stream: Stream, group: Group, record: StoredRecord, id: Id): void {
  group.position = record.position + 1
  group.entriesRead = entriesReadAt(stream, group, id)
  group.lastId = id
}

/** Milliseconds until the oldest pending entry that is still there may be claimed. */
function untilClaim(session: Session, stream: Stream, group: Group, claimMs: number): number {
  for (let at = group.byTime.first; at !== undefined; at = at.after) {
    if (stream.entry(at.id) !== undefined) return at.deliveredAt + claimMs - session.now
  }
  return Infinity
}

function noGroup(session: Session, key: string, group: string): string {
  if (session.retrying && !session.broker.since('7.2')) {
    return 'NOGROUP the consumer group this client was blocked on no longer exists'
  }
  return `NOGROUP No such key '${key}' or consumer group '${group}' in XREADGROUP with GROUP option`
}

function hasNew(stream: Stream, group: Group): boolean {
  if (stream.length === 0) return false
  if (group.position >= 0) return group.position <= stream.lastPosition
  return group.lastId < stream.lastId && hasAfter(stream, group.lastId)
}

/** The consumer, made when it is new; it has been seen now. */
export function consumerOf(
  session: Session,
  stream: Stream,
  group: Group,
  name: string,
  key: string,
): Consumer {
  const known = group.consumers.get(name)
  if (known !== undefined) {
    known.seenAt = session.now
    stream.saveConsumer(group, known, true)
    return known
  }
  const consumer = stream.createConsumer(group, name, session.now)
  session.broker.notify('xgroup-createconsumer', 't', session.database, key)
  return consumer
}

/** Its own pending entries after an id, delivered once more; what is deleted has no fields. */
function writeHistory(
  session: Session,
  stream: Stream,
  group: Group,
  consumer: Consumer,
  how: { readonly after: Id; readonly count: number; readonly budget: Budget },
): void {
  const { after, count, budget } = how
  const { reply, now } = session
  const hole = reply.hole()
  const from = nextId(after)
  let found = 0
  if (from !== undefined) {
    for (const pending of consumer.pending.from(from)) {
      const { id } = pending
      const record = stream.entry(id)
      if (record !== undefined) {
        writeEntry(reply, record)
        pending.count++
        stream.hand(group, pending, consumer, now)
      } else {
        reply.array(2)
        reply.bulk(idText(id))
        reply.nullArray()
      }
      const goesOn = record === undefined ? --budget.entries > 0 : spend(budget, record)
      if (++found === count || !goesOn) break
    }
  }
  reply.patch(hole, 'array', found)
}

interface Delivering {
  readonly count: number
  readonly noAck: boolean
  readonly claimMs: number
  readonly budget: Budget
}

/** What is idle long enough first, where it was asked for, and then what is new. */
function deliver(
  session: Session,
  stream: Stream,
  group: Group,
  consumer: Consumer,
  how: Delivering,
): void {
  const { reply, now } = session
  const hole = reply.hole()
  const { budget } = how
  const claims = how.claimMs >= 0
  let found = claims ? claimIdle(session, stream, group, consumer, how) : 0
  if (group.position < 0) group.position = stream.positionOf(nextId(group.lastId)!)
  let left = how.count === 0 ? Infinity : how.count - found
  const before = found
  while (left > 0 && budget.entries > 0 && budget.bytes > 0) {
    const records = stream.read({ position: group.position }, Math.min(left, 1024))
    if (records.length === 0) break
    for (const record of records) {
      const id = idOfKey(record.key)
      if (claims) writeClaimed(reply, record, 0, 0)
      else writeEntry(reply, record)
      pass(stream, group, record, id)
      if (!how.noAck) stream.deliver(group, id, { consumer, at: now, count: 1 })
      found++
      left--
      if (!spend(budget, record)) break
    }
  }
  consumer.activeAt = now
  if (found > before) stream.saveGroup(group, !how.noAck)
  stream.saveConsumer(group, consumer, true)
  reply.patch(hole, 'array', found)
}

/** Hands over pending entries that have been idle for so long, the oldest first. */
function claimIdle(
  session: Session,
  stream: Stream,
  group: Group,
  consumer: Consumer,
  { count, claimMs, budget }: Delivering,
): number {
  const { reply, now } = session
  const idle: Pending[] = []
  for (let at = group.byTime.first; at !== undefined; at = at.after) {
    if (now - at.deliveredAt < claimMs) break
    idle.push(at)
  }
  let found = 0
  for (const pending of idle) {
    const record = stream.entry(pending.id)
    if (record === undefined) continue
    writeClaimed(reply, record, now - pending.deliveredAt, pending.count)
    pending.count++
    stream.hand(group, pending, consumer, now)
    found++
    if (!spend(budget, record) || found === count) break
  }
  return found
}

/** An entry as CLAIM answers it: with how long it was idle, and its deliveries before this one. */
function writeClaimed(reply: Reply, record: StoredRecord, idleMs: number, count: number): void {
  reply.array(4)
  reply.bulk(idText(idOfKey(record.key)))
  writeFields(reply, record)
  reply.integer(idleMs)
  reply.integer(count)
}
