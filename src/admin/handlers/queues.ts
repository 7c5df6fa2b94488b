/** Queues and streams: the list, one of them, and what can be done with it as a whole. */

import type { Context } from 'hono'
import type { Outcome } from '../../engine/errors.ts'
import { defaultQueue } from '../../engine/model.ts'
import { fail, nameOf, noQueue, readJson, refuse, wholeNumber } from '../answers.ts'
import { type ListQuery, sortKeys } from '../catalogue.ts'
import type { Desk } from '../desk.ts'
import { adminLimits } from '../limits.ts'
import type { Fields, Route } from '../routes.ts'
import { type LogInput, readLogInput, readQueueChanges, WrongShape } from '../shapes.ts'
import { protocolOf } from '../views.ts'

export const listFields: Fields = {
  search: { type: 'string', text: 'Part of a name.' },
  protocol: {
    type: 'string',
    text: 'Only of this protocol.',
    values: ['amqp', 'kafka', 'sqs', 'redis', 'engine'],
  },
  kind: { type: 'string', text: 'Only queues, or only logs.', values: ['queue', 'log'] },
  sort: { type: 'string', text: 'Default: name.', values: sortKeys },
  order: { type: 'string', text: 'Default: asc.', values: ['asc', 'desc'] },
  offset: { type: 'integer', text: 'Rows to pass over.' },
  limit: { type: 'integer', text: `At most ${adminLimits.rowsMax}, which is the default.` },
}

export function queueRoutes(desk: Desk): readonly Route[] {
  const { ports, releases, catalogue } = desk
  const { engine } = ports
  const settled = async (context: Context, answer: object): Promise<Response> => {
    catalogue.forget()
    await releases.all()
    return context.json(answer)
  }
  const ended = (context: Context, outcome: Outcome<unknown>, answer: object) =>
    outcome.ok ? settled(context, answer) : refuse(context, outcome)
  return [
    {
      method: 'get',
      path: '/api/queues',
      tag: 'queues',
      summary: 'Queues and streams of all protocols.',
      query: listFields,
      answer: 'QueuePage',
      handle: async context => {
        const query = readListQuery(context)
        if (query === undefined) {
          return fail(context, 400, 'invalid', 'Offset, limit or sort are wrong.')
        }
        const page = catalogue.list(query)
        await releases.all()
        return context.json(page)
      },
    },
    {
      method: 'get',
      path: '/api/queues/:name',
      tag: 'queues',
      summary: 'Everything about one.',
      answer: 'QueueDetail',
      handle: async context => {
        const detail = catalogue.detail(nameOf(context))
        if (detail === undefined) return noQueue(context)
        await releases.all()
        return context.json(detail)
      },
    },
    {
      method: 'put',
      path: '/api/queues/:name',
      tag: 'queues',
      summary: 'Makes a queue; with `kind: "log"` a log. Without a configuration: durable.',
      body: {
        kind: { type: 'string', text: 'Default: queue.', values: ['queue', 'log'] },
        config: { type: 'object', text: "LogConfig; what is missing has the engine's default." },
      },
      answer: 'QueueDetail',
      handle: async context => {
        const input = await readDefinition(context)
        if (input instanceof Response) return input
        const outcome = engine.createLog(nameOf(context), input)
        if (!outcome.ok) return refuse(context, outcome)
        catalogue.forget()
        return settled(context, catalogue.detail(nameOf(context)) ?? {})
      },
    },
    {
      method: 'delete',
      path: '/api/queues/:name',
      tag: 'queues',
      summary: 'Deletes it with everything in it; a topic of Kafka with all its partitions.',
      query: {
        unless: { type: 'string', text: '`used`, `filled`, or both with a comma: then it stays.' },
      },
      answer: '{ ready }',
      handle: context => {
        const name = nameOf(context)
        const info = engine.log(name)
        if (info === undefined) return noQueue(context)
        const protocol = protocolOf(ports, info)
        if (protocol === 'redis') {
          const advice = `Use DEL ${name}: the key is more than its entries.`
          return fail(context, 409, 'wrong-kind', advice)
        }
        const unless = new Set((context.req.query('unless') ?? '').split(','))
        const isKept =
          (unless.has('used') && info.subscribers > 0) || (unless.has('filled') && info.count > 0)
        if (isKept) return fail(context, 409, 'in-use', `${name} is used, or not empty.`)
        if (protocol === 'kafka') {
          const refusal = ports.topics?.()?.remove(name)
          if (refusal !== undefined) return fail(context, 409, 'wrong-kind', refusal)
          return settled(context, { ready: info.count })
        }
        return ended(context, engine.dropLog(name), { ready: info.ready })
      },
    },
    {
      method: 'delete',
      path: '/api/queues/:name/messages',
      tag: 'queues',
      summary: 'Purges the ready messages of a queue.',
      answer: '{ count }',
      handle: context => {
        const info = engine.log(nameOf(context))
        if (info === undefined) return noQueue(context)
        if (info.config.queue === undefined) {
          return fail(context, 409, 'wrong-kind', 'A stream has no ready messages to purge.')
        }
        const outcome = engine.trim(info.name, { ready: true })
        if (!outcome.ok) return refuse(context, outcome)
        return settled(context, { count: outcome.value.count })
      },
    },
    {
      method: 'post',
      path: '/api/queues/:name/settings',
      tag: 'queues',
      summary: 'Alters a queue that was made here: null clears a limit, what is absent stays.',
      body: {
        ttlMs: { type: 'integer', text: 'How long a message may wait.' },
        countMax: { type: 'integer', text: 'How many messages may be ready.' },
        bytesMax: { type: 'integer', text: 'How many bytes may be ready.' },
        overflow: {
          type: 'string',
          text: 'What happens at the limit.',
          values: ['drop-head', 'reject', 'reject-dead-letter'],
        },
        attemptsMax: { type: 'integer', text: 'Times that a message may be handed out.' },
        leaseMs: { type: 'integer', text: 'Life of a lease that names none.' },
      },
      answer: 'QueueDetail',
      handle: async context => {
        const name = nameOf(context)
        const info = engine.log(name)
        if (info === undefined) return noQueue(context)
        const advice = whoDecides[protocolOf(ports, info)]
        if (advice !== undefined) return fail(context, 409, 'wrong-kind', advice)
        if (info.config.queue === undefined) {
          return fail(context, 409, 'wrong-kind', 'A stream has no such settings.')
        }
        let queue: LogInput['queue']
        try {
          queue = readQueueChanges(await readJson(context))
        } catch (error) {
          return wrongShape(context, error)
        }
        const outcome = engine.alter(name, { queue })
        if (!outcome.ok) return refuse(context, outcome)
        catalogue.forget()
        return settled(context, catalogue.detail(name) ?? {})
      },
    },
    {
      method: 'post',
      path: '/api/queues/:name/pause',
      tag: 'queues',
      summary: 'Hands nothing out until it is resumed, or the broker is started again.',
      body: {},
      answer: '{ paused }',
      handle: context => ended(context, engine.pause(nameOf(context), true), { paused: true }),
    },
    {
      method: 'post',
      path: '/api/queues/:name/resume',
      tag: 'queues',
      summary: 'Goes on handing out.',
      body: {},
      answer: '{ paused }',
      handle: context => ended(context, engine.pause(nameOf(context), false), { paused: false }),
    },
  ]
}

