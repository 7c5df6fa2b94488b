/**
 * `@platformatic/kafka` alone. Its producer is not safe with several sends to one partition under
 * way, so what is under way goes as one batch, as the driver does it. Its consumer commits the last
 * message of what it was handed, once for each 64 messages, which is what 64 handlers at a time
 * allow.
 */

import { Admin, Consumer, MessagesStreamModes, Producer } from '@platformatic/kafka'
import { type Body, concurrency, type Side } from './client.ts'

interface Waiting {
  readonly value: Buffer
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const acksAll = -1
const partitions = 4

export async function openBareKafka(url: string, queue: string): Promise<Side> {
  const clientId = 'bench'
  const bootstrapBrokers = [new URL(url).host]
  const admin = new Admin({ clientId, bootstrapBrokers })
  await admin.createTopics({ topics: [queue], partitions, replicas: 1 })
  const producer = new Producer({ clientId, bootstrapBrokers, idempotent: true })
  const waiting: Waiting[] = []
  let isSending = false
  const pump = async (): Promise<void> => {
    isSending = true
    await Promise.resolve()
    while (waiting.length > 0) {
      const batch = waiting.splice(0)
      const messages = batch.map(({ value }) => ({ topic: queue, value }))
      try {
        await producer.send({ messages, acks: acksAll })
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isSending = false
  }
  return {
    send: body =>
      new Promise<void>((resolve, reject) => {
        waiting.push({ value: Buffer.from(JSON.stringify(body)), resolve, reject })
        if (!isSending) void pump()
      }),
    consume: count => consumeBare({ clientId, bootstrapBrokers, groupId: queue }, queue, count),
    close: async () => {
      await producer.close()
      await admin.deleteTopics({ topics: [queue] })
      await admin.close()
    },
  }
}

async function consumeBare(
  options: { clientId: string; bootstrapBrokers: string[]; groupId: string },
  topic: string,
  count: number,
): Promise<void> {
  const consumer = new Consumer({ ...options, maxWaitTime: 100, autocommit: false })
  const mode = MessagesStreamModes.COMMITTED
  const stream = await consumer.consume({ topics: [topic], mode, fallbackMode: 'earliest' })
  const last = new Map<number, { commit(): unknown }>()
  let handled = 0
  for await (const message of stream) {
    if ((JSON.parse(message.value.toString()) as Body).n === undefined) throw new Error('no body')
    last.set(message.partition, message)
    if (++handled % concurrency !== 0 && handled !== count) continue
    for (const each of last.values()) await each.commit()
    last.clear()
    if (handled === count) break
  }
  await stream.close()
  await consumer.close(true)
}
