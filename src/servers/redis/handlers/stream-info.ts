/** XINFO: what a stream, its groups and their consumers look like. */

import type { StoredRecord } from '../../../engine/model.ts'
import type { Reply } from '../../../wire/resp/reply.ts'
import type { Request } from '../../../wire/resp/request.ts'
import { fail, texts } from '../errors.ts'
import { idText, maxId, writeEntry, zeroId } from '../mapping.ts'
import type { Session } from '../session.ts'
import type { Group, Stream } from '../stream.ts'
import { lagOf } from './stream-counters.ts'
import { sorted } from './stream-group.ts'
import { integer } from './words.ts'

function pair(reply: Reply, name: string, value: number | string | undefined): void {
  reply.bulk(name)
  if (value === undefined) reply.null()
  else if (typeof value === 'number') reply.integer(value)
  else reply.bulk(value)
}

function streamOf(session: Session, request: Request): Stream {
  return session.get(request.text(2), 'stream') ?? fail(texts.noKey)
}

export function xinfoStream(session: Session, request: Request): void {
  const isFull = request.count > 3
  const wrong =
    (request.count !== 3 && request.count !== 4 && request.count !== 6) ||
    (isFull && !request.is(3, 'FULL')) ||
    (request.count === 6 && !request.is(4, 'COUNT'))
  const stream = streamOf(session, request)
  if (wrong) {
    fail(
      `ERR unknown subcommand or wrong number of arguments for '${request.text(1)}'. Try XINFO HELP.`,
    )
  }
  let count = request.count === 6 ? integer(request.text(5)) : 10
  if (count < 0) count = 10
  const { reply } = session
  const isIdempotent = session.broker.since('8.6')
  reply.map((isFull ? 9 : 10) + (isIdempotent ? 6 : 0))
  pair(reply, 'length', stream.length)
  pair(reply, 'radix-tree-keys', stream.nodes.length)
  pair(reply, 'radix-tree-nodes', stream.nodes.length + 1)
  pair(reply, 'last-generated-id', idText(stream.lastId))
  pair(reply, 'max-deleted-entry-id', idText(stream.maxDeletedId))
  pair(reply, 'entries-added', stream.entriesAdded)
  pair(reply, 'recorded-first-entry-id', idText(stream.firstId))
  if (isIdempotent) {
    const { idempotence } = stream
    stream.forgetMessages(session.now - idempotence.durationS * 1000)
    pair(reply, 'idmp-duration', idempotence.durationS)
    pair(reply, 'idmp-maxsize', idempotence.sizeMax)
    pair(reply, 'pids-tracked', idempotence.producers.size)
    pair(reply, 'iids-tracked', idempotence.messages)
    pair(reply, 'iids-added', idempotence.added)
    pair(reply, 'iids-duplicates', idempotence.duplicates)
  }
  if (isFull) return full(session, stream, count)
  pair(reply, 'groups', stream.groups.size)
  const write = (record: StoredRecord): boolean => {
    writeEntry(reply, record)
    return false
  }
  reply.bulk('first-entry')
  if (stream.length === 0) reply.null()
  else stream.forEach(zeroId, maxId, write)
  reply.bulk('last-entry')
  if (stream.length === 0) reply.null()
  else stream.forEachBackwards(zeroId, maxId, write)
}

function full(session: Session, stream: Stream, count: number): void {
  const { reply } = session
  reply.bulk('entries')
  const hole = reply.hole()
  let found = 0
  stream.forEach(zeroId, maxId, record => {
    writeEntry(reply, record)
    return ++found !== count
  })
  reply.patch(hole, 'array', found)
  reply.bulk('groups')
  reply.array(stream.groups.size)
  for (const group of sorted(stream.groups.values())) fullGroup(session, stream, group, count)
}

function fullGroup(session: Session, stream: Stream, group: Group, count: number): void {
  const { reply } = session
  const isNew = session.broker.since('7.2')
  const hasReleased = session.broker.since('8.8')
  reply.map(hasReleased ? 8 : 7)
  pair(reply, 'name', group.name)
  pair(reply, 'last-delivered-id', idText(group.lastId))
  pair(reply, 'entries-read', group.entriesRead === -1 ? undefined : group.entriesRead)
  pair(reply, 'lag', lagOf(stream, group))
  pair(reply, 'pel-count', group.pending.size)
  if (hasReleased) pair(reply, 'nacked-count', group.byTime.released)
  reply.bulk('pending')
  const shown = [...group.pending.from(zeroId)].slice(0, count === 0 ? undefined : count)
  reply.array(shown.length)
  for (const pending of shown) {
    reply.array(4)
    reply.bulk(idText(pending.id))
    reply.bulk(pending.consumer?.name ?? '')
    reply.integer(pending.deliveredAt)
    reply.integer(pending.count)
  }
  reply.bulk('consumers')
  reply.array(group.consumers.size)
  for (const consumer of sorted(group.consumers.values())) {
    reply.map(isNew ? 5 : 4)
    pair(reply, 'name', consumer.name)
    pair(reply, 'seen-time', consumer.seenAt)
    if (isNew) pair(reply, 'active-time', consumer.activeAt)
    pair(reply, 'pel-count', consumer.pending.size)
    reply.bulk('pending')
    const own = [...consumer.pending.from(zeroId)].slice(0, count === 0 ? undefined : count)
    reply.array(own.length)
    for (const pending of own) {
      reply.array(3)
      reply.bulk(idText(pending.id))
      reply.integer(pending.deliveredAt)
      reply.integer(pending.count)
    }
  }
}

export function xinfoGroups(session: Session, request: Request): void {
  const stream = streamOf(session, request)
  const { reply } = session
  reply.array(stream.groups.size)
  for (const group of sorted(stream.groups.values())) {
    reply.map(6)
    pair(reply, 'name', group.name)
    pair(reply, 'consumers', group.consumers.size)
    pair(reply, 'pending', group.pending.size)
    pair(reply, 'last-delivered-id', idText(group.lastId))
    pair(reply, 'entries-read', group.entriesRead === -1 ? undefined : group.entriesRead)
    pair(reply, 'lag', lagOf(stream, group))
  }
}

export function xinfoConsumers(session: Session, request: Request): void {
  const stream = streamOf(session, request)
  const [key, name] = [request.text(2), request.text(3)]
  const group = stream.groups.get(name)
  if (group === undefined) fail(`NOGROUP No such consumer group '${name}' for key name '${key}'`)
  const { reply, now } = session
  const isNew = session.broker.since('7.2')
  reply.array(group.consumers.size)
  for (const consumer of sorted(group.consumers.values())) {
    reply.map(isNew ? 4 : 3)
    pair(reply, 'name', consumer.name)
    pair(reply, 'pending', consumer.pending.size)
    pair(reply, 'idle', Math.max(0, now - consumer.seenAt))
    if (!isNew) continue
    const { activeAt } = consumer
    pair(reply, 'inactive', activeAt < 0 ? -1 : Math.max(0, now - activeAt))
  }
}
