/**
 * Requests of RESP, out of a stream of bytes.
 *
 *     *3\r\n $4\r\nXADD\r\n $6\r\norders\r\n $1\r\n*\r\n        an array of bulk strings
 *     PING "a b"\r\n                                          or a line of words (inline)
 *
 * A request that lies wholly in the pushed bytes is not copied: its words are places in them. The
 * rest of an unfinished one is kept, never more than has come, and is not parsed twice.
 */

import { noBytes } from '../../base/bytes.ts'
import { WireError } from '../schema/errors.ts'
import { splitLine } from './inline.ts'

export const requestLimits = {
  /** Words of one request. */
  wordsMax: 1024 * 1024,
  /** Bytes of one word. */
  wordBytesMax: 512 * 1024 * 1024,
  /** Bytes of one request. */
  requestBytesMax: 1024 * 1024 * 1024,
  /** Bytes of a line: a count, a length, or a whole inline request. */
  lineBytesMax: 64 * 1024,
  /** What a peer may send that has not said who it is. */
  strangerWordsMax: 10,
  strangerWordBytesMax: 16_384,
} as const

const cr = 0x0d
const lf = 0x0a

/** One request: `count` words, each at [starts, ends) of `bytes`. Borrowed during the call. */
export class Request {
  bytes: Uint8Array = noBytes
  count = 0
  /** True while the words lie in RESP's own frames: a head before each, a line end behind it. */
  framed = false
  readonly starts: number[] = []
  readonly ends: number[] = []

  size(index: number): number {
    return this.ends[index]! - this.starts[index]!
  }

  /** The word's bytes, borrowed. */
  word(index: number): Uint8Array {
    return this.bytes.subarray(this.starts[index]!, this.ends[index]!)
  }

  /** One character a byte. */
  text(index: number): string {
    return knownText(this.bytes, this.starts[index]!, this.ends[index]!)
  }

  /** A word of one byte: that byte; otherwise -1. */
  sign(index: number): number {
    const start = this.starts[index]!
    return this.ends[index]! - start === 1 ? this.bytes[start]! : -1
  }

  /** Whether the word is this one; `upper` in capital letters, the word in any. */
  is(index: number, upper: string): boolean {
    const start = this.starts[index]!
    if (this.ends[index]! - start !== upper.length) return false
    for (let at = 0; at < upper.length; at++) {
      const byte = this.bytes[start + at]!
      const capital = byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte
      if (capital !== upper.charCodeAt(at)) return false
    }
    return true
  }

  add(start: number, end: number): void {
    this.starts[this.count] = start
    this.ends[this.count++] = end
  }

  /** Only the places of the words that there are. */
  trim(): void {
    if (this.starts.length > 1024) this.starts.length = this.ends.length = this.count
  }

  /** A copy that may be kept. */
  copy(): Request {
    const copy = new Request()
    const first = this.count === 0 ? 0 : this.starts[0]!
    const end = this.count === 0 ? 0 : this.ends[this.count - 1]!
    copy.bytes = this.bytes.slice(first, end + (this.framed ? 2 : 0))
    copy.framed = this.framed
    for (let at = 0; at < this.count; at++)
      copy.add(this.starts[at]! - first, this.ends[at]! - first)
    return copy
  }
}

/** A request made of words, as if it had come from a peer. */
export function requestOf(words: readonly string[]): Request {
  const request = new Request()
  let length = 0
  for (const word of words) length += word.length
  request.bytes = new Uint8Array(length)
  let at = 0
  for (const word of words) {
    const start = at
    for (let index = 0; index < word.length; index++) request.bytes[at++] = word.charCodeAt(index)
    request.add(start, at)
  }
  return request
}

/** Bytes as text with one character a byte. */
export function binaryText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const length = end - start
  if (length <= 24) {
    let text = ''
    for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!)
    return text
  }
  let text = ''
  for (let at = start; at < end; at += 4096) {
    const part = bytes.subarray(at, Math.min(end, at + 4096))
    text += String.fromCharCode.apply(null, part as unknown as number[])
  }
  return text
}

const knownMax = 40
const known: (string | undefined)[] = Array.from({ length: 2048 }, () => undefined)

/**
 * `binaryText`, remembering short texts: the same keys, groups and options come again and again,
 * and a text that is known has its hash already and need not be made.
 */
function knownText(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start
  if (length === 0 || length > knownMax) return binaryText(bytes, start, end)
  let hash = length
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0
  const slot = (hash ^ (hash >>> 11)) & 2047
  const text = known[slot]
  if (text !== undefined && text.length === length) {
    let index = 0
    while (index < length && text.charCodeAt(index) === bytes[start + index]!) index++
    if (index === length) return text
  }
  const made = binaryText(bytes, start, end)
  known[slot] = made
  return made
}

