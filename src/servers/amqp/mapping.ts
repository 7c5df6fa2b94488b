/**
 * Between AMQP's definitions and the engine's, both ways, and pure: queue ↔ `LogConfig`, exchange ↔
 * `RouteConfig`, binding ↔ `Binding`, headers ↔ attributes.
 *
 * A definition is kept as it was declared in `labels.amqp`, so that it can be compared and shown
 * again with its types; a log of another protocol has no such label, and its definition is read off
 * its configuration. What a queue's arguments may be is in `queue-arguments.ts`.
 */

import type {
  AttributeMatch,
  AttributeValue,
  Binding,
  Json,
  LogConfig,
  QueueConfig,
  RouteConfig,
  RouteKind,
} from '../../engine/model.ts'
import { defaultQueue } from '../../engine/model.ts'
import type { FieldTable, FieldType, FieldValue } from '../../wire/amqp/field-table.ts'
import { fieldOf, fromPlain } from '../../wire/amqp/field-table.ts'
import { decodeText } from '../../wire/amqp/text.ts'
import { ageOf } from './ages.ts'
import { deduplicationOf, hashedBy, isPlugin, routeKindOf, weightOf } from './exchange-types.ts'
import { limits } from './limits.ts'
import { engineName, nameIn } from './names.ts'
import type { Profile } from './profiles.ts'

export interface QueueDefinition {
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly arguments: FieldTable
}

export interface ExchangeDefinition {
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
}

export type QueueType = 'classic' | 'quorum' | 'stream'

/** The type that a declaration asks for. Its value has been checked. */
export function queueTypeOf(table: FieldTable): QueueType {
  const field = fieldOf(table, 'x-queue-type')
  return field?.type === 'S' ? (field.value as QueueType) : 'classic'
}

/** The integer that an argument holds, or undefined. */
export function integerOf(table: FieldTable, name: string): number | undefined {
  const field = fieldOf(table, name)
  return field !== undefined && isInteger(field) ? Number(field.value) : undefined
}

export function textOf(table: FieldTable, name: string): string | undefined {
  const field = fieldOf(table, name)
  return field?.type === 'S' && typeof field.value === 'string' ? field.value : undefined
}

export function isInteger(
  field: FieldValue,
): field is FieldValue & { readonly value: number | bigint } {
  return 'bBsuIil'.includes(field.type)
}

// Queues

const overflows = {
  'drop-head': 'drop-head',
  'reject-publish': 'reject',
  'reject-publish-dlx': 'reject-dead-letter',
} as const

/** The engine's configuration for a declared queue. The arguments have been checked. */
export function logConfigOf(
  queue: QueueDefinition,
  vhost: string,
  profile: Profile,
): Partial<LogConfig> {
  if (queueTypeOf(queue.arguments) === 'stream') return streamConfigOf(queue)
  return {
    durable: queue.durable && !queue.exclusive,
    dedupeWindowMs: dedupeWindowOf(queue.arguments),
    idleMs: integerOf(queue.arguments, 'x-expires'),
    autoDrop: queue.autoDelete,
    queue: queueConfigOf(queue.arguments, vhost, profile),
    labels: { amqp: definitionLabel(queue) },
  }
}

/** A stream is a log without settlements; what it keeps is a matter of age and size. */
function streamConfigOf(queue: QueueDefinition): Partial<LogConfig> {
  const age = textOf(queue.arguments, 'x-max-age')
  return {
    durable: true,
    retention: {
      ageMs: age === undefined ? undefined : ageOf(age),
      bytes: integerOf(queue.arguments, 'x-max-length-bytes'),
      count: undefined,
    },
    queue: undefined,
    labels: { amqp: definitionLabel(queue) },
  }
}

function dedupeWindowOf(table: FieldTable): number | undefined {
  const by = deduplicationOf('', table)
  return by === undefined ? undefined : (by.ttlMs ?? limits.expiryMs)
}

