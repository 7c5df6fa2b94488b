/** The same loads through amqplib: what a user's program would see. */

import amqp from 'amqplib'
import { deferred } from '../../tests/harness/wait.ts'
import type { ConsumeLoad, LoadAddress, LoadResult, PublishLoad } from './specification.ts'
import { startStopwatch } from './stopwatch.ts'

function url(address: LoadAddress): string {
  return `amqp://${address.host}:${address.amqpPort}`
}

export async function amqplibPublish(load: PublishLoad): Promise<LoadResult> {
  const body = Buffer.alloc(load.bodyBytes, 'x')
  const share = Math.floor(load.messages / load.queues.length)
  const connections = await Promise.all(load.queues.map(() => amqp.connect(url(load.address))))
  const channels = await Promise.all(connections.map(each => each.createConfirmChannel()))
  const stop = startStopwatch()
  await Promise.all(
    channels.map(async (channel, index) => {
      const finished = deferred<void>()
      let sent = 0
      let confirmed = 0
      const pump = (): void => {
        while (sent < share && sent - confirmed < load.window) {
          sent++
          channel.publish('', load.queues[index] ?? '', body, { persistent: true }, onConfirm)
        }
      }
      const onConfirm = (error: unknown): void => {
        confirmed++
        if (error) finished.reject(new Error('the broker refused a message'))
        else if (confirmed === share) finished.resolve()
        else pump()
      }
      pump()
      await finished.promise
    }),
  )
  const result = stop(share * load.queues.length)
  await Promise.all(connections.map(connection => connection.close()))
  return result
}

export async function amqplibConsume(load: ConsumeLoad): Promise<LoadResult> {
  const share = Math.floor(load.messages / load.queues.length)
  const connections = await Promise.all(load.queues.map(() => amqp.connect(url(load.address))))
  const channels = await Promise.all(connections.map(each => each.createChannel()))
  const stop = startStopwatch()
  await Promise.all(
    channels.map(async (channel, index) => {
      const queue = load.queues[index] ?? ''
      const finished = deferred<void>()
      let settled = 0
      await channel.prefetch(load.prefetch)
      await channel.consume(queue, message => {
        if (message === null) return
        channel.ack(message)
        settled++
        if (settled === share) finished.resolve()
      })
      await finished.promise
      await channel.checkQueue(queue)
    }),
  )
  const result = stop(share * load.queues.length)
  await Promise.all(connections.map(connection => connection.close()))
  return result
}
