/** How fast are records produced with acks=all? With Kafka's own tool, and with ready batches. */

import { type KafkaDurability, kafkaContenders, producePerf } from './kafka-peers.ts'
import { costPerRecord, withCost, withTopic } from './kafka-topics.ts'
import { rawProduce } from './load/kafka-raw.ts'
import { type Case, type Figure, perSecond, type Question } from './question.ts'

const recordsPerSecond: Figure = { ...perSecond, unit: 'records/s' }

function toolCase(
  recordBytes: number,
  partitions: number,
  records: number,
  properties: readonly string[] = [],
): Case {
  const with_ = properties.length === 0 ? '' : `, ${properties.join(' ')}`
  const where = `${partitions} partition${partitions > 1 ? 's' : ''}`
  return {
    name: `kafka-producer-perf-test, ${recordBytes} B, ${where}${with_}`,
    figures: [recordsPerSecond, costPerRecord],
    measure: broker =>
      withTopic(broker, partitions, async ({ port, topic }) => {
        const load = { port, topic, records, recordBytes, properties }
        const { result, cost } = await withCost(broker, records, () => producePerf(load))
        return { values: [result.perSecond, cost], loadShare: result.loadShare }
      }),
  }
}

function rawCase(recordBytes: number, partitions: number, records: number): Case {
  const recordsPerBatch = 1000
  const batches = Math.ceil(records / recordsPerBatch)
  return {
    name: `ready batches of ${recordsPerBatch}, ${recordBytes} B, ${partitions} partition${partitions > 1 ? 's' : ''}`,
    figures: [recordsPerSecond, costPerRecord],
    measure: broker =>
      withTopic(broker, partitions, async ({ port, topic }) => {
        const shape = { partitions, batches, recordsPerBatch, recordBytes, window: 10 }
        const sent = batches * recordsPerBatch
        const produce = () => rawProduce({ port, topic, ...shape })
        const { result, cost } = await withCost(broker, sent, produce)
        const rate = (sent / result.elapsedMs) * 1000
        return { values: [rate, cost], loadShare: result.processorShare }
      }),
  }
}

const large = ['batch.size=131072', 'linger.ms=5']

function question(durability: KafkaDurability): Question {
  const isFlushing = durability === 'flushing'
  const theirs = isFlushing ? 'a flush for every message' : 'page cache, its default'
  return {
    name: isFlushing ? 'kafka-produce-flushed' : 'kafka-produce',
    title: `produce, acks=all; Spillway: synced before the answer; Kafka: ${theirs}`,
    contenders: only => kafkaContenders(only, durability),
    cases: ({ quick }) => {
      const scale = quick ? 0.1 : isFlushing ? 0.25 : 1
      const of = (records: number) => Math.ceil(records * scale)
      const cases = [
        toolCase(1000, 1, of(300_000)),
        toolCase(100, 1, of(2_000_000)),
        toolCase(100, 1, of(3_000_000), large),
        rawCase(100, 1, of(5_000_000)),
      ]
      // Kafka syncs each partition's batch by itself.
      if (isFlushing) return [...cases, toolCase(1000, 10, of(600_000))]
      return [
        ...cases,
        toolCase(1000, 1, of(300_000), ['compression.type=lz4']),
        toolCase(1000, 10, of(300_000)),
        toolCase(100, 100, of(1_000_000)),
        toolCase(100, 1000, of(1_000_000)),
      ]
    },
  }
}

export const kafkaProduce = question('page-cache')
export const kafkaProduceFlushed = question('flushing')
