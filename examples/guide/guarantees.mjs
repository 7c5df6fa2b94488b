// Three consumers that differ in when they say "done", and in what they remember. One crash.
// AMQP_URL=amqp://localhost node guarantees.mjs

import amqp from 'amqplib'

const connection = await amqp.connect(process.env.AMQP_URL ?? 'amqp://localhost')

const atMostOnce = (channel, message) => {
  channel.ack(message)
  charge(message)
}

const atLeastOnce = (channel, message) => {
  charge(message)
  channel.ack(message)
}

const done = new Set() // a table in your database, in the transaction of the effect
const effectivelyOnce = (channel, message) => {
  const { messageId } = message.properties
  if (!done.has(messageId)) {
    done.add(messageId)
    charge(message)
  }
  channel.ack(message)
}

let charged = 0
let crashes = 0
function charge(message) {
  const diesBefore = mode === 'at-most-once'
  if (message.properties.messageId === 'order-3' && crashes === 0) {
    crashes++
    if (!diesBefore) charged += 100
    throw new Error('the process dies here')
  }
  charged += 100
}

const modes = {
  'at-most-once': atMostOnce,
  'at-least-once': atLeastOnce,
  'effectively-once': effectivelyOnce,
}
let mode = ''
for (const [name, handle] of Object.entries(modes)) {
  mode = name
  charged = 0
  crashes = 0
  await run(name, handle)
  console.log(`${name}: expected 500, charged ${charged}`)
}
await connection.close()

async function run(queue, handle) {
  let channel = await connection.createChannel()
  await channel.assertQueue(queue, { durable: true })
  await channel.purgeQueue(queue)
  for (let number = 1; number <= 5; number++) {
    channel.sendToQueue(queue, Buffer.from('{}'), {
      persistent: true,
      messageId: `order-${number}`,
    })
  }
  for (let misses = 0; misses < 5; ) {
    const message = await channel.get(queue)
    if (message === false) {
      misses++
      await new Promise(resolve => setTimeout(resolve, 20))
      continue
    }
    try {
      handle(channel, message)
    } catch {
      await channel.close() // what was not acknowledged goes back
      channel = await connection.createChannel()
    }
  }
  await channel.deleteQueue(queue)
  await channel.close()
}
