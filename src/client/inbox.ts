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
 * crashes leaves none, so a message is never a duplicate of its own failed attempt. What it does
 * not cover: effects outside of that database, which need their own idempotence key (`message.id`).
 */

import { ClientError } from './errors.ts'
import type { Message } from './message.ts'
import type { Handler } from './worker.ts'

/** Where claims are kept: a database with transactions. `Tx` is what the handler works with. */
export interface InboxStore<Tx> {
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

/** A message inside a transaction: it is acknowledged by returning, after the commit. */
export type InboxMessage<Out> = Omit<Message<Out>, 'ack'>

export interface InboxOptions<Tx> {
  readonly store: InboxStore<Tx>
  /** Who handles it: a queue's name, or topic and group. Two with one name share their claims. */
  readonly consumer: string
}

/** Given back by the handler itself: nothing has gone wrong, but nothing must stay either. */
class GivenBack extends Error {}

/**
 * A handler for `bus.consume` and `bus.subscribe` that runs once for each message. Works with the
 * guarantee `at-least-once`, which it makes effectively once.
 *
 *     const charge = once({ store: pg(pool), consumer: 'charge' }, async (order, message, tx) => {
 *       await tx.query('insert into charges (id, total) values ($1, $2)', [order.id, order.total])
 *     })
 *     await using worker = bus.consume(orders, charge)
 */
export function once<Out, Tx>(
  { store, consumer }: InboxOptions<Tx>,
  handler: (body: Out, message: InboxMessage<Out>, tx: Tx) => unknown,
): Handler<Out> {
  return async (body, message) => {
    try {
      await store.claim({ consumer, id: message.id }, async tx => {
        await handler(body, inTransaction(message), tx)
        // Its time was over while it worked, or it gave the message back: it will come again.
        if (message.isSettled) throw new GivenBack('the message was given back')
      })
    } catch (error) {
      if (!(error instanceof GivenBack)) throw error
    }
  }
}

/** The same message, but for the acknowledgement, which would come before the commit. */
function inTransaction<Out>(message: Message<Out>): InboxMessage<Out> {
  return new Proxy(message, {
    get: (target, name) => {
      if (name === 'ack') throw tooEarly()
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
