/**
 * A stream: an engine log of entries, and beside it what Redis remembers besides entries. The log
 * says what there is; the table `redis:<number>` holds the rest:
 *
 *     m            last id, largest deleted id, offset of the count of added entries, next position
 *     g name       a group: number, last id, entries read
 *     c group name a consumer: number, seen, active
 *     p group id   a pending entry: consumer (0: nobody's), time, count
 *     i producer message   the id of a message that a producer may send again (IDMP)
 *
 * Adding an entry writes nothing here: the last id is the last record's key, and the entries added
 * are counted by the positions.
 */

import { decodeUtf8 } from '../../base/bytes.ts'
import type { EngineDoor } from '../../engine/engine.ts'
import type { RecordInput, StoredRecord } from '../../engine/model.ts'
import { errors, fail } from './errors.ts'
import { fieldOf, Idempotence } from './idempotence.ts'
import {
  binaryBytes,
  exactU64,
  type Id,
  idOf,
  idOfKey,
  json,
  maxId,
  nextId,
  zeroId,
} from './mapping.ts'
import { type Consumer, type Pending, PendingList, TimeOrder } from './pending.ts'

export interface Group {
  readonly name: string
  readonly number: number
  lastId: Id
  /** -1: not known. */
  entriesRead: number
  readonly pending: PendingList
  readonly byTime: TimeOrder
  readonly consumers: Map<string, Consumer>
  consumersMade: number
  /** Where the first record after `lastId` is, at the earliest; -1: look for it. */
  position: number
}

/** What Redis calls a node of the radix tree: the unit of approximate trimming. */
interface Node {
  readonly first: number
  live: number
  total: number
  bytes: number
  /** Halves of the last id that it has had, deleted or not; NaN: see `last`. */
  lastMs: number
  lastSequence: number
  /** That id where its halves are beyond 2^53; undefined with NaN: not known since the restart. */
  last: Id | undefined
}

function nodeAt(first: number): Node {
  const last = { lastMs: Number.NaN, lastSequence: 0, last: undefined }
  return { first, live: 0, total: 0, bytes: 0, ...last }
}

/** As Redis sees it: an id counts though its entry is deleted. `otherwise`: as far as is known. */
function endsBefore(node: Node, id: Id, otherwise: boolean): boolean {
  const last = lastOf(node)
  return last === undefined ? otherwise : last < id
}

function lastOf({ last, lastMs, lastSequence }: Node): Id | undefined {
  return Number.isNaN(lastMs) ? last : idOf(lastMs, lastSequence)
}

/** What becomes of a group's pending entries when their entry is deleted (8.2). */
export type RefPolicy = 'KEEPREF' | 'DELREF' | 'ACKED'

/** How full a node gets; 0: no limit. */
export interface NodeLimits {
  readonly entries: number
  readonly bytes: number
}

const readBytes = 8 * 1024 * 1024

export class Stream {
  readonly engine: EngineDoor
  readonly number: number
  readonly log: string
  readonly table: string
  length = 0
  /** The last id's halves; NaN where they are beyond 2^53. */
  lastMs = 0
  lastSequence = 0
  #lastId: Id | undefined = zeroId
  maxDeletedId: Id = zeroId
  /** Entries added minus the log's next position. */
  addedOffset = 0
  next = 0
  readonly groups = new Map<string, Group>()
  groupsMade = 0
  readonly idempotence = new Idempotence()
  nodes: Node[] = []
  #firstId: Id | undefined
  /** What is to be written to the table, and whether somebody waits for it. */
  readonly #changes = new Map<string, Uint8Array | undefined>()
  readonly #savedGroups = new Set<Group>()
  readonly #savedConsumers = new Map<Consumer, Group>()
  readonly #savedPending = new Map<Pending, Group>()
  urgent = false
  onChange: (stream: Stream) => void = () => {}

  constructor(engine: EngineDoor, number: number, log: string) {
    this.engine = engine
    this.number = number
    this.log = log
    this.table = `redis:${number}`
  }

