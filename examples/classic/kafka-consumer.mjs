// A group of two members as in every introduction to Kafka; nothing in it knows Spillway.
// KAFKA_BROKERS=localhost:9092 node kafka-consumer.mjs

import { Kafka } from 'kafkajs'

const brokers = process.env.KAFKA_BROKERS?.split(',') ?? ['kafka1:9092', 'kafka2:9092']
const kafka = new Kafka({ clientId: 'shop', brokers })
const members = ['first', 'second'].map(name => ({
  name,
  consumer: kafka.consumer({ groupId: 'billing' }),
}))

for (const { name, consumer } of members) {
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders', fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const { number } = JSON.parse(message.value.toString())
      console.log(`${name}: ${message.key} order ${number} at ${partition}:${message.offset}`)
    },
  })
}

process.once('SIGINT', async () => {
  for (const { consumer } of members) await consumer.disconnect()
})
