/**
 * The arguments of stream queues and of those who read them: where to begin, what to let through.
 */

import type { FieldTable, FieldValue } from '../../wire/amqp/field-table.ts'
import { fieldOf } from '../../wire/amqp/field-table.ts'
import { decodeText } from '../../wire/amqp/text.ts'
import { ageOf } from './ages.ts'
import { fail, named } from './errors.ts'
import { isInteger } from './mapping.ts'

/** Where a reader begins; a time is wall-clock milliseconds, an age is counted back from now. */
export type StreamFrom =
  | { readonly at: 'first' | 'last' | 'next' }
  | { readonly offset: number }
  | { readonly time: number }
  | { readonly ageMs: number }

/** Lets through what one of the values marks, and, if `unfiltered`, what nothing marks. */
export interface StreamFilter {
  readonly values: ReadonlySet<string>
  readonly unfiltered: boolean
}

/** What is wrong with `x-max-age`, in RabbitMQ's print. */
export function checkAge(field: FieldValue): string | undefined {
  return field.type === 'S' && ageOf(String(field.value)) === undefined
    ? 'invalid_max_age'
    : undefined
}

/** Throws RabbitMQ's refusals of a new stream, which are not those of its other arguments. */
export function checkStreamSizes(table: FieldTable): void {
  const segment = fieldOf(table, 'x-stream-max-segment-size-bytes')
  if (segment !== undefined && Number(segment.value) > 3_000_000_000) {
    fail(406, 'Exceeded max value for x-stream-max-segment-size-bytes')
  }
  const filter = fieldOf(table, 'x-stream-filter-size-bytes')
  if (filter === undefined) return
  const size = Number(filter.value)
  if (size < 16 || size > 255) fail(406, 'Invalid value for x-stream-filter-size-bytes')
}

/** `x-stream-offset`; without it a reader begins with what comes next. */
export function streamFromOf(queue: string, vhost: string, table: FieldTable): StreamFrom {
  const field = fieldOf(table, 'x-stream-offset')
  if (field === undefined) return { at: 'next' }
  if (field.type === 'T') return { time: Number(field.value) * 1000 }
  if (isInteger(field) && field.value >= 0) return { offset: Number(field.value) }
  const what = `failed consuming from stream ${named('queue', queue, vhost)}`
  if (field.type !== 'S') fail(406, `${what}: {invalid_offset_arg,${String(field.value)}}`)
  const text = String(field.value)
  if (text === 'first' || text === 'last' || text === 'next') return { at: text }
  const ageMs = ageOf(text)
  if (ageMs === undefined) fail(406, `${what}: invalid_max_age`)
  return { ageMs }
}

export function streamFilterOf(table: FieldTable): StreamFilter | undefined {
  const field = fieldOf(table, 'x-stream-filter')
  if (field === undefined) return undefined
  const items = field.type === 'A' ? field.value : [field]
  const values = new Set<string>()
  for (const item of items) {
    const text = textIn(item)
    if (text !== undefined) values.add(text)
  }
  const unfiltered = fieldOf(table, 'x-stream-match-unfiltered')
  return { values, unfiltered: unfiltered?.type === 't' && unfiltered.value }
}

/** Whether a record with these headers passes. */
export function passes(filter: StreamFilter, headers: FieldTable): boolean {
  const field = fieldOf(headers, 'x-stream-filter-value')
  const text = field === undefined ? undefined : textIn(field)
  return text === undefined ? filter.unfiltered : filter.values.has(text)
}

function textIn(field: FieldValue): string | undefined {
  if (field.type !== 'S' && field.type !== 'x') return undefined
  return typeof field.value === 'string' ? field.value : decodeText(field.value)
}
