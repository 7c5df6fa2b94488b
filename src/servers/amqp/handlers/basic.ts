/**
 * basic.*: qos, consume, cancel, get, reject, nack, recover. What is hot is elsewhere: publishing
 * in `publish.ts`, deliveries and acknowledgements in the session.
 *
 * Refuses: prefetch_size (540), requeue=false of recover (540), exclusive consumers where others
 * are (403), basic.get from a stream (540).
 */

import type { LogInfo } from '../../../engine/model.ts'
import { writeGetOk } from '../../../wire/amqp/content.ts'
import { type FieldTable, fieldOf } from '../../../wire/amqp/field-table.ts'
import {
  type BasicCancel,
  BasicCancelOk,
  type BasicConsume,
  BasicConsumeOk,
  type BasicGet,
  BasicGetEmpty,
  type BasicNack,
  type BasicQos,
  BasicQosOk,
  type BasicRecover,
  BasicRecoverOk,
  type BasicReject,
} from '../../../wire/amqp/methods.ts'
import { Consumer, Refused, settlements } from '../consumer.ts'
import { fail, named, refuse } from '../errors.ts'
import { limits } from '../limits.ts'
import { integerOf, queueDefinitionOf } from '../mapping.ts'
import { randomToken, replyPrefix, replyQueue, shortStringBytes } from '../names.ts'
import { exchangeOf, propertiesOf, routingKeyOf, shown, typeOf } from '../outgoing.ts'
import { kindOf, mergeArguments } from '../policies.ts'
import { checkConsumeArguments } from '../queue-arguments.ts'
import type { Channel } from '../session.ts'
import { streamFilterOf, streamFromOf } from '../stream-arguments.ts'
import { checkStreamConsume, StreamConsumer } from '../stream-consumer.ts'
import { queueNamed } from './queue.ts'

/** Without `global` for the consumers to come, with it for the channel at once. */
export function qos(channel: Channel, request: BasicQos): void {
  const { prefetchSize, prefetchCount } = request
  if (prefetchSize !== 0) fail(540, `prefetch_size!=0 (${prefetchSize})`)
  if (request.global && channel.host.broker.profile.globalQos) {
    channel.prefetchGlobal = prefetchCount
  } else {
    // RabbitMQ lifts the channel's limit here, too.
    channel.prefetch = prefetchCount
    channel.prefetchGlobal = 0
  }
  channel.refreshConsumers()
  channel.send(BasicQosOk, {})
}

/** Engine: subscribe. The answer is written before the first delivery. */
export function consume(channel: Channel, request: BasicConsume): void {
  const { broker, vhost } = channel.host
  const given = request.consumerTag
  if (channel.consumers.has(given) || channel.reply?.tag === given) {
    fail(530, `attempt to reuse consumer tag '${given}'`)
  }
  if (channel.consumers.size >= limits.consumersMax) {
    fail(530, `reached maximum (${limits.consumersMax}) of consumers per channel`)
  }
  const tag = given === '' ? `amq.ctag-${randomToken(broker.options.random)}` : given
  if (request.queue === replyQueue) {
    consumeReplies(channel, tag, request.noAck)
  } else {
    const queue = queueNamed(channel, request.queue)
    channel.host.grants.check('read', 'queue', queue)
    const info = broker.queueFor(channel.host, vhost, queue, { touch: true })
    const type = typeOf(info)
    const quorum = type === 'quorum'
    if (type !== 'classic' && channel.prefetchGlobal > 0) {
      fail(540, `${named('queue', queue, vhost)} does not support global qos`)
    }
    if (request.exclusive && info.config.queue?.singleActive === true) {
      fail(403, `${named('queue', queue, vhost)} in exclusive use`)
    }
    const priority = checkConsumeArguments(queue, vhost, type, request.arguments)
    if (type === 'stream') {
      readStream(channel, info, queue, { ...request, consumerTag: tag })
    } else
      subscribe(channel, info.name, queue, {
        tag,
        noAck: request.noAck,
        exclusive: request.exclusive,
        priority,
        prefetch: channel.prefetch,
        quorum,
        timeoutMs: timeoutOf(channel, info, queue, request.arguments),
      })
  }
  if (!request.noWait) channel.send(BasicConsumeOk, { consumerTag: tag })
}

/** A consumer's own limit (since 4.3), or that of its queue, by argument or by policy. */
function timeoutOf(
  { host }: Channel,
  info: LogInfo,
  queue: string,
  own: FieldTable,
): number | undefined {
  const { broker, vhost } = host
  const definition = queueDefinitionOf(info.config, vhost)
  const policy = broker.policies.effective(vhost, queue, kindOf(definition))
  const merged = mergeArguments(definition.arguments, policy)
  const ofConsumer = broker.profile.consumerTimeouts ? integerOf(own, timeoutKey) : undefined
  return ofConsumer ?? integerOf(merged, timeoutKey)
}

const timeoutKey = 'x-consumer-timeout'

