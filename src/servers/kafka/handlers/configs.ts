/** DescribeConfigs, AlterConfigs, IncrementalAlterConfigs. Engine: alter, put. */

import { codes } from '../../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseOf } from '../../../wire/kafka/message.ts'
import type * as wire from '../../../wire/kafka/messages/topics.ts'
import { type Broker, nodeId } from '../broker.ts'
import { type Call, mayDo } from '../call.ts'
import {
  checkSetting,
  configSources,
  configTypes,
  fallbackOf,
  resourceTypes,
  type Setting,
  topicSettingsOf,
} from '../configs.ts'
import { KafkaError } from '../errors.ts'
import { checkGroupSetting, groupSettings } from '../group-configs.ts'
import { limits } from '../limits.ts'
import type { Configs } from '../mapping.ts'
import type { Topic } from '../topics.ts'

type Described = ResponseOf<typeof wire.DescribeConfigs>['results'][number]

export function describeConfigs(
  call: Call,
  request: RequestOf<typeof wire.DescribeConfigs>,
): ResponseOf<typeof wire.DescribeConfigs> {
  return {
    results: request.resources.map(({ resourceType, resourceName, configurationKeys }) => {
      const resource = { resourceType, resourceName }
      try {
        const { settings, own } = settingsOf(call, resource, 'describeConfigs')
        const names = Object.keys(settings).filter(
          name => configurationKeys?.includes(name) ?? true,
        )
        const { includeSynonyms: withSynonyms } = request
        const isGroup = resourceType === resourceTypes.group
        const source = isGroup ? configSources.group : configSources.topic
        const configs = names.map(name => row(name, settings[name]!, { own, source, withSynonyms }))
        return { ...resource, errorCode: 0, configs }
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        const errorMessage = error.message || null
        return { ...resource, errorCode: error.code, errorMessage, configs: [] }
      }
    }),
  }
}

interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

function settingsOf(
  call: Call,
  { resourceType: type, resourceName: name }: ConfigResource,
  operation: 'describeConfigs' | 'alterConfigs',
): { settings: { readonly [name: string]: Setting }; own: Configs } {
  const { broker } = call
  if (type === resourceTypes.topic) {
    if (!mayDo(call, operation, 'topic', name)) {
      throw new KafkaError(codes.TOPIC_AUTHORIZATION_FAILED, 'Topic authorization failed.')
    }
    return { settings: topicSettingsOf[broker.profile], own: topicOf(broker, name).configs }
  }
  if (!mayDo(call, operation, 'cluster')) {
    throw new KafkaError(codes.CLUSTER_AUTHORIZATION_FAILED, 'Cluster authorization failed.')
  }
  if (type === resourceTypes.group) {
    return { settings: groupSettings, own: broker.groupConfigs.of(name) }
  }
  if (type === resourceTypes.broker && (name === '' || name === String(nodeId))) {
    return { settings: brokerSettings(broker), own: {} }
  }
  throw new KafkaError(codes.INVALID_REQUEST, `There is no such resource: ${name}`)
}

function topicOf(broker: Broker, name: string): Topic {
  const topic = broker.topics.find(name)
  if (topic === undefined) throw new KafkaError(codes.UNKNOWN_TOPIC_OR_PARTITION)
  return topic
}

function brokerSettings(broker: Broker): { readonly [name: string]: Setting } {
  const { autoCreate = true, initialRebalanceDelayMs = 0 } = broker.options
  return {
    'auto.create.topics.enable': { type: 'boolean', fallback: String(autoCreate) },
    'broker.id': { type: 'int', fallback: String(nodeId) },
    'default.replication.factor': { type: 'int', fallback: '1' },
    'group.initial.rebalance.delay.ms': {
      type: 'int',
      fallback: String(initialRebalanceDelayMs),
    },
    'log.cleanup.policy': { type: 'list', fallback: 'delete' },
    'log.retention.check.interval.ms': { type: 'long', fallback: String(limits.retentionCheckMs) },
    'log.retention.ms': { type: 'long', fallback: '604800000' },
    'message.max.bytes': { type: 'int', fallback: '1048588' },
    'min.insync.replicas': { type: 'int', fallback: '1' },
    'num.partitions': { type: 'int', fallback: String(broker.partitions) },
  }
}

