/**
 * Prometheus metrics: base units, `_total` for what only rises, and bounded labels. A queue has
 * series of its own while there are no more than `queueSeriesMax` queues;
 * `spillway_queues_unlisted` tells how many have none. The sums always cover all of them.
 *
 * Everything is read at the scrape; nothing is counted on the hot path for it.
 */

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { LogInfo } from '../engine/model.ts'
import type { QueueTotals } from './contract.ts'
import { adminLimits } from './limits.ts'
import type { AdminPorts } from './ports.ts'
import { addTotals, noTotals, totalNames } from './views.ts'

export interface Metrics {
  render(): Promise<{ readonly text: string; readonly contentType: string }>
}

const totalTexts: { readonly [K in keyof QueueTotals]: readonly [name: string, help: string] } = {
  appended: ['appended', 'Records written to a queue or log.'],
  delivered: ['delivered', 'Records handed to a consumer, repetitions included.'],
  settled: ['settled', 'Records acknowledged.'],
  returned: ['returned', 'Records given back, or whose lease ended.'],
  expired: ['expired', 'Records whose time to live was over.'],
  deadLettered: ['dead_lettered', 'Records moved to a dead-letter route.'],
  dropped: ['dropped', 'Records discarded for a limit, or purged.'],
}

export function createMetrics(ports: AdminPorts): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauges = makeGauges(registry)
  const counters = makeCounters(registry)
  const { version, node } = ports.about
  gauges.build.set({ version, node }, 1)
  const sums = new RisingSums()

  function collect(): void {
    const { engine, connections } = ports
    const names = engine.logs()
    const infos = names
      .map(name => engine.log(name))
      .filter((info): info is LogInfo => info !== undefined)
    const shown = infos.length <= adminLimits.queueSeriesMax ? infos : []
    const sum = { ready: 0, leased: 0, delayed: 0, bytes: 0 }
    for (const info of infos) {
      sum.ready += info.ready
      sum.leased += info.leased
      sum.delayed += info.delayed
      sum.bytes += info.bytes
    }
    gauges.queues.set(infos.length)
    gauges.queuesUnlisted.set(infos.length - shown.length)
    gauges.records.set({ state: 'ready' }, sum.ready)
    gauges.records.set({ state: 'leased' }, sum.leased)
    gauges.records.set({ state: 'delayed' }, sum.delayed)
    gauges.recordBytes.set(sum.bytes)
    gauges.ready.set(ports.notReady().length === 0 ? 1 : 0)
    gauges.alarm.set({ kind: 'disk' }, engine.alarm === 'disk' ? 1 : 0)
    gauges.alarm.set({ kind: 'backlog' }, engine.alarm === 'backlog' ? 1 : 0)
    gauges.diskFree.set(ports.diskFreeBytes())

    const totals = sums.read(infos)
    for (const name of totalNames) setTo(counters.totals[name], {}, totals[name])

    for (const gauge of [gauges.queueRecords, gauges.queueBytes, gauges.queueConsumers]) {
      gauge.reset()
    }
    for (const counter of Object.values(counters.queueTotals)) counter.reset()
    for (const info of shown) {
      const queue = info.name
      gauges.queueRecords.set({ queue, state: 'ready' }, info.ready)
      gauges.queueRecords.set({ queue, state: 'leased' }, info.leased)
      gauges.queueRecords.set({ queue, state: 'delayed' }, info.delayed)
      gauges.queueBytes.set({ queue }, info.bytes)
      gauges.queueConsumers.set({ queue }, info.subscribers)
      for (const name of totalNames) counters.queueTotals[name].inc({ queue }, info.totals[name])
    }

    gauges.connections.reset()
    const open = new Map<string, number>()
    for (const { protocol } of connections.list()) {
      open.set(protocol, (open.get(protocol) ?? 0) + 1)
    }
    for (const { protocol, accepted, refused } of connections.totals()) {
      gauges.connections.set({ protocol }, open.get(protocol) ?? 0)
      setTo(counters.accepted, { protocol }, accepted)
      setTo(counters.refused, { protocol }, refused)
    }
  }

  return {
    render: async () => {
      collect()
      return { text: await registry.metrics(), contentType: registry.contentType }
    },
  }
}

function makeGauges(registry: Registry) {
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge<Label>({ name: `spillway_${name}`, help, labelNames, registers: [registry] })
  return {
    build: gauge('build_info', 'Always 1; the labels tell what is running.', 'version', 'node'),
    ready: gauge('ready', '1 while /readyz says so.'),
    alarm: gauge('alarm', '1 while publishers are refused, or made to wait.', 'kind'),
    diskFree: gauge('disk_free_bytes', 'Space left in the data folder.'),
    queues: gauge('queues', 'Queues and logs.'),
    queuesUnlisted: gauge('queues_unlisted', 'Queues without series of their own.'),
    records: gauge('records', 'Records in all queues, by state.', 'state'),
    recordBytes: gauge('record_bytes', 'Bytes of the bodies of all records.'),
    queueRecords: gauge('queue_records', 'Records of a queue, by state.', 'queue', 'state'),
    queueBytes: gauge('queue_bytes', "Bytes of the bodies of a queue's records.", 'queue'),
    queueConsumers: gauge('queue_consumers', "A queue's subscribers.", 'queue'),
    connections: gauge('connections', 'Open connections.', 'protocol'),
  }
}

function makeCounters(registry: Registry) {
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter<Label>({ name: `spillway_${name}`, help, labelNames, registers: [registry] })
  const each = <T>(make: (name: string, help: string) => T) =>
    Object.fromEntries(totalNames.map(name => [name, make(...totalTexts[name])] as const)) as {
      readonly [K in keyof QueueTotals]: T
    }
  return {
    totals: each((name, help) => counter(`records_${name}_total`, help)),
    queueTotals: each((name, help) => counter(`queue_records_${name}_total`, help, 'queue')),
    accepted: counter('connections_accepted_total', 'Connections accepted.', 'protocol'),
    refused: counter('connections_refused_total', 'Turned away at the limit.', 'protocol'),
  }
}

/** prom-client's counters only go up by a difference; ours are known as totals. */
function setTo<Label extends string>(
  counter: Counter<Label>,
  labels: { readonly [K in Label]: string },
  value: number,
): void {
  counter.remove(labels)
  counter.inc(labels, value)
}

/** Sums over all queues that do not fall when a queue is dropped. */
class RisingSums {
  #seen = new Map<string, QueueTotals>()
  #gone = noTotals

  read(infos: readonly LogInfo[]): QueueTotals {
    const seen = new Map<string, QueueTotals>()
    let sum = noTotals
    for (const { name, totals } of infos) {
      const before = this.#seen.get(name)
      // A queue of the same name that counts from the beginning is another queue.
      if (before !== undefined && totals.appended < before.appended) {
        this.#gone = addTotals(this.#gone, before)
      }
      this.#seen.delete(name)
      seen.set(name, totals)
      sum = addTotals(sum, totals)
    }
    for (const totals of this.#seen.values()) this.#gone = addTotals(this.#gone, totals)
    this.#seen = seen
    return addTotals(sum, this.#gone)
  }
}