export type OnRequest = (request: Request) => boolean

export class RequestReader {
  /** From then on the limits for strangers do not apply. */
  trusted = false
  /** Bytes before the base, since the connection began. */
  #passed = 0
  #held: Uint8Array = noBytes
  #heldStart = 0
  #heldEnd = 0
  #stopped = false
  readonly #request = new Request()

  // The unfinished request, relative to its own start
  #words = -1
  #at = 0
  #length = -1
  /** An inline request is decoded in a copy. */
  #lineBytes: Uint8Array | undefined
  /** How far a line's end has been looked for. */
  #searched = 0

  get stopped(): boolean {
    return this.#stopped
  }

  /** Bytes that wait: an unfinished request, or what came while nobody took any. */
  get waiting(): number {
    return this.#heldEnd - this.#heldStart
  }

  /** No further requests, whatever comes. */
  stop(): void {
    this.#stopped = true
    this.#held = noBytes
    this.#heldStart = this.#heldEnd = 0
  }

  /**
   * Hands every whole request to `onRequest`, which answers false to take no more for now: the rest
   * waits for `resume`. Throws a `WireError` with the offset in the connection, and stops.
   */
  push(bytes: Uint8Array, onRequest: OnRequest): void {
    if (this.#stopped) return
    if (this.#heldEnd > this.#heldStart) {
      this.#keep(bytes)
      this.resume(onRequest)
      return
    }
    const end = bytes.length
    const at = this.#run(bytes, 0, end, onRequest)
    if (at < end && !this.#stopped) this.#keep(bytes.subarray(at))
  }

  /** Adds to what waits, without taking any. */
  keep(bytes: Uint8Array): void {
    if (!this.#stopped) this.#keep(bytes)
  }

  resume(onRequest: OnRequest): void {
    if (this.#stopped || this.#heldEnd === this.#heldStart) return
    const held = this.#held
    const at = this.#run(held, this.#heldStart, this.#heldEnd, onRequest)
    if (this.#stopped) return
    this.#heldStart = at
    if (at === this.#heldEnd) {
      this.#held = noBytes
      this.#heldStart = this.#heldEnd = 0
    }
  }

  #keep(bytes: Uint8Array): void {
    const have = this.#heldEnd - this.#heldStart
    const needed = have + bytes.length
    if (needed > requestLimits.requestBytesMax) this.#fail('too big request', 0)
    if (this.#heldEnd + bytes.length > this.#held.length) {
      const capacity = needed > this.#held.length ? Math.max(1024, needed + (have >> 1)) : 0
      const held = capacity > 0 ? new Uint8Array(capacity) : this.#held
      held.set(this.#held.subarray(this.#heldStart, this.#heldEnd), 0)
      this.#held = held
      this.#heldStart = 0
      this.#heldEnd = have
    }
    this.#held.set(bytes, this.#heldEnd)
    this.#heldEnd += bytes.length
  }

  /** Takes whole requests from [start, end); answers where the first unfinished one begins. */
  #run(bytes: Uint8Array, start: number, end: number, onRequest: OnRequest): number {
    let base = start
    try {
      while (base < end && !this.#stopped) {
        const taken = this.#one(bytes, base, end)
        if (taken < 0) return base
        base += taken
        this.#passed += taken
        const request = this.#request
        request.bytes = this.#lineBytes ?? bytes
        this.#lineBytes = undefined
        if (request.count > 0 && !onRequest(request)) return base
      }
    } catch (error) {
      this.stop()
      throw error
    } finally {
      this.#request.bytes = noBytes
      this.#request.trim()
    }
    return base
  }

  /** The length of the request at `base`, or -1: it is not whole yet. */
  #one(bytes: Uint8Array, base: number, end: number): number {
    const request = this.#request
    if (this.#words < 0) {
      if (this.#searched === 0) {
        const length = wholeArray(request, bytes, base, end, this.trusted)
        if (length > 0) return length
      }
      request.count = 0
      if (bytes[base] !== 0x2a) return this.#line(bytes, base, end)
      request.framed = true
      const next = this.#lineEnd(bytes, base, base, end, 'mbulk count string')
      if (next < 0) return -1
      const count = lengthIn(bytes, base + 1, next)
      if (count === undefined || count > requestLimits.wordsMax) {
        this.#fail('invalid multibulk length', 0)
      }
      if (!this.trusted && count > requestLimits.strangerWordsMax) {
        this.#fail('unauthenticated multibulk length', 0)
      }
      this.#at = next + 2 - base
      if (count <= 0) return this.#done(this.#at)
      this.#words = count
      this.#length = -1
    }
    while (request.count < this.#words) {
      if (this.#length < 0 && !this.#bulkHead(bytes, base, end)) return -1
      const start = base + this.#at
      if (end - start < this.#length + 2) return -1
      this.#place(start, base)
    }
    for (let index = 0; index < request.count; index++) {
      request.starts[index]! += base
      request.ends[index]! += base
    }
    return this.#done(this.#at)
  }

  #place(start: number, base: number): void {
    this.#request.add(start - base, start - base + this.#length)
    this.#at = start - base + this.#length + 2
    this.#length = -1
  }

  #bulkHead(bytes: Uint8Array, base: number, end: number): boolean {
    const start = base + this.#at
    if (start >= end) return false
    const next = this.#lineEnd(bytes, base, start, end, 'bulk count string')
    if (next < 0) return false
    if (bytes[start] !== 0x24) {
      this.#fail(`expected '$', got '${String.fromCharCode(bytes[start]!)}'`, this.#at)
    }
    const length = lengthIn(bytes, start + 1, next)
    if (length === undefined || length < 0 || length > requestLimits.wordBytesMax) {
      this.#fail('invalid bulk length', this.#at)
    }
    if (!this.trusted && length > requestLimits.strangerWordBytesMax) {
      this.#fail('unauthenticated bulk length', this.#at)
    }
    this.#at = next + 2 - base
    this.#length = length
    return true
  }

  /** Where the line that begins at `start` has its \r; -1: not yet. */
  #lineEnd(bytes: Uint8Array, base: number, start: number, end: number, what: string): number {
    let at = Math.max(start, base + this.#searched)
    while (at < end && bytes[at] !== cr) at++
    if (at + 1 < end) {
      this.#searched = 0
      return at
    }
    this.#searched = at - base
    if (at - start > requestLimits.lineBytesMax) this.#fail(`too big ${what}`, start - base)
    return -1
  }

  #line(bytes: Uint8Array, base: number, end: number): number {
    let at = base + this.#searched
    while (at < end && bytes[at] !== lf) at++
    if (at === end) {
      this.#searched = at - base
      if (at - base > requestLimits.lineBytesMax) this.#fail('too big inline request', 0)
      return -1
    }
    this.#searched = 0
    const lineEnd = at > base && bytes[at - 1] === cr ? at - 1 : at
    this.#request.framed = false
    this.#lineBytes = bytes.slice(base, lineEnd)
    if (!splitLine(this.#lineBytes, this.#request)) {
      this.#fail('unbalanced quotes in request', 0)
    }
    return at + 1 - base
  }

  #done(length: number): number {
    this.#words = -1
    this.#length = -1
    this.#searched = 0
    this.#at = 0
    return length
  }

  #fail(text: string, offset: number): never {
    throw new WireError(0, text, this.#passed + offset)
  }
}

/**
 * The common case: an array of bulk strings of plain lengths, all of it there. Answers its length,
 * or 0 where anything is otherwise, for the careful reader to see.
 */
function wholeArray(
  request: Request,
  bytes: Uint8Array,
  base: number,
  end: number,
  trusted: boolean,
): number {
  if (end - base < 4 || bytes[base] !== 0x2a) return 0
  const { starts, ends } = request
  let at = base + 1
  let words = bytes[at++]! - 0x30
  if (words < 1 || words > 9) return 0
  while (at < end && bytes[at] !== cr) {
    const digit = bytes[at++]! - 0x30
    if (digit < 0 || digit > 9) return 0
    words = words * 10 + digit
  }
  const wordsMax = trusted ? requestLimits.wordsMax : requestLimits.strangerWordsMax
  if (words > wordsMax) return 0
  const bytesMax = trusted ? requestLimits.wordBytesMax : requestLimits.strangerWordBytesMax
  at += 2
  for (let word = 0; word < words; word++) {
    if (at + 2 >= end || bytes[at] !== 0x24) return 0
    let length = bytes[at + 1]! - 0x30
    if (length < 0 || length > 9) return 0
    at += 2
    if (bytes[at] !== cr) {
      if (length === 0) return 0
      while (at < end && bytes[at] !== cr) {
        const digit = bytes[at++]! - 0x30
        if (digit < 0 || digit > 9) return 0
        length = length * 10 + digit
      }
    }
    if (length > bytesMax) return 0
    at += 2
    if (at + length + 2 > end) return 0
    starts[word] = at
    at += length
    ends[word] = at
    at += 2
  }
  request.count = words
  request.framed = true
  return at - base
}

/** A decimal as the protocol wants it: no spaces, no plus, no leading zeros. */
function lengthIn(bytes: Uint8Array, start: number, end: number): number | undefined {
  const negative = bytes[start] === 0x2d
  const first = negative ? start + 1 : start
  const digits = end - first
  if (digits < 1 || digits > 15 || (digits > 1 && bytes[first] === 0x30)) return undefined
  let value = 0
  for (let at = first; at < end; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return negative ? -value : value
}
