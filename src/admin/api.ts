/** The JSON API, `/api/…`: each handler checks its input, calls one verb, waits for the gate. */

import type { Context } from 'hono'
import { encodeUtf8, noBytes } from '../base/bytes.ts'
import type { EngineErrorCode, Outcome } from '../engine/errors.ts'
import { engineErrors } from '../engine/errors.ts'
import {
  type Delivery,
  defaultQueue,
  formats,
  type LogInfo,
  type RecordInput,
  type Settlement,
} from '../engine/model.ts'
import { type AdminApp, fail, type Status } from './answers.ts'
import type {
  LeaseResponse,
  Message,
  Overview,
  QueueSummary,
  SendMessage,
  SendResponse,
} from './contract.ts'
import { adminLimits } from './limits.ts'
import type { AdminPorts } from './ports.ts'
import type { Releases } from './releases.ts'
import { addTotals, noTotals, viewMessage, viewQueue, viewQueueDetail } from './views.ts'

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

const settlements: { readonly [kind: string]: Settlement } = {
  done: { kind: 'done' },
  return: { kind: 'return' },
  reject: { kind: 'reject' },
}

export function addApi(app: AdminApp, ports: AdminPorts, releases: Releases): void {
  const { engine } = ports

  app.get('/api/overview', async context => {
    const overview = viewOverview(ports)
    await releases.all()
    return context.json(overview)
  })

  app.get('/api/queues', async context => {
    const queues = allQueues(ports)
    await releases.all()
    return context.json(queues)
  })

  app.get('/api/queues/:name', async context => {
    const info = engine.log(context.req.param('name'))
    if (info === undefined) return noQueue(context)
    const detail = viewQueueDetail(engine, info)
    await releases.all()
    return context.json(detail)
  })

  app.put('/api/queues/:name', async context => {
    const outcome = engine.createLog(context.req.param('name'), { queue: defaultQueue })
    if (!outcome.ok) return refuse(context, outcome)
    await releases.all()
    return context.json(viewQueue(outcome.value))
  })

  app.get('/api/queues/:name/peek', context => peek(context, ports, releases))
  app.post('/api/queues/:name/messages', context => send(context, ports, releases))
  app.post('/api/queues/:name/lease', context => lease(context, ports, releases))
  app.post('/api/queues/:name/settle', context => settle(context, ports, releases))

  app.delete('/api/queues/:name/messages', async context => {
    const outcome = engine.trim(nameOf(context), { ready: true })
    if (!outcome.ok) return refuse(context, outcome)
    await releases.all()
    return context.json({ count: outcome.value.count })
  })

  app.get('/api/connections', context => context.json(ports.connections.list()))
  app.delete('/api/connections/:id', context => {
    const closed = ports.connections.close(Number(context.req.param('id')))
    if (!closed) return fail(context, 404, 'not-found', 'There is no such connection.')
    return context.json({ closed: true })
  })
}

/** Looks at messages, changing nothing: a queue's ready ones, or a log's from its beginning. */
async function peek(context: Context, ports: AdminPorts, releases: Releases): Promise<Response> {
  const { engine, properties } = ports
  const name = nameOf(context)
  const count = wholeNumber(context.req.query('count'), 10, 1, adminLimits.messagesMax)
  const skip = wholeNumber(context.req.query('skip'), 0, 0, Number.MAX_SAFE_INTEGER)
  const bodyBytesMax = wholeNumber(
    context.req.query('bytes'),
    adminLimits.bodyBytesShown,
    0,
    adminLimits.answerBytesMax,
  )
  if (count === undefined || skip === undefined || bodyBytesMax === undefined) {
    return fail(context, 400, 'invalid', 'count, skip and bytes are whole numbers within bounds.')
  }
  const info = engine.log(name)
  if (info === undefined) return noQueue(context)
  const outcome =
    info.config.queue === undefined
      ? engine.read(
          name,
          { position: info.first + skip },
          { countMax: count, bytesMax: adminLimits.answerBytesMax },
        )
      : engine.peek(name, { countMax: count, skip })
  if (!outcome.ok) return refuse(context, outcome)
  const messages: Message[] = []
  let bytes = 0
  for (const record of outcome.value) {
    bytes += Math.min(record.body.length, bodyBytesMax)
    if (bytes > adminLimits.answerBytesMax && messages.length > 0) break
    messages.push(viewMessage(record, { attempts: null, bodyBytesMax, properties }))
  }
  await releases.all()
  return context.json({ messages })
}

