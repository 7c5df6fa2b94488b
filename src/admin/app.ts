/**
 * The admin API, the studio's files, health and metrics, without a socket. It is a caller of the
 * engine like any other: every answer waits for the commit gate before it leaves (I1). Who may do
 * what is decided in `access.ts`.
 */

import { Hono } from 'hono'
import { EngineFailure } from '../engine/errors.ts'
import { guardOrigin } from './access.ts'
import { type AdminApp, fail, limitBody } from './answers.ts'
import { closeDesk, openDesk } from './desk.ts'
import { brokerRoutes, documentRoute } from './handlers/broker.ts'
import { deadLetterRoutes } from './handlers/dead-letters.ts'
import { groupRoutes } from './handlers/groups.ts'
import { messageRoutes } from './handlers/messages.ts'
import { queueRoutes } from './handlers/queues.ts'
import { routeRoutes } from './handlers/routes.ts'
import { adminLimits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import type { AdminPorts } from './ports.ts'
import { register } from './routes.ts'
import { addStudio } from './studio.ts'

export interface Admin {
  readonly app: AdminApp
  /** Ends the event streams and every timer. */
  stop(): void
}

/** The application without a socket: `app.request(path)` answers, which is how it is tested. */
export function openAdmin(ports: AdminPorts): Admin {
  const app: AdminApp = new Hono()
  const desk = openDesk(ports)

  app.onError((error, context) => {
    const code = error instanceof EngineFailure ? error.code : 'SPILLWAY_E_BUG'
    return fail(context, 500, code, error.message)
  })
  app.notFound(context => fail(context, 404, 'no-such-path', `There is no ${context.req.path}.`))
  app.use(async (context, next) => {
    await next()
    context.header('x-content-type-options', 'nosniff')
    if (context.res.headers.has('content-security-policy')) return
    context.header('cache-control', 'no-store')
    context.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  })

  app.get('/livez', context => context.json({ live: true }))
  app.get('/readyz', context => {
    const reasons = ports.notReady()
    return context.json({ ready: reasons.length === 0, reasons }, reasons.length === 0 ? 200 : 503)
  })

  app.use(async (context, next) => desk.access.guardHost(context) ?? next())
  addStudio(app, ports)
  app.use(limitBody(adminLimits.requestBytesMax))
  const table = [
    ...brokerRoutes(desk),
    ...queueRoutes(desk),
    ...routeRoutes(desk),
    ...messageRoutes(desk),
    ...deadLetterRoutes(desk),
    ...groupRoutes(desk),
  ]
  const routes = [...table, documentRoute(desk, table)]
  app.use('/api/session', async (context, next) => {
    const isRead = context.req.method === 'GET' || context.req.method === 'HEAD'
    return (isRead ? undefined : guardOrigin(context)) ?? next()
  })
  register(
    app,
    routes.filter(({ open }) => open === true),
  )
  app.use(async (context, next) => (await desk.access.guard(context)) ?? next())
  register(
    app,
    routes.filter(({ open }) => open !== true),
  )
  let metrics: Promise<Metrics> | undefined
  app.get('/metrics', async context => {
    metrics ??= import('./metrics.ts').then(module => module.createMetrics(ports))
    const { text, contentType } = await (await metrics).render()
    return context.body(text, 200, { 'content-type': contentType })
  })
  return { app, stop: () => closeDesk(desk) }
}
