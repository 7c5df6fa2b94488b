/** Acknowledging, prefetch, order, confirms. */

import assert from 'node:assert/strict'
import type { Message } from 'amqplib'
import { deferred, within } from '../../harness/wait.ts'
import {
  type ConformanceCase,
  consume,
  errorOf,
  getAll,
  onChannel,
  send,
  unique,
  withChannel,
} from './case.ts'

export const deliveryCases: ConformanceCase[] = [
  onChannel('prefetch holds deliveries back until one is acknowledged', async channel => {
    const { queue } = await channel.assertQueue(unique('prefetch'))
    await send(channel, queue, 'a', 'b', 'c', 'd')
    await channel.prefetch(2)
    const inbox = await consume(channel, queue)
    const first = await inbox.take()
    await inbox.take()
    // The reply comes after the deliveries that were sent before it.
    assert.equal((await channel.checkQueue(queue)).messageCount, 2)
    assert.equal(inbox.size, 0)
    channel.ack(first!)
    assert.equal(await inbox.text(), 'c')
    assert.equal((await channel.checkQueue(queue)).messageCount, 1)
  }),
  onChannel('one ack with multiple settles all deliveries up to it', async (channel, _, url) => {
    const { queue } = await channel.assertQueue(unique('multiple'))
    await send(channel, queue, 'a', 'b', 'c')
    const inbox = await consume(channel, queue)
    await inbox.take()
    const second = await inbox.take()
    await inbox.take()
    channel.ack(second!, true)
    await channel.close()
    await withChannel(url, async other => assert.deepEqual(await getAll(other, queue), ['c']))
  }),
  onChannel('a returned message comes back to its place, marked redelivered', async channel => {
    const { queue } = await channel.assertQueue(unique('returned'))
    await send(channel, queue, 'a', 'b', 'c')
    const message = await channel.get(queue)
    assert.ok(message)
    assert.equal(message.fields.messageCount, 2)
    channel.nack(message, false, true)
    const again = await channel.get(queue)
    assert.ok(again)
    assert.deepEqual([again.content.toString(), again.fields.redelivered], ['a', true])
    channel.ack(again)
    assert.deepEqual(await getAll(channel, queue), ['b', 'c'])
  }),
  onChannel('closing a channel gives back what it held, in order', async (channel, link) => {
    const { queue } = await channel.assertQueue(unique('closed'))
    await send(channel, queue, 'a', 'b', 'c')
    const holder = await link.createChannel()
    const inbox = await consume(holder, queue)
    for (let taken = 0; taken < 3; taken++) await inbox.take()
    await holder.close()
    assert.deepEqual(await getAll(channel, queue), ['a', 'b', 'c'])
  }),
  onChannel('recover delivers again what is not acknowledged', async channel => {
    const { queue } = await channel.assertQueue(unique('recovered'))
    await send(channel, queue, 'a')
    const inbox = await consume(channel, queue)
    assert.equal((await inbox.take())?.fields.redelivered, false)
    await channel.recover()
    assert.equal((await inbox.take())?.fields.redelivered, true)
  }),
  onChannel('two consumers with a prefetch of one take turns', async (channel, link) => {
    const { queue } = await channel.assertQueue(unique('turns'))
    const inboxes = []
    for (const _ of [1, 2]) {
      const each = await link.createChannel()
      await each.prefetch(1)
      inboxes.push(await consume(each, queue))
    }
    await send(channel, queue, 'a', 'b')
    const texts = await Promise.all(inboxes.map(inbox => inbox.text()))
    assert.deepEqual(texts.sort(), ['a', 'b'])
  }),
  onChannel('a consumer of a deleted queue is cancelled by the broker', async (channel, link) => {
    const { queue } = await channel.assertQueue(unique('deleted'))
    const inbox = await consume(await link.createChannel(), queue)
    await channel.deleteQueue(queue)
    assert.equal(await inbox.take(), null)
  }),
  onChannel(
    'with single active consumer the second takes over when the first leaves',
    async channel => {
      const { queue } = await channel.assertQueue(unique('single'), {
        arguments: { 'x-single-active-consumer': true },
      })
      const first = await consume(channel, queue, { noAck: true })
      const second = await consume(channel, queue, { noAck: true })
      await send(channel, queue, 'a')
      assert.equal(await first.text(), 'a')
      await channel.cancel(first.tag)
      await send(channel, queue, 'b')
      assert.equal(await second.text(), 'b')
    },
  ),
  onChannel('the consumer with the higher priority is served first', async channel => {
    const { queue } = await channel.assertQueue(unique('ranked'))
    const low = await consume(channel, queue, { noAck: true, priority: 1 })
    const high = await consume(channel, queue, { noAck: true, priority: 10 })
    await send(channel, queue, 'a', 'b')
    assert.deepEqual([await high.text(), await high.text()], ['a', 'b'])
    assert.equal(low.size, 0)
  }),
  onChannel(
    'properties, headers and bodies of any size arrive as they were sent',
    async channel => {
      const { queue } = await channel.assertQueue(unique('faithful'))
      const properties = {
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        deliveryMode: 2,
        priority: 3,
        correlationId: 'c',
        replyTo: 'r',
        messageId: 'm',
        timestamp: 1_700_000_000,
        type: 't',
        userId: 'guest',
        appId: 'a',
        headers: {
          text: 'ü',
          number: -70_000,
          big: 2 ** 40,
          list: [1, 'b', { c: null }],
          yes: true,
        },
      }
      const large = Buffer.alloc(1_000_000, 'large')
      channel.sendToQueue(queue, large, properties)
      channel.sendToQueue(queue, Buffer.alloc(0))
      const message = await channel.get(queue, { noAck: true })
      assert.ok(message)
      assert.ok(message.content.equals(large))
      for (const [name, value] of Object.entries(properties)) {
        assert.deepEqual(message.properties[name as keyof typeof properties], value, name)
      }
      const empty = await channel.get(queue, { noAck: true })
      assert.equal(empty !== false && empty.content.length, 0)
      assert.equal(await channel.get(queue), false)
    },
  ),
  onChannel('a reply goes straight back through amq.rabbitmq.reply-to', async (channel, link) => {
    const { queue } = await channel.assertQueue(unique('requests'))
    const replies = await consume(channel, 'amq.rabbitmq.reply-to', { noAck: true })
    const options = { replyTo: 'amq.rabbitmq.reply-to', correlationId: '7' }
    channel.sendToQueue(queue, Buffer.from('question'), options)
    const server = await link.createChannel()
    const request = await (await consume(server, queue, { noAck: true })).take()
    const { replyTo, correlationId } = request!.properties
    assert.match(replyTo, /^amq\.rabbitmq\.reply-to\../)
    server.sendToQueue(replyTo, Buffer.from('answer'), { correlationId })
    const reply = await replies.take()
    assert.equal(reply?.content.toString(), 'answer')
    assert.equal(reply?.properties.correlationId, '7')
  }),
]

