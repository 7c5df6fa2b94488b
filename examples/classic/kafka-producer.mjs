// A producer as in every introduction to Kafka; nothing in it knows Spillway.
// KAFKA_BROKERS=localhost:9092 node kafka-producer.mjs

import { Kafka } from 'kafkajs'

const brokers = process.env.KAFKA_BROKERS?.split(',') ?? ['kafka1:9092', 'kafka2:9092']
const kafka = new Kafka({ clientId: 'shop', brokers })
const producer = kafka.producer()

await producer.connect()
for (let number = 1; number <= 10; number++) {
  await producer.send({
    topic: 'orders',
    messages: [
      {
        key: `customer-${number % 3}`,
        value: JSON.stringify({ number, item: 'book' }),
        headers: { source: 'web' },
      },
    ],
  })
  console.log(`sent order ${number}`)
}
await producer.disconnect()
