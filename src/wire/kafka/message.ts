/**
 * An API of Kafka: a pair of tables under one key, and its codecs by version. The compiled codecs
 * are made when a version is first asked for.
 */

import type { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { ShortInput } from '../../base/bytes.ts'
import {
  breach,
  type Codec,
  type Fields,
  type GivenOf,
  struct,
  type ValueOf,
  type WireType,
} from './types.ts'

export interface Api<Request, Response> {
  readonly key: number
  readonly name: string
  /** All versions that the tables describe. */
  readonly first: number
  readonly last: number
  /** Compact lengths and tagged fields from this version on. */
  readonly flexibleFrom: number
  readonly requestType: WireType<unknown, unknown>
  readonly responseType: WireType<unknown, unknown>
  isFlexible(version: number): boolean
  decodeRequest(reader: ByteReader, version: number): Request
  encodeResponse(writer: ByteWriter, version: number, response: Response): void
  /** For tests and tools, which are on the other side. */
  request(version: number): Codec<unknown, unknown>
  response(version: number): Codec<unknown, unknown>
}

/** What a handler is given. */
export type RequestOf<A> = A extends Api<infer Request, infer _> ? Request : never
/** What a handler gives. */
export type ResponseOf<A> = A extends Api<infer _, infer Response> ? Response : never

interface Versions {
  readonly key: number
  readonly versions: readonly [first: number, last: number]
  /** Undefined: never. */
  readonly flexibleFrom?: number
}

/**
 * Declares an API.
 *
 *     const Heartbeat = api('Heartbeat', { key: 12, versions: [0, 4], flexibleFrom: 4 }, …, …)
 */
export function api<Req extends Fields, Res extends Fields>(
  name: string,
  { key, versions: [first, last], flexibleFrom = Infinity }: Versions,
  request: Req,
  response: Res,
): Api<ValueOf<Req>, GivenOf<Res>> {
  const requestType = struct(request)
  const responseType = struct(response)
  const requests: Codec<ValueOf<Req>, GivenOf<Req>>[] = []
  const responses: Codec<ValueOf<Res>, GivenOf<Res>>[] = []
  const layout = (version: number) => ({ version, flexible: version >= flexibleFrom })
  const requestOf = (version: number) => {
    requests[version] ??= requestType.compile(layout(version))
    return requests[version]
  }
  const responseOf = (version: number) => {
    responses[version] ??= responseType.compile(layout(version))
    return responses[version]
  }
  return {
    key,
    name,
    first,
    last,
    flexibleFrom,
    requestType: requestType as WireType<unknown, unknown>,
    responseType: responseType as WireType<unknown, unknown>,
    isFlexible: version => version >= flexibleFrom,
    decodeRequest: (reader, version) => whole(reader, requestOf(version)),
    encodeResponse: (writer, version, value) => responseOf(version).encode(writer, value),
    request: version => requestOf(version) as Codec<unknown, unknown>,
    response: version => responseOf(version) as Codec<unknown, unknown>,
  }
}

/** A short input becomes a breach here, so that there is one exception to catch. */
function whole<T, Input>(reader: ByteReader, codec: Codec<T, Input>): T {
  try {
    return codec.decode(reader)
  } catch (error) {
    if (error instanceof ShortInput) throw breach(error.message, error.offset)
    throw error
  }
}
