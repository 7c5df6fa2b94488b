// Takes orders one at a time; acknowledges what succeeded, gives back what failed.
// AMQP_URL=amqp://localhost node rabbitmq-consumer.mjs

import amqp from 'amqplib'

const queue = 'orders'

const connection = await amqp.connect(process.env.AMQP_URL ?? 'amqp://localhost')
const channel = await connection.createChannel()

process.once('SIGINT', async () => {
  await channel.close()
  await connection.close()
})

await channel.assertQueue(queue, { durable: true })
await channel.prefetch(1)

await channel.consume(queue, async message => {
  if (message === null) return
  try {
    await processOrder(JSON.parse(message.content.toString()))
    channel.ack(message)
  } catch (error) {
    console.error('failed', error.message)
    channel.nack(message, false, true)
  }
})

console.log('waiting for orders')

async function processOrder(order) {
  if (order.orderId === undefined) throw new Error('an order without an id')
  console.log('processed', order.orderId)
}
