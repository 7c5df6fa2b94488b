/** What the broker says when it says no: programs match on these texts. */

import assert from 'node:assert/strict'
import amqp, { type Channel } from 'amqplib'
import { RawClient } from '../../harness/raw-client.ts'
import { type ConformanceCase, consume, errorOf, onChannel, unique, withChannel } from './case.ts'

/** A case in which the broker closes the channel. */
function channelError(
  name: string,
  code: number,
  text: RegExp,
  action: (channel: Channel, url: string) => unknown,
): ConformanceCase {
  return onChannel(name, async (channel, _, url) => {
    const error = await errorOf(channel, () => action(channel, url))
    assert.equal(error.code, code)
    assert.match(error.message, text)
  })
}

export const errorCases: ConformanceCase[] = [
  channelError(
    'a passive declare of a missing queue is NOT_FOUND',
    404,
    /NOT_FOUND - no queue 'missing' in vhost '\/'/,
    channel => channel.checkQueue('missing'),
  ),
  channelError(
    'consuming from a missing queue is NOT_FOUND',
    404,
    /NOT_FOUND - no queue 'missing' in vhost '\/'/,
    channel => channel.consume('missing', () => {}),
  ),
  channelError(
    'a second declare with another durability is refused with both values',
    406,
    /PRECONDITION_FAILED - inequivalent arg 'durable' for queue '.+' in vhost '\/': received 'false' but current is 'true'/,
    async channel => {
      const { queue } = await channel.assertQueue(unique('unequal'), { durable: true })
      await channel.assertQueue(queue, { durable: false })
    },
  ),
  channelError(
    'a second declare with another argument is refused with value and type',
    406,
    /inequivalent arg 'x-max-priority' for queue '.+' in vhost '\/': received the value '10' of type 'signedint' but current is none/,
    async channel => {
      const { queue } = await channel.assertQueue(unique('unequal'))
      const args = { 'x-max-priority': { '!': 'int32', value: 10 } }
      await channel.assertQueue(queue, { arguments: args })
    },
  ),
  channelError(
    'a second declare of an exchange with another type is refused with both',
    406,
    /inequivalent arg 'type' for exchange '.+' in vhost '\/': received 'fanout' but current is 'direct'/,
    async channel => {
      const exchange = unique('unequal')
      await channel.assertExchange(exchange, 'direct')
      await channel.assertExchange(exchange, 'fanout')
    },
  ),
  channelError(
    "another connection's exclusive queue is RESOURCE_LOCKED",
    405,
    /RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '.+' in vhost '\/'\. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration\./,
    async (channel, url) => {
      const { queue } = await channel.assertQueue(unique('mine'), { exclusive: true })
      const error = await withChannel(url, other =>
        errorOf(other, () => other.assertQueue(queue, { exclusive: true })),
      )
      channel.emit('error', error)
    },
  ),
  channelError(
    'names that begin with amq. are reserved',
    403,
    /ACCESS_REFUSED - exchange name 'amq\.mine' contains reserved prefix 'amq\.\*'/,
    channel => channel.assertExchange('amq.mine', 'direct'),
  ),
  channelError(
    'the default exchange takes no bindings',
    403,
    /ACCESS_REFUSED - operation not permitted on the default exchange/,
    async channel => {
      const { queue } = await channel.assertQueue(unique('bound'))
      await channel.bindQueue(queue, '', 'k')
    },
  ),
  channelError(
    'an exclusive consumer keeps others away',
    403,
    /ACCESS_REFUSED - queue '.+' in vhost '\/' in exclusive use/,
    async channel => {
      const { queue } = await channel.assertQueue(unique('sole'))
      await consume(channel, queue, { exclusive: true })
      await consume(channel, queue)
    },
  ),
  channelError(
    'an ack of an unknown delivery is PRECONDITION_FAILED',
    406,
    /PRECONDITION_FAILED - unknown delivery tag 7/,
    channel => channel.ack({ fields: { deliveryTag: 7 } } as never),
  ),
  channelError(
    'a queue in use is not deleted if-unused',
    406,
    /PRECONDITION_FAILED - queue '.+' in vhost '\/' in use/,
    async channel => {
      const { queue } = await channel.assertQueue(unique('used'))
      await consume(channel, queue)
      await channel.deleteQueue(queue, { ifUnused: true })
    },
  ),
  channelError(
    'a queue with messages is not deleted if-empty',
    406,
    /PRECONDITION_FAILED - queue '.+' in vhost '\/' not empty/,
    async channel => {
      const { queue } = await channel.assertQueue(unique('filled'))
      channel.sendToQueue(queue, Buffer.from('x'))
      await channel.deleteQueue(queue, { ifEmpty: true })
    },
  ),
  channelError(
    'a negative time to live is refused with its value',
    406,
    /PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue '.+' in vhost '\/': {value_negative,-1}/,
    channel => channel.assertQueue(unique('negative'), { messageTtl: -1 }),
  ),
  channelError(
    "somebody else's name as user-id is refused",
    406,
    /PRECONDITION_FAILED - user_id property set to 'mallory' but authenticated user was 'guest'/,
    channel => channel.publish('', 'any', Buffer.from('x'), { userId: 'mallory' }),
  ),
  onChannel(
    'a consumer tag in use closes the connection with NOT_ALLOWED',
    async (channel, link) => {
      const { queue } = await channel.assertQueue(unique('tags'))
      await consume(channel, queue, { consumerTag: 'mine' })
      const { code, message } = await errorOf(link, () =>
        channel.consume(queue, () => {}, { consumerTag: 'mine' }),
      )
      assert.equal(code, 530)
      assert.match(message, /NOT_ALLOWED - attempt to reuse consumer tag 'mine'/)
    },
  ),
  {
    name: 'a wrong password is refused with the text that points to the log',
    run: async ({ url }) => {
      const wrong = url.replace('amqp://', 'amqp://guest:wrong@')
      await assert.rejects(
        () => amqp.connect(wrong),
        /403 \(ACCESS-REFUSED\) with message "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN\. For details see the broker logfile\."/,
      )
    },
  },
  {
    name: 'a virtual host that does not exist is refused by name',
    run: async ({ running }) => {
      // amqplib does not pass the text on.
      await assert.rejects(
        () => RawClient.open(running, { vhost: 'nowhere' }),
        /"replyCode":530,"replyText":"NOT_ALLOWED - vhost nowhere not found"/,
      )
    },
  },
]