function queueConfigOf(table: FieldTable, vhost: string, profile: Profile): QueueConfig {
  const quorum = queueTypeOf(table) === 'quorum'
  const route = textOf(table, 'x-dead-letter-exchange')
  const sac = fieldOf(table, 'x-single-active-consumer')
  const overflow = textOf(table, 'x-overflow') as keyof typeof overflows | undefined
  return {
    ...defaultQueue,
    levels: quorum ? profile.quorumLevels : (integerOf(table, 'x-max-priority') ?? 0) + 1,
    ...(quorum && profile.quorumTurns !== undefined ? { turns: profile.quorumTurns } : {}),
    ttlMs: integerOf(table, 'x-message-ttl'),
    countMax: integerOf(table, 'x-max-length'),
    bytesMax: integerOf(table, 'x-max-length-bytes'),
    // A quorum queue knows no reject-publish-dlx, and falls back to the default.
    overflow:
      overflow === undefined || (quorum && overflow === 'reject-publish-dlx')
        ? 'drop-head'
        : overflows[overflow],
    deadLetter:
      route === undefined
        ? undefined
        : { route: engineName(vhost, route), key: textOf(table, 'x-dead-letter-routing-key') },
    attemptsMax: quorum ? attemptsMaxOf(table, profile) : undefined,
    retry: quorum && profile.delayedRetry ? retryOf(table) : undefined,
    singleActive: sac?.type === 't' && sac.value,
  }
}

/** Which returns wait is decided where they are made, see `retriesOf`. */
function retryOf(table: FieldTable): QueueConfig['retry'] {
  const minMs = integerOf(table, 'x-delayed-retry-min') ?? 0
  const maxMs = integerOf(table, 'x-delayed-retry-max') ?? limits.expiryMs
  if (retriesOf(table) === 'disabled' || minMs === 0) return undefined
  return { minMs, maxMs: Math.max(minMs, maxMs), factor: 1, linear: true }
}

export type Retries = 'disabled' | 'all' | 'failed' | 'returned'

export function retriesOf(table: FieldTable): Retries {
  return (textOf(table, 'x-delayed-retry-type') as Retries | undefined) ?? 'disabled'
}

/** A delivery limit counts redeliveries; the first one comes on top. */
function attemptsMaxOf(table: FieldTable, profile: Profile): number | undefined {
  const limit = integerOf(table, 'x-delivery-limit') ?? profile.deliveryLimit
  return limit === undefined || limit < 0 ? undefined : limit + 1
}

/** What a queue was declared with, or what would declare the like of it. */
export function queueDefinitionOf(config: LogConfig, vhost: string): QueueDefinition {
  const label = config.labels.amqp
  if (isObject(label)) {
    return {
      durable: label.durable === true,
      exclusive: label.exclusive === true,
      autoDelete: label.autoDelete === true,
      arguments: tableFromJson(label.arguments ?? []),
    }
  }
  return {
    durable: config.durable,
    exclusive: false,
    autoDelete: config.autoDrop,
    arguments: argumentsOf(config, vhost),
  }
}

function argumentsOf(config: LogConfig, vhost: string): FieldTable {
  const queue = config.queue
  // What another protocol has made as a plain log is no queue that one could work off.
  if (queue === undefined) return [['x-queue-type', fromPlain('stream')]]
  const table: [string, FieldValue][] = []
  const put = (name: string, value: string | number | boolean | undefined) => {
    if (value !== undefined) table.push([name, fromPlain(value)])
  }
  put('x-expires', config.idleMs)
  put('x-message-ttl', queue.ttlMs)
  if (queue.deadLetter !== undefined) {
    put('x-dead-letter-exchange', nameIn(vhost, queue.deadLetter.route) ?? queue.deadLetter.route)
    put('x-dead-letter-routing-key', queue.deadLetter.key)
  }
  put('x-max-length', queue.countMax)
  put('x-max-length-bytes', queue.bytesMax)
  if (queue.levels > 1) put('x-max-priority', queue.levels - 1)
  if (queue.overflow !== 'drop-head') {
    put('x-overflow', queue.overflow === 'reject' ? 'reject-publish' : 'reject-publish-dlx')
  }
  if (queue.singleActive) put('x-single-active-consumer', true)
  return table
}

