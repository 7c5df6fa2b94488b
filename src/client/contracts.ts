/**
 * Contracts: plain values that services share. A *queue* is work, each message handled once; a
 * *topic* is events, each group sees all of them; an *rpc* is a question with an answer. Nothing
 * here connects to anything.
 */

import { type Backoff, type Duration, exponential, toMs } from './backoff.ts'
import { ClientError } from './errors.ts'
import type { InputOf, OutputOf, StandardSchema } from './standard-schema.ts'

/** Settings for one backend alone; `plan` lists those of the others. */
export interface BackendOptions {
  readonly rabbitmq?: { readonly [option: string]: unknown } | undefined
  readonly kafka?: { readonly [option: string]: unknown } | undefined
  readonly sqs?: { readonly [option: string]: unknown } | undefined
  readonly redis?: { readonly [option: string]: unknown } | undefined
}

export interface RetryOptions {
  /** Calls of the handler, the first one included. Default 5. */
  readonly attempts?: number | undefined
  /** Default `exponential('1s', '5m')`. */
  readonly backoff?: Backoff | undefined
}

export interface Retry {
  readonly attempts: number
  readonly backoff: Backoff
}

export interface QueueOptions<Out> {
  /** In order for each key, parallel across keys. */
  readonly key?: ((value: Out) => string) | undefined
  /** Two sends with the same id within the window are one message. */
  readonly dedupe?: { readonly id: (value: Out) => string; readonly window: Duration } | undefined
  readonly retry?: RetryOptions | undefined
  /**
   * Where messages go that were rejected or failed too often: true is the queue `NAME.dlq`, text
   * another name, false drops them. Default true.
   */
  readonly dlq?: boolean | string | undefined
  /** Levels of priority, 1 to 256; `send` takes 0 (lowest) to levels − 1. Default 1. */
  readonly priorities?: number | undefined
  /** Messages that nobody took for so long are gone. */
  readonly ttl?: Duration | undefined
  /** A message with a key failed: hold the key until it is through, or give it up at once. */
  readonly onKeyFailure?: 'park' | 'dead-letter' | undefined
  readonly options?: BackendOptions | undefined
}

export interface TopicOptions<Out> {
  readonly key?: ((value: Out) => string) | undefined
  readonly dedupe?: { readonly id: (value: Out) => string; readonly window: Duration } | undefined
  /** How long events can be read again. Default: for ever. */
  readonly retention?: Duration | undefined
  /** For every group. */
  readonly retry?: RetryOptions | undefined
  /** True: each group has the queue `NAME.GROUP.dlq`. Default true. */
  readonly dlq?: boolean | undefined
  readonly onKeyFailure?: 'park' | 'dead-letter' | undefined
  readonly options?: BackendOptions | undefined
}

/** What queues and topics share. Functions are written as methods, so that any contract fits. */
export interface Contract<Out> {
  readonly name: string
  readonly schema: StandardSchema<unknown, Out> | undefined
  keyOf?(value: Out): string
  readonly dedupe: { idOf(value: Out): string; readonly windowMs: number } | undefined
  readonly retry: Retry
  readonly onKeyFailure: 'park' | 'dead-letter'
  readonly options: BackendOptions
}

/** `In` is what producers give, `Out` what consumers get. Made by `queue`. */
export interface Queue<In, Out = In> extends Contract<Out> {
  readonly kind: 'queue'
  readonly deadLetters: string | undefined
  readonly levels: number
  readonly ttlMs: number | undefined
  /** Only for the compiler. */
  readonly input?: In
}

/** Made by `topic`. */
export interface Topic<In, Out = In> extends Contract<Out> {
  readonly kind: 'topic'
  readonly hasDeadLetters: boolean
  readonly retentionMs: number | undefined
  readonly input?: In
}

/** Made by `rpc`. */
export interface Rpc<RequestIn, RequestOut, ReplyIn, ReplyOut> {
  readonly kind: 'rpc'
  readonly name: string
  readonly request: StandardSchema<RequestIn, RequestOut> | undefined
  readonly reply: StandardSchema<ReplyIn, ReplyOut> | undefined
  readonly options: BackendOptions
}

