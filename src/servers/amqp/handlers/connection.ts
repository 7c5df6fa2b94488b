/**
 * connection.*: the handshake, the goodbye. What follows the client's header is connection.start;
 * then start-ok → tune → tune-ok, open → open-ok.
 *
 * Refuses: mechanisms that are not offered, limits above ours, unknown virtual hosts.
 */

import { ByteReader, ByteWriter, encodeUtf8 } from '../../../base/bytes.ts'
import type { FieldTable } from '../../../wire/amqp/field-table.ts'
import { fieldOf, readTable, tableOf } from '../../../wire/amqp/field-table.ts'
import {
  ConnectionClose,
  type ConnectionOpen,
  ConnectionOpenOk,
  ConnectionStart,
  type ConnectionStartOk,
  ConnectionTune,
  type ConnectionTuneOk,
  type ConnectionUpdateSecret,
  ConnectionUpdateSecretOk,
} from '../../../wire/amqp/methods.ts'
import { decodeText } from '../../../wire/amqp/text.ts'
import { WireError } from '../../../wire/schema/errors.ts'
import { noMethod } from '../assembly.ts'
import type { Connection } from '../connection.ts'
import { AmqpError, fail, textOf } from '../errors.ts'
import { limits } from '../limits.ts'
import { prefixOf } from '../names.ts'

const capabilities = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  consumer_priorities: true,
  authentication_failure_close: true,
  per_consumer_qos: true,
  direct_reply_to: true,
}

/** The first word is ours. */
export function start(connection: Connection): void {
  const { options, profile } = connection.broker
  connection.send(ConnectionStart, {
    versionMajor: 0,
    versionMinor: 9,
    serverProperties: tableOf({
      capabilities,
      cluster_name: options.clusterName ?? 'spillway',
      information: 'Spillway, speaking AMQP 0-9-1 as this version of RabbitMQ does',
      platform: 'Spillway',
      // Clients and their tests look for this name before they use RabbitMQ's extensions.
      product: options.product ?? 'RabbitMQ',
      version: profile.version,
    }),
    mechanisms: mechanismsFor(connection),
    locales: 'en_US',
  })
}

/** EXTERNAL only where the transport has seen a certificate. */
function mechanismsFor({ context, broker }: Connection): string {
  const anonymous = broker.profile.anonymous ? ' ANONYMOUS' : ''
  const external = context.peer.certificate === undefined ? '' : ' EXTERNAL'
  return `PLAIN AMQPLAIN${anonymous}${external}`
}

export function startOk(connection: Connection, request: ConnectionStartOk): void {
  const { mechanism } = request
  connection.clientProperties = request.clientProperties
  connection.cancelNotify = connection.capable('consumer_cancel_notify')
  const user = userOf(connection, mechanism, request.response)
  if (user === undefined) {
    refuseLogin(connection, mechanism)
    return
  }
  connection.user = user
  connection.mechanism = mechanism
  connection.state = 'tuning'
  connection.send(ConnectionTune, {
    channelMax: limits.channelMax,
    frameMax: limits.frameMax,
    heartbeat: connection.broker.options.heartbeatSeconds ?? limits.heartbeatSeconds,
  })
}

interface Login {
  readonly user: string
  readonly password: string
}

/** Who has come in, or undefined: nobody may. */
function userOf(connection: Connection, mechanism: string, response: Uint8Array) {
  const { access, options } = connection.broker
  const { peer } = connection.context
  const local = options.loopbackUsers ?? ['guest']
  const mayComeFrom = (user: string) => !local.includes(user) || isLoopback(peer.address)
  if (mechanism === 'EXTERNAL') {
    // RabbitMQ's setting decides for one of the two; here the user's name does.
    const { subject, commonName } = peer.certificate ?? {}
    const name = [subject, commonName].find(each => each !== undefined && access.isKnown(each))
    return name !== undefined && mayComeFrom(name) ? name : undefined
  }
  if (mechanism === 'ANONYMOUS' && connection.broker.profile.anonymous) {
    // As RabbitMQ: it is guest who comes in, from where guest may come, without a password.
    return access.user('guest') !== undefined && mayComeFrom('guest') ? 'guest' : undefined
  }
  const { user, password } = loginOf(mechanism, response)
  return mayComeFrom(user) && access.login(user, password, peer) ? user : undefined
}

/** Only a client that says that it understands gets connection.close; others see the end. */
function refuseLogin(connection: Connection, mechanism: string): void {
  const detail =
    `Login was refused using authentication mechanism ${mechanism}. ` +
    'For details see the broker logfile.'
  if (!connection.capable('authentication_failure_close')) throw new AmqpError(403, detail)
  connection.send(ConnectionClose, {
    replyCode: 403,
    replyText: textOf(403, detail),
    classId: 0,
    methodId: 0,
  })
  connection.state = 'closing'
}

