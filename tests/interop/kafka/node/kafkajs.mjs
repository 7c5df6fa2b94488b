// The order story with kafkajs. See ../README.md.
//
// usage: kafkajs.mjs HOST:PORT

import { CompressionTypes, Kafka, logLevel } from 'kafkajs'

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
const run = String(Date.now())
const [orders, invoices, groupId] = [`orders-${run}`, `invoices-${run}`, `payment-${run}`]
const kafka = new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.NOTHING })

const admin = kafka.admin()
await admin.connect()
await admin.createTopics({
  topics: [
    { topic: orders, numPartitions: 3 },
    { topic: invoices, numPartitions: 1 },
  ],
})

const producer = kafka.producer({ idempotent: true })
await producer.connect()
const messages = Array.from({ length: 60 }, (_, number) => ({
  key: `user-${number % 6}`,
  value: String(number),
  headers: { 'event-type': 'ORDER_CREATED' },
}))
const answers = await producer.send({
  topic: orders,
  messages,
  acks: -1,
  compression: CompressionTypes.GZIP,
})
await producer.disconnect()

/** Reads until it has so many, or for so long; commits what it has taken, and leaves. */
async function take(group, topic, count, ms) {
  const taken = []
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise(resolve => {
    setTimeout(resolve, ms)
    consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        if (taken.length === count) return
        taken.push(message)
        const offset = String(Number(message.offset) + 1)
        await consumer.commitOffsets([{ topic, partition, offset }])
        if (taken.length === count) resolve()
      },
    })
  })
  await consumer.disconnect()
  return taken
}

const taken = [
  ...(await take(groupId, orders, 25, 20_000)),
  ...(await take(groupId, orders, 35, 20_000)),
]
const ids = taken.map(({ value }) => Number(value))
const users = new Map()
for (const { key, value } of taken) {
  users.set(String(key), [...(users.get(String(key)) ?? []), Number(value)])
}

const once = { idempotent: true, maxInFlightRequests: 1 }
const paying = kafka.producer({ transactionalId: `invoices-${run}`, ...once })
await paying.connect()
const transaction = await paying.transaction()
const invoice = (word, count) =>
  Array.from({ length: count }, (_, n) => ({ value: `${word} ${n}` }))
await transaction.send({ topic: invoices, messages: invoice('invoice', 10) })
const ends = await admin.fetchTopicOffsets(orders)
await transaction.sendOffsets({
  consumerGroupId: groupId,
  topics: [
    { topic: orders, partitions: ends.map(({ partition, high }) => ({ partition, offset: high })) },
  ],
})
await transaction.commit()
const draft = await paying.transaction()
await draft.send({ topic: invoices, messages: invoice('draft', 5) })
await draft.abort()
await paying.disconnect()

const seen = (await take(`reader-${run}`, invoices, 11, 4000)).map(({ value }) => String(value))
const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [orders] })
await admin.disconnect()
console.log(
  JSON.stringify({
    confirmed: answers.every(({ errorCode }) => errorCode === 0) ? 60 : 0,
    payment: {
      taken: new Set(ids).size,
      twice: ids.length - new Set(ids).size,
      in_order: [...users.values()].every(all =>
        all.every((id, at) => at === 0 || id > all[at - 1]),
      ),
      with_header: taken.filter(({ headers }) => String(headers['event-type']) === 'ORDER_CREATED')
        .length,
    },
    invoices: seen.length,
    drafts: seen.filter(value => value.startsWith('draft')).length,
    places: partitions.reduce((sum, { offset }) => sum + Number(offset), 0),
  }),
)
