/** A stored record, in the words in which AMQP hands it out. */

import { formats, type LogInfo, type StoredRecord } from '../../engine/model.ts'
import { noProperties } from '../../wire/amqp/content.ts'
import { WireError } from '../../wire/schema/errors.ts'
import { isForeign, messageOf } from './foreign.ts'
import { deliveredProperties } from './headers.ts'
import type { QueueType } from './mapping.ts'
import type { ChannelHost } from './session.ts'

/** The record as AMQP has it: another protocol's is translated. */
export function shown(record: StoredRecord, host: ChannelHost, log: string): StoredRecord {
  if (!isForeign(record)) return record
  const { readPlain } = host.broker.options
  return readPlain === undefined ? record : messageOf(record, readPlain, log)
}

export function exchangeOf(record: StoredRecord, host: ChannelHost): Uint8Array {
  const { route } = record
  return host.prefixBytes === 0 || route.length === 0 ? route : route.subarray(host.prefixBytes)
}

export function routingKeyOf(record: StoredRecord, host: ChannelHost): Uint8Array {
  const { route, key } = record
  const plain = host.prefixBytes === 0 || route.length > 0 || key.length < host.prefixBytes
  const bytes = plain ? key : key.subarray(host.prefixBytes)
  // Other protocols have longer keys than a short string can be.
  return bytes.length > 255 ? bytes.subarray(0, 255) : bytes
}

/** `redeliveries` is above 0 for quorum queues only: they show it. */
export function propertiesOf(
  record: StoredRecord,
  host: ChannelHost,
  redeliveries: number,
): Uint8Array {
  const envelope = record.format === formats.amqpProperties ? record.envelope : noProperties
  if (record.deaths.length === 0 && redeliveries === 0) return envelope
  try {
    return deliveredProperties(envelope, {
      vhost: host.vhost,
      deaths: record.deaths,
      deliveryCount: redeliveries,
      hasMoreKeys: record.moreKeys.length > 0,
    })
  } catch (error) {
    // We are in the engine's turn: what cannot be read goes out as it is stored.
    if (error instanceof WireError) return envelope
    throw error
  }
}

/** Which of RabbitMQ's kinds a queue is. A log that is no queue is read like a stream. */
export function typeOf(info: LogInfo): QueueType {
  if (info.config.queue === undefined) return 'stream'
  const label = info.config.labels.amqp as { readonly arguments?: unknown } | undefined
  const table = label?.arguments
  if (!Array.isArray(table)) return 'classic'
  const quorum = table.some(([name, , value]) => name === 'x-queue-type' && value === 'quorum')
  return quorum ? 'quorum' : 'classic'
}
