/**
 * XGROUP, XACK, XPENDING, XCLAIM, XAUTOCLAIM: groups, and what they have been given.
 * Engine: the stream's table. Acknowledgements wait for the disk, claims do not.
 */

import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import { type Id, idAt, idText, maxId, nextId, parseId, writeEntry, zeroId } from '../mapping.ts'
import type { Consumer, Pending } from '../pending.ts'
import type { Session } from '../session.ts'
import type { Group, Stream } from '../stream.ts'
import { consumerOf } from './stream-read.ts'
import { has, integer, rangeId, id as readId } from './words.ts'

const missingKey =
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.'

function subcommandError(request: Request): never {
  const container = request.text(0).toUpperCase()
  fail(
    `ERR unknown subcommand or wrong number of arguments for '${request.text(1)}'. Try ${container} HELP.`,
  )
}

function groupOptions(request: Request, isCreate: boolean): { make: boolean; read: number } {
  let [make, read] = [false, -1]
  for (let at = 5; at < request.count; at++) {
    if (isCreate && request.is(at, 'MKSTREAM')) make = true
    else if (has(request, at, 'ENTRIESREAD', 1)) {
      read = integer(request.text(++at))
      if (read < 0 && read !== -1) fail('ERR value for ENTRIESREAD must be positive or -1')
    } else subcommandError(request)
  }
  return { make, read }
}

export function xgroupCreate(session: Session, request: Request): void {
  const { make, read } = groupOptions(request, true)
  const [key, name, word] = [request.text(2), request.text(3), request.text(4)]
  let stream = session.get(key, 'stream')
  if (stream === undefined && !make) fail(missingKey)
  const id = word === '$' ? (stream?.lastId ?? zeroId) : readId(word)
  if (stream?.groups.has(name) === true) fail('BUSYGROUP Consumer Group name already exists')
  stream ??= session.broker.keys.createStream(session.database, key)
  stream.createGroup(name, id, read)
  session.broker.notify('xgroup-create', 't', session.database, key)
  session.reply.ok()
}

function groupFor(session: Session, request: Request): [Stream, Group] {
  const [key, name] = [request.text(2), request.text(3)]
  const stream = session.get(key, 'stream') ?? fail(missingKey)
  const group = stream.groups.get(name)
  if (group === undefined) fail(`NOGROUP No such consumer group '${name}' for key name '${key}'`)
  return [stream, group]
}

export function xgroupSetId(session: Session, request: Request): void {
  const { read } = groupOptions(request, false)
  const [stream, group] = groupFor(session, request)
  const word = request.text(4)
  group.lastId =
    word === '$' ? stream.lastId : word === '-' ? zeroId : word === '+' ? maxId : readId(word)
  group.entriesRead = read
  group.position = -1
  stream.saveGroup(group, false)
  session.broker.notify('xgroup-setid', 't', session.database, request.text(2))
  session.broker.signal(session.database, request.text(2))
  session.reply.ok()
}

export function xgroupDestroy(session: Session, request: Request): void {
  const stream = session.get(request.text(2), 'stream') ?? fail(missingKey)
  const group = stream.groups.get(request.text(3))
  if (group === undefined) return session.reply.integer(0)
  stream.dropGroup(group)
  session.broker.notify('xgroup-destroy', 't', session.database, request.text(2))
  session.broker.signal(session.database, request.text(2))
  session.reply.integer(1)
}

export function xgroupCreateConsumer(session: Session, request: Request): void {
  const [stream, group] = groupFor(session, request)
  const name = request.text(4)
  if (group.consumers.has(name)) return session.reply.integer(0)
  stream.createConsumer(group, name, session.now)
  session.broker.notify('xgroup-createconsumer', 't', session.database, request.text(2))
  session.reply.integer(1)
}

export function xgroupDelConsumer(session: Session, request: Request): void {
  const [stream, group] = groupFor(session, request)
  const consumer = group.consumers.get(request.text(4))
  if (consumer === undefined) return session.reply.integer(0)
  const count = stream.dropConsumer(group, consumer)
  session.broker.notify('xgroup-delconsumer', 't', session.database, request.text(2))
  session.reply.integer(count)
}