function row(
  name: string,
  { type, fallback, synonym }: Setting,
  how: { readonly own: Configs; readonly source: number; readonly withSynonyms: boolean },
): Described['configs'][number] {
  const { own, source, withSynonyms } = how
  const isOwn = Object.hasOwn(own, name)
  const value = isOwn ? own[name]! : fallback
  const fromDefault =
    synonym === undefined ? [] : [{ name: synonym, value: fallback, source: configSources.default }]
  const fromOwn = isOwn ? [{ name, value, source }] : []
  return {
    name,
    value,
    readOnly: false,
    isDefault: !isOwn,
    configSource: isOwn ? source : configSources.default,
    isSensitive: false,
    synonyms: withSynonyms ? [...fromOwn, ...fromDefault] : [],
    configType: configTypes[type],
  }
}

interface Change {
  readonly name: string
  readonly value: string | null
  readonly operation: 'set' | 'delete' | 'append' | 'subtract'
}

export function alterConfigs(
  call: Call,
  request: RequestOf<typeof wire.AlterConfigs>,
): ResponseOf<typeof wire.AlterConfigs> {
  const { validateOnly } = request
  return {
    responses: request.resources.map(({ configs, ...resource }) => {
      const changes = configs.map(each => ({ ...each, operation: 'set' as const }))
      return alter(call, resource, { changes, afresh: true, validateOnly })
    }),
  }
}

const operations = ['set', 'delete', 'append', 'subtract'] as const

export function incrementalAlterConfigs(
  call: Call,
  request: RequestOf<typeof wire.IncrementalAlterConfigs>,
): ResponseOf<typeof wire.IncrementalAlterConfigs> {
  const { validateOnly } = request
  return {
    responses: request.resources.map(({ configs, ...resource }) => {
      const changes = configs.map(({ configOperation, ...each }) => ({
        ...each,
        operation: operations[configOperation] ?? 'set',
      }))
      return alter(call, resource, { changes, afresh: false, validateOnly })
    }),
  }
}

function alter(
  call: Call,
  resource: ConfigResource,
  how: { changes: readonly Change[]; afresh: boolean; validateOnly: boolean },
) {
  const { broker } = call
  const { resourceType, resourceName } = resource
  const answer = { resourceType, resourceName }
  try {
    settingsOf(call, resource, 'alterConfigs')
    if (resourceType === resourceTypes.group) {
      const before = how.afresh ? {} : broker.groupConfigs.of(resourceName)
      const configs = changed(before, how.changes, checkGroupSetting)
      if (!how.validateOnly) broker.groupConfigs.set(resourceName, configs)
    }
    if (resourceType !== resourceTypes.topic) {
      return { ...answer, errorCode: 0 }
    }
    const topic = topicOf(broker, resourceName)
    const configs = changed(how.afresh ? {} : topic.configs, how.changes, checkSetting)
    if (!how.validateOnly) broker.topics.configure(topic, configs)
    return { ...answer, errorCode: 0 }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return { ...answer, errorCode: error.code, errorMessage: error.message || null }
  }
}

function changed(
  before: Configs,
  changes: readonly Change[],
  check: (name: string, value: string | null) => void,
): Configs {
  const configs = { ...before }
  for (const { name, value, operation } of changes) {
    if (operation === 'delete') {
      delete configs[name]
      continue
    }
    const now = (configs[name] ?? fallbackOf(name)).split(',')
    const given = (value ?? '').split(',')
    const next =
      operation === 'append'
        ? [...now, ...given.filter(each => !now.includes(each))].join(',')
        : operation === 'subtract'
          ? now.filter(each => !given.includes(each)).join(',')
          : value
    check(name, next)
    configs[name] = next!
  }
  return configs
}
