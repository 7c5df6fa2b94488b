/** A topic for one measurement, made before it, gone after it; and what the broker spends on it. */

import { Kafka, logLevel } from 'kafkajs'
import type { RunningBroker } from '../tests/harness/broker.ts'
import { processorMs } from '../tests/harness/process.ts'
import type { Figure } from './question.ts'

let lastNumber = 0

export async function withTopic<T>(
  broker: RunningBroker,
  numPartitions: number,
  measure: (where: { readonly port: number; readonly topic: string }) => Promise<T>,
): Promise<T> {
  const port = broker.kafkaPort
  if (port === undefined) throw new Error(`${broker.name} does not speak Kafka's protocol`)
  const topic = `bench-${process.pid}-${++lastNumber}`
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  try {
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions }] })
    return await measure({ port, topic })
  } finally {
    await admin.deleteTopics({ topics: [topic] })
    await admin.disconnect()
  }
}

/** The broker's own processor time, which says what something costs on a busy machine, too. */
export const costPerRecord: Figure = { name: 'broker cpu', unit: 'µs/record', better: 'lower' }

/** Microseconds of the processor that the broker has used for each of `records`. */
export async function withCost<T>(
  broker: RunningBroker,
  records: number,
  measure: () => Promise<T>,
): Promise<{ readonly result: T; readonly cost: number }> {
  const before = processorMs(broker.pid)
  const result = await measure()
  const used = (processorMs(broker.pid) ?? Number.NaN) - (before ?? Number.NaN)
  return { result, cost: (used * 1000) / records }
}
