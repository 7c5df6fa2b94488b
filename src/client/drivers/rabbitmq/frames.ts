/**
 * A message as the frames that publish it (AMQP 0-9-1, sections 2.3.5 and 4.2): method, header and
 * body. The driver has its own writer, because what the library writes for each message, three
 * buffers and a call of the operating system, costs more than all else that happens to it.
 *
 * ```
 * frame    type 1 | channel 2 | size 4 | payload | 0xCE
 * method   60.40 basic.publish: reserved 2 | exchange | routing key | mandatory 1
 * header   class 60 | weight 0 | body size 8 | flags 2 | properties, in the order of their flags
 * body     the bytes, in as many frames as the connection's largest frame asks for
 * ```
 */

import { Buffer } from 'node:buffer'
import type { Envelope, Publication } from './messages.ts'

const frameOverhead = 8
const frameEnd = 0xce
const shortMax = 255
/** Larger bodies than the scratch make it grow; it does not stay so. */
const scratchBytes = 256 * 1024

/** Properties of the kind short text, by the bit of their flag. */
const texts = [
  [10, 'correlationId'],
  [9, 'replyTo'],
  [8, 'expiration'],
  [7, 'messageId'],
] as const
const lastTexts = [
  [5, 'type'],
  [4, 'userId'],
  [3, 'appId'],
] as const

/** False: it has headers of kinds that are the library's to write. */
export function isEncodable({ headers = {} }: Envelope): boolean {
  for (const name in headers) {
    const value: unknown = headers[name]
    if (typeof value !== 'string' && !Number.isSafeInteger(value) && value !== undefined)
      return false
  }
  return true
}

function isDurable(envelope: Envelope): boolean {
  return envelope.durable === true || (envelope as { deliveryMode?: number }).deliveryMode === 2
}

export class FrameWriter {
  readonly #channelId: number
  readonly #bodyMax: number
  #bytes = Buffer.allocUnsafeSlow(scratchBytes)
  #at = 0
  /** The method's frame is the same for all that goes the same way. */
  #methodWay = ''
  #method = Buffer.alloc(0)

  constructor(channelId: number, frameMax: number) {
    this.#channelId = channelId
    this.#bodyMax = frameMax - frameOverhead
  }

  get length(): number {
    return this.#at
  }

  /** The frames of one message, behind those that are there. Throws, and puts nothing. */
  put(publication: Publication): void {
    const start = this.#at
    try {
      this.#put(publication)
    } catch (error) {
      this.#at = start
      throw error
    }
  }

  #put({ envelope, body }: Publication): void {
    this.#putMethod(envelope)
    this.#putHeader(envelope, body.length)
    for (let start = 0; start < body.length; start += this.#bodyMax) {
      const size = Math.min(this.#bodyMax, body.length - start)
      this.#reserve(size + frameOverhead)
      this.#begin(3)
      this.#at += 4
      const whole = start === 0 && size === body.length
      this.#bytes.set(whole ? body : body.subarray(start, start + size), this.#at)
      this.#at += size
      this.#end(this.#at - size)
    }
  }

