/** CreateTopics, DeleteTopics, CreatePartitions. Engine: createLog, dropLog, put; one batch. */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/topics.ts'
import { noUuid } from '../../../wire/kafka/types.ts'
import { nodeId } from '../broker.ts'
import { type Call, mayDo } from '../call.ts'
import { checkSetting, configSources, topicSettingsOf } from '../configs.ts'
import { KafkaError } from '../errors.ts'
import type { Configs } from '../mapping.ts'
import type { ProfileName } from '../profiles.ts'

type CreateRequest = RequestOf<typeof wire.CreateTopics>
type Created = ResponseOf<typeof wire.CreateTopics>['topics'][number]

export function createTopics(
  call: Call,
  request: CreateRequest,
): ResponseOf<typeof wire.CreateTopics> {
  const names = request.topics.map(({ name }) => name)
  const topics = request.topics.map((asked): Created => {
    const { name } = asked
    try {
      if (names.filter(each => each === name).length > 1) {
        throw new KafkaError(codes.INVALID_REQUEST, 'Duplicate topic name.')
      }
      return createTopic(call, asked, request.validateOnly)
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      return { name, errorCode: error.code, errorMessage: error.message || null }
    }
  })
  // A topic that is named twice is answered once.
  return { topics: topics.filter(({ name }, index) => names.indexOf(name) === index) }
}

function createTopic(
  call: Call,
  asked: CreateRequest['topics'][number],
  validateOnly: boolean,
): Created {
  const { broker } = call
  const { name, numPartitions, replicationFactor, assignments } = asked
  if (!mayDo(call, 'create', 'cluster') && !mayDo(call, 'create', 'topic', name)) {
    throw new KafkaError(codes.TOPIC_AUTHORIZATION_FAILED, 'Authorization failed.')
  }
  const manual = assignments.length > 0
  if (manual && (numPartitions !== -1 || replicationFactor !== -1)) {
    throw new KafkaError(
      codes.INVALID_REQUEST,
      'Both numPartitions or replicationFactor and replicasAssignments were set.',
    )
  }
  const count = manual
    ? assignments.length
    : numPartitions === -1
      ? broker.partitions
      : numPartitions
  broker.topics.check(name, count)
  const isOurs = assignments.every(
    ({ brokerIds }, index, all) =>
      brokerIds.length === 1 &&
      brokerIds[0] === nodeId &&
      all.some(each => each.partitionIndex === index),
  )
  if (!isOurs) throw new KafkaError(codes.INVALID_REPLICA_ASSIGNMENT, 'There is one broker: 0.')
  const isOne = replicationFactor === 1 || replicationFactor === -1
  const mayBeMore = broker.options.anyReplication === true && replicationFactor > 1
  if (!manual && !isOne && !mayBeMore) {
    const text = `Unable to replicate the partition ${replicationFactor} time(s): there is 1 broker.`
    throw new KafkaError(codes.INVALID_REPLICATION_FACTOR, text)
  }
  const configs: { [key: string]: string } = {}
  for (const config of asked.configs) {
    checkSetting(config.name, config.value)
    configs[config.name] = config.value!
  }
  const topic = validateOnly ? undefined : broker.createTopic(name, count, configs)
  return {
    name,
    topicId: topic?.id ?? noUuid,
    errorCode: 0,
    errorMessage: null,
    numPartitions: count,
    replicationFactor: 1,
    configs: describe(broker.profile, configs),
  }
}

function describe(profile: ProfileName, configs: Configs) {
  return Object.entries(topicSettingsOf[profile]).map(([name, { fallback }]) => ({
    name,
    value: configs[name] ?? fallback,
    readOnly: false,
    configSource: name in configs ? configSources.topic : configSources.default,
    isSensitive: false,
  }))
}

export function deleteTopics(
  call: Call,
  request: RequestOf<typeof wire.DeleteTopics>,
): ResponseOf<typeof wire.DeleteTopics> {
  const { broker } = call
  const asked =
    call.version >= 6 ? request.topics : request.topicNames.map(name => ({ name, topicId: noUuid }))
  return {
    responses: asked.map(({ name, topicId }) => {
      const topic = name === null ? broker.topics.byId(topicId) : broker.topics.find(name)
      if (topic === undefined) {
        const errorCode = name === null ? codes.UNKNOWN_TOPIC_ID : codes.UNKNOWN_TOPIC_OR_PARTITION
        return { name, topicId, errorCode }
      }
      if (!mayDo(call, 'delete', 'topic', topic.name)) {
        return { name, topicId, errorCode: codes.TOPIC_AUTHORIZATION_FAILED }
      }
      broker.removeTopic(topic)
      return { name: topic.name, topicId: topic.id, errorCode: 0 }
    }),
  }
}

export function createPartitions(
  call: Call,
  request: RequestOf<typeof wire.CreatePartitions>,
): ResponseOf<typeof wire.CreatePartitions> {
  const { broker } = call
  return {
    results: request.topics.map(({ name, count, assignments }) => {
      const topic = broker.topics.find(name)
      try {
        if (!mayDo(call, 'alter', 'topic', name)) {
          throw new KafkaError(codes.TOPIC_AUTHORIZATION_FAILED)
        }
        if (topic === undefined) throw new KafkaError(codes.UNKNOWN_TOPIC_OR_PARTITION)
        if (count <= topic.partitions) {
          const text = `Topic currently has ${topic.partitions} partitions, which is higher than the requested ${count}.`
          throw new KafkaError(codes.INVALID_PARTITIONS, text)
        }
        const fresh = assignments ?? []
        const isOurs = fresh.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === 0)
        if (!isOurs || (assignments !== null && fresh.length !== count - topic.partitions)) {
          throw new KafkaError(codes.INVALID_REPLICA_ASSIGNMENT)
        }
        if (!request.validateOnly) broker.topics.grow(topic, count)
        return { name, errorCode: 0 }
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        return { name, errorCode: error.code, errorMessage: error.message || null }
      }
    }),
  }
}
