/**
 * Sixteen databases of keys in memory, and the tables in which they are remembered:
 *
 *     redis            <database><key>    [type, expiry, value]     a stream's value is its number
 *                                                                   and its log
 *     redis-elements   <number><element>  the element's bytes       of a collection that is large:
 *                                                                   its value is {number}
 *
 * Changes are collected and written once, at the end of the turn: `flush`. Streams have tables of
 * their own. Nothing here knows connections.
 */

import { decodeUtf8 } from '../../base/bytes.ts'
import type { EngineDoor } from '../../engine/engine.ts'
import { errors, fail, texts } from './errors.ts'
import { json, logNameOf } from './mapping.ts'
import { Stream } from './stream.ts'
import { type Elements, Hash, List, Members, SortedSet } from './values.ts'

export interface Values {
  readonly string: string
  readonly hash: Hash
  readonly list: List
  readonly set: Members
  readonly zset: SortedSet
  readonly stream: Stream
}
export type Type = keyof Values

export interface Entry<T extends Type = Type> {
  readonly type: T
  value: Values[T]
  /** Wall-clock milliseconds; undefined: never. */
  expiresAt: number | undefined
  /** Of a collection whose elements are stored one by one. */
  number?: number | undefined
}

export const databaseCount = 16
const directory = 'redis'
const elementsTable = 'redis-elements'
/** With more elements than this a collection is stored element by element. */
const wholeMax = 64
const label = { redis: true } as const

export interface Change {
  readonly database: number
  readonly key: string
}

export class Keyspace {
  readonly engine: EngineDoor
  readonly #now: () => number
  readonly databases: Map<string, Entry>[] = []
  readonly #dirty = new Map<string, Change>()
  readonly #dirtyStreams = new Set<Stream>()
  #streams = 0
  #collections = 0
  /** Elements of collections that are no more: to be deleted. */
  readonly #goneElements: string[] = []
  /** Called for every change of a key: watchers, waiters. */
  onChange: (database: number, key: string) => void = () => {}
  onExpired: (database: number, key: string) => void = () => {}

  constructor(engine: EngineDoor, now: () => number) {
    this.engine = engine
    this.#now = now
    for (let at = 0; at < databaseCount; at++) this.databases.push(new Map())
    for (const table of [directory, elementsTable]) {
      if (engine.table(table) === undefined) engine.createTable(table)
    }
    this.#load()
  }

  /** The key's entry, unless its time is over. */
  find(database: number, key: string): Entry | undefined {
    const entry = this.databases[database]!.get(key)
    if (entry?.expiresAt === undefined || entry.expiresAt > this.#now()) return entry
    this.delete(database, key)
    this.onExpired(database, key)
    return undefined
  }

  get<T extends Type>(database: number, key: string, type: T): Values[T] | undefined {
    const entry = this.find(database, key)
    if (entry === undefined) return undefined
    if (entry.type !== type) fail(texts.wrongType)
    return entry.value as Values[T]
  }

  set<T extends Type>(
    database: number,
    key: string,
    type: T,
    value: Values[T],
    expiresAt?: number,
  ): void {
    const entry = this.databases[database]!.get(key)
    if (entry !== undefined && entry.value === value) entry.expiresAt = expiresAt
    else {
      if (entry !== undefined) this.#drop(entry)
      this.databases[database]!.set(key, { type, value, expiresAt })
    }
    this.changed(database, key)
  }

  /** A value has been changed in place. */
  changed(database: number, key: string): void {
    this.#dirty.set(String.fromCharCode(48 + database) + key, { database, key })
    this.onChange(database, key)
  }

  delete(database: number, key: string): boolean {
    const entry = this.databases[database]!.get(key)
    if (entry === undefined) return false
    this.#drop(entry)
    this.databases[database]!.delete(key)
    this.changed(database, key)
    return true
  }

  /** Moves the entry as it is; whatever has the new name is gone. */
  rename(from: Change, to: Change): void {
    const entry = this.databases[from.database]!.get(from.key)!
    this.databases[from.database]!.delete(from.key)
    this.delete(to.database, to.key)
    this.databases[to.database]!.set(to.key, entry)
    this.changed(from.database, from.key)
    this.changed(to.database, to.key)
  }

  clear(database: number): void {
    for (const key of [...this.databases[database]!.keys()]) this.delete(database, key)
  }

  swap(one: number, other: number): void {
    const [first, second] = [this.databases[one]!, this.databases[other]!]
    this.databases[one] = second
    this.databases[other] = first
    for (const key of new Set([...first.keys(), ...second.keys()])) {
      this.changed(one, key)
      this.changed(other, key)
    }
  }

  createStream(database: number, key: string): Stream {
    const number = ++this.#streams
    let log = logNameOf(database, key, number)
    if (this.engine.log(log) !== undefined) log = `redis.${database}.${number}`
    const created = this.engine.createLog(log, { labels: label })
    if (!created.ok) fail(errors[created.error])
    const stream = new Stream(this.engine, number, log)
    this.engine.createTable(stream.table)
    this.#adopt(stream)
    this.set(database, key, 'stream', stream)
    return stream
  }

  #adopt(stream: Stream): void {
    stream.onChange = () => this.#dirtyStreams.add(stream)
  }

