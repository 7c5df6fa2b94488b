/** How fast are persistent messages published and confirmed? */

import { type Case, perSecond, type Question } from './question.ts'
import { queueNames, runLoad, withQueues } from './run-load.ts'

const window = 1000

function publishCase(
  client: 'raw' | 'amqplib',
  bodyBytes: number,
  connections: number,
  messages: number,
): Case {
  const queues = queueNames(connections)
  return {
    name: `${client}, ${bodyBytes} B, ${connections} connection${connections > 1 ? 's' : ''}`,
    figures: [perSecond],
    measure: broker =>
      withQueues(broker, queues, async () => {
        const { host, amqpPort } = broker
        const address = { host, amqpPort }
        const load = { kind: 'publish', address, client, bodyBytes, window, queues } as const
        const result = await runLoad({ ...load, messages })
        const rate = (result.messages / result.elapsedMs) * 1000
        return { values: [rate], loadShare: result.processorShare }
      }),
  }
}

export const amqpPublish: Question = {
  name: 'amqp-publish',
  title: `publish and confirm: persistent, a durable queue for each connection, ${window} unconfirmed`,
  cases: ({ quick }) => {
    const messages = quick ? 20_000 : 200_000
    return [
      publishCase('raw', 100, 1, messages),
      publishCase('raw', 100, 10, messages),
      publishCase('raw', 1024, 1, messages),
      publishCase('raw', 1024, 10, messages),
      publishCase('amqplib', 100, 1, messages),
      publishCase('amqplib', 1024, 1, messages),
    ]
  },
}