// Exchanges

const types: { readonly [Kind in RouteKind]: string } = {
  direct: 'direct',
  'fan-out': 'fanout',
  pattern: 'topic',
  attributes: 'headers',
  hash: 'x-consistent-hash',
  random: 'x-random',
}

export function routeConfigOf(exchange: ExchangeDefinition, vhost: string): Partial<RouteConfig> {
  const alternate = textOf(exchange.arguments, 'alternate-exchange')
  return {
    kind: routeKindOf(exchange.type, exchange.arguments) ?? 'direct',
    durable: exchange.durable,
    attribute: hashedBy(exchange.type, exchange.arguments),
    alternate: alternate === undefined ? undefined : engineName(vhost, alternate),
    autoDrop: exchange.autoDelete,
    labels: {
      amqp: {
        ...definitionLabel(exchange),
        internal: exchange.internal,
        // The engine's kind tells the others.
        ...(isPlugin(exchange.type) ? { type: exchange.type } : {}),
      },
    },
  }
}

export function exchangeDefinitionOf(config: RouteConfig, vhost: string): ExchangeDefinition {
  const label = config.labels.amqp
  if (isObject(label)) {
    return {
      type: typeof label.type === 'string' ? label.type : types[config.kind],
      durable: label.durable === true,
      autoDelete: label.autoDelete === true,
      internal: label.internal === true,
      arguments: tableFromJson(label.arguments ?? []),
    }
  }
  const alternate = config.alternate
  return {
    type: types[config.kind],
    durable: config.durable,
    autoDelete: config.autoDrop,
    internal: false,
    arguments:
      alternate === undefined
        ? []
        : [['alternate-exchange', fromPlain(nameIn(vhost, alternate) ?? alternate)]],
  }
}

/** The exchanges that are there before anyone declares one. */
export const declaredExchanges: readonly (readonly [name: string, type: string])[] = [
  ['amq.direct', 'direct'],
  ['amq.fanout', 'fanout'],
  ['amq.topic', 'topic'],
  ['amq.headers', 'headers'],
  ['amq.match', 'headers'],
  ['amq.rabbitmq.trace', 'topic'],
]

// Bindings

export interface BindingDefinition {
  readonly source: string
  readonly destination: { readonly kind: 'queue' | 'exchange'; readonly name: string }
  readonly routingKey: string
  readonly arguments: FieldTable
}

/**
 * `kind` and, where it chooses by weight, `type` are the source's. The arguments are part of a
 * binding's identity, whatever their order.
 */
export function bindingOf(
  binding: BindingDefinition,
  vhost: string,
  kind: RouteKind,
  type = '',
): Binding {
  const table = [...binding.arguments].sort(([left], [right]) => (left < right ? -1 : 1))
  return {
    route: engineName(vhost, binding.source),
    target: {
      kind: binding.destination.kind === 'queue' ? 'log' : 'route',
      name: engineName(vhost, binding.destination.name),
    },
    key: binding.routingKey,
    attributes: kind === 'attributes' ? matchOf(table) : undefined,
    weight: weightOf(kind === 'hash' ? type : '', binding.routingKey),
    labels: table.length === 0 ? undefined : { amqp: { arguments: tableToJson(table) } },
  }
}

/** Back again; undefined when it leads out of the virtual host. */
export function bindingDefinitionOf(
  binding: Binding,
  vhost: string,
): BindingDefinition | undefined {
  const source = binding.route === '' ? '' : nameIn(vhost, binding.route)
  const name = nameIn(vhost, binding.target.name)
  if (source === undefined || name === undefined) return undefined
  const label = binding.labels?.amqp
  return {
    source,
    destination: { kind: binding.target.kind === 'log' ? 'queue' : 'exchange', name },
    routingKey: binding.key,
    arguments: isObject(label) ? tableFromJson(label.arguments ?? []) : [],
  }
}

