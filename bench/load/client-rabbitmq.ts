/** RabbitMQ's npm client alone, as its own documentation uses it. */

import { Connection } from 'rabbitmq-client'
import { type Body, concurrency, type Side, windowCount } from './client.ts'

export async function openBareRabbitmq(url: string, queue: string): Promise<Side> {
  const connection = new Connection({ url, noDelay: true })
  const queueOptions = { durable: true, arguments: { 'x-queue-type': 'quorum' as const } }
  await connection.queueDeclare({ queue, ...queueOptions })
  const publisher = connection.createPublisher({ confirm: true })
  return {
    send: body => publisher.send({ routingKey: queue, durable: true, mandatory: true }, body),
    consume: async count => {
      let handled = 0
      let enough = (): void => {}
      const done = new Promise<void>(resolve => {
        enough = resolve
      })
      const qos = { prefetchCount: windowCount }
      const options = { queue, queueOptions, qos, concurrency }
      const consumer = connection.createConsumer(options, async message => {
        if ((message.body as Body).n === undefined) throw new Error('no body')
        if (++handled === count) enough()
      })
      await done
      await consumer.close()
    },
    close: async () => {
      await publisher.close()
      await connection.queueDelete({ queue })
      await connection.close()
    },
  }
}
