/**
 * Records that another protocol wrote, as AMQP messages.
 *
 * | plain record | AMQP |
 * |---|---|
 * | id | message-id |
 * | time | timestamp, in seconds |
 * | headers | headers, each a long string (its octets are kept) |
 * | content type | content-type |
 * | key | routing key; without one the queue's name, as if it had come by the default exchange |
 *
 * A stored batch is one message for each of its records where it is read as a stream. A queue hands
 * out and settles it as a whole: there a batch of several is one message, and the batch its body.
 */

import { encodeUtf8 } from '../../base/bytes.ts'
import { formats, type StoredRecord } from '../../engine/model.ts'
import { encodeProperties } from '../../wire/amqp/content.ts'
import type { FieldTable } from '../../wire/amqp/field-table.ts'
import type { PlainRecord, ReadPlain } from '../plain-record.ts'

/** Whether it is another protocol's and has to be translated. */
export function isForeign({ format }: StoredRecord): boolean {
  return format !== formats.amqpProperties && format !== formats.none
}

/** As one message, for a queue. */
export function messageOf(record: StoredRecord, read: ReadPlain, queue: string): StoredRecord {
  const plain = read(record)
  const [only] = plain ?? []
  if (plain === undefined || only === undefined || plain.length > 1) return record
  return translated(record, only, queue)
}

/** As the messages that it holds, for a reader of a stream. */
export function messagesOf(record: StoredRecord, read: ReadPlain, queue: string): StoredRecord[] {
  return read(record)?.map(plain => translated(record, plain, queue)) ?? [record]
}

function translated(record: StoredRecord, plain: PlainRecord, queue: string): StoredRecord {
  const headers: FieldTable = plain.headers
    .filter(([name]) => encodeUtf8(name).length <= 255)
    .map(([name, value]) => [name, { type: 'S', value }])
  return {
    position: record.position + plain.offset,
    span: 1,
    time: plain.time,
    format: formats.amqpProperties,
    priority: record.priority,
    transient: record.transient,
    route: record.route,
    key: plain.key ?? encodeUtf8(queue),
    moreKeys: [],
    group: record.group,
    dedupeId: record.dedupeId,
    expiresAt: record.expiresAt,
    ttlMs: record.ttlMs,
    deaths: record.deaths,
    envelope: encodeProperties({
      ...(headers.length === 0 ? {} : { headers }),
      ...(plain.contentType === undefined ? {} : { contentType: plain.contentType }),
      ...(plain.id === undefined ? {} : { messageId: plain.id }),
      timestamp: Math.max(0, Math.floor(plain.time / 1000)),
    }),
    body: plain.body,
  }
}
