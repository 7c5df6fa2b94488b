/** How long does a message take from the publisher to the consumer, at a steady rate? */

import type { Figure, Question } from './question.ts'
import { runLoad, withQueues } from './run-load.ts'

const perSecond = 5000

const figures: Figure[] = ['p50', 'p99', 'p99.9'].map(name => ({
  name,
  unit: 'ms',
  better: 'lower',
}))

/**
 * RabbitMQ delivers from a classic queue before the message is on the disk, and from a quorum queue
 * after; here it is always after. So the second case compares like with like, and the first what
 * people know.
 */
const queues = [
  { name: 'classic queue, 1 publisher, 1 consumer', queueArguments: {} },
  {
    name: 'quorum queue, 1 publisher, 1 consumer',
    queueArguments: { 'x-queue-type': 'quorum' },
  },
]

export const amqpLatency: Question = {
  name: 'amqp-latency',
  title: `latency at ${perSecond} messages a second: persistent, 100 B, durable queue, confirms on`,
  cases: ({ quick }) =>
    queues.map(({ name, queueArguments }) => ({
      name,
      figures,
      measure: broker => {
        const latency = async () => {
          const { host, amqpPort } = broker
          const result = await runLoad({
            kind: 'latency',
            address: { host, amqpPort },
            client: 'raw',
            bodyBytes: 100,
            perSecond,
            seconds: quick ? 2 : 10,
            queue: 'bench-latency',
          })
          const { p50, p99, p999 } = result.latencyMs ?? { p50: NaN, p99: NaN, p999: NaN }
          return { values: [p50, p99, p999], loadShare: result.processorShare }
        }
        return withQueues(broker, ['bench-latency'], latency, queueArguments)
      },
    })),
}
