/**
 * Request and reply over two queues: one for the questions, shared by those who answer, and one for
 * the answers of each client, which is gone with it. A question carries where its answer goes, an
 * id to know it by, and a deadline, after which nobody works on it.
 */

import type { Timer } from '../engine/ports.ts'
import { type Duration, toMs } from './backoff.ts'
import type { Rpc } from './contracts.ts'
import type { Consumer, Delivery, Endpoint, Headers, Outgoing } from './driver.ts'
import { repliesEndpoint, requestEndpoint } from './endpoints.ts'
import { ClientError, describeError, RemoteError, TimeoutError, ValidationError } from './errors.ts'
import type { Message } from './message.ts'
import { plainOutgoing, receiptsOf } from './sending.ts'
import type { Session } from './session.ts'
import { printIssues, sendRejected, validate } from './validation.ts'
import { clip, decodeBody, encodeBody, headerNames, newId } from './wire.ts'

export interface RequestOptions {
  /** For the whole way there and back. There is no default: a caller must know. */
  readonly timeout: Duration
  readonly signal?: AbortSignal | undefined
}

interface Waiting {
  readonly resolve: (delivery: Pick<Delivery, 'body' | 'headers'>) => void
  readonly reject: (error: Error) => void
}

/** Answers that may be on their way to one client before it has taken earlier ones. */
const repliesCredit = 1000
const leaseMs = 30_000

export class Requester {
  readonly #session: Session
  readonly #waiting = new Map<string, Waiting>()
  #replies: Promise<Endpoint> | undefined
  #consumer: Consumer | undefined

  constructor(session: Session) {
    this.#session = session
  }

  async request<Out>(
    contract: Rpc<unknown, unknown, unknown, Out>,
    value: unknown,
    options: RequestOptions,
  ): Promise<Out> {
    const session = this.#session
    const timeoutMs = toMs(options.timeout)
    const endpoint = requestEndpoint(contract)
    const checked = await validate(contract.request, value)
    if (!checked.ok) throw sendRejected(contract.name, checked.issues)
    const deadline = session.now + timeoutMs
    const id = newId(session.context.random, session.now)
    const { signal } = options
    signal?.throwIfAborted()
    const reply = new Promise<Pick<Delivery, 'body' | 'headers'>>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
    const abort = () => this.#waiting.get(id)?.reject(signal!.reason as Error)
    const timer: Timer = session.context.clock.schedule(timeoutMs, () => {
      const why = `${contract.name}: no reply in ${timeoutMs} ms; it MAY have been handled.`
      this.#waiting
        .get(id)
        ?.reject(
          new TimeoutError({ code: 'SPILLWAY_T_REPLY', backend: session.driver.backend, why }),
        )
    })
    signal?.addEventListener('abort', abort)
    try {
      const ask = this.#ask(endpoint, { id, value, deadline, timeoutMs })
      const answer = await Promise.race([reply, ask.then(() => reply)])
      return await readAnswer(contract, answer)
    } finally {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
      this.#waiting.delete(id)
    }
  }

  async #ask(
    endpoint: Endpoint,
    question: {
      readonly id: string
      readonly value: unknown
      readonly deadline: number
      readonly timeoutMs: number
    },
  ): Promise<void> {
    const session = this.#session
    const { id, value, deadline, timeoutMs } = question
    session.require('request', endpoint)
    const [replies] = await Promise.all([this.#open(), session.prepare(endpoint)])
    const { body, contentType } = encodeBody(value)
    const headers: Headers = {
      [headerNames.contentType]: contentType,
      [headerNames.id]: id,
      [headerNames.type]: endpoint.name,
      [headerNames.replyTo]: replies.name,
      [headerNames.correlation]: id,
      [headerNames.deadline]: String(deadline),
    }
    // Where a backend cannot let it expire, the deadline in the headers is enough.
    const canExpire = session.driver.support('ttl', endpoint).how === 'native'
    const ttlMs = canExpire ? timeoutMs : undefined
    const message = { ...plainOutgoing, to: endpoint, id, key: undefined, body, headers, ttlMs }
    receiptsOf([message], await session.send([message]))
  }

  #open(): Promise<Endpoint> {
    this.#replies ??= this.#openReplies().catch(error => {
      this.#replies = undefined
      throw error
    })
    return this.#replies
  }

  async #openReplies(): Promise<Endpoint> {
    const { driver, context } = this.#session
    const name = `spillway.replies.${newId(context.random, this.#session.now)}`
    const endpoint = repliesEndpoint(name)
    await driver.prepare(endpoint)
    const options = { group: undefined, credit: repliesCredit, concurrency: 1, leaseMs }
    this.#consumer = await driver.consume(endpoint, options, {
      deliver: delivery => this.#arrived(delivery),
      ended: error => this.#ended(error),
    })
    return endpoint
  }

  #arrived(delivery: Delivery): void {
    const correlation = delivery.headers[headerNames.correlation] ?? ''
    this.#waiting.get(correlation)?.resolve(delivery)
    delivery.settle({ kind: 'done' }).catch(error => this.#session.emit({ kind: 'error', error }))
    this.#consumer?.grant(1)
  }

  /** Who waits hears it; the next request makes a new queue. */
  #ended(error: Error): void {
    this.#replies = undefined
    for (const { reject } of this.#waiting.values()) reject(error)
  }

  async close(): Promise<void> {
    const replies = await this.#replies?.catch(() => undefined)
    const why = 'this bus was closed before the reply came.'
    this.#ended(new ClientError({ code: 'SPILLWAY_E_CLOSED', why }))
    await this.#consumer?.close()
    if (replies !== undefined) await this.#session.driver.drop(replies).catch(() => {})
  }
}