  /** What the entry has on the disk besides itself goes with it. */
  #drop({ type, value, number }: Entry): void {
    if (type === 'stream') this.#dropStream(value as Stream)
    if (number === undefined) return
    const elements = value as unknown as Elements
    for (const name of new Set([...elements.names(), ...elements.takeChanges()])) {
      this.#goneElements.push(numberText(number) + name)
    }
  }

  #dropStream(stream: Stream): void {
    stream.discard()
    this.#dirtyStreams.delete(stream)
    this.engine.dropLog(stream.log)
    this.engine.dropTable(stream.table)
  }

  /** Writes what has changed. */
  flush(): void {
    if (this.#dirtyStreams.size > 0) {
      for (const stream of this.#dirtyStreams) stream.flush()
      this.#dirtyStreams.clear()
    }
    if (this.#dirty.size === 0) return
    const changes: [string, Uint8Array | undefined][] = []
    const elements: [string, Uint8Array | undefined][] = []
    for (const name of this.#goneElements) elements.push([name, undefined])
    this.#goneElements.length = 0
    for (const [field, { database, key }] of this.#dirty) {
      const entry = this.databases[database]!.get(key)
      if (entry !== undefined) this.#gatherElements(entry, elements)
      changes.push([field, entry === undefined ? undefined : encode(entry)])
    }
    this.#dirty.clear()
    if (elements.length === 0) {
      this.engine.put(directory, changes)
      return
    }
    this.engine.batch(() => {
      this.engine.put(elementsTable, elements)
      this.engine.put(directory, changes)
    })
  }

  /** The changed elements of a large collection; all of them when it has just become one. */
  #gatherElements(entry: Entry, into: [string, Uint8Array | undefined][]): void {
    if (!isCollection(entry.type)) return
    const value = entry.value as unknown as Elements
    const changed = value.takeChanges()
    if (entry.number === undefined && value.size <= wholeMax) return
    const isNew = entry.number === undefined
    entry.number ??= ++this.#collections
    const prefix = numberText(entry.number)
    for (const name of isNew ? value.names() : changed) {
      into.push([prefix + name, value.bytesOf(name)])
    }
  }

  #expiredAt = 0

  /** Takes out keys whose time is over; at most once a second, whoever asks. */
  expire(): void {
    const now = this.#now()
    if (Math.abs(now - this.#expiredAt) < 900) return
    this.#expiredAt = now
    for (let database = 0; database < databaseCount; database++) {
      for (const [key, { expiresAt }] of this.databases[database]!) {
        if (expiresAt !== undefined && expiresAt <= now) this.find(database, key)
      }
    }
  }

  #load(): void {
    const known = new Set<string>()
    const gone: [string, undefined][] = []
    const elements = this.#loadElements()
    for (const [field, bytes] of this.engine.table(directory)!) {
      const [type, expiresAt, value] = JSON.parse(decodeUtf8(bytes))
      const number: number | undefined = value?.number
      const entry = {
        type,
        expiresAt: expiresAt ?? undefined,
        value: decode(type, value, elements.get(number ?? -1)),
        number,
      }
      elements.delete(number ?? -1)
      if (type === 'stream') {
        const [number, log] = value as [number, string]
        const stream = new Stream(this.engine, number, log)
        this.#streams = Math.max(this.#streams, number)
        if (!stream.load()) {
          gone.push([field, undefined])
          continue
        }
        known.add(log)
        known.add(stream.table)
        this.#adopt(stream)
        entry.value = stream
      }
      this.databases[field.charCodeAt(0) - 48]!.set(field.slice(1), entry as Entry)
    }
    if (gone.length > 0) this.engine.put(directory, gone)
    const lost = [...elements].flatMap(([number, list]) =>
      list.map(([name]): [string, undefined] => [numberText(number) + name, undefined]),
    )
    if (lost.length > 0) this.engine.put(elementsTable, lost)
    this.#dropOrphans(known)
  }

  #loadElements(): Map<number, [string, Uint8Array][]> {
    const elements = new Map<number, [string, Uint8Array][]>()
    for (const [field, bytes] of this.engine.table(elementsTable)!) {
      const number = numberAt(field)
      this.#collections = Math.max(this.#collections, number)
      const list = elements.get(number)
      if (list === undefined) elements.set(number, [[field.slice(numberChars), bytes]])
      else list.push([field.slice(numberChars), bytes])
    }
    return elements
  }

  /** What a crash has left of a stream that nobody heard of, or of one that was deleted. */
  #dropOrphans(known: ReadonlySet<string>): void {
    for (const name of this.engine.logs()) {
      if (this.engine.log(name)?.config.labels['redis'] !== true || known.has(name)) continue
      this.engine.dropLog(name)
    }
    for (const name of this.engine.tables()) {
      if (!name.startsWith(`${directory}:`)) continue
      this.#streams = Math.max(this.#streams, Number(name.slice(directory.length + 1)))
      if (!known.has(name)) this.engine.dropTable(name)
    }
  }
}