async function send(context: Context, ports: AdminPorts, releases: Releases): Promise<Response> {
  const request = await readJson(context)
  const messages = Array.isArray(request?.['messages']) ? request['messages'] : undefined
  if (messages === undefined || messages.length === 0) {
    return fail(context, 400, 'invalid', 'The request must be { "messages": [{ "body": … }] }.')
  }
  if (messages.length > adminLimits.messagesMax) {
    return fail(context, 413, 'too-large', `At most ${adminLimits.messagesMax} in one request.`)
  }
  const records: RecordInput[] = []
  const name = nameOf(context)
  // As if it came by a route of that name: consumers look at the key.
  const key = encodeUtf8(name)
  for (const [index, message] of messages.entries()) {
    const record = readMessage(message, key, ports.clock.now())
    if (record === undefined) {
      return fail(context, 400, 'invalid', `Message ${index} is not as the contract says.`)
    }
    records.push(record)
  }
  const outcome = ports.engine.append(name, records)
  if (!outcome.ok) return refuse(context, outcome)
  const response: SendResponse = {
    messages: outcome.value.map(({ position, duplicate }) => ({ position, duplicate })),
  }
  await releases.all()
  return context.json(response)
}

async function lease(context: Context, ports: AdminPorts, releases: Releases): Promise<Response> {
  const request = await readJson(context)
  const count = wholeNumber(request?.['count'], 1, 1, adminLimits.messagesMax)
  const leaseMs = wholeNumber(
    request?.['leaseMs'],
    adminLimits.leaseMsDefault,
    1,
    adminLimits.leaseMsMax,
  )
  const waitMs = wholeNumber(request?.['waitMs'], 0, 0, adminLimits.waitMsMax)
  const holder = request?.['holder'] ?? `api-${ports.random.uint32().toString(36)}`
  if (count === undefined || leaseMs === undefined || waitMs === undefined) {
    return fail(context, 400, 'invalid', 'count, leaseMs and waitMs are whole numbers in bounds.')
  }
  if (typeof holder !== 'string' || holder === '' || holder.length > 255) {
    return fail(context, 400, 'invalid', 'The holder is a text of 1 to 255 characters.')
  }
  const isStopping = (): boolean => ports.notReady().includes('stopping')
  if (isStopping()) return fail(context, 503, 'stopping', 'The broker is shutting down.')
  const options = { holder, countMax: count, leaseMs }
  const isGone = (): boolean => context.req.raw.signal.aborted || isStopping()
  const outcome = await leaseWithin(ports, nameOf(context), options, waitMs, isGone)
  if (!outcome.ok) return refuse(context, outcome)
  await releases.records()
  const response: LeaseResponse = { holder, messages: outcome.value }
  return context.json(response)
}

type LeaseOptions = { holder: string; countMax: number; leaseMs: number }

/** Tries now, whenever something is appended, and every so often for what came back. */
async function leaseWithin(
  { engine, clock, properties }: AdminPorts,
  name: string,
  options: LeaseOptions,
  waitMs: number,
  isGone: () => boolean,
): Promise<Outcome<Message[]>> {
  const deadline = clock.monotonic() + waitMs
  const view = ({ record, attempts }: Delivery): Message =>
    viewMessage(record, { attempts, bodyBytesMax: Number.MAX_SAFE_INTEGER, properties })
  for (;;) {
    const outcome = engine.lease({ log: name }, options)
    if (!outcome.ok) return outcome
    const left = deadline - clock.monotonic()
    if (outcome.value.length > 0 || left <= 0 || isGone()) {
      return { ok: true, value: outcome.value.map(view) }
    }
    await new Promise<void>(resolve => {
      const next = engine.log(name)?.next ?? 0
      const watch = engine.watch(name, next, () => {
        timer.cancel()
        resolve()
      })
      const timer = clock.schedule(Math.min(left, adminLimits.waitPollMs), () => {
        if (watch.ok) watch.value.cancel()
        resolve()
      })
    })
    if (isGone()) return { ok: true, value: [] }
  }
}

