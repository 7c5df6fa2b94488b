/**
 * Values in Redis' own serialisation, both directions: what DUMP writes, a Redis of the same or a
 * later version restores, and what RESTORE reads may come from any version up to 8. Collections are
 * written in their oldest plain form, which all versions read.
 */

import {
  BadPayload,
  RdbReader,
  RdbWriter,
  readIntset,
  readListpack,
  writeListpack,
} from '../../wire/resp/rdb.ts'
import { requestOf } from '../../wire/resp/request.ts'
import { distanceFromFirst } from './handlers/stream-counters.ts'
import type { Entry, Keyspace, Type, Values } from './keyspace.ts'
import { type Id, idOf, idOfKey, idText, maxId, recordOf, wordsOf, zeroId } from './mapping.ts'
import type { Stream } from './stream.ts'
import { Hash, List, Members, SortedSet } from './values.ts'

const types = { string: 0, list: 1, set: 2, hash: 4, zset: 5 } as const
/** Streams: since 5.0, since 7.0, since 7.2. */
const streamTypes = [15, 19, 21] as const

/** `version`: the imitated one, as `minorOf` has it. */
export function dump(entry: Entry, version: number): string {
  const isNew = version >= 702
  const out = new RdbWriter()
  const { value } = entry
  if (typeof value === 'string') {
    out.u8(types.string)
    out.string(value)
  } else if (value instanceof List) {
    out.u8(types.list)
    out.length(value.size)
    for (const item of value.items) out.string(item)
  } else if (value instanceof Hash) {
    out.u8(types.hash)
    out.length(value.size)
    for (const [field, text] of value) {
      out.string(field)
      out.string(text)
    }
  } else if (value instanceof SortedSet) {
    out.u8(types.zset)
    out.length(value.size)
    for (const [member, score] of value) {
      out.string(member)
      out.f64(score)
    }
  } else if (value instanceof Members) {
    out.u8(types.set)
    out.length(value.size)
    for (const member of value.keys()) out.string(member)
  } else dumpStream(out, value, isNew)
  return out.finish(isNew ? 11 : 10)
}

const nodeEntries = 100

function halves(id: Id): [bigint, bigint] {
  const [ms = '0', sequence = '0'] = idText(id).split('-')
  return [BigInt(ms), BigInt(sequence)]
}

function writeId(out: RdbWriter, id: Id): void {
  for (const half of halves(id)) out.length(half)
}

function dumpStream(out: RdbWriter, stream: Stream, isNew: boolean): void {
  out.u8(streamTypes[isNew ? 2 : 1])
  const nodes: [Id, string][] = []
  let node: (string | bigint)[] = []
  let first = zeroId
  let count = 0
  const close = () => {
    node[0] = BigInt(count)
    if (count > 0) nodes.push([first, writeListpack(node)])
  }
  stream.forEach(zeroId, maxId, record => {
    const id = idOfKey(record.key)
    if (count === nodeEntries) close()
    if (count === 0 || count === nodeEntries) {
      first = id
      count = 0
      // No fields in common: each entry names its own.
      node = [0n, 0n, 0n, 0n]
    }
    const words = wordsOf(record)
    const [firstMs, firstSequence] = halves(first)
    const [ms, sequence] = halves(id)
    node.push(0n, ms - firstMs, sequence - firstSequence, BigInt(words.length / 2), ...words)
    node.push(BigInt(words.length + 4))
    count++
    return true
  })
  close()
  out.length(nodes.length)
  for (const [id, listpack] of nodes) {
    out.string(id)
    out.string(listpack)
  }
  out.length(stream.length)
  writeId(out, stream.lastId)
  writeId(out, stream.firstId)
  writeId(out, stream.maxDeletedId)
  out.length(stream.entriesAdded)
  dumpGroups(out, stream, isNew)
}

