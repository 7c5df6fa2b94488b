/**
 * Putting a publish together: its method, its header and the frames of its body, each of which is
 * borrowed until the next one comes.
 *
 * Names come out of the connection's memory. Properties are copied, unless they are those of the
 * message before, which is the rule with real publishers that set no ids. A body in one frame is
 * not copied at all: the publish happens while the frame is there.
 */

import { noBytes } from '../../base/bytes.ts'
import type { PropertyScan } from '../../wire/amqp/content.ts'
import { newPropertyScan, scanProperties } from '../../wire/amqp/content.ts'
import { decodeText } from '../../wire/amqp/text.ts'
import { scanHeaders } from './headers.ts'
import { limits } from './limits.ts'
import { emptyName, type Name, replyQueue } from './names.ts'
import { checkExpiration } from './queue-arguments.ts'

/** What the channel waits for. */
export type Stage = 'method' | 'header' | 'body'

export class Content {
  stage: Stage = 'method'
  exchange: Name = emptyName
  routingKey: Name = emptyName
  mandatory = false
  immediate = false
  bodySize = 0
  /** The whole body, once it is there. */
  body: Uint8Array = noBytes

  /** Flags and values as they came; they stay valid until the next message. */
  properties: Uint8Array = noBytes
  readonly scan: PropertyScan = newPropertyScan()
  ttlMs: number | undefined = undefined
  /** What is wrong with the expiration, in RabbitMQ's print. */
  expirationFault: string | undefined = undefined
  userId: string | undefined = undefined
  /** It has CC or BCC, or asks for a direct reply: the properties must be decoded. */
  special = false
  wantsReply = false

  #store: Uint8Array = noBytes
  #collected: Uint8Array = noBytes
  #received = 0

  begin(): void {
    this.stage = 'header'
    this.body = noBytes
    this.#received = 0
  }

  /** Throws `WireError` for properties that cannot be read. */
  header(bodySize: number, properties: Uint8Array): void {
    this.bodySize = bodySize
    if (!this.#isLike(properties)) this.#keep(properties)
    this.stage = bodySize === 0 ? 'method' : 'body'
  }

  /** Takes the next part of the body; true when it is whole. The caller has checked its size. */
  part(payload: Uint8Array): boolean {
    const received = this.#received + payload.length
    if (this.#received === 0 && received === this.bodySize) {
      this.body = payload
      this.stage = 'method'
      return true
    }
    this.#append(payload, received)
    this.#received = received
    if (received < this.bodySize) return false
    this.body = this.#collected.subarray(0, received)
    this.#collected = noBytes
    this.stage = 'method'
    return true
  }

  /** The header has come, and no body follows. */
  get whole(): boolean {
    return this.stage === 'method'
  }

  get missing(): number {
    return this.bodySize - this.#received
  }

  #append(payload: Uint8Array, received: number): void {
    if (received > this.#collected.length) {
      const wanted = Math.max(received, this.#collected.length * 2, limits.bodyBytesFirst)
      const grown = new Uint8Array(Math.min(this.bodySize, wanted))
      grown.set(this.#collected.subarray(0, this.#received))
      this.#collected = grown
    }
    this.#collected.set(payload, this.#received)
  }

  #isLike(properties: Uint8Array): boolean {
    const known = this.properties
    const length = properties.length
    if (known.length !== length) return false
    for (let index = 0; index < length; index++) {
      if (known[index] !== properties[index]) return false
    }
    return true
  }

  #keep(properties: Uint8Array): void {
    // Broken properties must not be taken for known ones the next time.
    this.properties = noBytes
    scanProperties(properties, this.scan)
    const length = properties.length
    if (length > this.#store.length) this.#store = new Uint8Array(Math.max(64, length * 2))
    this.#store.set(properties)
    const kept = this.#store.subarray(0, length)
    const { expiration, headersStart, headersEnd, userIdStart, userIdEnd } = this.scan
    this.expirationFault = expiration === undefined ? undefined : checkExpiration(expiration)
    this.ttlMs =
      expiration === undefined || this.expirationFault !== undefined
        ? undefined
        : Number(expiration)
    this.userId = userIdStart < 0 ? undefined : decodeText(kept.subarray(userIdStart, userIdEnd))
    const { replyToStart, replyToEnd } = this.scan
    this.wantsReply =
      replyToEnd - replyToStart === replyQueue.length &&
      decodeText(kept.subarray(replyToStart, replyToEnd)) === replyQueue
    const copies = headersStart >= 0 && scanHeaders(kept, headersStart, headersEnd)
    this.special = this.wantsReply || copies
    this.properties = kept
  }
}
