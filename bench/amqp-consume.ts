/** How fast is a backlog consumed and acknowledged? */

import type { RunningBroker } from '../tests/harness/broker.ts'
import { type Case, type Measurement, perSecond, type Question } from './question.ts'
import { queueNames, runLoad, withQueues } from './run-load.ts'

export interface DrainOptions {
  readonly client: 'raw' | 'amqplib'
  readonly bodyBytes: number
  readonly connections: number
  readonly messages: number
}

const prefetch = 1000

/** Fills the queues, which is not measured, and drains them, which is. */
export async function drain(broker: RunningBroker, options: DrainOptions): Promise<Measurement> {
  const { client, bodyBytes, messages } = options
  const { host, amqpPort } = broker
  const address = { host, amqpPort }
  const queues = queueNames(options.connections)
  return await withQueues(broker, queues, async () => {
    const common = { address, bodyBytes, messages, queues }
    await runLoad({ ...common, kind: 'publish', client: 'raw', window: 5000 })
    const result = await runLoad({ ...common, kind: 'consume', client, prefetch })
    const rate = (result.messages / result.elapsedMs) * 1000
    return { values: [rate], loadShare: result.processorShare }
  })
}

function consumeCase(options: DrainOptions): Case {
  const { client, bodyBytes, connections } = options
  return {
    name: `${client}, ${bodyBytes} B, ${connections} connection${connections > 1 ? 's' : ''}`,
    figures: [perSecond],
    measure: broker => drain(broker, options),
  }
}

export const amqpConsume: Question = {
  name: 'amqp-consume',
  title: `consume and acknowledge one by one: prefetch ${prefetch}, from a backlog of persistent messages`,
  cases: ({ quick }) => {
    const messages = quick ? 20_000 : 200_000
    return [
      consumeCase({ client: 'raw', bodyBytes: 100, connections: 1, messages }),
      consumeCase({ client: 'raw', bodyBytes: 1024, connections: 1, messages }),
      consumeCase({ client: 'raw', bodyBytes: 100, connections: 10, messages }),
      consumeCase({ client: 'amqplib', bodyBytes: 100, connections: 1, messages }),
    ]
  },
}
