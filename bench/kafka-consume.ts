/** How fast are records fetched that are there already? With Kafka's own tool. */

import { consumePerf, kafkaContenders } from './kafka-peers.ts'
import { costPerRecord, withCost, withTopic } from './kafka-topics.ts'
import { rawProduce } from './load/kafka-raw.ts'
import { type Case, perSecond, type Question } from './question.ts'

function consumeCase(recordBytes: number, partitions: number, records: number): Case {
  const recordsPerBatch = Math.ceil(100_000 / recordBytes)
  return {
    name: `kafka-consumer-perf-test, ${recordBytes} B, ${partitions} partition${partitions > 1 ? 's' : ''}`,
    figures: [{ ...perSecond, unit: 'records/s' }, costPerRecord],
    measure: broker =>
      withTopic(broker, partitions, async ({ port, topic }) => {
        const batches = Math.ceil(records / recordsPerBatch)
        const shape = { partitions, batches, recordsPerBatch, recordBytes, window: 10 }
        await rawProduce({ port, topic, ...shape })
        const consume = () => consumePerf({ port, topic, records })
        const { result, cost } = await withCost(broker, records, consume)
        return { values: [result.perSecond, cost], loadShare: result.loadShare }
      }),
  }
}

export const kafkaConsume: Question = {
  name: 'kafka-consume',
  title: 'fetch what is there, from the beginning, one consumer in a group',
  contenders: only => kafkaContenders(only, 'page-cache'),
  cases: ({ quick }) => {
    const of = (records: number) => Math.ceil(records * (quick ? 0.1 : 1))
    return [
      consumeCase(100, 1, of(5_000_000)),
      consumeCase(1000, 1, of(500_000)),
      consumeCase(100, 100, of(5_000_000)),
    ]
  },
}
