/**
 * AMQP frames by amqplib's tables, not by ours: a mistake in our codec must not hide itself by
 * being on both sides. The package does not export these files, so they are required by path.
 */

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export type Fields = Record<string, unknown>

interface MethodInfo {
  readonly id: number
  readonly classId: number
  readonly methodId: number
  readonly name: string
}

interface Definitions {
  encodeMethod(id: number, channel: number, fields: Fields): Buffer
  encodeProperties(id: number, channel: number, size: number, fields: Fields): Buffer
  decode(id: number, bytes: Buffer): Fields
  readonly BasicProperties: number
}

const require = createRequire(import.meta.url)
const library = join(dirname(require.resolve('amqplib')), 'lib')
const definitions: Definitions = require(join(library, 'defs.js'))
const tables: {
  encodeTable(buffer: Buffer, value: object, offset: number): number
} = require(join(library, 'codec.js'))

/** `QueueDeclareOk` becomes `queue.declare-ok`, the words of the specification. */
function specificationName(name: string): string {
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(' ')
  return `${words[0]}.${words.slice(1).join('-')}`
}

const namesById = new Map<number, string>()
const idsByName = new Map<string, number>()
for (const [key, value] of Object.entries(definitions)) {
  if (!key.startsWith('methodInfo')) continue
  const info = value as MethodInfo
  namesById.set(info.id, specificationName(info.name))
  idsByName.set(specificationName(info.name), info.id)
}

export const protocolHeader = Buffer.from('AMQP\0\0\x09\x01', 'latin1')
export const frameOverhead = 8

export const frameType = { method: 1, header: 2, body: 3, heartbeat: 8 } as const

export function methodNames(): string[] {
  return [...idsByName.keys()]
}

/** One method frame. `fields` in amqplib's names: `queue`, `routingKey`, `deliveryTag` … */
export function encodeMethod(channel: number, name: string, fields: Fields = {}): Buffer {
  const id = idsByName.get(name)
  if (id === undefined) throw new Error(`no method ${name}`)
  // The properties of some methods share a scratch buffer, so the frame is copied.
  return Buffer.from(definitions.encodeMethod(id, channel, fields))
}

export function encodeTable(value: object): Buffer {
  const scratch = Buffer.alloc(65_536)
  return Buffer.from(scratch.subarray(0, tables.encodeTable(scratch, value, 0)))
}

export function encodeHeader(channel: number, size: number, properties: Fields = {}): Buffer {
  const frame = definitions.encodeProperties(definitions.BasicProperties, channel, size, properties)
  return Buffer.from(frame)
}

export function encodeFrame(type: number, channel: number, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(payload.length + frameOverhead)
  frame[0] = type
  frame.writeUInt16BE(channel, 1)
  frame.writeUInt32BE(payload.length, 3)
  frame.set(payload, 7)
  frame[frame.length - 1] = 0xce
  return frame
}

/** A published message: the method, the header, and the body in frames of at most `bodyMax`. */
export function encodePublish(
  channel: number,
  fields: Fields,
  properties: Fields,
  body: Uint8Array,
  bodyMax = 131_072 - frameOverhead,
): Buffer {
  const frames = [
    encodeMethod(channel, 'basic.publish', fields),
    encodeHeader(channel, body.length, properties),
  ]
  for (let start = 0; start < body.length; start += bodyMax) {
    frames.push(encodeFrame(frameType.body, channel, body.subarray(start, start + bodyMax)))
  }
  return Buffer.concat(frames)
}

export interface MethodFrame {
  readonly kind: 'method'
  readonly channel: number
  readonly name: string
  readonly fields: Fields
}

export type Frame =
  | MethodFrame
  | {
      readonly kind: 'header'
      readonly channel: number
      readonly size: number
      readonly properties: Fields
    }
  | { readonly kind: 'body'; readonly channel: number; readonly bytes: Buffer }
  | { readonly kind: 'heartbeat'; readonly channel: number }
  /** The server's answer to a protocol header that it does not speak. */
  | { readonly kind: 'protocol-header'; readonly channel: 0; readonly bytes: Buffer }

/** The first frame in `bytes` and where it ends, or undefined when it is not all there. */
export function decodeFrame(bytes: Buffer): { frame: Frame; end: number } | undefined {
  if (bytes.length < frameOverhead) return undefined
  if (bytes.subarray(0, 4).toString('latin1') === 'AMQP') {
    const header = Buffer.from(bytes.subarray(0, 8))
    return { frame: { kind: 'protocol-header', channel: 0, bytes: header }, end: 8 }
  }
  const end = bytes.readUInt32BE(3) + frameOverhead
  if (bytes.length < end) return undefined
  if (bytes[end - 1] !== 0xce) throw new Error('the broker sent a frame without its end octet')
  const channel = bytes.readUInt16BE(1)
  const payload = Buffer.from(bytes.subarray(7, end - 1))
  return { frame: decodePayload(bytes[0] ?? 0, channel, payload), end }
}

function decodePayload(type: number, channel: number, payload: Buffer): Frame {
  switch (type) {
    case frameType.method: {
      const id = payload.readUInt32BE(0)
      const name = namesById.get(id)
      if (name === undefined) throw new Error(`the broker sent an unknown method ${id}`)
      const fields = definitions.decode(id, payload.subarray(4))
      return { kind: 'method', channel, name, fields }
    }
    case frameType.header: {
      const size = Number(payload.readBigUInt64BE(4))
      const properties = definitions.decode(payload.readUInt16BE(0), payload.subarray(12))
      return { kind: 'header', channel, size, properties: withoutUndefined(properties) }
    }
    case frameType.body:
      return { kind: 'body', channel, bytes: payload }
    case frameType.heartbeat:
      return { kind: 'heartbeat', channel }
    default:
      throw new Error(`the broker sent a frame of type ${type}`)
  }
}

function withoutUndefined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
