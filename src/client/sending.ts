/** From a contract and a body to a message on its way: validated, named, counted. */

import { type Duration, toMs } from './backoff.ts'
import type { Queue, Topic } from './contracts.ts'
import type { Endpoint, Headers, Outgoing, SendResult } from './driver.ts'
import { queueEndpoint, topicEndpoint } from './endpoints.ts'
import { BatchError, ClientError } from './errors.ts'
import type { Session } from './session.ts'
import { sendRejected, type Validated, validate } from './validation.ts'
import { encodeBody, headerNames, newId } from './wire.ts'

export interface PublishOptions {
  /** Default: a new one. With several bodies, each needs its own, so leave it out. */
  readonly id?: string | undefined
  /** Headers of your own; names that begin with `spillway-` are taken. */
  readonly headers?: Headers | undefined
}

export interface SendOptions extends PublishOptions {
  readonly delay?: Duration | undefined
  readonly ttl?: Duration | undefined
  /** 0 is the lowest; the contract says how many levels there are. */
  readonly priority?: number | undefined
}

export interface Receipt {
  readonly id: string
  /** True: one with its deduplication id was there already; this one was not stored. */
  readonly duplicate: boolean
  /** Where it lies, where the backend tells: for `bus.cancel`. */
  readonly position: string | undefined
}

/** What a message passes on to those that its handler sends. */
export interface Cause {
  readonly id: string
  readonly headers: Headers
}

/** What a message has when nobody asks for anything special. */
export const plainOutgoing = {
  group: undefined,
  dedupeId: undefined,
  delayMs: 0,
  ttlMs: undefined,
  priority: 0,
} as const

/**
 * One body, or several; a body that is an array itself is always one of several. The contract alone
 * says what `In` is: were the bodies asked, too, one wrong body among several would widen it.
 */
export type Bodies<In> = In extends readonly unknown[]
  ? readonly NoInfer<In>[]
  : NoInfer<In> | readonly NoInfer<In>[]

/** Several bodies are one call to the backend, and as fast as that makes them. */
export function bodiesOf(bodies: unknown): readonly unknown[] {
  return Array.isArray(bodies) ? bodies : [bodies]
}

/**
 * Throws before anything is sent. At once, unless the schema itself is asynchronous: then the rest
 * is awaited, and what is wrong rejects.
 */
export function draft(
  session: Session,
  contract: Queue<unknown> | Topic<unknown>,
  bodies: readonly unknown[],
  options: SendOptions = noOptions,
  cause?: Cause,
): Outgoing[] | Promise<Outgoing[]> {
  const plan = planOf(session, contract, bodies.length, options, cause)
  const drafts: Outgoing[] = []
  for (const value of bodies) {
    const checked = validate(contract.schema, value)
    if (checked instanceof Promise) return draftRest(plan, bodies, drafts, checked)
    drafts.push(draftOne(plan, value, checked))
  }
  return drafts
}

async function draftRest(
  plan: Plan,
  bodies: readonly unknown[],
  drafts: Outgoing[],
  first: Promise<Validated<unknown>>,
): Promise<Outgoing[]> {
  drafts.push(draftOne(plan, bodies[drafts.length], await first))
  for (const value of bodies.slice(drafts.length)) {
    drafts.push(draftOne(plan, value, await validate(plan.contract.schema, value)))
  }
  return drafts
}

/** What is the same for all bodies of one call. */
interface Plan {
  readonly session: Session
  readonly contract: Queue<unknown> | Topic<unknown>
  readonly to: Endpoint
  readonly options: SendOptions
  readonly cause: Cause | undefined
  readonly delayMs: number
  readonly ttlMs: number | undefined
}

const noOptions: SendOptions = {}

function planOf(
  session: Session,
  contract: Queue<unknown> | Topic<unknown>,
  count: number,
  options: SendOptions,
  cause: Cause | undefined,
): Plan {
  if (contract.kind !== 'queue' && contract.kind !== 'topic') throw notSendable(contract)
  const to = contract.kind === 'queue' ? queueEndpoint(contract) : topicEndpoint(contract)
  if (options === noOptions) {
    return { session, contract, to, options, cause, delayMs: 0, ttlMs: undefined }
  }
  const delayMs = options.delay === undefined ? 0 : toMs(options.delay)
  const ttlMs = options.ttl === undefined ? undefined : toMs(options.ttl)
  const { priority = 0, id: givenId } = options
  const detail = (): string => `contract ${contract.name} · send(…, ${JSON.stringify(options)})`
  if (delayMs > 0) session.require(delayMs > longDelayMs ? 'long-delay' : 'delay', to, detail())
  if (ttlMs !== undefined) session.require('ttl', to, detail())
  if (contract.kind === 'queue') checkPriority(contract, priority)
  if (givenId !== undefined) checkId(givenId, count)
  return { session, contract, to, options, cause, delayMs, ttlMs }
}

