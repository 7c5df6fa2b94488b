/**
 * Definitions: everything that is defined, as one JSON document, in RabbitMQ's format. What it has
 * written we read, and the other way round. Importing adds and changes, and takes nothing away.
 */

import type { Broker } from '../broker.ts'
import { type BindingDefinition, exchangeDefinitionOf, queueDefinitionOf } from '../mapping.ts'
import { engineName } from '../names.ts'
import { putVhost } from '../vhosts.ts'
import {
  badRequest,
  type Done,
  done,
  HttpRefusal,
  type JsonObject,
  type Request,
  tagsOf,
  textOf,
} from './http.ts'
import { tableFrom, tableJson } from './json.ts'
import {
  globalParameterViews,
  importParameter,
  parameterViews,
  policyViews,
  setPolicy,
} from './policies.ts'
import { bind, declareExchange, declareQueue, madeBindings } from './resources.ts'
import { namesIn } from './scope.ts'
import {
  permissionViews,
  putUser,
  setPermission,
  setTopicPermission,
  sortedUsers,
  topicPermissionViews,
  userView,
} from './users.ts'
import { bindingView } from './views.ts'

export function exportDefinitions(broker: Broker): JsonObject {
  const { version } = broker.profile
  const vhosts = broker.registry.list('vhost')
  const names = vhosts.map(entry => entry.names[0]!)
  const policies = names.flatMap(vhost => contents(broker, vhost))
  const all = (key: keyof Contents) => policies.flatMap(part => part[key])
  return {
    rabbit_version: version,
    rabbitmq_version: version,
    product_name: 'RabbitMQ',
    product_version: version,
    users: sortedUsers(broker).map(({ name, user }) => userView(broker, name, user)),
    vhosts: vhosts.map(({ names: [name], value: { description, tags, defaultQueueType } }) => ({
      name,
      description,
      tags,
      metadata: { description, tags },
      ...(defaultQueueType === undefined ? {} : { default_queue_type: defaultQueueType }),
    })),
    permissions: permissionViews(broker),
    topic_permissions: topicPermissionViews(broker),
    parameters: parameterViews(broker).filter(({ component }) => component !== 'policy'),
    global_parameters: globalParameterViews(broker),
    policies: policyViews(broker, 'policy'),
    queues: all('queues'),
    exchanges: all('exchanges'),
    bindings: all('bindings'),
  }
}

interface Contents {
  readonly queues: readonly JsonObject[]
  readonly exchanges: readonly JsonObject[]
  readonly bindings: readonly JsonObject[]
}

function contents(broker: Broker, vhost: string): Contents {
  const { engine } = broker
  const queues = namesIn(vhost, engine.logs()).flatMap(name => {
    const info = engine.log(engineName(vhost, name))
    if (info === undefined) return []
    const definition = queueDefinitionOf(info.config, vhost)
    // Those belong to a connection.
    if (definition.exclusive) return []
    const { durable, autoDelete, arguments: table } = definition
    return [{ name, vhost, durable, auto_delete: autoDelete, arguments: tableJson(table) }]
  })
  const exchanges = namesIn(vhost, engine.routes()).flatMap(name => {
    const info = engine.route(engineName(vhost, name))
    if (info === undefined || name.startsWith('amq.')) return []
    const {
      type,
      durable,
      autoDelete,
      internal,
      arguments: table,
    } = exchangeDefinitionOf(info.config, vhost)
    const plain = { name, vhost, type, durable, auto_delete: autoDelete, internal }
    return [{ ...plain, arguments: tableJson(table) }]
  })
  const known = new Set(queues.map(({ name }) => name))
  const bindings = madeBindings(broker, vhost)
    .filter(({ destination: { kind, name } }) => kind === 'exchange' || known.has(name))
    .map(binding => {
      const { properties_key: _, ...view } = bindingView(binding, vhost)
      return view
    })
  return { queues, exchanges, bindings }
}

/** Without what is not in the virtual host, and without its name. */
function exportVhost(broker: Broker, vhost: string): JsonObject {
  const without = (items: readonly JsonObject[]) => items.map(({ vhost: _, ...item }) => item)
  const own = (items: readonly JsonObject[]) => items.filter(item => item.vhost === vhost)
  const { queues, exchanges, bindings } = contents(broker, vhost)
  return {
    rabbit_version: broker.profile.version,
    parameters: own(parameterViews(broker)).filter(({ component }) => component !== 'policy'),
    policies: own(policyViews(broker, 'policy')),
    queues: without(queues),
    exchanges: without(exchanges),
    bindings: without(bindings),
  }
}

