/**
 * The table of contents of the management API: path → who may → methods. The paths, the statuses
 * and the shapes are RabbitMQ's.
 */

import * as cluster from './cluster.ts'
import * as connections from './connections.ts'
import * as definitions from './definitions.ts'
import { done, type Request } from './http.ts'
import * as messages from './messages.ts'
import * as policies from './policies.ts'
import * as resources from './resources.ts'
import * as users from './users.ts'
import * as vhosts from './vhosts.ts'

/**
 * Who may: anybody with a tag; who may enter the virtual host of the path as well; or who has the
 * tag, or a higher one.
 */
export type Gate = 'management' | 'vhost' | 'policymaker' | 'monitoring' | 'administrator'

export type Handler = (request: Request) => unknown

export interface Route {
  readonly path: readonly string[]
  /** Those that read, and those that change, when they differ. */
  readonly gate: Gate
  readonly writeGate: Gate
  readonly methods: { readonly [method: string]: Handler }
}

function route(
  path: string,
  gate: Gate | readonly [read: Gate, write: Gate],
  methods: Route['methods'],
): Route {
  const [read, write] = typeof gate === 'string' ? [gate, gate] : gate
  return { path: path.split('/'), gate: read, writeGate: write, methods }
}

const { listPolicies, getPolicy, putPolicy, deletePolicy } = policies
const { listLimits, putLimit, deleteLimit } = vhosts

function policyRoutes(name: string, kind: policies.PolicyKind, write: Gate): Route[] {
  return [
    route(name, 'management', { GET: listPolicies(kind) }),
    route(`${name}/:vhost`, 'vhost', { GET: listPolicies(kind) }),
    route(`${name}/:vhost/:name`, ['vhost', write], {
      GET: getPolicy(kind),
      PUT: putPolicy(kind),
      DELETE: deletePolicy(kind),
    }),
  ]
}

function limitRoutes(name: 'vhost-limits' | 'user-limits'): Route[] {
  return [
    route(name, 'administrator', { GET: listLimits(name) }),
    route(`${name}/:name`, 'administrator', { GET: listLimits(name) }),
    route(`${name}/:name/:limit`, 'administrator', {
      PUT: putLimit(name),
      DELETE: deleteLimit(name),
    }),
  ]
}

