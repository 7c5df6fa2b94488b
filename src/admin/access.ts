/**
 * Who may do what here.
 *
 * With users, every call but the health checks, the sign-in and the studio's own files wants one of
 * them: by Basic credentials, or by the session that a sign-in has made, whose cookie no script can
 * read and no other site's page sends along. Without users, the `Host` must be an address or
 * localhost, so that a foreign name that was made to point here reads nothing either.
 *
 * State-changing requests are safe from other sites' pages: they must be JSON, which a page of
 * another origin cannot send without being asked first, and an `Origin` must be our own.
 */

import type { Context } from 'hono'
import { fail } from './answers.ts'
import { adminLimits } from './limits.ts'
import type { AdminPorts } from './ports.ts'

const cookieName = 'spillway_session'

interface SignedIn {
  readonly name: string
  usedAt: number
}

/** What is asked of the process here. */
export type AccessPorts = Pick<
  AdminPorts,
  'clock' | 'random' | 'about' | 'endpoints' | 'readOnly' | 'authenticate'
>

export class Access {
  readonly #ports: AccessPorts
  readonly #sessions = new Map<string, SignedIn>()
  /** Times of failed sign-ins, the newest last. */
  #failures: number[] = []

  constructor(ports: AccessPorts) {
    this.#ports = ports
  }

  /** Who asks; undefined: nobody that we know. */
  async userOf(context: Context): Promise<string | undefined> {
    const session = this.#sessionOf(context)
    if (session !== undefined) return session.name
    const given = basicCredentials(context.req.header('authorization'))
    if (given === undefined || this.#isLocked()) return undefined
    const isRight = await this.#ports.authenticate?.(given.name, given.password)
    if (isRight === true) return given.name
    this.#failures.push(this.#ports.clock.monotonic())
    return undefined
  }

  /** The refusal, or undefined: go on. */
  async guard(context: Context): Promise<Response | undefined> {
    const refusal = this.guardHost(context) ?? this.#guardChange(context)
    if (refusal !== undefined) return refusal
    if (this.#ports.authenticate === undefined) return undefined
    if ((await this.userOf(context)) !== undefined) return undefined
    // A page signs in by itself: the browser's own window would come in its way.
    if (context.req.header('sec-fetch-mode') === undefined) {
      context.header('www-authenticate', 'Basic realm="spillway", charset="UTF-8"')
    }
    return fail(context, 401, 'unauthorized', 'A user name and password are required.')
  }

  guardHost(context: Context): Response | undefined {
    const { authenticate, about } = this.#ports
    if (authenticate !== undefined) return undefined
    if (isOwnHost(context.req.header('host') ?? '', about.host)) return undefined
    return fail(context, 403, 'foreign-host', 'Use an address or localhost to reach this broker.')
  }

  #guardChange(context: Context): Response | undefined {
    const { method } = context.req
    if (method === 'GET' || method === 'HEAD') return undefined
    const refusal = guardOrigin(context)
    if (refusal !== undefined) return refusal
    if (this.#ports.readOnly !== true) return undefined
    return fail(context, 403, 'read-only', 'This broker was started with --read-only-studio.')
  }

  async signIn(context: Context, name: string, password: string): Promise<Response | undefined> {
    const { authenticate, clock } = this.#ports
    if (authenticate === undefined) return undefined
    if (this.#isLocked()) {
      return fail(context, 429, 'too-many', 'Too many failed attempts. Wait a minute.')
    }
    if (!(await authenticate(name, password))) {
      this.#failures.push(clock.monotonic())
      return fail(context, 401, 'unauthorized', 'The name or the password is wrong.')
    }
    if (this.#sessions.size >= adminLimits.sessionsMax) {
      this.#sessions.delete(this.#sessions.keys().next().value ?? '')
    }
    const token = this.#newToken()
    this.#sessions.set(token, { name, usedAt: clock.monotonic() })
    this.#setCookie(context, token, Math.floor(adminLimits.sessionIdleMs / 1000))
    return undefined
  }

  signOut(context: Context): void {
    this.#sessions.delete(tokenOf(context))
    this.#setCookie(context, '', 0)
  }

  #setCookie(context: Context, token: string, seconds: number): void {
    const secure = this.#ports.endpoints().some(({ url }) => url.startsWith('https:'))
    context.header(
      'set-cookie',
      `${cookieName}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure ? '; Secure' : ''}`,
    )
  }

  #sessionOf(context: Context): SignedIn | undefined {
    const token = tokenOf(context)
    const session = this.#sessions.get(token)
    if (session === undefined) return undefined
    const nowMs = this.#ports.clock.monotonic()
    if (nowMs - session.usedAt > adminLimits.sessionIdleMs) {
      this.#sessions.delete(token)
      return undefined
    }
    session.usedAt = nowMs
    // The one that was used last is the last to go.
    this.#sessions.delete(token)
    this.#sessions.set(token, session)
    return session
  }

  #isLocked(): boolean {
    const since = this.#ports.clock.monotonic() - 60_000
    this.#failures = this.#failures.filter(time => time > since)
    return this.#failures.length >= adminLimits.failuresMax
  }

  #newToken(): string {
    const words = Array.from({ length: 8 }, () => this.#ports.random.uint32())
    return words.map(word => word.toString(16).padStart(8, '0')).join('')
  }
}

function tokenOf(context: Context): string {
  const header = context.req.header('cookie') ?? ''
  for (const part of header.split(';')) {
    const [name, value] = part.trim().split('=')
    if (name === cookieName) return value ?? ''
  }
  return ''
}

/** Refuses what a page of another site may have sent. */
export function guardOrigin(context: Context): Response | undefined {
  const origin = context.req.header('origin')
  const host = context.req.header('host')
  const site = context.req.header('sec-fetch-site')
  const isForeign =
    (origin !== undefined && originHost(origin) !== host) ||
    (site !== undefined && site !== 'same-origin' && site !== 'none')
  if (isForeign)
    return fail(context, 403, 'foreign-origin', 'Pages of other sites may not do this.')
  const isJson = context.req.header('content-type')?.startsWith('application/json') === true
  if (context.req.method !== 'DELETE' && !isJson) {
    return fail(context, 415, 'not-json', 'The content type must be application/json.')
  }
  return undefined
}

function basicCredentials(header: string | undefined) {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

function originHost(origin: string): string | undefined {
  try {
    return new URL(origin).host
  } catch {
    return undefined
  }
}

/** An address or localhost, with or without a port: no name that somebody else's DNS decides. */
export function isOwnHost(header: string, ownHost: string): boolean {
  const name = header.replace(/:\d+$/, '').toLowerCase()
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === ownHost.toLowerCase() ||
    /^\d{1,3}(\.\d{1,3}){3}$/.test(name) ||
    /^\[[0-9a-f:.]+\]$/.test(name)
  )
}
