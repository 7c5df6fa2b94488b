/** Dead letters: grouped by reason, and sent back: one, selected, filtered or all. */

import type { Context } from 'hono'
import { fail, nameOf, noQueue, readJson } from '../answers.ts'
import type { Redrive } from '../contract.ts'
import { deadLetters, deadLettersOf } from '../dead-letters.ts'
import type { Desk } from '../desk.ts'
import { adminLimits } from '../limits.ts'
import type { RedriveOrder } from '../redrives.ts'
import type { Route } from '../routes.ts'
import { optionalNumber, optionalText, WrongShape } from '../shapes.ts'

export function deadLetterRoutes(desk: Desk): readonly Route[] {
  const { ports, catalogue, releases, redrives } = desk
  const found = async (context: Context, redrive: Redrive | undefined): Promise<Response> => {
    if (redrive === undefined) {
      return fail(context, 404, 'not-found', 'There is no such redrive, or it is still running.')
    }
    await releases.all()
    return context.json(redrive)
  }
  const idOf = (context: Context): string => context.req.param('id') ?? ''
  return [
    {
      method: 'get',
      path: '/api/dead-letters',
      tag: 'dead letters',
      summary: 'Queues that hold dead letters, each by where and why they died.',
      answer: 'DeadLetters[]',
      handle: async context => {
        const all = await deadLetters(ports, catalogue)
        await releases.all()
        return context.json(all)
      },
    },
    {
      method: 'get',
      path: '/api/dead-letters/:queue',
      tag: 'dead letters',
      summary: 'The same of one queue, whether others send their dead letters there or not.',
      answer: 'DeadLetters',
      handle: async context => {
        const one = await deadLettersOf(ports, nameOf(context))
        if (one === undefined) return noQueue(context)
        await releases.all()
        return context.json(one)
      },
    },
    {
      method: 'post',
      path: '/api/dead-letters/:queue/redrive',
      tag: 'dead letters',
      summary: 'Sends them back to where they died, or says what it would do.',
      body: {
        positions: { type: 'array', text: 'Only those; without it, all that match.' },
        from: { type: 'string', text: 'Only those that died in this queue.' },
        reason: { type: 'string', text: 'Only those that died of this.' },
        search: { type: 'string', text: 'Only those with this text in body, key or headers.' },
        to: { type: 'string', text: 'Another queue than the one where each died.' },
        rate: { type: 'number', text: 'Messages a second; default: as fast as may be.' },
        dryRun: { type: 'boolean', text: 'Says what would be done.' },
      },
      answer: 'Redrive',
      handle: context => redrive(desk, context),
    },
    {
      method: 'get',
      path: '/api/redrives',
      tag: 'dead letters',
      summary: 'The last redrives, the newest first.',
      answer: 'Redrive[]',
      handle: context => context.json(redrives.list()),
    },
    {
      method: 'get',
      path: '/api/redrives/:id',
      tag: 'dead letters',
      summary: 'How far one is.',
      answer: 'Redrive',
      handle: context => found(context, redrives.find(idOf(context))),
    },
    {
      method: 'post',
      path: '/api/redrives/:id/cancel',
      tag: 'dead letters',
      summary: 'Stops it where it is.',
      body: {},
      answer: 'Redrive',
      handle: context => found(context, redrives.cancel(idOf(context))),
    },
    {
      method: 'post',
      path: '/api/redrives/:id/undo',
      tag: 'dead letters',
      summary: 'Brings back the messages that nobody has taken yet.',
      body: {},
      answer: 'Redrive',
      handle: context => found(context, redrives.undo(idOf(context))),
    },
  ]
}

async function redrive(desk: Desk, context: Context): Promise<Response> {
  const { ports, redrives, releases } = desk
  const request = (await readJson(context)) ?? {}
  const info = ports.engine.log(nameOf(context))
  if (info === undefined) return noQueue(context)
  if (info.config.queue === undefined) {
    return fail(context, 409, 'wrong-kind', 'A stream keeps its messages: send them again instead.')
  }
  let order: RedriveOrder
  try {
    order = {
      queue: info.name,
      positions: readPositions(request['positions']),
      from: optionalText(request, 'from'),
      reason: optionalText(request, 'reason'),
      search: optionalText(request, 'search') ?? '',
      to: optionalText(request, 'to'),
      rate: optionalNumber(request, 'rate') || undefined,
    }
  } catch (error) {
    if (!(error instanceof WrongShape)) throw error
    return fail(context, 400, 'invalid', error.message)
  }
  if (order.to === info.name) return fail(context, 400, 'invalid', 'It is there already.')
  const isDry = request['dryRun'] === true
  const answer = isDry ? await redrives.plan(order) : await redrives.start(order)
  await releases.all()
  return context.json(answer)
}

function readPositions(value: unknown): readonly number[] | undefined {
  if (value === undefined || value === null) return undefined
  const areNumbers =
    Array.isArray(value) &&
    value.length <= adminLimits.undoMax &&
    value.every(position => Number.isSafeInteger(position))
  if (!areNumbers) throw new WrongShape('“positions” is a list of whole numbers.')
  return value
}
