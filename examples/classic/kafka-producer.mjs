// A producer as in every introduction to Kafka; nothing in it knows Spillway.

import { Kafka } from 'kafkajs'

const kafka = new Kafka({ clientId: 'shop', brokers: ['kafka1:9092', 'kafka2:9092'] })
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
