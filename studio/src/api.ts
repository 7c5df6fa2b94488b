/**
 * How pages speak to the broker: JSON over the same origin. The shapes are the server's own, from
 * `src/admin/contract.ts`, imported as types. Everything that changes state is sent as JSON, which
 * the server demands of its own pages.
 */

export class ApiError extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
  }
}

/** Asks `/api/…`; rejects with an `ApiError`, `status` 0 when the broker cannot be reached. */
export async function api<T>(
  path: string,
  options: {
    readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
    readonly body?: unknown
    readonly signal?: AbortSignal
  } = {},
): Promise<T> {
  const { method = options.body === undefined ? 'GET' : 'POST', body, signal } = options
  const init: RequestInit = { method, headers: { accept: 'application/json' } }
  if (signal !== undefined) init.signal = signal
  if (body !== undefined || method !== 'GET') {
    init.headers = { accept: 'application/json', 'content-type': 'application/json' }
    if (body !== undefined) init.body = JSON.stringify(body)
  }
  const response = await fetch(path, init).catch((error: Error) => {
    if (error.name === 'AbortError') throw error
    throw new ApiError(0, 'unreachable', 'The broker does not answer.')
  })
  const isJson = response.headers.get('content-type')?.includes('json') === true
  const answer: unknown = isJson ? await response.json() : undefined
  if (!response.ok) {
    const error = (answer as { error?: { code?: string; message?: string } } | undefined)?.error
    const message = error?.message ?? `The broker answered ${response.status}.`
    throw new ApiError(response.status, error?.code ?? 'unknown', message)
  }
  return answer as T
}
