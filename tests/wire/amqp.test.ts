/**
 * The four tests that every message of AMQP must pass: round trip, split at every byte, truncate
 * and flip, and agreement with an independent implementation (amqplib's generated definitions).
 */

import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import { SeededRandom } from '../../src/base/random.ts'
import {
  decodeProperties,
  encodeProperties,
  sampleProperties,
  writeDeliver,
} from '../../src/wire/amqp/content.ts'
import {
  FrameReader,
  frameMinSize,
  frameOverhead,
  protocolHeader,
  writeHeartbeat,
  writeMethodFrame,
} from '../../src/wire/amqp/frame.ts'
import {
  type MethodTable,
  methodsById,
  QueueDeclare,
  readMethodTable,
} from '../../src/wire/amqp/methods.ts'
import { WireError } from '../../src/wire/schema/errors.ts'
import { fuzz } from './fuzz.ts'

const methods = [...methodsById.values()]

function payloadOf(table: MethodTable, value: object): Uint8Array {
  const writer = new ByteWriter()
  writer.u32(table.id)
  table.encode(writer, value)
  return writer.take()
}

function decode(payload: Uint8Array): object {
  const reader = new ByteReader(payload)
  return readMethodTable(reader).decode(reader)
}

test('every method survives a round trip', () => {
  const random = new SeededRandom(1)
  for (const table of methods) {
    for (let run = 0; run < 200; run++) {
      const value = table.sample(random)
      const payload = payloadOf(table, value)
      const reader = new ByteReader(payload)
      equal(readMethodTable(reader), table)
      deepEqual(table.decode(reader), value, table.name)
      deepEqual(payloadOf(table, decode(payload)), payload, table.name)
    }
  }
})

test('reserved fields may be left out', () => {
  for (const table of methods) {
    const value = Object.entries(table.sample(new SeededRandom(2)))
    const without = Object.fromEntries(value.filter(([name]) => !name.startsWith('reserved')))
    deepEqual(
      { ...decode(payloadOf(table, without)), ...without },
      decode(payloadOf(table, without)),
    )
  }
})

/** A stream with a frame of every method, and contents of one and of several body frames. */
function everyFrame(): { bytes: Uint8Array; frames: string[] } {
  const random = new SeededRandom(4)
  const writer = new ByteWriter()
  for (const table of methods) writeMethodFrame(writer, 1, table, table.sample(random))
  writeHeartbeat(writer)
  const text = Uint8Array.of(0x61)
  for (const size of [0, 10, 2 * frameMinSize]) {
    const properties = encodeProperties(sampleProperties(random))
    const body = new Uint8Array(size).fill(0xce)
    const tag = Uint8Array.of(1, 0x61)
    writeDeliver(writer, 9, tag, 1, false, text, text, properties, body, frameMinSize)
  }
  const bytes = writer.take()
  return { bytes, frames: framesOf([bytes]) }
}

function framesOf(pieces: Iterable<Uint8Array>): string[] {
  const frames: string[] = []
  const reader = new FrameReader({ frameMax: frameMinSize })
  for (const piece of pieces) {
    reader.push(piece, (type, channel, payload) => {
      frames.push(`${type} ${channel} ${Buffer.from(payload).toString('latin1')}`)
    })
  }
  return frames
}

test('the same bytes cut at every index give the same frames', () => {
  const { bytes, frames } = everyFrame()
  equal(frames.length, methods.length + 1 + 3 * 2 + 1 + 3)
  for (let at = 0; at <= bytes.length; at += at > 8000 ? 7 : 1) {
    const cut = framesOf([bytes.slice(0, at), bytes.slice(at)])
    equal(cut.length, frames.length)
    ok(
      cut.every((frame, index) => frame === frames[index]),
      `cut at ${at}`,
    )
  }
})

test('the same bytes one at a time, and in pieces of any size, give the same frames', () => {
  const { bytes, frames } = everyFrame()
  for (const size of [1, 2, 3, 5, 7, 8, 9, 64, 1000, 4095, 4096, 4097]) {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size))
    deepEqual(framesOf(pieces), frames, `pieces of ${size}`)
  }
})

test('every method cut short anywhere is a wire error with an offset inside', () => {
  const random = new SeededRandom(5)
  for (const table of methods) {
    const payload = payloadOf(table, table.sample(random))
    for (let length = 0; length < payload.length; length++) {
      throws(
        () => decode(payload.slice(0, length)),
        (error: Error) =>
          error instanceof WireError && error.code === 502 && error.offset <= length,
        `${table.name} cut to ${length}`,
      )
    }
    throws(() => decode(Uint8Array.of(...payload, 0)), WireError)
  }
})

test('a method nobody knows is a 540', () => {
  throws(
    () => decode(Uint8Array.of(0, 60, 0, 41)),
    (error: Error) => error instanceof WireError && error.code === 540,
  )
})

