// Sends one order to a durable queue, and leaves.
// AMQP_URL=amqp://localhost node rabbitmq-producer.mjs [userId]

import amqp from 'amqplib'

const queue = 'orders'
const order = {
  orderId: Date.now(),
  userId: process.argv[2] ?? 'user-1',
  items: [{ sku: 'lamp', count: 2 }],
  total: 49.9,
}

const connection = await amqp.connect(process.env.AMQP_URL ?? 'amqp://localhost')
const channel = await connection.createChannel()

await channel.assertQueue(queue, { durable: true })
channel.sendToQueue(queue, Buffer.from(JSON.stringify(order)), { persistent: true })
console.log('sent', order.orderId)

await channel.close()
await connection.close()
