/** Keys that tools ask for, and that one broker without replicas answers in a word. */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as security from '../../../wire/kafka/messages/security.ts'
import type * as wire from '../../../wire/kafka/messages/topics.ts'
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
  return {
    errorCode: 0,
    configResources: [
      ...topics.map(({ name }) => ({ resourceName: name, resourceType: 2 })),
      ...(isWanted(4) ? [{ resourceName: String(nodeId), resourceType: 4 }] : []),
    ],
  }
}

export function describeQuotas(): ResponseOf<typeof security.DescribeClientQuotas> {
  return { errorCode: 0, entries: [] }
}
