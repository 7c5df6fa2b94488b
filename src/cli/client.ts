/** How the other commands talk to a running broker: its admin API. */

import type { ApiError } from '../admin/contract.ts'
import { CommandFailure, type ExitCode, exitCodes, usageFailure } from './failure.ts'

export interface AdminClient {
  /** Throws a command failure with the exit code that fits. */
  call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T>
}

export function adminClient(url: string): AdminClient {
  const { base, authorization } = readUrl(url)
  return {
    async call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal) {
      const response = await fetch(base + path, {
        method,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      }).catch((error: Error) => {
        if (signal?.aborted === true) throw error
        throw unreachable(base, error)
      })
      if (response.ok) return (await response.json()) as T
      throw await readFailure(response)
    },
  }
}

/** The path of a queue's resource. */
export function queuePath(name: string, rest = ''): string {
  return `/api/queues/${encodeURIComponent(name)}${rest}`
}

function readUrl(url: string): { base: string; authorization: string | undefined } {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    throw usageFailure(`--url expects a URL such as http://127.0.0.1:7420, not “${url}”.`)
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new CommandFailure(
      'SPILLWAY_E_UNSUPPORTED',
      `this command talks to the admin API, so --url begins with http://, not ${parsed.protocol}//.`,
      exitCodes.unsupported,
    )
  }
  const name = decodeURIComponent(parsed.username)
  const password = decodeURIComponent(parsed.password)
  const encoded = Buffer.from(`${name}:${password}`).toString('base64')
  return {
    base: parsed.origin + parsed.pathname.replace(/\/$/, ''),
    authorization: name === '' ? undefined : `Basic ${encoded}`,
  }
}

function unreachable(base: string, error: Error): CommandFailure {
  const cause = (error.cause ?? error) as NodeJS.ErrnoException
  const why = cause.code === 'ECONNREFUSED' ? 'nothing listens there' : cause.message
  return new CommandFailure(
    'SPILLWAY_E_UNREACHABLE',
    `${base} does not answer (${why}). Start a broker with \`spillway\`, or name one with --url.`,
  )
}

const codesByStatus: { readonly [status: number]: ExitCode } = {
  400: exitCodes.usage,
  404: exitCodes.notFound,
  413: exitCodes.usage,
}

async function readFailure(response: Response): Promise<CommandFailure> {
  const content = (await response.json().catch(() => undefined)) as ApiError | undefined
  const { code = String(response.status), message = response.statusText } = content?.error ?? {}
  const advice =
    response.status === 401 ? ' Put them into the URL: SPILLWAY_URL=http://name:password@host.' : ''
  return new CommandFailure(
    `SPILLWAY_E_${code.toUpperCase().replaceAll('-', '_')}`,
    message + advice,
    codesByStatus[response.status] ?? exitCodes.error,
  )
}

/** The queue that a command is about, or whatever else it is. */
export function onlyQueue(command: string, words: readonly string[], what = 'queue'): string {
  const [name, rest] = words
  if (name === undefined) throw usageFailure(`${command} needs the name of a ${what}.`)
  if (rest !== undefined) throw usageFailure(`${command} takes one ${what}; “${rest}” is too much.`)
  return name
}

/** A stream of events (`text/event-stream`), until it or the signal ends. */
export async function* adminStream(
  url: string,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<{ readonly event: string; readonly data: string }> {
  const { base, authorization } = readUrl(url)
  try {
    const headers = authorization === undefined ? {} : { authorization }
    const response = await fetch(base + path, { headers, signal }).catch((error: Error) => {
      if (signal.aborted) throw error
      throw unreachable(base, error)
    })
    if (!response.ok || response.body === null) throw await readFailure(response)
    let text = ''
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk
      const parts = text.split('\n\n')
      text = parts.pop()!
      for (const part of parts) yield readEvent(part)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function readEvent(part: string): { readonly event: string; readonly data: string } {
  let event = 'message'
  let data = ''
  for (const line of part.split('\n')) {
    if (line.startsWith('event: ')) event = line.slice(7)
    else if (line.startsWith('data: ')) data += line.slice(6)
  }
  return { event, data }
}
