/**
 * Sends broken bytes through every AMQP codec: streams of valid frames, then mutated. Whatever
 * comes out must be a `WireError` with an offset inside the input, or a value that encodes to the
 * same bytes again. A run depends on its seed alone; a failure prints the line that repeats it.
 *
 *     node dist/tests/wire/fuzz.js [--runs 1000000] [--seed 1]
 */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import { SeededRandom } from '../../src/base/random.ts'
import {
  decodeAck,
  decodeProperties,
  decodePublish,
  encodeProperties,
  newAckScan,
  newPropertyScan,
  newPublishScan,
  type Properties,
  readContentHeader,
  sampleProperties,
  scanProperties,
  writeDeliver,
} from '../../src/wire/amqp/content.ts'
import type { FieldTable, FieldValue } from '../../src/wire/amqp/field-table.ts'
import {
  FrameReader,
  frameEnd,
  frameHeader,
  frameMethod,
  protocolHeader,
  writeHeartbeat,
  writeMethodFrame,
} from '../../src/wire/amqp/frame.ts'
import {
  BasicAck,
  BasicPublish,
  type MethodTable,
  methodsById,
  readMethodTable,
} from '../../src/wire/amqp/methods.ts'
import { decodeText, isText } from '../../src/wire/amqp/text.ts'
import { WireError } from '../../src/wire/schema/errors.ts'

const frameMax = 4096
const methods = [...methodsById.values()]
const hotMethods: readonly MethodTable[] = [BasicPublish, BasicAck]
const writer = new ByteWriter(1 << 16)
const again = new ByteWriter(1 << 16)
const propertyScan = newPropertyScan()
const publishScan = newPublishScan()
const ackScan = newAckScan()

/** What a fuzz met: how many frames were whole, and how many runs ended in which code. */
export interface FuzzResult {
  frames: number
  decoded: number
  refused: number
  readonly codes: Map<number, number>
}

/** Runs `runs` mutated streams; throws on the first finding, its seed in the message. */
export function fuzz(seed: number, runs: number): FuzzResult {
  const result: FuzzResult = { frames: 0, decoded: 0, refused: 0, codes: new Map() }
  const stackTraceLimit = Error.stackTraceLimit
  // Most runs end in an error on purpose, and its stack is all that costs.
  Error.stackTraceLimit = 0
  try {
    for (let run = 0; run < runs; run++) fuzzOnce(seed + run, result)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return result
}

function fuzzOnce(seed: number, result: FuzzResult): void {
  try {
    const random = new SeededRandom(seed)
    const stream = sampleStream(random)
    const bytes = random.chance(0.5) ? mutate(random, stream) : mutatePayloads(random, stream)
    receive(random, bytes, result)
  } catch (error) {
    throw new Error(`node dist/tests/wire/fuzz.js --runs 1 --seed ${seed}`, { cause: error })
  }
}

/** A header and a few valid frames. */
function sampleStream(random: SeededRandom): Uint8Array {
  writer.clear()
  writer.raw(protocolHeader)
  for (let count = random.between(1, 3); count > 0; count--) {
    const channel = random.between(1, 3)
    switch (random.below(8)) {
      case 0:
        writeHeartbeat(writer)
        break
      case 1:
      case 2: {
        const text = Uint8Array.of(0x61, 0x62)
        const properties = encodeProperties(sampleProperties(random))
        const isLarge = random.chance(0.02)
        const body = new Uint8Array(isLarge ? frameMax : random.below(40))
        writeDeliver(
          writer,
          channel,
          Uint8Array.of(1, 0x61),
          random.uint32(),
          random.chance(0.5),
          text,
          text,
          properties,
          body,
          2 * frameMax,
        )
        break
      }
      default: {
        const table = random.chance(0.3) ? random.pick(hotMethods) : random.pick(methods)
        writeMethodFrame(writer, channel, table, table.sample(random))
      }
    }
  }
  return writer.take()
}

const nastyOctets = [0x00, 0x01, 0x7f, 0x80, 0xce, 0xfe, 0xff, 0x41, 0x46, 0x53, 0x78]

/** A few changes of the kinds that find bugs: flips, nasty octets and lengths, cuts, repeats. */
function mutate(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  for (let count = random.below(4); count > 0; count--) {
    const at = random.below(bytes.length)
    switch (random.below(6)) {
      case 0:
        bytes[at]! ^= 1 << random.below(8)
        break
      case 1:
        bytes[at] = random.pick(nastyOctets)
        break
      case 2:
        bytes.fill(random.pick(nastyOctets), at, at + random.between(2, 8))
        break
      case 3:
        bytes = bytes.subarray(0, Math.max(1, at))
        break
      case 4:
        bytes = Uint8Array.from([...bytes.subarray(0, at + 1), ...bytes.subarray(at)])
        break
      default:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1), 0xce])
    }
  }
  return bytes
}

/** Whole frames with broken insides, so that the decoders behind the framer have work. */
function mutatePayloads(random: SeededRandom, stream: Uint8Array): Uint8Array {
  writer.clear()
  const reader = new FrameReader({
    frameMax: 2 * frameMax,
    onHeader: () => writer.raw(protocolHeader),
  })
  reader.push(stream, (type, channel, payload) => {
    const isBroken = type === frameMethod || type === frameHeader
    const broken = isBroken ? mutate(random, payload.slice()) : payload
    writer.u8(type)
    writer.u16(channel)
    writer.u32(broken.length)
    writer.raw(broken)
    writer.u8(frameEnd)
  })
  return writer.take()
}

