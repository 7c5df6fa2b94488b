/**
 * AWS Signature Version 4, the verifying side: the canonical request from what came in, the string
 * to sign, the derived key. HMAC comes from outside. Signatures in the query string (presigned) are
 * read, too.
 */

import { sha256 } from './digest.ts'

export type Hmac = (key: string | Uint8Array, data: string) => Uint8Array

/**
 * `AWS4-HMAC-SHA256 Credential=key/date/region/service/aws4_request, SignedHeaders=…, Signature=…`
 */
export interface Signature {
  readonly accessKey: string
  readonly date: string
  readonly region: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly time: string
  /** Seconds that a presigned URL lives. */
  readonly expires: number | undefined
}

export interface SignedRequest {
  readonly method: string
  /** With its query string. */
  readonly path: string
  readonly headers: { readonly [name: string]: string | undefined }
  readonly body: Uint8Array
}

/** Undefined: the request carries no signature, or none that can be read. */
export function signatureOf(request: SignedRequest): Signature | undefined {
  const header = request.headers['authorization']
  if (header === undefined || !header.startsWith('AWS4-HMAC-SHA256')) return presigned(request)
  const parts = new Map<string, string>()
  for (const part of header.slice('AWS4-HMAC-SHA256'.length).split(',')) {
    const equals = part.indexOf('=')
    if (equals > 0) parts.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim())
  }
  return make({
    credential: parts.get('Credential'),
    signedHeaders: parts.get('SignedHeaders'),
    signature: parts.get('Signature'),
    time: request.headers['x-amz-date'],
    expires: undefined,
  })
}

function presigned({ path }: SignedRequest): Signature | undefined {
  const at = path.indexOf('?')
  if (at < 0 || !path.includes('X-Amz-Signature')) return undefined
  const query = new URLSearchParams(path.slice(at + 1))
  const expires = Number(query.get('X-Amz-Expires') ?? Number.NaN)
  return make({
    credential: query.get('X-Amz-Credential') ?? undefined,
    signedHeaders: query.get('X-Amz-SignedHeaders') ?? undefined,
    signature: query.get('X-Amz-Signature') ?? undefined,
    time: query.get('X-Amz-Date') ?? undefined,
    expires: Number.isFinite(expires) ? expires : undefined,
  })
}

function make(parts: {
  readonly credential: string | undefined
  readonly signedHeaders: string | undefined
  readonly signature: string | undefined
  readonly time: string | undefined
  readonly expires: number | undefined
}): Signature | undefined {
  const { credential, signedHeaders, signature, expires } = parts
  const scope = credential?.split('/') ?? []
  if (scope.length !== 5 || signedHeaders === undefined || signature === undefined) return undefined
  const [accessKey, date, region, service] = scope as [string, string, string, string, string]
  const time = parts.time ?? ''
  const names = signedHeaders.split(';')
  return { accessKey, date, region, service, signedHeaders: names, signature, time, expires }
}

/** The signature that this request should have, in hexadecimal digits. */
export function expectedSignature(
  request: SignedRequest,
  signature: Signature,
  secretKey: string,
  hmac: Hmac,
): string {
  const scope = `${signature.date}/${signature.region}/${signature.service}/aws4_request`
  const canonical = sha256(canonicalRequest(request, signature))
  const toSign = `AWS4-HMAC-SHA256\n${signature.time}\n${scope}\n${canonical}`
  let key = hmac(`AWS4${secretKey}`, signature.date)
  for (const part of [signature.region, signature.service, 'aws4_request']) key = hmac(key, part)
  return hex(hmac(key, toSign))
}

function canonicalRequest(request: SignedRequest, signature: Signature): string {
  const at = request.path.indexOf('?')
  const path = at < 0 ? request.path : request.path.slice(0, at)
  const query = at < 0 ? '' : canonicalQuery(request.path.slice(at + 1))
  const headers = signature.signedHeaders
    .map(name => `${name}:${(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`)
    .join('')
  const names = signature.signedHeaders.join(';')
  const declared = request.headers['x-amz-content-sha256']
  const body = declared === 'UNSIGNED-PAYLOAD' ? declared : sha256(request.body)
  const canonicalPath = path
    .split('/')
    .map(part => encode(decode(part)))
    .join('/')
  return `${request.method}\n${canonicalPath}\n${query}\n${headers}\n${names}\n${body}`
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter(pair => pair !== '' && !pair.startsWith('X-Amz-Signature='))
    .map(pair => {
      const equals = pair.indexOf('=')
      const name = equals < 0 ? pair : pair.slice(0, equals)
      const value = equals < 0 ? '' : pair.slice(equals + 1)
      return `${encode(decode(name))}=${encode(decode(value))}`
    })
    .sort()
    .join('&')
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '))
  } catch {
    return part
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}
