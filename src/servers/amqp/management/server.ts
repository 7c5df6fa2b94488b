/**
 * RabbitMQ's management HTTP API: calls in, answers out. It never sees a socket, and every answer
 * waits for the commit gate (I1). What it serves is the table in `routes.ts`.
 */

import { decodeUtf8 } from '../../../base/bytes.ts'
import { EngineFailure } from '../../../engine/errors.ts'
import { decodeBase64 } from '../base64.ts'
import type { Broker } from '../broker.ts'
import { isLoopback } from '../handlers/connection.ts'
import { unwellBody } from './cluster.ts'
import {
  badRequest,
  Done,
  type HttpCall,
  HttpRefusal,
  type JsonObject,
  List,
  notAuthorised,
  notFound,
  type Request,
} from './http.ts'
import { arrange, pick } from './lists.ts'
import { exposition, prometheusType } from './prometheus.ts'
import type { Rates } from './rates.ts'
import { findRoute, type Gate } from './routes.ts'

export type { HttpCall } from './http.ts'

/** What the broker's process says of itself. */
export interface About {
  readonly nodeName: string
  readonly version: string
  readonly diskFreeMin: number
  readonly rates: Rates
  listeners(): readonly {
    readonly protocol: string
    readonly host: string
    readonly port: number
  }[]
  usage(): {
    readonly pid: number
    readonly memoryBytes: number
    readonly memoryLimitBytes: number
    readonly uptimeMs: number
    readonly processors: number
  }
}

export interface ManagementServer {
  readonly name: 'management' | 'prometheus'
  readonly requestBytesMax: number
  handle(call: HttpCall): void
}

const requestBytesMax = 20 * 1024 * 1024

export function managementServer(broker: Broker, about: About): ManagementServer {
  const waiting: { readonly gate: number; readonly send: () => void }[] = []
  broker.engine.onReleased(() => {
    while (waiting.length > 0 && waiting[0]!.gate <= broker.engine.released) waiting.shift()!.send()
  })
  return {
    name: 'management',
    requestBytesMax,
    handle: call => {
      const answer = answerTo(broker, about, call)
      const { gate, released } = broker.engine
      const send = () => call.respond(answer.status, answer.headers, answer.body)
      if (gate <= released || answer.failed) send()
      else waiting.push({ gate, send })
    },
  }
}

/**
 * What the Prometheus plugin has on its own port: metrics alone, and for anybody who can reach the
 * port, as there.
 */
export function prometheusServer(broker: Broker, about: About): ManagementServer {
  return {
    name: 'prometheus',
    requestBytesMax: 1024,
    handle: call => {
      const path = call.path.split('?', 1)[0]!.replace(/\/$/, '')
      const isMetrics = path === '/metrics' || path === '/metrics/per-object'
      const answer = isMetrics
        ? metrics(broker, about, path !== '/metrics')
        : json(404, { error: 'Object Not Found', reason: 'Not Found' })
      call.respond(answer.status, answer.headers, answer.body)
    },
  }
}

interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body: string
  /** The engine has stopped: nothing will be released any more. */
  readonly failed?: boolean
}

function answerTo(broker: Broker, about: About, call: HttpCall): Answer {
  try {
    return succeed(broker, about, call)
  } catch (error) {
    if (error instanceof HttpRefusal) return refused(error)
    if (!(error instanceof EngineFailure)) throw error
    return { ...json(500, { error: 'internal_error', reason: error.message }), failed: true }
  }
}

function succeed(broker: Broker, about: About, call: HttpCall): Answer {
  const [path, search] = call.path.split('?', 2) as [string, string?]
  if (path === '/metrics') return metrics(broker, about, false)
  const login = authenticate(broker, call)
  if (login === undefined) return challenge
  if (path === '/metrics/per-object') return metrics(broker, about, true)
  const { route, params } = findRoute(partsOf(path)) ?? notFound()
  const { method } = call
  const allowed = ['HEAD', ...Object.keys(route.methods), 'OPTIONS'].join(', ')
  if (method === 'OPTIONS') return empty(200, { allow: allowed })
  const handler = route.methods[method === 'HEAD' ? 'GET' : method]
  if (handler === undefined) return empty(405, { allow: allowed })
  const tags = broker.access.tagsOf(login)
  const reads = method === 'GET' || method === 'HEAD'
  if (!reads && isForeign(call.headers)) throw new HttpRefusal(403, 'forbidden', 'foreign origin')
  const query = new URLSearchParams(search ?? '')
  const body = () => bodyOf(call, path)
  const { headers } = call
  const request = { broker, about, method, params, query, headers, user: login, tags, body }
  checkGate(request, reads ? route.gate : route.writeGate)
  return shown(handler(request), query)
}

