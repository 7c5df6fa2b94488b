/**
 * ApiVersions, Metadata, DescribeCluster, FindCoordinator, DescribeTopicPartitions,
 * DescribeLogDirs.
 */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/cluster.ts'
import type { FindCoordinator } from '../../../wire/kafka/messages/groups.ts'
import { noUuid } from '../../../wire/kafka/types.ts'
import { nodeId } from '../broker.ts'
import { type Call, mayDo } from '../call.ts'
import { KafkaError } from '../errors.ts'
import type { Topic } from '../topics.ts'

type Versions = ResponseOf<typeof wire.ApiVersions>

export function apiVersions(call: Call, request: RequestOf<typeof wire.ApiVersions>): Versions {
  const { clientSoftwareName: name, clientSoftwareVersion: version } = request
  const isNamed = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/
  const given = [name, version].filter(text => text !== '')
  const errorCode = given.every(text => isNamed.test(text)) ? 0 : codes.INVALID_REQUEST
  if (errorCode !== 0) return { errorCode, apiKeys: [] }
  const features = call.broker.profile === '4.2' ? featuresServed : []
  if (features.length === 0) return { errorCode, apiKeys: call.apiKeys }
  return {
    errorCode,
    apiKeys: call.apiKeys,
    supportedFeatures: features.map(each => ({ ...each, minVersion: 0 })),
    finalizedFeaturesEpoch: 1,
    finalizedFeatures: features.map(({ name, maxVersion: level }) => ({
      name,
      maxVersionLevel: level,
      minVersionLevel: level,
    })),
  }
}

/**
 * What clients ask for by name: with the second version of transactions they do not announce
 * partitions; share groups are there (KIP-932).
 */
const featuresServed = [
  { name: 'transaction.version', maxVersion: 2 },
  { name: 'share.version', maxVersion: 1 },
]

/** The peer speaks a later ApiVersions than ours: it is told ours, in the oldest form (KIP-511). */
export function unsupportedVersion(apiKeys: Call['apiKeys']): Versions {
  return { errorCode: codes.UNSUPPORTED_VERSION, apiKeys }
}

type TopicAnswer = ResponseOf<typeof wire.Metadata>['topics'][number]

export function metadata(
  call: Call,
  request: RequestOf<typeof wire.Metadata>,
): ResponseOf<typeof wire.Metadata> {
  const { broker, session } = call
  const isAll = request.topics === null || (call.version === 0 && request.topics.length === 0)
  const topics = isAll
    ? broker.topics
        .list()
        .filter(({ name }) => mayDo(call, 'describe', 'topic', name))
        .map(topicAnswer)
    : request.topics!.map(asked => answerFor(call, asked, request.allowAutoTopicCreation))
  return {
    brokers: [{ nodeId, host: session.host, port: session.port }],
    clusterId: broker.clusterId,
    controllerId: nodeId,
    topics,
  }
}

function answerFor(
  call: Call,
  asked: { readonly topicId: string; readonly name: string | null },
  mayCreate: boolean,
): TopicAnswer {
  const { topics, options } = call.broker
  if (asked.name === null) {
    const topic = topics.byId(asked.topicId)
    const isKnown = topic !== undefined && mayDo(call, 'describe', 'topic', topic.name)
    if (isKnown) return topicAnswer(topic)
    return { ...missing(codes.UNKNOWN_TOPIC_ID, null), topicId: asked.topicId }
  }
  if (!mayDo(call, 'describe', 'topic', asked.name)) {
    return missing(codes.TOPIC_AUTHORIZATION_FAILED, asked.name)
  }
  const topic = topics.find(asked.name)
  if (topic !== undefined) return topicAnswer(topic)
  try {
    if (mayCreate && options.autoCreate !== false) {
      if (!mayDo(call, 'create', 'cluster') && !mayDo(call, 'create', 'topic', asked.name)) {
        return missing(codes.TOPIC_AUTHORIZATION_FAILED, asked.name)
      }
      return topicAnswer(call.broker.createTopic(asked.name, -1, {}))
    }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return missing(
      error.code === codes.TOPIC_ALREADY_EXISTS ? codes.INVALID_TOPIC_EXCEPTION : error.code,
      asked.name,
    )
  }
  return missing(codes.UNKNOWN_TOPIC_OR_PARTITION, asked.name)
}

