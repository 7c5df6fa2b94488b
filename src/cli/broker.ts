/**
 * Puts the parts together: storage, engine, connections, the AMQP server and the admin API, in the
 * order in which they depend on each other, and takes them apart in the reverse.
 */

import type { Endpoint } from '../admin/contract.ts'
import type { AdminServer } from '../admin/http.ts'
import { SeededRandom } from '../base/random.ts'
import { type EngineDoor, openEngine } from '../engine/engine.ts'
import type { Ports, Random, Storage } from '../engine/ports.ts'
import { systemClock } from '../platform/clock.ts'
import { passwordDigest } from '../platform/password-digest.ts'
import { residentBytes } from '../platform/process.ts'
import { systemRandom } from '../platform/random.ts'
import { FolderLocked, openFolder } from '../platform/storage.ts'
import { netTransport } from '../platform/transport.ts'
import type { AmqpServer } from '../servers/amqp/server.ts'
import type { KafkaServer } from '../servers/kafka/server.ts'
import { lateServer } from '../servers/late-server.ts'
import { Connections } from '../servers/listener.ts'
import type { ReadPlain } from '../servers/plain-record.ts'
import type { Transport } from '../servers/transport.ts'
import { CommandFailure } from './failure.ts'
import type { Log } from './log.ts'
import type { RunningManagement } from './management.ts'
import type { Settings } from './options.ts'
import { isLoopback, type Plan, type PortName, tlsOf } from './plan.ts'
import type { Served } from './protocols.ts'
import type { RunningSqs } from './sqs.ts'

export interface Broker {
  readonly engine: EngineDoor
  readonly connections: Connections
  readonly endpoints: readonly Endpoint[]
  /** From then on /readyz says no. */
  stopping: boolean
  readonly admin: AdminServer | undefined
  readonly sqs: RunningSqs | undefined
  readonly management: Pick<RunningManagement, 'stop' | 'destroy'> | undefined
  /** Lets go of the data folder; after the engine is closed. */
  release(): void
}

export async function startBroker(plan: Plan, settings: Settings, log: Log): Promise<Broker> {
  const { storage, release } = await openStorage(plan)
  const random = settings.seed === undefined ? systemRandom : new SeededRandom(settings.seed)
  const ports: Ports = { clock: systemClock, storage, random }
  let engine: EngineDoor | undefined
  try {
    engine = openEngine(ports, {
      durability: plan.durability,
      diskFreeMin: settings.diskFreeMin,
      diskMax: settings.maxDisk,
    })
    return await listen({ plan, storage, engine, random, release, log, later: [] })
  } catch (error) {
    if (engine === undefined) release()
    else engine.close(release)
    throw error
  }
}

/** Only what is asked for is loaded: the simulated disk is for `--memory`. */
async function openStorage(plan: Plan): Promise<{ storage: Storage; release: () => void }> {
  if (plan.data === undefined) {
    const { SimulatedStorage } = await import('../testing/storage.ts')
    const random = new SeededRandom(1)
    const storage = new SimulatedStorage({ clock: systemClock, random, latencyMaxMs: 0 })
    return { storage, release: () => {} }
  }
  try {
    const folder = openFolder(plan.data)
    return { storage: folder, release: () => folder.close() }
  } catch (error) {
    if (error instanceof FolderLocked) {
      throw new CommandFailure(error.code, `${error.message}. Stop it, or use another --data.`)
    }
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new CommandFailure(
      'SPILLWAY_E_DATA',
      `${plan.data} cannot be opened: ${message} (${code}).`,
    )
  }
}

interface Parts {
  readonly plan: Plan
  readonly storage: Storage
  readonly engine: EngineDoor
  readonly random: Random
  readonly release: () => void
  readonly log: Log
  /** Code that is needed once somebody connects: loaded when the broker is ready, not before. */
  readonly later: (() => Promise<void>)[]
}

async function listen(parts: Parts): Promise<Broker> {
  const connections = new Connections({ clock: systemClock, engine: parts.engine })
  try {
    return await bindPorts(parts, connections)
  } catch (error) {
    connections.destroy()
    throw error
  }
}