  /** What was put since the last time. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#at))
    this.#at = 0
    if (this.#bytes.length > scratchBytes) this.#bytes = Buffer.allocUnsafeSlow(scratchBytes)
    return taken
  }

  #putMethod({ exchange = '', routingKey = '', mandatory }: Envelope): void {
    const way = `${mandatory === true ? 1 : 0}${exchange}\0${routingKey}`
    this.#reserve(4 * shortMax)
    if (way === this.#methodWay) {
      this.#bytes.set(this.#method, this.#at)
      this.#at += this.#method.length
      return
    }
    const start = this.#at
    this.#begin(1)
    this.#at += 4
    const payload = this.#at
    this.#u16(60)
    this.#u16(40)
    this.#u16(0)
    this.#shortText(exchange)
    this.#shortText(routingKey)
    this.#bytes[this.#at++] = mandatory === true ? 1 : 0
    this.#end(payload)
    this.#method = Buffer.from(this.#bytes.subarray(start, this.#at))
    this.#methodWay = way
  }

  #putHeader(envelope: Envelope, bodySize: number): void {
    this.#reserve(16 * shortMax)
    this.#begin(2)
    this.#at += 4
    const payload = this.#at
    this.#u32(0x003c0000)
    this.#u64(bodySize)
    const flagsAt = this.#at
    this.#at += 2
    let flags = 0
    const { contentType, contentEncoding, headers, priority, timestamp } = envelope
    if (contentType !== undefined) flags |= this.#property(15, contentType)
    if (contentEncoding !== undefined) flags |= this.#property(14, contentEncoding)
    if (headers !== undefined) {
      flags |= 1 << 13
      this.#putTable(headers)
    }
    flags |= 1 << 12
    this.#bytes[this.#at++] = isDurable(envelope) ? 2 : 1
    if (priority !== undefined) {
      flags |= 1 << 11
      this.#bytes[this.#at++] = priority
    }
    for (const [bit, name] of texts) {
      const text = envelope[name]
      if (text !== undefined) flags |= this.#property(bit, text)
    }
    if (timestamp !== undefined) {
      flags |= 1 << 6
      this.#u64(timestamp)
    }
    for (const [bit, name] of lastTexts) {
      const text = envelope[name]
      if (text !== undefined) flags |= this.#property(bit, text)
    }
    // A header has one frame, and the broker ends a connection that sends a larger one.
    const size = this.#at - payload
    if (size > this.#bodyMax) throw new RangeError(`${size} bytes of headers are too many`)
    this.#bytes[flagsAt] = flags >>> 8
    this.#bytes[flagsAt + 1] = flags & 0xff
    this.#end(payload)
  }

  #property(bit: number, text: string): number {
    this.#shortText(text)
    return 1 << bit
  }

  #putTable(table: { readonly [name: string]: unknown }): void {
    const sizeAt = this.#at
    this.#at += 4
    for (const name in table) {
      const value = table[name]
      if (typeof value === 'string') {
        this.#reserve(8 * shortMax + 3 * value.length)
        this.#shortText(name)
        this.#bytes[this.#at++] = 0x53
        const lengthAt = this.#at
        this.#at += 4
        this.#text(value)
        this.#bytes.writeUInt32BE(this.#at - lengthAt - 4, lengthAt)
      } else if (typeof value === 'number') {
        this.#reserve(8 * shortMax)
        this.#shortText(name)
        this.#bytes[this.#at++] = 0x6c
        this.#i64(value)
      }
    }
    this.#bytes.writeUInt32BE(this.#at - sizeAt - 4, sizeAt)
  }

  #begin(type: number): void {
    this.#bytes[this.#at++] = type
    this.#u16(this.#channelId)
  }

  /** Writes the size of a payload that began at `payload`, and the frame's end. */
  #end(payload: number): void {
    this.#bytes.writeUInt32BE(this.#at - payload, payload - 4)
    this.#bytes[this.#at++] = frameEnd
  }

  #shortText(text: string): void {
    const lengthAt = this.#at++
    this.#text(text)
    const length = this.#at - lengthAt - 1
    if (length > shortMax) throw new RangeError(`“${text.slice(0, 40)}…” is longer than 255 bytes`)
    this.#bytes[lengthAt] = length
  }

  /** Most texts are short and plain; those are faster written here than by a call. */
  #text(text: string): void {
    const { length } = text
    if (length < 64) {
      let at = this.#at
      for (let index = 0; index < length; index++) {
        const unit = text.charCodeAt(index)
        if (unit > 127) {
          this.#at += this.#bytes.write(text, this.#at, 'utf8')
          return
        }
        this.#bytes[at++] = unit
      }
      this.#at = at
      return
    }
    this.#reserve(3 * length)
    this.#at += this.#bytes.write(text, this.#at, 'utf8')
  }

  #u16(value: number): void {
    this.#bytes[this.#at++] = value >>> 8
    this.#bytes[this.#at++] = value & 0xff
  }

  #u32(value: number): void {
    this.#at = this.#bytes.writeUInt32BE(value, this.#at)
  }

  #u64(value: number): void {
    this.#u32(Math.floor(value / 2 ** 32))
    this.#u32(value >>> 0)
  }

  #i64(value: number): void {
    this.#at = this.#bytes.writeInt32BE(Math.floor(value / 2 ** 32), this.#at)
    this.#u32(value >>> 0)
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + count))
    this.#bytes.copy(bytes, 0, 0, this.#at)
    this.#bytes = bytes
  }
}
