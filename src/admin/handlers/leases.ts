/** Messages taken by whoever calls, and what became of them. */

import type { Context } from 'hono'
import type { Outcome } from '../../engine/errors.ts'
import type { Delivery, Settlement } from '../../engine/model.ts'
import { fail, nameOf, readJson, refuse, wholeNumber } from '../answers.ts'
import type { LeaseResponse, Message } from '../contract.ts'
import type { Desk } from '../desk.ts'
import { adminLimits } from '../limits.ts'
import type { AdminPorts } from '../ports.ts'
import type { Route } from '../routes.ts'
import { viewMessages } from '../views.ts'

const settlements: { readonly [kind: string]: Settlement } = {
  done: { kind: 'done' },
  return: { kind: 'return' },
  reject: { kind: 'reject' },
}

export function leaseRoutes(desk: Desk): readonly Route[] {
  return [
    {
      method: 'post',
      path: '/api/queues/:name/lease',
      tag: 'messages',
      summary: 'Takes messages: they come back unless they are settled in time.',
      body: {
        holder: { type: 'string', text: 'Who takes them; a new name is made when missing.' },
        count: { type: 'integer', text: 'Default: 1.' },
        leaseMs: { type: 'integer', text: 'Default: 30 s.' },
        waitMs: { type: 'integer', text: 'Wait so long for the first one. Default: 0.' },
      },
      answer: 'LeaseResponse',
      handle: context => lease(desk, context),
    },
    {
      method: 'post',
      path: '/api/queues/:name/settle',
      tag: 'messages',
      summary: 'What became of them: all positions, or none.',
      body: {
        holder: { type: 'string', text: 'Who has them.', required: true },
        positions: { type: 'array', text: 'Of the messages.', required: true },
        as: {
          type: 'string',
          text: 'What became of them.',
          required: true,
          values: Object.keys(settlements),
        },
      },
      answer: '{ count }',
      handle: context => settle(desk, context),
    },
  ]
}

async function lease({ ports, releases }: Desk, context: Context): Promise<Response> {
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
  ports: AdminPorts,
  name: string,
  options: LeaseOptions,
  waitMs: number,
  isGone: () => boolean,
): Promise<Outcome<Message[]>> {
  const { engine, clock } = ports
  const deadline = clock.monotonic() + waitMs
  const view = ({ record, attempts }: Delivery): Message[] => {
    const [standing] = engine.standings(name, [record.position])
    const bodyBytesMax = Number.MAX_SAFE_INTEGER
    return viewMessages(ports, record, { standing, attempts, bodyBytesMax })
  }
  for (;;) {
    const outcome = engine.lease({ log: name }, options)
    if (!outcome.ok) return outcome
    const left = deadline - clock.monotonic()
    if (outcome.value.length > 0 || left <= 0 || isGone()) {
      return { ok: true, value: outcome.value.flatMap(view) }
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

async function settle({ ports, releases }: Desk, context: Context): Promise<Response> {
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
