/** The Kafka server: one for a port. See README.md for what it serves. */

import type { ConnectionContext, ProtocolServer } from '../connection.ts'
import { Broker, type KafkaServerOptions } from './broker.ts'
import { Connection } from './connection.ts'

export type { KafkaServerOptions } from './broker.ts'

export interface KafkaServer extends ProtocolServer {
  /** Before the engine is closed: no session and no transaction ends by time any more. */
  close(): void
}

/**
 * Makes the server.
 *
 * ```ts
 * const server = kafkaServer({ engine, clock, random })
 * ```
 */
export function kafkaServer(options: KafkaServerOptions): KafkaServer {
  const broker = new Broker(options)
  return {
    name: 'kafka',
    accept: (context: ConnectionContext) => new Connection(broker, context),
    close: () => broker.deadlines.stop(),
  }
}
