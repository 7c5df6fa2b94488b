/** The Redis server: one for a port. See README.md for what it serves. */

import type { ConnectionContext, ProtocolServer } from '../connection.ts'
import { Broker, type RedisServerOptions } from './broker.ts'
import { commands } from './commands.ts'
import { Connection } from './connection.ts'
import { allOf } from './handlers/acl.ts'

export type { RedisServerOptions } from './broker.ts'
export type { ProfileName } from './profiles.ts'

/**
 * Makes the server: what earlier processes left in the engine is found again.
 *
 * ```ts
 * const server = redisServer({ engine, clock, random })
 * ```
 */
export function redisServer(options: RedisServerOptions): ProtocolServer {
  const broker = new Broker(options, () => allOf(commands))
  return {
    name: 'redis',
    accept: (context: ConnectionContext) => new Connection(broker, context),
  }
}
