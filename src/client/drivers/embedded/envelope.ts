/**
 * Headers beside a record's body. They are stored as AMQP's basic properties, because a broker that
 * later serves the same folder then shows and delivers them as they are: `content-type` and
 * `spillway-id` as the properties of that meaning, the rest as the table of headers.
 */

import { decodeProperties, encodeProperties } from '../../../wire/amqp/content.ts'
import type { FieldTable } from '../../../wire/amqp/field-table.ts'
import type { Headers } from '../../driver.ts'

const persistent = 2

export function encodeHeaders(headers: Headers): Uint8Array {
  const table: [string, { readonly type: 'S'; readonly value: string }][] = []
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'content-type' || name === 'spillway-id') continue
    table.push([name, { type: 'S', value }])
  }
  return encodeProperties({
    contentType: headers['content-type'],
    messageId: headers['spillway-id'],
    deliveryMode: persistent,
    ...(table.length === 0 ? {} : { headers: table as unknown as FieldTable }),
  })
}

/** The headers that are text; those of other types are not the client's. */
export function decodeHeaders(envelope: Uint8Array): Headers {
  const { contentType, messageId, headers = [] } = decodeProperties(envelope)
  const decoded: { [name: string]: string } = {}
  if (contentType !== undefined) decoded['content-type'] = contentType
  if (messageId !== undefined) decoded['spillway-id'] = messageId
  for (const [name, field] of headers) {
    if (typeof field.value === 'string') decoded[name] = field.value
  }
  return decoded
}
