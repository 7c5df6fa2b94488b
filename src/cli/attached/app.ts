/**
 * The API of a studio that is attached to a backend: what a driver can do, under `/api/attached`,
 * and the studio's own files. The rest of the admin API is not here, and says why.
 */

import type { Context } from 'hono'
import { Hono } from 'hono'
import { Access } from '../../admin/access.ts'
import {
  type AdminApp,
  fail,
  limitBody,
  nameOf,
  readJson,
  type Status,
  wholeNumber,
} from '../../admin/answers.ts'
import type { Session } from '../../admin/contract.ts'
import { adminLimits } from '../../admin/limits.ts'
import type { AdminPorts } from '../../admin/ports.ts'
import { addStudio } from '../../admin/studio.ts'
import { ClientError } from '../../client/errors.ts'
import { type AttachedBackend, messagesMax } from './backend.ts'
import type { AttachedRedrive, AttachedSend } from './contract.ts'

export type AttachedPorts = Pick<
  AdminPorts,
  'clock' | 'random' | 'about' | 'endpoints' | 'studio' | 'readOnly' | 'authenticate'
>

export function attachedApp(ports: AttachedPorts, backend: AttachedBackend): AdminApp {
  const app: AdminApp = new Hono()
  const access = new Access(ports)
  app.onError((error, context) => refuse(context, error))
  app.use(async (context, next) => {
    await next()
    context.header('x-content-type-options', 'nosniff')
    if (context.res.headers.has('content-security-policy')) return
    context.header('cache-control', 'no-store')
    context.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  })
  app.get('/livez', context => context.json({ live: true }))
  app.use(async (context, next) => access.guardHost(context) ?? next())
  addStudio(app, ports)
  app.use(limitBody(adminLimits.requestBytesMax))
  app.use(async (context, next) => (await access.guard(context)) ?? next())
  addRoutes(app, ports, backend)
  app.notFound(context =>
    fail(context, 404, 'attached', `${backend.backend} is looked at through the client's driver.`),
  )
  return app
}

function addRoutes(app: AdminApp, ports: AttachedPorts, backend: AttachedBackend): void {
  const one = '/api/attached/:name'
  app.get('/api/session', context => {
    const session: Session = {
      required: false,
      user: null,
      readOnly: ports.readOnly === true,
      attached: backend.backend,
    }
    return context.json(session)
  })
  app.get('/api/attached', async context => context.json(await backend.view()))
  app.get('/api/attached-listing', async context => context.json(await backend.listing()))
  app.post('/api/attached', async context => {
    const { name, kind } = (await readJson(context)) ?? {}
    if (typeof name !== 'string' || name === '' || (kind !== 'queue' && kind !== 'topic')) {
      return fail(context, 400, 'invalid', 'A name and a kind, queue or topic, are needed.')
    }
    await backend.watch({ name, kind })
    return context.json({ watched: true })
  })
  app.delete(one, context => {
    const gone = backend.unwatch(nameOf(context))
    return gone ? context.json({ watched: false }) : fail(context, 404, 'not-found', 'Not watched.')
  })
  app.get(`${one}/abilities`, async context =>
    context.json(await backend.abilities(nameOf(context))),
  )
  app.get(`${one}/messages`, async context => {
    const count = wholeNumber(context.req.query('count'), 50, 1, messagesMax)
    if (count === undefined) return fail(context, 400, 'invalid', `1 to ${messagesMax} messages.`)
    return context.json(await backend.messages(nameOf(context), count))
  })
  app.post(`${one}/messages`, async context => {
    const message = readSend(await readJson(context))
    if (message === undefined) return fail(context, 400, 'invalid', 'A body, as text, is needed.')
    await backend.send(nameOf(context), message)
    return context.json({ sent: true })
  })
  app.delete(`${one}/messages`, async context =>
    context.json({ count: await backend.purge(nameOf(context)) }),
  )
  app.get(`${one}/dead`, async context =>
    context.json(await backend.letters(nameOf(context), messagesMax)),
  )
  app.post(`${one}/redrive`, async context => {
    const wanted = readRedrive(await readJson(context))
    if (wanted === undefined) return fail(context, 400, 'invalid', 'Ids are texts, a rate above 0.')
    return context.json(await backend.redrive(nameOf(context), wanted))
  })
}

function refuse(context: Context, error: Error): Response {
  if (!(error instanceof ClientError)) return fail(context, 500, 'SPILLWAY_E_BUG', error.message)
  const isUnsupported = error.code.startsWith('SPILLWAY_U_')
  const status: Status = isUnsupported ? 409 : error.code === 'SPILLWAY_E_UNWATCHED' ? 404 : 503
  return fail(context, status, error.code, error.message.replace(`${error.code}  `, ''))
}

type Given = { readonly [name: string]: unknown } | undefined

function readSend(given: Given): AttachedSend | undefined {
  const { body, key, delayMs } = given ?? {}
  if (typeof body !== 'string') return undefined
  if (key !== undefined && typeof key !== 'string') return undefined
  if (delayMs !== undefined && !(typeof delayMs === 'number' && delayMs >= 0)) return undefined
  return { body, key, delayMs }
}

function readRedrive(given: Given): AttachedRedrive | undefined {
  const { error, ids, dryRun, ratePerSecond } = given ?? {}
  if (error !== undefined && typeof error !== 'string') return undefined
  const isRate =
    ratePerSecond === undefined || (typeof ratePerSecond === 'number' && ratePerSecond > 0)
  if (!isRate) return undefined
  const isIds = ids === undefined || (Array.isArray(ids) && ids.every(id => typeof id === 'string'))
  if (!isIds) return undefined
  return {
    error,
    ids: ids as readonly string[] | undefined,
    dryRun: dryRun === true,
    ratePerSecond,
  }
}
