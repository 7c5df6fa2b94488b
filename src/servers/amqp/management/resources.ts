/** Queues, exchanges, bindings: listed, declared, deleted, with the handlers that clients have. */

import type { Broker } from '../broker.ts'
import * as exchanges from '../handlers/exchange.ts'
import * as queues from '../handlers/queue.ts'
import { type BindingDefinition, bindingDefinitionOf } from '../mapping.ts'
import { engineName } from '../names.ts'
import { consumings } from './connections.ts'
import { asHttp, directChannel } from './direct.ts'
import {
  badRequest,
  created,
  Done,
  done,
  flagOf,
  HttpRefusal,
  type JsonObject,
  List,
  notFound,
  type Request,
  required,
  textOf,
} from './http.ts'
import { tableFrom } from './json.ts'
import { namesIn, vhostsOf } from './scope.ts'
import { bindingView, consumerView, exchangeView, propertiesKey, queueView } from './views.ts'

function vhostOf(request: Request): string {
  const vhost = request.params.vhost!
  if (request.broker.registry.get('vhost', vhost) !== undefined) return vhost
  throw new HttpRefusal(404, 'not_found', 'vhost_not_found')
}

// Queues

export function listQueues(request: Request): List {
  const { engine } = request.broker
  const items: JsonObject[] = []
  for (const vhost of vhostsOf(request)) {
    for (const name of namesIn(vhost, engine.logs())) {
      const info = engine.log(engineName(vhost, name))
      if (info !== undefined) items.push(queueView(request, vhost, name, info))
    }
  }
  return new List(items)
}

export function getQueue(request: Request): JsonObject {
  const { vhost, name } = request.params as { vhost: string; name: string }
  const info = request.broker.engine.log(engineName(vhost, name)) ?? notFound()
  const own = consumings(request.broker).filter(
    ({ connection, queue }) => connection.vhost === vhost && queue === name,
  )
  return {
    consumer_details: own.map(consuming => consumerView(request, consuming)),
    ...queueView(request, vhost, name, info),
    deliveries: [],
    incoming: [],
  }
}

export function putQueue(request: Request): Done {
  const vhost = vhostOf(request)
  const name = request.params.name!
  const isNew = request.broker.engine.log(engineName(vhost, name)) === undefined
  declareQueue(request.broker, { vhost, name, user: request.user, body: request.body() })
  return created(isNew)
}

export interface Declaration {
  readonly vhost: string
  readonly name: string
  /** Undefined: with all rights. */
  readonly user: string | undefined
  readonly body: JsonObject
}

export function declareQueue(broker: Broker, { vhost, name, user, body }: Declaration): void {
  const channel = directChannel(broker, vhost, user)
  const table = tableFrom(body.arguments)
  asHttp(() =>
    queues.declare(channel, {
      queue: name,
      passive: false,
      durable: flagOf(body, 'durable'),
      exclusive: false,
      autoDelete: flagOf(body, 'auto_delete'),
      noWait: true,
      arguments: table,
    }),
  )
}

export function deleteQueue(request: Request): Done {
  const { vhost, name } = request.params as { vhost: string; name: string }
  const { query, broker, user } = request
  if (broker.engine.log(engineName(vhost, name)) === undefined) notFound()
  const channel = directChannel(broker, vhost, user)
  const ifUnused = query.get('if-unused') === 'true'
  const ifEmpty = query.get('if-empty') === 'true'
  asHttp(() => queues.remove(channel, { queue: name, ifUnused, ifEmpty, noWait: true }))
  return done
}

export function purgeQueue(request: Request): Done {
  const { vhost, name } = request.params as { vhost: string; name: string }
  const { broker, user } = request
  if (broker.engine.log(engineName(vhost, name)) === undefined) notFound()
  asHttp(() => queues.purge(directChannel(broker, vhost, user), { queue: name, noWait: true }))
  return done
}

/** Synchronising mirrors is done at once where there are none. */
export function queueAction(request: Request): Done {
  const { vhost, name } = request.params as { vhost: string; name: string }
  if (request.broker.engine.log(engineName(vhost, name)) === undefined) notFound()
  const body = request.body()
  required(body, 'action')
  if (body.action !== 'sync' && body.action !== 'cancel_sync') badRequest(['unknown', body.action])
  return done
}

// Exchanges

/** The default exchange goes by a name in paths. */
export function exchangeName(name: string): string {
  return name === 'amq.default' ? '' : name
}

export function listExchanges(request: Request): List {
  const { engine } = request.broker
  const items: JsonObject[] = []
  for (const vhost of vhostsOf(request)) {
    for (const name of ['', ...namesIn(vhost, engine.routes())]) {
      const info = engine.route(engineName(vhost, name))
      if (info !== undefined) items.push(exchangeView(request, vhost, name, info))
    }
  }
  return new List(items)
}

function existingExchange({ broker, params }: Request) {
  const vhost = params.vhost!
  const name = exchangeName(params.name!)
  if (broker.registry.get('vhost', vhost) === undefined) notFound()
  return { vhost, name, info: broker.engine.route(engineName(vhost, name)) ?? notFound() }
}

export function getExchange(request: Request): JsonObject {
  const { vhost, name, info } = existingExchange(request)
  return { ...exchangeView(request, vhost, name, info), incoming: [], outgoing: [] }
}

export function putExchange(request: Request): Done {
  const vhost = vhostOf(request)
  const name = request.params.name!
  const isNew = request.broker.engine.route(engineName(vhost, name)) === undefined
  declareExchange(request.broker, { vhost, name, user: request.user, body: request.body() })
  return created(isNew)
}

