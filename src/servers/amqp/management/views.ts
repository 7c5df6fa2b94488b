/**
 * Queues, exchanges, bindings, connections, channels and consumers as RabbitMQ's management shows
 * them. What only means something in Erlang is left out; a rate is that between two looks.
 */

import { encodeUtf8 } from '../../../base/bytes.ts'
import { crc32 } from '../../../base/checksum.ts'
import type { LogInfo, RouteInfo } from '../../../engine/model.ts'
import { fieldOf } from '../../../wire/amqp/field-table.ts'
import { encodeBase64 } from '../base64.ts'
import type { Broker } from '../broker.ts'
import type { Connection } from '../connection.ts'
import type { ChannelConsumer } from '../consumer.ts'
import {
  type BindingDefinition,
  exchangeDefinitionOf,
  queueDefinitionOf,
  queueTypeOf,
} from '../mapping.ts'
import { plainAddress } from '../names.ts'
import { kindOf } from '../policies.ts'
import type { Channel } from '../session.ts'
import type { JsonObject, Request } from './http.ts'
import { tableJson } from './json.ts'

const still = { rate: 0 }

/** A number and its rate, which is what dashboards and scalers look at. */
function counted(request: Request, key: string, name: string, value: number): JsonObject {
  return { [name]: value, [`${name}_details`]: request.about.rates.read(`${key} ${name}`, value) }
}

// Queues

export function queueView(
  request: Request,
  vhost: string,
  name: string,
  info: LogInfo,
): JsonObject {
  const { broker, about } = request
  const definition = queueDefinitionOf(info.config, vhost)
  const is = kindOf(definition)
  const stream = info.config.queue === undefined
  const ready = stream ? info.count : info.ready + info.delayed
  const readyBytes = stream ? info.bytes : info.readyBytes
  const key = `queue ${info.name}`
  const owner = broker.owners.get(info.name) as Connection | undefined
  return {
    arguments: tableJson(definition.arguments),
    auto_delete: definition.autoDelete,
    consumer_capacity: info.subscribers > 0 ? 1 : 0,
    consumer_utilisation: info.subscribers > 0 ? 1 : 0,
    consumers: info.subscribers,
    durable: definition.durable && !definition.exclusive,
    effective_policy_definition: broker.policies.effective(vhost, name, is),
    exclusive: definition.exclusive,
    ...(owner === undefined ? {} : { owner_pid_details: connectionDetails(owner) }),
    memory: 0,
    message_bytes: info.bytes,
    message_bytes_persistent: info.bytes,
    message_bytes_ram: 0,
    message_bytes_ready: readyBytes,
    message_bytes_unacknowledged: info.bytes - readyBytes,
    message_stats: queueStats(request, key, info),
    ...counted(request, key, 'messages', ready + info.leased),
    messages_persistent: ready + info.leased,
    messages_ram: 0,
    ...counted(request, key, 'messages_ready', ready),
    ...counted(request, key, 'messages_unacknowledged', info.leased),
    name,
    node: about.nodeName,
    operator_policy: broker.policies.policyOf('operator-policy', vhost, name, is)?.names[1] ?? null,
    policy: broker.policies.policyOf('policy', vhost, name, is)?.names[1] ?? null,
    state: 'running',
    ...typeView(request, queueTypeOf(definition.arguments)),
    vhost,
  }
}

function typeView({ about: { nodeName } }: Request, type: string): JsonObject {
  if (type === 'classic') return { exclusive_consumer_tag: null, type }
  return { leader: nodeName, members: [nodeName], online: [nodeName], type }
}

function queueStats(request: Request, key: string, { totals }: LogInfo): JsonObject {
  return {
    ...counted(request, key, 'ack', totals.settled),
    ...counted(request, key, 'deliver', totals.delivered),
    ...counted(request, key, 'deliver_get', totals.delivered),
    deliver_no_ack: 0,
    deliver_no_ack_details: still,
    get: 0,
    get_details: still,
    get_no_ack: 0,
    get_no_ack_details: still,
    ...counted(request, key, 'publish', totals.appended),
    ...counted(request, key, 'redeliver', totals.returned),
  }
}

// Exchanges and bindings

export function exchangeView(
  { broker }: Request,
  vhost: string,
  name: string,
  info: RouteInfo,
): JsonObject {
  const { arguments: table, ...definition } = exchangeDefinitionOf(info.config, vhost)
  const policy = broker.policies.policyOf('policy', vhost, name, 'exchanges')?.names[1]
  return {
    arguments: tableJson(table),
    auto_delete: definition.autoDelete,
    durable: definition.durable,
    internal: definition.internal,
    name,
    ...(policy === undefined || name === '' ? {} : { policy }),
    type: definition.type,
    user_who_performed_action: 'rmq-internal',
    vhost,
  }
}

