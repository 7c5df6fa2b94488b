/**
 * Reads HTTP/1.1 requests out of a stream of bytes (RFC 9112). Pure: bytes in, requests out.
 *
 *     head = method SP target SP version CRLF (name ":" value CRLF)* CRLF
 *     body = content-length bytes | chunk* "0" CRLF trailers CRLF | nothing
 *     chunk = size in hex [";" extension] CRLF bytes CRLF
 *
 * What is ambiguous about where a request ends is refused, as section 6.1 advises: two lengths that
 * differ, a length beside a transfer coding, a coding other than `chunked`, a folded header line.
 * Line ends are CRLF only.
 */

export interface HttpHead {
  readonly method: string
  /** With its query string. */
  readonly path: string
  /** Names in lower case; what comes twice is joined by a comma. */
  readonly headers: { readonly [name: string]: string | undefined }
  /** The connection goes on after the answer. */
  readonly keepAlive: boolean
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean
}

export interface HttpRequest extends HttpHead {
  /** Borrowed until the next call of `read`. */
  readonly body: Uint8Array
}

/** What is wrong with a request; the connection is closed after the answer with this status. */
export class HttpBreach extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface HttpReaderLimits {
  readonly headBytesMax: number
  readonly headersMax: number
  readonly bodyBytesMax: number
}

interface Pending {
  readonly head: HttpHead
  /** Where the body begins. */
  readonly start: number
  /** Undefined: chunked. */
  readonly length: number | undefined
}

interface ParsedHead {
  readonly head: HttpHead
  /** Undefined: chunked. */
  readonly length: number | undefined
}

const headEnd = Buffer.from('\r\n\r\n')
const lineEnd = Buffer.from('\r\n')
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const nothing = Buffer.alloc(0)

/**
 * Heads as they came, and what they say. Most clients send the same few heads again and again: then
 * one look-up takes the place of all the parsing. What identifies somebody is not kept, and neither
 * is what is long; so the whole is some 100 KB at most.
 */
const headsKnown = new Map<string, ParsedHead>()
const headsKnownMax = 200
const headKnownLengthMax = 500

/** The same for the names of headers, as they are written: in lower case, and valid. */
const namesKnown = new Map<string, HeaderName>()
const namesKnownMax = 500
const nameKnownLengthMax = 40

interface HeaderName {
  readonly written: string
  readonly name: string
}

/** No longer heads than this have the names of their lines remembered. */
const linesKnownMax = 32

/** No names are inherited, and it stays an object whose fields are found fast. */
class Headers {
  [name: string]: string
}
Object.setPrototypeOf(Headers.prototype, null)
Reflect.deleteProperty(Headers.prototype, 'constructor')

/**
 * Holds the bytes of a connection that are not yet a whole request.
 *
 * ```ts
 * reader.push(bytes)
 * for (let request = reader.read(); request !== undefined; request = reader.read()) answer(request)
 * ```
 */
export class HttpReader {
  readonly #limits: HttpReaderLimits
  #bytes: Buffer = nothing
  #isOurs = true
  #pending: Pending | undefined
  /** How far the end of a head, or of a chunked body, has been looked for. */
  #scanned = 0
  /** The names of the last head's lines: a client nearly always sends them in one order. */
  readonly #names: HeaderName[] = []

  constructor(limits: HttpReaderLimits) {
    this.#limits = limits
  }

  /** Bytes that wait. */
  get size(): number {
    return this.#bytes.length
  }

  /** The head of a request whose body has not come yet. */
  get awaited(): HttpHead | undefined {
    return this.#pending?.head
  }

  /** The bytes are borrowed until the next call of `keep`. */
  push(bytes: Uint8Array): void {
    const more = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#isOurs = this.#bytes.length > 0
    this.#bytes = this.#isOurs ? Buffer.concat([this.#bytes, more]) : more
  }

