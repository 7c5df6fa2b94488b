/** How fast does one publisher reach ten queues? */

import { perSecond, type Question } from './question.ts'
import { queueNames, runLoad, withQueues } from './run-load.ts'

const exchange = 'bench-fanout'
const queues = queueNames(10)

export const amqpFanout: Question = {
  name: 'amqp-fanout',
  title: 'fan-out to 10 queues: persistent, 100 B, confirmed, ten consumers that acknowledge',
  cases: ({ quick }) => [
    {
      name: 'raw, deliveries',
      figures: [perSecond],
      measure: broker =>
        withQueues(broker, queues, async client => {
          await client.call(1, 'exchange.declare', { exchange, type: 'fanout', durable: true })
          for (const queue of queues) await client.call(1, 'queue.bind', { queue, exchange })
          const { host, amqpPort } = broker
          const address = { host, amqpPort }
          const load = { kind: 'fanout', address, client: 'raw', bodyBytes: 100 } as const
          const messages = quick ? 2000 : 20_000
          const result = await runLoad({ ...load, messages, window: 1000, exchange, queues })
          await client.call(1, 'exchange.delete', { exchange })
          const rate = (result.messages / result.elapsedMs) * 1000
          return { values: [rate], loadShare: result.processorShare }
        }),
    },
  ],
}
