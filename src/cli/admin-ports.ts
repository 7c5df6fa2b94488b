/** What the admin API is given of the process: the engine, the connections, the servers' desks. */

import type { Connection } from '../admin/contract.ts'
import type { AdminPorts } from '../admin/ports.ts'
import type { Random, Storage } from '../engine/ports.ts'
import { systemClock } from '../platform/clock.ts'
import { processUsage } from '../platform/process.ts'
import type { Connections } from '../servers/listener.ts'
import type { Broker } from './broker.ts'
import { printDurability } from './option.ts'
import type { Plan } from './plan.ts'
import type { Served } from './protocols.ts'
import { readVersion } from './version.ts'

const goodbyeText = 'closed by an operator'

export function makeAdminPorts(parts: {
  readonly plan: Plan
  readonly storage: Storage
  readonly random: Random
  readonly broker: Omit<Broker, 'admin' | 'sqs' | 'management'>
  readonly served: Served
  readonly later: (() => Promise<void>)[]
}): AdminPorts {
  const { plan, storage, random, broker, served, later } = parts
  let display: typeof import('./describe.ts') | undefined
  let protocols: ReturnType<typeof import('./protocols.ts').protocolPorts> | undefined
  let studio: ReturnType<typeof import('./studio-files.ts').studioFiles> | undefined
  later.push(async () => {
    display = await import('./describe.ts')
    protocols = (await import('./protocols.ts')).protocolPorts(engine, served)
    const files = await import('./studio-files.ts')
    studio = files.studioFiles(files.studioFolder())
  })
  const { engine, connections, endpoints } = broker
  const { users } = plan
  return {
    clock: systemClock,
    random,
    engine,
    connections: {
      list: () => viewConnections(connections),
      close: id => connections.close(id, goodbyeText),
      totals: () =>
        connections.listeners.map(({ server, totals }) => ({ protocol: server.name, ...totals })),
    },
    about: {
      version: readVersion(),
      node: process.versions.node,
      startedAt: systemClock.now(),
      durability: printDurability(plan.durability),
      data: plan.data,
      host: plan.host,
    },
    notReady: () => [
      ...(broker.stopping ? ['stopping'] : []),
      ...(engine.alarm === 'disk' ? ['disk'] : []),
    ],
    endpoints: () => endpoints,
    diskFreeBytes: () => storage.freeBytes(),
    usage: processUsage,
    readOnly: plan.readOnlyStudio,
    describe: record => display?.describeRecord(record),
    reseal: (format, envelope, body) => display?.resealEnvelope(format, envelope, body),
    protocolOf: info => protocols?.protocolOf?.(info) ?? 'engine',
    groups: () => protocols?.groups?.() ?? [],
    topics: () => protocols?.topics?.(),
    studio: path => studio?.(path),
    authenticate:
      users === undefined
        ? undefined
        : (name, password) => Promise.resolve(users.verify(name, password)),
  }
}

function viewConnections(connections: Connections): Connection[] {
  const nowMs = systemClock.monotonic()
  return connections.list().map(summary => ({
    id: summary.id,
    protocol: summary.server,
    user: summary.info.user,
    state: summary.info.state,
    peer: summary.peer,
    local: summary.local,
    ageMs: Math.round(nowMs - summary.sinceMs),
    bytesIn: summary.bytesIn,
    backlogBytes: summary.backlogBytes,
    reading: summary.reading,
    details: summary.info.details,
  }))
}
