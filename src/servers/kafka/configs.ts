/** The settings of topics and of the broker that tools ask for: names, types, defaults. */

import { codes } from '../../wire/kafka/error-codes.ts'
import { KafkaError } from './errors.ts'
import type { ProfileName } from './profiles.ts'

/** Numbers of the protocol. */
export const configTypes = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const
export const resourceTypes = { topic: 2, group: 32, broker: 4 } as const
export const configSources = { topic: 1, broker: 4, default: 5, group: 8 } as const

export interface Setting {
  readonly type: keyof typeof configTypes
  readonly fallback: string
  /** What the broker's own setting is called that it takes the place of, where there is one. */
  readonly synonym?: string
  /** What a value must look like; undefined: its type says enough. */
  readonly allowed?: RegExp
}

const longMax = '9223372036854775807'

/** What every Kafka knows that we answer for. Defaults and synonyms were read from Kafka 4.2.0. */
const common: { readonly [name: string]: Setting } = {
  'cleanup.policy': {
    type: 'list',
    fallback: 'delete',
    synonym: 'log.cleanup.policy',
    allowed: /^(delete|compact)(, ?(delete|compact))?$/,
  },
  'compression.type': {
    type: 'string',
    fallback: 'producer',
    synonym: 'compression.type',
    allowed: /^(uncompressed|zstd|lz4|snappy|gzip|producer)$/,
  },
  'delete.retention.ms': {
    type: 'long',
    fallback: '86400000',
    synonym: 'log.cleaner.delete.retention.ms',
  },
  'file.delete.delay.ms': {
    type: 'long',
    fallback: '60000',
    synonym: 'log.segment.delete.delay.ms',
  },
  'flush.messages': { type: 'long', fallback: longMax, synonym: 'log.flush.interval.messages' },
  'flush.ms': { type: 'long', fallback: longMax },
  'follower.replication.throttled.replicas': { type: 'list', fallback: '' },
  'index.interval.bytes': { type: 'int', fallback: '4096', synonym: 'log.index.interval.bytes' },
  'leader.replication.throttled.replicas': { type: 'list', fallback: '' },
  'max.compaction.lag.ms': {
    type: 'long',
    fallback: longMax,
    synonym: 'log.cleaner.max.compaction.lag.ms',
  },
  'max.message.bytes': { type: 'int', fallback: '1048588', synonym: 'message.max.bytes' },
  'message.timestamp.type': {
    type: 'string',
    fallback: 'CreateTime',
    synonym: 'log.message.timestamp.type',
    allowed: /^(CreateTime|LogAppendTime)$/,
  },
  'min.cleanable.dirty.ratio': {
    type: 'double',
    fallback: '0.5',
    synonym: 'log.cleaner.min.cleanable.ratio',
  },
  'min.compaction.lag.ms': {
    type: 'long',
    fallback: '0',
    synonym: 'log.cleaner.min.compaction.lag.ms',
  },
  'min.insync.replicas': { type: 'int', fallback: '1', synonym: 'min.insync.replicas' },
  preallocate: { type: 'boolean', fallback: 'false', synonym: 'log.preallocate' },
  'retention.bytes': { type: 'long', fallback: '-1', synonym: 'log.retention.bytes' },
  'retention.ms': { type: 'long', fallback: '604800000' },
  'segment.bytes': { type: 'int', fallback: '1073741824', synonym: 'log.segment.bytes' },
  'segment.index.bytes': { type: 'int', fallback: '10485760', synonym: 'log.index.size.max.bytes' },
  'segment.jitter.ms': { type: 'long', fallback: '0' },
  'segment.ms': { type: 'long', fallback: '604800000' },
  'unclean.leader.election.enable': {
    type: 'boolean',
    fallback: 'false',
    synonym: 'unclean.leader.election.enable',
  },
}

const beforeAndAfter: { readonly [name: string]: Setting } = {
  'message.timestamp.after.max.ms': {
    type: 'long',
    fallback: '3600000',
    synonym: 'log.message.timestamp.after.max.ms',
  },
  'message.timestamp.before.max.ms': {
    type: 'long',
    fallback: longMax,
    synonym: 'log.message.timestamp.before.max.ms',
  },
}

const older: { readonly [name: string]: Setting } = {
  'message.downconversion.enable': {
    type: 'boolean',
    fallback: 'true',
    synonym: 'log.message.downconversion.enable',
  },
  'message.timestamp.difference.max.ms': {
    type: 'long',
    fallback: longMax,
    synonym: 'log.message.timestamp.difference.max.ms',
  },
}

/** The settings of a topic, by profile. */
export const topicSettingsOf: {
  readonly [Name in ProfileName]: { readonly [name: string]: Setting }
} = {
  '4.2': {
    ...common,
    ...beforeAndAfter,
    'compression.gzip.level': { type: 'int', fallback: '-1', synonym: 'compression.gzip.level' },
    'compression.lz4.level': { type: 'int', fallback: '9', synonym: 'compression.lz4.level' },
    'compression.zstd.level': { type: 'int', fallback: '3', synonym: 'compression.zstd.level' },
    'local.retention.bytes': { type: 'long', fallback: '-2', synonym: 'log.local.retention.bytes' },
    'local.retention.ms': { type: 'long', fallback: '-2', synonym: 'log.local.retention.ms' },
    'remote.log.copy.disable': { type: 'boolean', fallback: 'false' },
    'remote.log.delete.on.disable': { type: 'boolean', fallback: 'false' },
    'remote.storage.enable': { type: 'boolean', fallback: 'false', allowed: /^false$/i },
  },
  '3.9': {
    ...common,
    ...beforeAndAfter,
    ...older,
    'message.format.version': { type: 'string', fallback: '3.0-IV1' },
  },
  '2.4': {
    ...common,
    ...older,
    'max.message.bytes': { type: 'int', fallback: '1000012', synonym: 'message.max.bytes' },
    'message.format.version': { type: 'string', fallback: '2.4-IV1' },
  },
}

/** Settings of any profile: a topic keeps what it was given when the profile changes. */
const allSettings: { readonly [name: string]: Setting } = {
  ...topicSettingsOf['2.4'],
  ...topicSettingsOf['3.9'],
  ...topicSettingsOf['4.2'],
}

/** What a topic's setting is when nobody has said anything. */
export function fallbackOf(name: string): string {
  return allSettings[name]?.fallback ?? ''
}

export function checkSetting(name: string, value: string | null): void {
  const setting = Object.hasOwn(allSettings, name) ? allSettings[name] : undefined
  if (setting === undefined) {
    throw new KafkaError(codes.INVALID_CONFIG, `Unknown topic config name: ${name}`)
  }
  const pattern = setting.allowed ?? patterns[setting.type]
  if (value !== null && pattern.test(value)) return
  throw new KafkaError(codes.INVALID_CONFIG, `Invalid value ${value} for configuration ${name}`)
}

const patterns: { readonly [Type in keyof typeof configTypes]: RegExp } = {
  boolean: /^(true|false)$/i,
  string: /^/,
  int: /^-?\d{1,10}$/,
  long: /^-?\d{1,19}$/,
  double: /^\d+(\.\d+)?$/,
  list: /^/,
}
