/** The application's type, and how it says no. */

import type { HttpBindings } from '@hono/node-server'
import type { Context, Hono } from 'hono'
import type { ApiError } from './contract.ts'

export type AdminApp = Hono<{ Bindings: HttpBindings }>

export type Status = 400 | 401 | 403 | 404 | 409 | 413 | 415 | 429 | 500 | 503 | 507

export function fail(context: Context, status: Status, code: string, message: string): Response {
  const body: ApiError = { error: { code, message } }
  return context.json(body, status)
}
