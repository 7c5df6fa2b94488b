/** What consumers are asked for, and what that makes of a contract. */

import type { Queue, Topic } from './contracts.ts'
import { deadLettersOf } from './endpoints.ts'
import { ClientError } from './errors.ts'
import type { SubscribeFrom } from './history.ts'
import type { BatchInboxStore, InboxStore } from './inbox.ts'
import type { Guarantee, Policy } from './message.ts'
import type { Session } from './session.ts'
import type { WorkerOptions } from './worker.ts'

export interface ConsumeOptions extends WorkerOptions {
  /** Default `at-least-once`; with an inbox `effectively-once`. */
  readonly guarantee?: Guarantee | undefined
}

/** The handler's effects, its sends and the claim of its message are one database transaction. */
export interface WithInbox<Tx> {
  readonly inbox: InboxStore<Tx>
}

/** As `WithInbox`, for a batch, which is one transaction. */
export interface WithBatchInbox<Tx> {
  readonly inbox: BatchInboxStore<Tx>
}

export interface SubscribeOptions extends ConsumeOptions {
  readonly group: string
  readonly from?: SubscribeFrom | undefined
}

export interface MessagesOptions extends Omit<ConsumeOptions, 'concurrency'> {
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined
}

/** For a queue, or for one group of a topic. */
export function policyOf(
  session: Session,
  contract: Queue<unknown> | Topic<unknown>,
  guarantee: Guarantee = 'at-least-once',
  group?: string,
): Policy {
  const { retry, onKeyFailure, name } = contract
  const deadLetters = deadLettersOf(contract, group)
  const source = group === undefined ? name : `${name}/${group}`
  return { session, source, retry, deadLetters, onKeyFailure, guarantee }
}

/** Handlers with and without an inbox; the overloads say which it is. */
export type AnyHandler = (body: never, message: never) => unknown
export type AnyBatchHandler = (messages: never, tx: never) => unknown

/** With an inbox the client takes at least once from the backend, and makes the rest itself. */
export function guaranteeOf(
  options: ConsumeOptions & Partial<WithInbox<unknown>>,
): Guarantee | undefined {
  const { guarantee, inbox } = options
  if (inbox === undefined) return guarantee
  if (guarantee === undefined || guarantee === 'effectively-once') return 'at-least-once'
  const why = `an inbox makes effectively-once, and this consumer asks for ${guarantee}.`
  throw new ClientError({ code: 'SPILLWAY_E_OPTION', why, alternatives: ['leave one of them out'] })
}