export function getDefinitions({ broker, params }: Request): JsonObject {
  const { vhost } = params
  if (vhost === undefined) return exportDefinitions(broker)
  checkVhost(broker, vhost)
  return exportVhost(broker, vhost)
}

function checkVhost(broker: Broker, vhost: string): void {
  if (broker.registry.get('vhost', vhost) !== undefined) return
  throw new HttpRefusal(404, 'not_found', 'vhost_not_found')
}

export function postDefinitions({ broker, params, body }: Request): Done {
  const { vhost } = params
  if (vhost !== undefined) checkVhost(broker, vhost)
  importDefinitions(broker, body(), vhost)
  return done
}

/**
 * Throws an `HttpRefusal` at the first thing that is wrong; what came before it stays. `vhost`: the
 * one for what does not name any.
 */
export function importDefinitions(broker: Broker, given: JsonObject, vhost?: string): void {
  const each = (key: string, apply: (item: JsonObject) => void): void => {
    const items = given[key]
    if (items === undefined) return
    if (!Array.isArray(items)) badRequest(`${key} is not a list`)
    for (const item of items) apply(vhost === undefined ? item : { vhost, ...item })
  }
  if (vhost === undefined) {
    each('users', item => putUser(broker, nameOf(item), { tags: '', ...item }))
    each('vhosts', item => importVhost(broker, item))
    each('permissions', item => setPermission(broker, ...vhostAndUser(item), item))
    each('topic_permissions', item => setTopicPermission(broker, ...vhostAndUser(item), item))
    each('global_parameters', item => {
      broker.registry.put('global-parameter', [nameOf(item)], item.value)
    })
  }
  each('parameters', item => importOne(broker, item))
  each('policies', item => setPolicy(broker, 'policy', [vhostIn(broker, item), nameOf(item)], item))
  each('queues', item => {
    const at = { vhost: vhostIn(broker, item), name: nameOf(item), user: undefined, body: item }
    if (broker.engine.log(engineName(at.vhost, at.name)) === undefined) declareQueue(broker, at)
  })
  each('exchanges', item => {
    const at = { vhost: vhostIn(broker, item), name: nameOf(item), user: undefined, body: item }
    const known = broker.engine.route(engineName(at.vhost, at.name)) !== undefined
    if (!known && at.name !== '') declareExchange(broker, at)
  })
  each('bindings', item => {
    const binding = bindingFrom(item)
    if (binding.source !== '') bind(broker, vhostIn(broker, item), undefined, binding)
  })
  for (const { names } of broker.registry.list('vhost')) broker.policies.apply(names[0]!)
}

function importVhost(broker: Broker, item: JsonObject): void {
  const metadata = (item.metadata ?? {}) as JsonObject
  const description = textOf(item, 'description', textOf(metadata, 'description', ''))
  const queueType = textOf(item, 'default_queue_type', '')
  putVhost(broker, nameOf(item), {
    description,
    tags: tagsOf(item.tags ?? metadata.tags),
    ...(queueType === '' || queueType === 'undefined' ? {} : { defaultQueueType: queueType }),
  })
}

/** Parameters of plugins that we do not have are passed over: a broker must start with them. */
function importOne(broker: Broker, item: JsonObject): void {
  const component = textOf(item, 'component', '')
  if (!['policy', 'operator_policy', 'vhost-limits'].includes(component)) return
  const value = item.value as JsonObject
  importParameter(broker, { component, vhost: vhostIn(broker, item), name: nameOf(item), value })
}

function nameOf(item: JsonObject): string {
  return typeof item.name === 'string' ? item.name : badRequest('[{key_missing,name}]')
}

function vhostIn(broker: Broker, item: JsonObject): string {
  const vhost = textOf(item, 'vhost', '/')
  if (broker.registry.get('vhost', vhost) === undefined) badRequest(['no_such_vhost', vhost])
  return vhost
}

function vhostAndUser(item: JsonObject): [vhost: string, user: string] {
  return [textOf(item, 'vhost', ''), textOf(item, 'user', '')]
}

function bindingFrom(item: JsonObject): BindingDefinition {
  const kind = item.destination_type === 'exchange' ? 'exchange' : 'queue'
  return {
    source: textOf(item, 'source', ''),
    destination: { kind, name: textOf(item, 'destination', '') },
    routingKey: textOf(item, 'routing_key', ''),
    arguments: tableFrom(item.arguments),
  }
}