function missing(errorCode: number, name: string | null): TopicAnswer {
  return { errorCode, name, topicId: noUuid, partitions: [] }
}

function topicAnswer(topic: Topic): TopicAnswer {
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.id,
    partitions: topic.logs.map((_, partitionIndex) => partitionAnswer(partitionIndex)),
  }
}

function partitionAnswer(partitionIndex: number) {
  return {
    errorCode: 0,
    partitionIndex,
    leaderId: nodeId,
    leaderEpoch: 0,
    replicaNodes: [nodeId],
    isrNodes: [nodeId],
    offlineReplicas: [],
  }
}

export function describeCluster(call: Call): ResponseOf<typeof wire.DescribeCluster> {
  const { session, broker } = call
  return {
    errorCode: 0,
    clusterId: broker.clusterId,
    controllerId: nodeId,
    brokers: [{ brokerId: nodeId, host: session.host, port: session.port }],
  }
}

const transactionKey = 1

export function findCoordinator(
  call: Call,
  request: RequestOf<typeof FindCoordinator>,
): ResponseOf<typeof FindCoordinator> {
  const { host, port } = call.session
  const place = (key: string) => {
    const found = { nodeId, host, port, errorCode: 0, errorMessage: null }
    const isForGroup = request.keyType !== transactionKey
    if (mayDo(call, 'describe', isForGroup ? 'group' : 'transaction', key)) return found
    const errorCode = isForGroup
      ? codes.GROUP_AUTHORIZATION_FAILED
      : codes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    return { ...found, nodeId: -1, host: '', port: -1, errorCode }
  }
  const { key, coordinatorKeys } = request
  return {
    ...place(key),
    coordinators: coordinatorKeys.map(each => ({ key: each, ...place(each) })),
  }
}

export function describeTopicPartitions(
  call: Call,
  request: RequestOf<typeof wire.DescribeTopicPartitions>,
): ResponseOf<typeof wire.DescribeTopicPartitions> {
  const { topics } = call.broker
  const names = request.topics.length > 0 ? request.topics.map(({ name }) => name) : undefined
  const found = names ?? topics.list().map(({ name }) => name)
  const { cursor } = request
  const from = cursor === null ? found : found.filter(name => name >= cursor.topicName)
  let left = Math.max(1, request.responsePartitionLimit)
  const answers: ResponseOf<typeof wire.DescribeTopicPartitions>['topics'][number][] = []
  for (const name of from.sort()) {
    const topic = topics.find(name)
    if (topic === undefined) {
      answers.push(missing(codes.UNKNOWN_TOPIC_OR_PARTITION, name) as (typeof answers)[number])
      continue
    }
    const start = cursor?.topicName === name ? cursor.partitionIndex : 0
    const partitions = topic.logs.slice(start, start + left).map((_, index) => ({
      ...partitionAnswer(start + index),
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    }))
    if (left === 0) return { topics: answers, nextCursor: { topicName: name, partitionIndex: 0 } }
    answers.push({ errorCode: 0, name, topicId: topic.id, partitions })
    left -= partitions.length
    const next = start + partitions.length
    if (next < topic.partitions) {
      return { topics: answers, nextCursor: { topicName: name, partitionIndex: next } }
    }
  }
  return { topics: answers }
}

export function describeLogDirs(
  call: Call,
  request: RequestOf<typeof wire.DescribeLogDirs>,
): ResponseOf<typeof wire.DescribeLogDirs> {
  const { engine, topics } = call.broker
  const asked = request.topics?.map(({ topic }) => topic)
  const chosen = topics.list().filter(({ name }) => asked === undefined || asked.includes(name))
  const stats = engine.stats()
  return {
    errorCode: 0,
    results: [
      {
        errorCode: 0,
        logDir: 'spillway',
        topics: chosen.map(({ name, logs }) => ({
          name,
          partitions: logs.map((log, partitionIndex) => ({
            partitionIndex,
            partitionSize: engine.log(log)?.bytes ?? 0,
            offsetLag: 0,
            isFutureKey: false,
          })),
        })),
        totalBytes: stats.journalBytes + stats.freeBytes,
        usableBytes: stats.freeBytes,
      },
    ],
  }
}
