/**
 * The four tests that every message of Kafka must pass, in every version: round trip, split at
 * every byte, truncate and flip, and agreement with the official descriptions where they are at
 * hand (`KAFKA_MESSAGES`: a folder with Kafka's message files, which its client's jar carries).
 */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ByteReader, ByteWriter, ShortInput } from '../../src/base/bytes.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { type AnyApi, apis } from '../../src/wire/kafka/apis.ts'
import { FrameReader } from '../../src/wire/kafka/frame.ts'
import type { Codec, Shape, WireType } from '../../src/wire/kafka/types.ts'
import { WireError } from '../../src/wire/schema/errors.ts'

interface Case {
  readonly name: string
  readonly codec: Codec<unknown, unknown>
  readonly type: WireType<unknown, unknown>
  readonly layout: { readonly version: number; readonly flexible: boolean }
}

function casesOf(api: AnyApi): Case[] {
  const cases: Case[] = []
  for (let version = api.first; version <= api.last; version++) {
    const layout = { version, flexible: api.isFlexible(version) }
    const name = `${api.name} v${version}`
    cases.push({
      name: `${name} request`,
      codec: api.request(version),
      type: api.requestType,
      layout,
    })
    cases.push({
      name: `${name} response`,
      codec: api.response(version),
      type: api.responseType,
      layout,
    })
  }
  return cases
}

const cases = [...apis.values()].flatMap(casesOf)

function encode(codec: Codec<unknown, unknown>, value: unknown): Uint8Array {
  const writer = new ByteWriter()
  codec.encode(writer, value)
  return writer.take()
}

test('every message survives a round trip, in every version', () => {
  const random = new SeededRandom(1)
  for (const { name, codec, type, layout } of cases) {
    for (let run = 0; run < 20; run++) {
      const value = type.sample(random, layout)
      const bytes = encode(codec, value)
      const reader = new ByteReader(bytes)
      deepEqual(plain(codec.decode(reader)), plain(value), name)
      equal(reader.left, 0, name)
    }
  }
})