/** The four forms of `x-match`: `-with-x` also compares headers whose names begin with `x-`. */
function matchOf(table: FieldTable): AttributeMatch {
  const form = textOf(table, 'x-match') ?? 'all'
  const withX = form.endsWith('-with-x')
  const match: { [name: string]: string | number | boolean | null } = {}
  for (const [name, field] of table) {
    if (name === 'x-match' || (!withX && name.startsWith('x-'))) continue
    match[name] = field.type === 'V' ? null : comparable(field)
  }
  return { mode: form.startsWith('any') ? 'any' : 'all', match }
}

/** The attributes that a message's headers offer to a headers exchange. */
export function attributesOf(headers: FieldTable): ReadonlyMap<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>()
  for (const [name, field] of headers) {
    if (!attributes.has(name)) attributes.set(name, field.type === 'V' ? null : comparable(field))
  }
  return attributes
}

/**
 * A value that is equal to another exactly when RabbitMQ finds the two equal: types do not count,
 * bytes and text are the same. Arrays and tables are compared by a text that no string is.
 */
function comparable(field: FieldValue): string | number | boolean {
  switch (field.type) {
    case 'l':
    case 'T': {
      const number = Number(field.value)
      return Number.isSafeInteger(number) ? number : `\u0000${field.value}`
    }
    case 'S':
    case 'x':
      return typeof field.value === 'string' ? field.value : decodeText(field.value)
    case 'D':
    case 'A':
    case 'F':
    case 'V':
      return `\u0000${JSON.stringify(fieldToJson(field))}`
    default:
      return field.value
  }
}

// Tables as JSON

function definitionLabel(definition: {
  readonly durable: boolean
  readonly exclusive?: boolean
  readonly autoDelete: boolean
  readonly arguments: FieldTable
}): { readonly [name: string]: Json } {
  return {
    durable: definition.durable,
    exclusive: definition.exclusive === true,
    autoDelete: definition.autoDelete,
    arguments: tableToJson(definition.arguments),
  }
}

function isObject(label: Json | undefined): label is { readonly [name: string]: Json } {
  return typeof label === 'object' && label !== null && !Array.isArray(label)
}

/** A table as plain data: a list of name, type and value. */
export function tableToJson(table: FieldTable): Json {
  return table.map(([name, field]) => [name, field.type, fieldToJson(field)])
}

export function tableFromJson(json: Json): FieldTable {
  return (json as readonly (readonly [string, FieldType, Json])[]).map(([name, type, value]) => [
    name,
    fieldFromJson(type, value),
  ])
}

function fieldToJson(field: FieldValue): Json {
  switch (field.type) {
    case 'f':
    case 'd':
      return String(Object.is(field.value, -0) ? '-0' : field.value)
    case 'l':
    case 'T':
      return String(field.value)
    case 'D':
      return { scale: field.value.scale, digits: field.value.digits }
    case 'S':
    case 'x':
      return typeof field.value === 'string' ? field.value : { octets: Array.from(field.value) }
    case 'A':
      return field.value.map(item => [item.type, fieldToJson(item)])
    case 'F':
      return tableToJson(field.value)
    default:
      return field.value
  }
}

function fieldFromJson(type: FieldType, json: Json): FieldValue {
  switch (type) {
    case 'f':
    case 'd':
      return { type, value: Number(json) }
    case 'l':
    case 'T':
      return { type, value: BigInt(json as string) }
    case 'S':
      return { type, value: typeof json === 'string' ? json : octetsOf(json) }
    case 'x':
      return { type, value: octetsOf(json) }
    case 'A':
      return {
        type,
        value: (json as readonly (readonly [FieldType, Json])[]).map(([kind, item]) =>
          fieldFromJson(kind, item),
        ),
      }
    case 'F':
      return { type, value: tableFromJson(json) }
    default:
      return { type, value: json } as FieldValue
  }
}

function octetsOf(json: Json): Uint8Array {
  return Uint8Array.from((json as { readonly octets: readonly number[] }).octets)
}
