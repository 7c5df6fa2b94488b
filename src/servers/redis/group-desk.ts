/** Redis' consumer groups for whoever looks after them: places, lag, resets, consumers put out. */

import type { GroupDesk, GroupReset, GroupView } from '../groups.ts'
import type { Broker } from './broker.ts'
import { type Id, idOf, idOfKey, idText, maxId, nextId, parseId, zeroId } from './mapping.ts'
import type { Group, Stream } from './stream.ts'

/** A group belongs to one stream: its name alone is not enough. */
const nameOf = (stream: Stream, group: Group): string => `${stream.log}:${group.name}`

interface Found {
  readonly stream: Stream
  readonly group: Group
  readonly database: number
  readonly key: string
}

export function groupDesk(broker: Broker): GroupDesk {
  const change = (name: string, apply: (found: Found) => string | undefined) => {
    const found = findGroup(broker, name)
    if (found === undefined) return `There is no group ${name}.`
    const refusal = apply(found)
    if (refusal !== undefined) return refusal
    broker.keys.flush()
    return undefined
  }
  return {
    list: () => [...allGroups(broker)].map(viewGroup).sort((a, b) => (a.group < b.group ? -1 : 1)),
    reset: (name, _log, to) =>
      change(name, found => {
        const id = idFor(found, to)
        if (id === undefined) return 'That is no id of an entry.'
        found.group.lastId = id
        found.group.entriesRead = -1
        found.group.position = -1
        found.stream.saveGroup(found.group, false)
        broker.signal(found.database, found.key)
        return undefined
      }),
    kick: (name, member) =>
      change(name, ({ stream, group }) => {
        const consumer = group.consumers.get(member)
        if (consumer === undefined) return `There is no consumer ${member}.`
        if (consumer.pending.size > 0) {
          return `${member} holds ${consumer.pending.size} entries, which would be lost to the group: claim them first.`
        }
        stream.dropConsumer(group, consumer)
        return undefined
      }),
    remove: name =>
      change(name, ({ stream, group, database, key }) => {
        stream.dropGroup(group)
        broker.signal(database, key)
        return undefined
      }),
  }
}

function* allGroups(broker: Broker): Generator<Found> {
  for (const [database, keys] of broker.keys.databases.entries()) {
    for (const [key, entry] of keys) {
      if (entry.type !== 'stream') continue
      const stream = entry.value as Stream
      for (const group of stream.groups.values()) yield { stream, group, database, key }
    }
  }
}

function findGroup(broker: Broker, name: string): Found | undefined {
  for (const found of allGroups(broker)) {
    if (nameOf(found.stream, found.group) === name) return found
  }
  return undefined
}

function viewGroup({ stream, group }: Found): GroupView {
  return {
    group: nameOf(stream, group),
    state: group.consumers.size === 0 ? 'Empty' : 'Stable',
    members: [...group.consumers.values()].map(({ name, pending }) => ({
      id: name,
      client: name,
      detail: `${pending.size} pending`,
    })),
    places: [
      {
        log: stream.log,
        at: idText(group.lastId),
        lag: lagOf(stream, group),
        pending: group.pending.size,
      },
    ],
  }
}

/** Entries behind the group's place; not known where entries in the middle were deleted. */
function lagOf(stream: Stream, group: Group): number | undefined {
  if (stream.length === 0 || group.lastId >= stream.lastId) return 0
  if (group.lastId < stream.firstId) return stream.length
  const after = nextId(group.lastId)
  if (after === undefined) return 0
  const behind = stream.next - stream.positionOf(after)
  return stream.maxDeletedId > group.lastId ? undefined : behind
}

function idFor({ stream, group }: Found, to: GroupReset): Id | undefined {
  if (to === 'earliest') return zeroId
  if (to === 'latest') return stream.lastId
  if (to === 'skip') {
    const after = nextId(group.lastId)
    let next: Id = group.lastId
    if (after === undefined) return next
    stream.forEach(after, maxId, record => {
      next = idOfKey(record.key)
      return false
    })
    return next
  }
  if ('time' in to) return to.time <= 0 ? zeroId : idOf(Math.floor(to.time) - 1, 0xffff_ffff)
  return parseId(to.at)
}
