/** Keys that tools ask for, and that one broker without replicas answers in a word. */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as cluster from '../../../wire/kafka/messages/cluster.ts'
import type * as security from '../../../wire/kafka/messages/security.ts'
import type * as wire from '../../../wire/kafka/messages/topics.ts'
import { noUuid } from '../../../wire/kafka/types.ts'
import { nodeId } from '../broker.ts'
import type { Call } from '../call.ts'

export function electLeaders(
  { broker }: Call,
  request: RequestOf<typeof wire.ElectLeaders>,
): ResponseOf<typeof wire.ElectLeaders> {
  const asked = request.topicPartitions ?? []
  return {
    errorCode: 0,
    replicaElectionResults: asked.map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map(partitionId => ({
        partitionId,
        errorCode:
          broker.topics.find(topic)?.logs[partitionId] === undefined
            ? codes.UNKNOWN_TOPIC_OR_PARTITION
            : codes.ELECTION_NOT_NEEDED,
      })),
    })),
  }
}

/** There is one broker, and every partition is on it already. */
export function alterReassignments(
  { broker }: Call,
  request: RequestOf<typeof wire.AlterPartitionReassignments>,
): ResponseOf<typeof wire.AlterPartitionReassignments> {
  return {
    errorCode: 0,
    responses: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, replicas }) => {
        if (broker.topics.find(name)?.logs[partitionIndex] === undefined) {
          return { partitionIndex, errorCode: codes.UNKNOWN_TOPIC_OR_PARTITION }
        }
        const isHere = replicas?.length === 1 && replicas[0] === nodeId
        const refused =
          replicas === null ? codes.NO_REASSIGNMENT_IN_PROGRESS : codes.INVALID_REPLICA_ASSIGNMENT
        return { partitionIndex, errorCode: isHere ? 0 : refused }
      }),
    })),
  }
}

export function listReassignments(): ResponseOf<typeof wire.ListPartitionReassignments> {
  return { errorCode: 0, topics: [] }
}

export function listConfigResources(
  { broker }: Call,
  request: RequestOf<typeof wire.ListConfigResources>,
): ResponseOf<typeof wire.ListConfigResources> {
  const wanted = request.resourceTypes
  const isWanted = (type: number) => wanted.length === 0 || wanted.includes(type)
  const topics = isWanted(2) ? broker.topics.list() : []
  const groups = isWanted(32) ? broker.groupConfigs.groups : []
  return {
    errorCode: 0,
    configResources: [
      ...topics.map(({ name }) => ({ resourceName: name, resourceType: 2 })),
      ...(isWanted(4) ? [{ resourceName: String(nodeId), resourceType: 4 }] : []),
      ...groups.map(name => ({ resourceName: name, resourceType: 32 })),
    ],
  }
}

export function describeQuotas(): ResponseOf<typeof security.DescribeClientQuotas> {
  return { errorCode: 0, entries: [] }
}

/** Kept would be a lie: nobody is slowed down here. */
export function alterQuotas(
  _call: Call,
  request: RequestOf<typeof security.AlterClientQuotas>,
): ResponseOf<typeof security.AlterClientQuotas> {
  const errorMessage = 'There are no quotas on this broker.'
  return {
    entries: request.entries.map(({ entity }) => ({
      errorCode: codes.INVALID_REQUEST,
      errorMessage,
      entity,
    })),
  }
}

/** One node, which has elected itself; its journal stands for the log of metadata. */
export function describeQuorum(
  { broker, session }: Call,
  request: RequestOf<typeof cluster.DescribeQuorum>,
): ResponseOf<typeof cluster.DescribeQuorum> {
  const logEndOffset = broker.engine.stats().sequence
  const self = { replicaId: nodeId, logEndOffset, replicaDirectoryId: noUuid }
  return {
    errorCode: 0,
    topics: request.topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => {
        const isIt = topicName === '__cluster_metadata' && partitionIndex === 0
        return {
          partitionIndex,
          errorCode: isIt ? 0 : codes.UNKNOWN_TOPIC_OR_PARTITION,
          leaderId: isIt ? nodeId : -1,
          leaderEpoch: 0,
          highWatermark: isIt ? logEndOffset : -1,
          currentVoters: isIt ? [self] : [],
          observers: [],
        }
      }),
    })),
    nodes: [{ nodeId, listeners: [{ name: 'BROKER', host: session.host, port: session.port }] }],
  }
}

/** What we serve is chosen by the profile, not by a level that is raised. */
export function updateFeatures(
  _call: Call,
  request: RequestOf<typeof cluster.UpdateFeatures>,
): ResponseOf<typeof cluster.UpdateFeatures> {
  const errorCode = codes.FEATURE_UPDATE_FAILED
  const errorMessage = 'This broker has no features to update: see --kafka-profile.'
  const results = request.featureUpdates.map(({ feature }) => ({
    feature,
    errorCode,
    errorMessage,
  }))
  return { errorCode, errorMessage, results }
}