export function bindingView(binding: BindingDefinition, vhost: string): JsonObject {
  return {
    source: binding.source,
    vhost,
    destination: binding.destination.name,
    destination_type: binding.destination.kind,
    routing_key: binding.routingKey,
    arguments: tableJson(binding.arguments),
    properties_key: propertiesKey(binding),
  }
}

/**
 * What tells a binding from others between the same two: the key, and a hash of the arguments. It
 * is RabbitMQ's in shape; its hash cannot be computed outside of Erlang, and nobody needs to.
 */
export function propertiesKey(binding: BindingDefinition): string {
  const key = encodeURIComponent(binding.routingKey).replaceAll('~', '%7E')
  if (binding.arguments.length === 0) return key === '' ? '~' : key
  const sorted = [...binding.arguments].sort(([left], [right]) => (left < right ? -1 : 1))
  const text = JSON.stringify(tableJson(sorted))
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, crc32(encodeUtf8(text)))
  const hash = encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  return `${key}~${hash}`
}

// Connections, channels, consumers

function connectionDetails(connection: Connection): JsonObject {
  const { peer } = connection.context
  const peerHost = plainAddress(peer.address)
  return { name: connection.name, peer_host: peerHost, peer_port: peer.port }
}

export function connectionView(request: Request, connection: Connection): JsonObject {
  const { about } = request
  const { peer, local } = connection.context
  const name = connection.name
  const givenName = fieldOf(connection.clientProperties, 'connection_name')
  return {
    auth_mechanism: connection.mechanism,
    channel_max: connection.channelMax,
    channels: connection.channels.size,
    client_properties: tableJson(connection.clientProperties),
    connected_at: connection.connectedAt,
    frame_max: connection.frameMax,
    host: plainAddress(local.address),
    name,
    node: about.nodeName,
    peer_cert_issuer: null,
    peer_cert_subject: peer.certificate?.subject ?? null,
    peer_cert_validity: null,
    peer_host: plainAddress(peer.address),
    peer_port: peer.port,
    port: local.port,
    protocol: 'AMQP 0-9-1',
    ...counted(request, `connection ${connection.id}`, 'recv_oct', connection.receivedBytes),
    send_oct: 0,
    send_oct_details: still,
    send_pend: connection.outbox.size,
    ssl: peer.tls,
    ssl_cipher: null,
    ssl_hash: null,
    ssl_key_exchange: null,
    ssl_protocol: null,
    state: connection.describe().state,
    timeout: connection.heartbeatSeconds,
    type: 'network',
    user: connection.user,
    ...(givenName?.type === 'S' ? { user_provided_name: String(givenName.value) } : {}),
    user_who_performed_action: connection.user,
    vhost: connection.vhost,
  }
}

export function channelName(connection: Connection, channel: Channel): string {
  return `${connection.name} (${channel.number})`
}

export function channelView({ about }: Request, connection: Connection, channel: Channel) {
  return {
    acks_uncommitted: channel.transaction?.settlements.length ?? 0,
    confirm: channel.confirming,
    connection_details: connectionDetails(connection),
    consumer_count: channel.consumers.size,
    global_prefetch_count: channel.prefetchGlobal,
    messages_unacknowledged: channel.unacked.size,
    messages_uncommitted: channel.transaction?.publishes.length ?? 0,
    messages_unconfirmed: 0,
    name: channelName(connection, channel),
    node: about.nodeName,
    number: channel.number,
    prefetch_count: channel.prefetch,
    state: 'running',
    transactional: channel.transaction !== undefined,
    user: connection.user,
    user_who_performed_action: connection.user,
    vhost: connection.vhost,
  }
}

export interface Consuming {
  readonly connection: Connection
  readonly channel: Channel
  /** A stream's consumer has none of the three. */
  readonly consumer: ChannelConsumer & {
    readonly priority?: number
    readonly credit?: number
    readonly settledAtOnce?: boolean
  }
  /** The queue's name in its virtual host. */
  readonly queue: string
}

export function consumerView({ about }: Request, consuming: Consuming): JsonObject {
  const { connection, channel, consumer, queue } = consuming
  const { name, ...peer } = connectionDetails(connection)
  return {
    arguments: (consumer.priority ?? 0) === 0 ? {} : { 'x-priority': consumer.priority },
    ack_required: consumer.settledAtOnce !== true,
    active: true,
    activity_status: 'up',
    channel_details: {
      connection_name: name,
      name: channelName(connection, channel),
      node: about.nodeName,
      number: channel.number,
      ...peer,
      user: connection.user,
    },
    consumer_tag: consumer.tag,
    exclusive: consumer.exclusive,
    prefetch_count: Number.isFinite(consumer.credit ?? 0) ? (consumer.credit ?? 0) : 0,
    queue: { name: queue, vhost: connection.vhost },
  }
}

/** The open connections that have come as far as a virtual host. */
export function openConnections(broker: Broker): Connection[] {
  return [...broker.members].filter(({ state }) => state === 'running')
}
