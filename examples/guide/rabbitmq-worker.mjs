// A worker: so many orders at a time, dead letters after so many attempts.
// AMQP_URL=amqp://localhost node rabbitmq-worker.mjs

import amqp from 'amqplib'

const connection = await amqp.connect(process.env.AMQP_URL ?? 'amqp://localhost')
const channel = await connection.createChannel()

await channel.assertQueue('orders.dead', { durable: true })
await channel.assertQueue('orders', {
  durable: true,
  arguments: {
    'x-queue-type': 'quorum',
    'x-delivery-limit': 4, // redeliveries: one less than attempts
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'orders.dead',
  },
})
await channel.prefetch(1)

await channel.consume('orders', async message => {
  if (message === null) return
  try {
    await charge(JSON.parse(message.content.toString()))
    channel.ack(message)
  } catch (error) {
    console.log('failed', error.message)
    channel.nack(message, false, true)
  }
})
console.log('ready')

async function charge(order) {
  if (order.poison) throw new Error(`order ${order.number} cannot be charged`)
  console.log('charged', order.number)
}
