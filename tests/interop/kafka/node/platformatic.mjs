// The order story with @platformatic/kafka, without the invoices. See ../README.md.
//
// usage: platformatic.mjs HOST:PORT

import {
  Admin,
  Consumer,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'

const run = String(Date.now())
const [orders, groupId] = [`orders-${run}`, `payment-${run}`]
const common = { clientId: 'story', bootstrapBrokers: [process.argv[2]] }

const admin = new Admin(common)
await admin.createTopics({ topics: [orders], partitions: 3, replicas: 1 })
await admin.close()

const producer = new Producer({ ...common, serializers: stringSerializers, idempotent: true })
const { offsets } = await producer.send({
  messages: Array.from({ length: 60 }, (_, number) => ({
    topic: orders,
    key: `user-${number % 6}`,
    value: String(number),
    headers: new Map([['event-type', 'ORDER_CREATED']]),
  })),
  acks: -1,
  compression: 'gzip',
})
await producer.close()

/** Reads until it has so many, commits each, and leaves. */
async function take(count) {
  const consumer = new Consumer({ ...common, groupId, deserializers: stringDeserializers })
  const stream = await consumer.consume({
    topics: [orders],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: false,
    maxWaitTime: 200,
  })
  const taken = []
  for await (const message of stream) {
    taken.push(message)
    await message.commit()
    if (taken.length === count) break
  }
  await consumer.close(true)
  return taken
}

const taken = [...(await take(25)), ...(await take(35))]
const ids = taken.map(({ value }) => Number(value))
const users = new Map()
for (const { key, value } of taken) users.set(key, [...(users.get(key) ?? []), Number(value)])
console.log(
  JSON.stringify({
    confirmed: offsets.length > 0 ? 60 : 0,
    payment: {
      taken: new Set(ids).size,
      twice: ids.length - new Set(ids).size,
      in_order: [...users.values()].every(all =>
        all.every((id, at) => at === 0 || id > all[at - 1]),
      ),
      with_header: taken.filter(({ headers }) => headers.get('event-type') === 'ORDER_CREATED')
        .length,
    },
  }),
)
process.exit(0)
