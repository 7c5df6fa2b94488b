/** Messages over HTTP: published to an exchange, and taken from a queue or looked at. */

import { decodeUtf8, encodeUtf8 } from '../../../base/bytes.ts'
import type { Delivery, Settlement } from '../../../engine/model.ts'
import { formats } from '../../../engine/model.ts'
import type { Properties } from '../../../wire/amqp/content.ts'
import { decodeProperties, encodeProperties } from '../../../wire/amqp/content.ts'
import { decodeBase64, encodeBase64 } from '../base64.ts'
import { AmqpError, errors, named } from '../errors.ts'
import { copiesOf } from '../headers.ts'
import { attributesOf, queueDefinitionOf } from '../mapping.ts'
import { engineName } from '../names.ts'
import { exchangeOf, propertiesOf, routingKeyOf, shown } from '../outgoing.ts'
import { kindOf } from '../policies.ts'
import { checkExpiration } from '../queue-arguments.ts'
import type { Channel } from '../session.ts'
import { asHeard, directChannel } from './direct.ts'
import {
  badRequest,
  HttpRefusal,
  type JsonObject,
  notAuthorised,
  notFound,
  type Request,
  required,
  textOf,
} from './http.ts'
import { tableFrom, tableJson } from './json.ts'
import { exchangeName } from './resources.ts'

/** JSON's name, ours, and whether it is a number. */
const fields = [
  ['content_type', 'contentType', 'string'],
  ['content_encoding', 'contentEncoding', 'string'],
  ['delivery_mode', 'deliveryMode', 'number'],
  ['priority', 'priority', 'number'],
  ['correlation_id', 'correlationId', 'string'],
  ['reply_to', 'replyTo', 'string'],
  ['expiration', 'expiration', 'string'],
  ['message_id', 'messageId', 'string'],
  ['timestamp', 'timestamp', 'number'],
  ['type', 'type', 'string'],
  ['user_id', 'userId', 'string'],
  ['app_id', 'appId', 'string'],
  ['cluster_id', 'clusterId', 'string'],
] as const satisfies readonly (readonly [string, keyof Properties, 'string' | 'number'])[]

function propertiesFrom(given: unknown): Properties {
  const json = (Array.isArray(given) ? {} : (given ?? {})) as JsonObject
  const properties: { [name: string]: unknown } = {}
  for (const [name, field, type] of fields) {
    const value = json[name]
    if (value === undefined || value === null) continue
    if (type === 'number' && typeof value !== 'number') badRequest(['not_int', name])
    if (type === 'string' && typeof value !== 'string') badRequest(['not_string', name])
    properties[field] = value
  }
  if (json.headers !== undefined) properties.headers = tableFrom(json.headers)
  return properties as Properties
}

/** An empty list when there is nothing to show, as Erlang's JSON has it. */
function propertiesJson(properties: Properties): JsonObject | readonly never[] {
  const json: { [name: string]: unknown } = {}
  for (const [name, field] of fields) {
    if (properties[field] !== undefined) json[name] = properties[field]
  }
  if (properties.headers !== undefined) json.headers = tableJson(properties.headers)
  return Object.keys(json).length === 0 ? [] : json
}

function payloadFrom(body: JsonObject): Uint8Array {
  const payload = String(body.payload)
  if (body.payload_encoding === 'string') return encodeUtf8(payload)
  if (body.payload_encoding !== 'base64') {
    badRequest(`unsupported_encoding,${body.payload_encoding}`)
  }
  return decodeBase64(payload) ?? badRequest(['not_base64', payload])
}

export function publishMessage(request: Request): JsonObject {
  const { broker, params, user } = request
  const vhost = params.vhost!
  const exchange = exchangeName(params.name!)
  const body = request.body()
  required(body, 'routing_key', 'payload', 'payload_encoding', 'properties')
  const properties = propertiesFrom(body.properties)
  const payload = payloadFrom(body)
  const key = textOf(body, 'routing_key', '')
  const channel = directChannel(broker, vhost, user)
  try {
    return { routed: publish(channel, { exchange, key, properties, payload }) }
  } catch (error) {
    return asHeard(error)
  }
}

interface Message {
  readonly exchange: string
  readonly key: string
  readonly properties: Properties
  readonly payload: Uint8Array
}

