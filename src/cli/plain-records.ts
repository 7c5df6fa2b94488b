/**
 * Records of every protocol, read for whoever speaks another language:
 *
 * | written by | id | key | headers | body |
 * |---|---|---|---|---|
 * | AMQP | message-id | the routing key | its headers, and the properties that are set | the body |
 * | SQS | the message's id | | its attributes, without their types | the text |
 * | Redis | the entry's id | | its fields | the field `body` or `data`, else all fields as JSON |
 * | Kafka, each record of a batch | | the key | the headers | the value |
 */

import { ByteReader, encodeUtf8, noBytes, ShortInput } from '../base/bytes.ts'
import { formats, type StoredRecord } from '../engine/model.ts'
import type { PlainRecord, PlainValue } from '../servers/plain-record.ts'
import { decodeProperties } from '../wire/amqp/content.ts'
import { type Plain, toPlain } from '../wire/amqp/field-table.ts'
import { attributeBits, BatchView, decodeRecords } from '../wire/kafka/record-batch.ts'
import { WireError } from '../wire/schema/errors.ts'
import { decodeEnvelope } from '../wire/sqs/envelope.ts'

const batchBytesMax = 64 * 1024 * 1024

export function readPlain(record: StoredRecord): readonly PlainRecord[] | undefined {
  try {
    switch (record.format) {
      case formats.amqpProperties:
        return [amqpRecord(record)]
      case formats.sqsAttributes:
        return [sqsRecord(record)]
      case formats.redisFields:
        return [redisRecord(record)]
      case formats.kafkaBatch:
        return kafkaRecords(record)
      default:
        return undefined
    }
  } catch (error) {
    // What nobody can read is handed out as it is stored.
    if (error instanceof WireError || error instanceof ShortInput) return undefined
    throw error
  }
}

/** Properties that say something to a reader who does not speak AMQP. */
const told = ['correlationId', 'replyTo', 'type', 'appId'] as const

function amqpRecord(record: StoredRecord): PlainRecord {
  const properties = decodeProperties(record.envelope)
  const named = told.flatMap(name => {
    const value = properties[name]
    const header = name.replace(/[A-Z]/, letter => `-${letter.toLowerCase()}`)
    return value === undefined ? [] : [[header, value] as const]
  })
  const headers = (properties.headers ?? []).map(([name, value]) => {
    return [name, headerValue(toPlain(value))] as const
  })
  return {
    offset: 0,
    time: record.time,
    id: properties.messageId,
    key: record.key.length === 0 ? undefined : record.key,
    headers: [...headers, ...named],
    contentType: properties.contentType,
    body: record.body,
  }
}

/** Texts and bytes as they are; numbers, lists and tables as JSON has them. */
function headerValue(value: Plain): PlainValue {
  if (typeof value === 'string' || value instanceof Uint8Array) return value
  if (typeof value === 'bigint') return String(value)
  const exact = (_: string, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)
  return JSON.stringify(value, exact)
}

function sqsRecord(record: StoredRecord): PlainRecord {
  const { id, attributes } = decodeEnvelope(record.envelope)
  const hex = Array.from(id, byte => byte.toString(16).padStart(2, '0')).join('')
  return {
    offset: 0,
    time: record.time,
    id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    key: undefined,
    headers: [...attributes].map(([name, { value }]) => [name, value] as const),
    contentType: undefined,
    body: record.body,
  }
}

function redisRecord(record: StoredRecord): PlainRecord {
  const fields = redisFields(record)
  const own = fields.find(([name]) => name === 'body' || name === 'data')
  const id = new ByteReader(record.key)
  const asJson = () => encodeUtf8(JSON.stringify(Object.fromEntries(fields.map(textual))))
  return {
    offset: 0,
    time: record.time,
    id:
      record.key.length === 16
        ? `${BigInt.asUintN(64, id.i64())}-${BigInt.asUintN(64, id.i64())}`
        : undefined,
    key: undefined,
    headers: fields.filter(field => field !== own),
    contentType: own === undefined ? 'application/json' : undefined,
    body: own?.[1] ?? asJson(),
  }
}

function textual([name, value]: readonly [string, Uint8Array]): readonly [string, string] {
  return [name, new TextDecoder().decode(value)]
}

/**
 * An array of bulk strings, names and values in turn. Of one field that is called body or data the
 * value is the record's body, and the envelope has the name alone.
 */
function redisFields({ envelope, body }: StoredRecord): (readonly [string, Uint8Array])[] {
  const reader = new ByteReader(envelope)
  const words = Array.from({ length: lengthLine(reader) }, (_, index) => {
    if (index % 2 === 1 && reader.left === 0) return body
    const word = reader.raw(lengthLine(reader))
    reader.raw(2)
    return word
  })
  return words.flatMap((word, index) => {
    return index % 2 === 0 ? [[new TextDecoder().decode(word), words[index + 1] ?? noBytes]] : []
  })
}

/** `*2` or `$5` and the end of its line. */
function lengthLine(reader: ByteReader): number {
  reader.u8()
  let length = 0
  for (let byte = reader.u8(); byte !== 0x0d; byte = reader.u8()) length = length * 10 + byte - 0x30
  reader.u8()
  if (!(length <= 10_000_000)) throw new WireError(1, 'a length that is none', reader.at)
  return length
}

/** A marker of a transaction is nothing that one could read. */
function kafkaRecords(record: StoredRecord): PlainRecord[] | undefined {
  if ((new BatchView().over(record.body).attributes & attributeBits.control) !== 0) return []
  return decodeRecords(record.body, batchBytesMax)?.map((each, offset) => ({
    offset,
    time: each.timestamp,
    id: undefined,
    key: each.key ?? undefined,
    headers: (each.headers ?? []).map(
      ({ key, value }) => [key, (value ?? '') as PlainValue] as const,
    ),
    contentType: undefined,
    body: each.value ?? noBytes,
  }))
}
