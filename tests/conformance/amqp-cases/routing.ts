/** From an exchange to queues. */

import assert from 'node:assert/strict'
import type { Channel } from 'amqplib'
import { type ConformanceCase, getAll, onChannel, unique } from './case.ts'

async function boundQueue(
  channel: Channel,
  exchange: string,
  key: string,
  args?: object,
): Promise<string> {
  const { queue } = await channel.assertQueue('', { exclusive: true })
  await channel.bindQueue(queue, exchange, key, args)
  return queue
}

export const routingCases: ConformanceCase[] = [
  onChannel('a direct exchange routes by the whole key, a fanout to all', async channel => {
    const [direct, fanout] = [unique('direct'), unique('fanout')]
    await channel.assertExchange(direct, 'direct')
    await channel.assertExchange(fanout, 'fanout')
    const red = await boundQueue(channel, direct, 'red')
    await channel.bindQueue(red, fanout, 'ignored')
    const blue = await boundQueue(channel, direct, 'blue')
    await channel.bindQueue(blue, fanout, '')
    channel.publish(direct, 'red', Buffer.from('r'))
    channel.publish(direct, 'green', Buffer.from('g'))
    channel.publish(fanout, 'any', Buffer.from('all'))
    assert.deepEqual(await getAll(channel, red), ['r', 'all'])
    assert.deepEqual(await getAll(channel, blue), ['all'])
  }),
  onChannel('a topic exchange knows * for one word and # for any number', async channel => {
    const exchange = unique('topic')
    await channel.assertExchange(exchange, 'topic')
    const patterns = ['order.*', 'order.#', '#.eu', '#', '*.*.eu', 'order.*.#']
    const keys = ['order', 'order.new', 'order.new.eu', 'eu', 'order.', '']
    const expected = [
      ['order.new', 'order.'],
      ['order', 'order.new', 'order.new.eu', 'order.'],
      ['order.new.eu', 'eu'],
      keys,
      ['order.new.eu'],
      ['order.new', 'order.new.eu', 'order.'],
    ]
    const queues = []
    for (const pattern of patterns) queues.push(await boundQueue(channel, exchange, pattern))
    for (const key of keys) channel.publish(exchange, key, Buffer.from(key))
    for (const [index, queue] of queues.entries()) {
      assert.deepEqual(await getAll(channel, queue), expected[index], patterns[index])
    }
  }),
  onChannel('a headers exchange matches all or any of the headers', async channel => {
    const exchange = unique('headers')
    await channel.assertExchange(exchange, 'headers')
    const args = { kind: 'pdf', pages: 2 }
    const all = await boundQueue(channel, exchange, '', { 'x-match': 'all', ...args })
    const any = await boundQueue(channel, exchange, '', { 'x-match': 'any', ...args })
    const publish = (text: string, headers: object): boolean =>
      channel.publish(exchange, '', Buffer.from(text), { headers })
    publish('both', { kind: 'pdf', pages: 2, more: 1 })
    publish('one', { kind: 'pdf', pages: 3 })
    publish('none', { kind: 'zip' })
    assert.deepEqual(await getAll(channel, all), ['both'])
    assert.deepEqual(await getAll(channel, any), ['both', 'one'])
  }),
  onChannel(
    'exchanges are bound to exchanges, in circles too, and a queue gets it once',
    async channel => {
      const [first, second] = [unique('first'), unique('second')]
      await channel.assertExchange(first, 'fanout')
      await channel.assertExchange(second, 'fanout')
      await channel.bindExchange(second, first, '')
      await channel.bindExchange(first, second, '')
      const queue = await boundQueue(channel, second, '')
      await channel.bindQueue(queue, first, '')
      channel.publish(first, '', Buffer.from('once'))
      assert.deepEqual(await getAll(channel, queue), ['once'])
      await channel.unbindExchange(second, first, '')
      await channel.unbindQueue(queue, first, '')
      channel.publish(first, '', Buffer.from('lost'))
      assert.deepEqual(await getAll(channel, queue), [])
    },
  ),
  onChannel('what an exchange cannot route goes to its alternate', async channel => {
    const [main, other] = [unique('main'), unique('other')]
    await channel.assertExchange(other, 'fanout')
    await channel.assertExchange(main, 'direct', { alternateExchange: other })
    const queue = await boundQueue(channel, other, '')
    channel.publish(main, 'nobody', Buffer.from('stray'))
    assert.deepEqual(await getAll(channel, queue), ['stray'])
  }),
  onChannel('CC and BCC add routing keys, and BCC is not shown', async channel => {
    const names = [unique('to'), unique('cc'), unique('bcc')]
    for (const name of names) await channel.assertQueue(name)
    const [to = '', cc = '', bcc = ''] = names
    channel.sendToQueue(to, Buffer.from('x'), { CC: [cc], BCC: [bcc] })
    for (const name of names) {
      const message = await channel.get(name, { noAck: true })
      assert.ok(message, name)
      assert.deepEqual(message.properties.headers?.['CC'], [cc])
      assert.equal(message.properties.headers?.['BCC'], undefined)
    }
  }),
]