function publish(channel: Channel, { exchange, key, properties, payload }: Message): boolean {
  const { broker, vhost, grants } = channel.host
  grants.checkPublish(exchange, key)
  const route = engineName(vhost, exchange)
  if (broker.internals.has(route)) {
    throw new AmqpError(403, `cannot publish to internal ${named('exchange', exchange, vhost)}`)
  }
  const { expiration, deliveryMode, priority } = properties
  const wrong = expiration === undefined ? undefined : checkExpiration(expiration)
  if (wrong !== undefined) throw new AmqpError(406, `invalid expiration '${expiration}': ${wrong}`)
  const copies = copiesOf(properties)
  const keys = [key, ...copies.keys].map(one => (exchange === '' ? engineName(vhost, one) : one))
  const headers = properties.headers ?? []
  const outcome = broker.engine.publish(
    route,
    keys,
    {
      format: formats.amqpProperties,
      envelope: encodeProperties(copies.properties),
      body: payload,
      key: encodeUtf8(keys[0]!),
      priority: priority ?? 0,
      ttlMs: expiration === undefined ? undefined : Number(expiration),
      transient: deliveryMode !== 2,
    },
    () => attributesOf(headers),
  )
  if (outcome.error === undefined) return outcome.routed > 0
  const { code, detail } = errors[outcome.error]
  throw new AmqpError(code, detail(named('exchange', exchange, vhost), ''))
}

// From a queue

const modes: { readonly [mode: string]: Settlement | 'at-once' } = {
  ack_requeue_true: { kind: 'return' },
  reject_requeue_true: { kind: 'return' },
  ack_requeue_false: 'at-once',
  reject_requeue_false: { kind: 'reject' },
}

const countMax = 10_000

export function getMessages(request: Request): readonly JsonObject[] {
  const { broker, params, user } = request
  const { vhost, name } = params as { vhost: string; name: string }
  const body = request.body()
  required(body, 'ackmode', 'count', 'encoding')
  const mode = modes[String(body.ackmode)]
  if (mode === undefined) badRequest(`unsupported ackmode ${body.ackmode}`)
  const info = broker.engine.log(engineName(vhost, name))
  if (info === undefined) {
    throw new HttpRefusal(404, 'not_found', `NOT_FOUND - no ${named('queue', name, vhost)}`)
  }
  const channel = directChannel(broker, vhost, user)
  checkRead(channel, name)
  const holder = `management-${channel.host.id}`
  const target = { log: info.name }
  const outcome = broker.engine.lease(target, {
    holder,
    countMax: Math.min(Number(body.count), countMax),
    settled: mode === 'at-once',
  })
  if (!outcome.ok) badRequest(outcome.detail)
  const quorum = kindOf(queueDefinitionOf(info.config, vhost)) === 'quorum_queues'
  // What is borrowed from the engine is read before anything else is asked of it.
  const messages = outcome.value.map((delivery, index) => {
    const left = Math.max(0, info.ready - 1 - index)
    return messageView(channel, delivery, { log: info.name, quorum, left, body })
  })
  if (mode !== 'at-once' && outcome.value.length > 0) {
    const positions = outcome.value.map(({ record }) => record.position)
    broker.engine.settle(target, holder, positions, mode)
  }
  return messages
}

function checkRead(channel: Channel, queue: string): void {
  try {
    channel.host.grants.check('read', 'queue', queue)
  } catch (error) {
    if (error instanceof AmqpError) notAuthorised('Access refused.')
    throw error
  }
}

function messageView(
  channel: Channel,
  { record: stored, attempts }: Delivery,
  options: {
    readonly log: string
    readonly quorum: boolean
    readonly left: number
    readonly body: JsonObject
  },
): JsonObject {
  const { host } = channel
  const record = shown(stored, host, options.log)
  const { truncate, encoding } = options.body
  const bytes = typeof truncate === 'number' ? record.body.subarray(0, truncate) : record.body
  const properties = propertiesOf(record, host, options.quorum ? attempts - 1 : 0)
  return {
    payload_bytes: record.body.length,
    redelivered: attempts > 1,
    exchange: decodeUtf8(exchangeOf(record, host)),
    routing_key: decodeUtf8(routingKeyOf(record, host)),
    message_count: options.left,
    properties: propertiesJson(decodeProperties(properties)),
    ...payloadView(bytes, encoding === 'base64'),
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function payloadView(bytes: Uint8Array, always64: boolean): JsonObject {
  if (!always64) {
    try {
      return { payload: strictUtf8.decode(bytes), payload_encoding: 'string' }
    } catch {
      // No text: shown as what it is.
    }
  }
  return { payload: encodeBase64(bytes), payload_encoding: 'base64' }
}

/** Declares, publishes and gets: RabbitMQ's oldest check. */
export function aliveness({ broker, params, user }: Request): JsonObject {
  const vhost = params.vhost!
  if (broker.registry.get('vhost', vhost) === undefined) notFound()
  const { engine } = broker
  const name = engineName(vhost, 'aliveness-test')
  if (engine.log(name) === undefined) engine.createLog(name, { durable: false, queue: {} })
  const channel = directChannel(broker, vhost, user)
  const payload = encodeUtf8('test_message')
  try {
    publish(channel, { exchange: '', key: 'aliveness-test', properties: {}, payload })
  } catch (error) {
    asHeard(error)
  }
  engine.lease({ log: name }, { holder: 'aliveness-test', countMax: 1, settled: true })
  return { status: 'ok' }
}
