/** The SQS server. See README.md for what it serves. It is given calls, and never sees a socket. */

import { SqsBroker, type SqsServerOptions } from './broker.ts'
import { type HttpCall, handleCall } from './connection.ts'
import { limits } from './limits.ts'
import { MoveTasks } from './move-tasks.ts'
import { Replies } from './replies.ts'

export type { SqsKey, SqsServerOptions } from './broker.ts'
export type { HttpCall } from './connection.ts'

export interface SqsServer {
  readonly name: 'sqs'
  readonly requestBytesMax: number
  /** Answers later, with `call.respond`, unless the client has gone. */
  handle(call: HttpCall): void
  /** Long polls are answered empty, and move tasks rest until the next start. */
  stop(): void
}

/**
 * Makes the server.
 *
 * ```ts
 * const server = sqsServer({ engine, clock, random, hmac: hmacSha256, equalSecrets })
 * const listening = await listenHttp({ host, port, bodyBytesMax, handle: server.handle })
 * ```
 */
export function sqsServer(
  options: SqsServerOptions & { readonly onError?: (error: unknown) => void },
): SqsServer {
  const broker = new SqsBroker(options)
  const replies = new Replies(options.engine, options.random)
  replies.report = options.onError ?? (() => undefined)
  broker.moves = new MoveTasks(broker)
  return {
    name: 'sqs',
    requestBytesMax: limits.requestBytesMax,
    handle: call => handleCall(broker, replies, call),
    stop: () => {
      broker.moves.stop()
      for (const waiter of [...broker.waiting]) waiter.giveUp()
    },
  }
}
