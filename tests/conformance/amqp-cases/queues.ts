/** Dead letters, time to live, limits, priorities, lives and deaths of queues. */

import assert from 'node:assert/strict'
import { eventually } from '../../harness/wait.ts'
import {
  type ConformanceCase,
  consume,
  getAll,
  onChannel,
  send,
  unique,
  withChannel,
} from './case.ts'

interface Death {
  readonly queue: string
  readonly reason: string
  readonly count: number
  readonly exchange: string
  readonly 'routing-keys': readonly string[]
}

export const queueCases: ConformanceCase[] = [
  onChannel(
    'a rejected message ends in the dead-letter queue, with the story in x-death',
    async channel => {
      const { queue: dead } = await channel.assertQueue(unique('dead'))
      const options = { deadLetterExchange: '', deadLetterRoutingKey: dead }
      const { queue } = await channel.assertQueue(unique('work'), options)
      channel.sendToQueue(queue, Buffer.from('bad'), { headers: { mine: 1 } })
      const inbox = await consume(channel, queue)
      channel.nack((await inbox.take())!, false, false)
      const letter = await (await consume(channel, dead, { noAck: true })).take()
      assert.equal(letter?.content.toString(), 'bad')
      const headers = letter!.properties.headers!
      const [death] = headers['x-death'] as unknown as Death[]
      assert.deepEqual(
        [death?.queue, death?.reason, death?.count, death?.exchange, death?.['routing-keys']],
        [queue, 'rejected', 1, '', [queue]],
      )
      assert.equal(headers['mine'], 1)
      assert.equal(headers['x-first-death-queue'], queue)
      assert.equal(headers['x-first-death-reason'], 'rejected')
    },
  ),
  onChannel('a message older than the queue allows is dead-lettered as expired', async channel => {
    const { queue: dead } = await channel.assertQueue(unique('dead'))
    const options = { deadLetterExchange: '', deadLetterRoutingKey: dead, messageTtl: 30 }
    const { queue } = await channel.assertQueue(unique('short'), options)
    await send(channel, queue, 'late')
    const letter = await (await consume(channel, dead, { noAck: true })).take()
    const [death] = letter!.properties.headers!['x-death'] as unknown as Death[]
    assert.deepEqual([letter?.content.toString(), death?.reason], ['late', 'expired'])
  }),
  onChannel(
    "a message's own expiration counts, and does not go with the dead letter",
    async channel => {
      const { queue: dead } = await channel.assertQueue(unique('dead'))
      const options = { deadLetterExchange: '', deadLetterRoutingKey: dead }
      const { queue } = await channel.assertQueue(unique('own'), options)
      channel.sendToQueue(queue, Buffer.from('late'), { expiration: '20' })
      const letter = await (await consume(channel, dead, { noAck: true })).take()
      assert.equal(letter?.properties.expiration, undefined)
      const [death] = letter!.properties.headers!['x-death'] as unknown as {
        'original-expiration': string
      }[]
      assert.equal(death?.['original-expiration'], '20')
    },
  ),
  onChannel('a queue of limited length drops its oldest message', async channel => {
    const { queue } = await channel.assertQueue(unique('limited'), { maxLength: 2 })
    await send(channel, queue, 'a', 'b', 'c')
    await channel.checkQueue(queue)
    assert.deepEqual(await getAll(channel, queue), ['b', 'c'])
  }),
  onChannel(
    'a priority queue delivers the higher priority first, equals in order',
    async channel => {
      const { queue } = await channel.assertQueue(unique('priority'), { maxPriority: 10 })
      const sent: [string, number][] = [
        ['low', 1],
        ['high-1', 9],
        ['none', 0],
        ['high-2', 9],
      ]
      for (const [text, priority] of sent)
        channel.sendToQueue(queue, Buffer.from(text), { priority })
      assert.deepEqual(await getAll(channel, queue), ['high-1', 'high-2', 'low', 'none'])
    },
  ),
  onChannel('purge and delete say how many messages they removed', async channel => {
    const { queue } = await channel.assertQueue(unique('counted'))
    await send(channel, queue, 'a', 'b')
    assert.equal((await channel.checkQueue(queue)).messageCount, 2)
    assert.equal((await channel.purgeQueue(queue)).messageCount, 2)
    await send(channel, queue, 'c')
    assert.equal((await channel.checkQueue(queue)).messageCount, 1)
    assert.equal((await channel.deleteQueue(queue)).messageCount, 1)
    assert.equal((await channel.deleteQueue(queue)).messageCount, 0)
  }),
  onChannel('the broker names a queue when the client does not', async channel => {
    const { queue } = await channel.assertQueue('', { exclusive: true })
    assert.match(queue, /^amq\.gen-.{22}$/)
    const { consumerTag } = await channel.consume(queue, () => {}, { noAck: true })
    assert.match(consumerTag, /^amq\.ctag-.{22}$/)
  }),
  onChannel('declare counts the ready messages and the consumers', async channel => {
    const { queue } = await channel.assertQueue(unique('counts'))
    await send(channel, queue, 'a', 'b')
    await channel.prefetch(1)
    await (await consume(channel, queue)).take()
    const { messageCount, consumerCount } = await channel.assertQueue(queue)
    assert.deepEqual([messageCount, consumerCount], [1, 1])
  }),
  onChannel('an exclusive queue goes with its connection', async (channel, _, url) => {
    const queue = unique('exclusive')
    await withChannel(url, async owner => {
      await owner.assertQueue(queue, { exclusive: true })
    })
    await channel.assertQueue(queue, { exclusive: true })
  }),
  onChannel('an auto-delete queue goes with its last consumer', async channel => {
    const queue = unique('auto')
    await channel.assertQueue(queue, { autoDelete: true, durable: true })
    const inbox = await consume(channel, queue)
    await send(channel, queue, 'a')
    await inbox.take()
    await channel.cancel(inbox.tag)
    // Declared anew it is another queue, and empty.
    const { messageCount } = await channel.assertQueue(queue, { durable: true })
    assert.equal(messageCount, 0)
  }),
  onChannel('an unused queue goes when its expiry is over', async (channel, _, url) => {
    const queue = unique('expires')
    await channel.assertQueue(queue, { expires: 50 })
    await eventually('the queue is gone', () =>
      withChannel(url, async other => {
        const there = await other.checkQueue(queue).then(
          () => true,
          () => false,
        )
        return !there
      }),
    )
  }),
]