function draftOne(plan: Plan, value: unknown, checked: Validated<unknown>): Outgoing {
  const { session, contract, to, options, cause, delayMs, ttlMs } = plan
  if (!checked.ok) throw sendRejected(contract.name, checked.issues)
  const { body, contentType } = encodeBody(value)
  const id = options.id ?? newId(session.context.random, session.now)
  const key = contract.keyOf?.(checked.value)
  const headers = headersOf({ contract: contract.name, contentType, id, key }, options, cause)
  const dedupeId = contract.dedupe?.idOf(checked.value)
  const { priority = 0 } = options
  return { to, group: undefined, id, key, body, headers, dedupeId, delayMs, ttlMs, priority }
}

const longDelayMs = 15 * 60_000

function headersOf(
  own: {
    readonly contract: string
    readonly contentType: string
    readonly id: string
    readonly key: string | undefined
  },
  options: PublishOptions,
  cause: Cause | undefined,
): Headers {
  if (options.headers === undefined && cause === undefined && own.key === undefined) {
    return {
      'content-type': own.contentType,
      'spillway-id': own.id,
      'spillway-type': own.contract,
    }
  }
  const headers: { [name: string]: string } = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    const lower = name.toLowerCase()
    if (lower.startsWith('spillway-')) throw reservedHeader(name)
    headers[lower] = String(value)
  }
  headers[headerNames.contentType] ??= own.contentType
  headers[headerNames.id] = own.id
  headers[headerNames.type] = own.contract
  if (own.key !== undefined) headers[headerNames.key] = own.key
  if (cause !== undefined) {
    headers[headerNames.causation] = cause.id
    for (const name of [headerNames.trace, headerNames.traceState]) {
      const value = cause.headers[name]
      if (value !== undefined) headers[name] ??= value
    }
  }
  return headers
}

export function receiptOf(message: Outgoing, result: SendResult): Receipt {
  if (!result.ok) throw result.error
  return { id: message.id, duplicate: result.duplicate, position: result.position }
}

/** Receipts, or one error for all: the only one, or a `BatchError` with each. */
export function receiptsOf(
  messages: readonly Outgoing[],
  results: readonly SendResult[],
): Receipt[] {
  if (messages.length === 1) return [receiptOf(messages[0]!, results[0]!)]
  const failed = results.filter(result => !result.ok)
  if (failed.length > 0) {
    const why = `${failed.length} of ${messages.length} messages were not confirmed.`
    const errors = results.map(result => (result.ok ? undefined : result.error))
    throw new BatchError({ code: 'SPILLWAY_E_BATCH', why, errors, retryable: true })
  }
  return results.map((result, index) => ({
    id: messages[index]!.id,
    duplicate: result.ok && result.duplicate,
    position: result.ok ? result.position : undefined,
  }))
}

function checkPriority({ name, levels }: Queue<unknown>, priority: number): void {
  if (Number.isInteger(priority) && priority >= 0 && priority < levels) return
  const bounds = `priority ${priority} is not between 0 and ${levels - 1}`
  throw new ClientError({
    code: 'SPILLWAY_E_PRIORITY',
    why: `${name}: ${bounds}, as its contract says.`,
    alternatives: [`queue('${name}', { priorities: ${priority + 1} })`],
  })
}

function checkId(id: string, count: number): void {
  if (count > 1) {
    const why = 'several messages cannot have one id; leave `id` out.'
    throw new ClientError({ code: 'SPILLWAY_E_ID', why })
  }
  if (!/^[\x21-\x7e]{1,200}$/.test(id)) {
    const why = 'an id is 1 to 200 printable ASCII characters without spaces.'
    throw new ClientError({ code: 'SPILLWAY_E_ID', why })
  }
}

function reservedHeader(name: string): ClientError {
  const why = `header ${name}: names that begin with spillway- are the client's own.`
  return new ClientError({ code: 'SPILLWAY_E_HEADER', why })
}

function notSendable(contract: { readonly kind: string; readonly name: string }): ClientError {
  const { name, kind } = contract
  const why = `${name} is a contract of kind ${kind}, which is asked with bus.request.`
  return new ClientError({ code: 'SPILLWAY_E_CONTRACT', why })
}
