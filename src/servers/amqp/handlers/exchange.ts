/**
 * exchange.*: declare, delete, and bindings between exchanges. An exchange is the engine's route.
 *
 * Supports: direct, fanout, topic, headers, and plugins' types (`exchange-types.ts`);
 * alternate-exchange, internal, auto-delete.
 * Refuses: other types, redefinition (406), names that begin with `amq.` (403).
 */

import { fieldOf, fieldTypeNames } from '../../../wire/amqp/field-table.ts'
import {
  type ExchangeBind,
  ExchangeBindOk,
  type ExchangeDeclare,
  ExchangeDeclareOk,
  type ExchangeDelete,
  ExchangeDeleteOk,
  type ExchangeUnbind,
  ExchangeUnbindOk,
} from '../../../wire/amqp/methods.ts'
import { deduplicationTable } from '../deduplication.ts'
import { fail, named, refuse } from '../errors.ts'
import { checkExchangeArguments, routeKindOf } from '../exchange-types.ts'
import { type BindingDefinition, bindingOf, exchangeDefinitionOf } from '../mapping.ts'
import { engineName, stripLineEnds } from '../names.ts'
import { checkExchangeEquivalence, checkMatch } from '../queue-arguments.ts'
import type { Channel } from '../session.ts'

/** Engine: createRoute, or a comparison with the one that is there. */
export function declare(channel: Channel, request: ExchangeDeclare): void {
  const name = stripLineEnds(request.exchange)
  if (request.passive) {
    refuseDefault(name)
    routeOf(channel, name)
  } else {
    declareActive(channel, name, request)
  }
  if (!request.noWait) channel.send(ExchangeDeclareOk, {})
}

function declareActive(channel: Channel, name: string, request: ExchangeDeclare): void {
  const { broker, vhost } = channel.host
  checkType(channel, request)
  refuseDefault(name)
  channel.host.grants.check('configure', 'exchange', name)
  const known = broker.engine.route(engineName(vhost, name))
  if (known !== undefined) {
    const current = exchangeDefinitionOf(known.config, vhost)
    checkExchangeEquivalence(name, vhost, { received: request, current })
    return
  }
  if (name.startsWith('amq.')) {
    fail(403, `exchange name '${name}' contains reserved prefix 'amq.*'`)
  }
  const alternate = fieldOf(request.arguments, 'alternate-exchange')
  const what = named('exchange', name, vhost)
  if (alternate !== undefined && alternate.type !== 'S') {
    const type = fieldTypeNames[alternate.type]
    fail(406, `invalid type '${type}' for arg 'alternate-exchange' in ${what}`)
  }
  if (typeof alternate?.value === 'string') {
    channel.host.grants.check('read', 'exchange', name)
    channel.host.grants.check('write', 'exchange', alternate.value)
  }
  const route = engineName(vhost, name)
  const config = broker.policies.routeConfig(request, vhost, name)
  const outcome = broker.engine.createRoute(route, config)
  if (!outcome.ok) refuse(outcome.error, what, outcome.detail)
  broker.noteExchange(route, request)
}

function checkType(channel: Channel, request: ExchangeDeclare): void {
  const { type } = request
  checkExchangeArguments(type, request.arguments)
  const { unknownTypeIsPrecondition, localRandom } = channel.host.broker.profile
  const isLater = type === 'x-local-random' && !localRandom
  if (routeKindOf(type, request.arguments) !== undefined && !isLater) return
  fail(unknownTypeIsPrecondition ? 406 : 503, `unknown exchange type '${type}'`)
}

/** Deleting what is not there is done. Engine: dropRoute. */
export function remove(channel: Channel, request: ExchangeDelete): void {
  const { broker, vhost } = channel.host
  const name = stripLineEnds(request.exchange)
  refuseDefault(name)
  const what = named('exchange', name, vhost)
  if (name.startsWith('amq.')) fail(403, `deletion of system ${what} not allowed`)
  channel.host.grants.check('configure', 'exchange', name)
  const route = engineName(vhost, name)
  const outcome = broker.engine.dropRoute(route, request.ifUnused ? { used: true } : undefined)
  if (!outcome.ok && outcome.error !== 'not-found') refuse(outcome.error, what, outcome.detail)
  if (outcome.ok) {
    broker.noteExchange(route, undefined)
    const table = deduplicationTable(route)
    if (broker.engine.table(table) !== undefined) broker.engine.dropTable(table)
  }
  if (!request.noWait) channel.send(ExchangeDeleteOk, {})
}

export function bind(channel: Channel, request: ExchangeBind): void {
  changeBinding(channel, 'bind', definitionOf(request))
  if (!request.noWait) channel.send(ExchangeBindOk, {})
}

export function unbind(channel: Channel, request: ExchangeUnbind): void {
  changeBinding(channel, 'unbind', definitionOf(request))
  if (!request.noWait) channel.send(ExchangeUnbindOk, {})
}

function definitionOf(request: ExchangeBind): BindingDefinition {
  return {
    source: stripLineEnds(request.source),
    destination: { kind: 'exchange', name: stripLineEnds(request.destination) },
    routingKey: request.routingKey,
    arguments: request.arguments,
  }
}

/** For queue.bind and unbind, too. Taking off what is not bound is done. Engine: bind, unbind. */
export function changeBinding(
  channel: Channel,
  verb: 'bind' | 'unbind',
  definition: BindingDefinition,
): void {
  const { broker, vhost } = channel.host
  const { source, destination } = definition
  const { grants } = channel.host
  grants.check('write', destination.kind, destination.name)
  if (destination.kind === 'exchange') refuseDefault(destination.name)
  refuseDefault(source)
  grants.check('read', 'exchange', source)
  grants.checkTopicRead(source, definition.routingKey)
  const route = broker.engine.route(engineName(vhost, source))
  const target = engineName(vhost, destination.name)
  const found =
    destination.kind === 'queue' ? broker.engine.log(target) : broker.engine.route(target)
  if (verb === 'unbind' && (route === undefined || found === undefined)) return
  if (route === undefined) refuse('not-found', named('exchange', source, vhost))
  const what = named(destination.kind, destination.name, vhost)
  if (found === undefined) refuse('not-found', what)
  if (destination.kind === 'queue') {
    broker.queueFor(channel.host, vhost, destination.name)
  }
  const { kind } = route.config
  const { type } = exchangeDefinitionOf(route.config, vhost)
  if (kind === 'attributes' && verb === 'bind') checkMatch(definition.arguments)
  const outcome = broker.engine[verb](bindingOf(definition, vhost, kind, type))
  if (!outcome.ok && !(verb === 'unbind' && outcome.error === 'not-found')) {
    refuse(outcome.error, what, outcome.detail)
  }
}

function refuseDefault(name: string): void {
  if (name === '') fail(403, 'operation not permitted on the default exchange')
}

function routeOf(channel: Channel, name: string): void {
  const { broker, vhost } = channel.host
  if (broker.engine.route(engineName(vhost, name)) === undefined) {
    refuse('not-found', named('exchange', name, vhost))
  }
}
