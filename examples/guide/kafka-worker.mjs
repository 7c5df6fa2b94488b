// A worker in a group: retries in place, then sets the order aside in a topic for dead letters.
// KAFKA_BROKERS=localhost:9092 node kafka-worker.mjs

import { Kafka } from 'kafkajs'

const attemptsMax = 5
const firstWaitMs = 500

const kafka = new Kafka({
  clientId: 'worker',
  brokers: process.env.KAFKA_BROKERS?.split(',') ?? ['localhost:9092'],
})
const producer = kafka.producer()
const consumer = kafka.consumer({ groupId: 'workers', sessionTimeout: 30_000 })

await producer.connect()
await consumer.connect()
await consumer.subscribe({ topic: 'orders', fromBeginning: true })
await consumer.run({
  partitionsConsumedConcurrently: 1,
  eachMessage: async ({ message, heartbeat }) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await charge(JSON.parse(message.value.toString()))
      } catch (error) {
        console.log('failed', error.message)
        if (attempt === attemptsMax) break
        await new Promise(resolve => setTimeout(resolve, firstWaitMs * 2 ** (attempt - 1)))
        await heartbeat()
      }
    }
    await producer.send({ topic: 'orders.dead', messages: [message] })
    console.log('set aside')
  },
})
console.log('ready')

async function charge(order) {
  if (order.poison) throw new Error(`order ${order.number} cannot be charged`)
  console.log('charged', order.number)
}