export function declareExchange(broker: Broker, { vhost, name, user, body }: Declaration): void {
  const channel = directChannel(broker, vhost, user)
  const table = tableFrom(body.arguments)
  asHttp(() =>
    exchanges.declare(channel, {
      exchange: name,
      type: textOf(body, 'type', 'direct'),
      passive: false,
      durable: flagOf(body, 'durable'),
      autoDelete: flagOf(body, 'auto_delete'),
      internal: flagOf(body, 'internal'),
      noWait: true,
      arguments: table,
    }),
  )
}

export function deleteExchange(request: Request): Done {
  const { vhost, name } = existingExchange(request)
  const channel = directChannel(request.broker, vhost, request.user)
  const ifUnused = request.query.get('if-unused') === 'true'
  asHttp(() => exchanges.remove(channel, { exchange: name, ifUnused, noWait: true }))
  return done
}

// Bindings

/** Those that were made, and for each queue the one to the default exchange that it always has. */
function bindingsIn(broker: Broker, vhost: string): BindingDefinition[] {
  const { engine } = broker
  const implicit = namesIn(vhost, engine.logs()).map(implicitBinding)
  const made = namesIn(vhost, engine.routes()).flatMap(name =>
    (engine.route(engineName(vhost, name))?.bindings ?? []).flatMap(
      binding => bindingDefinitionOf(binding, vhost) ?? [],
    ),
  )
  return [...implicit, ...made]
}

function implicitBinding(name: string): BindingDefinition {
  return { source: '', destination: { kind: 'queue', name }, routingKey: name, arguments: [] }
}

/** Bindings that were made, for definitions. */
export function madeBindings(broker: Broker, vhost: string): BindingDefinition[] {
  return bindingsIn(broker, vhost).filter(({ source }) => source !== '')
}

function listed(request: Request, keep: (binding: BindingDefinition) => boolean): List {
  return new List(
    vhostsOf(request).flatMap(vhost =>
      bindingsIn(request.broker, vhost)
        .filter(keep)
        .map(binding => bindingView(binding, vhost)),
    ),
  )
}

export function listBindings(request: Request): List {
  return listed(request, () => true)
}

export function listQueueBindings(request: Request): List {
  const { vhost, name } = request.params as { vhost: string; name: string }
  if (request.broker.engine.log(engineName(vhost, name)) === undefined) notFound()
  return listed(request, ({ destination: { kind, name: to } }) => kind === 'queue' && to === name)
}

export function listSourceBindings(request: Request): List {
  const { name } = existingExchange(request)
  return listed(request, ({ source }) => source === name)
}

export function listDestinationBindings(request: Request): List {
  const { name } = existingExchange(request)
  return listed(request, ({ destination }) => {
    return destination.kind === 'exchange' && destination.name === name
  })
}

interface Between {
  readonly vhost: string
  readonly source: string
  readonly destination: BindingDefinition['destination']
}

function between(request: Request): Between {
  const { vhost, source, destination } = request.params as { [name: string]: string }
  const isQueue = request.params.kind === 'q'
  return {
    vhost: vhost!,
    source: exchangeName(source!),
    destination: isQueue
      ? { kind: 'queue', name: destination! }
      : { kind: 'exchange', name: exchangeName(destination!) },
  }
}

function bindingsBetween(request: Request): BindingDefinition[] {
  const { vhost, source, destination } = between(request)
  const { engine, registry } = request.broker
  if (registry.get('vhost', vhost) === undefined) notFound()
  const target = engineName(vhost, destination.name)
  const known = destination.kind === 'queue' ? engine.log(target) : engine.route(target)
  if (known === undefined || engine.route(engineName(vhost, source)) === undefined) notFound()
  return bindingsIn(request.broker, vhost).filter(
    binding =>
      binding.source === source &&
      binding.destination.kind === destination.kind &&
      binding.destination.name === destination.name,
  )
}

export function listBindingsBetween(request: Request): List {
  const { vhost } = request.params
  return new List(bindingsBetween(request).map(binding => bindingView(binding, vhost!)))
}

export function postBinding(request: Request): Done {
  const { vhost, source, destination } = between(request)
  const body = request.body()
  const binding: BindingDefinition = {
    source,
    destination,
    routingKey: textOf(body, 'routing_key', ''),
    arguments: tableFrom(body.arguments),
  }
  bind(request.broker, vhostOf(request), request.user, binding)
  const key = encodeURIComponent(propertiesKey(binding))
  return new Done(201, `${encodeURIComponent(request.params.destination ?? vhost)}/${key}`)
}

export function bind(
  broker: Broker,
  vhost: string,
  user: string | undefined,
  binding: BindingDefinition,
): void {
  const channel = directChannel(broker, vhost, user)
  asHttp(() => exchanges.changeBinding(channel, 'bind', binding))
}

function oneBinding(request: Request): BindingDefinition {
  const { properties } = request.params
  const found = bindingsBetween(request).find(binding => {
    // Some clients decode the key, some do not.
    const key = propertiesKey(binding)
    return key === properties || decodeURIComponent(key) === properties
  })
  return found ?? notFound()
}

export function getBinding(request: Request): JsonObject {
  return bindingView(oneBinding(request), request.params.vhost!)
}

export function deleteBinding(request: Request): Done {
  const binding = oneBinding(request)
  const channel = directChannel(request.broker, request.params.vhost!, request.user)
  asHttp(() => exchanges.changeBinding(channel, 'unbind', binding))
  return done
}
