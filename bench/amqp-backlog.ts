/** How fast does a backlog of a million drain? */

import { drain } from './amqp-consume.ts'
import { perSecond, type Question } from './question.ts'

export const amqpBacklog: Question = {
  name: 'amqp-backlog',
  title: 'drain a backlog: persistent messages of 100 B, one consumer, prefetch 1000',
  cases: ({ quick }) => {
    const messages = quick ? 50_000 : 1_000_000
    return [
      {
        name: `raw, ${messages.toLocaleString('en-GB')} messages`,
        figures: [perSecond],
        measure: broker =>
          drain(broker, { client: 'raw', bodyBytes: 100, connections: 1, messages }),
      },
    ]
  },
}
