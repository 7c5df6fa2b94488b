/** The classic first programs, unchanged, in processes of their own. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { repositoryFolder } from '../../harness/broker.ts'
import { type Child, startChild } from '../../harness/process.ts'
import { deferred, within } from '../../harness/wait.ts'
import { type ConformanceCase, send, withChannel } from './case.ts'

function startProgram(name: string, url: string): Child {
  const file = join(repositoryFolder(), 'examples/classic', name)
  return startChild(process.execPath, [file], { env: { ...process.env, AMQP_URL: url } })
}

async function printed(program: Child, pattern: RegExp): Promise<void> {
  const seen = deferred<void>()
  const look = (): void => {
    if (pattern.test(program.output())) seen.resolve()
  }
  program.process.stdout?.on('data', look)
  program.process.stderr?.on('data', look)
  void program.exited.then(how => seen.reject(new Error(`${how}: ${program.output()}`)))
  look()
  await within(`a program to print ${pattern}`, seen.promise)
}

async function emptyOrders(url: string): Promise<void> {
  await withChannel(url, channel => channel.deleteQueue('orders'))
}

export const programCases: ConformanceCase[] = [
  {
    name: 'the classic producer sends an order, and the classic consumer processes and settles it',
    run: async ({ url }) => {
      await emptyOrders(url)
      const producer = startProgram('rabbitmq-producer.mjs', url)
      assert.equal(await producer.exited, 'code 0', producer.output())
      const consumer = startProgram('rabbitmq-consumer.mjs', url)
      await printed(consumer, /processed \d+/)
      await printed(consumer, /waiting for orders/)
      assert.equal(await consumer.kill('SIGINT'), 'code 0', consumer.output())
      await withChannel(url, async channel => {
        assert.equal((await channel.checkQueue('orders')).messageCount, 0)
      })
    },
  },
  {
    name: 'an order that the classic consumer gives back comes again, and stays when it leaves',
    run: async ({ url }) => {
      await emptyOrders(url)
      await withChannel(url, async channel => {
        await channel.assertQueue('orders', { durable: true })
        await send(channel, 'orders', '{}')
      })
      const consumer = startProgram('rabbitmq-consumer.mjs', url)
      await printed(consumer, /failed[\s\S]*failed/)
      await consumer.kill('SIGKILL')
      await withChannel(url, async channel => {
        const { messageCount } = await channel.deleteQueue('orders')
        assert.ok(messageCount <= 1)
      })
    },
  },
  {
    name: 'a payment that the classic dead-letter program refuses is printed from the dead-letter queue',
    run: async ({ url }) => {
      const program = startProgram('rabbitmq-dead-letter.mjs', url)
      await printed(program, /waiting for payments/)
      await withChannel(url, async channel => await send(channel, 'payments', '{"amount":0}'))
      await printed(program, /dead letter {"amount":0} rejected from payments/)
      assert.equal(await program.kill('SIGINT'), 'code 0', program.output())
    },
  },
]
