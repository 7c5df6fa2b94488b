/**
 * The brokers, through the npm package's connections and codecs: which version of a request both
 * sides know, who leads a partition, who coordinates a group. What it does not use: the package's
 * own consumer and producer. They commit no metadata with an offset, and send one partition's
 * batches side by side with one sequence number; the driver needs both to be right.
 */

import {
  type API,
  apiVersionsV3,
  type Broker,
  type Connection,
  ConnectionPool,
  findCoordinatorV4,
  findCoordinatorV5,
  findCoordinatorV6,
  metadataV9,
  metadataV10,
  metadataV11,
  metadataV12,
  TimeoutError,
} from '@platformatic/kafka'
import type { DriverContext } from '../../driver.ts'
import { ClientError } from '../../errors.ts'
import { apiIdOf, backend, closed, failure, isPassing, missing, responseOf } from './failures.ts'
import type { Target } from './url.ts'

type ApiVersionsResponseApi = apiVersionsV3.ApiVersionsResponseApi
type MetadataResponse = metadataV12.MetadataResponse

/** The versions of one request that the package knows, the newest first, all of one shape. */
export type Versions<A extends unknown[], R> = readonly API<A, R>[]

export interface TopicInfo {
  readonly name: string
  /** As 32 hexadecimal digits. */
  readonly id: string
  /** The node that leads each partition. */
  readonly leaders: readonly number[]
}

export type Timer = ReturnType<DriverContext['clock']['schedule']>

/** Whom to ask. */
export type Address =
  | 'any'
  | { readonly node: number }
  | { readonly group: string }
  | { readonly transaction: string }

/**
 * Connections of one use. A broker answers the requests of a connection one after the other, so
 * what waits long (a fetch, a join) has connections of its own.
 */
export class Lane {
  readonly pool: ConnectionPool

  constructor(pool: ConnectionPool) {
    this.pool = pool
  }

  close(): Promise<void> {
    return this.pool.close()
  }
}

const metadataVersions = [metadataV12.api, metadataV11.api, metadataV10.api, metadataV9.api]
const coordinatorVersions = [findCoordinatorV6.api, findCoordinatorV5.api, findCoordinatorV4.api]

const retryFirstMs = 20
const reachMs = 1000
const retryMaxMs = 1000

export class Cluster {
  readonly target: Target
  readonly context: DriverContext
  readonly main: Lane
  readonly #lanes = new Set<Lane>()
  readonly #topics = new Map<string, TopicInfo>()
  readonly #coordinators = new Map<string, number>()
  #versions: Promise<Map<number, ApiVersionsResponseApi>> | undefined
  #brokers: ReadonlyMap<number, Broker> = new Map()
  isClosed = false

  constructor(target: Target, context: DriverContext) {
    this.target = target
    this.context = context
    this.main = this.lane()
  }

  lane(): Lane {
    // Names of clients are labels of metrics on the brokers: no spaces.
    const clientId = this.context.name.replace(/[^\w.-]/g, '_') || 'spillway'
    const lane = new Lane(new ConnectionPool(clientId, this.target.connection))
    this.#lanes.add(lane)
    return lane
  }

  async closeLane(lane: Lane): Promise<void> {
    this.#lanes.delete(lane)
    await lane.close()
  }

  async close(): Promise<void> {
    this.isClosed = true
    await Promise.all([...this.#lanes].map(lane => lane.close()))
  }

  /** One request, once. Rejects with the package's error. */
  async call<A extends unknown[], R>(
    lane: Lane,
    address: Address,
    versions: Versions<A, R>,
    ...args: A
  ): Promise<R> {
    if (this.isClosed) throw closed()
    let connection: Connection | undefined
    try {
      connection = await this.#connection(lane, address)
      const api = await this.#choose(versions)
      return await api.async(connection, ...args)
    } catch (error) {
      // An answer that comes too late would be taken for that of another request.
      if (error instanceof TimeoutError) connection?.socket.destroy()
      if (isPassing(error)) this.#forget(address)
      throw error
    }
  }

  /** The same until it succeeds, while what goes wrong may pass; for what may be done twice. */
  insist<A extends unknown[], R>(
    lane: Lane,
    address: Address,
    versions: Versions<A, R>,
    ...args: A
  ): Promise<R> {
    return this.persist(() => this.call(lane, address, versions, ...args))
  }

  async persist<T>(run: () => Promise<T>, patienceMs = 15_000): Promise<T> {
    const { clock } = this.context
    const end = clock.monotonic() + patienceMs
    for (let wait = retryFirstMs; ; wait = Math.min(wait * 2, retryMaxMs)) {
      try {
        return await run()
      } catch (error) {
        if (this.isClosed) throw closed()
        if (!isPassing(error) || clock.monotonic() + wait > end) throw error
      }
      await this.pass(wait)
    }
  }

  pass(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.context.clock.schedule(ms, resolve)
    })
  }

  /** Throws `SPILLWAY_E_NOT_FOUND`. What is known is not asked again. */
  async topic(name: string): Promise<TopicInfo> {
    return this.#topics.get(name) ?? (await this.#load(name))
  }

  /** Undefined when there is none; always asks. */
  async find(name: string): Promise<TopicInfo | undefined> {
    try {
      return await this.#load(name)
    } catch (error) {
      if (error instanceof ClientError && error.code === 'SPILLWAY_E_NOT_FOUND') return undefined
      throw error
    }
  }

