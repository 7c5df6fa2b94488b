/**
 * The inbox: a handler whose effect happens one time, on every backend. The id of the message is
 * claimed in the same database transaction in which the handler does its work, so both are there
 * or neither. The acknowledgement comes after the commit; if it is lost, the message comes again,
 * finds its claim, and is acknowledged without a second effect.
 *
 *     begin ── claim (consumer, id) ── handler ── commit ── acknowledge
 *                 │ there already: no handler ────────────────^
 *
 * A claim lives and dies with its transaction: a handler that fails, gives its message back, or
 * crashes leaves none, so a message is never a duplicate of its own failed attempt. What the
 * handler sends through its message goes into the same transaction, as rows of the outbox. What is
 * not covered: effects outside of that database, which need their own idempotence key
 * (`message.id`).
 */

import type { BatchHandler } from './batches.ts'
import type { Queue, Topic } from './contracts.ts'
import { ClientError } from './errors.ts'
import type { Message } from './message.ts'
import type { Outbox, OutboxStore } from './outbox.ts'
import { bodiesOf, type SendOptions } from './sending.ts'
import type { Handler } from './worker.ts'

/** Where claims are kept: a database with transactions. `Tx` is what the handler works with. */
export interface InboxStore<Tx> {
  /** Makes what is missing. Called once, before anything else. */
  prepare(): Promise<void>
  /**
   * Runs `work` in a transaction that has claimed `id` for `consumer`, and commits it. Rolls back
   * and rejects when `work` rejects. Does not call `work` when the id is claimed; while another
   * transaction is about to claim it, waits for the outcome.
   */
  claim(
    claim: { readonly consumer: string; readonly id: string },
    work: (tx: Tx) => Promise<void>,
  ): Promise<{ readonly isDuplicate: boolean }>
}

/** A store that can claim several messages together, for handlers that take batches. */
export interface BatchInboxStore<Tx> extends InboxStore<Tx> {
  /**
   * As `claim`, in one transaction: `work` is told which ids it has claimed now, and answers those
   * whose claims are to go again before the commit. Not called when all were claimed before.
   */
  claimAll(
    claims: { readonly consumer: string; readonly ids: readonly string[] },
    work: (tx: Tx, claimed: ReadonlySet<string>) => Promise<readonly string[]>,
  ): Promise<void>
}

/**
 * A message inside a transaction. It is acknowledged by returning, after the commit; what it sends
 * is sent if the transaction is committed.
 */
export interface InboxMessage<Out, Tx> extends Omit<Message<Out>, 'ack'> {
  /** The handler's effects go here. */
  readonly tx: Tx
}

export type InboxHandler<Out, Tx> = (body: Out, message: InboxMessage<Out, Tx>) => unknown

/**
 * Gets those of a batch that were not handled before. Return: their effects, and that they are
 * handled, are committed together. Throw, or return what `Promise.allSettled` made of them with one
 * that was rejected: nothing of it is there, and all are tried again. What the handler rejects or
 * gives back itself has no part in the commit, so nothing is to be written for it.
 */
export type InboxBatchHandler<Out, Tx> = (
  messages: readonly InboxMessage<Out, Tx>[],
  tx: Tx,
) => unknown

interface InboxParts<Store, Tx> {
  readonly store: Store
  /** A queue's name, or a topic and its group. */
  readonly consumer: string
  readonly outbox: Outbox<Tx> | undefined
}

/** Given back by the handler itself: nothing has gone wrong, but nothing must stay either. */
class GivenBack extends Error {}

/** A store that is an outbox, too, so that what a handler sends has a place. */
export function isOutboxStore<Tx>(
  store: InboxStore<Tx>,
): store is InboxStore<Tx> & OutboxStore<Tx> {
  return 'insert' in store && 'relay' in store
}

