/** Looking at what is there, and taking some of it out: peek, depth, remove, purge, drop. */

import type { Depth, Endpoint, Stored } from '../../driver.ts'
import { type Entry, readEntries, storedOf } from './entry.ts'
import type { Layout } from './layout.ts'
import { type Command, type Reply, replyCode } from './link.ts'
import {
  compareIds,
  groupSource,
  keyOf,
  parsePosition,
  positionOf,
  queueSource,
  type Source,
  type StreamRef,
} from './names.ts'
import { isNotFound, notFound, type Store } from './store.ts'

const rangeCount = 1000
/** A group's backlog is counted by reading where Redis does not know it; up to so many. */
const countMax = 20_000

/** A reply that is a flat list of names and values. */
function tableOf(reply: Reply): Map<string, Reply> {
  const list = reply as Reply[]
  const table = new Map<string, Reply>()
  for (let at = 0; at + 1 < list.length; at += 2) table.set(String(list[at]), list[at + 1])
  return table
}

async function groupsOf(store: Store, key: string): Promise<Map<string, Reply>[]> {
  try {
    const groups = (await store.link.command(['XINFO', 'GROUPS', key])) as Reply[]
    return groups.map(tableOf)
  } catch (error) {
    if (replyCode(error) === 'ERR') return []
    throw error
  }
}

async function groupOf(store: Store, key: string, group: string): Promise<Map<string, Reply>> {
  const all = await groupsOf(store, key)
  const found = all.find(one => one.get('name') === group)
  if (found === undefined) throw notFound(`${key} (group ${group})`)
  return found
}

export async function peek(store: Store, endpoint: Endpoint, count: number): Promise<Stored[]> {
  const source = queueSource(await store.layoutOf(endpoint))
  const all = await Promise.all(source.streams.map(stream => waiting(store, source, stream, count)))
  const list = all.flat()
  if (source.layout.keyed) list.sort((left, right) => compareIds(left.entry.id, right.entry.id))
  return list.slice(0, count).map(({ stream, entry }) => {
    return storedOf(entry, positionOf(stream.suffix, entry.id))
  })
}

/** What nobody has been handed yet. */
async function waiting(
  store: Store,
  { group, layout }: Source,
  stream: StreamRef,
  count: number,
): Promise<{ readonly stream: StreamRef; readonly entry: Entry }[]> {
  const last = (await groupOf(store, stream.key, group)).get('last-delivered-id')
  const range = ['XRANGE', stream.key, `(${last}`, '+', 'COUNT', String(count)]
  const entries = readEntries(layout.name, await store.link.bytes(range))
  return entries.map(entry => ({ stream, entry }))
}

export async function depth(store: Store, endpoint: Endpoint, group?: string): Promise<Depth> {
  const layout = await store.layoutOf(endpoint)
  if (layout.kind === 'queue') return queueDepth(store, queueSource(layout))
  if (group === undefined) {
    const ready = Number(await store.link.command(['XLEN', layout.name]))
    return { ready, leased: 0, delayed: 0, approximate: false }
  }
  return groupDepth(store, groupSource(layout, group))
}

async function queueDepth(store: Store, source: Source): Promise<Depth> {
  const commands = source.streams.flatMap(({ key }): Command[] => [
    ['XLEN', key],
    ['XPENDING', key, source.group],
  ])
  const later = `${source.prefix}later`
  const { now } = store
  const replies = await together(store, source.layout, [
    ...commands,
    ['ZCOUNT', later, `(${now}`, '+inf'],
    ['ZCOUNT', later, '-inf', String(now)],
  ])
  let leased = 0
  let held = 0
  for (let at = 0; at < source.streams.length; at++) {
    held += Number(replies[2 * at])
    leased += Number((replies[2 * at + 1] as Reply[])[0])
  }
  const [delayed, due] = replies.slice(-2).map(Number) as [number, number]
  // With keys, what is fetched ahead counts as leased.
  const ready = Math.max(0, held - leased) + due
  return { ready, leased, delayed, approximate: source.layout.keyed }
}

async function together(
  store: Store,
  layout: Layout,
  commands: readonly Command[],
): Promise<readonly Reply[]> {
  try {
    return (await store.link.together(commands))!
  } catch (error) {
    if (replyCode(error) === 'NOGROUP') throw notFound(layout.name)
    throw error
  }
}