  /** Made of its halves when somebody asks for it: adding entries does not. */
  get lastId(): Id {
    this.#lastId ??= idOf(this.lastMs, this.lastSequence)
    return this.#lastId
  }

  set lastId(id: Id) {
    this.#lastId = id
    this.lastMs = exactU64(id, 0)
    this.lastSequence = exactU64(id, 8)
  }

  get entriesAdded(): number {
    return this.next + this.addedOffset
  }

  #lastPosition: number | undefined

  /** Position of the last entry; -1: there is none. */
  get lastPosition(): number {
    if (this.#lastPosition === undefined) {
      this.#lastPosition = -1
      this.forEachBackwards(zeroId, maxId, record => {
        this.#lastPosition = record.position
        return false
      })
    }
    return this.#lastPosition
  }

  get firstId(): Id {
    if (this.length === 0) return zeroId
    this.#firstId ??= idOfKey(this.read({ position: 0 }, 1)[0]!.key)
    return this.#firstId
  }

  read(from: { position: number } | { key: Uint8Array }, countMax: number): StoredRecord[] {
    const outcome = this.engine.read(this.log, from, { countMax, bytesMax: readBytes })
    return outcome.ok ? outcome.value : fail(errors[outcome.error])
  }

  /** Position of the first record at or after an id. */
  positionOf(id: Id): number {
    if (id <= zeroId) return 0
    if (id > this.lastId) return this.next
    const [record] = this.read({ key: binaryBytes(id) }, 1)
    return record === undefined ? this.next : record.position
  }

  entry(id: Id): StoredRecord | undefined {
    if (this.length === 0 || id > this.lastId) return undefined
    const [record] = this.read({ key: binaryBytes(id) }, 1)
    return record !== undefined && idOfKey(record.key) === id ? record : undefined
  }

  /** Calls back for the records of [from, to], in order, until it answers false. */
  forEach(from: Id, to: Id, visit: (record: StoredRecord) => boolean): void {
    if (from > to || this.length === 0 || from > this.lastId) return
    let position = this.positionOf(from)
    let count = 16
    while (true) {
      const records = this.read({ position }, count)
      for (const record of records) {
        if (idOfKey(record.key) > to || !visit(record)) return
        position = record.position + 1
      }
      if (records.length === 0) return
      count = Math.min(1024, count * 4)
    }
  }

  forEachBackwards(from: Id, to: Id, visit: (record: StoredRecord) => boolean): void {
    if (from > to || this.length === 0) return
    const after = to === maxId ? undefined : nextId(to)
    let end = after === undefined || after > this.lastId ? this.next : this.positionOf(after)
    let step = 16
    while (end > 0) {
      const start = Math.max(0, end - step)
      const records = this.read({ position: start }, end - start).filter(
        record => record.position < end,
      )
      for (let index = records.length - 1; index >= 0; index--) {
        const record = records[index]!
        if (idOfKey(record.key) < from || !visit(record)) return
      }
      end = start
      step = Math.min(4096, step * 4)
    }
  }

  append(record: RecordInput, id: Id, limits: NodeLimits): void {
    const node = this.#append(record, limits)
    this.lastId = id
    node.last = id
    node.lastMs = Number.NaN
  }

  /** The same for an id whose halves are both below 2^53. */
  appendAt(
    record: RecordInput,
    id: { readonly ms: number; readonly sequence: number },
    limits: NodeLimits,
  ): void {
    const node = this.#append(record, limits)
    this.lastMs = node.lastMs = id.ms
    this.lastSequence = node.lastSequence = id.sequence
    this.#lastId = undefined
  }

