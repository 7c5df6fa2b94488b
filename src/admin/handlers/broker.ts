/** The broker as a whole: overview, histories, connections, definitions, sign-in, the stream. */

import type { Context } from 'hono'
import { fail, readJson, wholeNumber } from '../answers.ts'
import type { ListQuery } from '../catalogue.ts'
import type { Definitions, Session } from '../contract.ts'
import { exportDefinitions, importDefinitions, readDefinitions } from '../definitions.ts'
import type { Desk } from '../desk.ts'
import { openApi, type Route } from '../routes.ts'
import { WrongShape } from '../shapes.ts'
import { listFields, readListQuery } from './queues.ts'

const dayMs = 24 * 3_600_000

export function brokerRoutes(desk: Desk): readonly Route[] {
  const { ports, releases, catalogue, sampler } = desk
  return [
    {
      method: 'get',
      path: '/api/overview',
      tag: 'broker',
      summary: 'Counts, rates, disk, memory, endpoints.',
      answer: 'Overview',
      handle: async context => {
        const overview = catalogue.overview()
        await releases.all()
        return context.json(overview)
      },
    },
    {
      method: 'get',
      path: '/api/history',
      tag: 'broker',
      summary: 'What the numbers of the broker, or of one queue, were.',
      query: {
        span: { type: 'integer', text: 'How far back, in ms; at most a day. Default: 5 minutes.' },
        queue: { type: 'string', text: 'Of this queue; default: of the whole broker.' },
      },
      answer: 'History',
      handle: context => {
        const span = wholeNumber(context.req.query('span'), 300_000, 1000, dayMs)
        if (span === undefined) return fail(context, 400, 'invalid', 'A span is 1 s to a day.')
        const json = sampler.historyJson(context.req.query('queue'), span)
        return context.body(json, 200, { 'content-type': 'application/json' })
      },
    },
    {
      method: 'get',
      path: '/api/events',
      tag: 'broker',
      summary: 'A stream of server-sent events, ten times a second at most.',
      query: {
        topics: { type: 'string', text: '`overview` and `queues`, with a comma; default: none.' },
        queue: { type: 'string', text: 'The detail of this queue, as it changes.' },
        tail: { type: 'string', text: 'Messages that come to this queue or stream.' },
        ...listFields,
      },
      answer: 'Events',
      handle: context => openStream(desk, context),
    },
    {
      method: 'get',
      path: '/api/connections',
      tag: 'connections',
      summary: 'Everybody who is connected.',
      answer: 'Connection[]',
      handle: context => context.json(ports.connections.list()),
    },
    {
      method: 'delete',
      path: '/api/connections/:id',
      tag: 'connections',
      summary: "Says the protocol's goodbye to one of them.",
      answer: '{ closed }',
      handle: context => {
        const closed = ports.connections.close(Number(context.req.param('id')))
        if (!closed) return fail(context, 404, 'not-found', 'There is no such connection.')
        return context.json({ closed: true })
      },
    },
    {
      method: 'get',
      path: '/api/definitions',
      tag: 'definitions',
      summary: 'Queues, routes, bindings and topics, as one document.',
      answer: 'Definitions',
      handle: async context => {
        const definitions = exportDefinitions(ports)
        await releases.all()
        return context.json(definitions)
      },
    },
    {
      method: 'post',
      path: '/api/definitions',
      tag: 'definitions',
      summary: 'Makes what is missing of such a document; what is there stays as it is.',
      body: {
        spillway: { type: 'integer', text: 'The version of the format: 1.', required: true },
        queues: { type: 'array', text: 'Names with their configuration.' },
        routes: { type: 'array', text: 'Names with their configuration.' },
        bindings: { type: 'array', text: 'From a route to a log or a route.' },
        topics: { type: 'array', text: 'Kafka topics: name, partitions, configs.' },
      },
      answer: 'ImportResult',
      handle: context => postDefinitions(desk, context),
    },
    {
      method: 'get',
      path: '/api/session',
      tag: 'session',
      summary: 'Whether there are users, and who you are.',
      answer: 'Session',
      open: true,
      handle: async context => context.json(await viewSession(desk, context)),
    },
    {
      method: 'post',
      path: '/api/session',
      tag: 'session',
      summary: 'Signs in: the answer sets a cookie.',
      body: {
        name: { type: 'string', text: 'Of a user of the users file.', required: true },
        password: { type: 'string', text: 'Their password.', required: true },
      },
      answer: 'Session',
      open: true,
      handle: context => signIn(desk, context),
    },
    {
      method: 'delete',
      path: '/api/session',
      tag: 'session',
      summary: 'Signs out.',
      answer: '{ signedOut }',
      open: true,
      handle: context => {
        desk.access.signOut(context)
        return context.json({ signedOut: true })
      },
    },
  ]
}

/** The document of all routes, itself included. */
export function documentRoute(desk: Desk, routes: readonly Route[]): Route {
  const route: Route = {
    method: 'get',
    path: '/api/openapi.json',
    tag: 'broker',
    summary: 'This document.',
    answer: 'OpenAPI 3.1',
    handle: context => context.json(openApi([...routes, route], desk.ports.about.version)),
  }
  return route
}

async function viewSession({ ports, access }: Desk, context: Context): Promise<Session> {
  const required = ports.authenticate !== undefined
  const user = required ? ((await access.userOf(context)) ?? null) : null
  return { required, user, readOnly: ports.readOnly === true }
}

async function signIn(desk: Desk, context: Context): Promise<Response> {
  const { name, password } = (await readJson(context)) ?? {}
  if (typeof name !== 'string' || typeof password !== 'string') {
    return fail(context, 400, 'invalid', 'A name and a password are needed.')
  }
  const refusal = await desk.access.signIn(context, name, password)
  if (refusal !== undefined) return refusal
  const { ports } = desk
  const session: Session = {
    required: ports.authenticate !== undefined,
    user: ports.authenticate === undefined ? null : name,
    readOnly: ports.readOnly === true,
  }
  return context.json(session)
}

async function postDefinitions({ ports, releases, catalogue }: Desk, context: Context) {
  let definitions: Definitions
  try {
    definitions = readDefinitions(await readJson(context))
  } catch (error) {
    if (!(error instanceof WrongShape)) throw error
    return fail(context, 400, 'invalid', error.message)
  }
  const result = importDefinitions(ports, definitions)
  catalogue.forget()
  await releases.all()
  return context.json(result)
}

function openStream({ events, ports }: Desk, context: Context): Response {
  const topics = new Set((context.req.query('topics') ?? '').split(','))
  let list: ListQuery | undefined
  if (topics.has('queues')) {
    list = readListQuery(context)
    if (list === undefined) return fail(context, 400, 'invalid', 'Offset, limit or sort are wrong.')
  }
  if (ports.notReady().includes('stopping')) {
    return fail(context, 503, 'stopping', 'The broker is shutting down.')
  }
  const stream = events.open({
    overview: topics.has('overview'),
    list,
    queue: context.req.query('queue'),
    tail: context.req.query('tail'),
  })
  if (stream === undefined) return fail(context, 429, 'limit', 'Too many streams are open.')
  return context.body(stream, 200, { 'content-type': 'text/event-stream; charset=utf-8' })
}
