/** The Redis server: one for a port. See README.md for what it serves. */

import type { ConnectionContext, ProtocolServer } from '../connection.ts'
import type { GroupDesk } from '../groups.ts'
import { Broker, type RedisServerOptions } from './broker.ts'
import { commands } from './commands.ts'
import { Connection } from './connection.ts'
import { groupDesk } from './group-desk.ts'
import { allOf } from './handlers/acl.ts'

export type { RedisServerOptions } from './broker.ts'
export type { ProfileName } from './profiles.ts'

export type RedisServer = ProtocolServer & { readonly groups: GroupDesk }

/**
 * Makes the server: what earlier processes left in the engine is found again.
 *
 * ```ts
 * const server = redisServer({ engine, clock, random })
 * ```
 */
export function redisServer(options: RedisServerOptions): RedisServer {
  const broker = new Broker(options, () => allOf(commands))
  return {
    name: 'redis',
    groups: groupDesk(broker),
    accept: (context: ConnectionContext) => new Connection(broker, context),
  }
}