/** Views and copies of octets are the same value. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
}

test('a stream of requests that is cut anywhere gives the same requests', () => {
  const random = new SeededRandom(2)
  const writer = new ByteWriter()
  const payloads: string[] = []
  for (const { codec, type, layout } of cases.slice(0, 60)) {
    const payload = encode(codec, type.sample(random, layout))
    payloads.push(Buffer.from(payload).toString('hex'))
    writer.u32(payload.length)
    writer.raw(payload)
  }
  const stream = writer.take()
  for (const step of [1, 2, 3, 5, 7, 64, 1000, stream.length]) {
    const frames: string[] = []
    const reader = new FrameReader()
    for (let at = 0; at < stream.length; at += step) {
      reader.push(stream.slice(at, at + step))
      for (;;) {
        const frame = reader.next()
        if (frame === undefined) break
        frames.push(Buffer.from(frame).toString('hex'))
      }
    }
    deepEqual(frames, payloads, `in steps of ${step}`)
  }
})

test('whatever is cut or flipped is decoded, or is a wire error with an offset', () => {
  const random = new SeededRandom(3)
  Error.stackTraceLimit = 0
  for (const api of apis.values()) {
    for (let version = api.first; version <= api.last; version++) {
      const layout = { version, flexible: api.isFlexible(version) }
      const bytes = encode(api.request(version), api.requestType.sample(random, layout))
      for (let end = 0; end < bytes.length; end++) tryDecode(api, version, bytes.slice(0, end))
      for (let run = 0; run < 50 && bytes.length > 0; run++) {
        const broken = bytes.slice()
        broken[random.below(broken.length)]! ^= 1 << random.below(8)
        tryDecode(api, version, broken)
      }
    }
  }
  Error.stackTraceLimit = 10
})

function tryDecode(api: AnyApi, version: number, bytes: Uint8Array): void {
  try {
    api.decodeRequest(new ByteReader(bytes), version)
  } catch (error) {
    ok(error instanceof WireError && !(error instanceof ShortInput), `${api.name}: ${error}`)
    ok(error.offset >= 0 && error.offset <= bytes.length, `${api.name}: ${error.message}`)
  }
}

const folder = process.env['KAFKA_MESSAGES']

test('the tables say what Kafka says', {
  skip: folder === undefined && 'no KAFKA_MESSAGES',
}, () => {
  const files = readdirSync(folder!)
  for (const api of apis.values()) {
    for (const kind of ['Request', 'Response'] as const) {
      const file = files.find(name => name === `${api.name}${kind}.json`)
      ok(file !== undefined, `${api.name}${kind} is described`)
      const official = readDescription(join(folder!, file))
      equal(api.key, official.apiKey, api.name)
      const [from, to] = rangeOf(official.validVersions)
      const shape = kind === 'Request' ? api.requestType.shape : api.responseType.shape
      for (let version = Math.max(from, api.first); version <= Math.min(to, api.last); version++) {
        equal(api.isFlexible(version), within(official.flexibleVersions, version), api.name)
        deepEqual(
          linesOf(shape, version, ''),
          officialLines(official.fields, version, '', official.commonStructs ?? []),
          `${api.name} ${kind} v${version}`,
        )
      }
    }
  }
})

interface OfficialField {
  readonly name: string
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly tag?: number
  readonly fields?: readonly OfficialField[]
}

interface Official {
  readonly apiKey: number
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly fields: readonly OfficialField[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: OfficialField[] }[]
}

function readDescription(path: string): Official {
  const text = readFileSync(path, 'utf8')
  return JSON.parse(text.replace(/^\s*\/\/.*$/gm, '').replace(/([,{[])\s*\/\/.*$/gm, '$1'))
}

function rangeOf(text: string | undefined): [number, number] {
  if (text === undefined || text === 'none') return [1, 0]
  if (text.endsWith('+')) return [Number(text.slice(0, -1)), Infinity]
  const [first, last = first] = text.split('-').map(Number)
  return [first!, last!]
}

function within(text: string | undefined, version: number): boolean {
  const [first, last] = rangeOf(text)
  return version >= first && version <= last
}

function officialLines(
  fields: readonly OfficialField[],
  version: number,
  path: string,
  structs: NonNullable<Official['commonStructs']>,
): string[] {
  return fields.flatMap(field => {
    if (!within(field.versions, version)) return []
    const name = `${path}${field.name[0]!.toLowerCase()}${field.name.slice(1)}`
    const element = field.type.replace('[]', '')
    const inner = field.fields ?? structs.find(each => each.name === element)?.fields
    const base = inner === undefined ? element : 'struct'
    const type = field.type.startsWith('[]') ? `[]${base}` : base
    const isNull = within(field.nullableVersions, version) ? '?' : ''
    const tag = within(field.taggedVersions, version) ? ` tag ${field.tag}` : ''
    const inside = inner === undefined ? [] : officialLines(inner, version, `${name}.`, structs)
    return [`${name}: ${type}${isNull}${tag}`, ...inside]
  })
}

function linesOf(shape: Shape, version: number, path: string): string[] {
  if (shape.kind === 'array') return linesOf(shape.of, version, path)
  if (shape.kind !== 'struct') return []
  return shape.fields.flatMap(field => {
    if (version < field.since || version > field.until) return []
    const { shape: inner } = field
    const base = inner.kind === 'array' ? `[]${nameOf(inner.of)}` : nameOf(inner)
    const range = inner.nullable
    const isNull = range !== undefined && version >= range.since && version <= range.until
    const tag = field.tag === undefined ? '' : ` tag ${field.tag}`
    return [
      `${path}${field.name}: ${base}${isNull ? '?' : ''}${tag}`,
      ...linesOf(inner, version, `${path}${field.name}.`),
    ]
  })
}

function nameOf(shape: Shape): string {
  return shape.kind === 'plain' ? shape.name : 'struct'
}