/** Engine: watch and read; the first delivery comes in a later turn. */
function readStream(channel: Channel, info: LogInfo, queue: string, request: BasicConsume): void {
  const { host, prefetch } = channel
  const { vhost, broker } = host
  const what = named('queue', queue, vhost)
  const { exclusive, arguments: table } = request
  checkStreamConsume(what, request, { prefetch })
  const first = broker.streamReaders.first(info.name)
  if (first !== undefined && (exclusive || first.exclusive)) refuse('exclusive', what)
  const single = fieldOf(queueDefinitionOf(info.config, vhost).arguments, singleActive)
  const reader = new StreamConsumer(channel, info.name, {
    tag: request.consumerTag,
    prefetch,
    exclusive,
    from: streamFromOf(queue, vhost, table),
    filter: streamFilterOf(table),
    singleActive: single?.type === 't' && single.value,
  })
  channel.consumers.set(reader.tag, reader)
  reader.begin(info)
}

const singleActive = 'x-single-active-consumer'

function subscribe(
  channel: Channel,
  log: string,
  queue: string,
  options: ConstructorParameters<typeof Consumer>[3],
): void {
  const consumer = new Consumer(channel, log, channel.nextHolder(), options)
  channel.consumers.set(options.tag, consumer)
  try {
    consumer.begin()
  } catch (error) {
    channel.consumers.delete(options.tag)
    if (!(error instanceof Refused)) throw error
    const what = named('queue', queue, channel.host.vhost)
    // Who wants it exclusively finds it in use, who finds it exclusive finds just that.
    refuse(error.error === 'in-use' ? 'exclusive' : error.error, what, error.detail)
  }
}

/** The consumer of `amq.rabbitmq.reply-to`: one for each channel, and it acknowledges nothing. */
function consumeReplies(channel: Channel, tag: string, noAck: boolean): void {
  const { broker } = channel.host
  if (!noAck) fail(406, 'reply consumer cannot acknowledge')
  if (channel.reply !== undefined) fail(406, 'reply consumer already set')
  const queue = replyPrefix + randomToken(broker.options.random)
  channel.reply = { queue, tag, tagBytes: shortStringBytes(tag) }
  broker.replies.set(queue, channel)
}

/** An unknown tag is cancelled already. Engine: the subscription's cancel; leases stay. */
export function cancel(channel: Channel, request: BasicCancel): void {
  const { consumerTag } = request
  if (channel.reply?.tag === consumerTag) channel.endReply()
  const consumer = channel.consumers.get(consumerTag)
  channel.consumers.delete(consumerTag)
  consumer?.end()
  if (!request.noWait) channel.send(BasicCancelOk, { consumerTag })
}

/** The client has understood our basic.cancel. */
export function cancelOk(): void {}

/** One message, without regard to prefetch. Engine: lease. */
export function get(channel: Channel, request: BasicGet): void {
  const { host } = channel
  const { broker, vhost } = host
  const queue = queueNamed(channel, request.queue)
  host.grants.check('read', 'queue', queue)
  const info = broker.queueFor(host, vhost, queue, { touch: true })
  const type = typeOf(info)
  const quorum = type === 'quorum'
  const what = named('queue', queue, vhost)
  if (type === 'stream') fail(540, `basic.get not supported by stream queues ${what}`)
  if (quorum && info.config.queue?.singleActive === true) {
    const how = 'basic.get operations are not supported by <<"quorum">> queues with'
    fail(405, `cannot obtain access to locked ${what}. ${how} single active consumer`)
  }
  broker.serve(info)
  const holder = channel.getter(info.name)
  const outcome = broker.engine.lease(holder.target, {
    holder: holder.holder,
    countMax: 1,
    settled: request.noAck,
  })
  if (!outcome.ok) refuse(outcome.error, what, outcome.detail)
  const delivery = outcome.value[0]
  if (delivery === undefined) {
    channel.send(BasicGetEmpty, {})
    return
  }
  const { attempts } = delivery
  const record = shown(delivery.record, host, info.name)
  const { unacked } = channel
  const exchange = exchangeOf(record, host)
  const routingKey = routingKeyOf(record, host)
  const properties = propertiesOf(record, host, quorum ? attempts - 1 : 0)
  writeGetOk(
    host.outbox.writer,
    channel.number,
    request.noAck ? unacked.skip() : unacked.add(delivery.record.position, holder),
    attempts > 1,
    exchange,
    routingKey,
    broker.engine.log(info.name)?.ready ?? 0,
    properties,
    record.body,
    host.frameMax,
  )
  host.delivered()
  if (broker.firehose.traces(vhost)) {
    const passing = { exchange, routingKey, properties, body: record.body }
    broker.firehose.delivered(channel, passing, info.name, attempts > 1)
  }
}

export function reject(channel: Channel, request: BasicReject): void {
  const settlement = request.requeue ? settlements.failed : settlements.reject
  channel.settle(request.deliveryTag, false, settlement)
}

export function nack(channel: Channel, request: BasicNack): void {
  const settlement = request.requeue ? settlements.return : settlements.reject
  channel.settle(request.deliveryTag, request.multiple, settlement)
}

export function recover(channel: Channel, request: BasicRecover): void {
  recoverAsync(channel, request)
  channel.send(BasicRecoverOk, {})
}

/** Everything that is not acknowledged goes back, and comes again. */
export function recoverAsync(channel: Channel, request: BasicRecover): void {
  if (!request.requeue) fail(540, 'requeue=false')
  channel.returnAll(settlements.return)
}