/**
 * A protocol's queue is what its client declared: altered behind its back, the next declaration
 * would be refused, or would undo it.
 */
const whoDecides: { readonly [protocol: string]: string } = {
  amqp: 'Its clients declare it, and RabbitMQ alters a declared queue by a policy: set one.',
  kafka: 'Alter the topic as Kafka does, with AlterConfigs (kafka-configs --alter).',
  sqs: 'Alter it as SQS does, with SetQueueAttributes.',
  redis: 'A stream of Redis has no settings; XTRIM and XADD bound it.',
}

function wrongShape(context: Context, error: unknown): Response {
  if (!(error instanceof WrongShape)) throw error
  return fail(context, 400, 'invalid', error.message)
}

async function readDefinition(context: Context): Promise<LogInput | Response> {
  const { kind, config } = (await readJson(context)) ?? {}
  if (kind !== undefined && kind !== 'queue' && kind !== 'log') {
    return fail(context, 400, 'invalid', 'The kind is queue or log.')
  }
  try {
    const input = readLogInput(config ?? {})
    if (kind === 'log') return { ...input, queue: undefined }
    return { ...input, queue: input.queue ?? defaultQueue }
  } catch (error) {
    return wrongShape(context, error)
  }
}

export function readListQuery(context: Context): ListQuery | undefined {
  const query = context.req.query()
  const offset = wholeNumber(query['offset'], 0, 0, Number.MAX_SAFE_INTEGER)
  const limit = wholeNumber(query['limit'], adminLimits.rowsMax, 0, adminLimits.rowsMax)
  const sort = sortKeys.find(key => key === (query['sort'] ?? 'name'))
  if (offset === undefined || limit === undefined || sort === undefined) return undefined
  return {
    search: query['search'] ?? '',
    protocol: query['protocol'],
    kind: query['kind'],
    sort,
    descending: query['order'] === 'desc',
    offset,
    limit,
  }
}
