/** A topic for one measurement: made before it, gone after it. */

import { Kafka, logLevel } from 'kafkajs'
import type { RunningBroker } from '../tests/harness/broker.ts'

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
