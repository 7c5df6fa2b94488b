/** Kafka's groups for whoever looks after them: places, lag, resets, members put out. */

import type { EngineDoor } from '../../engine/engine.ts'
import type { GroupDesk, GroupPlace, GroupReset, GroupView } from '../groups.ts'
import type { Broker } from './broker.ts'
import { logName, partitionOf } from './mapping.ts'

export function groupDesk(broker: Broker): GroupDesk {
  return {
    list: () => {
      const { groups, modernGroups, shareGroups, offsets, shares } = broker
      const alive = [groups, modernGroups, shareGroups].map(each => [...each.keys()])
      const kinds = [...alive, offsets.groups, shares.groups]
      const names = new Set(kinds.flat())
      return [...names].sort().map(name => viewGroup(broker, name))
    },
    reset: (group, log, to) => reset(broker, { group, log, to }),
    kick: (name, member) => {
      const others = [broker.modernGroups.get(name), broker.shareGroups.get(name)]
      if (others.some(each => each?.kick(member) === true)) return undefined
      const group = broker.groups.get(name)
      if (group?.members.has(member) !== true) return `There is no member ${member} in ${name}.`
      const { instanceId } = group.members.get(member)!
      group.leave(member, instanceId)
      return undefined
    },
    remove: name => {
      if (memberCount(broker, name) > 0) return `${name} has members.`
      broker.groups.get(name)?.end()
      broker.groups.delete(name)
      broker.modernGroups.get(name)?.end()
      broker.modernGroups.delete(name)
      broker.offsets.removeGroup(name)
      broker.shareGroups.delete(name)
      broker.shares.removeGroup(name)
      return undefined
    },
  }
}

function memberCount({ groups, modernGroups, shareGroups }: Broker, name: string): number {
  const kinds = [groups.get(name), modernGroups.get(name), shareGroups.get(name)]
  return kinds.reduce((count, each) => count + (each?.members.size ?? 0), 0)
}

function viewGroup(broker: Broker, name: string): GroupView {
  const shared = broker.shareGroups.get(name)
  const group = broker.groups.get(name) ?? broker.modernGroups.get(name) ?? shared
  const places: GroupPlace[] = []
  for (const [topic, partitions] of broker.offsets.all(name)) {
    for (const partition of partitions) {
      const { offset } = broker.offsets.find(name, topic, partition)!
      const log = logName(topic, partition)
      const info = broker.engine.log(log)
      const start = info === undefined ? 0 : broker.topics.start(log, info.first)
      const lag = info === undefined ? undefined : Math.max(0, info.next - Math.max(offset, start))
      places.push({ log, at: String(offset), lag, pending: 0 })
    }
  }
  places.push(...sharedPlaces(broker, name))
  return {
    group: name,
    state: group?.state ?? 'Empty',
    members: [...(group?.members.values() ?? [])].map(({ id, clientId, clientHost }) => ({
      id,
      client: clientId,
      detail: clientHost,
    })),
    places,
  }
}

/** Where a share group is: the first record that is not done, and how many are under way. */
function sharedPlaces({ shares, topics, engine }: Broker, name: string): GroupPlace[] {
  return [...shares.all(name)].flatMap(([topicId, partitions]) =>
    partitions.flatMap(partition => {
      const log = topics.byId(topicId)?.logs[partition]
      const share = shares.known(name, { topicId, partition })
      const info = log === undefined ? undefined : engine.log(log)
      if (log === undefined || share === undefined || info === undefined) return []
      const start = Math.max(share.start, topics.start(log, info.first))
      const lag = Math.max(0, info.next - start - share.doneAhead)
      return [{ log, at: String(start), lag, pending: share.held }]
    }),
  )
}

interface Reset {
  readonly group: string
  readonly log: string
  readonly to: GroupReset
}

function reset(broker: Broker, { group, log, to }: Reset): string | undefined {
  const members = memberCount(broker, group)
  if (members > 0) {
    return `${group} has ${members} members, which would not notice: stop them first.`
  }
  if (broker.isShared(group)) {
    return `${group} is a share group: kafka-share-groups.sh --reset-offsets moves it.`
  }
  const place = partitionOf(log)
  const topic = place === undefined ? undefined : broker.topics.find(place.topic)
  const info = broker.engine.log(log)
  if (place === undefined || topic?.logs[place.partition] !== log || info === undefined) {
    return `There is no partition ${log}.`
  }
  const first = broker.topics.start(log, info.first)
  const now = broker.offsets.find(group, place.topic, place.partition)?.offset ?? first
  const wanted = offsetFor(broker.engine, { log, to, first, next: info.next, now })
  if (typeof wanted === 'string') return wanted
  const offset = Math.min(info.next, Math.max(first, wanted))
  const change = { ...place, offset, epoch: -1, metadata: '', time: broker.clock.now() }
  broker.offsets.commit(group, [change])
  return undefined
}

function offsetFor(
  engine: EngineDoor,
  from: {
    readonly log: string
    readonly to: GroupReset
    readonly first: number
    readonly next: number
    readonly now: number
  },
): number | string {
  const { to } = from
  if (to === 'earliest') return from.first
  if (to === 'latest') return from.next
  if (to === 'skip') return from.now + 1
  if ('time' in to) {
    const found = engine.read(from.log, to, { countMax: 1, bytesMax: 1 })
    return (found.ok ? found.value[0]?.position : undefined) ?? from.next
  }
  const offset = Number(to.at)
  return Number.isSafeInteger(offset) && offset >= 0 ? offset : `“${to.at}” is no offset.`
}