export function xack(session: Session, request: Request): void {
  const stream = session.get(request.text(1), 'stream')
  const group = stream?.groups.get(request.text(2))
  if (stream === undefined || group === undefined) return session.reply.integer(0)
  if (request.count === 4)
    return session.reply.integer(acknowledge(stream, group, idIn(request, 3)))
  const ids: Id[] = []
  for (let at = 3; at < request.count; at++) ids.push(idIn(request, at))
  let count = 0
  for (const id of ids) count += acknowledge(stream, group, id)
  session.reply.integer(count)
}

function acknowledge(stream: Stream, group: Group, id: Id): number {
  const pending = group.pending.get(id)
  if (pending === undefined) return 0
  stream.forgetPending(group, pending)
  return 1
}

function idIn(request: Request, at: number): Id {
  return idAt(request, at) ?? fail(texts.badId)
}

export function groupOrFail(session: Session, request: Request): [Stream, Group] {
  const stream = session.get(request.text(1), 'stream')
  const group = stream?.groups.get(request.text(2))
  if (stream !== undefined && group !== undefined) return [stream, group]
  fail(`NOGROUP No such key '${request.text(1)}' or consumer group '${request.text(2)}'`)
}

export function xpending(session: Session, request: Request): void {
  const { count: words } = request
  if (words !== 3 && (words < 6 || words > 9)) fail(texts.syntax)
  if (words === 3) return summary(session, groupOrFail(session, request)[1])
  let at = 3
  let idleMin = 0
  if (request.is(3, 'IDLE')) {
    idleMin = integer(request.text(4))
    if (words < 8) fail(texts.syntax)
    at = 5
  }
  let count = Math.max(0, integer(request.text(at + 2)))
  const from = rangeId(request.text(at), 'start')
  const to = rangeId(request.text(at + 1), 'end')
  const [, group] = groupOrFail(session, request)
  const { reply, now } = session
  let list = group.pending
  if (at + 3 < words) {
    const consumer = group.consumers.get(request.text(at + 3))
    if (consumer === undefined) return reply.array(0)
    list = consumer.pending
  }
  const hole = reply.hole()
  let found = 0
  for (const pending of list.from(from)) {
    if (count === 0 || pending.id > to) break
    if (idleMin > 0 && now - pending.deliveredAt < idleMin) continue
    found++
    count--
    reply.array(4)
    reply.bulk(idText(pending.id))
    reply.bulk(pending.consumer?.name ?? '')
    reply.integer(Math.max(0, now - pending.deliveredAt))
    reply.integer(pending.count)
  }
  reply.patch(hole, 'array', found)
}

function summary({ reply }: Session, group: Group): void {
  reply.array(4)
  reply.integer(group.pending.size)
  const first = group.pending.atOrAfter(zeroId)
  if (first === undefined) {
    reply.null()
    reply.null()
    return reply.nullArray()
  }
  reply.bulk(idText(first.id))
  reply.bulk(idText(group.pending.last()!.id))
  const holders = sorted(group.consumers.values()).filter(({ pending }) => pending.size > 0)
  reply.array(holders.length)
  for (const { name, pending } of holders) {
    reply.array(2)
    reply.bulk(name)
    reply.bulk(String(pending.size))
  }
}

/** By name, as Redis lists them. */
export function sorted<T extends { readonly name: string }>(things: Iterable<T>): T[] {
  return [...things].sort((left, right) => (left.name < right.name ? -1 : 1))
}

interface Claim {
  readonly last: number
  readonly force: boolean
  readonly justId: boolean
  readonly retryCount: number
  readonly deliveredAt: number
  readonly lastId: Id
}

function claimOptions(request: Request, now: number): Claim {
  let at = 5
  while (at < request.count && parseId(request.text(at)) !== undefined) at++
  const last = at - 1
  let [force, justId, retryCount, deliveredAt, lastId] = [false, false, -1, -1, zeroId]
  const number = (name: string) =>
    integer(request.text(++at), `ERR Invalid ${name} option argument for XCLAIM`)
  for (; at < request.count; at++) {
    if (request.is(at, 'FORCE')) force = true
    else if (request.is(at, 'JUSTID')) justId = true
    else if (has(request, at, 'IDLE', 1)) deliveredAt = now - number('IDLE')
    else if (has(request, at, 'TIME', 1)) deliveredAt = number('TIME')
    else if (has(request, at, 'RETRYCOUNT', 1)) retryCount = number('RETRYCOUNT')
    else if (has(request, at, 'LASTID', 1)) lastId = readId(request.text(++at))
    else fail(`ERR Unrecognized XCLAIM option '${request.text(at)}'`)
  }
  if (deliveredAt < 0 || deliveredAt > now) deliveredAt = now
  return { last, force, justId, retryCount, deliveredAt, lastId }
}