  /** Copies what is left, because the memory that was pushed is not ours. */
  keep(): void {
    if (this.#bytes.length > 0 && !this.#isOurs) this.#bytes = Buffer.from(this.#bytes)
    this.#isOurs = true
  }

  /** The next whole request, or undefined. Throws an `HttpBreach`. */
  read(): HttpRequest | undefined {
    this.#pending ??= this.#readHead()
    const pending = this.#pending
    if (pending === undefined) return undefined
    const { head, start, length } = pending
    if (length === undefined) return this.#readChunked(head, start)
    if (this.#bytes.length < start + length) return undefined
    return this.#take(head, this.#bytes.subarray(start, start + length), start + length)
  }

  #take(head: HttpHead, body: Uint8Array, end: number): HttpRequest {
    this.#bytes = end === this.#bytes.length ? nothing : this.#bytes.subarray(end)
    this.#pending = undefined
    this.#scanned = 0
    const { method, path, headers, keepAlive, expectsContinue } = head
    return { method, path, headers, keepAlive, expectsContinue, body }
  }

  #readHead(): Pending | undefined {
    // A client may send an empty line before a request (section 2.2).
    let from = 0
    while (this.#bytes[from] === 0x0d && this.#bytes[from + 1] === 0x0a) from += 2
    if (from > 0) this.#bytes = this.#bytes.subarray(from)
    const end = this.#bytes.indexOf(headEnd, Math.max(0, this.#scanned - 3))
    const { headBytesMax, bodyBytesMax } = this.#limits
    if (end > headBytesMax || (end < 0 && this.#bytes.length > headBytesMax)) {
      throw new HttpBreach(431, `The request's head is longer than ${headBytesMax} bytes.`)
    }
    if (end < 0) {
      this.#scanned = this.#bytes.length
      return undefined
    }
    this.#scanned = 0
    const { head, length } = this.#headOf(this.#bytes.toString('latin1', 0, end))
    if (length !== undefined && length > bodyBytesMax) throw tooLarge(bodyBytesMax)
    return { head, start: end + headEnd.length, length }
  }

  #headOf(text: string): ParsedHead {
    const { headersMax } = this.#limits
    // A signed request's head is longer, and is never the same again: it is not even looked for.
    if (text.length > headKnownLengthMax) return parseHead(text, headersMax, this.#names)
    const known = headsKnown.get(text)
    if (known !== undefined) return known
    const parsed = parseHead(text, headersMax, this.#names)
    const { headers } = parsed.head
    const isAnonymous = headers['authorization'] === undefined && headers['cookie'] === undefined
    if (isAnonymous) {
      if (headsKnown.size >= headsKnownMax) headsKnown.clear()
      headsKnown.set(text, parsed)
    }
    return parsed
  }

  #readChunked(head: HttpHead, start: number): HttpRequest | undefined {
    const parts: Buffer[] = []
    let size = 0
    for (let at = start; ; ) {
      const end = this.#bytes.indexOf(lineEnd, at)
      if (end < 0) return this.#awaitChunks(start)
      const text = this.#bytes.toString('latin1', at, end).split(';')[0]!.trim()
      if (!/^[0-9a-fA-F]{1,8}$/.test(text)) throw new HttpBreach(400, 'A chunk has no size.')
      const length = Number.parseInt(text, 16)
      size += length
      if (size > this.#limits.bodyBytesMax) throw tooLarge(this.#limits.bodyBytesMax)
      const from = end + lineEnd.length
      if (length === 0) {
        const over = this.#endOfTrailers(from)
        if (over < 0) return this.#awaitChunks(start)
        return this.#take(head, Buffer.concat(parts), over)
      }
      if (this.#bytes.length < from + length + lineEnd.length) return this.#awaitChunks(start)
      if (this.#bytes.indexOf(lineEnd, from + length) !== from + length) {
        throw new HttpBreach(400, 'A chunk is longer than its size.')
      }
      parts.push(this.#bytes.subarray(from, from + length))
      at = from + length + lineEnd.length
    }
  }

  /** Chunks may be tiny, and their sizes need room, too; but not without end. */
  #awaitChunks(start: number): undefined {
    const { bodyBytesMax, headBytesMax } = this.#limits
    if (this.#bytes.length - start > bodyBytesMax * 2 + headBytesMax) throw tooLarge(bodyBytesMax)
    return undefined
  }

  /** Where the next request begins, or -1. Trailers are passed over. */
  #endOfTrailers(at: number): number {
    if (this.#bytes[at] === 0x0d && this.#bytes[at + 1] === 0x0a) return at + lineEnd.length
    const end = this.#bytes.indexOf(headEnd, at)
    return end < 0 ? -1 : end + headEnd.length
  }
}

function tooLarge(max: number): HttpBreach {
  return new HttpBreach(413, `The request's body is longer than ${max} bytes.`)
}

function parseHead(text: string, headersMax: number, names: HeaderName[]): ParsedHead {
  const firstEnd = text.indexOf('\r\n')
  const first = firstEnd < 0 ? text : text.slice(0, firstEnd)
  const methodEnd = first.indexOf(' ')
  const pathEnd = first.lastIndexOf(' ')
  const method = first.slice(0, methodEnd)
  const path = first.slice(methodEnd + 1, pathEnd)
  const version = first.slice(pathEnd + 1)
  if (methodEnd <= 0 || pathEnd <= methodEnd || path.includes(' ') || !token.test(method)) {
    throw new HttpBreach(400, 'The request line is not one.')
  }
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
    throw new HttpBreach(505, `${version} is not spoken here, only HTTP/1.1.`)
  }
  const headers = readHeaders(text, firstEnd, headersMax, names)
  const isNew = version === 'HTTP/1.1'
  if (isNew && headers['host'] === undefined) throw new HttpBreach(400, 'The host is missing.')
  const connection = headers['connection']?.toLowerCase() ?? ''
  const head = {
    method,
    path,
    headers,
    keepAlive: isNew ? !connection.includes('close') : connection.includes('keep-alive'),
    expectsContinue: isNew && headers['expect']?.toLowerCase() === '100-continue',
  }
  return { head, length: lengthOf(headers) }
}

function readHeaders(
  text: string,
  firstEnd: number,
  headersMax: number,
  names: HeaderName[],
): { readonly [name: string]: string | undefined } {
  const headers = new Headers()
  let count = 0
  for (let at = firstEnd; at >= 0; ) {
    const start = at + 2
    const next = text.indexOf('\r\n', start)
    const end = next < 0 ? text.length : next
    let known = names[count]
    if (known === undefined || !isNamed(text, start, known.written)) {
      const nameEnd = text.indexOf(':', start)
      if (nameEnd < 0 || nameEnd >= end) throw new HttpBreach(400, 'A header has no colon.')
      known = nameOf(text.slice(start, nameEnd))
      if (count < linesKnownMax) names[count] = known
    }
    if (++count > headersMax)
      throw new HttpBreach(431, `There are more than ${headersMax} headers.`)
    const { name, written } = known
    const value = valueIn(text, start + written.length + 1, end)
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}, ${value}`
    at = next
  }
  return headers
}

/** A name has no line end in it, so what is found is before the end of the line. */
function isNamed(text: string, start: number, written: string): boolean {
  return text.charCodeAt(start + written.length) === colon && text.startsWith(written, start)
}

const colon = 0x3a

/** Nearly always one space is before the value, and none behind it. */
function valueIn(text: string, from: number, end: number): string {
  const start = text.charCodeAt(from) === space ? from + 1 : from
  const isClean = text.charCodeAt(start) > space && text.charCodeAt(end - 1) > space
  return isClean ? text.slice(start, end) : text.slice(from, end).trim()
}

const space = 0x20

function nameOf(text: string): HeaderName {
  const known = namesKnown.get(text)
  if (known !== undefined) return known
  const name = text.toLowerCase()
  if (!token.test(name)) throw new HttpBreach(400, 'A header has no valid name.')
  // A copy: a slice would keep the whole head.
  const written = Buffer.from(text, 'latin1').toString('latin1')
  const made = { written, name }
  if (text.length > nameKnownLengthMax) return made
  if (namesKnown.size >= namesKnownMax) namesKnown.clear()
  namesKnown.set(written, made)
  return made
}

/** Undefined: chunked (section 6.3). */
function lengthOf(headers: { readonly [name: string]: string | undefined }): number | undefined {
  const coding = headers['transfer-encoding']
  const length = headers['content-length']
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') {
      throw new HttpBreach(501, `The transfer coding ${coding} is not known here.`)
    }
    if (length !== undefined) throw new HttpBreach(400, 'A length and a transfer coding are given.')
    return undefined
  }
  if (length === undefined) return 0
  if (/^\d{1,15}$/.test(length)) return Number(length)
  const lengths = new Set(length.split(',').map(part => part.trim()))
  const [only] = lengths
  if (lengths.size > 1 || !/^\d{1,15}$/.test(only!)) {
    throw new HttpBreach(400, 'The content length is not a number.')
  }
  return Number(only)
}
