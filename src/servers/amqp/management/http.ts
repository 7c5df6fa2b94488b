/**
 * A request and its answer, without a socket: what the management API asks of the one who binds the
 * port, and the words of its refusals.
 */

import type { Broker } from '../broker.ts'
import type { About } from './server.ts'

/** One HTTP request, to be answered once. */
export interface HttpCall {
  readonly method: string
  /** With its query string. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string | undefined }
  readonly body: Uint8Array
  readonly peer: { readonly address: string; readonly port: number }
  respond(status: number, headers: { readonly [name: string]: string }, body: string): void
}

/** A request, as its handler sees it. */
export interface Request {
  readonly broker: Broker
  readonly about: About
  readonly method: string
  /** The parts of the path that the route names. */
  readonly params: { readonly [name: string]: string }
  readonly query: URLSearchParams
  readonly headers: HttpCall['headers']
  readonly user: string
  readonly tags: readonly string[]
  /** The body's object; 400 where it is none. An empty one is an empty object. */
  body(): { readonly [name: string]: unknown }
}

/** What a handler that returns no data says: it is there now, or it is done. */
export class Done {
  readonly status: 201 | 204
  readonly location: string | undefined
  constructor(status: 201 | 204, location?: string) {
    this.status = status
    this.location = location
  }
}

export const done = new Done(204)

export function created(isNew: boolean): Done {
  return isNew ? new Done(201) : done
}

/** A list, which may be asked for by page, sorted, and by columns. */
export class List {
  readonly items: readonly JsonObject[]
  constructor(items: readonly JsonObject[]) {
    this.items = items
  }
}

export type JsonObject = { readonly [name: string]: unknown }

/** An answer other than 200. */
export class HttpRefusal extends Error {
  readonly status: number
  readonly error: string
  readonly reason: unknown
  constructor(status: number, error: string, reason: unknown) {
    super(`${status} ${error}`)
    this.status = status
    this.error = error
    this.reason = reason
  }
}

export function notFound(): never {
  throw new HttpRefusal(404, 'Object Not Found', 'Not Found')
}

export function badRequest(reason: unknown): never {
  throw new HttpRefusal(400, 'bad_request', reason)
}

export function notAuthorised(reason: string): never {
  throw new HttpRefusal(401, 'not_authorised', reason)
}

/** The value of a key that must be there. */
export function required(body: JsonObject, ...keys: readonly string[]): void {
  const missing = keys.filter(key => body[key] === undefined)
  if (missing.length === 0) return
  badRequest(`[${missing.map(key => `{key_missing,${key}}`).join(',')}]`)
}

export function textOf(body: JsonObject, key: string, fallback: string): string {
  const value = body[key]
  return typeof value === 'string' ? value : fallback
}

/** True, or text that says so: both are seen. */
export function flagOf(body: JsonObject, key: string): boolean {
  return body[key] === true || body[key] === 'true'
}

/** Tags as they are given: a list, or text with commas. */
export function tagsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String)
  if (typeof value !== 'string') return []
  return value
    .split(',')
    .map(tag => tag.trim())
    .filter(tag => tag !== '')
}