  /** Rejects soon when no broker answers. */
  async reach(): Promise<void> {
    await this.persist(() => this.#metadata([]), reachMs)
  }

  /** Those of some topics that are there; always asks. */
  async findAll(names: readonly string[]): Promise<readonly string[]> {
    const { topics } = await this.persist(() => this.#metadata([...names]))
    return topics.flatMap(({ name, errorCode }) => {
      return errorCode === 0 && typeof name === 'string' ? [name] : []
    })
  }

  /** The names of all topics but the broker's own, in order; always asks. */
  async names(): Promise<readonly string[]> {
    const { topics } = await this.persist(() => this.#metadata(null))
    return topics
      .flatMap(({ name, isInternal }) => (isInternal || typeof name !== 'string' ? [] : [name]))
      .sort()
  }

  /** The nodes that were there when the brokers were last asked about topics. */
  nodes(): readonly number[] {
    return [...this.#brokers.keys()]
  }

  /** The one that is known, without asking. */
  known(name: string): TopicInfo | undefined {
    return this.#topics.get(name)
  }

  forgetTopic(name: string): void {
    this.#topics.delete(name)
  }

  async #load(name: string): Promise<TopicInfo> {
    this.#topics.delete(name)
    const info = await this.persist(async () => {
      const response = await this.#metadata([name])
      const topic = response.topics.find(one => one.name === name)
      if (topic === undefined || topic.errorCode === 3) throw missing(name)
      const leaders: number[] = []
      for (const { partitionIndex, leaderId } of topic.partitions) {
        if (leaderId < 0) throw failure('LEADER_NOT_AVAILABLE', name)
        leaders[partitionIndex] = leaderId
      }
      return { name, id: topic.topicId.replaceAll('-', ''), leaders }
    }).catch(error => {
      throw apiIdOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION' ? missing(name) : failure(error, name)
    })
    this.#topics.set(name, info)
    return info
  }

  async #metadata(topics: string[] | null): Promise<MetadataResponse> {
    let response: MetadataResponse
    try {
      response = await this.call(this.main, 'any', metadataVersions, topics, false, false)
    } catch (error) {
      // The package throws away an answer in which one topic is unknown; it is in the error.
      const inside = responseOf<MetadataResponse>(error)
      if (inside === undefined || apiIdOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
      response = inside
    }
    const brokers = response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])
    this.#brokers = new Map(brokers as [number, Broker][])
    return response
  }

  async #connection(lane: Lane, address: Address): Promise<Connection> {
    if (address === 'any') {
      const known = [...this.#brokers.values()]
      return lane.pool.getFirstAvailable([...known, ...this.target.brokers])
    }
    const node = 'node' in address ? address.node : await this.#coordinator(address)
    if (!this.#brokers.has(node)) await this.#metadata([])
    const broker = this.#brokers.get(node)
    if (broker === undefined) throw unreachableNode(node)
    return lane.pool.get(broker)
  }

  async #coordinator(address: Exclude<Address, 'any' | { node: number }>): Promise<number> {
    const name = keyOf(address)
    const known = this.#coordinators.get(name)
    if (known !== undefined) return known
    const [type, key] =
      'group' in address
        ? [0, address.group]
        : [1, (address as { transaction: string }).transaction]
    const found = await this.call(this.main, 'any', coordinatorVersions, type, [key])
    const [coordinator] = found.coordinators
    if (coordinator === undefined) throw failure('COORDINATOR_NOT_AVAILABLE', key)
    const { nodeId, host, port } = coordinator
    if (!this.#brokers.has(nodeId))
      this.#brokers = new Map([...this.#brokers, [nodeId, { host, port }]])
    this.#coordinators.set(name, nodeId)
    return nodeId
  }

  #forget(address: Address): void {
    if (address === 'any') return
    if ('node' in address) this.#topics.clear()
    else this.#coordinators.delete(keyOf(address))
  }

  async #choose<A extends unknown[], R>(versions: Versions<A, R>): Promise<API<A, R>> {
    this.#versions ??= this.#askVersions()
    const known = await this.#versions
    const range = known.get(versions[0]!.key)
    for (const api of versions) {
      const isKnown = range !== undefined && api.version <= range.maxVersion
      if (isKnown && api.version >= range.minVersion) return api
    }
    throw new ClientError({
      code: 'SPILLWAY_E_VERSION',
      backend,
      why: `the broker and we know no common version of request ${versions[0]!.key}.`,
      alternatives: ['Kafka 3.1 or newer'],
    })
  }

  #askVersions(): Promise<Map<number, ApiVersionsResponseApi>> {
    const asking = (async () => {
      const connection = await this.#connection(this.main, 'any')
      const { apiKeys } = await apiVersionsV3.api.async(connection, 'spillway', '1')
      return new Map(apiKeys.map(api => [api.apiKey, api]))
    })()
    asking.catch(() => {
      this.#versions = undefined
    })
    return asking
  }
}

function keyOf(address: { readonly group: string } | { readonly transaction: string }): string {
  return 'group' in address ? `group ${address.group}` : `transaction ${address.transaction}`
}

function unreachableNode(node: number): ClientError {
  const why = `node ${node} of the cluster is not there now.`
  return new ClientError({ code: 'SPILLWAY_E_CONNECTION', backend, why, retryable: true })
}
