/** What the servers offer beside their ports: whose a log is, groups, topics. */

import type { Protocol } from '../admin/contract.ts'
import type { AdminPorts, ProtocolGroups } from '../admin/ports.ts'
import type { EngineDoor } from '../engine/engine.ts'
import type { LogInfo } from '../engine/model.ts'
import { partitionOf } from '../servers/kafka/mapping.ts'
import type { KafkaServer } from '../servers/kafka/server.ts'
import type { RedisServer } from '../servers/redis/server.ts'

/** They come when their code has been loaded. */
export interface Served {
  kafka?: KafkaServer
  redis?: RedisServer
}

export function protocolPorts(
  engine: EngineDoor,
  served: Served,
): Pick<AdminPorts, 'protocolOf' | 'groups' | 'topics'> {
  return {
    protocolOf: info => protocolOf(engine, info),
    groups: () => [...desk('kafka', served.kafka?.groups), ...desk('redis', served.redis?.groups)],
    topics: () => served.kafka?.topics,
  }
}

function desk(protocol: Protocol, found: ProtocolGroups['desk'] | undefined): ProtocolGroups[] {
  return found === undefined ? [] : [{ protocol, desk: found }]
}

/** A server labels what it defines; Kafka's topics are in a table. */
function protocolOf(engine: EngineDoor, { name, config }: LogInfo): Protocol {
  const { labels } = config
  if ('amqp' in labels) return 'amqp'
  if ('sqs' in labels) return 'sqs'
  if ('redis' in labels) return 'redis'
  const topic = config.queue === undefined ? partitionOf(name)?.topic : undefined
  if (topic === undefined) return 'engine'
  return engine.table('kafka.topics')?.has(topic) === true ? 'kafka' : 'engine'
}