async function groupDepth(store: Store, source: Source): Promise<Depth> {
  const [again, main] = source.streams as [StreamRef, StreamRef]
  const group = await groupOf(store, main.key, source.group)
  const back = await queueDepth(store, { ...source, streams: [again] })
  const lag = group.get('lag')
  const last = String(group.get('last-delivered-id'))
  const behind = typeof lag === 'number' ? lag : await countAfter(store, main.key, last)
  return {
    ready: behind + back.ready,
    leased: Number(group.get('pending')) + back.leased,
    delayed: back.delayed,
    approximate: typeof lag !== 'number' && behind >= countMax,
  }
}

async function countAfter(store: Store, key: string, id: string): Promise<number> {
  let count = 0
  for (let last = id; count < countMax; ) {
    const range = ['XRANGE', key, `(${last}`, '+', 'COUNT', String(rangeCount)]
    const entries = (await store.link.command(range)) as [string, unknown][]
    count += entries.length
    if (entries.length < rangeCount) return count
    last = entries.at(-1)![0]
  }
  return count
}

export async function remove(store: Store, endpoint: Endpoint, position: string): Promise<boolean> {
  const { suffix, id } = parsePosition(position)
  const { name } = endpoint
  if (suffix === 'later') {
    const gone: Command[] = [
      ['ZREM', keyOf(name, 'later'), id],
      ['DEL', keyOf(name, `m:${id}`)],
    ]
    return Number((await store.link.together(gone))![0]) === 1
  }
  const key = keyOf(name, suffix)
  const layout = await store.layoutOf(endpoint)
  if (layout.kind === 'queue') {
    const { group } = queueSource(layout)
    const pending = (await store.link.command(['XPENDING', key, group, id, id, '1'])) as Reply[]
    if (pending.length > 0) return false
  }
  return Number(await store.link.command(['XDEL', key, id])) === 1
}

export async function purge(store: Store, endpoint: Endpoint): Promise<number> {
  const layout = await store.layoutOf(endpoint)
  if (layout.kind === 'topic') {
    return Number(await store.link.command(['XTRIM', layout.name, 'MAXLEN', '0']))
  }
  const source = queueSource(layout)
  const counts = source.streams.map(stream => purgeStream(store, source, stream))
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}

async function purgeStream(store: Store, source: Source, { key }: StreamRef): Promise<number> {
  const { link } = store
  const [pending] = (await link.command(['XPENDING', key, source.group])) as number[]
  if (pending === 0) return Number(await link.command(['XTRIM', key, 'MAXLEN', '0']))
  let count = 0
  for (;;) {
    const last = (await groupOf(store, key, source.group)).get('last-delivered-id')
    const range = ['XRANGE', key, `(${last}`, '+', 'COUNT', String(rangeCount)]
    const entries = (await link.command(range)) as [string, unknown][]
    if (entries.length === 0) return count
    count += Number(await link.command(['XDEL', key, ...entries.map(([id]) => id)]))
  }
}

async function found(store: Store, endpoint: Endpoint): Promise<Layout | undefined> {
  try {
    return await store.layoutOf(endpoint)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Deletes all its keys. Deduplication ids expire by themselves, and no later queue knows them. */
export async function drop(store: Store, endpoint: Endpoint): Promise<void> {
  const layout = await found(store, endpoint)
  if (layout === undefined) return
  const { name } = layout
  store.forget(name)
  const sources: Source[] = []
  if (layout.kind === 'queue') sources.push(queueSource(layout))
  else {
    for (const group of await groupsOf(store, name)) {
      sources.push(groupSource(layout, String(group.get('name'))))
    }
  }
  const keys = [name, keyOf(name, 'meta')]
  for (const { streams, units, prefix } of sources) {
    const later = (await store.link.command(['ZRANGE', `${prefix}later`, '0', '-1'])) as string[]
    keys.push(...streams.map(({ key }) => key), `${prefix}later`, `${prefix}parked`)
    keys.push(`${prefix}members`, ...units.map((_, index) => `${prefix}owner:${index}`))
    keys.push(...later.map(id => `${prefix}m:${id}`))
  }
  await store.link.command(['UNLINK', ...keys])
}