async function settle(context: Context, ports: AdminPorts, releases: Releases): Promise<Response> {
  const request = await readJson(context)
  const { holder, positions, as } = request ?? {}
  const settlement = typeof as === 'string' ? settlements[as] : undefined
  const arePositions =
    Array.isArray(positions) &&
    positions.length <= adminLimits.messagesMax &&
    positions.every(position => Number.isSafeInteger(position))
  if (typeof holder !== 'string' || !arePositions || settlement === undefined) {
    const shape = '{ "holder": …, "positions": […], "as": "done" | "return" | "reject" }'
    return fail(context, 400, 'invalid', `The request must be ${shape}.`)
  }
  const outcome = ports.engine.settle({ log: nameOf(context) }, holder, positions, settlement)
  if (!outcome.ok) return refuse(context, outcome)
  await releases.all()
  return context.json({ count: positions.length })
}

function viewOverview(ports: AdminPorts): Overview {
  const { engine, about } = ports
  const reasons = ports.notReady()
  let totals = noTotals
  const sum = { records: 0, recordBytes: 0, ready: 0, leased: 0, delayed: 0 }
  const queues = allQueues(ports)
  for (const queue of queues) {
    totals = addTotals(totals, queue.totals)
    sum.records += queue.count
    sum.recordBytes += queue.bytes
    sum.ready += queue.ready
    sum.leased += queue.leased
    sum.delayed += queue.delayed
  }
  return {
    version: about.version,
    node: about.node,
    startedAt: about.startedAt,
    uptimeMs: ports.clock.now() - about.startedAt,
    ready: reasons.length === 0,
    reasons,
    alarm: engine.alarm ?? null,
    durability: about.durability,
    data: about.data ?? null,
    diskFreeBytes: ports.diskFreeBytes(),
    endpoints: ports.endpoints(),
    usage: ports.usage(),
    counts: {
      queues: queues.length,
      routes: engine.routes().length,
      connections: ports.connections.list().length,
      ...sum,
    },
    totals,
  }
}

function allQueues({ engine }: AdminPorts): QueueSummary[] {
  return engine
    .logs()
    .map(name => engine.log(name))
    .filter((info): info is LogInfo => info !== undefined)
    .map(viewQueue)
    .sort((left, right) => (left.name < right.name ? -1 : 1))
}

function readMessage(value: unknown, ownKey: Uint8Array, now: number): RecordInput | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const message = value as SendMessage
  const { body, encoding = 'text', key, group, dedupeId, priority, ttlMs, delayMs } = message
  if (typeof body !== 'string' || (encoding !== 'text' && encoding !== 'base64')) return undefined
  if (!isTextOrNothing(key) || !isTextOrNothing(group) || !isTextOrNothing(dedupeId)) {
    return undefined
  }
  if (![priority, ttlMs, delayMs].every(isCountOrNothing)) return undefined
  return {
    format: formats.none,
    envelope: noBytes,
    body: encoding === 'text' ? encodeUtf8(body) : Buffer.from(body, 'base64'),
    key: key === undefined ? ownKey : encodeUtf8(key),
    group,
    dedupeId,
    priority,
    ttlMs,
    dueAt: delayMs === undefined || delayMs === 0 ? undefined : now + delayMs,
  }
}

const isTextOrNothing = (value: unknown): boolean =>
  value === undefined || typeof value === 'string'

const isCountOrNothing = (value: unknown): boolean =>
  value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)

function nameOf(context: Context): string {
  return context.req.param('name') ?? ''
}

async function readJson(context: Context): Promise<{ [name: string]: unknown } | undefined> {
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
function wholeNumber(
  value: unknown,
  fallback: number,
  least: number,
  most: number,
): number | undefined {
  if (value === undefined || value === null || value === '') return fallback
  const number = Number(value)
  return Number.isSafeInteger(number) && number >= least && number <= most ? number : undefined
}

function noQueue(context: Context): Response {
  return fail(context, 404, 'not-found', `There is no queue “${nameOf(context)}”.`)
}

function refuse(context: Context, refusal: Outcome<unknown> & { readonly ok: false }): Response {
  if (refusal.error === 'not-found') return noQueue(context)
  const { sentence } = engineErrors[refusal.error]
  const message = refusal.detail === '' ? sentence : `${sentence} ${refusal.detail}`
  return fail(context, statuses[refusal.error], refusal.error, message)
}
