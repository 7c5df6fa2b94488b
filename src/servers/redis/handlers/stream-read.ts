/**
 * XRANGE, XREVRANGE, XREAD, XREADGROUP: what hands out entries.
 * Engine: read; what a group has been given is noted lazily in the stream's table, except NOACK.
 */

import { type Request, requestOf } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import { type Id, idOfKey, idText, maxId, nextId, writeEntry, zeroId } from '../mapping.ts'
import type { Consumer } from '../pending.ts'
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
}

function readArguments(session: Session, request: Request, isGroup: boolean): Reading {
  const isNew = session.broker.since('7.2')
  const hasPlus = session.broker.since('7.4')
  const name = isGroup ? 'XREADGROUP' : 'XREAD'
  let [keysAt, count, blockMs, noAck, consumer] = [0, 0, -1, false, '']
  let group: string | undefined
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
  return { keysAt, streams, count, blockMs, noAck, group, consumer }
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
    served++
    if (reply.protocol === 2) reply.array(2)
    reply.bulk(key)
    if (lasts[index]) writeLast(session, stream)
    else writeAfter(session, stream, after[index]!, count)
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

function writeLast(session: Session, stream: Stream): void {
  session.reply.array(1)
  stream.forEachBackwards(zeroId, maxId, record => {
    writeEntry(session.reply, record)
    return false
  })
}

function writeAfter(session: Session, stream: Stream, id: Id, count: number): void {
  const { reply } = session
  const hole = reply.hole()
  let found = 0
  stream.forEach(nextId(id)!, maxId, record => {
    writeEntry(reply, record)
    return ++found !== count
  })
  reply.patch(hole, 'array', found)
}

export function xreadgroup(session: Session, request: Request): void {
  const reading = readArguments(session, request, true)
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
  for (let index = 0; index < streams; index++) {
    const key = request.text(keysAt + index)
    const stream = session.get(key, 'stream')!
    const group = groups[index]!
    const from = history[index]
    const isNew = session.broker.since('7.2')
    if (from === undefined && !hasNew(stream, group)) {
      if (isNew) consumerOf(session, stream, group, reading.consumer, key)
      continue
    }
    served++
    if (reply.protocol === 2) reply.array(2)
    reply.bulk(key)
    const consumer = consumerOf(session, stream, group, reading.consumer, key)
    if (from !== undefined) writeHistory(session, stream, group, consumer, { after: from, count })
    else deliver(session, stream, group, consumer, { count, noAck: reading.noAck })
  }
  if (served > 0) return reply.patch(hole, reply.protocol === 2 ? 'array' : 'map', served)
  reply.out.end = hole
  if (reading.blockMs < 0) return reply.nullArray()
  session.block(request, {
    keys: Array.from({ length: streams }, (_, index) => request.text(keysAt + index)),
    types: ['stream'],
    timeoutMs: reading.blockMs,
    whenGone: true,
    onTimeout: to => to.nullArray(),
  })
}

function noGroup(session: Session, key: string, group: string): string {
  if (session.retrying && !session.broker.since('7.2')) {
    return 'NOGROUP the consumer group this client was blocked on no longer exists'
  }
  return `NOGROUP No such key '${key}' or consumer group '${group}' in XREADGROUP with GROUP option`
}

function hasNew(stream: Stream, group: Group): boolean {
  return stream.length > 0 && group.lastId < stream.lastId && hasAfter(stream, group.lastId)
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
  { after, count }: { readonly after: Id; readonly count: number },
): void {
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
        pending.deliveredAt = now
        pending.count++
        stream.savePending(group, pending, true)
      } else {
        reply.array(2)
        reply.bulk(idText(id))
        reply.nullArray()
      }
      if (++found === count) break
    }
  }
  reply.patch(hole, 'array', found)
}

function deliver(
  session: Session,
  stream: Stream,
  group: Group,
  consumer: Consumer,
  how: { readonly count: number; readonly noAck: boolean },
): void {
  const { reply, now } = session
  const hole = reply.hole()
  let found = 0
  if (group.position < 0) group.position = stream.positionOf(nextId(group.lastId)!)
  consumer.activeAt = now
  let left = how.count === 0 ? Infinity : how.count
  while (left > 0) {
    const records = stream.read({ position: group.position }, Math.min(left, 1024))
    if (records.length === 0) break
    for (const record of records) {
      const id = idOfKey(record.key)
      writeEntry(reply, record)
      group.position = record.position + 1
      group.entriesRead = entriesReadAt(stream, group, id)
      group.lastId = id
      if (!how.noAck) take(stream, group, consumer, id, now)
      found++
      left--
    }
  }
  stream.saveGroup(group, !how.noAck)
  stream.saveConsumer(group, consumer, true)
  reply.patch(hole, 'array', found)
}

/** Pending from now on; after SETID it may have been somebody else's. */
function take(stream: Stream, group: Group, consumer: Consumer, id: Id, now: number): void {
  let pending = group.pending.get(id)
  if (pending === undefined) {
    pending = { id, consumer, deliveredAt: now, count: 1 }
    group.pending.add(pending)
    consumer.pending.add(pending)
  } else {
    pending.consumer.pending.delete(id)
    pending.consumer = consumer
    pending.deliveredAt = now
    pending.count = 1
    consumer.pending.add(pending)
  }
  stream.savePending(group, pending, true)
}
