/**
 * A message as the fields of a stream's entry:
 *
 * ```
 * body          the bytes of the body, first
 * spillway-id   … and every other header under its own name; left out are a content-type of
 *               application/json, and a spillway-type that is the endpoint's own name
 * ~attempts     how often it was handed out before it was written again; 0 is left out
 * ~time         when it was stored first, where it was written again
 * ```
 *
 * So `XADD orders * body '{"total":42}'` from any language is a message. An entry without a field
 * `body` is one, too: all its fields as a JSON object.
 */

import { isUtf8 } from 'node:buffer'
import { decodeUtf8, encodeUtf8 } from '../../../base/bytes.ts'
import type { Headers, Outgoing, Stored } from '../../driver.ts'
import type { Arg, Reply } from './link.ts'
import { timeOf } from './names.ts'

const bodyField = 'body'
const attemptsField = '~attempts'
const timeField = '~time'
const json = 'application/json'
/** Larger bodies are written as the bytes that they are. */
const textMax = 16_384

/** What a message was before it was written again. */
export interface Past {
  readonly attempts: number
  readonly time: number
}

export interface Entry {
  readonly id: string
  readonly body: Uint8Array
  readonly headers: Headers
  readonly key: string | undefined
  readonly past: Past
}

export function fieldsOf(
  name: string,
  { body, headers }: Pick<Outgoing, 'body' | 'headers'>,
  past?: Past,
): Arg[] {
  const fields: Arg[] = [bodyField, argumentOf(body)]
  for (const header in headers) {
    const value = headers[header]!
    if (header === 'content-type' && value === json) continue
    if (header === 'spillway-type' && value === name) continue
    fields.push(header, value)
  }
  if (past === undefined) return fields
  if (past.attempts > 0) fields.push(attemptsField, String(past.attempts))
  fields.push(timeField, String(past.time))
  return fields
}

/** The npm client writes a command of text in one piece, and one with bytes in three. */
function argumentOf(body: Uint8Array): Arg {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  return body.length <= textMax && isUtf8(bytes) ? bytes.toString() : bytes
}

/** Undefined: the entry was deleted meanwhile. */
export function readEntry(name: string, reply: Reply): Entry | undefined {
  if (reply === null) return undefined
  const [id, fields] = reply as [Buffer, Buffer[] | null]
  return fields === null ? undefined : entryOf(name, id.toString('latin1'), fields)
}

function entryOf(name: string, id: string, fields: readonly Buffer[]): Entry {
  let body: Uint8Array | undefined
  let attempts = 0
  let time = timeOf(id)
  const headers: { [name: string]: string } = { 'content-type': json, 'spillway-type': name }
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const field = decodeUtf8(fields[at]!)
    const value = fields[at + 1]!
    if (at === 0 && field === bodyField) body = value
    else if (field === attemptsField) attempts = Number(value)
    else if (field === timeField) time = Number(value)
    else headers[field] = decodeUtf8(value)
  }
  if (body === undefined) return foreignEntry(id, fields)
  return { id, body, headers, key: headers['spillway-key'], past: { attempts, time } }
}

/** Written by somebody else, who has named its fields as it pleased. */
function foreignEntry(id: string, fields: readonly Buffer[]): Entry {
  const object: { [name: string]: string } = {}
  for (let at = 0; at + 1 < fields.length; at += 2) {
    object[decodeUtf8(fields[at]!)] = decodeUtf8(fields[at + 1]!)
  }
  const { body: text, [attemptsField]: attempts, [timeField]: time, ...headers } = object
  const past = { attempts: Number(attempts ?? 0), time: Number(time ?? timeOf(id)) }
  // Not the first field, but a body all the same.
  if (text !== undefined) {
    const all = { 'content-type': json, ...headers }
    return { id, body: encodeUtf8(text), headers: all, key: headers['spillway-key'], past }
  }
  const body = encodeUtf8(JSON.stringify(headers))
  return { id, body, headers: { 'content-type': json }, key: undefined, past }
}

export function storedOf(entry: Entry, position: string): Stored {
  const { id, past, key, body, headers } = entry
  return { id: headers['spillway-id'] ?? id, position, time: past.time, key, body, headers }
}

/** The entries of `XRANGE`, `XCLAIM` and of one stream of `XREADGROUP`. */
export function readEntries(name: string, reply: Reply): Entry[] {
  return ((reply ?? []) as Reply[]).flatMap(one => readEntry(name, one) ?? [])
}
