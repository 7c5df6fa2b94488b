/** Offsets: those of a log, and those of a group. */

import {
  listOffsetsV5,
  listOffsetsV6,
  listOffsetsV7,
  listOffsetsV8,
  listOffsetsV9,
  offsetCommitV8,
  offsetCommitV9,
  offsetFetchV8,
  offsetFetchV9,
} from '@platformatic/kafka'
import type { Cluster } from './cluster.ts'

const listVersions = [
  listOffsetsV9.api,
  listOffsetsV8.api,
  listOffsetsV7.api,
  listOffsetsV6.api,
  listOffsetsV5.api,
]
const commitVersions = [offsetCommitV9.api, offsetCommitV8.api]
const fetchVersions = [offsetFetchV9.api, offsetFetchV8.api]

export interface Partition {
  readonly topic: string
  readonly partition: number
}

export interface Commit extends Partition {
  readonly offset: number
  readonly metadata: string
}

/** Who commits. A generation of -1 is one who is in no group, while the group is empty. */
export interface Member {
  readonly group: string
  readonly memberId: string
  readonly generation: number
}

export const nobody = { memberId: '', generation: -1 }

export const isolation = { uncommitted: 0, committed: 1 } as const
const special = { latest: -1n, earliest: -2n } as const

/**
 * `latest` is the end of the log, of open transactions too; a number is the first offset at or
 * after that time, or the end. By `TOPIC:PARTITION`.
 */
export async function offsetsAt(
  cluster: Cluster,
  partitions: readonly Partition[],
  at: 'earliest' | 'latest' | number,
): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  if (partitions.length === 0) return found
  const timestamp = typeof at === 'number' ? BigInt(Math.max(0, Math.floor(at))) : special[at]
  await cluster.persist(async () => {
    const nodes = new Map<number, Map<string, number[]>>()
    for (const { topic, partition } of partitions) {
      const { leaders } = await cluster.topic(topic)
      const topics = nodes.get(leaders[partition]!) ?? new Map<string, number[]>()
      nodes.set(leaders[partition]!, topics)
      topics.set(topic, [...(topics.get(topic) ?? []), partition])
    }
    for (const [node, topics] of nodes) {
      const asked = [...topics].map(([name, numbers]) => ({
        name,
        partitions: numbers.map(partitionIndex => ({
          partitionIndex,
          currentLeaderEpoch: -1,
          timestamp,
        })),
      }))
      const level = isolation.uncommitted
      const response = await cluster.call(cluster.main, { node }, listVersions, -1, level, asked)
      for (const { name, partitions: answers } of response.topics) {
        for (const { partitionIndex, offset } of answers) {
          found.set(`${name}:${partitionIndex}`, Number(offset))
        }
      }
    }
  })
  const none = partitions.filter(one => (found.get(keyOf(one)) ?? -1) < 0)
  // Nothing is that new: the reader begins with what comes.
  if (none.length > 0 && typeof at === 'number') {
    for (const [place, offset] of await offsetsAt(cluster, none, 'latest')) found.set(place, offset)
  }
  return found
}

export function keyOf({ topic, partition }: Partition): string {
  return `${topic}:${partition}`
}

export async function partitionsOf(cluster: Cluster, topic: string): Promise<Partition[]> {
  const { leaders } = await cluster.topic(topic)
  return leaders.map((_, partition) => ({ topic, partition }))
}

type Committed = Omit<Commit, 'metadata'> & { readonly metadata: string | null }

/**
 * In the order asked; undefined: the group has committed nothing there. `stable`: a transaction
 * that is about to end has its say first; `pending`: what was committed before it.
 */
export async function committedOffsets(
  cluster: Cluster,
  group: string,
  partitions: readonly Partition[],
  which: 'stable' | 'pending' = 'stable',
): Promise<readonly (Committed | undefined)[]> {
  if (partitions.length === 0) return []
  const topics = [...groupBy(partitions)].map(([name, partitionIndexes]) => ({
    name,
    partitionIndexes,
  }))
  const asked = [{ groupId: group, memberId: null, memberEpoch: -1, topics }]
  const isStable = which === 'stable'
  const response = await cluster.insist(cluster.main, { group }, fetchVersions, asked, isStable)
  const found = new Map<string, { offset: number; metadata: string | null }>()
  for (const { name, partitions: answers } of response.groups[0]?.topics ?? []) {
    for (const { partitionIndex, committedOffset, metadata } of answers) {
      if (committedOffset < 0n) continue
      const text = metadata ?? null
      found.set(`${name}:${partitionIndex}`, { offset: Number(committedOffset), metadata: text })
    }
  }
  return partitions.map(one => {
    const commit = found.get(keyOf(one))
    return commit === undefined ? undefined : { ...one, ...commit }
  })
}

/** Once; rejects with the package's error. */
export async function commitOffsets(
  cluster: Cluster,
  { group, memberId, generation }: Member,
  commits: readonly Commit[],
): Promise<void> {
  const topics = topicsOf(commits)
  const address = { group }
  await cluster.call(
    cluster.main,
    address,
    commitVersions,
    group,
    generation,
    memberId,
    null,
    topics,
  )
}

/** As both kinds of commit want it. */
export function topicsOf(commits: readonly Commit[]): {
  name: string
  partitions: {
    partitionIndex: number
    committedOffset: bigint
    committedLeaderEpoch: number
    committedMetadata: string
  }[]
}[] {
  const topics = new Map<string, Commit[]>()
  for (const commit of commits) {
    topics.set(commit.topic, [...(topics.get(commit.topic) ?? []), commit])
  }
  return [...topics].map(([name, all]) => ({
    name,
    partitions: all.map(({ partition, offset, metadata }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: metadata,
    })),
  }))
}

function groupBy(partitions: readonly Partition[]): Map<string, number[]> {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    topics.set(topic, [...(topics.get(topic) ?? []), partition])
  }
  return topics
}
