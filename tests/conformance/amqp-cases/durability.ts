/** What is there after the process was killed. */

import assert from 'node:assert/strict'
import { cut } from '../../harness/cut.ts'
import { type ConformanceCase, consume, errorOf, getAll, unique, withChannel } from './case.ts'

export const durabilityCases: ConformanceCase[] = [
  {
    name: 'what was confirmed is there after kill -9 and a restart, with queue, exchange and binding',
    run: async broker => {
      const [queue, exchange] = [unique('durable'), unique('exchange')]
      await withChannel(broker.url, async (_, connection) => {
        const channel = await connection.createConfirmChannel()
        await channel.assertExchange(exchange, 'topic', { durable: true })
        await channel.assertQueue(queue, { durable: true, arguments: { 'x-max-priority': 4 } })
        await channel.bindQueue(queue, exchange, 'a.#')
        const properties = { persistent: true, headers: { n: 1, s: 'two' }, messageId: 'm' }
        channel.publish(exchange, 'a.b', Buffer.from('kept'), properties)
        await channel.waitForConfirms()
        await broker.killAndRestart()
      })
      await withChannel(broker.url, async channel => {
        const message = await channel.get(queue, { noAck: true })
        assert.ok(message)
        assert.equal(message.content.toString(), 'kept')
        assert.equal(message.properties.messageId, 'm')
        assert.deepEqual(message.properties.headers, { n: 1, s: 'two' })
        channel.publish(exchange, 'a.c', Buffer.from('routed'))
        await channel.checkExchange(exchange)
        assert.deepEqual(await getAll(channel, queue), ['routed'])
      })
    },
  },
  {
    name: 'a queue that is not durable is gone after a restart',
    run: async broker => {
      const queue = unique('transient')
      await withChannel(broker.url, async channel => {
        await channel.assertQueue(queue, { durable: false, exclusive: false })
        await broker.killAndRestart()
      })
      await withChannel(broker.url, async channel => {
        const { message } = await errorOf(channel, () => channel.checkQueue(queue))
        assert.match(message, /NOT_FOUND - no queue 'transient-/)
      })
    },
  },
  {
    name: 'what a consumer held unacknowledged is delivered again after kill -9 and a restart',
    run: async broker => {
      const queue = unique('held')
      await withChannel(broker.url, async (_, connection) => {
        const channel = await connection.createConfirmChannel()
        await channel.assertQueue(queue, { durable: true })
        channel.sendToQueue(queue, Buffer.from('held'), { persistent: true })
        await channel.waitForConfirms()
        const inbox = await consume(channel, queue)
        assert.equal(await inbox.text(), 'held')
        await broker.killAndRestart()
      })
      await withChannel(broker.url, async channel => {
        assert.deepEqual(await getAll(channel, queue), ['held'])
      })
    },
  },
  {
    name: 'a message of a consumer that died before its ack goes to another one, marked redelivered',
    run: async ({ url }) => {
      const queue = unique('died')
      await withChannel(url, async channel => {
        await channel.assertQueue(queue, { durable: true })
        channel.sendToQueue(queue, Buffer.from('once'))
        await withChannel(url, async (doomed, connection) => {
          const inbox = await consume(doomed, queue)
          assert.equal((await inbox.take())?.fields.redelivered, false)
          await cut(connection)
        })
        const inbox = await consume(channel, queue)
        const message = await inbox.take()
        assert.equal(message?.content.toString(), 'once')
        assert.equal(message?.fields.redelivered, true)
        channel.ack(message!)
        await channel.checkQueue(queue)
      })
    },
  },
]
