/** The Kafka server: one for a port. See README.md for what it serves. */

import type { ConnectionContext, ProtocolServer } from '../connection.ts'
import { Broker, type KafkaServerOptions } from './broker.ts'
import { Connection } from './connection.ts'

export type { KafkaServerOptions } from './broker.ts'

/**
 * Makes the server.
 *
 * ```ts
 * const server = kafkaServer({ engine, clock, random })
 * ```
 */
export function kafkaServer(options: KafkaServerOptions): ProtocolServer {
  const broker = new Broker(options)
  return {
    name: 'kafka',
    accept: (context: ConnectionContext) => new Connection(broker, context),
  }
}
