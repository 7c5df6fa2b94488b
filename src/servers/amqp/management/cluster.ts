/** The broker as a whole: overview, its one node, and whether it is well. */

import { consumings } from './connections.ts'
import { HttpRefusal, type JsonObject, List, notFound, type Request } from './http.ts'
import { openConnections } from './views.ts'

/** What is said of a check that fails. */
class Unwell extends HttpRefusal {
  readonly fields: JsonObject
  constructor(fields: JsonObject) {
    super(503, 'failed', fields.reason)
    this.fields = fields
  }
}

export function unwellBody(refusal: HttpRefusal): JsonObject | undefined {
  return refusal instanceof Unwell ? { status: 'failed', ...refusal.fields } : undefined
}

const exchangeTypes = ['direct', 'fanout', 'headers', 'topic'].map(name => ({
  name,
  description: `AMQP ${name} exchange, as per the AMQP specification`,
  enabled: true,
}))

interface Sums {
  ready: number
  leased: number
  appended: number
  delivered: number
  settled: number
  returned: number
}

function sum({ broker: { engine } }: Request): Sums {
  const sums: Sums = { ready: 0, leased: 0, appended: 0, delivered: 0, settled: 0, returned: 0 }
  for (const name of engine.logs()) {
    const info = engine.log(name)
    if (info === undefined) continue
    sums.ready += info.config.queue === undefined ? info.count : info.ready
    sums.leased += info.leased
    sums.appended += info.totals.appended
    sums.delivered += info.totals.delivered
    sums.settled += info.totals.settled
    sums.returned += info.totals.returned
  }
  return sums
}

export function overview(request: Request): JsonObject {
  const { broker, about } = request
  const { version } = broker.profile
  const connections = openConnections(broker)
  const channels = connections.reduce((count, one) => count + one.channels.size, 0)
  const sums = sum(request)
  const counted = (name: string, value: number): JsonObject => ({
    [name]: value,
    [`${name}_details`]: about.rates.read(`overview ${name}`, value),
  })
  return {
    management_version: version,
    rates_mode: 'basic',
    exchange_types: exchangeTypes,
    product_version: version,
    product_name: 'RabbitMQ',
    rabbitmq_version: version,
    cluster_name: clusterName(request),
    erlang_version: about.version,
    erlang_full_version: `Spillway ${about.version}`,
    disable_stats: false,
    enable_queue_totals: false,
    message_stats: {
      ...counted('ack', sums.settled),
      ...counted('confirm', sums.appended),
      ...counted('deliver', sums.delivered),
      ...counted('deliver_get', sums.delivered),
      ...counted('publish', sums.appended),
      ...counted('redeliver', sums.returned),
    },
    queue_totals: {
      ...counted('messages', sums.ready + sums.leased),
      ...counted('messages_ready', sums.ready),
      ...counted('messages_unacknowledged', sums.leased),
    },
    object_totals: {
      channels,
      connections: connections.length,
      consumers: consumings(broker).length,
      exchanges: broker.engine.routes().length + broker.registry.list('vhost').length,
      queues: broker.engine.logs().length,
    },
    statistics_db_event_queue: 0,
    node: about.nodeName,
    listeners: listenersOf(request),
    contexts: [],
  }
}

export function clusterName({ broker, about }: Request): string {
  const given = broker.registry.get('global-parameter', 'cluster_name')
  return typeof given === 'string' ? given : (broker.options.clusterName ?? about.nodeName)
}

export function getClusterName(request: Request): JsonObject {
  return { name: clusterName(request) }
}

function listenersOf({ about }: Request): JsonObject[] {
  return about.listeners().map(({ protocol, host, port }) => ({
    node: about.nodeName,
    protocol,
    ip_address: host,
    port,
    socket_opts: {},
  }))
}

function nodeView(request: Request): JsonObject {
  const { broker, about } = request
  const usage = about.usage()
  const { freeBytes } = broker.engine.stats()
  return {
    name: about.nodeName,
    running: true,
    type: 'disc',
    partitions: [],
    os_pid: String(usage.pid),
    fd_total: 1_048_576,
    fd_used: openConnections(broker).length,
    sockets_total: 1_048_576,
    sockets_used: openConnections(broker).length,
    mem_limit: usage.memoryLimitBytes,
    mem_used: usage.memoryBytes,
    mem_alarm: broker.alarms.includes('memory'),
    disk_free: freeBytes,
    disk_free_limit: about.diskFreeMin,
    disk_free_alarm: broker.alarms.includes('disk'),
    proc_total: 1_048_576,
    proc_used: 1,
    uptime: usage.uptimeMs,
    run_queue: 0,
    processors: usage.processors,
    rates_mode: 'basic',
    exchange_types: exchangeTypes,
    auth_mechanisms: ['PLAIN', 'AMQPLAIN', 'EXTERNAL'].map(name => ({
      name,
      description: `SASL ${name}`,
      enabled: true,
    })),
    applications: [],
    contexts: [],
    log_files: [],
    config_files: [],
    enabled_plugins: ['rabbitmq_management'],
    cluster_links: [],
    net_ticktime: 60,
  }
}

export function listNodes(request: Request): List {
  return new List([nodeView(request)])
}

export function getNode(request: Request): JsonObject {
  return request.params.name === request.about.nodeName ? nodeView(request) : notFound()
}

export function extensions(): readonly never[] {
  return []
}

export function auth(): JsonObject {
  return { enable_uaa: false, uaa_client_id: '', uaa_location: '' }
}

export function featureFlags(): readonly JsonObject[] {
  return ['quorum_queue', 'stream_queue', 'user_limits', 'virtual_host_metadata'].map(name => ({
    name,
    desc: '',
    doc_url: '',
    state: 'enabled',
    stability: 'stable',
    provided_by: 'rabbit',
  }))
}

// Health

export function well(): JsonObject {
  return { status: 'ok' }
}

export function alone(): JsonObject {
  return { status: 'ok', reason: 'single node cluster' }
}

export function alarms({ broker, about }: Request): JsonObject {
  if (broker.alarms.length === 0) return well()
  throw new Unwell({
    reason: 'There are alarms in effect in the cluster',
    alarms: broker.alarms.map(resource => ({ node: about.nodeName, resource })),
  })
}

export function portListener({ about, params }: Request): JsonObject {
  const port = Number(params.port)
  const ports = about.listeners().map(listener => listener.port)
  if (ports.includes(port)) return { status: 'ok', port }
  throw new Unwell({ reason: 'No active listener', missing: port, ports })
}

const protocolNames: { readonly [name: string]: string } = {
  amqp091: 'amqp',
  'amqp0.9.1': 'amqp',
  'amqp-0-9-1': 'amqp',
  amqps: 'amqp/ssl',
  https: 'https',
}

export function protocolListener({ about, params }: Request): JsonObject {
  const protocol = protocolNames[params.protocol!] ?? params.protocol!
  const protocols = about.listeners().map(listener => listener.protocol)
  if (protocols.includes(protocol)) return { status: 'ok', protocol }
  throw new Unwell({ reason: 'No active listener', missing: protocol, protocols })
}
