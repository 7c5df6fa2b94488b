/** Messages: looked at, searched, sent, sent again, leased and settled. */

import type { Context } from 'hono'
import { encodeUtf8, noBytes } from '../../base/bytes.ts'
import { formats, type RecordInput, type StoredRecord } from '../../engine/model.ts'
import { fail, nameOf, noQueue, readJson, refuse, wholeNumber } from '../answers.ts'
import { type BrowseQuery, browse, messageDetail, searchPlaces } from '../browse.ts'
import type { Message, SendMessage, SendResponse } from '../contract.ts'
import type { Desk } from '../desk.ts'
import { adminLimits } from '../limits.ts'
import type { Fields, Route } from '../routes.ts'
import { describe, protocolOf, viewMessages } from '../views.ts'
import { leaseRoutes } from './leases.ts'

const sendFields: Fields = {
  messages: {
    type: 'array',
    text: 'SendMessage: body, encoding (text or base64), key, group, dedupeId, priority, ttlMs, delayMs.',
    required: true,
  },
}

export function messageRoutes(desk: Desk): readonly Route[] {
  return [
    {
      method: 'get',
      path: '/api/queues/:name/messages',
      tag: 'messages',
      summary: 'Looks at messages in whatever state, and searches them. Nothing changes.',
      query: {
        from: { type: 'string', text: 'Default: oldest.', values: ['oldest', 'newest'] },
        time: { type: 'integer', text: 'Begin at the first message of this time.' },
        cursor: { type: 'integer', text: 'Go on where the last answer ended.' },
        limit: { type: 'integer', text: 'Messages in the answer. Default: 50.' },
        search: { type: 'string', text: 'A text, in whatever case.' },
        in: { type: 'string', text: 'Where to search: id, key, header, body, with commas.' },
        state: {
          type: 'string',
          text: 'Only in this state.',
          values: ['ready', 'leased', 'delayed', 'kept'],
        },
        bytes: { type: 'integer', text: 'What is shown of each body. Default: 2048.' },
      },
      answer: 'Browse',
      handle: context => getMessages(desk, context),
    },
    {
      method: 'get',
      path: '/api/queues/:name/messages/:position',
      tag: 'messages',
      summary: 'One message, and its way: where it came from, who has it, why it came back.',
      query: {
        index: { type: 'integer', text: 'Which one, in a batch that is stored as one record.' },
        bytes: { type: 'integer', text: 'What is shown of the body. Default: 1 MiB.' },
      },
      answer: 'MessageDetail',
      handle: context => getMessage(desk, context),
    },
    {
      method: 'get',
      path: '/api/queues/:name/messages/:position/body',
      tag: 'messages',
      summary: 'The body as it is, to be saved; never shown by the browser.',
      query: { index: { type: 'integer', text: 'Which one of a batch.' } },
      answer: 'bytes',
      handle: context => getBody(desk, context),
    },
    {
      method: 'get',
      path: '/api/queues/:name/peek',
      tag: 'messages',
      summary: "A queue's ready messages in the order of delivery, or a log's from its beginning.",
      query: {
        count: { type: 'integer', text: 'Default: 10.' },
        skip: { type: 'integer', text: 'How many to pass over.' },
        bytes: { type: 'integer', text: 'What is shown of each body. Default: 1 MiB.' },
      },
      answer: '{ messages: Message[] }',
      handle: context => peek(desk, context),
    },
    {
      method: 'post',
      path: '/api/queues/:name/messages',
      tag: 'messages',
      summary: 'Sends messages.',
      body: sendFields,
      answer: 'SendResponse',
      handle: context => send(desk, context),
    },
    {
      method: 'post',
      path: '/api/queues/:name/resend',
      tag: 'messages',
      summary: 'Sends a copy of a message, as it is or with another body or key.',
      body: {
        position: { type: 'integer', text: 'Of the message.', required: true },
        index: { type: 'integer', text: 'Which one of a batch.' },
        to: { type: 'string', text: 'Default: the queue where it is.' },
        body: { type: 'string', text: 'Instead of its own.' },
        encoding: { type: 'string', text: 'Of `body`.', values: ['text', 'base64'] },
        key: { type: 'string', text: 'Instead of its own.' },
      },
      answer: 'SendResponse',
      handle: context => resend(desk, context),
    },
    {
      method: 'post',
      path: '/api/queues/:name/delete-messages',
      tag: 'messages',
      summary: 'Deletes messages by their positions. What is in somebody’s hands is left alone.',
      body: { positions: { type: 'array', text: 'Of the messages.', required: true } },
      answer: '{ count }',
      handle: context => deleteMessages(desk, context),
    },
    ...leaseRoutes(desk),
  ]
}