function loginOf(mechanism: string, response: Uint8Array): Login {
  if (mechanism === 'PLAIN') return plainLogin(response)
  if (mechanism === 'AMQPLAIN') return amqplainLogin(response)
  fail(503, `unknown authentication mechanism '${mechanism}'`)
}

/** `NUL user NUL password`. */
function plainLogin(response: Uint8Array): Login {
  const second = response.indexOf(0, 1)
  if (response[0] !== 0 || second < 0 || response.indexOf(0, second + 1) >= 0) {
    throw new WireError(502, 'response invalid', 0)
  }
  return {
    user: decodeText(response.subarray(1, second)),
    password: decodeText(response.subarray(second + 1)),
  }
}

/** A field table without its length. */
function amqplainLogin(response: Uint8Array): Login {
  const writer = new ByteWriter(response.length + 4)
  writer.u32(response.length)
  writer.raw(response)
  const table = readTable(new ByteReader(writer.take()))
  return { user: loginField(table, 'LOGIN'), password: loginField(table, 'PASSWORD') }
}

function loginField(table: FieldTable, name: string): string {
  const field = fieldOf(table, name)
  if (field?.type !== 'S' && field?.type !== 'x') {
    throw new WireError(502, 'AMQPLAIN auth info is missing LOGIN or PASSWORD field', 0)
  }
  return typeof field.value === 'string' ? field.value : decodeText(field.value)
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}

export function tuneOk(connection: Connection, request: ConnectionTuneOk): void {
  const { profile } = connection.broker
  checkTuned('frame_max', request.frameMax, profile.frameMaxMin, limits.frameMax)
  checkTuned('channel_max', request.channelMax, 1, limits.channelMax)
  connection.tuned(request)
  connection.state = 'opening'
}

function checkTuned(field: string, value: number, min: number, max: number): void {
  const none = value === 0 && field === 'channel_max' ? ' (no limit)' : ''
  const what = `negotiated ${field} = ${value}${none} is`
  if (value !== 0 && value < min) {
    throw new AmqpError(530, `${what} lower than the minimum allowed value (${min})`, tune)
  }
  if (value === 0 || value > max) {
    throw new AmqpError(530, `${what} higher than the maximum allowed value (${max})`, tune)
  }
}

const tune = { classId: ConnectionTune.classId, methodId: ConnectionTune.methodId }

export function open(connection: Connection, request: ConnectionOpen): void {
  const vhost = request.virtualHost
  const { registry, access } = connection.broker
  if (registry.get('vhost', vhost) === undefined) fail(530, `vhost ${vhost} not found`)
  const { user } = connection
  if (!access.mayEnter(vhost, user))
    fail(530, `access to vhost '${vhost}' refused for user '${user}'`)
  checkConnectionLimits(connection, vhost)
  connection.vhost = vhost
  connection.grants = access.grants(vhost, user)
  connection.prefixBytes = encodeUtf8(prefixOf(vhost)).length
  connection.send(ConnectionOpenOk, {})
  connection.state = 'running'
}

function checkConnectionLimits(connection: Connection, vhost: string): void {
  const { access, members } = connection.broker
  const { user } = connection
  const perVhost = access.limit('vhost-limits', vhost, 'max-connections')
  const perUser = access.limit('user-limits', user, 'max-connections')
  if (perVhost === undefined && perUser === undefined) return
  const open = [...members].filter(({ state }) => state === 'running')
  if (perVhost !== undefined && open.filter(one => one.vhost === vhost).length >= perVhost) {
    const what = `access to vhost '${vhost}' refused for user '${user}'`
    fail(530, `${what}: connection limit (${perVhost}) is reached`)
  }
  if (perUser !== undefined && open.filter(one => one.user === user).length >= perUser) {
    const what = `Connection refused for user '${user}'`
    fail(530, `${what}: user connection limit (${perUser}) is reached`)
  }
}

/** Throws when one more channel would be too many for the connection, or for its user. */
export function checkChannelLimits({ channels, channelMax, user, broker }: Connection): void {
  const count = channels.size
  if (channelMax > 0 && count >= channelMax) {
    const text = `number of channels opened (${count}) has reached the negotiated channel_max`
    throw new AmqpError(530, `${text} (${channelMax})`, noMethod)
  }
  const limit = broker.access.limit('user-limits', user, 'max-channels')
  if (limit === undefined) return
  let open = 0
  for (const member of broker.members) if (member.user === user) open += member.channels.size
  if (open < limit) return
  const text = `number of channels opened for user '${user}' has reached the maximum allowed`
  throw new AmqpError(530, `${text} user limit of (${limit})`, noMethod)
}

export function close(connection: Connection): void {
  connection.closedByPeer()
}

/**
 * A new token for the same user. Users with a password have none that could run out, so there is
 * nothing to check (RabbitMQ's own users are handled so, too).
 */
export function updateSecret(connection: Connection, _request: ConnectionUpdateSecret): void {
  connection.send(ConnectionUpdateSecretOk, {})
}