/** Pushes the bytes in pieces, as a server would, until a breach. */
function receive(random: SeededRandom, bytes: Uint8Array, result: FuzzResult): void {
  const reader = new FrameReader({ frameMax, onHeader: () => {} })
  const onFrame = (type: number, _channel: number, payload: Uint8Array) => {
    result.frames++
    ok(payload.length <= frameMax - 8, 'no frame is above the limit')
    inspect(type, payload, result)
  }
  const step = random.chance(0.5) ? bytes.length : random.between(1, 40)
  for (let at = 0; at < bytes.length; at += step) {
    const refusal = refusalOf(bytes.length, () => {
      reader.push(bytes.subarray(at, at + step), onFrame)
    })
    if (refusal === undefined) continue
    count(result, refusal)
    equal(reader.stopped, true, 'a breach stops the reader')
    return
  }
}

/** Decodes a payload in each way there is; the ways must agree. */
function inspect(type: number, payload: Uint8Array, result: FuzzResult): void {
  const refusal = refusalOf(payload.length, () => {
    if (type === frameMethod) inspectMethod(payload)
    if (type === frameHeader) inspectProperties(readContentHeader(payload).properties)
    result.decoded++
  })
  if (refusal !== undefined) count(result, refusal)
}

function inspectMethod(payload: Uint8Array): void {
  const reader = new ByteReader(payload)
  const table: MethodTable = readMethodTable(reader)
  let value: object | undefined
  const refusal = refusalOf(payload.length, () => {
    value = table.decode(reader)
  })
  if (table.id === BasicPublish.id) {
    const lean = refusalOf(payload.length, () => decodePublish(payload, publishScan))
    const { exchangeStart, exchangeEnd, routingKeyStart, routingKeyEnd } = publishScan
    const exchange = payload.subarray(exchangeStart, exchangeEnd)
    const routingKey = payload.subarray(routingKeyStart, routingKeyEnd)
    if (value !== undefined) {
      equal(lean, undefined, 'the hot decoder of publish refuses what the table reads')
      const publish = value as BasicPublish
      equal(decodeText(exchange), publish.exchange)
      equal(decodeText(routingKey), publish.routingKey)
      equal(publishScan.mandatory, publish.mandatory)
      equal(publishScan.immediate, publish.immediate)
    } else if (lean === undefined) {
      ok(!isText(exchange) || !isText(routingKey), 'the hot decoder reads what the table refuses')
    }
  }
  if (table.id === BasicAck.id) {
    const lean = refusalOf(payload.length, () => decodeAck(payload, ackScan))
    equal(lean === undefined, value !== undefined, 'the hot decoder of ack disagrees')
    if (value !== undefined) deepEqual({ ...ackScan }, value)
  }
  if (refusal !== undefined) throw refusal
  again.clear()
  table.encode(again, value!)
  const copy = table.decode(new ByteReader(again.bytes, 0, again.end))
  again.clear()
  table.encode(again, copy)
  const once = again.take()
  again.clear()
  table.encode(again, value!)
  deepEqual(again.take(), once, 'what was decoded encodes the same again')
}

function inspectProperties(bytes: Uint8Array): void {
  const lean = refusalOf(bytes.length, () => scanProperties(bytes, propertyScan))
  let properties: Properties = {}
  const refusal = refusalOf(bytes.length, () => {
    properties = decodeProperties(bytes)
  })
  if (refusal !== undefined) {
    // The scan does not look into the headers, so it may pass what is broken there.
    const isInHeaders = propertyScan.headersStart >= 0
    ok(lean !== undefined || isInHeaders, 'the scan reads what the decoder refuses')
    throw refusal
  }
  equal(lean, undefined, 'the scan refuses what the decoder reads')
  equal(propertyScan.deliveryMode, properties.deliveryMode ?? 0)
  equal(propertyScan.priority, properties.priority ?? 0)
  equal(propertyScan.expiration, properties.expiration)
  equal(propertyScan.headersStart >= 0, properties.headers !== undefined)
  const isExact =
    (properties.timestamp ?? 0) <= Number.MAX_SAFE_INTEGER && canonical(properties.headers ?? [])
  if (isExact) deepEqual(encodeProperties(properties), bytes.slice(), 'properties, octet for octet')
}

/** Without the two kinds of value that have several encodings: bools, and floats that are NaN. */
function canonical(table: FieldTable): boolean {
  return table.every(([, field]) => canonicalField(field))
}

function canonicalField(field: FieldValue): boolean {
  if (field.type === 't') return false
  if (field.type === 'f' || field.type === 'd') return !Number.isNaN(field.value)
  if (field.type === 'F') return canonical(field.value)
  return field.type !== 'A' || field.value.every(canonicalField)
}

/** The wire error that `work` ends in, if any; another exception passes. */
function refusalOf(length: number, work: () => void): WireError | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    ok(Number.isInteger(error.offset), `an offset: ${error.message}`)
    ok(error.offset >= 0 && error.offset <= length, `an offset inside: ${error.message}`)
    return error
  }
}

function count(result: FuzzResult, refusal: WireError): void {
  result.refused++
  result.codes.set(refusal.code, (result.codes.get(refusal.code) ?? 0) + 1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
    },
  })
  const started = performance.now()
  const result = fuzz(Number(values.seed), Number(values.runs))
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${values.runs} runs from seed ${values.seed} in ${seconds} s:`, result)
}
