/**
 * Names, definitions and records: from Kafka's to the engine's, and back. Pure.
 *
 *     partition 0 of topic t     log `t`: so a topic of one partition has the same name everywhere
 *     partition n of topic t     log `t/n`: a slash cannot be in a topic's name, so nothing clashes
 *     record batch               one record with `span` = its count; position = base offset
 */

import { encodeUtf8 } from '../../base/bytes.ts'
import { defaultLog, formats, type LogConfig, type StoredRecord } from '../../engine/model.ts'
import { encodeBatch, type Header } from '../../wire/kafka/record-batch.ts'
import type { ReadPlain } from '../plain-record.ts'
import { limits } from './limits.ts'

export function logName(topic: string, partition: number): string {
  return partition === 0 ? topic : `${topic}/${partition}`
}

export function partitionOf(log: string): { topic: string; partition: number } | undefined {
  const slash = log.indexOf('/')
  const topic = slash < 0 ? log : log.slice(0, slash)
  const number = slash < 0 ? '0' : log.slice(slash + 1)
  if (!isTopicName(topic) || !/^(0|[1-9]\d*)$/.test(number) || (slash >= 0 && number === '0')) {
    return undefined
  }
  return { topic, partition: Number(number) }
}

export function isTopicName(name: string): boolean {
  return (
    /^[a-zA-Z0-9._-]+$/.test(name) &&
    name.length <= limits.topicNameMax &&
    name !== '.' &&
    name !== '..'
  )
}

export type Configs = { readonly [name: string]: string }

export const defaultRetentionMs = 604_800_000

/**
 * What a topic's configuration means to its logs. Age is not among it: a batch has the time of its
 * producer, and the engine would cut old ones as they come. See `retention.ts`.
 */
export function logConfigOf(configs: Configs): Pick<LogConfig, 'retention' | 'compact'> {
  const policy = policyOf(configs)
  const bytes = positive(configs['retention.bytes'] ?? '-1')
  return {
    compact: policy.includes('compact'),
    retention: policy.includes('delete')
      ? { ageMs: undefined, bytes, count: undefined }
      : defaultLog.retention,
  }
}

/** How old a topic's records may be, in ms; undefined: as old as they like. */
export function ageLimitOf(configs: Configs): number | undefined {
  if (!policyOf(configs).includes('delete')) return undefined
  return positive(configs['retention.ms'] ?? String(defaultRetentionMs))
}

export function isCompacted(configs: Configs): boolean {
  return policyOf(configs).includes('compact')
}

/** What every batch is held to. */
export interface WriteRules {
  readonly isCompacted: boolean
  /** The broker's time takes the place of the producer's. */
  readonly isStamped: boolean
  readonly bytesMax: number
}

export function writeRulesOf(configs: Configs): WriteRules {
  return {
    isCompacted: isCompacted(configs),
    isStamped: configs['message.timestamp.type'] === 'LogAppendTime',
    bytesMax: Number(configs['max.message.bytes'] ?? 1_048_588),
  }
}

function policyOf(configs: Configs): string[] {
  return (configs['cleanup.policy'] ?? 'delete').split(',').map(each => each.trim())
}

function positive(text: string): number | undefined {
  const value = Number(text)
  return value < 0 || !Number.isFinite(value) ? undefined : value
}

/**
 * A stored record as a batch: as it came, or, when another protocol wrote it, a batch of one.
 *
 *     its id and its content type, where it has them   headers `message-id` and `content-type`
 *     its headers, attributes or fields                headers of the same names
 */
export function batchOf(record: StoredRecord, read: ReadPlain): Uint8Array {
  if (record.format === formats.kafkaBatch) return record.body
  const [plain] = read(record) ?? []
  const baseOffset = record.position
  if (plain === undefined) {
    const key = record.key.length === 0 ? null : record.key
    return encodeBatch([{ timestamp: record.time, key, value: record.body }], { baseOffset })
  }
  const { time: timestamp, key = null, body: value, id, contentType } = plain
  const own: Header[] = []
  if (id !== undefined) own.push({ key: 'message-id', value: encodeUtf8(id) })
  if (contentType !== undefined) own.push({ key: 'content-type', value: encodeUtf8(contentType) })
  const theirs = plain.headers.map(([name, text]) => ({
    key: name,
    value: typeof text === 'string' ? encodeUtf8(text) : text,
  }))
  return encodeBatch([{ timestamp, key, value, headers: [...own, ...theirs] }], { baseOffset })
}
