/**
 * How refusals are told to a peer: the engine's catalogue in AMQP's reply codes, and the texts of
 * RabbitMQ, on which applications match. A handler throws; the connection decides by the code
 * whether the channel closes or everything.
 */

import type { EngineErrorCode } from '../../engine/errors.ts'
import type { ReplyCode } from '../../wire/amqp/reply-codes.ts'
import { replyText } from '../../wire/amqp/reply-codes.ts'
import { WireError } from '../../wire/schema/errors.ts'
import { limits } from './limits.ts'

/** A refusal on its way to the peer; its class and method are filled in where it is caught. */
export class AmqpError extends WireError {
  readonly classId: number | undefined
  readonly methodId: number | undefined
  constructor(code: ReplyCode, detail: string, at?: { classId: number; methodId: number }) {
    super(code, detail, 0)
    this.name = 'AmqpError'
    this.classId = at?.classId
    this.methodId = at?.methodId
  }
}

export function fail(code: ReplyCode, detail: string): never {
  throw new AmqpError(code, detail)
}

/** `queue 'q' in vhost '/'`: how RabbitMQ names a thing in its texts. */
export function named(kind: 'queue' | 'exchange', name: string, vhost: string): string {
  return `${kind} '${name}' in vhost '${vhost}'`
}

/** The engine's codes in AMQP's. `detail` gets the thing's name as `named` writes it. */
export const errors: {
  readonly [Code in EngineErrorCode]: {
    readonly code: ReplyCode
    readonly detail: (what: string, why: string) => string
  }
} = {
  'not-found': { code: 404, detail: what => `no ${what}` },
  exists: { code: 406, detail: what => `${what} exists` },
  'wrong-kind': { code: 406, detail: what => `${what} is not a queue` },
  'in-use': { code: 406, detail: what => `${what} in use` },
  'not-empty': { code: 406, detail: what => `${what} not empty` },
  exclusive: { code: 403, detail: what => `${what} in exclusive use` },
  full: { code: 506, detail: what => `${what} is full` },
  'too-large': {
    code: 406,
    detail: what => `message to ${what} is larger than the broker's limit`,
  },
  invalid: { code: 406, detail: (what, why) => `invalid ${what}${why === '' ? '' : `: ${why}`}` },
  'not-leased': { code: 406, detail: what => `delivery is not held by this consumer of ${what}` },
  'disk-full': { code: 506, detail: () => 'low on disk' },
  overloaded: { code: 506, detail: () => 'low on memory' },
  limit: { code: 406, detail: what => `cannot declare ${what}: limit is reached` },
}

/** Throws what the engine's refusal means to the peer. */
export function refuse(error: EngineErrorCode, what: string, why = ''): never {
  const { code, detail } = errors[error]
  fail(code, detail(what, why))
}

/** The reply text of an error, cut to a short string in RabbitMQ's way. */
export function textOf(code: ReplyCode, detail: string): string {
  const text = replyText(code, detail)
  if (text.length <= limits.shortStringBytes) return text
  return `${text.slice(0, limits.shortStringBytes - 3)}...`
}

/** `queue.declare` with a name that others hold exclusively. */
export function locked(queue: string, vhost: string): never {
  fail(
    405,
    `cannot obtain exclusive access to locked ${named('queue', queue, vhost)}. It could be ` +
      'originally declared on another connection or the exclusive property value does not match ' +
      'that of the original declaration.',
  )
}

/** RabbitMQ's words for arguments that end early or are none: it prints them. */
export function cannotDecode(payload: Uint8Array): string {
  // More is cut off with the rest of the text.
  const shown = payload.subarray(4, 4 + limits.shortStringBytes)
  return `cannot decode <<${shown.join(',')}>>`
}

/** Why we say goodbye to everybody, or to one who was closed over the management API. */
export function farewell(reason: 'stopping' | 'failed' | 'requested', text: string): string {
  if (reason === 'stopping') return "broker forced connection closure with reason 'shutdown'"
  if (reason === 'failed') return text
  return text === '' ? 'Closed via management plugin' : text
}