test('every flipped bit of every method ends in a value or a wire error', () => {
  const random = new SeededRandom(6)
  for (const table of methods) {
    const payload = payloadOf(table, table.sample(random))
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const flipped = payload.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      try {
        decode(flipped)
      } catch (error) {
        ok(error instanceof WireError, `${table.name}, bit ${bit}`)
      }
    }
  }
})

test('lengths that lie allocate nothing', () => {
  const payload = payloadOf(QueueDeclare, {
    ...QueueDeclare.sample(new SeededRandom(8)),
    arguments: [],
  })
  const before = process.memoryUsage().arrayBuffers
  for (let run = 0; run < 1000; run++) {
    throws(() => decode(Uint8Array.of(...payload.slice(0, -4), 0x7f, 0xff, 0xff, 0xff)), WireError)
  }
  ok(process.memoryUsage().arrayBuffers - before < 10_000_000)
})

/** `node dist/tests/wire/fuzz.js` goes on for a million of them. */
test('mutated streams end in frames or wire errors, never in anything else', context => {
  const seed = Date.now()
  const runs = 40_000
  const { frames, refused, decoded } = fuzz(seed, runs)
  context.diagnostic(`${runs} runs from seed ${seed}: ${frames} frames, ${refused} refused`)
  ok(decoded > runs / 4)
  ok(refused > runs / 4)
})

/** amqplib's generated definitions, which it does not export. */
interface Definitions {
  readonly [name: string]: unknown
  readonly constants: { readonly [name: string]: number }
  encodeMethod(id: number, channel: number, fields: object): Uint8Array
  decode(id: number, payload: Uint8Array): { readonly [name: string]: unknown }
  encodeProperties(id: number, channel: number, size: number, fields: object): Uint8Array
}

interface Definition {
  readonly id: number
  readonly name: string
  readonly args: readonly { readonly name: string; readonly type: string }[]
}

async function amqplibDefinitions(): Promise<Definitions> {
  const entry = pathToFileURL(createRequire(import.meta.url).resolve('amqplib'))
  const module = await import(new URL('./lib/defs.js', entry).href)
  return module.default
}

function definitionsById(definitions: Definitions): Map<number, Definition> {
  const found = Object.values(definitions).filter(
    (value): value is Definition =>
      typeof value === 'object' && value !== null && 'args' in value && value !== null,
  )
  return new Map(
    found.filter(({ name }) => name !== 'BasicProperties').map(entry => [entry.id, entry]),
  )
}

test('ids, names and argument types are those of amqplib’s definitions', async () => {
  const theirs = definitionsById(await amqplibDefinitions())
  equal(theirs.size, methodsById.size)
  for (const [id, definition] of theirs) {
    const table = methodsById.get(id)
    ok(table !== undefined, definition.name)
    equal(table.name.replaceAll(/[.-]/g, ''), definition.name.toLowerCase())
    deepEqual(
      Object.values(table.fields).map(({ shape }) => shape.name),
      definition.args.map(({ type }) => type),
      table.name,
    )
    for (const [index, name] of Object.keys(table.fields).entries()) {
      if (name.startsWith('reserved')) continue
      equal(name.toLowerCase(), definition.args[index]!.name.toLowerCase(), table.name)
    }
  }
})

test('amqplib reads what we write, and writes the same', async () => {
  const definitions = await amqplibDefinitions()
  const random = new SeededRandom(9)
  for (const definition of definitionsById(definitions).values()) {
    const table = methodsById.get(definition.id)!
    for (let run = 0; run < 50; run++) {
      const value = sampleWithoutTables(table, random)
      const writer = new ByteWriter()
      writeMethodFrame(writer, 7, table, value)
      const frame = Buffer.from(writer.take())
      const fields = definitions.decode(table.id, frame.subarray(11, -1))
      deepEqual(Buffer.from(definitions.encodeMethod(table.id, 7, fields)), frame, table.name)
    }
  }
})

/** amqplib chooses integer types of its own for tables, so these stay empty. */
function sampleWithoutTables(table: MethodTable, random: SeededRandom): object {
  const entries = Object.entries(table.sample(random)).map(([name, value]) => {
    const kind = table.fields[name]!.shape.name
    if (kind === 'longlong') return [name, random.uint32()]
    return [name, kind === 'table' ? [] : value]
  })
  return Object.fromEntries(entries)
}

test('amqplib’s properties are ours', async () => {
  const definitions = await amqplibDefinitions()
  const random = new SeededRandom(10)
  for (let run = 0; run < 500; run++) {
    const { headers: _, ...properties } = sampleProperties(random)
    const frame = definitions.encodeProperties(60, 7, 1, properties)
    const theirs = frame.slice(7 + 12, frame.length - 1)
    deepEqual(decodeProperties(theirs), properties)
    deepEqual(Uint8Array.from(theirs), encodeProperties(properties))
  }
})

test('the constants are those of the protocol', async () => {
  const { constants } = await amqplibDefinitions()
  equal(constants['FRAME_MIN_SIZE'], frameMinSize)
  equal(frameOverhead, 8)
  equal(Buffer.from(protocolHeader).toString('latin1'), 'AMQP\0\0\x09\x01')
})
