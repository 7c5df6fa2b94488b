/**
 * What a stored record is in the words of the protocol that wrote it: for whoever looks at messages
 * without taking them. A batch of Kafka's is several messages; the fields of a Redis entry are its
 * body, unless it has only one that is called so.
 */

import type { Described } from '../admin/ports.ts'
import { decodeUtf8 } from '../base/bytes.ts'
import { formats, type Json, type StoredRecord } from '../engine/model.ts'
import { tableJson } from '../servers/amqp/management/json.ts'
import { idOfKey, idText } from '../servers/redis/mapping.ts'
import { printUuid } from '../servers/sqs/receipt.ts'
import { decodeProperties } from '../wire/amqp/content.ts'
import {
  type BatchRecord,
  BatchView,
  compressions,
  decodeRecords,
} from '../wire/kafka/record-batch.ts'
import { WireError } from '../wire/schema/errors.ts'
import { md5 } from '../wire/sqs/digest.ts'
import { decodeEnvelope, encodeEnvelope } from '../wire/sqs/envelope.ts'

/** A batch that would become larger than this is not unpacked for display. */
const unpackedBytesMax = 32 * 1024 * 1024

export function describeRecord(record: StoredRecord): readonly Described[] {
  try {
    return describeFormat(record)
  } catch (error) {
    // A damaged envelope is shown as what it is: the message is not withheld for it.
    if (!(error instanceof WireError || error instanceof RangeError)) throw error
    return [plain(record, { undecoded: error.message })]
  }
}

function describeFormat(record: StoredRecord): readonly Described[] {
  switch (record.format) {
    case formats.amqpProperties:
      return [amqp(record)]
    case formats.sqsAttributes:
      return [sqs(record)]
    case formats.redisFields:
      return [redis(record)]
    case formats.kafkaBatch:
      return kafka(record)
    default:
      return [plain(record, null)]
  }
}

function plain(record: StoredRecord, properties: Json): Described {
  const { position, time, body } = record
  return { id: String(position), time, key: printBytes(record.key), properties, body }
}

function amqp(record: StoredRecord): Described {
  const { headers, ...properties } = decodeProperties(record.envelope)
  const shown: { [name: string]: Json } = {}
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined)
      shown[name] = typeof value === 'bigint' ? Number(value) : (value as Json)
  }
  if (headers !== undefined) shown['headers'] = tableJson(headers) as Json
  return {
    ...plain(record, Object.keys(shown).length === 0 ? null : shown),
    id: properties.messageId ?? String(record.position),
  }
}

function sqs(record: StoredRecord): Described {
  const { id, attributes, system } = decodeEnvelope(record.envelope)
  const view = (values: typeof attributes): Json =>
    Object.fromEntries(
      [...values].map(([name, { type, value }]) => [
        name,
        typeof value === 'string' ? value : `${type}: ${Buffer.from(value).toString('base64')}`,
      ]),
    )
  const properties = {
    ...(attributes.size === 0 ? {} : { attributes: view(attributes) }),
    ...(system.size === 0 ? {} : { system: view(system) }),
  }
  const hasAny = Object.keys(properties).length > 0
  return { ...plain(record, hasAny ? properties : null), id: printUuid(id) }
}

function redis(record: StoredRecord): Described {
  const words = readWords(record.envelope)
  // The last name's value may be the body.
  const fields: [string, string][] = []
  for (let at = 0; at + 1 < words.length; at += 2) fields.push([words[at]!, words[at + 1]!])
  const isBody = words.length % 2 === 1
  const body = isBody ? record.body : Buffer.from(JSON.stringify(Object.fromEntries(fields)))
  return {
    id: idText(idOfKey(record.key)),
    time: record.time,
    key: '',
    properties: isBody ? { field: words.at(-1)! } : Object.fromEntries(fields),
    body,
  }
}

/** The bulk strings of an array, as far as they go: `*n\r\n` and n times `$size\r\n…\r\n`. */
function readWords(bytes: Uint8Array): string[] {
  const words: string[] = []
  let at = bytes.indexOf(0x0a) + 1
  while (at > 0 && at < bytes.length) {
    const lineEnd = bytes.indexOf(0x0a, at)
    const size = Number(decodeUtf8(bytes.subarray(at + 1, lineEnd - 1)))
    if (lineEnd < 0 || !Number.isSafeInteger(size)) break
    words.push(printBytes(bytes.subarray(lineEnd + 1, lineEnd + 1 + size)))
    at = lineEnd + 1 + size + 2
  }
  return words
}

function kafka(record: StoredRecord): readonly Described[] {
  const batch = new BatchView().over(record.body)
  const { isControl, isTransactional, attributes } = batch
  const common: { [name: string]: Json } = {}
  if (isTransactional) common['transactional'] = true
  if (isControl) common['control'] = true
  const compression = compressions[attributes & 7] ?? 'unknown'
  if (compression !== 'none') common['compression'] = compression
  const records = decodeRecords(record.body, unpackedBytesMax)
  if (records === undefined) {
    common['undecoded'] = `${batch.count} records, compressed with ${compression}`
    return [plain(record, common)]
  }
  return records.map((one, index) => message(record.position + index, one, common))
}

function message(offset: number, one: BatchRecord, common: { [name: string]: Json }): Described {
  const headers = (one.headers ?? []).map(({ key, value }) => [
    key,
    value === null ? null : printBytes(value),
  ])
  const properties = {
    ...common,
    ...(one.value === null ? { tombstone: true } : {}),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
  }
  return {
    id: String(offset),
    time: one.timestamp,
    key: one.key === null ? '' : printBytes(one.key),
    properties: Object.keys(properties).length === 0 ? null : properties,
    body: one.value ?? new Uint8Array(0),
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text where it is text, else its bytes in hexadecimal. */
function printBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes)
  } catch {
    return `0x${Buffer.from(bytes).toString('hex')}`
  }
}

/** The envelope of a copy with another body: SQS keeps the body's digest there. */
export function resealEnvelope(format: number, envelope: Uint8Array, body: Uint8Array): Uint8Array {
  if (format !== formats.sqsAttributes) return envelope
  const bodyMd5 = Buffer.from(md5(body), 'hex')
  return encodeEnvelope({ ...decodeEnvelope(envelope), bodyMd5 })
}
