/**
 * The admin API, health and metrics, without a socket. It is a caller of the engine like any other:
 * every answer waits for the commit gate before it leaves (I1).
 *
 * State-changing requests are safe from other sites' pages: they must be JSON, which a page of
 * another origin cannot send without being asked first, and an `Origin` must be our own. Without
 * users, the `Host` must be an address or localhost, so that a foreign name that was made to point
 * here reads nothing either.
 */

import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { EngineFailure } from '../engine/errors.ts'
import { type AdminApp, fail } from './answers.ts'
import { addApi } from './api.ts'
import { adminLimits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import type { AdminPorts } from './ports.ts'
import { Releases } from './releases.ts'

/** The application without a socket: `app.request(path)` answers, which is how it is tested. */
export function adminApp(ports: AdminPorts): AdminApp {
  const app: AdminApp = new Hono()
  const releases = new Releases(ports.engine)

  app.onError((error, context) => {
    const code = error instanceof EngineFailure ? error.code : 'SPILLWAY_E_BUG'
    return fail(context, 500, code, error.message)
  })
  app.notFound(context => fail(context, 404, 'no-such-path', `There is no ${context.req.path}.`))
  app.use(async (context, next) => {
    await next()
    context.header('x-content-type-options', 'nosniff')
    context.header('cache-control', 'no-store')
    context.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  })

  app.get('/livez', context => context.json({ live: true }))
  app.get('/readyz', context => {
    const reasons = ports.notReady()
    return context.json({ ready: reasons.length === 0, reasons }, reasons.length === 0 ? 200 : 503)
  })

  app.use(async (context, next) => {
    const refusal = await guard(context, ports)
    if (refusal !== undefined) return refusal
    return next()
  })
  app.use(
    bodyLimit({
      maxSize: adminLimits.requestBytesMax,
      onError: context =>
        fail(context, 413, 'too-large', `The limit is ${adminLimits.requestBytesMax} bytes.`),
    }),
  )

  app.get('/', context =>
    context.json({
      name: 'spillway',
      version: ports.about.version,
      paths: ['/api/overview', '/api/queues', '/api/connections', '/metrics', '/readyz', '/livez'],
    }),
  )
  let metrics: Promise<Metrics> | undefined
  app.get('/metrics', async context => {
    metrics ??= import('./metrics.ts').then(module => module.createMetrics(ports))
    const { text, contentType } = await (await metrics).render()
    return context.body(text, 200, { 'content-type': contentType })
  })
  addApi(app, ports, releases)
  return app
}

async function guard(context: Context, ports: AdminPorts): Promise<Response | undefined> {
  const { authenticate } = ports
  if (authenticate !== undefined) {
    const given = basicCredentials(context.req.header('authorization'))
    if (given === undefined || !(await authenticate(given.name, given.password))) {
      context.header('www-authenticate', 'Basic realm="spillway", charset="UTF-8"')
      return fail(context, 401, 'unauthorized', 'A user name and password are required.')
    }
  } else if (!isOwnHost(context.req.header('host') ?? '', ports.about.host)) {
    return fail(context, 403, 'foreign-host', 'Use an address or localhost to reach this broker.')
  }
  const method = context.req.method
  if (method === 'GET' || method === 'HEAD') return undefined

  const origin = context.req.header('origin')
  const host = context.req.header('host')
  const site = context.req.header('sec-fetch-site')
  const isForeign =
    (origin !== undefined && originHost(origin) !== host) ||
    (site !== undefined && site !== 'same-origin' && site !== 'none')
  if (isForeign)
    return fail(context, 403, 'foreign-origin', 'Pages of other sites may not do this.')
  const isJson = context.req.header('content-type')?.startsWith('application/json') === true
  if (method !== 'DELETE' && !isJson) {
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
