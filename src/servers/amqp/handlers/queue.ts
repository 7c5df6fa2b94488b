/**
 * queue.*: declare, bind, unbind, purge, delete. A queue is the engine's log with `queue` set.
 *
 * Supports: classic, quorum and stream, all arguments that the engine can serve, exclusive,
 * auto-delete, names of ours (`amq.gen-…`), passive.
 * Refuses: redefinition (406), other connections' exclusive queues (405).
 */

import { encodeUtf8 } from '../../../base/bytes.ts'
import type { LogInfo } from '../../../engine/model.ts'
import { type FieldTable, fieldOf } from '../../../wire/amqp/field-table.ts'
import {
  type QueueBind,
  QueueBindOk,
  type QueueDeclare,
  QueueDeclareOk,
  type QueueDelete,
  QueueDeleteOk,
  type QueuePurge,
  QueuePurgeOk,
  type QueueUnbind,
  QueueUnbindOk,
} from '../../../wire/amqp/methods.ts'
import { fail, locked, named, refuse } from '../errors.ts'
import { limits } from '../limits.ts'
import { queueDefinitionOf, queueTypeOf, textOf } from '../mapping.ts'
import { engineName, randomToken, replyQueue, stripLineEnds } from '../names.ts'
import { typeOf } from '../outgoing.ts'
import {
  checkQueueArguments,
  checkQueueEquivalence,
  checkQuorumProperties,
} from '../queue-arguments.ts'
import type { Channel } from '../session.ts'
import { changeBinding } from './exchange.ts'

/** Engine: createLog, or a comparison with the one that is there. */
export function declare(channel: Channel, request: QueueDeclare): void {
  const given = stripLineEnds(request.queue)
  if (given.startsWith(replyQueue)) {
    declareReply(channel, given, request.noWait)
    return
  }
  const { broker, vhost } = channel.host
  if (request.passive) {
    const info = broker.queueFor(channel.host, vhost, given, { touch: true })
    declared(channel, given, request.noWait, info)
    return
  }
  declareActive(channel, given, withDefaultType(channel, request))
}

function declareActive(channel: Channel, given: string, request: QueueDeclare): void {
  const { broker, vhost } = channel.host
  const name = given === '' ? newName(channel, request) : given
  if (given.startsWith('amq.')) fail(403, `queue name '${name}' contains reserved prefix 'amq.*'`)
  channel.host.grants.check('configure', 'queue', name)
  const known = broker.engine.log(engineName(vhost, name), { touch: true })
  if (known === undefined) create(channel, name, request)
  else checkEqual(channel, name, request, known)
  declared(channel, name, request.noWait, known)
}

/** A virtual host may have a type for queues that name none, if they could be of that type. */
function withDefaultType({ host }: Channel, request: QueueDeclare): QueueDeclare {
  const type = host.broker.registry.get('vhost', host.vhost)?.defaultQueueType
  if (type === undefined || fieldOf(request.arguments, 'x-queue-type') !== undefined) return request
  const { durable, exclusive, autoDelete } = request
  if (type !== 'classic' && (!durable || exclusive || autoDelete)) return request
  const own: FieldTable[number] = ['x-queue-type', { type: 'S', value: type }]
  return { ...request, arguments: [...request.arguments, own] }
}

function checkEqual(channel: Channel, name: string, request: QueueDeclare, known: LogInfo): void {
  const { broker, vhost } = channel.host
  const current = queueDefinitionOf(known.config, vhost)
  if (request.exclusive !== current.exclusive) locked(name, vhost)
  broker.checkOwner(channel.host, vhost, name, known)
  const received = { ...request, durable: request.durable || request.exclusive }
  const assumeClassic = broker.profile.name !== '3.13'
  checkQueueEquivalence(name, vhost, { received, current }, assumeClassic)
}

function create(channel: Channel, name: string, request: QueueDeclare): void {
  const { broker, vhost } = channel.host
  const what = named('queue', name, vhost)
  checkQueueArguments(name, vhost, request.arguments, broker.profile)
  const type = queueTypeOf(request.arguments)
  if (type !== 'classic') checkQuorumProperties(name, vhost, request)
  else if (!request.durable && !request.exclusive && !broker.profile.transientQueues) {
    fail(541, 'Feature `transient_nonexcl_queues` is deprecated.')
  }
  broker.checkQueueLimit(vhost, name)
  const deadLetters = textOf(request.arguments, 'x-dead-letter-exchange')
  if (deadLetters !== undefined) {
    channel.host.grants.check('read', 'queue', name)
    channel.host.grants.check('write', 'exchange', deadLetters)
  }
  const log = engineName(vhost, name)
  const outcome = broker.engine.createLog(log, broker.policies.logConfig(request, vhost, name))
  if (!outcome.ok) refuse(outcome.error, what, outcome.detail)
  if (outcome.value.config.dedupeWindowMs !== undefined) broker.deduplicates = true
  if (request.exclusive) {
    broker.owners.set(log, channel.host)
    channel.host.exclusives.add(log)
  } else {
    broker.owners.delete(log)
  }
}