/** Any of the three, for `plan`. */
export type AnyContract = Queue<unknown> | Topic<unknown> | Rpc<unknown, unknown, unknown, unknown>

const defaultRetry: Retry = { attempts: 5, backoff: exponential('1s', '5m') }

/**
 * A queue's contract.
 *
 *     const orders = queue('orders', { schema: Order, key: order => order.customer })
 */
export function queue<S extends StandardSchema>(
  name: string,
  options: QueueOptions<OutputOf<S>> & { readonly schema: S },
): Queue<InputOf<S>, OutputOf<S>>
export function queue<T = unknown>(name: string, options?: QueueOptions<T>): Queue<T, T>
export function queue(
  name: string,
  options: QueueOptions<unknown> & { readonly schema?: StandardSchema } = {},
): Queue<unknown> {
  const { dlq = true, priorities = 1, ttl } = options
  if (!Number.isInteger(priorities) || priorities < 1 || priorities > 256) {
    throw wrong(name, 'priorities is a whole number from 1 to 256')
  }
  return {
    kind: 'queue',
    ...common(name, options),
    deadLetters: dlq === false ? undefined : dlq === true ? `${name}.dlq` : dlq,
    levels: priorities,
    ttlMs: ttl === undefined ? undefined : toMs(ttl),
  }
}

/**
 * A topic's contract.
 *
 *     const placed = topic('order.placed', { schema: Order, retention: '7d' })
 */
export function topic<S extends StandardSchema>(
  name: string,
  options: TopicOptions<OutputOf<S>> & { readonly schema: S },
): Topic<InputOf<S>, OutputOf<S>>
export function topic<T = unknown>(name: string, options?: TopicOptions<T>): Topic<T, T>
export function topic(
  name: string,
  options: TopicOptions<unknown> & { readonly schema?: StandardSchema } = {},
): Topic<unknown> {
  const { dlq = true, retention } = options
  return {
    kind: 'topic',
    ...common(name, options),
    hasDeadLetters: dlq,
    retentionMs: retention === undefined ? undefined : toMs(retention),
  }
}

/**
 * A request's contract.
 *
 *     const quote = rpc('quote', { request: Sku, reply: Price })
 */
export function rpc<Request extends StandardSchema, Reply extends StandardSchema>(
  name: string,
  shapes: {
    readonly request: Request
    readonly reply: Reply
    readonly options?: BackendOptions | undefined
  },
): Rpc<InputOf<Request>, OutputOf<Request>, InputOf<Reply>, OutputOf<Reply>>
export function rpc<Request = unknown, Reply = unknown>(
  name: string,
): Rpc<Request, Request, Reply, Reply>
export function rpc(
  name: string,
  shapes: {
    readonly request?: StandardSchema
    readonly reply?: StandardSchema
    readonly options?: BackendOptions | undefined
  } = {},
): Rpc<unknown, unknown, unknown, unknown> {
  const { request, reply, options = {} } = shapes
  return { kind: 'rpc', name: checkedName(name), request, reply, options }
}

function common(
  name: string,
  options: (QueueOptions<unknown> | TopicOptions<unknown>) & { readonly schema?: StandardSchema },
): Contract<unknown> {
  const { schema, key, dedupe, retry = {}, onKeyFailure = 'park', options: backends = {} } = options
  const { attempts = defaultRetry.attempts, backoff = defaultRetry.backoff } = retry
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw wrong(name, 'retry.attempts is a whole number of at least 1')
  }
  return {
    name: checkedName(name),
    schema,
    ...(key === undefined ? {} : { keyOf: key }),
    dedupe: dedupe === undefined ? undefined : { idOf: dedupe.id, windowMs: toMs(dedupe.window) },
    retry: { attempts, backoff },
    onKeyFailure,
    options: backends,
  }
}

/** Letters, digits, `.`, `_` and `-`, at most 80: what every backend takes as a name. */
function checkedName(name: string): string {
  if (/^[A-Za-z0-9._-]{1,80}$/.test(name)) return name
  throw wrong(name, 'a name is 1 to 80 letters, digits, dots, underscores or hyphens')
}

function wrong(name: string, why: string): ClientError {
  return new ClientError({ code: 'SPILLWAY_E_CONTRACT', why: `contract ${name}: ${why}.` })
}