async function readAnswer<Out>(
  contract: Rpc<unknown, unknown, unknown, Out>,
  { body, headers }: Pick<Delivery, 'body' | 'headers'>,
): Promise<Out> {
  const remoteName = headers[headerNames.error]
  if (remoteName !== undefined) {
    const why = `${contract.name} failed: ${headers[headerNames.errorMessage] ?? remoteName}`
    throw new RemoteError({ code: 'SPILLWAY_E_REMOTE', why, remoteName })
  }
  const decoded = decodeBody(body, headers)
  const checked =
    'issues' in decoded
      ? { ok: false as const, issues: decoded.issues }
      : await validate(contract.reply, decoded.value)
  if (checked.ok) return checked.value
  const { issues } = checked
  const why = `the reply of ${contract.name} has the wrong shape: ${printIssues(issues)}.`
  throw new ValidationError({ code: 'SPILLWAY_V_REPLY', why, issues })
}

/** What a worker does with a question. Its failure is an answer, too. */
export async function answer<RequestOut, ReplyIn>(
  session: Session,
  contract: Rpc<unknown, RequestOut, ReplyIn, unknown>,
  handler: (request: RequestOut, message: Message<RequestOut>) => ReplyIn | Promise<ReplyIn>,
  message: Message<RequestOut>,
): Promise<void> {
  const { headers } = message
  const deadline = Number(headers[headerNames.deadline] ?? Number.POSITIVE_INFINITY)
  if (deadline < session.now) return
  let reply: Pick<Outgoing, 'body' | 'headers'>
  try {
    const value = await handler(message.body, message)
    const checked = await validate(contract.reply, value)
    if (!checked.ok) throw sendRejected(contract.name, checked.issues)
    const { body, contentType } = encodeBody(value)
    reply = { body, headers: { [headerNames.contentType]: contentType } }
  } catch (error) {
    const { name, message: text } = describeError(error)
    const described = {
      [headerNames.contentType]: 'application/json',
      [headerNames.error]: clip(name),
      [headerNames.errorMessage]: clip(text),
    }
    reply = { body: encodeBody(null).body, headers: described }
  }
  await sendReply(session, message, reply)
}

async function sendReply(
  session: Session,
  { headers, id: cause }: Pick<Message<unknown>, 'headers' | 'id'>,
  reply: Pick<Outgoing, 'body' | 'headers'>,
): Promise<void> {
  const replyTo = headers[headerNames.replyTo]
  if (replyTo === undefined) return
  const id = newId(session.context.random, session.now)
  const own = {
    [headerNames.id]: id,
    [headerNames.correlation]: headers[headerNames.correlation] ?? cause,
    [headerNames.causation]: cause,
  }
  const to = repliesEndpoint(replyTo)
  const { body } = reply
  const all = { ...reply.headers, ...own }
  const message = { ...plainOutgoing, to, id, key: undefined, body, headers: all }
  const [result] = await session.send([message])
  // Whoever asked may be gone, and its queue with it: nobody is left to be told.
  if (result?.ok === false) session.emit({ kind: 'error', error: result.error })
}