export const routes: readonly Route[] = [
  route('overview', 'management', { GET: cluster.overview }),
  route('cluster-name', 'management', { GET: cluster.getClusterName }),
  route('nodes', 'monitoring', { GET: cluster.listNodes }),
  route('nodes/:name', 'monitoring', { GET: cluster.getNode }),
  route('extensions', 'management', { GET: cluster.extensions }),
  route('feature-flags', 'management', { GET: cluster.featureFlags }),
  route('auth', 'management', { GET: cluster.auth }),
  route('whoami', 'management', { GET: users.whoami }),
  route('aliveness-test/:vhost', 'vhost', { GET: messages.aliveness }),
  route('healthchecks/node', 'management', { GET: cluster.alarms }),
  route('healthchecks/node/:name', 'management', { GET: cluster.alarms }),
  route('health/checks/alarms', 'management', { GET: cluster.alarms }),
  route('health/checks/local-alarms', 'management', { GET: cluster.alarms }),
  route('health/checks/certificate-expiration/:within/:unit', 'management', { GET: cluster.well }),
  route('health/checks/port-listener/:port', 'management', { GET: cluster.portListener }),
  route('health/checks/protocol-listener/:protocol', 'management', {
    GET: cluster.protocolListener,
  }),
  route('health/checks/virtual-hosts', 'management', { GET: cluster.well }),
  route('health/checks/ready-to-serve-clients', 'management', { GET: cluster.well }),
  route('health/checks/is-in-service', 'management', { GET: cluster.well }),
  route('health/checks/node-is-mirror-sync-critical', 'management', { GET: cluster.alone }),
  route('health/checks/node-is-quorum-critical', 'management', { GET: cluster.alone }),
  route('rebalance/queues', 'administrator', { POST: () => done }),

  route('definitions', 'administrator', {
    GET: definitions.getDefinitions,
    POST: definitions.postDefinitions,
  }),
  route('definitions/:vhost', 'administrator', {
    GET: definitions.getDefinitions,
    POST: definitions.postDefinitions,
  }),

  route('connections', 'management', { GET: connections.listConnections }),
  route('connections/username/:user', 'administrator', {
    GET: connections.listUserConnections,
    DELETE: connections.closeUserConnections,
  }),
  route('connections/:name', 'management', {
    GET: connections.getConnection,
    DELETE: connections.closeConnection,
  }),
  route('connections/:name/channels', 'management', { GET: connections.listConnectionChannels }),
  route('channels', 'management', { GET: connections.listChannels }),
  route('channels/:name', 'management', { GET: connections.getChannel }),
  route('consumers', 'management', { GET: connections.listConsumers }),
  route('consumers/:vhost', 'vhost', { GET: connections.listConsumers }),

  route('exchanges', 'management', { GET: resources.listExchanges }),
  route('exchanges/:vhost', 'vhost', { GET: resources.listExchanges }),
  route('exchanges/:vhost/:name', 'vhost', {
    GET: resources.getExchange,
    PUT: resources.putExchange,
    DELETE: resources.deleteExchange,
  }),
  route('exchanges/:vhost/:name/publish', 'vhost', { POST: messages.publishMessage }),
  route('exchanges/:vhost/:name/bindings/source', 'vhost', { GET: resources.listSourceBindings }),
  route('exchanges/:vhost/:name/bindings/destination', 'vhost', {
    GET: resources.listDestinationBindings,
  }),
  route('queues', 'management', { GET: resources.listQueues }),
  route('queues/:vhost', 'vhost', { GET: resources.listQueues }),
  route('queues/:vhost/:name', 'vhost', {
    GET: resources.getQueue,
    PUT: resources.putQueue,
    DELETE: resources.deleteQueue,
  }),
  route('queues/:vhost/:name/contents', 'vhost', { DELETE: resources.purgeQueue }),
  route('queues/:vhost/:name/get', 'vhost', { POST: messages.getMessages }),
  route('queues/:vhost/:name/actions', 'vhost', { POST: resources.queueAction }),
  route('queues/:vhost/:name/bindings', 'vhost', { GET: resources.listQueueBindings }),
  route('bindings', 'management', { GET: resources.listBindings }),
  route('bindings/:vhost', 'vhost', { GET: resources.listBindings }),
  route('bindings/:vhost/e/:source/:kind/:destination', 'vhost', {
    GET: resources.listBindingsBetween,
    POST: resources.postBinding,
  }),
  route('bindings/:vhost/e/:source/:kind/:destination/:properties', 'vhost', {
    GET: resources.getBinding,
    DELETE: resources.deleteBinding,
  }),

  route('vhosts', 'management', { GET: vhosts.listVhosts }),
  route('vhosts/:name', ['management', 'administrator'], {
    GET: vhosts.getVhost,
    PUT: vhosts.putVhostNamed,
    DELETE: vhosts.deleteVhost,
  }),
  route('vhosts/:vhost/permissions', 'administrator', { GET: users.listPermissions }),
  route('vhosts/:vhost/topic-permissions', 'administrator', { GET: users.listTopicPermissions }),
  route('vhosts/:vhost/connections', 'vhost', { GET: connections.listConnections }),
  route('vhosts/:vhost/channels', 'vhost', { GET: connections.listChannels }),
  route('vhosts/:vhost/start/:node', 'administrator', { POST: () => done }),
  route('users', 'administrator', { GET: users.listUsers }),
  route('users/without-permissions', 'administrator', { GET: users.listUsersWithoutPermissions }),
  route('users/bulk-delete', 'administrator', { POST: users.deleteUsers }),
  route('users/:name', 'administrator', {
    GET: users.getUser,
    PUT: users.putUserNamed,
    DELETE: users.deleteUser,
  }),
  route('users/:user/permissions', 'administrator', { GET: users.listPermissions }),
  route('users/:user/topic-permissions', 'administrator', { GET: users.listTopicPermissions }),
  route('permissions', 'administrator', { GET: users.listPermissions }),
  route('permissions/:vhost/:user', 'administrator', {
    GET: users.getPermission,
    PUT: users.putPermission,
    DELETE: users.deletePermission,
  }),
  route('topic-permissions', 'administrator', { GET: users.listTopicPermissions }),
  route('topic-permissions/:vhost/:user', 'administrator', {
    GET: users.getTopicPermissions,
    PUT: users.putTopicPermission,
    DELETE: users.deleteTopicPermission,
  }),
  route('topic-permissions/:vhost/:user/:exchange', 'administrator', {
    DELETE: users.deleteTopicPermission,
  }),
  ...limitRoutes('vhost-limits'),
  ...limitRoutes('user-limits'),

  ...policyRoutes('policies', 'policy', 'policymaker'),
  ...policyRoutes('operator-policies', 'operator-policy', 'administrator'),
  route('parameters', 'policymaker', { GET: policies.listParameters }),
  route('parameters/:component', 'policymaker', { GET: policies.listParameters }),
  route('parameters/:component/:vhost', 'policymaker', { GET: policies.listParameters }),
  route('parameters/:component/:vhost/:name', 'policymaker', {
    GET: policies.getParameter,
    PUT: policies.putParameter,
    DELETE: policies.deleteParameter,
  }),
  route('global-parameters', 'policymaker', { GET: policies.listGlobalParameters }),
  route('global-parameters/:name', ['policymaker', 'administrator'], {
    GET: policies.getGlobalParameter,
    PUT: policies.putGlobalParameter,
    DELETE: policies.deleteGlobalParameter,
  }),
]

/** The route that a path means, a literal part before a named one, and what it names. */
export function findRoute(parts: readonly string[]) {
  for (const found of routes) {
    if (found.path.length !== parts.length) continue
    const params: { [name: string]: string } = {}
    const fits = found.path.every((part, index) => {
      if (!part.startsWith(':')) return part === parts[index]
      params[part.slice(1)] = parts[index]!
      return true
    })
    if (fits && (params.kind === undefined || ['e', 'q'].includes(params.kind))) {
      return { route: found, params }
    }
  }
  return undefined
}
