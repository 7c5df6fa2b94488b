/** The Kafka server: one for a port. See README.md for what it serves. */

import type { ConnectionContext, ProtocolServer } from '../connection.ts'
import type { GroupDesk } from '../groups.ts'
import { type Authenticate, Broker, type KafkaServerOptions } from './broker.ts'
import { servedBy } from './commands.ts'
import { Connection } from './connection.ts'
import { groupDesk } from './group-desk.ts'
import { type TopicDesk, topicDesk } from './topic-desk.ts'

export type { KafkaServerOptions } from './broker.ts'

export interface KafkaServer extends ProtocolServer {
  readonly groups: GroupDesk
  readonly topics: TopicDesk
  /** The same broker behind another port, where other people have to log in, or nobody. */
  behind(port: { readonly authenticate: Authenticate | undefined }): ProtocolServer
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
  const served = servedBy(broker.profile)
  const behind = ({ authenticate }: { readonly authenticate: Authenticate | undefined }) => ({
    name: 'kafka',
    accept: (context: ConnectionContext) =>
      new Connection(context, { broker, served, authenticate }),
  })
  return {
    ...behind({ authenticate: options.authenticate }),
    behind,
    groups: groupDesk(broker),
    topics: topicDesk(broker),
    close: () => broker.deadlines.stop(),
  }
}