/** A handler that runs once for each message. Under at-least-once it makes effectively once. */
export function withInbox<Out, Tx>(
  { store, consumer, outbox }: InboxParts<InboxStore<Tx>, Tx>,
  handler: InboxHandler<Out, Tx>,
): Handler<Out> {
  return async (body, message) => {
    try {
      await store.claim({ consumer, id: message.id }, async tx => {
        await handler(body, inTransaction(message, tx, outbox))
        // Its time was over while it worked, or it gave the message back: it will come again.
        if (message.isSettled) throw new GivenBack('the message was given back')
      })
    } catch (error) {
      if (!(error instanceof GivenBack)) throw error
    }
  }
}

/** The same for several messages, which are one transaction. */
export function withBatchInbox<Out, Tx>(
  { store, consumer, outbox }: InboxParts<BatchInboxStore<Tx>, Tx>,
  handler: InboxBatchHandler<Out, Tx>,
): BatchHandler<Out> {
  return async messages => {
    let claimed: ReadonlySet<string> = new Set()
    const work = async (tx: Tx, ids: ReadonlySet<string>): Promise<readonly string[]> => {
      claimed = ids
      const chosen = firstOfEach(messages, ids)
      const handed = chosen.map(message => inTransaction(message, tx, outbox))
      throwFirst(await handler(handed, tx))
      const settled = chosen.filter(({ isSettled }) => isSettled)
      // The time was over while it worked, or it gave all of them back: they will come again.
      if (settled.length === chosen.length) throw new GivenBack('the messages were given back')
      return settled.map(({ id }) => id)
    }
    try {
      await store.claimAll({ consumer, ids: messages.map(({ id }) => id) }, work)
      return []
    } catch (error) {
      if (error instanceof GivenBack) return []
      // What was handled before has nothing to do with it, and is acknowledged.
      if (claimed.size === 0) throw error
      return messages.map(({ id }) =>
        claimed.has(id) ? { status: 'rejected', reason: error } : { status: 'fulfilled' },
      )
    }
  }
}

/** A message that came twice in one batch is handled once. */
function firstOfEach<Out>(
  messages: readonly Message<Out>[],
  ids: ReadonlySet<string>,
): Message<Out>[] {
  const left = new Set(ids)
  return messages.filter(({ id }) => left.delete(id))
}

/** One transaction has one fate: of what `Promise.allSettled` returned, the first failure is it. */
function throwFirst(returned: unknown): void {
  if (!Array.isArray(returned)) return
  for (const result of returned as readonly unknown[]) {
    const { status, reason } = (result ?? {}) as { status?: unknown; reason?: unknown }
    if (status === 'rejected') throw reason
  }
}

/** The same message, with the transaction, and what it sends inside of it. */
function inTransaction<Out, Tx>(
  message: Message<Out>,
  tx: Tx,
  outbox: Outbox<Tx> | undefined,
): InboxMessage<Out, Tx> {
  const write = async (
    contract: Queue<unknown> | Topic<unknown>,
    bodies: unknown,
    options: SendOptions | undefined,
  ) => {
    if (outbox === undefined) throw noOutbox()
    const ids = await outbox.write(tx, contract, bodiesOf(bodies), options, message)
    return ids.map(id => ({ id, duplicate: false, position: undefined }))
  }
  const own: { readonly [name: PropertyKey]: unknown } = { tx, send: write, publish: write }
  return new Proxy(message as unknown as InboxMessage<Out, Tx>, {
    get: (target, name) => {
      if (name === 'ack') throw tooEarly()
      if (Object.hasOwn(own, name)) return own[name]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function tooEarly(): ClientError {
  return new ClientError({
    code: 'SPILLWAY_E_INBOX',
    why: 'a message with an inbox is acknowledged after its transaction is committed.',
    alternatives: ['return from the handler'],
  })
}

function noOutbox(): ClientError {
  return new ClientError({
    code: 'SPILLWAY_E_INBOX',
    why: 'this inbox is no outbox, so what its handler sends would go out before the commit.',
    alternatives: ['a store that is both, such as pg(pool)', 'outbox.send(message.tx, …)'],
  })
}
