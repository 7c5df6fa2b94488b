/**
 * basic.publish, when its content is whole: the hottest path of this server.
 *
 * The fast way passes the properties' bytes and the body on as they are, and allocates nothing that
 * depends on the message. CC, BCC, direct replies and transactions take the other one.
 *
 * Supports: mandatory (basic.return goes out before the confirm), CC and BCC, expiration, priority,
 * user-id, direct reply-to. Refuses: immediate (540), internal exchanges (403).
 * Engine: publish.
 */

import { encodeUtf8, noBytes } from '../../../base/bytes.ts'
import type { AttributeValue, PublishOutcome, RecordInput } from '../../../engine/model.ts'
import { formats } from '../../../engine/model.ts'
import { decodeProperties, encodeProperties } from '../../../wire/amqp/content.ts'
import { BasicPublish } from '../../../wire/amqp/methods.ts'
import type { Content } from '../content.ts'
import { isNew } from '../deduplication.ts'
import { AmqpError, named } from '../errors.ts'
import { deduplicationHeader, delayed, delayOf, idIn, numberIn } from '../exchange-types.ts'
import { copiesOf } from '../headers.ts'
import { engineName } from '../names.ts'
import type { Channel, ChannelHost } from '../session.ts'
import { publishRefusal, type Returned, unroutable } from './returns.ts'
import { bufferPublish } from './tx.ts'

/** The one record that a connection hands to the engine, again and again. */
export class PooledRecord implements RecordInput {
  readonly format = formats.amqpProperties
  envelope: Uint8Array = noBytes
  body: Uint8Array = noBytes
  key: Uint8Array = noBytes
  priority = 0
  ttlMs: number | undefined = undefined
  transient = false
  dueAt: number | undefined = undefined
  dedupeId: string | undefined = undefined
}

export type Attributes = () => ReadonlyMap<string, AttributeValue>

export function publish(channel: Channel, record: PooledRecord, attributes: Attributes): void {
  const { content, host } = channel
  const { broker, vhost } = host
  check(channel, content)
  if (!host.grants.unrestricted) checkGrants(host, content)
  const route =
    host.prefixBytes === 0 ? content.exchange.text : engineName(vhost, content.exchange.text)
  if (broker.internals.size > 0 && broker.internals.has(route)) {
    throw refusal(
      403,
      `cannot publish to internal ${named('exchange', content.exchange.text, vhost)}`,
    )
  }
  record.envelope = content.properties
  record.body = content.body
  record.key = content.routingKey.bytes
  record.priority = content.scan.priority
  record.ttlMs = content.ttlMs
  record.transient = content.scan.deliveryMode !== 2
  record.dueAt = undefined
  record.dedupeId = undefined
  let keys: string | readonly string[] = content.routingKey.text
  if (content.special) keys = special(channel, record)
  if (broker.deduplicates || (broker.special.size > 0 && broker.special.has(route))) {
    publishSpecially(channel, record, { route, keys, attributes })
    return
  }
  publishTo(channel, record, { route, keys, attributes })
}

interface Destination {
  readonly route: string
  readonly keys: string | readonly string[]
  readonly attributes: Attributes
}

function publishTo(channel: Channel, record: PooledRecord, to: Destination): void {
  const { content, host } = channel
  const { broker, vhost } = host
  const { route, attributes } = to
  let { keys } = to
  if (route === '') {
    if (content.routingKey.isReply) {
      reply(channel, content, record)
      return
    }
    if (host.prefixBytes > 0) keys = inVhost(vhost, keys, record)
  }
  if (channel.transaction !== undefined) {
    bufferPublish(channel, { route, keys, record, attributes })
    return
  }
  finish(channel, content, broker.engine.publish(route, keys, record, attributes))
}