export const confirmCases: ConformanceCase[] = [
  onChannel('every publish on a confirm channel is confirmed', async (_, link) => {
    const channel = await link.createConfirmChannel()
    const { queue } = await channel.assertQueue(unique('confirmed'))
    const texts = Array.from({ length: 500 }, (_, index) => String(index))
    await send(channel, queue, ...texts)
    assert.equal((await channel.checkQueue(queue)).messageCount, 500)
  }),
  onChannel(
    'an unroutable mandatory message is returned before it is confirmed',
    async (_, link) => {
      const channel = await link.createConfirmChannel()
      const seen: string[] = []
      channel.on('return', ({ fields, content }: Message) => {
        const { replyCode, replyText } = fields as unknown as {
          replyCode: number
          replyText: string
        }
        seen.push(`${replyCode} ${replyText} ${content}`)
      })
      channel.publish('', unique('nowhere'), Buffer.from('lost'), { mandatory: true }, () =>
        seen.push('confirmed'),
      )
      await channel.waitForConfirms()
      assert.deepEqual(seen, ['312 NO_ROUTE lost', 'confirmed'])
    },
  ),
  onChannel('a full queue with reject-publish refuses the message with a nack', async (_, link) => {
    const channel = await link.createConfirmChannel()
    const { queue } = await channel.assertQueue(unique('full'), {
      maxLength: 1,
      arguments: { 'x-overflow': 'reject-publish' },
    })
    await send(channel, queue, 'first')
    await channel.waitForConfirms()
    const refused = deferred<unknown>()
    channel.sendToQueue(queue, Buffer.from('second'), {}, error => refused.resolve(error))
    assert.ok(await within('the nack', refused.promise))
    assert.deepEqual(await getAll(channel, queue), ['first'])
  }),
  onChannel(
    'a publish to a missing exchange closes the channel, not the connection',
    async (_, link) => {
      const channel = await link.createConfirmChannel()
      const exchange = unique('missing')
      const { code, message } = await errorOf(channel, () =>
        channel.publish(exchange, 'k', Buffer.from('x')),
      )
      assert.equal(code, 404)
      assert.match(message, new RegExp(`NOT_FOUND - no exchange '${exchange}' in vhost '/'`))
      await (await link.createChannel()).close()
    },
  ),
]
