/** The application's type, how it reads what it is asked, and how it says no. */

import type { HttpBindings } from '@hono/node-server'
import type { Context, Hono, MiddlewareHandler } from 'hono'
import { type EngineErrorCode, engineErrors, type Outcome } from '../engine/errors.ts'
import type { ApiError } from './contract.ts'

export type AdminApp = Hono<{ Bindings: HttpBindings }>

export type Status = 400 | 401 | 403 | 404 | 409 | 411 | 413 | 415 | 429 | 500 | 503 | 507

/**
 * Refuses a body that is too long, by what its head says of it. One that does not say, because it
 * comes in chunks, is not taken; a request without a body says nothing, and is.
 */
export function limitBody(bytesMax: number): MiddlewareHandler {
  return async (context, next) => {
    const length = context.req.header('content-length')
    if (length === undefined && context.req.header('transfer-encoding') !== undefined) {
      return fail(context, 411, 'no-length', 'A request with a body says how long it is.')
    }
    if (length === undefined || Number(length) <= bytesMax) return next()
    return fail(context, 413, 'too-large', `The limit is ${bytesMax} bytes.`)
  }
}

export function fail(context: Context, status: Status, code: string, message: string): Response {
  const body: ApiError = { error: { code, message } }
  return context.json(body, status)
}

const statuses: { readonly [K in EngineErrorCode]: Status } = {
  'not-found': 404,
  exists: 409,
  'wrong-kind': 409,
  'in-use': 409,
  'not-empty': 409,
  exclusive: 409,
  full: 409,
  'too-large': 413,
  invalid: 400,
  'not-leased': 409,
  'disk-full': 507,
  overloaded: 503,
  limit: 429,
}

export function refuse(
  context: Context,
  refusal: Outcome<unknown> & { readonly ok: false },
): Response {
  if (refusal.error === 'not-found') return noQueue(context)
  const { sentence } = engineErrors[refusal.error]
  const message = refusal.detail === '' ? sentence : `${sentence} ${refusal.detail}`
  return fail(context, statuses[refusal.error], refusal.error, message)
}

export function noQueue(context: Context): Response {
  return fail(context, 404, 'not-found', `There is no queue “${nameOf(context)}”.`)
}

export function nameOf(context: Context): string {
  return context.req.param('name') ?? context.req.param('queue') ?? ''
}

/** The body as an object; empty where there is none. */
export async function readJson(context: Context): Promise<{ [name: string]: unknown } | undefined> {
  try {
    const value: unknown = await context.req.json()
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as { [name: string]: unknown })
      : undefined
  } catch {
    return undefined
  }
}

/** The default for nothing, undefined for what is no whole number between the bounds. */
export function wholeNumber(
  value: unknown,
  fallback: number,
  least: number,
  most: number,
): number | undefined {
  if (value === undefined || value === null || value === '') return fallback
  const number = Number(value)
  return Number.isSafeInteger(number) && number >= least && number <= most ? number : undefined
}
