/**
 * `/metrics` as RabbitMQ's Prometheus plugin has it, under the same names: sums of everything, and
 * for `/metrics/per-object` each queue by itself. The sums name nobody's queue, so they want no
 * password, as there; what is by queue does. Text exposition format 0.0.4.
 */

import type { LogInfo } from '../../../engine/model.ts'
import type { Broker } from '../broker.ts'
import { nameIn } from '../names.ts'
import { consumings } from './connections.ts'
import type { About } from './server.ts'
import { openConnections } from './views.ts'

export const prometheusType = 'text/plain; version=0.0.4; charset=utf-8'

interface Sample {
  readonly labels: string
  readonly value: number
}

class Exposition {
  #text = ''

  add(name: string, kind: 'gauge' | 'counter', help: string, samples: readonly Sample[]): void {
    const metric = `rabbitmq_${name}`
    this.#text += `# TYPE ${metric} ${kind}\n# HELP ${metric} ${help}\n`
    for (const { labels, value } of samples) {
      this.#text += `${metric}${labels === '' ? '' : `{${labels}}`} ${value}\n`
    }
  }

  get text(): string {
    return this.#text
  }
}

/** What each queue has, by the name of its metric. */
const queueMetrics: readonly (readonly [string, 'gauge' | 'counter', string, Read])[] = [
  ['queue_messages_ready', 'gauge', 'Messages ready to be delivered to consumers', readyOf],
  [
    'queue_messages_unacked',
    'gauge',
    'Messages delivered to consumers but not yet acknowledged',
    one => one.leased,
  ],
  [
    'queue_messages',
    'gauge',
    'Sum of ready and unacknowledged messages - total queue depth',
    one => readyOf(one) + one.leased,
  ],
  [
    'queue_message_bytes',
    'gauge',
    'Size in bytes of ready and unacknowledged messages',
    one => one.bytes,
  ],
  [
    'queue_messages_published_total',
    'counter',
    'Total number of messages published to queues',
    one => one.totals.appended,
  ],
]
type Read = (info: LogInfo) => number

function readyOf(info: LogInfo): number {
  return info.config.queue === undefined ? info.count : info.ready
}

export function exposition(broker: Broker, about: About, perObject: boolean): string {
  const out = new Exposition()
  const infos = broker.engine.logs().flatMap(name => broker.engine.log(name) ?? [])
  addNode(out, broker, about)
  for (const [name, kind, help, read] of queueMetrics) {
    const samples = perObject
      ? infos.map(info => ({ labels: labelsOf(broker, info.name), value: read(info) }))
      : [plain(infos.reduce((sum, info) => sum + read(info), 0))]
    out.add(name, kind, help, samples)
  }
  addTotals(out, infos)
  return out.text
}

function addNode(out: Exposition, broker: Broker, about: About): void {
  const { version } = broker.profile
  const connections = openConnections(broker)
  const channels = connections.reduce((sum, one) => sum + one.channels.size, 0)
  const { memoryBytes, memoryLimitBytes } = about.usage()
  const { engine } = broker
  const gauge = (name: string, help: string, value: number): void => {
    out.add(name, 'gauge', help, [plain(value)])
  }
  const build = { rabbitmq_version: version, product_name: 'RabbitMQ', product_version: version }
  out.add('build_info', 'gauge', 'RabbitMQ & Erlang/OTP version info', [
    { labels: labelText(build), value: 1 },
  ])
  const identity = { rabbitmq_node: about.nodeName, rabbitmq_cluster: about.nodeName }
  out.add('identity_info', 'gauge', 'RabbitMQ node & cluster identity info', [
    { labels: labelText(identity), value: 1 },
  ])
  gauge('connections', 'Connections currently open', connections.length)
  gauge('channels', 'Channels currently open', channels)
  gauge('consumers', 'Consumers currently connected', consumings(broker).length)
  gauge('queues', 'Queues available', engine.logs().length)
  gauge('process_resident_memory_bytes', 'Memory used in bytes', memoryBytes)
  gauge('resident_memory_limit_bytes', 'Memory high watermark in bytes', memoryLimitBytes)
  gauge(
    'disk_space_available_limit_bytes',
    'Free disk space low watermark in bytes',
    about.diskFreeMin,
  )
  gauge(
    'alarms_free_disk_space_watermark',
    'is 1 if free disk space watermark alarm is in effect',
    engine.alarm === 'disk' ? 1 : 0,
  )
  gauge(
    'alarms_memory_used_watermark',
    'is 1 if VM memory watermark alarm is in effect',
    broker.alarms.includes('memory') ? 1 : 0,
  )
}

/** Since the process started. */
function addTotals(out: Exposition, infos: readonly LogInfo[]): void {
  const total = (read: Read): number => infos.reduce((sum, info) => sum + read(info), 0)
  const count = (name: string, help: string, read: Read): void => {
    out.add(name, 'counter', help, [{ labels: 'protocol="amqp091"', value: total(read) }])
  }
  count(
    'global_messages_received_total',
    'Total number of messages received from publishers',
    one => one.totals.appended,
  )
  count(
    'global_messages_delivered_total',
    'Total number of messages delivered to consumers',
    one => one.totals.delivered,
  )
  count(
    'global_messages_acknowledged_total',
    'Total number of messages acknowledged by consumers',
    one => one.totals.settled,
  )
  count(
    'global_messages_redelivered_total',
    'Total number of messages redelivered to consumers',
    one => one.totals.returned,
  )
}

function plain(value: number): Sample {
  return { labels: '', value }
}

function labelsOf(broker: Broker, log: string): string {
  for (const { names } of broker.registry.list('vhost')) {
    const queue = nameIn(names[0]!, log)
    if (queue !== undefined) return labelText({ vhost: names[0]!, queue })
  }
  return labelText({ queue: log })
}

function labelText(labels: { readonly [name: string]: string }): string {
  const escaped = (value: string): string =>
    value.replace(/[\\"\n]/g, found => (found === '\n' ? '\\n' : `\\${found}`))
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')
}
