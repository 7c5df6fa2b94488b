/** The AMQP 0-9-1 server: one for a port. See README.md for what it serves. */

import type { ConnectionContext, ProtocolServer } from '../connection.ts'
import { type AmqpServerOptions, Broker } from './broker.ts'
import { Connection } from './connection.ts'

export type { Authenticate, Digest, Peer } from './access.ts'
export type { AmqpServerOptions } from './broker.ts'
export type { ProfileName } from './profiles.ts'

/** `broker` is for the management API, which changes what is shared. */
export type AmqpServer = ProtocolServer & { readonly broker: Broker }

/**
 * Makes the server. The exchanges that RabbitMQ has from the beginning are created in the engine
 * when they are not there.
 *
 * ```ts
 * const authenticate = (user: string, password: string) => user === password
 * const server = amqpServer({ engine, random, authenticate })
 * ```
 */
export function amqpServer(options: AmqpServerOptions): AmqpServer {
  const broker = new Broker(options)
  return {
    name: 'amqp',
    broker,
    accept: (context: ConnectionContext) => new Connection(broker, context),
  }
}