function readBrowse(context: Context): BrowseQuery | undefined {
  const query = context.req.query()
  const most = Number.MAX_SAFE_INTEGER
  const limit = wholeNumber(query['limit'], 50, 1, adminLimits.messagesMax)
  const time = wholeNumber(query['time'], -1, 0, most)
  const cursor = wholeNumber(query['cursor'], -1, 0, most)
  const { previewBytes, answerBytesMax } = adminLimits
  const bodyBytesMax = wholeNumber(query['bytes'], previewBytes, 0, answerBytesMax)
  const from = query['from'] ?? 'oldest'
  if (limit === undefined || time === undefined || cursor === undefined) return undefined
  if (bodyBytesMax === undefined || (from !== 'oldest' && from !== 'newest')) return undefined
  const places = (query['in'] ?? searchPlaces.join(',')).split(',')
  return {
    from,
    limit,
    bodyBytesMax,
    time: time < 0 ? undefined : time,
    cursor: cursor < 0 ? undefined : cursor,
    search: query['search'] ?? '',
    places: searchPlaces.filter(place => places.includes(place)),
    state: query['state'],
  }
}

async function getMessages({ ports, releases }: Desk, context: Context): Promise<Response> {
  const query = readBrowse(context)
  if (query === undefined) {
    return fail(context, 400, 'invalid', 'from, limit, time, cursor or bytes are out of bounds.')
  }
  const isGone = () => context.req.raw.signal.aborted
  const outcome = await browse(ports, nameOf(context), query, isGone)
  if (!outcome.ok) return refuse(context, outcome)
  await releases.all()
  return context.json(outcome.value)
}

interface Place {
  readonly position: number
  readonly index: number
}

function placeOf(context: Context): Place | undefined {
  const most = Number.MAX_SAFE_INTEGER
  const position = wholeNumber(context.req.param('position'), -1, 0, most)
  const index = wholeNumber(context.req.query('index'), 0, 0, most)
  if (position === undefined || index === undefined) return undefined
  return { position, index }
}

const gone = 'It is not there any more: consumed, expired or deleted.'

async function getMessage({ ports, releases }: Desk, context: Context): Promise<Response> {
  const place = placeOf(context)
  const { bodyBytesShown, answerBytesMax } = adminLimits
  const bodyBytesMax = wholeNumber(context.req.query('bytes'), bodyBytesShown, 0, answerBytesMax)
  if (place === undefined || bodyBytesMax === undefined) {
    return fail(context, 400, 'invalid', 'Position, index and bytes are whole numbers.')
  }
  const detail = messageDetail(ports, nameOf(context), { ...place, bodyBytesMax })
  if (detail === undefined) return fail(context, 404, 'not-found', gone)
  await releases.all()
  return context.json(detail)
}

