/** The settings of topics and of the broker that tools ask for: names, types, defaults. */

import { codes } from '../../wire/kafka/error-codes.ts'
import { KafkaError } from './errors.ts'

/** Numbers of the protocol. */
export const configTypes = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const
export const resourceTypes = { topic: 2, group: 32, broker: 4 } as const
export const configSources = { topic: 1, broker: 4, default: 5 } as const

export interface Setting {
  readonly type: keyof typeof configTypes
  readonly fallback: string
  /** What a value must look like; undefined: its type says enough. */
  readonly allowed?: RegExp
}

export const topicSettings: { readonly [name: string]: Setting } = {
  'cleanup.policy': {
    type: 'list',
    fallback: 'delete',
    allowed: /^(delete|compact)(, ?(delete|compact))?$/,
  },
  'compression.type': {
    type: 'string',
    fallback: 'producer',
    allowed: /^(uncompressed|zstd|lz4|snappy|gzip|producer)$/,
  },
  'delete.retention.ms': { type: 'long', fallback: '86400000' },
  'file.delete.delay.ms': { type: 'long', fallback: '60000' },
  'flush.messages': { type: 'long', fallback: '9223372036854775807' },
  'flush.ms': { type: 'long', fallback: '9223372036854775807' },
  'index.interval.bytes': { type: 'int', fallback: '4096' },
  'max.compaction.lag.ms': { type: 'long', fallback: '9223372036854775807' },
  'max.message.bytes': { type: 'int', fallback: '1048588' },
  'message.format.version': { type: 'string', fallback: '3.0-IV1' },
  'message.timestamp.after.max.ms': { type: 'long', fallback: '3600000' },
  'message.timestamp.before.max.ms': { type: 'long', fallback: '9223372036854775807' },
  'message.timestamp.type': {
    type: 'string',
    fallback: 'CreateTime',
    allowed: /^(CreateTime|LogAppendTime)$/,
  },
  'min.cleanable.dirty.ratio': { type: 'double', fallback: '0.5' },
  'min.compaction.lag.ms': { type: 'long', fallback: '0' },
  'min.insync.replicas': { type: 'int', fallback: '1' },
  preallocate: { type: 'boolean', fallback: 'false' },
  'retention.bytes': { type: 'long', fallback: '-1' },
  'retention.ms': { type: 'long', fallback: '604800000' },
  'segment.bytes': { type: 'int', fallback: '1073741824' },
  'segment.index.bytes': { type: 'int', fallback: '10485760' },
  'segment.jitter.ms': { type: 'long', fallback: '0' },
  'segment.ms': { type: 'long', fallback: '604800000' },
  'unclean.leader.election.enable': { type: 'boolean', fallback: 'false' },
}

export function checkSetting(name: string, value: string | null): void {
  const setting = Object.hasOwn(topicSettings, name) ? topicSettings[name] : undefined
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
