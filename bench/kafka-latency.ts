/** How long is it from produce to consume, one record after another? With Kafka's own tool. */

import { endToEndPerf, kafkaContenders } from './kafka-peers.ts'
import { withTopic } from './kafka-topics.ts'
import type { Case, Figure, Question } from './question.ts'

const latency = (name: string): Figure => ({ name, unit: 'ms', better: 'lower' })

function latencyCase(recordBytes: number, records: number): Case {
  return {
    name: `kafka-e2e-latency, ${recordBytes} B, acks=all`,
    figures: [latency('p50'), latency('p99'), latency('mean')],
    measure: broker =>
      withTopic(broker, 1, async ({ port, topic }) => {
        const { p50, p99, mean } = await endToEndPerf({ port, topic, records, recordBytes })
        return { values: [p50, p99, mean] }
      }),
  }
}

export const kafkaLatency: Question = {
  name: 'kafka-latency',
  title: 'from produce to consume; Spillway: synced before both; Kafka: page cache, its default',
  contenders: only => kafkaContenders(only, 'page-cache'),
  cases: ({ quick }) => [latencyCase(100, quick ? 500 : 5000)],
}