async function getBody({ ports, releases }: Desk, context: Context): Promise<Response> {
  const place = placeOf(context)
  const record = place === undefined ? undefined : recordAt(ports, nameOf(context), place.position)
  const described = record === undefined ? undefined : describe(ports, record)[place?.index ?? 0]
  if (place === undefined || described === undefined) return fail(context, 404, 'not-found', gone)
  // It is borrowed from the engine, and leaves after this turn.
  const bytes = described.body.slice()
  await releases.all()
  return context.body(bytes, 200, {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="message-${place.position}.bin"`,
  })
}

function recordAt({ engine }: Desk['ports'], log: string, position: number) {
  const found = engine.read(log, { position }, { countMax: 1, bytesMax: 1 })
  const record = found.ok ? found.value[0] : undefined
  return record?.position === position ? record : undefined
}

async function peek({ ports, releases }: Desk, context: Context): Promise<Response> {
  const { engine } = ports
  const name = nameOf(context)
  const query = context.req.query()
  const { messagesMax, bodyBytesShown, answerBytesMax } = adminLimits
  const count = wholeNumber(query['count'], 10, 1, messagesMax)
  const skip = wholeNumber(query['skip'], 0, 0, Number.MAX_SAFE_INTEGER)
  const bodyBytesMax = wholeNumber(query['bytes'], bodyBytesShown, 0, answerBytesMax)
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
          { countMax: count, bytesMax: answerBytesMax },
        )
      : engine.peek(name, { countMax: count, skip })
  if (!outcome.ok) return refuse(context, outcome)
  const positions = outcome.value.map(({ position }) => position)
  const standings = engine.standings(name, positions)
  const messages: Message[] = []
  let bytes = 0
  for (const [index, record] of outcome.value.entries()) {
    bytes += Math.min(record.body.length, bodyBytesMax)
    if (bytes > answerBytesMax && messages.length > 0) break
    const options = { standing: standings[index], bodyBytesMax }
    messages.push(...viewMessages(ports, record, options))
  }
  await releases.all()
  return context.json({ messages: messages.slice(0, count) })
}

async function send({ ports, releases }: Desk, context: Context): Promise<Response> {
  const request = await readJson(context)
  const messages = Array.isArray(request?.['messages']) ? request['messages'] : undefined
  if (messages === undefined || messages.length === 0) {
    return fail(context, 400, 'invalid', 'The request must be { "messages": [{ "body": … }] }.')
  }
  if (messages.length > adminLimits.messagesMax) {
    return fail(context, 413, 'too-large', `At most ${adminLimits.messagesMax} in one request.`)
  }
  const name = nameOf(context)
  const refusal = refuseForeign(ports, context, name)
  if (refusal !== undefined) return refusal
  // As if it came by a route of that name: consumers look at the key.
  const isQueue = ports.engine.log(name)?.config.queue !== undefined
  const key = isQueue ? encodeUtf8(name) : noBytes
  const records: RecordInput[] = []
  for (const [index, message] of messages.entries()) {
    const record = readMessage(message, key, ports.clock.now())
    if (record === undefined) {
      return fail(context, 400, 'invalid', `Message ${index} is not as the contract says.`)
    }
    records.push(record)
  }
  return append({ ports, releases }, context, name, records)
}

async function append(
  { ports, releases }: Pick<Desk, 'ports' | 'releases'>,
  context: Context,
  name: string,
  records: readonly RecordInput[],
): Promise<Response> {
  const outcome = ports.engine.append(name, records)
  if (!outcome.ok) return refuse(context, outcome)
  const response: SendResponse = {
    messages: outcome.value.map(({ position, duplicate }) => ({ position, duplicate })),
  }
  await releases.all()
  return context.json(response)
}

/** A stream of Redis is more than its log: its ids, and who waits for them. */
function refuseForeign(ports: Desk['ports'], context: Context, name: string) {
  const info = ports.engine.log(name)
  if (info === undefined || protocolOf(ports, info) !== 'redis') return undefined
  const advice = 'A stream of Redis gives its own ids: send to it with XADD.'
  return fail(context, 409, 'wrong-kind', advice)
}

async function resend({ ports, releases }: Desk, context: Context): Promise<Response> {
  const request = (await readJson(context)) ?? {}
  const most = Number.MAX_SAFE_INTEGER
  const position = wholeNumber(request['position'], -1, 0, most)
  const index = wholeNumber(request['index'], 0, 0, most)
  const { to, body, encoding = 'text', key } = request
  const areTexts = [to, body, key].every(isTextOrNothing)
  if (position === undefined || position < 0 || index === undefined || !areTexts) {
    return fail(context, 400, 'invalid', 'The request must be { "position": … }, texts otherwise.')
  }
  if (encoding !== 'text' && encoding !== 'base64') {
    return fail(context, 400, 'invalid', 'The encoding is text or base64.')
  }
  const record = recordAt(ports, nameOf(context), position)
  const described = record === undefined ? undefined : describe(ports, record)[index]
  if (record === undefined || described === undefined) {
    return fail(context, 404, 'not-found', gone)
  }
  const target = (to as string | undefined) ?? nameOf(context)
  const refusal = refuseForeign(ports, context, target)
  if (refusal !== undefined) return refusal
  const changed = body === undefined ? undefined : decodeBody(body as string, encoding)
  const input = copyOf(ports, record, { described, changed, key: key as string | undefined })
  return append({ ports, releases }, context, target, [input])
}

function copyOf(
  ports: Desk['ports'],
  record: StoredRecord,
  change: {
    readonly described: ReturnType<typeof describe>[number]
    readonly changed: Uint8Array | undefined
    readonly key: string | undefined
  },
): RecordInput {
  const { described, changed } = change
  const key = change.key === undefined ? record.key : encodeUtf8(change.key)
  const body = changed ?? described.body
  const { group, priority } = record
  // Of a batch, and of a stream's fields, one message is taken out: key and body.
  if (record.format === formats.kafkaBatch || record.format === formats.redisFields) {
    const own = record.format === formats.kafkaBatch ? encodeUtf8(described.key) : noBytes
    return {
      format: formats.none,
      envelope: noBytes,
      body,
      key: change.key === undefined ? own : key,
    }
  }
  const envelope =
    changed === undefined
      ? record.envelope
      : (ports.reseal?.(record.format, record.envelope, changed) ?? record.envelope)
  return { format: record.format, envelope, body, key, group, priority }
}

async function deleteMessages({ ports, releases }: Desk, context: Context): Promise<Response> {
  const { positions } = (await readJson(context)) ?? {}
  const arePositions =
    Array.isArray(positions) &&
    positions.length <= adminLimits.messagesMax &&
    positions.every(position => Number.isSafeInteger(position))
  if (!arePositions) return fail(context, 400, 'invalid', '“positions” is a list of whole numbers.')
  const name = nameOf(context)
  const info = ports.engine.log(name)
  if (info === undefined) return noQueue(context)
  if (info.config.queue === undefined) {
    return fail(context, 409, 'wrong-kind', "A stream's messages are not deleted one by one here.")
  }
  const free = ports.engine
    .standings(name, positions)
    .filter(({ state }) => state === 'ready' || state === 'delayed')
    .map(({ position }) => position)
  const outcome = ports.engine.trim(name, { positions: free })
  if (!outcome.ok) return refuse(context, outcome)
  await releases.all()
  return context.json({ count: outcome.value.count })
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
    body: decodeBody(body, encoding),
    key: key === undefined ? ownKey : encodeUtf8(key),
    group,
    dedupeId,
    priority,
    ttlMs,
    dueAt: delayMs === undefined || delayMs === 0 ? undefined : now + delayMs,
  }
}

function decodeBody(body: string, encoding: 'text' | 'base64'): Uint8Array {
  return encoding === 'text' ? encodeUtf8(body) : Buffer.from(body, 'base64')
}

const isTextOrNothing = (value: unknown): boolean =>
  value === undefined || typeof value === 'string'

const isCountOrNothing = (value: unknown): boolean =>
  value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)
