/** All cases of the AMQP server, in the order in which they run against one broker. */

import type { ConformanceCase } from './case.ts'
import { confirmCases, deliveryCases } from './delivery.ts'
import { durabilityCases } from './durability.ts'
import { errorCases } from './errors.ts'
import { programCases } from './programs.ts'
import { queueCases } from './queues.ts'
import { routingCases } from './routing.ts'

export const amqpCases: readonly ConformanceCase[] = [
  ...programCases,
  ...deliveryCases,
  ...confirmCases,
  ...queueCases,
  ...routingCases,
  ...errorCases,
  ...durabilityCases,
]
