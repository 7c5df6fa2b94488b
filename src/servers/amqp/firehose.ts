/**
 * RabbitMQ's firehose: in a virtual host that is traced, a copy of each message that was published,
 * and of each that is handed to a client, goes to the exchange `amq.rabbitmq.trace`, under the key
 * `publish.<exchange>` or `deliver.<queue>`; what the message was is in its headers.
 *
 * As there it is volatile: nothing is traced after a start. The names of the queues that a message
 * was routed to (`routed_queues`) are left out: the engine says how many they are.
 */

import { encodeUtf8 } from '../../base/bytes.ts'
import { formats } from '../../engine/model.ts'
import { decodeProperties, encodeProperties, type Properties } from '../../wire/amqp/content.ts'
import type { FieldTable, FieldValue } from '../../wire/amqp/field-table.ts'
import { fromPlain } from '../../wire/amqp/field-table.ts'
import { decodeText } from '../../wire/amqp/text.ts'
import { WireError } from '../../wire/schema/errors.ts'
import { engineName, nameIn } from './names.ts'
import type { Channel } from './session.ts'

export const traceExchange = 'amq.rabbitmq.trace'

/** A message that goes by, in AMQP's words: names without the virtual host's prefix. */
export interface Passing {
  readonly exchange: Uint8Array
  readonly routingKey: Uint8Array
  readonly properties: Uint8Array
  readonly body: Uint8Array
}

export class Firehose {
  /** The virtual hosts that are traced. */
  readonly #vhosts = new Set<string>()
  readonly #node: string

  constructor(node: string) {
    this.#node = node
  }

  trace(vhost: string, on: boolean): void {
    if (on) this.#vhosts.add(vhost)
    else this.#vhosts.delete(vhost)
  }

  /** Asked for each message, so it is cheap where nothing is traced. */
  traces(vhost: string): boolean {
    return this.#vhosts.size > 0 && this.#vhosts.has(vhost)
  }

  published(channel: Channel, message: Passing): void {
    this.#copy(channel, message, `publish.${decodeText(message.exchange)}`, [])
  }

  /** `log` is the engine's name of the queue. */
  delivered(channel: Channel, message: Passing, log: string, redelivered: boolean): void {
    const queue = nameIn(channel.host.vhost, log) ?? log
    const more: FieldTable = [['redelivered', fromPlain(redelivered ? 1 : 0)]]
    this.#copy(channel, message, `deliver.${queue}`, more)
  }

  #copy(channel: Channel, message: Passing, key: string, more: FieldTable): void {
    const exchange = decodeText(message.exchange)
    // What was traced is not traced again.
    if (exchange === traceExchange) return
    const { broker, vhost, user, name } = channel.host
    const headers: FieldTable = [
      ['exchange_name', fromPlain(exchange)],
      ['routing_keys', fromPlain([decodeText(message.routingKey)])],
      ['properties', { type: 'F', value: propertiesTable(message.properties) }],
      ['node', fromPlain(this.#node)],
      ...more,
      ['vhost', fromPlain(vhost)],
      ['connection', fromPlain(name)],
      ['channel', fromPlain(channel.number)],
      ['user', fromPlain(user)],
    ]
    const cut = encodeUtf8(key).subarray(0, 255)
    broker.engine.publish(engineName(vhost, traceExchange), decodeText(cut), {
      format: formats.amqpProperties,
      envelope: encodeProperties({ headers }),
      body: message.body,
      key: cut,
      transient: true,
    })
  }
}

const names: { readonly [Key in keyof Properties]-?: string } = {
  contentType: 'content_type',
  contentEncoding: 'content_encoding',
  headers: 'headers',
  deliveryMode: 'delivery_mode',
  priority: 'priority',
  correlationId: 'correlation_id',
  replyTo: 'reply_to',
  expiration: 'expiration',
  messageId: 'message_id',
  timestamp: 'timestamp',
  type: 'type',
  userId: 'user_id',
  appId: 'app_id',
  clusterId: 'cluster_id',
}

function propertiesTable(bytes: Uint8Array): FieldTable {
  let properties: Properties
  try {
    properties = decodeProperties(bytes)
  } catch (error) {
    // Nobody but its consumer has to be able to read them.
    if (error instanceof WireError) return []
    throw error
  }
  const table: [string, FieldValue][] = []
  for (const key of Object.keys(names) as (keyof Properties)[]) {
    if (properties[key] !== undefined) table.push([names[key], fieldFor(key, properties[key])])
  }
  return table
}

function fieldFor(key: keyof Properties, value: NonNullable<Properties[typeof key]>): FieldValue {
  if (key === 'headers') return { type: 'F', value: value as FieldTable }
  if (key === 'timestamp') return { type: 'T', value: BigInt(value as number) }
  return fromPlain(value as string | number)
}