async function bindPorts(parts: Parts, connections: Connections): Promise<Broker> {
  const { plan, storage, engine, random, release, log } = parts
  const endpoints: Endpoint[] = []
  const transportOf = (name: PortName): Transport => {
    const tls = tlsOf(plan, name)
    return netTransport({
      tls: tls === undefined ? undefined : { ...tls, ca: plan.tlsCa },
      proxied: plan.proxiedNames.has(name),
      onError: error => log.warn('a connection could not be accepted', { reason: error.message }),
    })
  }
  const amqp = await bindAmqp(parts, connections, { endpoints, transport: transportOf('amqp') })
  const served: Served = {}
  const closeKafka = await bindKafka(parts, connections, {
    ...{ endpoints, served },
    transport: transportOf('kafka'),
  })
  await bindRedis(parts, connections, { endpoints, transport: transportOf('redis'), served })
  const sqs = await bindSqs(parts, endpoints)
  const management = await bindManagement(parts, amqp, endpoints).catch(error => {
    sqs?.destroy()
    throw error
  })
  let admin: AdminServer | undefined
  const broker = {
    engine,
    connections,
    endpoints,
    stopping: false,
    release: () => {
      closeKafka?.()
      release()
    },
  }
  if (plan.httpPort !== undefined) {
    const { serveAdmin } = await import('../admin/http.ts')
    const address = { host: plan.host, port: plan.httpPort, tls: tlsOf(plan, 'http') }
    const { makeAdminPorts } = await import('./admin-ports.ts')
    const adminPorts = makeAdminPorts({ plan, storage, random, broker, served, later: parts.later })
    const running = await serveAdmin(adminPorts, address).catch(error => {
      sqs?.destroy()
      management?.destroy()
      throw explainPort(error, 'http', address)
    })
    admin = running
    const scheme = tlsOf(plan, 'http') === undefined ? 'http' : 'https'
    endpoints.push(endpoint('http', scheme, plan.host, running.port))
  }
  // Who stops the broker at once finds the engine closed before the code is there.
  const orStopping = (error: unknown): void => {
    if (!broker.stopping) throw error
  }
  // One after the other, in the order of the ports: together, each would wait for all.
  const loadRest = async (): Promise<void> => {
    for (const load of parts.later) await load()
  }
  systemClock.schedule(1, () => void loadRest().catch(orStopping))
  return Object.assign(broker, { admin, sqs, management })
}

/** Gives the way to the server, whose code comes when it is asked for, or right after the start. */
async function bindAmqp(
  parts: Parts,
  connections: Connections,
  { endpoints, transport }: { readonly endpoints: Endpoint[]; readonly transport: Transport },
): Promise<(() => Promise<AmqpServer>) | undefined> {
  const { plan, later } = parts
  if (plan.amqpPort === undefined) return undefined
  const late = lateServer('amqp')
  let loading: Promise<AmqpServer> | undefined
  const load = (): Promise<AmqpServer> => {
    loading ??= loadAmqp(parts).then(server => {
      late.arrived(server)
      return server
    })
    return loading
  }
  if (plan.definitions !== undefined) {
    const { loadDefinitions } = await import('./management.ts')
    loadDefinitions(plan.definitions, await load())
  }
  const address = { host: plan.host, port: plan.amqpPort }
  const { port } = await connections.listen({ server: late, transport, address }).catch(error => {
    throw explainPort(error, 'amqp', address)
  })
  const scheme = tlsOf(plan, 'amqp') === undefined ? 'amqp' : 'amqps'
  endpoints.push(endpoint('amqp', scheme, plan.host, port))
  later.push(async () => void (await load()))
  return load
}

async function loadAmqp({ plan, engine, random, later }: Parts): Promise<AmqpServer> {
  const { amqpServer } = await import('../servers/amqp/server.ts')
  let readPlain: ReadPlain | undefined
  later.push(async () => {
    readPlain = (await import('./plain-records.ts')).readPlain
  })
  return amqpServer({
    engine,
    readPlain: record => readPlain?.(record),
    random,
    now: systemClock.now,
    profile: plan.profile,
    digest: passwordDigest,
    ...(plan.users === undefined ? {} : { authenticate: authenticator(plan) }),
    isUser: name => plan.users?.has(name) ?? false,
    memoryHigh: () => residentBytes() > plan.memoryHighBytes,
    ...(plan.insecure ? { loopbackUsers: [] } : {}),
  })
}

/** RabbitMQ's management API and its Prometheus plugin, each behind a port of its own. */
async function bindManagement(
  { plan }: Parts,
  amqp: (() => Promise<AmqpServer>) | undefined,
  endpoints: Endpoint[],
): Promise<Pick<RunningManagement, 'stop' | 'destroy'> | undefined> {
  const ports = { management: plan.managementPort, prometheus: plan.prometheusPort }
  const running: RunningManagement[] = []
  for (const name of ['management', 'prometheus'] as const) {
    const port = ports[name]
    if (port === undefined || amqp === undefined) continue
    const { serveManagement } = await import('./management.ts')
    const address = { host: plan.host, port }
    const parts = { plan, server: await amqp(), endpoints }
    const one = await serveManagement(address, name, parts).catch(error => {
      for (const other of running) other.destroy()
      throw explainPort(error, name, address)
    })
    const scheme = tlsOf(plan, name) === undefined ? 'http' : 'https'
    endpoints.push(endpoint(name, scheme, plan.host, one.port))
    running.push(one)
  }
  if (running.length === 0) return undefined
  return {
    stop: () => {
      for (const one of running) one.stop()
    },
    destroy: () => {
      for (const one of running) one.destroy()
    },
  }
}

