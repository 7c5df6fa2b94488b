/** A decent client that publishes and consumes all the time, and must not notice the attacks. */

import amqp from 'amqplib'
import { deferred, within } from '../harness/wait.ts'

export interface Bystander {
  /** Resolves after `rounds` more messages were published, confirmed, delivered and settled. */
  progress(rounds: number): Promise<void>
  readonly rounds: number
  stop(): Promise<void>
}

export async function startBystander(url: string): Promise<Bystander> {
  const connection = await amqp.connect(url)
  const channel = await connection.createConfirmChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true })
  let rounds = 0
  let goal = 0
  let stopped = false
  let reached = deferred<void>()
  const fail = (error?: Error): void => {
    reached.reject(new Error(`the bystander lost its connection: ${error?.message}`))
  }
  // Failing while nobody asks is reported when somebody does.
  reached.promise.catch(() => {})
  connection.on('error', fail)
  connection.on('close', fail)
  const publish = (): void => {
    if (stopped) return
    channel.sendToQueue(queue, Buffer.from('still here'), { persistent: true })
  }
  await channel.consume(queue, message => {
    if (message === null) return fail(new Error('its consumer was cancelled'))
    channel.ack(message)
    if (++rounds >= goal) reached.resolve()
    setImmediate(publish)
  })
  publish()
  return {
    get rounds() {
      return rounds
    },
    progress: count => {
      goal = rounds + count
      const next = deferred<void>()
      const before = reached
      reached = next
      before.promise.catch(error => next.reject(error))
      return within(`${count} rounds of the bystander`, next.promise, 60_000)
    },
    stop: async () => {
      stopped = true
      connection.off('close', fail)
      await connection.close()
    },
  }
}