function metrics(broker: Broker, about: About, perObject: boolean): Answer {
  const headers = { ...security, 'content-type': prometheusType }
  return { status: 200, headers, body: exposition(broker, about, perObject) }
}

function shown(result: unknown, query: URLSearchParams): Answer {
  if (result instanceof Done) {
    const { status, location } = result
    return empty(status, location === undefined ? {} : { location })
  }
  if (result instanceof List) return json(200, arrange(result.items, query))
  return json(200, Array.isArray(result) ? result : pick(result as JsonObject, query))
}

function refused(refusal: HttpRefusal): Answer {
  const { status, error, reason } = refusal
  return json(status, unwellBody(refusal) ?? { error, reason })
}

const security = {
  'content-type': 'application/json',
  'cache-control': 'no-cache',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
}

function json(status: number, value: unknown): Answer {
  return { status, headers: security, body: JSON.stringify(value) }
}

function empty(status: number, headers: Answer['headers']): Answer {
  return { status, headers, body: '' }
}

const challenge: Answer = {
  status: 401,
  headers: { ...security, 'www-authenticate': 'Basic realm="RabbitMQ Management"' },
  body: JSON.stringify({ error: 'not_authorized', reason: 'Login failed' }),
}

/** The parts behind `/api/`, decoded. */
function partsOf(path: string): string[] {
  const [first, api, ...parts] = path.replace(/\/+$/, '').split('/')
  if (first !== '' || api !== 'api') notFound()
  try {
    return parts.map(decodeURIComponent)
  } catch {
    return badRequest('malformed path')
  }
}

/** A browser remembers passwords, and pages of other sites must not make use of that. */
function isForeign({ origin, host, 'sec-fetch-site': site }: HttpCall['headers']): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== host
}

/** Who asks, or undefined: nobody that we know. */
function authenticate({ access, options }: Broker, { headers, peer }: HttpCall) {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(headers.authorization ?? '')?.[1]
  const bytes = encoded === undefined ? undefined : decodeBase64(encoded)
  if (bytes === undefined) return undefined
  const text = decodeUtf8(bytes)
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  const user = text.slice(0, colon)
  const local = options.loopbackUsers ?? ['guest']
  if (local.includes(user) && !isLoopback(peer.address)) return undefined
  return access.login(user, text.slice(colon + 1), { ...peer, tls: false }) ? user : undefined
}

const tagsFor: { readonly [G in Gate]: readonly string[] } = {
  management: ['administrator', 'monitoring', 'policymaker', 'management'],
  vhost: ['administrator', 'monitoring', 'policymaker', 'management'],
  policymaker: ['administrator', 'policymaker'],
  monitoring: ['administrator', 'monitoring'],
  administrator: ['administrator'],
}

const refusals: { readonly [G in Gate]: string } = {
  management: 'Not management user',
  vhost: 'Not management user',
  policymaker: 'User not authorised to access object',
  monitoring: 'Not monitor user',
  administrator: 'Not administrator user',
}

function checkGate({ broker, tags, user, params }: Request, gate: Gate): void {
  const hasOneOf = (wanted: Gate) => tags.some(tag => tagsFor[wanted].includes(tag))
  if (!hasOneOf('management')) notAuthorised(refusals.management)
  if (!hasOneOf(gate)) notAuthorised(refusals[gate])
  const { vhost } = params
  if (gate === 'administrator' || gate === 'monitoring' || vhost === undefined) return
  const exists = broker.registry.get('vhost', vhost) !== undefined
  if (exists && !broker.access.mayEnter(vhost, user)) {
    notAuthorised('User not authorised to access virtual host')
  }
}

function bodyOf({ body }: HttpCall, path: string): JsonObject {
  if (body.length === 0) return {}
  try {
    const value: unknown = JSON.parse(decodeUtf8(body))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as JsonObject
    }
  } catch {
    // Told below.
  }
  return badRequest(path.startsWith('/api/definitions') ? 'failed_to_parse_json' : 'not_json')
}
