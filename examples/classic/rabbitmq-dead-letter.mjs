// Takes payments; what fails goes to a dead-letter queue, where a second consumer looks at it.
// AMQP_URL=amqp://localhost node rabbitmq-dead-letter.mjs

import amqp from 'amqplib'

const connection = await amqp.connect(process.env.AMQP_URL ?? 'amqp://localhost')
const channel = await connection.createChannel()

process.once('SIGINT', async () => {
  await channel.close()
  await connection.close()
})

await channel.assertExchange('payments.failed', 'fanout', { durable: true })
await channel.assertQueue('payments.failed', { durable: true })
await channel.bindQueue('payments.failed', 'payments.failed', '')
await channel.assertQueue('payments', { durable: true, deadLetterExchange: 'payments.failed' })
await channel.prefetch(1)

await channel.consume('payments', async message => {
  if (message === null) return
  try {
    await charge(JSON.parse(message.content.toString()))
    channel.ack(message)
  } catch {
    channel.nack(message, false, false)
  }
})

await channel.consume('payments.failed', message => {
  if (message === null) return
  const [death] = message.properties.headers['x-death']
  console.log('dead letter', message.content.toString(), death.reason, 'from', death.queue)
  channel.ack(message)
})

console.log('waiting for payments')

async function charge(payment) {
  if (!(payment.amount > 0)) throw new Error('nothing to charge')
  console.log('charged', payment.amount)
}