export function xclaim(session: Session, request: Request): void {
  const [stream, group] = groupOrFail(session, request)
  const { reply, now } = session
  const text = 'ERR Invalid min-idle-time argument for XCLAIM'
  const idleMin = Math.max(0, integer(request.text(4), text))
  const claim = claimOptions(request, now)
  if (claim.lastId > group.lastId) {
    group.lastId = claim.lastId
    group.position = -1
    stream.saveGroup(group, false)
  }
  const hole = reply.hole()
  let found = 0
  let consumer: Consumer | undefined
  const isNew = session.broker.since('7.2')
  if (isNew) consumer = consumerOf(session, stream, group, request.text(3), request.text(1))
  for (let at = 5; at <= claim.last; at++) {
    const id = readId(request.text(at))
    let pending = group.pending.get(id)
    const record = stream.entry(id)
    if (record === undefined) {
      if (pending !== undefined) stream.forgetPending(group, pending)
      continue
    }
    if (pending?.consumer !== undefined && now - pending.deliveredAt < idleMin) continue
    if (pending === undefined && !claim.force) continue
    consumer ??= consumerOf(session, stream, group, request.text(3), request.text(1))
    pending ??= stream.deliver(group, id, { consumer, at: now, count: 1 })
    if (claim.retryCount >= 0) pending.count = claim.retryCount
    else if (!claim.justId) pending.count++
    stream.hand(group, pending, consumer, claim.deliveredAt)
    if (isNew) consumer.activeAt = now
    if (claim.justId) reply.bulk(idText(id))
    else writeEntry(reply, record)
    found++
  }
  reply.patch(hole, 'array', found)
}

export function xautoclaim(session: Session, request: Request): void {
  const text = 'ERR Invalid min-idle-time argument for XAUTOCLAIM'
  const idleMin = Math.max(0, integer(request.text(4), text))
  const from = rangeId(request.text(5), 'start')
  let [count, justId] = [100, false]
  for (let at = 6; at < request.count; at++) {
    if (has(request, at, 'COUNT', 1)) {
      count = integer(request.text(++at), 'ERR COUNT must be > 0')
      if (count < 1 || count > 2 ** 59) fail('ERR COUNT must be > 0')
    } else if (request.is(at, 'JUSTID')) justId = true
    else fail(texts.syntax)
  }
  const [stream, group] = groupOrFail(session, request)
  const { reply, now } = session
  const isNew = session.broker.since('7.2')
  let consumer: Consumer | undefined
  if (isNew) consumer = consumerOf(session, stream, group, request.text(3), request.text(1))
  const claimed: Pending[] = []
  const deleted: Id[] = []
  let attempts = count * 10
  let next = group.pending.atOrAfter(from)
  while (next !== undefined && attempts-- > 0 && count > 0) {
    const pending = next
    const after = nextId(pending.id)
    next = after === undefined ? undefined : group.pending.atOrAfter(after)
    if (stream.entry(pending.id) === undefined) {
      stream.forgetPending(group, pending)
      deleted.push(pending.id)
      count--
      continue
    }
    if (idleMin > 0 && now - pending.deliveredAt < idleMin) continue
    consumer ??= consumerOf(session, stream, group, request.text(3), request.text(1))
    if (!justId) pending.count++
    if (isNew) consumer.activeAt = now
    stream.hand(group, pending, consumer, now)
    claimed.push(pending)
    count--
  }
  reply.array(3)
  reply.bulk(idText(next?.id ?? zeroId))
  reply.array(claimed.length)
  for (const { id } of claimed) {
    if (justId) reply.bulk(idText(id))
    else writeEntry(reply, stream.entry(id)!)
  }
  reply.bulks(deleted.map(idText))
}