  #append(record: RecordInput, limits: NodeLimits): Node {
    const position = this.engine.appendOne(this.log, record)
    if (typeof position === 'string') fail(errors[position])
    if (this.length === 0) this.#firstId = undefined
    this.length++
    this.next = position + 1
    this.#lastPosition = position
    const size = record.envelope.length + record.body.length
    let node = this.nodes[this.nodes.length - 1]
    if (
      node === undefined ||
      (limits.entries > 0 && node.total >= limits.entries) ||
      (limits.bytes > 0 && node.bytes + size >= limits.bytes)
    ) {
      node = nodeAt(position)
      this.nodes.push(node)
    }
    node.live++
    node.total++
    node.bytes += size
    return node
  }

  /** Takes entries out by their ids; answers those that were there. */
  remove(ids: readonly Id[]): Id[] {
    const removed: Id[] = []
    const positions: number[] = []
    const seen = new Set<Id>()
    for (const id of ids) {
      const record = seen.has(id) ? undefined : this.entry(id)
      if (record === undefined) continue
      seen.add(id)
      removed.push(id)
      positions.push(record.position)
      if (id > this.maxDeletedId) this.maxDeletedId = id
    }
    if (positions.length === 0) return removed
    this.#cut(positions)
    this.saveMeta()
    return removed
  }

  #cut(positions: readonly number[]): void {
    const outcome = this.engine.trim(this.log, { positions })
    if (!outcome.ok) fail(errors[outcome.error])
    this.length -= outcome.value.count
    this.#firstId = undefined
    this.#lastPosition = undefined
    for (const position of positions) {
      const at = this.#nodeOf(position)
      const node = this.nodes[at]
      if (node !== undefined && --node.live <= 0) this.nodes.splice(at, 1)
    }
  }

  #nodeOf(position: number): number {
    let low = 0
    let high = this.nodes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.nodes[middle]!.first <= position) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /**
   * Trims to a length or up to an id, as Redis does: whole nodes while they may go, then, unless it
   * is approximate, single entries of the next one.
   */
  trim(how: {
    readonly maxLength?: number | undefined
    readonly minId?: Id | undefined
    readonly approximate: boolean
    readonly limit: number
    readonly policy: RefPolicy
  }): number {
    const { maxLength, minId, approximate, limit } = how
    if (how.policy !== 'KEEPREF') return this.#trimByReferences({ ...how, policy: how.policy })
    const before = this.length
    const minPosition = minId === undefined ? 0 : this.positionOf(minId)
    let nodes = 0
    let left = this.length
    let deleted = 0
    let to = -1
    while (nodes < this.nodes.length) {
      if (maxLength !== undefined && left <= maxLength) break
      const node = this.nodes[nodes]!
      if (limit > 0 && deleted + node.live > limit) break
      const end = this.nodes[nodes + 1]?.first ?? this.next
      const goes =
        maxLength !== undefined
          ? left - node.live >= maxLength
          : endsBefore(node, minId!, minPosition >= end)
      if (!goes) break
      nodes++
      left -= node.live
      deleted += node.live
      to = end
    }
    if (nodes > 0) this.#trimBefore(to, nodes)
    if (!approximate && (maxLength === undefined || this.length > maxLength)) {
      this.#trimExact(maxLength, minPosition)
    }
    if (this.length !== before) {
      this.#firstId = undefined
      if (this.length === 0) this.#lastPosition = -1
      if (this.length === 0) this.saveMeta()
    }
    return before - this.length
  }

  /** Entry by entry, because groups have a say: node after node while whole ones may go. */
  #trimByReferences(how: {
    readonly maxLength?: number | undefined
    readonly minId?: Id | undefined
    readonly limit: number
    readonly policy: RefPolicy
  }): number {
    const { maxLength, minId, limit, policy } = how
    const minPosition = minId === undefined ? 0 : this.positionOf(minId)
    const gone: number[] = []
    const isOver = (position: number): boolean =>
      maxLength !== undefined ? this.length - gone.length > maxLength : position < minPosition
    for (let index = 0; index < this.nodes.length; index++) {
      const node = this.nodes[index]!
      const end = this.nodes[index + 1]?.first ?? this.next
      if (!isOver(node.first) || (limit > 0 && gone.length + node.live > limit)) break
      const goesWhole =
        maxLength !== undefined
          ? this.length - gone.length - node.live >= maxLength
          : endsBefore(node, minId!, minPosition >= end)
      const records = this.read({ position: node.first }, node.live)
      for (const { position, key } of records) {
        if (position >= end || !isOver(position)) break
        const id = idOfKey(key)
        if (policy === 'ACKED' && this.isReferenced(id)) continue
        if (policy === 'DELREF') this.forgetEverywhere(id)
        gone.push(position)
      }
      if (!goesWhole) break
    }
    if (gone.length === 0) return 0
    this.#cut(gone)
    if (this.length === 0) this.saveMeta()
    return gone.length
  }

  #trimBefore(position: number, nodes: number): void {
    const outcome = this.engine.trim(this.log, { before: position })
    if (!outcome.ok) fail(errors[outcome.error])
    this.length -= outcome.value.count
    this.nodes.splice(0, nodes)
  }

  #trimExact(maxLength: number | undefined, minPosition: number): void {
    const what = maxLength !== undefined ? { countMax: maxLength } : { before: minPosition }
    const outcome = this.engine.trim(this.log, what)
    if (!outcome.ok) fail(errors[outcome.error])
    const { count } = outcome.value
    this.length -= count
    const node = this.nodes[0]
    if (node !== undefined) node.live -= count
    if (node !== undefined && node.live <= 0) this.nodes.shift()
  }

  // What the table holds

  saveMeta(): void {
    const meta = [this.lastId, this.maxDeletedId, this.addedOffset, this.next, this.groupsMade]
    this.#note('m', json([...meta, ...this.idempotence.counters()]))
  }

  /** A producer's message has been added; whoever sends it again is answered its id. */
  remember(producer: string, message: string, id: Id): void {
    for (const field of this.idempotence.add(producer, message, id)) this.#note(field, undefined)
    this.#note(fieldOf(producer, message), binaryBytes(id))
    this.saveMeta()
  }

  /** Forgets messages of producers whose time is over, or all. */
  forgetMessages(before: number): void {
    for (const field of this.idempotence.expire(before)) this.#note(field, undefined)
  }

  // Encoded by `flush`: one that changes with every command of a chunk is written once.

  saveGroup(group: Group, lazy: boolean): void {
    this.#savedGroups.add(group)
    this.#changed(lazy)
  }

  saveConsumer(group: Group, consumer: Consumer, lazy: boolean): void {
    this.#savedConsumers.set(consumer, group)
    this.#changed(lazy)
  }

  savePending(group: Group, pending: Pending, lazy: boolean): void {
    this.#savedPending.set(pending, group)
    this.#changed(lazy)
  }

  #changed(lazy: boolean): void {
    if (!lazy) this.urgent = true
    this.onChange(this)
  }

  forgetPending(group: Group, pending: Pending): void {
    group.pending.delete(pending.id)
    group.byTime.delete(pending)
    pending.consumer?.pending.delete(pending.id)
    this.#savedPending.delete(pending)
    this.#note(`p${groupText(group)}${pending.id}`, undefined)
  }

  #note(field: string, value: Uint8Array | undefined): void {
    this.#changes.set(field, value)
    this.#changed(false)
  }

  flush(): void {
    const changes: [string, Uint8Array | undefined][] = [...this.#changes]
    for (const group of this.#savedGroups) changes.push([`g${group.name}`, groupBytes(group)])
    for (const [consumer, group] of this.#savedConsumers) {
      changes.push([`c${groupText(group)}${consumer.name}`, consumerBytes(consumer)])
    }
    for (const [pending, group] of this.#savedPending) {
      changes.push([`p${groupText(group)}${pending.id}`, pendingBytes(pending)])
    }
    const lazy = !this.urgent
    this.discard()
    if (changes.length > 0) this.engine.put(this.table, changes, { lazy })
  }

  /** Forgets changes that are not written: the stream is dropped. */
  discard(): void {
    this.#changes.clear()
    this.#savedGroups.clear()
    this.#savedConsumers.clear()
    this.#savedPending.clear()
    this.urgent = false
  }

  /** A new pending entry of a group, or an old one that is delivered anew, to whomever. */
  deliver(
    group: Group,
    id: Id,
    to: { readonly consumer: Consumer; readonly at: number; readonly count: number },
  ): Pending {
    const { consumer, at, count } = to
    let pending = group.pending.get(id)
    if (pending === undefined) {
      pending = { id, consumer, deliveredAt: at, count }
      group.pending.add(pending)
      group.byTime.add(pending)
      consumer.pending.add(pending)
      this.savePending(group, pending, true)
    } else {
      pending.count = count
      this.hand(group, pending, consumer, at)
    }
    return pending
  }

  /** Another consumer has it from now on, or nobody. */
  hand(group: Group, pending: Pending, consumer: Consumer | undefined, deliveredAt: number): void {
    if (pending.consumer !== consumer) {
      pending.consumer?.pending.delete(pending.id)
      pending.consumer = consumer
      consumer?.pending.add(pending)
    }
    group.byTime.delete(pending)
    pending.deliveredAt = deliveredAt
    group.byTime.add(pending)
    this.savePending(group, pending, true)
  }

  /** Nobody's from now on, and the first to be claimed. */
  release(group: Group, id: Id, count: number): void {
    const known = group.pending.get(id)
    const pending: Pending = known ?? { id, consumer: undefined, deliveredAt: 0, count }
    pending.count = count
    if (known === undefined) {
      group.pending.add(pending)
      group.byTime.add(pending)
    }
    this.hand(group, pending, undefined, 0)
  }

  /** Some group has not read the entry yet, or has it pending. */
  isReferenced(id: Id): boolean {
    for (const { lastId, pending } of this.groups.values()) {
      if (lastId < id || pending.get(id) !== undefined) return true
    }
    return false
  }

  /** No group has the entry pending any more. */
  forgetEverywhere(id: Id): void {
    for (const group of this.groups.values()) {
      const pending = group.pending.get(id)
      if (pending !== undefined) this.forgetPending(group, pending)
    }
  }

  createGroup(name: string, lastId: Id, entriesRead: number): Group {
    const group = makeGroup(name, ++this.groupsMade, lastId, entriesRead)
    this.groups.set(name, group)
    this.saveMeta()
    this.saveGroup(group, false)
    return group
  }

  dropGroup(group: Group): void {
    this.groups.delete(group.name)
    this.#savedGroups.delete(group)
    this.#note(`g${group.name}`, undefined)
    for (const consumer of group.consumers.values()) {
      this.#savedConsumers.delete(consumer)
      this.#note(`c${groupText(group)}${consumer.name}`, undefined)
    }
    for (const pending of group.pending.from(zeroId)) {
      this.#savedPending.delete(pending)
      this.#note(`p${groupText(group)}${pending.id}`, undefined)
    }
  }

  createConsumer(group: Group, name: string, now: number): Consumer {
    const number = ++group.consumersMade
    const pending = new PendingList()
    const consumer: Consumer = { name, number, seenAt: now, activeAt: -1, pending }
    group.consumers.set(name, consumer)
    this.saveGroup(group, false)
    this.saveConsumer(group, consumer, false)
    return consumer
  }

  dropConsumer(group: Group, consumer: Consumer): number {
    const held = [...consumer.pending.from(zeroId)]
    for (const pending of held) this.forgetPending(group, pending)
    group.consumers.delete(consumer.name)
    this.#savedConsumers.delete(consumer)
    this.#note(`c${groupText(group)}${consumer.name}`, undefined)
    return held.length
  }

  /** After a restart: from the log and the table. */
  load(): boolean {
    const info = this.engine.log(this.log)
    const table = this.engine.table(this.table)
    if (info === undefined || table === undefined) return false
    this.length = info.count
    this.next = info.next
    let next = 0
    const meta = table.get('m')
    if (meta !== undefined) {
      const [lastId, maxDeletedId, addedOffset, at, made, ...counters] = JSON.parse(
        decodeUtf8(meta),
      )
      Object.assign(this, { lastId, maxDeletedId, addedOffset, groupsMade: made })
      next = at
      this.idempotence.load(counters, table)
    }
    if (this.length > 0) {
      this.forEachBackwards(zeroId, maxId, record => {
        if (record.position >= next || idOfKey(record.key) > this.lastId) {
          this.lastId = idOfKey(record.key)
        }
        return false
      })
    }
    for (let first = info.first, left = info.count; left > 0; first += 100, left -= 100) {
      const live = Math.min(100, left)
      this.nodes.push({ ...nodeAt(first), live, total: live })
    }
    this.#loadGroups(table)
    return true
  }

  #loadGroups(table: ReadonlyMap<string, Uint8Array>): void {
    const byNumber = new Map<string, Group>()
    for (const [field, value] of table) {
      if (field[0] !== 'g') continue
      const [number, lastId, entriesRead, made] = JSON.parse(decodeUtf8(value))
      const group = makeGroup(field.slice(1), number, lastId, entriesRead)
      group.consumersMade = made
      this.groups.set(group.name, group)
      byNumber.set(groupText(group), group)
    }
    const consumers = new Map<string, Consumer>()
    for (const [field, value] of table) {
      if (field[0] !== 'c') continue
      const group = byNumber.get(field.slice(1, 5))
      const [number, seenAt, activeAt] = JSON.parse(decodeUtf8(value))
      const name = field.slice(5)
      const consumer = { name, number, seenAt, activeAt, pending: new PendingList() }
      group?.consumers.set(name, consumer)
      consumers.set(`${field.slice(1, 5)}${number}`, consumer)
    }
    const loaded: [Group, Pending][] = []
    for (const [field, value] of table) {
      if (field[0] !== 'p') continue
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
      const group = byNumber.get(field.slice(1, 5))
      const number = view.getUint32(0)
      const consumer = consumers.get(`${field.slice(1, 5)}${number}`)
      if (group === undefined || (consumer === undefined && number > 0)) continue
      const times = { deliveredAt: view.getFloat64(4), count: view.getFloat64(12) }
      const pending: Pending = { id: field.slice(5), consumer, ...times }
      group.pending.add(pending)
      consumer?.pending.add(pending)
      loaded.push([group, pending])
    }
    loaded.sort(([, left], [, right]) => left.deliveredAt - right.deliveredAt)
    for (const [group, pending] of loaded) group.byTime.add(pending)
  }
}

function makeGroup(name: string, number: number, lastId: Id, entriesRead: number): Group {
  const pending = new PendingList()
  const consumers = new Map<string, Consumer>()
  const byTime = new TimeOrder()
  const counters = { entriesRead, consumersMade: 0, position: -1 }
  return { name, number, lastId, pending, byTime, consumers, ...counters }
}

function groupBytes({ number, lastId, entriesRead, consumersMade }: Group): Uint8Array {
  return json([number, lastId, entriesRead, consumersMade])
}

function consumerBytes({ number, seenAt, activeAt }: Consumer): Uint8Array {
  return json([number, seenAt, activeAt])
}

function pendingBytes({ consumer, deliveredAt, count }: Pending): Uint8Array {
  const value = new Uint8Array(20)
  const view = new DataView(value.buffer)
  view.setUint32(0, consumer?.number ?? 0)
  view.setFloat64(4, deliveredAt)
  view.setFloat64(12, count)
  return value
}

function groupText({ number }: Group): string {
  return String.fromCharCode(
    (number >>> 21) & 127,
    (number >>> 14) & 127,
    (number >>> 7) & 127,
    number & 127,
  )
}