function dumpGroups(out: RdbWriter, stream: Stream, isNew: boolean): void {
  out.length(stream.groups.size)
  for (const group of stream.groups.values()) {
    out.string(group.name)
    writeId(out, group.lastId)
    out.length(group.entriesRead)
    out.length(group.pending.size)
    for (const pending of group.pending.from(zeroId)) {
      out.text(pending.id)
      out.u64(pending.deliveredAt)
      out.length(pending.count)
    }
    out.length(group.consumers.size)
    for (const consumer of group.consumers.values()) {
      out.string(consumer.name)
      out.u64(consumer.seenAt)
      if (isNew) out.u64(consumer.activeAt)
      out.length(consumer.pending.size)
      for (const { id } of consumer.pending.from(zeroId)) out.text(id)
    }
  }
}

/**
 * Makes the key of a payload; whatever had the name is gone. Throws `BadPayload`; then nothing has
 * changed.
 */
export function restore(
  keys: Keyspace,
  at: { readonly database: number; readonly key: string; readonly expiresAt: number | undefined },
  payload: Uint8Array,
): void {
  const { database, key, expiresAt } = at
  const input = new RdbReader(payload)
  const type = input.u8()
  const version = (streamTypes as readonly number[]).indexOf(type)
  if (version >= 0) {
    const image = readStream(input, version)
    keys.delete(database, key)
    fill(keys.createStream(database, key), image)
    const entry = keys.find(database, key)
    if (entry !== undefined) entry.expiresAt = expiresAt
    return
  }
  const [kind, value] = readPlain(input, type)
  keys.delete(database, key)
  keys.set(database, key, kind, value as Values[Type], expiresAt)
}

function readPlain(input: RdbReader, type: number): [Type, unknown] {
  if (type === types.string) return ['string', input.string()]
  if (Object.values(packedTypes).some(packed => packed === type)) return readPacked(input, type)
  const count = input.length()
  switch (type) {
    case types.list: {
      const items: string[] = []
      for (let left = count; left > 0; left--) items.push(input.string())
      return ['list', new List(items)]
    }
    case types.set: {
      const members = new Members()
      for (let left = count; left > 0; left--) members.set(input.string(), true)
      return ['set', members]
    }
    case types.hash: {
      const hash = new Hash()
      for (let left = count; left > 0; left--) hash.set(input.string(), input.string())
      return ['hash', hash]
    }
    case types.zset: {
      const zset = new SortedSet()
      for (let left = count; left > 0; left--) zset.set(input.string(), input.f64())
      return ['zset', zset]
    }
    default:
      throw new BadPayload(`type ${type}`)
  }
}

/** Small collections as packed lists; sets of whole numbers. Written by Redis 7 and later. */
const packedTypes = { intset: 11, hash: 16, zset: 17, list: 18, set: 20 } as const

function readPacked(input: RdbReader, type: number): [Type, unknown] {
  if (type === packedTypes.list) {
    const items: string[] = []
    for (let left = input.length(); left > 0; left--) {
      const isPlain = input.length() === 1
      const node = input.string()
      if (isPlain) items.push(node)
      else items.push(...readListpack(node).map(String))
    }
    return ['list', new List(items)]
  }
  if (type === packedTypes.intset) return ['set', membersOf(readIntset(input.string()))]
  const items = readListpack(input.string()).map(String)
  if (type === packedTypes.set) return ['set', membersOf(items)]
  if (items.length % 2 === 1) throw new BadPayload('pairs')
  const hash = new Hash()
  const zset = new SortedSet()
  for (let at = 0; at < items.length; at += 2) {
    if (type === packedTypes.hash) hash.set(items[at]!, items[at + 1]!)
    else zset.set(items[at]!, Number(items[at + 1]!.replace('inf', 'Infinity')))
  }
  return type === packedTypes.hash ? ['hash', hash] : ['zset', zset]
}

function membersOf(names: readonly string[]): Members {
  const members = new Members()
  for (const name of names) members.set(name, true)
  return members
}

interface StreamImage {
  readonly entries: readonly (readonly [Id, readonly string[]])[]
  readonly lastId: Id
  readonly maxDeletedId: Id
  /** Undefined: it was not counted then. */
  readonly added: number | undefined
  readonly groups: readonly GroupImage[]
}

interface GroupImage {
  readonly name: string
  readonly lastId: Id
  readonly entriesRead: number | undefined
  readonly pending: ReadonlyMap<Id, { readonly deliveredAt: number; readonly count: number }>
  readonly consumers: readonly {
    readonly name: string
    readonly seenAt: number
    readonly activeAt: number
    readonly ids: readonly Id[]
  }[]
}