function encode({ type, value, expiresAt, number }: Entry): Uint8Array {
  const plain =
    value instanceof Stream
      ? [value.number, value.log]
      : typeof value === 'string'
        ? value
        : number === undefined
          ? value.plain()
          : { number }
  return json([type, expiresAt ?? null, plain])
}

function isCollection(type: Type): boolean {
  return type !== 'string' && type !== 'stream'
}

/** Makes an empty value. */
export const makeValue = {
  hash: () => new Hash(),
  list: () => new List(),
  set: () => new Members(),
  zset: () => new SortedSet(),
} as const

function decode(
  type: Type,
  value: unknown,
  elements: readonly [string, Uint8Array][] | undefined,
): unknown {
  if (type === 'string' || type === 'stream') return value
  if (!Array.isArray(value)) {
    const made: Elements = makeValue[type]()
    made.load(elements ?? [])
    return made
  }
  switch (type) {
    case 'hash':
      return new Hash(value as [string, string][])
    case 'zset':
      return new SortedSet(
        (value as [string, number | string][]).map(([name, score]) => [name, Number(score)]),
      )
    case 'set':
      return new Members((value as string[]).map(name => [name, true]))
    case 'list':
      return new List(value as string[])
  }
}

/** Seven bits a character, as tables like it. */
const numberChars = 5

function numberText(number: number): string {
  let text = ''
  for (let shift = numberChars - 1; shift >= 0; shift--) {
    text += String.fromCharCode(Math.floor(number / 128 ** shift) % 128)
  }
  return text
}

function numberAt(field: string): number {
  let number = 0
  for (let index = 0; index < numberChars; index++) number = number * 128 + field.charCodeAt(index)
  return number
}
