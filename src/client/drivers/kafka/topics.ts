/** Making topics, and deleting them, with the groups that are theirs. */

import {
  createTopicsV7,
  deleteGroupsV2,
  deleteRecordsV2,
  deleteTopicsV6,
  incrementalAlterConfigsV1,
} from '@platformatic/kafka'
import { type Duration, toMs } from '../../backoff.ts'
import type { Endpoint } from '../../driver.ts'
import { PlanError } from '../../errors.ts'
import type { Cluster } from './cluster.ts'
import { apiIdOf, backend, failure } from './failures.ts'
import { offsetsAt, partitionsOf } from './offsets.ts'
import { configsOf, topicResource } from './support.ts'

const timeoutMs = 15_000
const repliesRetentionMs = 3_600_000
const setOperation = 0

/** What `options.kafka` of a contract may say. */
export interface KafkaOptions {
  /** Of topics that are made. Default: what the URL says, or 4. */
  readonly partitions?: number | undefined
  readonly replication?: number | undefined
  /** How long the topic keeps messages, handled or not. Default: as the broker is set up. */
  readonly retention?: Duration | undefined
}

export function optionsOf({ options }: Endpoint): KafkaOptions {
  return (options.kafka ?? {}) as KafkaOptions
}

function retentionOf(endpoint: Endpoint): number | undefined {
  const { retention } = optionsOf(endpoint)
  if (retention !== undefined) return toMs(retention)
  return endpoint.role === 'replies' ? repliesRetentionMs : endpoint.retentionMs
}

/** True when it was made now. */
export async function ensureEndpoint(cluster: Cluster, endpoint: Endpoint): Promise<boolean> {
  const { name, role } = endpoint
  const { partitions = cluster.target.partitions } = optionsOf(endpoint)
  const retentionMs = retentionOf(endpoint)
  const isMade = await ensureTopic(cluster, name, {
    partitions: role === 'main' ? partitions : 1,
    replication: optionsOf(endpoint).replication ?? cluster.target.replication,
    retentionMs,
  })
  if (!isMade && retentionMs !== undefined) await keepFor(cluster, name, retentionMs)
  return isMade
}

export async function ensureTopic(
  cluster: Cluster,
  name: string,
  how: {
    readonly partitions: number
    readonly replication: number
    readonly retentionMs: number | undefined
  },
): Promise<boolean> {
  if ((await cluster.find(name)) !== undefined) return false
  const configs = [
    // A message's time is when the broker stored it, in order within a partition.
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
    ...(how.retentionMs === undefined
      ? []
      : [{ name: 'retention.ms', value: String(how.retentionMs) }]),
  ]
  const { partitions: numPartitions, replication: replicationFactor } = how
  const topic = { name, numPartitions, replicationFactor, assignments: [], configs }
  const versions = [createTopicsV7.api]
  let isMade = true
  try {
    await cluster.insist(cluster.main, 'any', versions, [topic], timeoutMs, false)
  } catch (error) {
    if (apiIdOf(error) !== 'TOPIC_ALREADY_EXISTS') throw failure(error, name)
    isMade = false
  }
  // The controller knows it; the brokers hear of it a moment later.
  for (let wait = 2; (await cluster.find(name)) === undefined; wait = Math.min(wait * 2, 200)) {
    await cluster.pass(wait)
  }
  return isMade
}

/** Longer loses nothing; shorter would, and is left to people. */
async function keepFor(cluster: Cluster, name: string, retentionMs: number): Promise<void> {
  const found = await configsOf(cluster, name, ['retention.ms'])
  const now = Number(found.get('retention.ms') ?? -1)
  if (now === retentionMs) return
  if (now < 0 || now > retentionMs) {
    const kept = now < 0 ? 'for ever' : `for ${now} ms`
    throw conflict(name, `keeps messages ${kept}, and the contract says ${retentionMs} ms`)
  }
  const configs = [
    { name: 'retention.ms', configOperation: setOperation, value: String(retentionMs) } as const,
  ]
  const versions = [incrementalAlterConfigsV1.api]
  const resource = { resourceType: topicResource, resourceName: name, configs } as const
  await cluster.insist(cluster.main, 'any', versions, [resource], false)
}

export function conflict(name: string, why: string): PlanError {
  return new PlanError({
    code: 'SPILLWAY_P_CONFLICT',
    backend,
    why: `${name} ${why}.`,
    alternatives: ['another name', 'the tools of Kafka'],
  })
}

/** Those that are not there are no error. */
export async function dropTopics(cluster: Cluster, names: readonly string[]): Promise<void> {
  const found = await cluster.findAll(names)
  for (const name of names) cluster.forgetTopic(name)
  if (found.length === 0) return
  const asked = found.map(name => ({ name }))
  try {
    await cluster.insist(cluster.main, 'any', [deleteTopicsV6.api], asked, timeoutMs)
  } catch (error) {
    if (apiIdOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw failure(error, found.join(', '))
  }
}

/** Those that somebody is in stay; they are gone with their last offset. */
export async function dropGroup(cluster: Cluster, group: string): Promise<void> {
  const dropping = cluster.insist(cluster.main, { group }, [deleteGroupsV2.api], [group])
  await dropping.catch(() => {})
}

/** Deletes all that is in a topic now. */
export async function truncate(cluster: Cluster, topic: string): Promise<void> {
  const partitions = await partitionsOf(cluster, topic)
  const ends = await offsetsAt(cluster, partitions, 'latest')
  const nodes = new Map<number, { partitionIndex: number; offset: bigint }[]>()
  const { leaders } = await cluster.topic(topic)
  for (const { partition } of partitions) {
    const node = leaders[partition]!
    const own = nodes.get(node) ?? []
    nodes.set(node, own)
    own.push({ partitionIndex: partition, offset: BigInt(ends.get(`${topic}:${partition}`) ?? 0) })
  }
  for (const [node, own] of nodes) {
    const asked = [{ name: topic, partitions: own }]
    await cluster.insist(cluster.main, { node }, [deleteRecordsV2.api], asked, timeoutMs)
  }
}