/** To an exchange that delays or knows messages again, or perhaps to a queue that does. */
function publishSpecially(channel: Channel, record: PooledRecord, to: Destination): void {
  const { broker } = channel.host
  const { engine } = broker
  const exchange = broker.special.get(to.route)
  const properties = decodeProperties(record.envelope)
  const headers = properties.headers ?? []
  record.dedupeId = idIn(headers, deduplicationHeader)
  const delayMs = exchange?.delays === true ? delayOf(headers) : undefined
  if (delayMs !== undefined) {
    record.dueAt = engine.now + delayMs
    record.envelope = encodeProperties({ ...properties, headers: delayed(headers, delayMs) })
  }
  const by = exchange?.seen
  const id = by === undefined ? undefined : idIn(headers, by.header)
  if (by === undefined || id === undefined) {
    publishTo(channel, record, to)
    return
  }
  const ttlMs = numberIn(headers, 'x-cache-ttl')
  engine.batch(() => {
    if (isNew(engine, to.route, by, { id, ttlMs })) publishTo(channel, record, to)
    else finish(channel, channel.content, { routed: 1, rejected: 0, error: undefined })
  })
}

function check(channel: Channel, content: Content): void {
  if (content.immediate) throw refusal(540, 'immediate=true')
  if (content.expirationFault !== undefined) {
    const text = `invalid expiration '${content.scan.expiration}': ${content.expirationFault}`
    throw refusal(406, text)
  }
  if (content.userId !== undefined && !mayBe(channel.host, content.userId)) {
    const text = `user_id property set to '${content.userId}' but authenticated user was`
    throw refusal(406, `${text} '${channel.host.user}'`)
  }
}

/** An impersonator may name anybody in `user-id`. */
function mayBe({ user, broker }: ChannelHost, claimed: string): boolean {
  return claimed === user || broker.access.tagsOf(user).includes('impersonator')
}

function checkGrants({ grants }: ChannelHost, { exchange, routingKey }: Content): void {
  try {
    grants.checkPublish(exchange.text, routingKey.text)
  } catch (error) {
    // The frame that is being handled is not the one that named the method.
    throw error instanceof AmqpError ? refusal(403, error.message) : error
  }
}

/** What became of it: a return, a confirm, or the end of the channel. */
export function finish(channel: Channel, content: Content, outcome: PublishOutcome): void {
  const { error } = outcome
  if (error !== undefined && error !== 'disk-full' && error !== 'overloaded') {
    throw publishRefusal(channel, content.exchange.text, error)
  }
  const { broker, vhost } = channel.host
  if (broker.firehose.traces(vhost)) {
    broker.firehose.published(channel, passing(content))
  }
  if (error === undefined && outcome.routed === 0 && content.mandatory) {
    unroutable(channel, passing(content))
  }
  if (channel.confirming) channel.confirm(error === undefined && outcome.rejected === 0)
}

function passing({ exchange, routingKey, properties, body }: Content): Returned {
  return { exchange: exchange.bytes, routingKey: routingKey.bytes, properties, body }
}

/** Direct replies asked for, CC, BCC: the stored properties are others. Returns the keys. */
function special(channel: Channel, record: PooledRecord): string | readonly string[] {
  const { content } = channel
  let properties = decodeProperties(content.properties)
  if (content.wantsReply) {
    if (channel.reply === undefined) throw refusal(406, 'fast reply consumer does not exist')
    properties = { ...properties, replyTo: channel.reply.queue }
  }
  const copies = copiesOf(properties)
  if (content.wantsReply || copies.changed) record.envelope = encodeProperties(copies.properties)
  if (copies.keys.length === 0) return content.routingKey.text
  return [content.routingKey.text, ...copies.keys]
}

/** On the default exchange a key is a queue's name, which other virtual hosts put a prefix to. */
function inVhost(
  vhost: string,
  keys: string | readonly string[],
  record: PooledRecord,
): string | readonly string[] {
  if (typeof keys !== 'string') {
    const prefixed = keys.map(key => engineName(vhost, key))
    record.key = encodeUtf8(prefixed[0]!)
    return prefixed
  }
  const key = engineName(vhost, keys)
  record.key = encodeUtf8(key)
  return key
}

/** To a reply consumer: delivered at once, or to nobody. */
function reply(channel: Channel, content: Content, record: PooledRecord): void {
  const { broker } = channel.host
  const to = broker.replies.get(content.routingKey.text)
  to?.deliverReply(content.routingKey.bytes, record.envelope, content.body)
  if (to === undefined || !broker.profile.replyIsRoute) {
    finish(channel, content, { routed: 0, rejected: 0, error: undefined })
  } else {
    finish(channel, content, { routed: 1, rejected: 0, error: undefined })
  }
}

function refusal(code: 403 | 406 | 540, detail: string): AmqpError {
  return new AmqpError(code, detail, BasicPublish)
}