function readId(input: RdbReader): Id {
  const ms = input.big()
  return idOf(ms, input.big())
}

function readStream(input: RdbReader, version: number): StreamImage {
  const entries: [Id, string[]][] = []
  for (let left = input.length(); left > 0; left--) {
    const first = input.string()
    readNode(first, readListpack(input.string()), entries)
  }
  const length = input.length()
  if (length !== entries.length) throw new BadPayload('the length of a stream')
  const lastId = readId(input)
  let maxDeletedId = zeroId
  let added: number | undefined
  if (version > 0) {
    readId(input)
    maxDeletedId = readId(input)
    added = input.length()
  }
  const groups: GroupImage[] = []
  for (let left = input.length(); left > 0; left--) groups.push(readGroup(input, version))
  if (!input.isAtEnd) throw new BadPayload('more than a stream')
  return { entries, lastId, maxDeletedId, added, groups }
}

function readNode(first: Id, node: (string | bigint)[], into: [Id, string[]][]): void {
  const [firstMs, firstSequence] = halves(first)
  let at = 2
  const number = (): bigint => {
    const value = node[at++]
    if (typeof value !== 'bigint') throw new BadPayload('a node of a stream')
    return value
  }
  const text = (): string => {
    if (at >= node.length) throw new BadPayload('a node of a stream')
    return String(node[at++])
  }
  const common: string[] = []
  for (let left = number(); left > 0n; left--) common.push(text())
  at++
  while (at < node.length) {
    const flags = number()
    const id = idOf(firstMs + number(), firstSequence + number())
    const words: string[] = []
    if ((flags & 2n) !== 0n) for (const field of common) words.push(field, text())
    else for (let left = number(); left > 0n; left--) words.push(text(), text())
    at++
    if ((flags & 1n) === 0n) into.push([id, words])
  }
}

function readGroup(input: RdbReader, version: number): GroupImage {
  const name = input.string()
  const lastId = readId(input)
  const read = version > 0 ? input.big() : undefined
  const pending = new Map<Id, { deliveredAt: number; count: number }>()
  for (let left = input.length(); left > 0; left--) {
    const id = input.text(16)
    pending.set(id, { deliveredAt: input.i64(), count: input.length() })
  }
  const consumers: GroupImage['consumers'][number][] = []
  for (let left = input.length(); left > 0; left--) {
    const consumer = input.string()
    const seenAt = input.i64()
    const activeAt = version > 1 ? input.i64() : seenAt
    const ids: Id[] = []
    for (let more = input.length(); more > 0; more--) ids.push(input.text(16))
    if (ids.some(id => !pending.has(id))) throw new BadPayload('a pending entry')
    consumers.push({ name: consumer, seenAt, activeAt, ids })
  }
  const entriesRead = read === undefined ? undefined : Number(BigInt.asIntN(64, read))
  return { name, lastId, entriesRead, pending, consumers }
}

function fill(stream: Stream, image: StreamImage): void {
  const limits = { entries: nodeEntries, bytes: 0 }
  for (const [id, words] of image.entries) {
    const record = recordOf(requestOf(words), 0, id, Number(halves(id)[0]))
    stream.append(record, id, limits)
  }
  stream.lastId = image.lastId
  stream.maxDeletedId = image.maxDeletedId
  stream.addedOffset = (image.added ?? image.entries.length) - stream.next
  for (const { name, lastId, entriesRead, pending, consumers } of image.groups) {
    const read = entriesRead ?? distanceFromFirst(stream, lastId)
    const group = stream.createGroup(name, lastId, read)
    for (const { name: consumerName, seenAt, activeAt, ids } of consumers) {
      const consumer = stream.createConsumer(group, consumerName, seenAt)
      consumer.activeAt = activeAt
      for (const id of ids) {
        const { deliveredAt, count } = pending.get(id)!
        stream.deliver(group, id, { consumer, at: deliveredAt, count })
      }
    }
    for (const [id, { count }] of pending) {
      if (group.pending.get(id) === undefined) stream.release(group, id, count)
    }
  }
  stream.saveMeta()
}
