/** All suites, in the order in which they run. */

import { amqpCases } from './amqp/cases.ts'
import { amqpPrograms } from './amqp/programs.ts'
import { kafkaClient } from './client/kafka.ts'
import { moveClient } from './client/move.ts'
import { rabbitmqClient } from './client/rabbitmq.ts'
import { redisClient } from './client/redis.ts'
import { spillwayClient } from './client/spillway.ts'
import { sqsClient } from './client/sqs.ts'
import { kafkaPrograms } from './kafka/programs.ts'
import { redisPrograms } from './redis/programs.ts'
import { sqsPrograms } from './sqs/programs.ts'
import type { Suite } from './suite.ts'

export const suites: readonly Suite[] = [
  amqpCases,
  amqpPrograms,
  rabbitmqClient,
  kafkaPrograms,
  kafkaClient,
  redisPrograms,
  redisClient,
  sqsPrograms,
  sqsClient,
  spillwayClient,
  moveClient,
]