function newName(channel: Channel, request: QueueDeclare): string {
  const type = queueTypeOf(request.arguments)
  if (type !== 'classic') {
    fail(406, `Cannot declare a server-named queue for type rabbit_${type}_queue`)
  }
  const prefix = textOf(request.arguments, 'x-name-prefix')
  if (prefix !== undefined && encodeUtf8(prefix).length > limits.namePrefixBytes) {
    fail(406, `Queue name prefix '${prefix}' exceeds the 64-byte limit`)
  }
  return `${prefix ?? 'amq.gen-'}${randomToken(channel.host.broker.options.random)}`
}

function declared(
  channel: Channel,
  queue: string,
  noWait: boolean,
  info: LogInfo | undefined,
): void {
  channel.lastQueue = queue
  if (noWait) return
  const { broker } = channel.host
  if (info !== undefined) broker.serve(info)
  let messageCount = info === undefined ? 0 : (broker.engine.log(info.name)?.ready ?? 0)
  let consumerCount = info?.subscribers ?? 0
  if (info !== undefined && typeOf(info) === 'stream') {
    messageCount = info.count
    consumerCount = broker.streamReaders.count(info.name)
  }
  channel.send(QueueDeclareOk, { queue, messageCount, consumerCount })
}

/** A reply queue is there while its consumer is. */
function declareReply(channel: Channel, queue: string, noWait: boolean): void {
  const { broker, vhost } = channel.host
  if (queue !== replyQueue && !broker.replies.has(queue)) {
    refuse('not-found', named('queue', queue, vhost))
  }
  channel.lastQueue = queue
  if (!noWait) channel.send(QueueDeclareOk, { queue, messageCount: 0, consumerCount: 1 })
}

/** The queue that a name means: an empty one is the last that this channel has declared. */
export function queueNamed(channel: Channel, name: string): string {
  if (name !== '') return stripLineEnds(name)
  if (channel.lastQueue === '') fail(404, 'no previously declared queue')
  return channel.lastQueue
}

export function bind(channel: Channel, request: QueueBind): void {
  changeBinding(channel, 'bind', bindingDefinition(channel, request))
  if (!request.noWait) channel.send(QueueBindOk, {})
}

export function unbind(channel: Channel, request: QueueUnbind): void {
  changeBinding(channel, 'unbind', bindingDefinition(channel, request))
  channel.send(QueueUnbindOk, {})
}

function bindingDefinition(channel: Channel, request: QueueUnbind) {
  const name = queueNamed(channel, request.queue)
  // Without a name and without a key, the queue's name is the key.
  const routingKey = request.queue === '' && request.routingKey === '' ? name : request.routingKey
  return {
    source: stripLineEnds(request.exchange),
    destination: { kind: 'queue', name },
    routingKey,
    arguments: request.arguments,
  } as const
}

/** Ready messages only; those on their way stay. Engine: trim. */
export function purge(channel: Channel, request: QueuePurge): void {
  const { broker, vhost } = channel.host
  const name = queueNamed(channel, request.queue)
  channel.host.grants.check('read', 'queue', name)
  const info = broker.queueFor(channel.host, vhost, name)
  if (typeOf(info) === 'stream') {
    const what = named('queue', name, vhost)
    fail(540, `queue.purge not supported by stream queues ${what}`)
  }
  broker.serve(info)
  const outcome = broker.engine.trim(info.name, { ready: true })
  if (!outcome.ok) refuse(outcome.error, named('queue', name, vhost), outcome.detail)
  if (!request.noWait) channel.send(QueuePurgeOk, { messageCount: outcome.value.count })
}

/** Deleting what is not there is done, with 0 messages. Engine: dropLog. */
export function remove(channel: Channel, request: QueueDelete): void {
  const { broker, vhost } = channel.host
  const name = queueNamed(channel, request.queue)
  channel.host.grants.check('configure', 'queue', name)
  const what = named('queue', name, vhost)
  const info = broker.engine.log(engineName(vhost, name))
  let messageCount = 0
  if (info !== undefined) {
    broker.checkOwner(channel.host, vhost, name, info)
    if (typeOf(info) === 'quorum') refuseConditions(what, request)
    broker.serve(info)
    const outcome = broker.engine.dropLog(info.name, {
      used: request.ifUnused,
      filled: request.ifEmpty,
    })
    if (!outcome.ok) refuse(outcome.error, what, outcome.detail)
    messageCount = outcome.value.ready
    channel.host.exclusives.delete(info.name)
    broker.owners.delete(info.name)
  }
  if (!request.noWait) channel.send(QueueDeleteOk, { messageCount })
}

function refuseConditions(what: string, request: QueueDelete): void {
  const flag = request.ifUnused ? 'if-unused' : request.ifEmpty ? 'if-empty' : undefined
  if (flag === undefined) return
  const text = `queue.delete operations with ${flag} flag set are not supported by quorum queues`
  fail(540, `cannot delete ${what}. ${text}`)
}
