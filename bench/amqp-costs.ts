/** What does a message cost when there are many queues, or many connections? */

import { type Case, perSecond, type Question } from './question.ts'
import { runLoad, withQueues } from './run-load.ts'

const window = 1000

function spreadCase(queueCount: number, pairs: number, messages: number): Case {
  const queues = Array.from(
    { length: queueCount },
    (_, index) => `bench-${String(index).padStart(5, '0')}`,
  )
  const plural = queueCount === 1 ? '' : 's'
  return {
    name: `raw, ${queueCount} queue${plural}, ${pairs * 2} connections`,
    figures: [perSecond],
    measure: broker =>
      withQueues(broker, queues, async () => {
        const { host, amqpPort } = broker
        const address = { host, amqpPort }
        const load = { kind: 'spread', address, client: 'raw', bodyBytes: 100 } as const
        const own = Math.max(2, Math.floor(window / pairs))
        const result = await runLoad({ ...load, messages, window: own, queues, pairs })
        const rate = (result.messages / result.elapsedMs) * 1000
        return { values: [rate], loadShare: result.processorShare }
      }),
  }
}

export const amqpCosts: Question = {
  name: 'amqp-costs',
  title:
    'many queues, many connections: persistent, 100 B, published in turn and consumed at the ' +
    `same time, ${window} unconfirmed in all; a connection publishes or consumes`,
  cases: ({ quick }) => {
    const messages = quick ? 20_000 : 100_000
    return [
      spreadCase(1, 1, messages),
      spreadCase(100, 1, messages),
      spreadCase(10_000, 1, messages),
      spreadCase(500, 1, messages),
      spreadCase(500, 500, messages),
    ]
  },
}
