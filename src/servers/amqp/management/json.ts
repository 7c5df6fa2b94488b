/** AMQP's tables as the JSON of the management API, and back. */

import type { FieldTable, Plain } from '../../../wire/amqp/field-table.ts'
import { tableOf, tableToPlain } from '../../../wire/amqp/field-table.ts'
import { encodeBase64 } from '../base64.ts'
import { badRequest, type JsonObject } from './http.ts'

export function tableJson(table: FieldTable): JsonObject {
  return plainJson(tableToPlain(table)) as JsonObject
}

function plainJson(value: Plain | undefined): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : String(value)
  }
  if (value === undefined || value === null || typeof value !== 'object') return value ?? null
  if (value instanceof Uint8Array) return encodeBase64(value)
  if (Array.isArray(value)) return value.map(plainJson)
  return Object.fromEntries(
    Object.entries(value as { [name: string]: Plain }).map(([name, inner]) => [
      name,
      plainJson(inner),
    ]),
  )
}

/** `arguments` of a request: an object, or an empty list as Erlang prints an empty one. */
export function tableFrom(value: unknown): FieldTable {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.length === 0) return []
  if (typeof value !== 'object' || Array.isArray(value)) badRequest('arguments_not_object')
  return tableOf(value as { readonly [name: string]: Plain })
}