interface Bound {
  readonly endpoints: Endpoint[]
  readonly transport: Transport
  readonly served: Served
}

async function bindKafka(
  parts: Parts,
  connections: Connections,
  { endpoints, transport, served }: Bound,
): Promise<(() => void) | undefined> {
  const { plan, engine, random } = parts
  if (plan.kafkaPort === undefined) return undefined
  const server = lateServer('kafka')
  let kafka: KafkaServer | undefined
  let isClosed = false
  const address = { host: plan.host, port: plan.kafkaPort }
  const { port } = await connections.listen({ server, transport, address }).catch(error => {
    throw explainPort(error, 'kafka', address)
  })
  const scheme = tlsOf(plan, 'kafka') === undefined ? 'kafka' : 'kafkas'
  endpoints.push(endpoint('kafka', scheme, plan.host, port))
  parts.later.push(async () => {
    const { kafkaServer } = await import('../servers/kafka/server.ts')
    const { readPlain } = await import('./plain-records.ts')
    const authenticate = plan.users === undefined ? undefined : authenticator(plan)
    kafka = kafkaServer({
      ...plan.kafka,
      readPlain,
      engine,
      clock: systemClock,
      random,
      authenticate,
      scram: (user, mechanism) => plan.users?.scram(user, mechanism),
    })
    served.kafka = kafka
    // The broker may have been stopped while the code was on its way.
    if (isClosed) kafka.close()
    else server.arrived(kafka)
  })
  return () => {
    isClosed = true
    kafka?.close()
  }
}

async function bindRedis(
  parts: Parts,
  connections: Connections,
  { endpoints, transport, served }: Bound,
): Promise<void> {
  const { plan, engine, random } = parts
  if (plan.redisPort === undefined) return
  const server = lateServer('redis')
  const address = { host: plan.host, port: plan.redisPort }
  const { port } = await connections.listen({ server, transport, address }).catch(error => {
    throw explainPort(error, 'redis', address)
  })
  const scheme = tlsOf(plan, 'redis') === undefined ? 'redis' : 'rediss'
  endpoints.push(endpoint('redis', scheme, plan.host, port))
  parts.later.push(async () => {
    const { redisServer } = await import('../servers/redis/server.ts')
    const authenticate = plan.users === undefined ? undefined : authenticator(plan)
    const profile = plan.redisProfile
    served.redis = redisServer({
      ...{ engine, clock: systemClock, random, authenticate, profile, port },
      usedMemory: residentBytes,
    })
    server.arrived(served.redis)
  })
}

async function bindSqs(parts: Parts, endpoints: Endpoint[]): Promise<RunningSqs | undefined> {
  const { plan } = parts
  if (plan.sqsPort === undefined) return undefined
  const { serveSqs } = await import('./sqs.ts')
  const address = { host: plan.host, port: plan.sqsPort }
  const sqs = await serveSqs(address, parts).catch(error => {
    throw explainPort(error, 'sqs', address)
  })
  const scheme = tlsOf(plan, 'sqs') === undefined ? 'http' : 'https'
  endpoints.push(endpoint('sqs', scheme, plan.host, sqs.port))
  return sqs
}

/** Without a users file there is one user, guest, who may come from this machine only. */
function authenticator({ users, insecure }: Plan) {
  return (name: string, password: string, peer: { readonly address: string }): boolean => {
    if (users !== undefined) return users.verify(name, password)
    if (name !== 'guest' || password !== 'guest') return false
    return insecure || isLoopback(peer.address)
  }
}

function endpoint(name: string, scheme: string, host: string, port: number): Endpoint {
  const shown = host.includes(':') ? `[${host}]` : host
  return { name, host, port, url: `${scheme}://${shown}:${port}` }
}

function explainPort(
  error: NodeJS.ErrnoException,
  flag: string,
  { host, port }: { readonly host: string; readonly port: number },
): Error {
  if (error.code === 'EADDRINUSE') {
    const advice = `Use --${flag}=${port + 1}, or --port-offset 1000.`
    return new CommandFailure('SPILLWAY_E_PORT', `${port} is in use. ${advice}`)
  }
  if (error.code === 'EACCES') {
    const advice = `Use one above 1023, such as --${flag}=${port + 10_000}.`
    return new CommandFailure('SPILLWAY_E_PORT', `${port} is not for ordinary users. ${advice}`)
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    const advice = 'Use --host 127.0.0.1, or 0.0.0.0 for all addresses.'
    return new CommandFailure('SPILLWAY_E_HOST', `${host} is not this machine's address. ${advice}`)
  }
  if (error.code?.startsWith('ERR_OSSL') === true || error.code?.startsWith('ERR_TLS') === true) {
    const advice = 'Check that --tls-cert and --tls-key are PEM files that belong together.'
    return new CommandFailure('SPILLWAY_E_TLS', `${error.message}. ${advice}`)
  }
  return error
}
